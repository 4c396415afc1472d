//! How much goes through a connection: when a message may start.

use std::time::Duration;

use shared::aws::error::StorageError;
use shared::aws::messages::{Record, Reserved};
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
