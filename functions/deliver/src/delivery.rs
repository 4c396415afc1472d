//! One delivery: claim, decide who sends, speak SMTP behind the fence, write the outcome.

use std::time::Duration;

use shared::aws::attempts::Attempts;
use shared::aws::error::StorageError;
use shared::aws::messages::{Claim, Record, TAKEN_WITHIN};
use shared::aws::queue::Delivery;
use shared::clock::random;
use shared::model::connection::Connection;
use shared::model::health::Trouble;
use shared::model::message::{Attempt, AttemptResult, Message, Outcome, RecipientStatus};
use shared::model::sender::NoSender;
use shared::model::submission::Content;
use shared::model::timestamp::{Timestamp, millis};
use shared::smtp::{Credentials, Envelope, RecipientOutcome, Target};
use tokio::time::Instant;

use crate::health::{self, Pass};
use crate::logins::Door;
use crate::sessions::Lease;
use crate::{State, attempt, limits, mime};

/// How long a claim outlives the invocation that made it: the clocks of two machines are never this far apart.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// What is left of an invocation when the session must be over.
const TIME_TO_WRITE: Duration = Duration::from_secs(15);
/// How long a message waits for a sender before it is looked at again: a change of connections wakes it within this.
const PARKED_FOR: Duration = Duration::from_mins(5);

/// Carries out what an entry of the queue asks for, if it still is to be done. `group` is the one it came in.
///
/// # Errors
/// When storage fails: the entry must come again.
pub(crate) async fn deliver(
    state: &State,
    delivery: &Delivery,
    group: Option<&str>,
    deadline: Instant,
) -> Result<(), StorageError> {
    let State {
        messages, clock, ..
    } = state;
    let now = clock.now();
    let lease_until = now + deadline.saturating_duration_since(Instant::now()) + LEASE_MARGIN;
    let owner = clock.ulid().to_string();
    // The outcome must be written before the invocation ends.
    let deadline = deadline.checked_sub(TIME_TO_WRITE).unwrap_or(deadline);
    if let Some(claim) = messages
        .claim(delivery, owner.clone(), now, lease_until)
        .await?
    {
        let worked = work(state, &claim, group, now, deadline).await;
        if worked.is_err() {
            // The entry comes again soon; without this it would find the message taken until the lease runs out.
            let _ = messages.release(&claim, clock.now() + TAKEN_WITHIN).await;
        }
        return worked;
    }
    if let Some(claim) = messages
        .take_over(delivery, owner, now, lease_until)
        .await?
    {
        // Its worker vanished when the body may have left. Nobody can say whether it arrived.
        let lost = ended(now, Duration::ZERO, Outcome::Ambiguous, "worker_lost");
        return conclude(state, &claim, lost).await;
    }
    // The entry came twice, the message is done, or another worker is at it.
    Ok(())
}

async fn work(
    state: &State,
    claim: &Claim,
    group: Option<&str>,
    began: Timestamp,
    deadline: Instant,
) -> Result<(), StorageError> {
    let record = &claim.record;
    let (content, senders) = tokio::join!(
        state.content.get(&record.tenant, record.message.id),
        state.connections.senders(&record.tenant)
    );
    let content = match content {
        Err(error) if !error.is_transient() => {
            return conclude(state, claim, broken(&error, began, "content_missing")).await;
        }
        content => content?,
    };
    let senders = senders?;
    // Decided now, not at submission: the default, and what is active, may have changed.
    match senders.decide(record.message.decision.requested.clone()) {
        Err(reason) => park(state, claim, reason).await,
        Ok((decision, connection)) => {
            let mut claim = claim.clone();
            claim.record.message.decision = decision;
            claim.record.concurrency = connection.settings.limits.concurrency;
            if limits::change_group(state, &claim, group).await? {
                return Ok(());
            }
            let Some(mut pass) = health::admit(state, &mut claim, connection, began).await? else {
                return Ok(());
            };
            let through = (connection, &mut pass);
            let result = attempt(state, &claim, through, &content, began, deadline).await?;
            let Some(mut result) = result else {
                return Ok(());
            };
            let tenant = &claim.record.tenant;
            pass.note_trouble(state, tenant, connection, &mut result)
                .await;
            let works = health::works(&result);
            conclude(state, &claim, result).await?;
            if works {
                pass.recover(state, tenant, connection).await;
            }
            Ok(())
        }
    }
}

/// The message waits until somebody can send it.
async fn park(state: &State, claim: &Claim, reason: NoSender) -> Result<(), StorageError> {
    tracing::warn!(message_id = %claim.record.message.id, %reason, "no sender");
    let mut record = claim.record.clone();
    let Record {
        message, patience, ..
    } = &mut record;
    message.park(patience, reason.to_string(), state.clock.now(), PARKED_FOR);
    record.look_at = None;
    write(state, claim, &record).await
}

async fn conclude(state: &State, claim: &Claim, result: AttemptResult) -> Result<(), StorageError> {
    let mut record = claim.record.clone();
    // Another attempt takes another start.
    record.reserved = None;
    let Record {
        message, patience, ..
    } = &mut record;
    let (now, chance) = (state.clock.now(), u16::from_be_bytes(random()));
    let waits_for_server = matches!(result.trouble, Some(Trouble::Unwell(_)));
    message.conclude(result, patience, state.ambiguous, now, chance);
    record.look_at = None;
    if waits_for_server {
        record.hold(now);
    }
    write(state, claim, &record).await
}

/// Writes what became of the message. By now it may have left, so the outcome must not be lost to a passing fault: another worker
/// would send it again.
pub(crate) async fn write(
    state: &State,
    claim: &Claim,
    record: &Record,
) -> Result<(), StorageError> {
    let message = &record.message;
    let mut attempts = Attempts::default();
    let written = loop {
        match state.messages.conclude(claim, record).await {
            Err(error) if error.is_transient() => attempts.another("write an outcome").await?,
            written => break written?,
        }
    };
    if written {
        tracing::info!(
            message_id = %message.id, connection_id = %message.decision.effective.connection_id, status = ?message.status, "attempt ended"
        );
    } else {
        tracing::warn!(message_id = %message.id, "the claim was lost: another worker has the message");
    }
    Ok(())
}

/// One attempt through `connection`. `None` when the claim was lost before the body left: the message is another worker's.
async fn attempt(
    state: &State,
    claim: &Claim,
    (connection, pass): (&Connection, &mut Pass),
    content: &Content,
    began: Timestamp,
    deadline: Instant,
) -> Result<Option<AttemptResult>, StorageError> {
    let message = &claim.record.message;
    let started = Instant::now();
    let body = match mime::render(message, content) {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(message_id = %message.id, %error, "accepted, but can't be rendered");
            return Ok(Some(refused_by_us(
                message,
                began,
                "message_not_renderable",
            )));
        }
    };
    let password = match &connection.secret {
        Some(secret) => match state.secrets.read(secret).await {
            Err(error) if !error.is_transient() => {
                return Ok(Some(broken(&error, began, "password_missing")));
            }
            password => Some(password?),
        },
        None => None,
    };
    let username = connection.settings.username.clone();
    let credentials = username
        .zip(password)
        .map(|(username, password)| Credentials { username, password });
    let settings = &connection.settings;
    let target = Target {
        host: settings.host.clone(),
        port: settings.port,
        encryption: settings.encryption,
        credentials,
    };
    let door = Door {
        state,
        tenant: &claim.record.tenant,
        connection,
        target: &target,
        first: pass.is_first(),
        deadline,
    };
    let opened = state.sessions.take(door).await;
    pass.opened(opened.as_ref().map(|_| ()));
    let mut session = match opened {
        Ok(session) => session,
        Err(failure) => {
            let mut result = ended(
                began,
                started.elapsed(),
                Outcome::NotSent,
                &failure.code.to_string(),
            );
            // The message was not tried.
            result.attempt.counted = false;
            // A session that the end of the invocation cut short says nothing about the server.
            if failure.is_refused_login() || Instant::now() < deadline {
                result.trouble = Some(health::of_failure(&failure));
            }
            result.attempt.reply = failure.reply;
            return Ok(Some(result));
        }
    };
    let result = transact(state, claim, connection, &mut session, &body).await?;
    session.give_back().await;
    Ok(result.map(|mut result| {
        result.attempt.at = began;
        result.attempt.duration_ms = millis(started.elapsed());
        result
    }))
}

/// As many transactions as the server needs to hear of all recipients: 452 to RCPT asks for another one at once
/// (RFC 5321 §4.5.3.1.10).
async fn transact(
    state: &State,
    claim: &Claim,
    connection: &Connection,
    session: &mut Lease<'_>,
    body: &[u8],
) -> Result<Option<AttemptResult>, StorageError> {
    let mut open = claim.record.message.open_recipients();
    let mut whole: Option<AttemptResult> = None;
    loop {
        let envelope = Envelope {
            from: connection.settings.sender_email.clone(),
            to: open,
        };
        let fence = || {
            Box::pin(async {
                match state.messages.intend(claim).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(None),
                    Err(error) => Err(Some(error)),
                }
            })
        };
        let transaction = match session.send(&envelope, body, fence).await {
            Ok(transaction) => transaction,
            // What the first transaction achieved is known, and must be written; the postponed ones stay open.
            Err(_) if whole.is_some() => return Ok(whole),
            Err(Some(error)) => return Err(error),
            Err(None) => return Ok(None),
        };
        let postponed =
            |outcome: &RecipientOutcome| matches!(outcome, RecipientOutcome::Postponed(_));
        let again = transaction.reusable
            && transaction
                .recipients
                .iter()
                .any(RecipientOutcome::is_accepted);
        open = envelope
            .to
            .iter()
            .zip(&transaction.recipients)
            .filter(|(_, o)| again && postponed(o))
            .map(|(to, _)| to.clone())
            .collect();
        whole = Some(attempt::combine(
            whole,
            attempt::result(&envelope, &transaction),
        ));
        if open.is_empty() {
            return Ok(whole);
        }
    }
}

/// An attempt that says nothing about any recipient.
fn ended(at: Timestamp, took: Duration, outcome: Outcome, reason: &str) -> AttemptResult {
    let duration_ms = millis(took);
    AttemptResult {
        attempt: Attempt {
            at,
            duration_ms,
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
fn broken(error: &StorageError, at: Timestamp, reason: &str) -> AttemptResult {
    tracing::error!(operation = error.operation(), cause = error.cause(), reason);
    ended(at, Duration::ZERO, Outcome::NotSent, reason)
}

/// A message that no server will ever get.
fn refused_by_us(message: &Message, at: Timestamp, reason: &str) -> AttemptResult {
    let mut result = ended(at, Duration::ZERO, Outcome::Permanent, reason);
    result.recipients = message
        .open_recipients()
        .into_iter()
        .map(|to| (to, RecipientStatus::Refused, None))
        .collect();
    result
}
