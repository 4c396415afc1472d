//! The sparse index `due` of both tables: what the sweeper must look at, and when. Only items that have `due_at` are in it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::error::StorageError;
use super::item::{Item, string};
use crate::model::timestamp::Timestamp;

/// The index's name.
pub const INDEX: &str = "due";

/// The partitions of the index, so that no single one takes every write.
pub const SHARDS: u8 = 8;

/// The partition of the index for an item of this key.
#[must_use]
pub fn shard(key: &str) -> AttributeValue {
    let sum = key
        .bytes()
        .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    string((sum % SHARDS).to_string())
}

/// Puts an item into the index.
pub fn mark(item: &mut Item, key: &str, at: Timestamp) {
    item.insert("due_shard".to_owned(), shard(key));
    item.insert("due_at".to_owned(), string(at.to_string()));
}

/// The keys of at most `limit` items of a partition that are due, the longest overdue first. The index lags behind the table.
///
/// # Errors
/// When the index can't be read.
pub async fn query(
    client: &Client,
    table: &str,
    shard: u8,
    now: Timestamp,
    limit: i32,
) -> Result<Vec<Item>, StorageError> {
    let request = client
        .query()
        .table_name(table)
        .index_name(INDEX)
        .key_condition_expression("due_shard = :shard AND due_at <= :now")
        .expression_attribute_values(":shard", string(shard.to_string()))
        .expression_attribute_values(":now", string(now.to_string()))
        .limit(limit);
    let output = request
        .send()
        .await
        .map_err(|error| StorageError::sdk("read what is due", error))?;
    Ok(output.items.unwrap_or_default())
}
