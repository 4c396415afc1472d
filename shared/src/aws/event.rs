//! How a write carries its event: in the attribute `event`. EventBridge Pipes forward from the tables' streams the new images that have it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use ulid::Ulid;

use super::error::StorageError;
use super::item::{self, Item, number};
use crate::model::event::Event;
use crate::model::tenant::Tenant;
use crate::model::timestamp::Timestamp;

/// The attribute's name. A write that has nothing to tell removes it.
pub const ATTRIBUTE: &str = "event";

/// How long an event of a change that leaves no item is kept: streams keep what they saw for as long.
const KEPT: Duration = Duration::from_hours(24);

/// Has the write of `item` carry `event`.
///
/// # Errors
/// When the event can't be written as an attribute, which is a fault of ours.
pub fn carry(item: &mut Item, event: &Event) -> Result<(), StorageError> {
    item.insert(ATTRIBUTE.to_owned(), attribute(event)?);
    Ok(())
}

/// The value of the attribute.
///
/// # Errors
/// As for [`carry`].
pub fn attribute(event: &Event) -> Result<AttributeValue, StorageError> {
    serde_dynamo::to_attribute_value(event)
        .map_err(|error| StorageError::corrupt("write an event", error))
}

/// An item of the table of connections that carries the event of a change which leaves none: written in the change's own transaction.
/// A deletion's record in the stream has no new image; and to put the event on the item first and then delete it would be two writes,
/// of which only one may happen.
///
/// # Errors
/// As for [`carry`].
pub fn alone(
    tenant: &Tenant,
    ulid: Ulid,
    event: &Event,
    now: Timestamp,
) -> Result<Item, StorageError> {
    let mut item = item::key(&tenant.key(), &format!("event#{ulid}"));
    item.insert("expires".to_owned(), number((now + KEPT).as_secs()));
    carry(&mut item, event)?;
    Ok(item)
}
