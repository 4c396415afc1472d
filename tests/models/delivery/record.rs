//! A message's record as the protocol sees it, and what each write of `MessagesTable` makes of it.

use shared::model::retry::Ambiguous;

/// A record of a message with one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) status: Status,
    pub(crate) claim: Option<Claim>,
    /// `due_at`, of a record that is in the sweeper's index.
    pub(crate) due: Option<Time>,
    /// `next_attempt_at`.
    pub(crate) next_attempt: Option<Time>,
    /// `look_at`, of a message that waits for its connection and may be claimed before its next attempt.
    pub(crate) look: Option<Time>,
    /// `possible_duplicate`.
    pub(crate) marked: bool,
}

/// As in `shared::model::message`, but it can be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    Queued,
    Sending,
    Sent,
    Retrying,
    Failed,
    Unknown,
    Cancelled,
}

/// What a worker that has the message has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    pub(crate) owner: Owner,
    pub(crate) lease: Time,
    pub(crate) phase: Phase,
}

/// Each claim has an owner of its own. One whose worker is gone matches nobody's any more, so all of them are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Worker(usize),
    Gone,
}

/// A time that is compared with the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Time {
    Ahead,
    Come,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Before,
    Intent,
}

/// A conditional write of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Claim(usize),
    TakeOver(usize),
    Release(usize),
    Intend(usize),
    Conclude(usize, Verdict),
    /// As [`Self::Conclude`], of a message that waits for its connection.
    Hold(usize, Verdict),
    Requeue(usize),
    CountQueued(Read),
    Retry(Read),
    Cancel(Read),
}

/// What is different in the record since it was read for a write that depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    AsItIs,
    BeforeItsStatus,
    BeforeItWasQueued,
    BeforeItsAttempt,
}

/// What is written about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) marked: bool,
}

/// As in `shared::model::message`, but it can be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Accepted,
    Transient,
    Permanent,
    NotSent,
    Ambiguous,
}

impl Status {
    pub(crate) const ALL: [Self; 7] = [
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Retrying,
        Self::Failed,
        Self::Unknown,
        Self::Cancelled,
    ];

    pub(crate) fn is_end(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending | Self::Retrying)
    }
}

impl Record {
    /// A message just accepted.
    pub(crate) const NEW: Self = Self {
        status: Status::Queued,
        claim: None,
        due: Some(Time::Ahead),
        next_attempt: None,
        look: None,
        marked: false,
    };

    pub(crate) fn is_owned_by(&self, worker: usize) -> bool {
        self.claim
            .is_some_and(|claim| claim.owner == Owner::Worker(worker))
    }

    fn is_in(&self, phase: Phase) -> bool {
        self.claim.is_some_and(|claim| claim.phase == phase)
    }

    fn is_left_in(&self, phase: Phase) -> bool {
        let left = |claim: Claim| claim.lease == Time::Come && claim.phase == phase;
        self.status == Status::Sending && self.claim.is_some_and(left)
    }

    fn waits(&self) -> Status {
        if self.next_attempt.is_some() {
            Status::Retrying
        } else {
            Status::Queued
        }
    }
}

/// The record after `operation`; `None` where its condition refuses it.
pub(crate) fn step(record: Record, operation: Operation) -> Option<Record> {
    operation.is_allowed(record).then(|| operation.of(record))
}

impl Operation {
    fn is_allowed(self, record: Record) -> bool {
        match self {
            Self::Claim(worker) => {
                record.status == Status::Queued
                    || (record.status == Status::Retrying
                        && [record.next_attempt, record.look].contains(&Some(Time::Come)))
                    || record.is_left_in(Phase::Before)
                    || (record.is_owned_by(worker) && record.is_in(Phase::Before))
            }
            Self::TakeOver(worker) => {
                record.is_left_in(Phase::Intent) || record.is_owned_by(worker)
            }
            Self::Intend(worker) => record.is_owned_by(worker) && record.status == Status::Sending,
            Self::Release(worker)
            | Self::Conclude(worker, _)
            | Self::Hold(worker, _)
            | Self::Requeue(worker) => record.is_owned_by(worker),
            Self::CountQueued(read) => {
                matches!(read, Read::AsItIs | Read::BeforeItsAttempt)
                    && record.due == Some(Time::Come)
            }
            Self::Retry(read) => {
                let by_hand = [Status::Failed, Status::Unknown, Status::Retrying];
                read == Read::AsItIs && by_hand.contains(&record.status)
            }
            Self::Cancel(read) => {
                read == Read::AsItIs && matches!(record.status, Status::Queued | Status::Retrying)
            }
        }
    }

    /// What is written, whatever the record is.
    pub(crate) fn of(self, record: Record) -> Record {
        // An update can't put a record into the index that isn't there.
        let due = record.due.and(Some(Time::Ahead));
        let claimed = |worker, phase| {
            let (owner, lease) = (Owner::Worker(worker), Time::Ahead);
            Some(Claim {
                owner,
                lease,
                phase,
            })
        };
        match self {
            Self::Claim(worker) => Record {
                status: Status::Sending,
                claim: claimed(worker, Phase::Before),
                due: Some(Time::Ahead),
                ..record
            },
            Self::TakeOver(worker) => Record {
                claim: record.claim.and_then(|claim| claimed(worker, claim.phase)),
                due,
                ..record
            },
            Self::Release(_) => Record {
                status: record.waits(),
                claim: None,
                due,
                ..record
            },
            Self::Intend(_) => Record {
                claim: record.claim.map(|claim| Claim {
                    phase: Phase::Intent,
                    ..claim
                }),
                ..record
            },
            Self::Conclude(_, Verdict { status, marked }) => {
                let again = (status == Status::Retrying).then_some(Time::Ahead);
                Record {
                    status,
                    claim: None,
                    due: again,
                    next_attempt: again,
                    look: None,
                    marked,
                }
            }
            Self::Hold(worker, verdict) => Record {
                look: Some(Time::Ahead),
                ..Self::Conclude(worker, verdict).of(record)
            },
            Self::Requeue(_) => Record {
                status: record.waits(),
                claim: None,
                due: Some(Time::Ahead),
                ..record
            },
            Self::CountQueued(_) => Record { due, ..record },
            Self::Retry(_) => Record {
                marked: record.marked || record.status == Status::Unknown,
                ..Record::NEW
            },
            Self::Cancel(_) => Record {
                status: Status::Cancelled,
                claim: None,
                due: None,
                next_attempt: None,
                ..record
            },
        }
    }
}

/// What an attempt's outcome makes of a message that may be tried `again`, or has been tried for too long.
pub(crate) fn verdict(outcome: Outcome, policy: Ambiguous, marked: bool, again: bool) -> Verdict {
    let given_up = if marked {
        Status::Unknown
    } else {
        Status::Failed
    };
    let (status, marked) = match outcome {
        Outcome::Accepted => (Status::Sent, marked),
        Outcome::Permanent => (Status::Failed, marked),
        Outcome::Transient | Outcome::NotSent if again => (Status::Retrying, marked),
        Outcome::Transient | Outcome::NotSent => (given_up, marked),
        Outcome::Ambiguous if again && policy == Ambiguous::Retry && !marked => {
            (Status::Retrying, true)
        }
        Outcome::Ambiguous => (Status::Unknown, marked),
    };
    Verdict { status, marked }
}
