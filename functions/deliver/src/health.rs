//! What a connection's health means for a delivery, and what a delivery means for it.

use std::time::Duration;

use shared::aws::error::StorageError;
use shared::metrics::Metric;
use shared::model::connection::{Connection, Health, HealthStatus};
use shared::model::health::{Gate, SENDER_REFUSED, Trouble};
use shared::model::message::{AttemptResult, Message, Outcome};
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use shared::smtp::{ConnectionVerdict, Failure, Verdict};

use crate::State;

/// How long others wait for the one that tries a connection which backs off.
const LOOK_AGAIN: Duration = Duration::from_mins(2);

/// The leave to go through a connection.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    state: &'a State,
    tenant: &'a Tenant,
    connection: &'a Connection,
    gate: Gate,
    /// The health as the connection's item now has it.
    seen: Health,
    began: Timestamp,
}

impl<'a> Pass<'a> {
    /// Asks for leave at a connection whose gate is as `gate` says. Where one may go to find out whether the connection works again, one
    /// gets it of all who ask.
    ///
    /// # Errors
    /// When storage fails.
    pub(crate) async fn get(
        state: &'a State,
        tenant: &'a Tenant,
        connection: &'a Connection,
        mut gate: Gate,
        now: Timestamp,
    ) -> Result<Self, StorageError> {
        let mut seen = connection.health.clone();
        if let Gate::Probe(until) = gate {
            let table = &state.connections;
            if !table.begin_probe(tenant, connection, until).await? {
                gate = Gate::Closed;
            }
            seen.next_attempt_at = Some(until);
        }
        Ok(Self {
            state,
            tenant,
            connection,
            gate,
            seen,
            began: now,
        })
    }

    /// Whether anything may go through.
    pub(crate) fn admits(&self) -> bool {
        self.gate != Gate::Closed
    }

    /// Whether one message has to find out first whether the connection works again.
    pub(crate) fn is_probe(&self) -> bool {
        matches!(self.gate, Gate::Probe(_))
    }

    /// The health for which others wait. A try usually takes seconds, so they look again before it must be over.
    pub(crate) fn others_wait(&self) -> Health {
        let mut health = self.seen.clone();
        if health.status == HealthStatus::BackingOff {
            let soon = self.began + LOOK_AGAIN;
            health.next_attempt_at = health.next_attempt_at.map(|at| at.min(soon));
        }
        health
    }

    /// Whether it would still be decided that these messages go through the connection, as it is, and whether it is well.
    pub(crate) async fn still_holds(&self, messages: impl Iterator<Item = &Message>) -> bool {
        let found = self.state.connections.senders(self.tenant);
        let senders = match Box::pin(found).await {
            Ok(senders) => senders,
            Err(error) => {
                tracing::error!(connection_id = %self.connection.id, cause = error.cause(), "the senders were not read again");
                return false;
            }
        };
        let now = self.state.clock.now();
        let mut messages = messages;
        messages.all(|message| {
            let decided = senders.decide(message.decision.requested.clone());
            decided.is_ok_and(|(decision, connection)| {
                decision == message.decision
                    && connection.version == self.connection.version
                    && self.is_good_for(&connection.health, now)
            })
        })
    }

    /// Whether the leave still is good for a connection in this health.
    fn is_good_for(&self, health: &Health, now: Timestamp) -> bool {
        match self.gate {
            // As it was written when the leave was given: nobody has found out anything since.
            Gate::Probe(_) => *health == self.seen,
            _ => health.gate(now) == Gate::Open,
        }
    }

    /// Keeps the trouble that the attempt met, if it did, and has the message wait for its connection. The health in which that is now.
    pub(crate) async fn note_trouble(&self, result: &mut AttemptResult) -> Health {
        let Some(trouble) = &result.trouble else {
            return self.seen.clone();
        };
        let (tenant, connection, seen) = (self.tenant, self.connection, &self.seen);
        let (table, now) = (&self.state.connections, self.state.clock.now());
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
        let suspends = matches!(trouble, Trouble::Refused(_)) && matches!(kept, Ok(true));
        if suspends && seen.status != HealthStatus::Suspended {
            self.state.metrics.count(Metric::ConnectionsSuspended);
        }
        report(kept, connection, &format!("{trouble:?}"));
        let health = health.unwrap_or_else(|| seen.clone());
        wait_for(&health, now, result);
        health
    }

    /// Where it was to be found out whether the connection works, and was not for reasons of ours: the next one may find out at once.
    pub(crate) async fn give_back(&mut self) {
        let Gate::Probe(until) = self.gate else {
            return;
        };
        let (table, connection) = (&self.state.connections, self.connection);
        let connection_id = connection.id;
        match table.abandon_probe(self.tenant, connection, until).await {
            Ok(abandoned) => {
                if abandoned {
                    self.seen.next_attempt_at = connection.health.next_attempt_at;
                }
                tracing::info!(%connection_id, abandoned, "whether the connection works was not found out");
            }
            Err(error) => {
                tracing::error!(%connection_id, cause = error.cause(), "the connection's next attempt was not moved back");
            }
        }
    }

    /// Notes that mail goes through again: nobody else needs to find that out.
    pub(crate) async fn recover(&mut self) {
        let (table, now) = (&self.state.connections, self.state.clock.now());
        let recovered = table.recover(self.tenant, self.connection, now).await;
        report(recovered, self.connection, "recovered");
        self.gate = Gate::Open;
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
        _ => None,
    }
}
