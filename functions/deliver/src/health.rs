//! What a connection's health means for a delivery, and what a delivery means for it.

use std::time::Duration;

use shared::aws::error::StorageError;
use shared::aws::messages::{Claim, Record};
use shared::model::connection::{Connection, Health, HealthStatus};
use shared::model::health::{Gate, SENDER_REFUSED, Trouble};
use shared::model::message::{AttemptResult, Outcome};
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use shared::smtp::{ConnectionVerdict, Failure, Stage, Verdict};

use crate::logins::{First, Turn};
use crate::{State, delivery, limits};

/// A delivery's leave to go through its connection.
#[derive(Debug)]
pub(crate) struct Pass {
    /// The health as the connection's item now has it.
    seen: Health,
    began: Timestamp,
    first: Option<First>,
}

/// Whether the message may be tried through `connection` now. `None` when it may not, and was put off without an attempt.
pub(crate) async fn admit(
    state: &State,
    claim: &mut Claim,
    connection: &Connection,
    now: Timestamp,
) -> Result<Option<Pass>, StorageError> {
    let mut seen = connection.health.clone();
    let gate = seen.gate(now);
    if gate == Gate::Closed {
        return put_off(state, claim, &seen).await;
    }
    let start = limits::reserve(state, &mut claim.record, connection, now).await?;
    if start > now {
        let mut record = claim.record.clone();
        let Record {
            message, patience, ..
        } = &mut record;
        message.wait_for_start(patience, start, now);
        record.hold(now);
        delivery::write(state, claim, &record).await?;
        return Ok(None);
    }
    if let Gate::Probe(until) = gate {
        let tenant = &claim.record.tenant;
        let begun = state
            .connections
            .begin_probe(tenant, connection, until)
            .await?;
        seen.next_attempt_at = Some(until);
        if !begun {
            return put_off(state, claim, &seen).await;
        }
    }
    let mut first = None;
    if connection.secret.is_some() {
        match state.logins.turn(connection, gate != Gate::Open, now).await {
            Turn::Any => {}
            Turn::First(login) => first = Some(login),
            Turn::Refused(at) => {
                let trouble = Trouble::Refused("authentication_rejected".to_owned());
                let suspended = connection.health.after(&trouble, at).unwrap_or(seen);
                return put_off(state, claim, &suspended).await;
            }
        }
    }
    Ok(Some(Pass {
        seen,
        began: now,
        first,
    }))
}

/// The message waits, as long as the connection in this health does.
async fn put_off(
    state: &State,
    claim: &Claim,
    health: &Health,
) -> Result<Option<Pass>, StorageError> {
    let now = state.clock.now();
    let mut record: Record = claim.record.clone();
    let Record {
        message, patience, ..
    } = &mut record;
    if health.status == HealthStatus::Suspended {
        message.park(patience, health.why_it_waits(), now, health.look_again(now));
        record.look_at = None;
    } else {
        let reason = health.reason.as_deref().unwrap_or_default();
        let until = health.next_attempt_at.unwrap_or(now);
        message.back_off(patience, reason, until, now);
        record.hold(now);
    }
    delivery::write(state, claim, &record).await?;
    Ok(None)
}

impl Pass {
    /// Whether nobody else logs in before this delivery has.
    pub(crate) fn is_first(&self) -> bool {
        self.first.is_some()
    }

    /// The session was opened, or not: those who wait for the connection's first login learn how it went.
    pub(crate) fn opened(&mut self, session: Result<(), &Failure>) {
        let Some(first) = self.first.take() else {
            return;
        };
        match session {
            Ok(()) => first.works(self.began),
            Err(failure) if failure.is_refused_login() => {
                first.refused(self.began, failure.clone());
            }
            // The next one is the first then.
            Err(_) => {}
        }
    }

    /// Keeps the trouble that the attempt met, if it did, and has the message wait for its connection.
    pub(crate) async fn note_trouble(
        &self,
        state: &State,
        tenant: &Tenant,
        connection: &Connection,
        result: &mut AttemptResult,
    ) {
        let Some(trouble) = &result.trouble else {
            return;
        };
        let (table, now) = (&state.connections, state.clock.now());
        let seen = &self.seen;
        let health = connection.health.after(trouble, now);
        let kept = match (trouble, &health) {
            (_, None) => Ok(true),
            (Trouble::Refused(_), Some(health)) => {
                let suspend = table.suspend(tenant, connection, seen, health, self.began);
                suspend.await
            }
            (Trouble::Unwell(_), Some(health)) => {
                table.back_off(tenant, connection, seen, health).await
            }
        };
        report(kept, connection, &format!("{trouble:?}"));
        wait_for(health.as_ref().unwrap_or(seen), now, result);
    }

    /// Notes that mail goes through again. A connection that is known to work is not written.
    pub(crate) async fn recover(&self, state: &State, tenant: &Tenant, connection: &Connection) {
        if self.seen.status == HealthStatus::Ok {
            return;
        }
        let (table, now) = (&state.connections, state.clock.now());
        report(
            table.recover(tenant, connection, now).await,
            connection,
            "recovered",
        );
    }
}

/// The message's own outcome counts for more than the connection's health, which the next attempt finds out again.
fn report(kept: Result<bool, StorageError>, connection: &Connection, found: &str) {
    let connection_id = connection.id;
    match kept {
        Ok(kept) => tracing::info!(%connection_id, found, kept, "the connection's health"),
        Err(error) => {
            tracing::error!(%connection_id, found, cause = error.cause(), "the connection's health was not kept");
        }
    }
}

fn wait_for(health: &Health, now: Timestamp, result: &mut AttemptResult) {
    if health.status == HealthStatus::Suspended {
        result.wait = health.look_again(now);
        result.trouble = Some(Trouble::Refused(health.why_it_waits()));
    } else {
        let next = health.next_attempt_at;
        result.wait = next.map_or(Duration::ZERO, |at| at.since(now));
    }
}

/// Whether the server took the login and the sender: it judged the message.
pub(crate) fn works(result: &AttemptResult) -> bool {
    let judged = matches!(
        result.attempt.outcome,
        Outcome::Accepted | Outcome::Transient | Outcome::Permanent
    );
    judged && result.trouble.is_none() && result.attempt.reply.is_some()
}

/// What a session that could not be opened says about the connection.
pub(crate) fn of_failure(failure: &Failure) -> Trouble {
    let code = failure.code.to_string();
    if failure.is_refused_login() {
        Trouble::Refused(code)
    } else {
        Trouble::Unwell(code)
    }
}

/// What a transaction says about the connection, if it does.
pub(crate) fn of_verdict(verdict: &Verdict) -> Option<Trouble> {
    match verdict {
        Verdict::Connection(ConnectionVerdict::SenderRefused(_)) => {
            Some(Trouble::Refused(SENDER_REFUSED.to_owned()))
        }
        Verdict::Connection(ConnectionVerdict::Unavailable(_)) => {
            Some(Trouble::Unwell("temporarily_unavailable".to_owned()))
        }
        // The session in the place of one that had died could not be opened.
        Verdict::NotSent(failure) if failure.stage != Stage::Message => Some(of_failure(failure)),
        _ => None,
    }
}
