//! How much goes through a connection: when a message may start, and in which group of the queue it waits for it.

use std::time::Duration;

use shared::aws::error::StorageError;
use shared::aws::messages::{Claim, Record, Reserved, TAKEN_WITHIN};
use shared::aws::queue;
use shared::model::connection::Connection;
use shared::model::timestamp::Timestamp;

use crate::State;

/// How late a message may come to the start that is reserved for it: the sweeper looks every minute. After that it reserves another, as
/// those who were kept away together (by a server that was down, say) would all start at once.
const LATE: Duration = Duration::from_mins(2);

/// When the message may start: at once, or at a later time that is reserved for it. One that has its time reserves no other, as long as
/// the limits are those by which it was reserved.
pub(crate) async fn reserve(
    state: &State,
    record: &mut Record,
    connection: &Connection,
    now: Timestamp,
) -> Result<Timestamp, StorageError> {
    if !connection.settings.limits.count_messages() {
        return Ok(now);
    }
    if let Some(reserved) = record.reserved
        && reserved.connection_id == connection.id
        && reserved.version >= connection.limits_version
        && now <= reserved.at + LATE
    {
        return Ok(reserved.at);
    }
    let recipients = record.message.open_recipients().len();
    let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
    let start = state
        .rates
        .reserve(
            &state.connections,
            &record.tenant,
            connection,
            recipients,
            now,
        )
        .await?;
    record.reserved = Some(Reserved {
        connection_id: connection.id,
        version: start.version,
        at: start.at,
    });
    Ok(start.at)
}

/// Queues the message anew if its entry came in another group than its connection's: the groups bound a connection's sessions. Whether
/// it did so.
pub(crate) async fn change_group(
    state: &State,
    claim: &Claim,
    group: Option<&str>,
) -> Result<bool, StorageError> {
    if group.is_none_or(|group| group == queue::group(&claim.record)) {
        return Ok(false);
    }
    let due = state.clock.now() + TAKEN_WITHIN;
    let record = claim.record.clone();
    if let Some(record) = state.messages.requeue(claim, record, due).await? {
        // The record is written: if this fails, the sweeper finds it when it is due.
        if let Err(error) = state.queue.push(&record).await {
            tracing::error!(message_id = %record.message.id, cause = error.cause(), "not queued in its group: the sweeper will");
        }
    }
    Ok(true)
}
