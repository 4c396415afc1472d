//! What deliveries learn of a connection, and what follows for the next ones: a refused login suspends it, trouble on the way to the
//! server backs it off. Neither spends the attempts of the messages that wait.

use std::time::Duration;

use super::connection::{Health, HealthStatus};
use super::timestamp::Timestamp;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// How long a try through a connection that backs off takes at most, an invocation: until then the other messages wait for its outcome.
const PROBE_TAKES: Duration = Duration::from_mins(8);

/// What is wrong with a connection, as an attempt found it: the reason, in a code of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The server refused the login, or the sender that the connection stands for: it will again.
    Refused(String),
    /// The server can't be reached, or wants no more of this connection now (421, 432).
    Unwell(String),
}

/// Whether a delivery may go through a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Open,
    /// It may if it is the one that moves `next_attempt_at` to this instant.
    Probe(Timestamp),
    /// It waits.
    Closed,
}

impl Health {
    /// Whether a delivery may go through at `now`. Only one may when the time of the next attempt has come, so that a server which
    /// refuses, or is overloaded, isn't met by everyone who has waited.
    #[must_use]
    pub fn gate(&self, now: Timestamp) -> Gate {
        let waits = self.next_attempt_at.is_some_and(|at| at > now);
        match self.status {
            HealthStatus::Ok => Gate::Open,
            _ if waits => Gate::Closed,
            // Should the worker vanish after the login, there must be no other one within the hour.
            HealthStatus::Suspended => Gate::Probe(now + HOUR),
            HealthStatus::BackingOff => Gate::Probe(now + PROBE_TAKES),
        }
    }

    /// The health after an attempt that met `trouble`, if it changes.
    ///
    /// A refusal is tried once more after an hour and then daily: servers sometimes refuse by mistake. The waits of a connection that
    /// backs off grow from a minute to an hour. What says nothing about the login leaves a suspended connection suspended.
    #[must_use]
    pub fn after(&self, trouble: &Trouble, now: Timestamp) -> Option<Self> {
        let (status, reason, since, wait) = match (trouble, self.status) {
            (Trouble::Refused(reason), HealthStatus::Suspended) => {
                (HealthStatus::Suspended, reason, self.since, DAY)
            }
            (Trouble::Refused(reason), _) => (HealthStatus::Suspended, reason, now, HOUR),
            (Trouble::Unwell(_), HealthStatus::Suspended) => return None,
            (Trouble::Unwell(reason), HealthStatus::BackingOff) if !self.is_long_past(now) => {
                let wait = backoff(now.since(self.since));
                (HealthStatus::BackingOff, reason, self.since, wait)
            }
            (Trouble::Unwell(reason), _) => (HealthStatus::BackingOff, reason, now, MINUTE),
        };
        Some(Self {
            status,
            since,
            reason: Some(reason.clone()),
            next_attempt_at: Some(now + wait),
        })
    }

    /// Whether nobody has tried for long after the last wait was over: what went wrong then says little about what does now.
    fn is_long_past(&self, now: Timestamp) -> bool {
        self.next_attempt_at.is_some_and(|at| now.since(at) > HOUR)
    }

    /// The health after a change of the connection at `now`: of host, port, encryption, login or password (`login`), or of the sender's
    /// address (`sender`). What was wrong with the old ones says nothing about the new.
    #[must_use]
    pub fn after_change(&self, login: bool, sender: bool, now: Timestamp) -> Self {
        let was_the_sender = self.reason.as_deref() == Some(SENDER_REFUSED);
        if self.status != HealthStatus::Ok && (login || (sender && was_the_sender)) {
            Self::ok(now)
        } else if login {
            Self {
                since: now,
                ..self.clone()
            }
        } else {
            self.clone()
        }
    }

    /// How long a message waits before it looks again whether a suspended connection is free, in the meantime perhaps because the
    /// tenant has mended it: 5 minutes, and up to half an hour where it was left so for hours.
    #[must_use]
    pub fn look_again(&self, now: Timestamp) -> Duration {
        let patience = (now.since(self.since) / 8).clamp(5 * MINUTE, 30 * MINUTE);
        match self.next_attempt_at {
            Some(at) if at > now => patience.min(at.since(now)),
            _ => patience,
        }
    }

    /// The reason, in words for a message that waits.
    #[must_use]
    pub fn why_it_waits(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or("unknown");
        format!("the connection is suspended ({reason}): correct its settings, or verify it")
    }
}

/// The reason of a connection whose server refuses its sender's address.
pub const SENDER_REFUSED: &str = "sender_refused";

/// The wait of a connection that has been backing off for so long: 1, 2, 5, 10, 30 minutes, then an hour.
fn backoff(so_far: Duration) -> Duration {
    let waits = [1, 2, 5, 10, 30].map(|minutes| minutes * MINUTE);
    let mut until = Duration::ZERO;
    for wait in waits {
        until += wait;
        if so_far < until {
            return wait;
        }
    }
    HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn health(status: HealthStatus, since: Timestamp, next: Duration) -> Health {
        Health {
            status,
            since,
            reason: Some("timed_out".to_owned()),
            next_attempt_at: Some(since + next),
        }
    }

    fn unwell() -> Trouble {
        Trouble::Unwell("connection_refused".to_owned())
    }

    fn refused(reason: &str) -> Trouble {
        Trouble::Refused(reason.to_owned())
    }

    #[test]
    fn a_connection_lets_one_through_when_its_time_has_come() {
        let hour = START + HOUR;
        for (health, now, gate) in [
            (Health::ok(START), START, Gate::Open),
            (
                health(HealthStatus::Suspended, START, HOUR),
                START,
                Gate::Closed,
            ),
            (
                health(HealthStatus::BackingOff, START, HOUR),
                START,
                Gate::Closed,
            ),
            (
                health(HealthStatus::Suspended, START, HOUR),
                hour,
                Gate::Probe(hour + HOUR),
            ),
            (
                health(HealthStatus::BackingOff, START, HOUR),
                hour,
                Gate::Probe(hour + PROBE_TAKES),
            ),
        ] {
            assert_eq!(health.gate(now), gate, "{health:?}");
        }
    }

    #[test]
    fn waits_grow_from_a_minute_to_an_hour() {
        let (mut health, mut now, mut waits) = (Health::ok(START), START, Vec::new());
        for _ in 0..8 {
            health = health.after(&unwell(), now).expect("backs off");
            let next = health.next_attempt_at.expect("a time");
            waits.push(next.since(now).as_secs() / 60);
            now = next;
        }
        assert_eq!(waits, [1, 2, 5, 10, 30, 60, 60, 60]);
        assert_eq!(
            (health.status, health.since),
            (HealthStatus::BackingOff, START)
        );
    }

    #[test]
    fn trouble_after_a_long_rest_is_a_new_one() {
        let health = health(HealthStatus::BackingOff, START, MINUTE);
        let now = START + MINUTE + HOUR + MINUTE;
        let after = health.after(&unwell(), now).expect("backs off");
        assert_eq!(
            (after.since, after.next_attempt_at),
            (now, Some(now + MINUTE))
        );
    }

    #[test]
    fn a_refusal_is_tried_again_after_an_hour_and_then_daily() {
        let first = Health::ok(START).after(&refused("authentication_rejected"), START);
        let first = first.expect("suspends");
        assert_eq!(
            (first.status, first.next_attempt_at),
            (HealthStatus::Suspended, Some(START + HOUR))
        );
        let now = START + HOUR;
        let second = first
            .after(&refused("authentication_rejected"), now)
            .expect("stays");
        assert_eq!(
            (second.since, second.next_attempt_at),
            (START, Some(now + DAY))
        );
        assert_eq!(second.after(&unwell(), now), None);
    }

    #[test]
    fn a_change_forgets_what_it_may_have_mended_and_nothing_else() {
        let suspended = |reason| {
            Health::ok(START)
                .after(&refused(reason), START)
                .expect("suspends")
        };
        let now = START + MINUTE;
        for (reason, login, sender, forgotten) in [
            ("authentication_rejected", true, false, true),
            ("authentication_rejected", false, true, false),
            (SENDER_REFUSED, true, false, true),
            (SENDER_REFUSED, false, true, true),
            (SENDER_REFUSED, false, false, false),
        ] {
            let after = suspended(reason).after_change(login, sender, now);
            assert_eq!(
                after == Health::ok(now),
                forgotten,
                "{reason} {login} {sender}"
            );
        }
    }

    #[test]
    fn a_waiting_message_looks_again_within_minutes_and_never_after_the_next_attempt() {
        let suspended = health(HealthStatus::Suspended, START, DAY);
        for (elapsed, wait) in [
            (Duration::ZERO, 5 * MINUTE),
            (2 * HOUR, 15 * MINUTE),
            (12 * HOUR, 30 * MINUTE),
            (23 * HOUR + 59 * MINUTE, MINUTE),
        ] {
            assert_eq!(suspended.look_again(START + elapsed), wait, "{elapsed:?}");
        }
    }
}
