//! How much goes through a connection: which messages may start.

use shared::aws::error::StorageError;
use shared::aws::messages::Reserved;
use shared::aws::rates::Ask;
use shared::model::connection::Connection;
use shared::model::rate::Start;
use shared::model::timestamp::Timestamp;

use crate::State;
use crate::prepare::Ready;

/// Asks for the messages' starts through their connection. For each the time until which it must wait, if it must; the start that it has
/// reserved is in its record then.
pub(crate) async fn start(
    state: &State,
    messages: &mut [Ready],
    connection: &Connection,
    now: Timestamp,
) -> Result<Vec<Option<Timestamp>>, StorageError> {
    let Some(first) = messages.first() else {
        return Ok(Vec::new());
    };
    if !connection.settings.limits.count_messages() {
        return Ok(vec![None; messages.len()]);
    }
    let tenant = first.claim.record.tenant.clone();
    let asks: Vec<_> = messages.iter().map(|it| ask(it, connection)).collect();
    let table = &state.connections;
    let told = state.rates.start(table, &tenant, connection, &asks, now);
    let told = told.await?;
    for (message, told) in messages.iter_mut().zip(&told) {
        message.claim.record.reserved = Some(Reserved {
            connection_id: connection.id,
            version: told.reserved.version,
            at: told.reserved.at,
        });
    }
    Ok(told.into_iter().map(|told| told.wait).collect())
}

fn ask(message: &Ready, connection: &Connection) -> Ask {
    let record = &message.claim.record;
    let recipients = record.message.open_recipients().len();
    let here = |reserved: &Reserved| reserved.connection_id == connection.id;
    Ask {
        recipients: u32::try_from(recipients).unwrap_or(u32::MAX),
        reserved: record.reserved.filter(here).map(|reserved| Start {
            at: reserved.at,
            version: reserved.version,
        }),
    }
}
