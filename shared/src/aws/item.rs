//! DynamoDB items, and the two attributes of their keys.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StorageError;

/// An item.
pub type Item = HashMap<String, AttributeValue>;

/// A string attribute.
#[must_use]
pub fn string(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
#[must_use]
pub fn number(value: impl ToString + Copy) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An item's key from partition and sort key.
#[must_use]
pub fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([("pk".to_owned(), string(pk)), ("sk".to_owned(), string(sk))])
}

/// `key` with the fields of `value`.
///
/// # Errors
/// When the value can't be written as an item, which is a fault of ours.
pub fn write(key: Item, value: &impl Serialize) -> Result<Item, StorageError> {
    let mut item: Item = serde_dynamo::to_item(value)
        .map_err(|error| StorageError::corrupt("write an item", error))?;
    item.extend(key);
    Ok(item)
}

/// The value that an item holds; attributes it doesn't know are left alone.
///
/// # Errors
/// When the item isn't of this kind.
pub fn read<T: DeserializeOwned>(item: Item) -> Result<T, StorageError> {
    serde_dynamo::from_item(item).map_err(|error| StorageError::corrupt("read an item", error))
}
