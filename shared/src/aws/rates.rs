//! Reservations of starts through connections with limits: an item for each, `rate#<connection id>` beside the connection.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::{Deserialize, Serialize};

use super::attempts::Attempts;
use super::connections::{ConnectionsTable, rate_key};
use super::error::StorageError;
use super::item::{self, number};
use crate::model::connection::Connection;
use crate::model::ids::ConnectionId;
use crate::model::rate::{Reservations, Start};
use crate::model::tenant::Tenant;
use crate::model::timestamp::Timestamp;

/// How long the item is of use after its last start: the longest window.
const KEPT: Duration = Duration::from_hours(25);
/// How many connections are remembered.
const REMEMBERED: usize = 1000;

/// The reservations as this process saw them last: with them one write is enough, until another process reserves too.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<ConnectionId, Kept>>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    /// Counts the reservations, so that each is made on the state that it was computed from.
    turn: u64,
    reservations: Reservations,
}

impl Rates {
    /// Reserves the start of a message to so many recipients through `connection`, at `now` or later.
    ///
    /// # Errors
    /// When the table can't be written, or too many reserve at once.
    pub async fn reserve(
        &self,
        table: &ConnectionsTable,
        tenant: &Tenant,
        connection: &Connection,
        recipients: u32,
        now: Timestamp,
    ) -> Result<Start, StorageError> {
        const OPERATION: &str = "reserve a start";
        let corrupt = |error| StorageError::corrupt(OPERATION, error);
        let mut known = self.recall(connection.id);
        let mut attempts = Attempts::default();
        loop {
            let mut next = known.clone();
            next.turn += 1;
            let (limits, version) = (&connection.settings.limits, connection.limits_version);
            let start = next.reservations.reserve(limits, version, recipients, now);
            let last = next.reservations.last().unwrap_or(start.at);
            let reservations = serde_dynamo::to_attribute_value(&next.reservations);
            let request = table
                .client
                .update_item()
                .table_name(&table.name)
                .set_key(Some(rate_key(tenant, connection.id)))
                .update_expression(
                    "SET turn = :next, reservations = :reservations, expires = :expires",
                )
                .expression_attribute_values(":next", number(next.turn))
                .expression_attribute_values(":reservations", reservations.map_err(corrupt)?)
                .expression_attribute_values(":expires", number((last + KEPT).as_secs()))
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            let request = if known.turn == 0 {
                request.condition_expression("attribute_not_exists(turn)")
            } else {
                request
                    .condition_expression("turn = :turn")
                    .expression_attribute_values(":turn", number(known.turn))
            };
            let Err(error) = request.send().await else {
                self.remember(connection.id, next);
                return Ok(start);
            };
            known = match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    // Without an item it has expired.
                    let item = failed.item().cloned();
                    item.map(item::read).transpose()?.unwrap_or_default()
                }
                _ => return Err(StorageError::sdk(OPERATION, error)),
            };
            attempts.another(OPERATION).await?;
        }
    }

    fn recall(&self, id: ConnectionId) -> Kept {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).cloned().unwrap_or_default()
    }

    fn remember(&self, id: ConnectionId, kept: Kept) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(id, kept);
    }
}
