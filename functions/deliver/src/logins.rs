//! The logins of this process. Deliveries through a connection begin side by side; as long as none of them has logged in, the first
//! one tries alone, and if the server refuses it the others don't ask again. The same goes for each new session later: the password may
//! have been changed at the server, and no more than one login finds that out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::model::connection::Connection;
use shared::model::health::Gate;
use shared::model::ids::ConnectionId;
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use shared::smtp::{Failure, FailureCode, Progress, Session, Stage, Target};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

use crate::State;

/// How many connections are remembered.
const REMEMBERED: usize = 1000;

/// What this process knows of the logins of connections, by their version.
#[derive(Debug, Default)]
pub struct Logins(Mutex<HashMap<(ConnectionId, u64), Arc<Login>>>);

#[derive(Debug, Default)]
struct Login {
    known: Mutex<Known>,
    /// When no session could be opened last, for another reason, and which.
    failed: Mutex<Option<(Instant, Failure)>>,
    /// Held by who logs in alone.
    alone: Arc<AsyncMutex<()>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Known {
    #[default]
    Nothing,
    /// It has, last at this time.
    Works(Timestamp),
    /// What the server said to it.
    Refused(Timestamp, Failure),
}

/// How long a refusal is the last word: the connection is suspended for as long.
const REFUSED_FOR: Duration = Duration::from_hours(1);

/// How long a login that worked says that others will: those who come at once need not wait for each other.
const WORKS_FOR: Duration = Duration::from_secs(10);

/// Whether to log in.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It has worked before.
    Any,
    /// Nobody else does before this one has: see [`First::works`] and [`First::refused`].
    First(First),
    /// The server has just refused it.
    Refused(Timestamp),
}

/// The first login through a connection. Dropped without an answer, the next one is the first.
#[derive(Debug)]
pub(crate) struct First {
    login: Arc<Login>,
    _alone: OwnedMutexGuard<()>,
}

impl Logins {
    /// Waits for a login through `connection` that is under way, unless one has worked. `again`: a refusal is not the last word, as it
    /// is time to ask once more.
    pub(crate) async fn turn(&self, connection: &Connection, again: bool, now: Timestamp) -> Turn {
        let login = self.of(connection);
        let turn = || match &*login.known() {
            Known::Works(_) => Some(Turn::Any),
            known => known
                .refusal(connection, now)
                .filter(|_| !again)
                .map(|(at, _)| Turn::Refused(at)),
        };
        if let Some(turn) = turn() {
            return turn;
        }
        let alone = Arc::clone(&login.alone).lock_owned().await;
        turn().unwrap_or_else(|| {
            let login = Arc::clone(&login);
            Turn::First(First {
                login,
                _alone: alone,
            })
        })
    }

    /// Dials for another session through `connection`, whose login has worked, by `dial`: one at a time where it did not do so just now,
    /// and not at all where the server has refused it since.
    async fn another(
        &self,
        connection: &Connection,
        now: Timestamp,
        deadline: Instant,
        dial: impl Future<Output = Result<Session, Failure>>,
    ) -> Result<Session, Failure> {
        let login = self.of(connection);
        let came = Instant::now();
        let just_worked = matches!(&*login.known(), Known::Works(at) if now < *at + WORKS_FOR);
        let _alone = if just_worked {
            None
        } else {
            let Ok(alone) = timeout_at(deadline, login.alone.lock()).await else {
                return Err(Failure::new(Stage::Connect, FailureCode::TimedOut));
            };
            Some(alone)
        };
        if let Some((_, failure)) = login.known().refusal(connection, now) {
            return Err(failure);
        }
        // Those who waited for one that came to nothing would only wait as long again.
        if let Some((at, failure)) = &*login.failed()
            && *at >= came
        {
            return Err(failure.clone());
        }
        let opened = dial.await;
        match &opened {
            Ok(_) => *login.known() = Known::Works(now),
            Err(failure) if failure.is_refused_login() => {
                *login.known() = Known::Refused(now, failure.clone());
            }
            Err(failure) => *login.failed() = Some((Instant::now(), failure.clone())),
        }
        opened
    }

    fn of(&self, connection: &Connection) -> Arc<Login> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            // Those at it stay, so that nobody logs in beside them.
            known.retain(|_, login| Arc::strong_count(login) > 1);
        }
        let key = (connection.id, connection.version);
        Arc::clone(known.entry(key).or_default())
    }
}

impl Login {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, Option<(Instant, Failure)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The refusal that is the last word. What was verified or changed after it is worth another login, and should the table never have
    /// learnt of it, an hour is enough.
    fn refusal(&self, connection: &Connection, now: Timestamp) -> Option<(Timestamp, Failure)> {
        match self {
            Self::Refused(at, failure)
                if *at >= connection.health.since && now < *at + REFUSED_FOR =>
            {
                Some((*at, failure.clone()))
            }
            _ => None,
        }
    }
}

impl First {
    pub(crate) fn works(self, at: Timestamp) {
        *self.login.known() = Known::Works(at);
    }

    pub(crate) fn refused(self, at: Timestamp, failure: Failure) {
        *self.login.known() = Known::Refused(at, failure);
    }
}

/// The way to new sessions through a connection, past what is known of its login.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) state: &'a State,
    pub(crate) tenant: &'a Tenant,
    pub(crate) connection: &'a Connection,
    pub(crate) target: &'a Target,
    /// Whether the delivery's [`First`] is this very login.
    pub(crate) first: bool,
    pub(crate) deadline: Instant,
}

impl Door<'_> {
    /// A new session.
    ///
    /// # Errors
    /// Why there is none; where the server has just refused the login of another, what it said to that.
    pub(crate) async fn open(&self) -> Result<Session, Failure> {
        let Self {
            state, connection, ..
        } = self;
        let mut progress = Progress::brief();
        // Boxed: a delivery is a large future as it is.
        let dial = state.dialer.open(self.target, self.deadline, &mut progress);
        let dial = Box::pin(dial);
        if self.first || connection.secret.is_none() {
            return dial.await;
        }
        let now = state.clock.now();
        let another = state.logins.another(connection, now, self.deadline, dial);
        another.await
    }

    /// Whether another session may be opened in the place of one that died: the connection's health may be another by now, as the
    /// delivery that has the session began a while ago.
    pub(crate) async fn is_open(&self) -> bool {
        let State {
            connections, clock, ..
        } = self.state;
        let found = Box::pin(connections.find(self.tenant, self.connection.id)).await;
        match found {
            Ok(Some((found, _))) => {
                found.version == self.connection.version
                    && found.health.gate(clock.now()) == Gate::Open
            }
            Ok(None) => false,
            Err(error) => {
                tracing::error!(connection_id = %self.connection.id, cause = error.cause(), "the connection's health was not read");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn connection() -> Connection {
        let now = NOW.to_string();
        let json = serde_json::json!({
            "id": "conn_01KAX3M9Y8Q2W5R7T0V4N6B1ZC", "name": "office", "sender_email": "info@example.com", "sender_name": null,
            "reply_to": null, "host": "smtp.example.com", "port": 587, "encryption": "starttls", "username": "info", "active": true,
            "limits": {"per_minute": null, "per_day": null, "concurrency": null}, "secret": "s",
            "verification": {"status": "never", "checked_at": null, "failure": null},
            "health": {"status": "ok", "since": now, "reason": null, "next_attempt_at": null},
            "version": 1, "created_at": now, "updated_at": now, "updated_by": null,
        });
        serde_json::from_value(json).expect("a connection")
    }

    #[tokio::test]
    async fn those_who_waited_for_a_login_that_came_to_nothing_do_not_dial_again() {
        let (logins, connection) = (Logins::default(), connection());
        match logins.turn(&connection, false, NOW).await {
            Turn::First(first) => first.works(NOW),
            turn => panic!("{turn:?}"),
        }
        let later = NOW + WORKS_FOR;
        let deadline = Instant::now() + Duration::from_mins(1);
        let (fail, failing) = oneshot::channel();
        let first = logins.another(&connection, later, deadline, async {
            failing.await.expect("told")
        });
        let second = logins.another(&connection, later, deadline, async { panic!("dialled") });
        let ended = async { fail.send(Err(Failure::new(Stage::Connect, FailureCode::TimedOut))) };
        let (first, second, _) = tokio::join!(first, second, ended);
        let codes = [first, second].map(|opened| opened.expect_err("failed").code);
        assert_eq!(codes, [FailureCode::TimedOut; 2]);
        // Who comes later tries.
        let third = logins.another(&connection, later, deadline, async {
            Err(Failure::new(Stage::Connect, FailureCode::ConnectionRefused))
        });
        let third = third.await.expect_err("failed");
        assert_eq!(third.code, FailureCode::ConnectionRefused);
    }
}
