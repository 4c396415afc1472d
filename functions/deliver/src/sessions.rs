//! Sessions that stay open from one delivery to the next, and from one invocation to the next.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::clock::Clock;
use shared::model::ids::ConnectionId;
use shared::model::timestamp::Timestamp;
use shared::smtp::{
    ConnectionVerdict, Envelope, Failure, FailureCode, RecipientOutcome, Session, Stage,
    Transaction, Verdict,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::logins::Door;

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
    limited: bool,
    /// By the clock on the wall: while an instance is frozen, the monotonic clock stands still.
    since: Timestamp,
    session: Session,
}

/// A session in use. It is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    sessions: &'a Sessions,
    door: Door<'a>,
    key: Key,
    limited: bool,
    session: Session,
    /// Whether it was idle and has not been heard of since.
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

    /// A session through the door's connection: one that is open, or a new one. Waits while all that may be open are in use. Nothing
    /// goes on after the deadline.
    ///
    /// # Errors
    /// Why none could be opened.
    pub(crate) async fn take<'a>(&'a self, door: Door<'a>) -> Result<Lease<'a>, Failure> {
        let Door {
            connection,
            deadline,
            ..
        } = door;
        let key = Key {
            connection: connection.id,
            version: connection.version,
        };
        let Ok(Ok(permit)) = timeout_at(deadline, self.free.acquire()).await else {
            return Err(Failure::new(Stage::Connect, FailureCode::TimedOut));
        };
        let lease = |session, warm| Lease {
            sessions: self,
            // Who comes later is not the first.
            door: Door {
                first: false,
                ..door
            },
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
        let session = door.open().await?;
        Ok(lease(session, false))
    }

    /// Closes the sessions whose server counts them: another instance may open its own as soon as this invocation is over.
    pub(crate) async fn end_limited(&self) {
        let mut ending = JoinSet::new();
        for limited in self.idle().extract_if(.., |idle| idle.limited) {
            ending.spawn(limited.session.quit());
        }
        ending.join_all().await;
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
    /// As [`Session::send`]. Where a session that was idle turns out to be dead, or the server wants another login, a new one takes its
    /// place, once, if the connection's health still allows it: no reply to a recipient had come, let alone the 354, so nothing of the message had left.
    ///
    /// # Errors
    /// The fence's own.
    pub(crate) async fn send<E, F: Future<Output = Result<(), E>>>(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        fence: impl Fn() -> F,
    ) -> Result<Transaction, E> {
        let mut transaction = self.session.send(envelope, message, fence()).await?;
        // At the end of the invocation there is no time for another, and none to tell what is wrong with the server.
        let in_time = Instant::now() < self.door.deadline;
        let again = std::mem::take(&mut self.warm) && is_dead(&transaction) && in_time;
        if again && self.door.is_open().await {
            match self.door.open().await {
                Ok(session) => {
                    self.session = session;
                    return self.session.send(envelope, message, fence()).await;
                }
                Err(failure) => transaction.verdict = Verdict::NotSent(failure),
            }
        }
        Ok(transaction)
    }

    /// Leaves the session to whoever comes next, if it is good for anything.
    pub(crate) async fn give_back(mut self) {
        if self.session.is_reusable().await {
            let idle = Idle {
                key: self.key,
                limited: self.limited,
                since: self.sessions.clock.now(),
                session: self.session,
            };
            self.sessions.idle().push(idle);
        }
    }
}

/// Whether the session ended before the server had said anything of this message's recipients.
fn is_dead(transaction: &Transaction) -> bool {
    let unasked = |outcome: &RecipientOutcome| {
        matches!(
            outcome,
            RecipientOutcome::Open | RecipientOutcome::NeedsSmtputf8
        )
    };
    matches!(
        transaction.verdict,
        Verdict::NotSent(_)
            | Verdict::Connection(
                ConnectionVerdict::Unavailable(_) | ConnectionVerdict::LoginNeeded(_)
            )
    ) && transaction.recipients.iter().all(unasked)
}
