//! How much has started and is to start through connections with limits: an item for each, `rate#<connection id>` beside the connection.

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
/// How far the clocks of two machines may be apart.
const SKEW: Duration = Duration::from_secs(1);
/// How many connections are remembered.
const REMEMBERED: usize = 1000;

/// The state of the limits as this process saw it last: with it one write is enough, until another process writes too.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<ConnectionId, Kept>>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Counts the writes, so that each is made on the state that it was computed from.
    turn: u64,
    /// When those who wait are to start: their places in the line.
    reservations: Reservations,
    /// When messages did start, which may be later.
    #[serde(default)]
    started: Reservations,
}

/// A message that is to start.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// To how many recipients.
    pub recipients: u32,
    /// The start that it has reserved through this connection, if it has.
    pub reserved: Option<Start>,
}

/// What the limits say to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The start that it has reserved now.
    pub reserved: Start,
    /// When there is no room now: when there will be.
    pub wait: Option<Timestamp>,
}

impl Kept {
    fn tell(&mut self, ask: Ask, connection: &Connection, now: Timestamp) -> Told {
        let (limits, version) = (&connection.settings.limits, connection.limits_version);
        let held = ask.reserved.filter(|start| start.version >= version);
        let reserved = held.unwrap_or_else(|| {
            self.reservations
                .reserve(limits, version, ask.recipients, now)
        });
        if reserved.at > now + SKEW {
            let wait = Some(reserved.at);
            return Told { reserved, wait };
        }
        // Those who come late, together, do not all start at once: servers count what comes, not what was planned.
        let mut started = self.started.clone();
        let start = started.reserve(limits, version, ask.recipients, now).at;
        let behind_another_clock =
            start <= now + SKEW && self.started.last().is_some_and(|last| last == start);
        let wait = (start > now && !behind_another_clock).then_some(start);
        if wait.is_none() {
            self.started = started;
        }
        Told { reserved, wait }
    }
}

impl Rates {
    /// Starts messages through `connection`, as many as its limits permit `now`, in their order; the others get their time. One write for
    /// all, none where nothing changes.
    ///
    /// # Errors
    /// When the table can't be written, or too many write at once.
    pub async fn start(
        &self,
        table: &ConnectionsTable,
        tenant: &Tenant,
        connection: &Connection,
        asks: &[Ask],
        now: Timestamp,
    ) -> Result<Vec<Told>, StorageError> {
        const OPERATION: &str = "start messages";
        let corrupt = |error| StorageError::corrupt(OPERATION, error);
        let mut known = self.recall(connection.id);
        let mut attempts = Attempts::default();
        loop {
            let mut next = known.clone();
            let tell = |ask: &Ask| next.tell(*ask, connection, now);
            let told: Vec<_> = asks.iter().map(tell).collect();
            if next == known {
                return Ok(told);
            }
            next.turn += 1;
            let last = next.reservations.last().max(next.started.last());
            let expires = last.unwrap_or(now) + KEPT;
            let reservations = serde_dynamo::to_attribute_value(&next.reservations);
            let started = serde_dynamo::to_attribute_value(&next.started);
            let request = table
                .client
                .update_item()
                .table_name(&table.name)
                .set_key(Some(rate_key(tenant, connection.id)))
                .update_expression(
                    "SET turn = :next, reservations = :reservations, started = :started, expires = :expires",
                )
                .expression_attribute_values(":next", number(next.turn))
                .expression_attribute_values(":reservations", reservations.map_err(corrupt)?)
                .expression_attribute_values(":started", started.map_err(corrupt)?)
                .expression_attribute_values(":expires", number(expires.as_secs()))
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
                return Ok(told);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::timestamp::millis;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn connection(per_minute: u32) -> Connection {
        let now = NOW.to_string();
        let json = json!({
            "id": "conn_01KAX3M9Y8Q2W5R7T0V4N6B1ZC", "name": "office", "sender_email": "info@example.com", "sender_name": null,
            "reply_to": null, "host": "smtp.example.com", "port": 587, "encryption": "starttls", "username": null, "active": true,
            "limits": {"per_minute": per_minute, "per_day": null, "concurrency": null}, "secret": null,
            "verification": {"status": "never", "checked_at": null, "failure": null},
            "health": {"status": "ok", "since": now, "reason": null, "next_attempt_at": null},
            "version": 1, "limits_version": 1, "created_at": now, "updated_at": now, "updated_by": null,
        });
        serde_json::from_value(json).expect("a connection")
    }

    proptest! {
        #[test]
        fn however_late_those_who_wait_are_no_minute_has_more_starts_than_the_limit(
            limit in 1_u32..70,
            lates in prop::collection::vec(0_u64..180_000, 1..200),
        ) {
            let (mut kept, connection) = (Kept::default(), connection(limit));
            // When each looks next, and what it holds.
            let mut waiting: Vec<(Timestamp, Option<Start>)> = vec![(NOW, None); lates.len()];
            let (mut starts, mut looks, mut clock) = (Vec::new(), 0, NOW);
            while let Some(index) = (0..waiting.len()).min_by_key(|index| waiting[*index].0) {
                let (at, reserved) = waiting.swap_remove(index);
                clock = clock.max(at);
                let told = kept.tell(Ask { recipients: 1, reserved }, &connection, clock);
                match told.wait {
                    None => starts.push(clock),
                    Some(wait) => {
                        let late = Duration::from_millis(lates[looks % lates.len()]);
                        waiting.push((wait + late, Some(told.reserved)));
                    }
                }
                looks += 1;
                prop_assert!(looks < 100 * lates.len(), "somebody never starts");
            }
            let most = usize::try_from(limit).expect("small");
            for window in starts.windows(most + 1) {
                prop_assert!(window[most].since(window[0]) >= Duration::from_mins(1));
            }
            // Nobody waits for longer than the line is, and the latest of those before.
            let last = starts.last().expect("one").since(NOW);
            let minutes = lates.len().div_ceil(most.min(59)) as u64 + 1;
            prop_assert!(millis(last) <= 4 * minutes * 60_000 + 180_000, "{last:?}");
        }
    }
}
