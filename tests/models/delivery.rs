//! The delivery of one message by workers that may stall for any time at any step, crash, and get its entry of the queue twice.
//!
//! Nothing is said about how long anything takes: a lease may run out at once, and an entry can be taken any number of times and be
//! gone at any moment. So whatever the code does, the model does it too.

mod conformance;
mod record;
mod tests;

use shared::model::retry::Ambiguous;
use stateright::{Model, Property};

use self::record::{Claim, Operation, Outcome, Owner, Read, Record, Status, Time, step, verdict};

/// What happens to a message.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    design: Design,
    policy: Ambiguous,
    workers: usize,
    /// Whether people retry and cancel the message.
    by_hand: bool,
}

/// The protocol, a design that was rejected, or ours without something that it trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Design {
    Ours,
    /// The body leaves without a write before it.
    WithoutFence,
    /// Whoever gets an entry takes the message.
    UnconditionalClaim,
    /// In the place of the fence, a worker looks whether its lease still runs.
    LeaseOnly,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    record: Record,
    workers: Vec<Worker>,
    /// Whether the queue has an entry.
    queued: bool,
    /// How often the server took the message.
    acceptances: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Worker {
    Idle,
    /// Has the message and has not let the body go yet.
    Claimed,
    /// May let the body go.
    Fenced,
    /// Knows how the attempt ended and has not written it yet.
    Knows(Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    LeaseRunsOut,
    NextAttemptComes,
    LookComes,
    DueComes,
    /// It was deleted, never arrived, or ended in the dead-letter queue.
    EntryVanishes,
    Sweep,
    Claim(usize),
    TakeOver(usize),
    Release(usize),
    Requeue(usize),
    /// It is parked, or waits for its connection.
    PutOff(usize),
    Intend(usize),
    Send(usize, Server),
    Conclude(usize, Again),
    /// Not sent, as its connection is not well or has reached its limit.
    Hold(usize),
    Crash(usize),
    /// The request to claim was repeated, and is carried out once more now.
    LateClaim(usize),
    Retry,
    Cancel,
}

/// What the server does with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Accepts,
    AcceptsAndItsReplyIsLost,
    IsLostWithoutAccepting,
    Answers(Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Tried,
    GivenUp,
}

impl Model for Delivery {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            record: Record::NEW,
            workers: vec![Worker::Idle; self.workers],
            queued: true,
            acceptances: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        use Server::{Accepts, AcceptsAndItsReplyIsLost, Answers, IsLostWithoutAccepting};
        actions.extend([
            Action::LeaseRunsOut,
            Action::NextAttemptComes,
            Action::LookComes,
            Action::DueComes,
            Action::EntryVanishes,
            Action::Sweep,
        ]);
        for (i, worker) in state.workers.iter().enumerate() {
            match worker {
                Worker::Idle if state.queued => {
                    actions.extend([Action::Claim(i), Action::TakeOver(i)]);
                }
                Worker::Idle => {}
                Worker::Claimed => actions.extend([
                    Action::Release(i),
                    Action::Requeue(i),
                    Action::PutOff(i),
                    Action::Intend(i),
                ]),
                Worker::Fenced => actions.extend(
                    [
                        Accepts,
                        AcceptsAndItsReplyIsLost,
                        IsLostWithoutAccepting,
                        Answers(Outcome::Transient),
                        Answers(Outcome::Permanent),
                        Answers(Outcome::NotSent),
                    ]
                    .map(|server| Action::Send(i, server))
                    // The server never said 354, and storage has failed.
                    .into_iter()
                    .chain([Action::Release(i)]),
                ),
                Worker::Knows(outcome) => {
                    actions.extend([
                        Action::Conclude(i, Again::Tried),
                        Action::Conclude(i, Again::GivenUp),
                    ]);
                    if *outcome == Outcome::NotSent {
                        actions.push(Action::Hold(i));
                    }
                }
            }
            if *worker != Worker::Idle {
                actions.extend([Action::Crash(i), Action::LateClaim(i)]);
            }
        }
        if self.by_hand {
            actions.extend([Action::Retry, Action::Cancel]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let record = &mut state.record;
        match action {
            Action::LeaseRunsOut => record.claim.as_mut()?.lease = Time::Come,
            Action::NextAttemptComes => *record.next_attempt.as_mut()? = Time::Come,
            Action::LookComes => *record.look.as_mut()? = Time::Come,
            Action::DueComes => *record.due.as_mut()? = Time::Come,
            Action::EntryVanishes => state.queued = false,
            Action::Sweep => {
                *record = step(*record, Operation::CountQueued(Read::AsItIs))?;
                state.queued = true;
            }
            Action::Claim(i) => {
                *record = if self.design == Design::UnconditionalClaim {
                    Operation::Claim(i).of(*record)
                } else {
                    step(*record, Operation::Claim(i))?
                };
                state.workers[i] = Worker::Claimed;
            }
            Action::LateClaim(i) => *record = step(*record, Operation::Claim(i))?,
            Action::TakeOver(i) => {
                *record = step(*record, Operation::TakeOver(i))?;
                state.workers[i] = Worker::Knows(Outcome::Ambiguous);
            }
            Action::Release(i) => state.last_write(i, Operation::Release(i)),
            Action::Requeue(i) => {
                state.last_write(i, Operation::Requeue(i));
                state.queued = true;
            }
            Action::PutOff(i) => state.workers[i] = Worker::Knows(Outcome::NotSent),
            Action::Intend(i) => state.workers[i] = self.pass_the_fence(record, i),
            Action::Send(i, server) => {
                let outcome = match server {
                    Server::Accepts => Outcome::Accepted,
                    Server::AcceptsAndItsReplyIsLost | Server::IsLostWithoutAccepting => {
                        Outcome::Ambiguous
                    }
                    Server::Answers(outcome) => outcome,
                };
                if matches!(server, Server::Accepts | Server::AcceptsAndItsReplyIsLost) {
                    // More than three are as bad as three.
                    state.acceptances = (state.acceptances + 1).min(3);
                }
                state.workers[i] = Worker::Knows(outcome);
            }
            Action::Conclude(i, again) => {
                let Worker::Knows(outcome) = state.workers[i] else {
                    return None;
                };
                let again = again == Again::Tried;
                let verdict = verdict(outcome, self.policy, record.marked, again);
                state.last_write(i, Operation::Conclude(i, verdict));
            }
            Action::Hold(i) => {
                let verdict = verdict(Outcome::NotSent, self.policy, record.marked, true);
                state.last_write(i, Operation::Hold(i, verdict));
            }
            Action::Crash(i) => state.end(i),
            Action::Retry => {
                *record = step(*record, Operation::Retry(Read::AsItIs))?;
                state.queued = true;
            }
            Action::Cancel => *record = step(*record, Operation::Cancel(Read::AsItIs))?,
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(DUPLICATES_MARKED, |_, state: &State| {
                state.acceptances < 2 || state.record.marked
            }),
            Property::always(SENT_IS_ACCEPTED, |_, state: &State| {
                state.record.status != Status::Sent || state.acceptances > 0
            }),
            Property::always(
                NOT_SENT_IS_NOT_ACCEPTED,
                |_,
                 State {
                     record,
                     acceptances,
                     ..
                 }| {
                    let ended = matches!(record.status, Status::Failed | Status::Cancelled);
                    !ended || record.marked || *acceptances == 0
                },
            ),
            Property::always(NOTHING_LOST, |_, State { record, .. }| {
                record.status.is_end() || record.due.is_some()
            }),
            Property::always(ENDED_IS_LEFT_ALONE, |_, State { record, .. }| {
                let alone = record.claim.is_none() && record.due.is_none();
                !record.status.is_end() || alone
            }),
            Property::sometimes("it is sent", |_, state: &State| {
                state.record.status == Status::Sent
            }),
            Property::sometimes("it fails", |_, state: &State| {
                state.record.status == Status::Failed
            }),
            Property::sometimes("nobody knows", |_, state: &State| {
                state.record.status == Status::Unknown
            }),
        ];
        if self.by_hand {
            properties.push(Property::sometimes(
                "it is cancelled",
                |_, state: &State| state.record.status == Status::Cancelled,
            ));
        } else {
            properties.push(Property::always(ACCEPTANCES, |model: &Self, state| {
                let at_most = match model.policy {
                    Ambiguous::Hold => 1,
                    Ambiguous::Retry => 2,
                };
                state.acceptances <= at_most
            }));
        }
        properties
    }
}

const DUPLICATES_MARKED: &str = "what was accepted twice is marked";
const SENT_IS_ACCEPTED: &str = "what is sent was accepted";
const NOT_SENT_IS_NOT_ACCEPTED: &str = "what failed or was cancelled, unmarked, was not accepted";
const NOTHING_LOST: &str = "what has not ended is looked at again";
const ENDED_IS_LEFT_ALONE: &str = "what has ended is nobody's and not looked at again";
const ACCEPTANCES: &str = "hold: at most one acceptance; retry: at most two";

impl Delivery {
    /// What becomes of a worker that asks whether the body may leave.
    fn pass_the_fence(&self, record: &mut Record, worker: usize) -> Worker {
        let passed = match self.design {
            Design::WithoutFence => Some(*record),
            Design::LeaseOnly => {
                let running = |claim: &Claim| claim.lease == Time::Ahead;
                let holds =
                    record.is_owned_by(worker) && record.claim.as_ref().is_some_and(running);
                holds.then_some(*record)
            }
            Design::Ours | Design::UnconditionalClaim => step(*record, Operation::Intend(worker)),
        };
        match passed {
            Some(passed) => {
                *record = passed;
                Worker::Fenced
            }
            None => Worker::Idle,
        }
    }
}

impl State {
    /// The worker writes this, if it may, and is done.
    fn last_write(&mut self, worker: usize, operation: Operation) {
        self.record = step(self.record, operation).unwrap_or(self.record);
        self.end(worker);
    }

    fn end(&mut self, worker: usize) {
        self.workers[worker] = Worker::Idle;
        if let Some(claim) = &mut self.record.claim
            && claim.owner == Owner::Worker(worker)
        {
            claim.owner = Owner::Gone;
        }
    }
}
