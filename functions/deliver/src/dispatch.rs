//! The messages of a group leave through their connection: in one session as long as it lasts, in another one where it ends early.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::aws::error::StorageError;
use shared::model::connection::{Connection, Health};
use shared::model::health::{Gate, Trouble};
use shared::model::message::{AttemptResult, Outcome};
use shared::model::timestamp::Timestamp;
use shared::smtp::{Credentials, Failure, Progress, Session, Target};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::group::Unfinished;
use crate::health::{self, Pass};
use crate::logins::Turn;
use crate::outcome::{self, Fate};
use crate::prepare::Ready;
use crate::transmission::{Ended, Transmission, Unfenced};
use crate::{State, limits};

/// What is left of an invocation when the session must be over.
const TIME_TO_WRITE: Duration = Duration::from_secs(15);

/// Sends messages through `connection`, in their order, as far as it lets them through now. Each gets its outcome written while the
/// session goes on with the others.
pub(crate) async fn dispatch(
    state: &Arc<State>,
    connection: &Connection,
    messages: Vec<Ready>,
    unfinished: &Arc<Unfinished>,
    invocation_end: Instant,
) {
    let mut outcomes = Outcomes {
        state: Arc::clone(state),
        unfinished: Arc::clone(unfinished),
        writes: JoinSet::new(),
    };
    let now = state.clock.now();
    let gate = connection.health.gate(now);
    let mut admitted = Vec::with_capacity(messages.len());
    for mut message in messages {
        if gate == Gate::Closed {
            let held = Fate::Held(connection.health.clone());
            outcomes.write(&Arc::new(message), held);
            continue;
        }
        let start = limits::reserve(state, &mut message.claim.record, connection, now).await;
        let message = Arc::new(message);
        match start {
            Ok(start) if start > now => outcomes.write(&message, Fate::Limited(start)),
            Ok(_) => admitted.push(message),
            Err(error) => outcomes.fail(&message, &error),
        }
    }
    if let Some(first) = admitted.first() {
        let tenant = &first.claim.record.tenant;
        match Pass::get(state, tenant, connection, gate, now).await {
            Ok(pass) if pass.admits() => {
                let deadline = invocation_end.checked_sub(TIME_TO_WRITE);
                let deadline = deadline.unwrap_or(invocation_end);
                let dispatch = Dispatch {
                    state,
                    connection,
                    deadline,
                    transmission: Transmission::new(
                        state,
                        connection,
                        &admitted,
                        pass.is_probe(),
                        deadline,
                    ),
                    pass,
                    outcomes: &mut outcomes,
                };
                dispatch.run().await;
            }
            Ok(pass) => {
                for message in &admitted {
                    outcomes.write(message, Fate::Held(pass.health().clone()));
                }
            }
            Err(error) => {
                for message in &admitted {
                    outcomes.fail(message, &error);
                }
            }
        }
    }
    // One that panics has not declared its entry done.
    while outcomes.writes.join_next().await.is_some() {}
}

/// Messages on their way through one connection.
struct Dispatch<'a> {
    state: &'a Arc<State>,
    connection: &'a Connection,
    deadline: Instant,
    transmission: Transmission<'a>,
    pass: Pass<'a>,
    outcomes: &'a mut Outcomes,
}

/// Why there is no session.
#[derive(Debug)]
enum Unopened {
    /// The server could not be reached, or does not take the login.
    Failed(Failure),
    /// It has just refused the login, to somebody else in this process.
    Refused(Timestamp),
    /// The password can't be read.
    Password(StorageError),
}

impl From<Failure> for Unopened {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Dispatch<'_> {
    async fn run(mut self) {
        let mut idle = None;
        while self.transmission.waits() {
            if Instant::now() >= self.deadline {
                self.rest(|| Fate::Again);
                break;
            }
            let mut lease = match idle.take() {
                Some(lease) => lease,
                None => {
                    let sessions = &self.state.sessions;
                    let opened = sessions.take(self.connection, self.deadline, self.open());
                    match opened.await {
                        Ok(lease) => {
                            self.transmission.change_session(lease.is_warm());
                            lease
                        }
                        Err(unopened) => {
                            self.without_session(unopened).await;
                            break;
                        }
                    }
                }
            };
            let shared = Mutex::new((&mut self.transmission, &mut *self.outcomes));
            let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
            let next = || lock().0.next();
            let ended = |transaction| {
                let (transmission, outcomes) = &mut *lock();
                if let Some(ended) = transmission.ended(transaction) {
                    outcomes.settle(ended);
                }
            };
            lease.session.send_batch(next, ended).await;
            idle = lease.reusable().await;
            if let Some((message, result)) = self.transmission.trouble() {
                self.trouble(message, result).await;
                break;
            }
            if self.pass.is_probe() {
                if !self.transmission.works() {
                    let health = self.pass.health().clone();
                    self.rest(|| Fate::Held(health.clone()));
                    break;
                }
                self.pass.recover().await;
                self.transmission.allow_all();
            }
        }
        if let Some(lease) = idle {
            lease.give_back().await;
        }
    }

    /// A new session.
    async fn open(&self) -> Result<Session, Unopened> {
        let (state, settings) = (self.state, &self.connection.settings);
        let password = match &self.connection.secret {
            Some(secret) => {
                let read = state.secrets.read(secret).await;
                Some(read.map_err(Unopened::Password)?)
            }
            None => None,
        };
        let mut first = None;
        if password.is_some() {
            let probe = self.pass.is_probe();
            match state
                .logins
                .turn(self.connection, probe, self.pass.began())
                .await
            {
                Turn::Any => {}
                Turn::First(login) => first = Some(login),
                Turn::Refused(at) => return Err(Unopened::Refused(at)),
            }
        }
        let credentials = settings.username.clone().zip(password);
        let target = Target {
            host: settings.host.clone(),
            port: settings.port,
            encryption: settings.encryption,
            credentials: credentials.map(|(username, password)| Credentials { username, password }),
        };
        let mut progress = Progress::brief();
        let opened = state
            .dialer
            .open(&target, self.deadline, &mut progress)
            .await;
        if let Some(first) = first {
            match &opened {
                Ok(_) => first.works(),
                Err(failure) if failure.is_refused_login() => first.refused(self.pass.began()),
                // The next one is the first then.
                Err(_) => {}
            }
        }
        Ok(opened?)
    }

    async fn without_session(&mut self, unopened: Unopened) {
        let now = self.state.clock.now();
        match unopened {
            Unopened::Failed(failure) => {
                let code = failure.code.to_string();
                let mut result = outcome::ended(now, Duration::ZERO, Outcome::NotSent, &code);
                // The message was not tried.
                result.attempt.counted = false;
                // A session that the end of the invocation cut short says nothing about the server.
                if failure.is_refused_login() || Instant::now() < self.deadline {
                    result.trouble = Some(health::of_failure(&failure));
                }
                result.attempt.reply = failure.reply;
                let Some((message, result)) = self.transmission.fail_first(result) else {
                    return;
                };
                if result.trouble.is_some() {
                    self.trouble(message, result).await;
                } else {
                    self.outcomes.write(message, Fate::Attempted(result));
                    self.rest(|| Fate::Again);
                }
            }
            Unopened::Refused(at) => {
                let trouble = Trouble::Refused("authentication_rejected".to_owned());
                let suspended = self.connection.health.after(&trouble, at);
                let suspended = suspended.unwrap_or_else(|| self.pass.health().clone());
                self.rest(|| Fate::Held(suspended.clone()));
            }
            Unopened::Password(error) if error.is_transient() => {
                for (message, so_far) in self.transmission.give_up() {
                    match so_far {
                        Some(result) => self.outcomes.write(message, Fate::Attempted(result)),
                        None => self.outcomes.fail(message, &error),
                    }
                }
            }
            Unopened::Password(error) => {
                self.rest(|| Fate::Attempted(outcome::broken(&error, now, "password_missing")));
            }
        }
    }

    /// Something is wrong with the connection: it is noted, and everybody waits for it.
    async fn trouble(&mut self, message: &Arc<Ready>, mut result: AttemptResult) {
        let health: Health = self.pass.note_trouble(&mut result).await;
        self.outcomes.write(message, Fate::Attempted(result));
        self.rest(|| Fate::Held(health.clone()));
    }

    /// What becomes of those that still wait.
    fn rest(&mut self, fate: impl Fn() -> Fate) {
        for (message, so_far) in self.transmission.give_up() {
            self.outcomes
                .write(message, so_far.map_or_else(&fate, Fate::Attempted));
        }
    }
}

/// The outcomes that are being written.
struct Outcomes {
    state: Arc<State>,
    unfinished: Arc<Unfinished>,
    writes: JoinSet<()>,
}

impl Outcomes {
    fn settle(&mut self, ended: Ended<'_>) {
        match ended {
            Ended::Attempted(message, result) => self.write(message, Fate::Attempted(result)),
            Ended::Unfenced(message, Unfenced::Storage(error)) => self.fail(message, &error),
            Ended::Unfenced(message, Unfenced::Lost) => {
                tracing::warn!(message_id = %message.claim.record.message.id, "the claim was lost before the body left");
                self.unfinished.finish(&message.entry);
            }
        }
    }

    fn write(&mut self, message: &Arc<Ready>, fate: Fate) {
        let (state, unfinished) = (Arc::clone(&self.state), Arc::clone(&self.unfinished));
        let message = Arc::clone(message);
        self.writes.spawn(async move {
            let nothing_left = fate.nothing_left();
            match outcome::write(&state, &message.claim, fate).await {
                Ok(()) => unfinished.finish(&message.entry),
                Err(error) => {
                    outcome::report(&message.claim, &error);
                    if nothing_left {
                        outcome::release(&state, &message.claim).await;
                    }
                }
            }
        });
    }

    /// Nothing of the message has left, as storage failed: its entry comes again.
    fn fail(&mut self, message: &Arc<Ready>, error: &StorageError) {
        outcome::report(&message.claim, error);
        let (state, message) = (Arc::clone(&self.state), Arc::clone(message));
        self.writes
            .spawn(async move { outcome::release(&state, &message.claim).await });
    }
}
