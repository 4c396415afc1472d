//! The sparse index `due` of both tables: what the sweeper must look at, and when. Only items that have `due_at` are in it.

use aws_sdk_dynamodb::types::AttributeValue;

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
    shard_name(sum % SHARDS)
}

/// The partition of this number.
#[must_use]
pub fn shard_name(number: u8) -> AttributeValue {
    string(number.to_string())
}

/// Puts an item into the index.
pub fn mark(item: &mut Item, key: &str, at: Timestamp) {
    item.insert("due_shard".to_owned(), shard(key));
    item.insert("due_at".to_owned(), string(at.to_string()));
}
