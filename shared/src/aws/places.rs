//! How many messages of a tenant are on their way: accepted and not at their end yet.
//!
//! A message takes a place in the transaction that accepts it, so that no more are accepted than there are places, however many ask at
//! once. None is given back: that would be another write for each outcome, to one item for all of a tenant's messages. What is taken is
//! an upper bound; once half of it is, whoever asks next counts anew, every [`COUNTED_EVERY`] at most, by an index that holds nothing
//! but what is on its way. So nothing that ends in the middle leaves the number wrong for good.
//!
//! The places of a tenant are on shelves, each with an item of its own (`<tenant>/places/<shelf>`), as transactions at one item get in
//! each other's way:
//!
//! | attribute | |
//! | --- | --- |
//! | `taken` | the places taken, at least |
//! | `since` | when they were counted last |
//! | `fresh` | how many were taken since: the index lags behind the table, and need not know them |
//!
//! A record that is on its way has its tenant and shelf in `open_of`, the hash of the index `open` (range `id`).

use std::time::Duration;

use aws_sdk_dynamodb::types::Select;
use serde::Deserialize;
use ulid::Ulid;

use super::error::StorageError;
use super::item::{Item, number, string};
use super::messages::MessagesTable;
use super::transaction::Condition;
use crate::model::ids::MessageId;
use crate::model::tenant::Tenant;
use crate::model::timestamp::{Timestamp, millis};

/// The index of the messages that are on their way, which holds the keys alone.
pub const INDEX: &str = "open";

/// The attribute that only a record on its way has.
pub const OPEN_OF: &str = "open_of";

/// How long what was counted is good for, where places are short. The index is behind by less.
pub const COUNTED_EVERY: Duration = Duration::from_secs(10);

/// How far apart the clocks of two machines may be.
const SKEW: Duration = Duration::from_secs(1);

/// How many shelves there are at most, and how many places make it worth having another.
const SHELVES: u32 = 16;
const WORTH: u32 = 500;

/// How many messages of a tenant may be on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places(u32);

/// What makes a message take a place: an update, and the condition on which there is one.
#[derive(Debug)]
pub struct Taking {
    /// The shelf's key.
    pub key: Item,
    /// The update's expression.
    pub expression: &'static str,
    /// Its condition and values.
    pub condition: Condition,
}

/// A shelf that had no place.
#[derive(Debug, Deserialize)]
pub struct Full {
    #[serde(default)]
    fresh: u32,
    since: Timestamp,
}

impl Places {
    /// So many; at least one.
    #[must_use]
    pub fn new(at_most: u32) -> Self {
        Self(at_most.max(1))
    }

    /// How many there are.
    #[must_use]
    pub fn at_most(self) -> u32 {
        self.0
    }

    /// On how many shelves they are.
    #[must_use]
    pub fn shelves(self) -> u32 {
        (self.0 / WORTH).clamp(1, SHELVES)
    }

    /// Takes a place of a tenant on a shelf.
    #[must_use]
    pub fn take(self, tenant: &Tenant, shelf: u32, now: Timestamp) -> Taking {
        let size = self.0 / self.shelves();
        let every = i64::try_from(millis(COUNTED_EVERY)).unwrap_or(i64::MAX);
        let stale = Timestamp::from_millis(now.as_millis() - every);
        Taking {
            key: shelf_key(tenant, shelf),
            expression: "SET since = if_not_exists(since, :now) ADD taken :one, fresh :one",
            condition: Condition::new(
                "attribute_not_exists(taken) OR taken < :half OR (taken < :size AND since > :stale)",
            )
            .with(":one", number(1))
            .with(":now", string(now.to_string()))
            .with(":half", number(size / 2))
            .with(":size", number(size))
            .with(":stale", string(stale.to_string())),
        }
    }
}

impl Full {
    /// When it is worth asking again; now, if it is worth counting.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.since + COUNTED_EVERY
    }
}

impl MessagesTable {
    /// Counts anew what is taken of a shelf, as it was found `full`. Left undone where somebody else has just done so.
    ///
    /// # Errors
    /// When the table can't be read or written.
    pub async fn count_places(
        &self,
        tenant: &Tenant,
        shelf: u32,
        full: &Full,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        const OPERATION: &str = "count the places of a tenant";
        // What was accepted before then has been in the index for long. A place taken since is a fresh one; a message of the margin
        // is counted twice until the next time, rather than not at all.
        let before = (full.since + SKEW).as_millis();
        let before = Ulid::from_parts(u64::try_from(before).unwrap_or(0), 0);
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .select(Select::Count)
            .key_condition_expression("open_of = :shelf AND id < :before")
            .expression_attribute_values(":shelf", string(open_of(tenant, shelf)))
            .expression_attribute_values(":before", string(MessageId::new(before).to_string()))
            .into_paginator()
            .send();
        let mut counted = 0_i64;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| StorageError::sdk(OPERATION, error))?;
            counted += i64::from(page.count);
        }
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(shelf_key(tenant, shelf)))
            .update_expression("SET taken = fresh + :counted, fresh = :none, since = :now")
            .condition_expression("since = :since")
            .expression_attribute_values(":counted", number(counted))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":now", string(now.to_string()))
            .expression_attribute_values(":since", string(full.since.to_string()));
        match request.send().await {
            Err(error)
                if !error.as_service_error().is_some_and(|error| {
                    // Somebody else counts, or takes a place: the next look tells.
                    error.is_conditional_check_failed_exception()
                        || error.is_transaction_conflict_exception()
                }) =>
            {
                Err(StorageError::sdk(OPERATION, error))
            }
            _ => {
                tracing::info!(shelf, counted, fresh = full.fresh, "places counted");
                Ok(())
            }
        }
    }
}

/// The value of [`OPEN_OF`].
pub(super) fn open_of(tenant: &Tenant, shelf: u32) -> String {
    format!("{}/{shelf}", tenant.key())
}

fn shelf_key(tenant: &Tenant, shelf: u32) -> Item {
    Item::from([(
        "pk".to_owned(),
        string(format!("{}/places/{shelf}", tenant.key())),
    )])
}
