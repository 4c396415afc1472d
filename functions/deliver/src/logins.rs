//! The logins of this process. Deliveries through a connection begin side by side; as long as none of them has logged in, the first
//! one tries alone, and if the server refuses it the others don't ask again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::model::connection::Connection;
use shared::model::ids::ConnectionId;
use shared::model::timestamp::Timestamp;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How many connections are remembered.
const REMEMBERED: usize = 1000;

/// What this process knows of the logins of connections, by their version.
#[derive(Debug, Default)]
pub struct Logins(Mutex<HashMap<(ConnectionId, u64), Login>>);

type Login = Arc<AsyncMutex<Known>>;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Known {
    #[default]
    Nothing,
    Works,
    Refused(Timestamp),
}

/// How long a refusal is the last word: the connection is suspended for as long.
const REFUSED_FOR: Duration = Duration::from_hours(1);

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
pub(crate) struct First(OwnedMutexGuard<Known>);

impl Logins {
    /// Waits for a login through `connection` that is under way, unless one has worked. `again`: a refusal is not the last word, as it
    /// is time to ask once more.
    pub(crate) async fn turn(&self, connection: &Connection, again: bool, now: Timestamp) -> Turn {
        let known = self.known(connection).lock_owned().await;
        match *known {
            Known::Works => Turn::Any,
            // What was verified or changed after the refusal is worth another login.
            // Should the table never have learnt of it, an hour is enough.
            Known::Refused(at)
                if !again && at >= connection.health.since && now < at + REFUSED_FOR =>
            {
                Turn::Refused(at)
            }
            Known::Nothing | Known::Refused(_) => Turn::First(First(known)),
        }
    }

    fn known(&self, connection: &Connection) -> Login {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            // Those at it stay, so that nobody logs in beside them.
            known.retain(|_, login| Arc::strong_count(login) > 1);
        }
        let key = (connection.id, connection.version);
        Arc::clone(known.entry(key).or_default())
    }
}

impl First {
    pub(crate) fn works(mut self) {
        *self.0 = Known::Works;
    }

    pub(crate) fn refused(mut self, at: Timestamp) {
        *self.0 = Known::Refused(at);
    }
}
