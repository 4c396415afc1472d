//! What becomes of a message that was claimed, as it is written into its record.

use std::time::Duration;

use shared::aws::attempts::Attempts;
use shared::aws::error::StorageError;
use shared::aws::messages::{Claim, Record, TAKEN_WITHIN};
use shared::clock::random;
use shared::metrics::Metric;
use shared::model::connection::{Health, HealthStatus};
use shared::model::health::Trouble;
use shared::model::message::{Attempt, AttemptResult, Message, Outcome, RecipientStatus, Status};
use shared::model::sender::NoSender;
use shared::model::timestamp::{Timestamp, millis};

use crate::{State, health};

/// How long a message waits for a sender before it is looked at again: a change of connections wakes it within this.
const PARKED_FOR: Duration = Duration::from_mins(5);

/// What becomes of a message.
#[derive(Debug)]
pub(crate) enum Fate {
    /// An attempt was made, or what it needs is missing for good.
    Attempted(AttemptResult),
    /// Nobody can send it at present.
    NoSender(NoSender),
    /// Its connection, in this health, takes none now.
    Held(Health),
    /// Its connection's limit is reached until then.
    Limited(Timestamp),
    /// It is queued once more, and nothing else has happened: in the group that it belongs to, or as this invocation has no time left.
    Again,
}

impl Fate {
    /// Whether it is certain that no server has taken the message, and that nothing would be lost if it were tried again.
    pub(crate) fn nothing_left(&self) -> bool {
        match self {
            Self::Attempted(result) => result.attempt.outcome == Outcome::NotSent,
            Self::NoSender(_) | Self::Held(_) | Self::Limited(_) | Self::Again => true,
        }
    }
}

/// Writes what becomes of the message, and gives the claim up. It may have left, so this must not be lost to a passing fault: another
/// worker would send it again.
///
/// # Errors
/// When storage fails for longer than that.
pub(crate) async fn write(state: &State, claim: &Claim, fate: Fate) -> Result<(), StorageError> {
    let now = state.clock.now();
    let mut record = claim.record.clone();
    record.claims = 0;
    let Record {
        message, patience, ..
    } = &mut record;
    // Whether somebody may mend before its time what the message waits for.
    let mut held = false;
    match fate {
        Fate::Attempted(result) => {
            let counts = result.attempt.counted;
            let Attempt {
                outcome,
                duration_ms,
                ..
            } = result.attempt;
            state.metrics.count(Metric::attempts(outcome));
            if health::works(&result) {
                let took = Duration::from_millis(duration_ms);
                state.metrics.took(Metric::TransactionDuration, took);
            }
            held = matches!(result.trouble, Some(Trouble::Unwell(_)));
            let chance = u16::from_be_bytes(random());
            message.conclude(result, patience, state.ambiguous, now, chance);
            if counts {
                // Another attempt takes another start. One that its connection prevented keeps its place.
                record.reserved = None;
            }
        }
        Fate::NoSender(reason) => {
            tracing::warn!(message_id = %message.id, %reason, "no sender");
            message.park(patience, reason.to_string(), now, PARKED_FOR);
        }
        Fate::Held(health) if health.status == HealthStatus::Suspended => {
            message.park(patience, health.why_it_waits(), now, health.look_again(now));
        }
        Fate::Held(health) => {
            held = true;
            let reason = health.reason.as_deref().unwrap_or_default();
            let until = health.next_attempt_at.unwrap_or(now);
            message.back_off(patience, reason, until, now);
        }
        Fate::Limited(start) => {
            held = true;
            message.wait_for_start(patience, start, now);
        }
        Fate::Again => return queue_again(state, claim, record, now).await,
    }
    record.look_at = None;
    if held {
        record.hold(now);
    }
    conclude(state, claim, &record).await
}

async fn conclude(state: &State, claim: &Claim, record: &Record) -> Result<(), StorageError> {
    let message = &record.message;
    let mut attempts = Attempts::default();
    let written = loop {
        match state.messages.conclude(claim, record).await {
            Err(error) if error.is_transient() => attempts.another("write an outcome").await?,
            written => break written?,
        }
    };
    if written {
        measure(state, record);
        tracing::info!(
            message_id = %message.id, connection_id = %message.decision.effective.connection_id, status = ?message.status, "attempt ended"
        );
    } else {
        tracing::warn!(message_id = %message.id, "the claim was lost: another worker has the message");
    }
    Ok(())
}

fn measure(state: &State, record: &Record) {
    let message = &record.message;
    if let Some(metric) = Metric::of_status(message.status, message.parked.is_some()) {
        state.metrics.count(metric);
    }
    if message.status == Status::Sent {
        let took = message.updated_at.since(message.created_at);
        state.metrics.took(Metric::DeliveryLatency, took);
    }
}

async fn queue_again(
    state: &State,
    claim: &Claim,
    record: Record,
    now: Timestamp,
) -> Result<(), StorageError> {
    let due = now + TAKEN_WITHIN;
    if let Some(record) = state.messages.requeue(claim, record, due).await? {
        // The record is written: if this fails, the sweeper finds it when it is due.
        if let Err(error) = state.queue.push(&record).await {
            tracing::error!(message_id = %record.message.id, cause = error.cause(), "not queued again: the sweeper will");
        }
    }
    Ok(())
}

/// Gives up the claim on a message of which nothing has left, as storage failed: its entry comes again soon, and without this it would
/// find the message taken until the lease runs out. `its_fault`: the message itself may be what went wrong.
pub(crate) async fn release(state: &State, claim: &Claim, its_fault: bool) {
    // Where that fails too, the lease runs out.
    let due = state.clock.now() + TAKEN_WITHIN;
    let _ = state.messages.release(claim, due, its_fault).await;
}

/// For those who look after the system: the entry comes again.
pub(crate) fn report(claim: &Claim, error: &StorageError) {
    let message_id = claim.record.message.id;
    tracing::error!(%message_id, operation = error.operation(), cause = error.cause(), "storage failed");
}

/// An attempt that says nothing about any recipient.
pub(crate) fn ended(
    at: Timestamp,
    took: Duration,
    outcome: Outcome,
    reason: &str,
) -> AttemptResult {
    AttemptResult {
        attempt: Attempt {
            at,
            duration_ms: millis(took),
            outcome,
            reply: None,
            reason: Some(reason.to_owned()),
            counted: true,
        },
        recipients: Vec::new(),
        wait: Duration::ZERO,
        trouble: None,
    }
}

/// An attempt that found something missing on our side: counted, so that it is not repeated for ever.
pub(crate) fn broken(error: &StorageError, at: Timestamp, reason: &str) -> AttemptResult {
    tracing::error!(
        operation = error.operation(),
        cause = error.cause(),
        reason,
        "something of ours is missing"
    );
    ended(at, Duration::ZERO, Outcome::NotSent, reason)
}

/// A message that no server will ever get.
pub(crate) fn refused_by_us(message: &Message, at: Timestamp, reason: &str) -> AttemptResult {
    let mut result = ended(at, Duration::ZERO, Outcome::Permanent, reason);
    result.recipients = message
        .open_recipients()
        .into_iter()
        .map(|to| (to, RecipientStatus::Refused, None))
        .collect();
    result
}
