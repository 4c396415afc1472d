//! Which message leaves next through a session, and what follows from the way it ended.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use shared::aws::error::StorageError;
use shared::clock::Clock;
use shared::model::connection::Connection;
use shared::model::message::{AttemptResult, Message};
use shared::model::timestamp::{Timestamp, millis};
use shared::smtp::{ConnectionVerdict, Envelope, Outgoing, RecipientOutcome, Transaction, Verdict};
use tokio::time::Instant;

use crate::prepare::Ready;
use crate::{State, attempt, health};

/// The messages of a dispatch that have not come to their end yet.
pub(crate) struct Transmission<'a> {
    state: &'a State,
    deadline: Instant,
    /// None leaves later: it would be cut short.
    last_start: Instant,
    /// None leaves later, until it is known that they still may.
    go_on_until: Instant,
    waiting: VecDeque<Leaving<'a>>,
    /// Those that the session has, in the order in which they left.
    in_flight: VecDeque<Leaving<'a>>,
    /// How many more may leave: one, where it is to be found out whether the connection works.
    may_leave: usize,
    session: UnderWay,
    had_session: bool,
    /// The message that found something wrong with the connection: no other leaves after it.
    trouble: Option<(Leaving<'a>, AttemptResult)>,
    /// Whether the server has judged any.
    works: bool,
    /// Whether a fence could not be written.
    storage_fails: bool,
}

/// A message on its way.
pub(crate) struct Leaving<'a> {
    pub(crate) message: &'a Arc<Ready>,
    envelope: Envelope,
    begun: Option<(Timestamp, Instant)>,
    /// What earlier transactions achieved, where the server wanted several (452 to RCPT, RFC 5321 §4.5.3.1.10).
    so_far: Option<AttemptResult>,
    /// Whether a session has died under it already.
    replaced: bool,
}

/// What is known of the session in use.
#[derive(Debug, Default)]
struct UnderWay {
    /// It has served before, so its end says nothing about the message that it met.
    proven: bool,
    /// It ended.
    lost: bool,
    /// How many messages it gave back.
    returned: usize,
}

/// Why a body must not leave.
#[derive(Debug)]
pub(crate) enum Unfenced {
    /// The claim is another worker's.
    Lost,
    /// The fence could not be written.
    Storage(StorageError),
}

/// A message that has come to its end here.
pub(crate) enum Ended<'a> {
    Attempted(&'a Arc<Ready>, AttemptResult),
    /// Nothing of it has left.
    Unfenced(&'a Arc<Ready>, Unfenced),
}

/// Writes that the body may leave.
type Fence<'a> = Pin<Box<dyn Future<Output = Result<(), Unfenced>> + Send + 'a>>;

impl<'a> Transmission<'a> {
    /// `probing`: the first one leaves alone.
    pub(crate) fn new(
        state: &'a State,
        connection: &Connection,
        messages: &'a [Arc<Ready>],
        probing: bool,
        go_on_until: Instant,
        deadline: Instant,
    ) -> Self {
        let leaving = |message: &'a Arc<Ready>| Leaving {
            message,
            envelope: Envelope {
                from: connection.settings.sender_email.clone(),
                to: message.claim.record.message.open_recipients(),
            },
            begun: None,
            so_far: None,
            replaced: false,
        };
        let now = Instant::now();
        // A server may take that long to say that it has the message. Half of the time is left in any case, or none would ever leave.
        let left = deadline.saturating_duration_since(now);
        let takes = state.dialer.deadlines.final_reply.min(left / 2);
        Self {
            state,
            deadline,
            last_start: deadline.checked_sub(takes).unwrap_or(now),
            go_on_until,
            waiting: messages.iter().map(leaving).collect(),
            in_flight: VecDeque::new(),
            may_leave: if probing { 1 } else { usize::MAX },
            session: UnderWay::default(),
            had_session: false,
            trouble: None,
            works: false,
            storage_fails: false,
        }
    }

    /// Whether any is still to leave.
    pub(crate) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the server has judged any message, so that the connection is known to work.
    pub(crate) fn works(&self) -> bool {
        self.works
    }

    /// Whether a fence could not be written.
    pub(crate) fn storage_fails(&self) -> bool {
        self.storage_fails
    }

    /// Whether there is time for another to leave.
    pub(crate) fn has_time(&self) -> bool {
        Instant::now() <= self.last_start
    }

    /// Those that wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Message> {
        let waiting = self.waiting.iter();
        waiting.map(|leaving| &leaving.message.claim.record.message)
    }

    /// Whether it has to be looked again who sends them.
    pub(crate) fn wants_another_look(&self) -> bool {
        Instant::now() >= self.go_on_until
    }

    /// They may leave until then without another look.
    pub(crate) fn go_on_until(&mut self, then: Instant) {
        self.go_on_until = then;
    }

    /// Whether another may leave, as far as it is known whether the connection works.
    pub(crate) fn may_another_leave(&self) -> bool {
        self.may_leave > 0
    }

    /// Whether any has left through a session.
    pub(crate) fn had_session(&self) -> bool {
        self.had_session
    }

    /// From now on they leave through another session; `warm`: one that was idle.
    pub(crate) fn change_session(&mut self, warm: bool) {
        self.had_session = true;
        self.session = UnderWay {
            proven: warm,
            ..UnderWay::default()
        };
    }

    /// The message that found something wrong with the connection, if one did.
    pub(crate) fn trouble(&mut self) -> Option<(&'a Arc<Ready>, AttemptResult)> {
        let (leaving, result) = self.trouble.take()?;
        Some((leaving.message, leaving.timed(result, &self.state.clock)))
    }

    /// The first of those that wait, with the attempt that ended before a session was there.
    pub(crate) fn fail_first(
        &mut self,
        result: AttemptResult,
    ) -> Option<(&'a Arc<Ready>, AttemptResult)> {
        let mut leaving = self.waiting.pop_front()?;
        let result = attempt::combine(leaving.so_far.take(), result);
        Some((leaving.message, leaving.timed(result, &self.state.clock)))
    }

    /// Those that still wait. One of which a part has gone has had its attempt.
    pub(crate) fn give_up(
        &mut self,
    ) -> impl Iterator<Item = (&'a Arc<Ready>, Option<AttemptResult>)> {
        let clock = &self.state.clock;
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(move |mut leaving| {
                let so_far = leaving.so_far.take();
                (
                    leaving.message,
                    so_far.map(|result| leaving.timed(result, clock)),
                )
            })
    }

    /// The next message to leave: for [`Session::send_batch`](shared::smtp::Session::send_batch).
    pub(crate) fn next(&mut self) -> Option<Outgoing<'a, Fence<'a>>> {
        let stops = self.trouble.is_some() || self.may_leave == 0;
        if stops || !self.has_time() || self.wants_another_look() {
            return None;
        }
        let mut leaving = self.waiting.pop_front()?;
        self.may_leave -= 1;
        let state = self.state;
        leaving
            .begun
            .get_or_insert_with(|| (state.clock.now(), Instant::now()));
        let message: &'a Ready = leaving.message;
        let outgoing = Outgoing {
            envelope: Cow::Owned(leaving.envelope.clone()),
            message: Cow::Borrowed(message.body.as_slice()),
            fence: fence(state, message),
        };
        self.in_flight.push_back(leaving);
        Some(outgoing)
    }

    /// What became of the message that left first of those in flight; `None` where it is not over yet.
    pub(crate) fn ended(&mut self, ended: Result<Transaction, Unfenced>) -> Option<Ended<'a>> {
        let mut leaving = self.in_flight.pop_front()?;
        let transaction = match ended {
            Ok(transaction) => transaction,
            Err(unfenced) => {
                self.session.lost = true;
                self.storage_fails |= matches!(unfenced, Unfenced::Storage(_));
                // What the first transaction achieved is known, and must be written; the postponed recipients stay open.
                return Some(match leaving.so_far.take() {
                    Some(result) => self.attempted(&leaving, result),
                    None => Ended::Unfenced(leaving.message, unfenced),
                });
            }
        };
        // The message before it took the session along: nothing was said of this one.
        let left_behind = self.session.lost;
        self.session.lost |= !transaction.reusable;
        if is_dead(&transaction) && (left_behind || (self.session.proven && !leaving.replaced)) {
            leaving.replaced |= !left_behind;
            self.waiting.insert(self.session.returned, leaving);
            self.session.returned += 1;
            self.may_leave = self.may_leave.saturating_add(1);
            return None;
        }
        let lost_at_once = is_dead(&transaction) && !self.session.proven;
        self.session.proven |= transaction.reusable;
        let mut result = attempt::result(&leaving.envelope, &transaction);
        if lost_at_once && Instant::now() < self.deadline {
            // A new session that ends before anything was said of the message is the connection's trouble, not the message's.
            if let Verdict::NotSent(failure) = &transaction.verdict {
                result.trouble = Some(health::of_failure(failure));
                result.attempt.counted = false;
            }
        }
        self.works |= health::works(&result);
        let result = attempt::combine(leaving.so_far.take(), result);
        let postponed = postponed(&leaving.envelope, &transaction);
        if !postponed.to.is_empty() {
            leaving.envelope = postponed;
            leaving.so_far = Some(result);
            self.waiting.push_front(leaving);
            self.may_leave = self.may_leave.saturating_add(1);
            return None;
        }
        if result.trouble.is_some() {
            self.trouble = Some((leaving, result));
            return None;
        }
        Some(self.attempted(&leaving, result))
    }

    fn attempted(&self, leaving: &Leaving<'a>, result: AttemptResult) -> Ended<'a> {
        Ended::Attempted(leaving.message, leaving.timed(result, &self.state.clock))
    }
}

impl Leaving<'_> {
    fn timed(&self, mut result: AttemptResult, clock: &Clock) -> AttemptResult {
        let (at, started) = self.begun.unwrap_or_else(|| (clock.now(), Instant::now()));
        result.attempt.at = at;
        result.attempt.duration_ms = millis(started.elapsed());
        result
    }
}

fn fence<'a>(state: &'a State, message: &'a Ready) -> Fence<'a> {
    Box::pin(async {
        match state.messages.intend(&message.claim).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Unfenced::Lost),
            Err(error) => Err(Unfenced::Storage(error)),
        }
    })
}

/// The recipients that the server wants to hear of in another transaction, at once.
fn postponed(envelope: &Envelope, transaction: &Transaction) -> Envelope {
    let mut outcomes = transaction.recipients.iter();
    let again = transaction.reusable && outcomes.any(RecipientOutcome::is_accepted);
    let known = envelope.to.iter().zip(&transaction.recipients);
    let postponed =
        known.filter(|(_, outcome)| again && matches!(outcome, RecipientOutcome::Postponed(_)));
    Envelope {
        from: envelope.from.clone(),
        to: postponed.map(|(to, _)| to.clone()).collect(),
    }
}

/// Whether the session ended before the server had said anything of this message's recipients: nothing of it had left.
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
