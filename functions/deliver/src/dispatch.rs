//! The messages of a group leave through their connection: in one session as long as it lasts, in another one where it ends early.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::metrics::Metric;
use shared::model::connection::{Connection, Health};
use shared::model::health::{Gate, Trouble};
use shared::model::message::{AttemptResult, Outcome};
use shared::model::timestamp::Timestamp;
use shared::smtp::Session;
use tokio::time::Instant;

use crate::group::Unfinished;
use crate::health::{self, Pass};
use crate::opening::{Unopened, open};
use crate::outcome::{self, Fate};
use crate::outcomes::Outcomes;
use crate::prepare::Ready;
use crate::sessions::Lease;
use crate::transmission::Transmission;
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
    let now = state.clock.now();
    let mut outcomes = Outcomes::new(state, unfinished);
    let gate = connection.health.gate(now);
    let admitted = admit(state, connection, messages, gate, now, &mut outcomes).await;
    if let Some(pass) = pass(state, connection, &admitted, gate, now, &mut outcomes).await {
        let deadline = invocation_end.checked_sub(TIME_TO_WRITE);
        let deadline = deadline.unwrap_or(invocation_end);
        let probing = pass.is_probe();
        let dispatch = Dispatch {
            state,
            connection,
            deadline,
            transmission: Transmission::new(
                state,
                connection,
                &admitted,
                probing,
                Instant::now() + state.decided_for,
                deadline,
            ),
            pass,
            outcomes: &mut outcomes,
        };
        dispatch.run().await;
    }
    outcomes.written().await;
}

/// Those that may start now, by the connection's health and its limits. Where it is to be found out whether the connection works, only
/// the first one asks for its start: the others may not leave after it.
async fn admit(
    state: &State,
    connection: &Connection,
    mut messages: Vec<Ready>,
    gate: Gate,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Vec<Arc<Ready>> {
    let asking = match gate {
        Gate::Closed => 0,
        Gate::Probe(_) => 1,
        Gate::Open => messages.len(),
    };
    let asking = asking.min(messages.len());
    let waits = limits::start(state, &mut messages[..asking], connection, now).await;
    let messages = messages.into_iter().map(Arc::new);
    let waits = match waits {
        Ok(waits) => waits,
        Err(error) => {
            messages.for_each(|message| outcomes.fail(&message, &error));
            return Vec::new();
        }
    };
    let mut admitted = Vec::with_capacity(messages.len());
    for (index, message) in messages.enumerate() {
        // Those that did not ask wait for the same as the first.
        match waits.get(index).or(waits.first()) {
            Some(Some(wait)) => outcomes.write(&message, Fate::Limited(*wait)),
            Some(None) => admitted.push(message),
            None => outcomes.write(&message, Fate::Held(connection.health.clone())),
        }
    }
    admitted
}

/// The leave for the messages to go through the connection.
async fn pass<'a>(
    state: &'a State,
    connection: &'a Connection,
    messages: &'a [Arc<Ready>],
    gate: Gate,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Option<Pass<'a>> {
    let tenant = &messages.first()?.claim.record.tenant;
    match Pass::get(state, tenant, connection, gate, now).await {
        Ok(pass) if pass.admits() => return Some(pass),
        Ok(pass) => {
            for message in messages {
                outcomes.write(message, Fate::Held(pass.others_wait()));
            }
        }
        Err(error) => {
            for message in messages {
                outcomes.fail(message, &error);
            }
        }
    }
    None
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

impl<'a> Dispatch<'a> {
    async fn run(mut self) {
        let mut idle = None;
        while self.transmission.waits() {
            let Some(mut lease) = self.session(idle.take()).await else {
                break;
            };
            self.send_through(&mut lease.session).await;
            idle = lease.reusable().await;
            if !self.goes_on(idle.is_some()).await {
                break;
            }
        }
        if let Some(lease) = idle {
            lease.give_back().await;
        }
    }

    /// The session that is at hand, or another one. `None` where there is none, and all have been told.
    async fn session(&mut self, idle: Option<Lease<'a>>) -> Option<Lease<'a>> {
        let lost = self.transmission.had_session() && idle.is_none();
        if !self.transmission.has_time()
            || ((lost || self.transmission.wants_another_look()) && !self.still_holds().await)
        {
            self.pass.give_back().await;
            self.rest(|| Fate::Again);
            if let Some(lease) = idle {
                lease.give_back().await;
            }
            return None;
        }
        if idle.is_some() {
            return idle;
        }
        let sessions = &self.state.sessions;
        let open = open(self.state, self.connection, &self.pass, self.deadline);
        let opened = Box::pin(sessions.take(self.connection, self.deadline, open)).await;
        match opened {
            Ok(lease) => {
                if lease.is_warm() {
                    self.state.metrics.count(Metric::SessionsReused);
                }
                self.transmission.change_session(lease.is_warm());
                Some(lease)
            }
            Err(unopened) => {
                self.without_session(unopened).await;
                None
            }
        }
    }

    async fn send_through(&mut self, session: &mut Session) {
        let shared = Mutex::new((&mut self.transmission, &mut *self.outcomes));
        let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
        let next = || lock().0.next();
        let ended = |transaction| {
            let (transmission, outcomes) = &mut *lock();
            if let Some(ended) = transmission.ended(transaction) {
                outcomes.settle(ended);
            }
        };
        session.send_batch(next, ended).await;
    }

    /// Whether those that still wait may leave, by what the last session, which may be `alive`, has shown. They have been told where not.
    async fn goes_on(&mut self, alive: bool) -> bool {
        if let Some((message, result)) = self.transmission.trouble() {
            self.trouble(message, result).await;
            return false;
        }
        if self.pass.is_probe() && self.transmission.works() {
            self.pass.recover().await;
            // They have no starts yet.
            self.rest(|| Fate::Again);
            return false;
        }
        if self.transmission.storage_fails() {
            // Another session would not help.
            self.pass.give_back().await;
            self.rest(|| Fate::Again);
            return false;
        }
        if self.transmission.may_another_leave() {
            return true;
        }
        // The one that was to find out whether the connection works has not.
        if alive {
            // It is one that this server can't take, and it was not asked.
            self.pass.give_back().await;
        }
        let health = self.pass.others_wait();
        self.rest(|| Fate::Held(health.clone()));
        false
    }

    /// Whether these messages would still go through this connection: a dispatch may take minutes.
    async fn still_holds(&mut self) -> bool {
        let holds = self.pass.still_holds(self.transmission.waiting()).await;
        self.transmission
            .go_on_until(Instant::now() + self.state.decided_for);
        holds
    }

    async fn without_session(&mut self, unopened: Unopened) {
        let now = self.state.clock.now();
        match unopened {
            // The end of the invocation cut it short, which says nothing about the server.
            Unopened::Failed(failure)
                if Instant::now() >= self.deadline && !failure.is_refused_login() =>
            {
                self.rest(|| Fate::Again);
            }
            Unopened::Failed(failure) => {
                let code = failure.code.to_string();
                let mut result = outcome::ended(now, Duration::ZERO, Outcome::NotSent, &code);
                // The message was not tried.
                result.attempt.counted = false;
                result.trouble = Some(health::of_failure(&failure));
                result.attempt.reply = failure.reply;
                if let Some((message, result)) = self.transmission.fail_first(result) {
                    self.trouble(message, result).await;
                }
            }
            Unopened::Refused(at) => {
                let trouble = Trouble::Refused("authentication_rejected".to_owned());
                let suspended = self.connection.health.after(&trouble, at);
                let suspended = suspended.unwrap_or_else(|| self.pass.others_wait());
                self.rest(|| Fate::Held(suspended.clone()));
            }
            Unopened::Password(error) if !error.is_missing() => {
                self.pass.give_back().await;
                for (message, so_far) in self.transmission.give_up() {
                    match so_far {
                        Some(result) => self.outcomes.write(message, Fate::Attempted(result)),
                        None => self.outcomes.fail(message, &error),
                    }
                }
            }
            Unopened::Password(error) => {
                self.pass.give_back().await;
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
