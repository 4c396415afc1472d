//! Sessions that stay open from one delivery to the next, and from one invocation to the next.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::clock::Clock;
use shared::model::connection::Connection;
use shared::model::ids::ConnectionId;
use shared::model::timestamp::Timestamp;
use shared::smtp::{Failure, FailureCode, Session, Stage};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// The most sessions that are open at once, in use or idle.
const MAX_OPEN: usize = 10;
/// How long a session may be idle. Servers may hang up after five minutes (RFC 5321 §4.5.3.2.7), NAT gateways forget after six, and many
/// are less patient.
const IDLE_FOR: Duration = Duration::from_mins(1);

/// The open sessions.
#[derive(Debug)]
pub struct Sessions {
    clock: Clock,
    idle: Mutex<Vec<Idle>>,
    /// One permit for each session that may yet be in use.
    free: Semaphore,
}

/// What makes a session one that a message may go through: another version may have another server, login or password. A connection is
/// one tenant's, so no session serves two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    connection: ConnectionId,
    version: u64,
}

#[derive(Debug)]
struct Idle {
    key: Key,
    /// By the clock on the wall: while an instance is frozen, the monotonic clock stands still.
    since: Timestamp,
    session: Session,
}

/// A session in use. It is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    sessions: &'a Sessions,
    key: Key,
    limited: bool,
    pub(crate) session: Session,
    warm: bool,
    _permit: SemaphorePermit<'a>,
}

impl Sessions {
    /// None yet; `clock` tells how long one is idle.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            idle: Mutex::default(),
            free: Semaphore::new(MAX_OPEN),
        }
    }

    /// A session through `connection`: one that is idle, or else the one that `open` gives. Waits while all that may be open are in use.
    /// Nothing goes on after `deadline`.
    ///
    /// # Errors
    /// Why none could be opened.
    pub(crate) async fn take<E: From<Failure>>(
        &self,
        connection: &Connection,
        deadline: Instant,
        open: impl Future<Output = Result<Session, E>>,
    ) -> Result<Lease<'_>, E> {
        let key = Key {
            connection: connection.id,
            version: connection.version,
        };
        let Ok(Ok(permit)) = timeout_at(deadline, self.free.acquire()).await else {
            return Err(Failure::new(Stage::Connect, FailureCode::TimedOut).into());
        };
        let lease = |session, warm| Lease {
            sessions: self,
            key,
            limited: connection.settings.limits.concurrency.is_some(),
            session,
            warm,
            _permit: permit,
        };
        while let Some(mut session) = self.pop(key) {
            if session.is_reusable().await {
                session.set_deadline(deadline);
                return Ok(lease(session, true));
            }
        }
        self.make_room();
        Ok(lease(open.await?, false))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session that was used last. Those that nobody will ask for again are closed.
    fn pop(&self, key: Key) -> Option<Session> {
        let now = self.clock.now();
        let mut idle = self.idle();
        let outlived = |idle: &Idle| {
            let superseded = idle.key.connection == key.connection && idle.key != key;
            superseded || now.since(idle.since) > IDLE_FOR
        };
        idle.extract_if(.., |idle| outlived(idle)).for_each(close);
        let index = idle.iter().rposition(|idle| idle.key == key)?;
        Some(idle.remove(index).session)
    }

    /// Closes what has been idle longest, where a new session would be one too many.
    fn make_room(&self) {
        let mut idle = self.idle();
        let surplus = idle.len().saturating_sub(self.free.available_permits());
        idle.drain(..surplus).for_each(close);
    }
}

fn close(idle: Idle) {
    // On its own time: nobody waits for a goodbye.
    tokio::spawn(idle.session.quit());
}

impl Lease<'_> {
    /// Whether it was idle before.
    pub(crate) fn is_warm(&self) -> bool {
        self.warm
    }

    /// The same, if it can be used again.
    pub(crate) async fn reusable(mut self) -> Option<Self> {
        self.session.is_reusable().await.then_some(self)
    }

    /// Leaves the session to whoever comes next. One whose server counts them is closed: another instance may open its own as soon as
    /// the queue is told that this one is done.
    pub(crate) async fn give_back(self) {
        if self.limited {
            return self.session.quit().await;
        }
        let idle = Idle {
            key: self.key,
            since: self.sessions.clock.now(),
            session: self.session,
        };
        self.sessions.idle().push(idle);
    }
}
