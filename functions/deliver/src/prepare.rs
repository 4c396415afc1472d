//! All that happens to a message before a mail server is needed: claim it, fetch its content, decide who sends it, render it.

use std::sync::Arc;
use std::time::Duration;

use shared::aws::error::StorageError;
use shared::aws::messages::Claim;
use shared::aws::queue::{self, Delivery};
use shared::model::connection::Connection;
use shared::model::message::Outcome;
use shared::model::timestamp::Timestamp;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::group::Group;
use crate::outcome::{self, Fate};
use crate::{State, mime};

/// How long a claim outlives the invocation that made it: the clocks of two machines are never this far apart.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// How many workers may take a message and vanish before one of them is believed to have done so on its account.
const CLAIMS_AT_MOST: u32 = 10;

/// A message that is this worker's, and ready to be sent.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The entry of the queue that asked for it.
    pub(crate) entry: String,
    pub(crate) claim: Claim,
    /// Who sends it.
    pub(crate) connection: Connection,
    pub(crate) body: Vec<u8>,
}

/// Claims what an entry of the queue asks for, if it still is to be done. `None` when the entry is done with: it came twice, the message
/// has ended or waits, or another worker is at it.
///
/// # Errors
/// When storage fails: the entry must come again.
pub(crate) async fn prepare(
    state: &Arc<State>,
    group: &Arc<Group>,
    entry: String,
    delivery: &Delivery,
    invocation_end: Instant,
) -> Result<Option<Ready>, StorageError> {
    let now = state.clock.now();
    let left = invocation_end.saturating_duration_since(Instant::now());
    let lease_until = now + left + LEASE_MARGIN;
    let owner = state.clock.ulid().to_string();
    let messages = &state.messages;
    let claimed = messages.claim(delivery, owner.clone(), now, lease_until);
    if let Some(claim) = claimed.await? {
        if claim.record.claims > CLAIMS_AT_MOST {
            let message = &claim.record.message;
            tracing::error!(message_id = %message.id, "no worker lives through this message");
            let failed = outcome::refused_by_us(message, now, "delivery_failed");
            outcome::write(state, &claim, Fate::Attempted(failed)).await?;
            return Ok(None);
        }
        // In a task of its own: one that panics must not keep its claim.
        let (at_it, of, mut seen) = (Arc::clone(state), Arc::clone(group), claim.clone());
        let looking = async move {
            let looked = look(&at_it, &of, &mut seen, now).await;
            (looked, seen)
        };
        let looking = tokio::spawn(looking.in_current_span());
        let written = match looking.await {
            Ok((Ok(Ok((connection, body))), claim)) => {
                return Ok(Some(Ready {
                    entry,
                    claim,
                    connection,
                    body,
                }));
            }
            Ok((Ok(Err(fate)), claim)) => outcome::write(state, &claim, fate).await,
            Ok((Err(error), _)) => Err(error),
            // What it says may quote the message.
            Err(_) => {
                outcome::release(state, &claim, true).await;
                return Err(StorageError::corrupt("prepare a message", "it panicked"));
            }
        };
        if written.is_err() {
            outcome::release(state, &claim, false).await;
        }
        return written.map(|()| None);
    }
    let taken_over = messages.take_over(delivery, owner, now, lease_until);
    if let Some(claim) = taken_over.await? {
        // Its worker vanished when the body may have left. Nobody can say whether it arrived.
        let lost = outcome::ended(now, Duration::ZERO, Outcome::Ambiguous, "worker_lost");
        outcome::write(state, &claim, Fate::Attempted(lost)).await?;
    }
    Ok(None)
}

/// Who sends a message and what, or what becomes of it without an attempt.
async fn look(
    state: &State,
    group: &Group,
    claim: &mut Claim,
    now: Timestamp,
) -> Result<Result<(Connection, Vec<u8>), Fate>, StorageError> {
    let record = &mut claim.record;
    let (content, senders) = tokio::join!(
        state.content.get(&record.tenant, record.message.id),
        group.senders(state)
    );
    let content = match content {
        Err(error) if error.is_missing() => {
            let result = outcome::broken(&error, now, "content_missing");
            return Ok(Err(Fate::Attempted(result)));
        }
        content => content?,
    };
    // Decided now, not at submission: the default, and what is active, may have changed.
    let decided = senders?.decide(record.message.decision.requested.clone());
    let (decision, connection) = match decided {
        Ok(decided) => decided,
        Err(reason) => return Ok(Err(Fate::NoSender(reason))),
    };
    record.message.decision = decision;
    record.concurrency = connection.settings.limits.concurrency;
    // The groups bound a connection's sessions.
    if group
        .name()
        .is_some_and(|name| name != queue::group(record))
    {
        return Ok(Err(Fate::Again));
    }
    match mime::render(&record.message, &content) {
        Ok(body) => Ok(Ok((connection.clone(), body))),
        Err(error) => {
            tracing::error!(message_id = %record.message.id, %error, "accepted, but can't be rendered");
            let result = outcome::refused_by_us(&record.message, now, "message_not_renderable");
            Ok(Err(Fate::Attempted(result)))
        }
    }
}
