//! The logins of this process. Deliveries through a connection begin side by side; one tries its login alone, and if the server refuses it
//! the others don't ask again. Once it has worked they need not wait for each other for a while, but no longer: the password may have
//! been changed at the server, and no more than one login is to find that out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::model::connection::Connection;
use shared::model::ids::ConnectionId;
use shared::model::timestamp::Timestamp;
use shared::smtp::Failure;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::Instant;

/// How many connections are remembered.
const REMEMBERED: usize = 1000;
/// How long a refusal is the last word: the connection is suspended for as long.
const REFUSED_FOR: Duration = Duration::from_hours(1);
/// How long a login that worked says that others will.
const WORKS_FOR: Duration = Duration::from_secs(10);

/// What this process knows of the logins of connections, by their version.
#[derive(Debug, Default)]
pub struct Logins(Mutex<HashMap<(ConnectionId, u64), Arc<Login>>>);

#[derive(Debug, Default)]
struct Login {
    known: Mutex<Known>,
    /// Held by who logs in alone.
    alone: Arc<AsyncMutex<()>>,
}

#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    /// It has worked, last at this time.
    Works(Timestamp),
    /// The server has refused it.
    Refused(Timestamp),
    /// The login did not come about, which says nothing about it.
    Failed(Instant, Failure),
}

/// Whether to log in.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It has just worked.
    Any,
    /// Nobody else does before this one has: see [`Alone::ended`].
    Alone(Alone),
    /// The server has refused it, not long ago.
    Refused(Timestamp),
    /// The one that was waited for did not come about.
    Failed(Failure),
}

/// A login that others wait for. Dropped without an end, the next one is alone.
#[derive(Debug)]
pub(crate) struct Alone {
    login: Arc<Login>,
    _guard: OwnedMutexGuard<()>,
}

impl Logins {
    /// Waits for a login through `connection` that is under way. `again`: a refusal is not the last word, as it is time to ask once more.
    pub(crate) async fn turn(&self, connection: &Connection, again: bool, now: Timestamp) -> Turn {
        let came = Instant::now();
        let login = self.of(connection);
        let told = || login.told(connection, again, now, came);
        if let Some(turn) = told() {
            return turn;
        }
        let guard = Arc::clone(&login.alone).lock_owned().await;
        told().unwrap_or_else(|| {
            Turn::Alone(Alone {
                login: Arc::clone(&login),
                _guard: guard,
            })
        })
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
    /// What is known already, to one who `came` then.
    fn told(
        &self,
        connection: &Connection,
        again: bool,
        now: Timestamp,
        came: Instant,
    ) -> Option<Turn> {
        match &*self.known() {
            Known::Works(at) if now < *at + WORKS_FOR => Some(Turn::Any),
            // What was verified or changed after the refusal is worth another login, and should the table never have learnt of it, an
            // hour is enough.
            Known::Refused(at)
                if !again && *at >= connection.health.since && now < *at + REFUSED_FOR =>
            {
                Some(Turn::Refused(*at))
            }
            // Those who waited for it would only wait as long again.
            Known::Failed(at, failure) if *at >= came => Some(Turn::Failed(failure.clone())),
            _ => None,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alone {
    /// The login that began at `began` has ended like this: those who wait for it learn how.
    pub(crate) fn ended(self, opened: Result<(), &Failure>, began: Timestamp) {
        *self.login.known() = match opened {
            Ok(()) => Known::Works(began),
            Err(failure) if failure.is_refused_login() => Known::Refused(began),
            Err(failure) => Known::Failed(Instant::now(), failure.clone()),
        };
    }
}

#[cfg(test)]
mod tests {
    use shared::smtp::{FailureCode, Stage};

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

    async fn alone(logins: &Logins, connection: &Connection, now: Timestamp) -> Alone {
        match logins.turn(connection, false, now).await {
            Turn::Alone(alone) => alone,
            turn => panic!("{turn:?}"),
        }
    }

    #[tokio::test]
    async fn those_who_waited_for_a_login_learn_how_it_ended_and_those_who_come_later_try() {
        let (logins, connection) = (Logins::default(), connection());
        let failure = |code| Failure::new(Stage::Auth, code);
        let refused = failure(FailureCode::AuthenticationRejected);
        let lost = failure(FailureCode::ConnectionLost);
        for ended in [Ok(()), Err(&lost), Err(&refused)] {
            let first = alone(&logins, &connection, NOW).await;
            let waiting = logins.turn(&connection, false, NOW);
            let ending = async { first.ended(ended, NOW) };
            let (told, ()) = tokio::join!(biased; waiting, ending);
            let fits = match (ended, &told) {
                (Ok(()), Turn::Any) => true,
                (Err(failure), Turn::Failed(told)) => failure.code == told.code,
                (Err(failure), Turn::Refused(at)) => failure.is_refused_login() && *at == NOW,
                _ => false,
            };
            assert!(fits, "{ended:?}: {told:?}");
            // Who comes when it says nothing any more tries alone.
            let later = NOW + REFUSED_FOR;
            drop(alone(&logins, &connection, later).await);
            *logins.of(&connection).known() = Known::Nothing;
        }
    }
}
