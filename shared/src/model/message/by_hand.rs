//! What a person makes of a message: once more, or no more.

use super::{Message, Patience, RecipientStatus, Status};
use crate::model::timestamp::Timestamp;

/// Why a message can't be retried or cancelled as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPossible(&'static str);

impl Message {
    /// Whether nobody can send it at present.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        self.status == Status::Retrying && self.parked.is_some()
    }

    /// Queues a `failed`, `unknown` or parked message once more, for every recipient who isn't known to have it. Those of whom
    /// nobody knows make it a possible duplicate. The waits begin anew.
    ///
    /// # Errors
    /// In any other state.
    pub fn retry(&mut self, patience: &mut Patience, now: Timestamp) -> Result<(), NotPossible> {
        match self.status {
            Status::Failed | Status::Unknown => {}
            Status::Retrying if self.is_parked() => {}
            Status::Queued => return Err(NotPossible("the message is queued: it is tried now")),
            Status::Sending => return Err(NotPossible(UNDER_WAY)),
            Status::Sent => return Err(NotPossible("the message was sent")),
            Status::Retrying => {
                return Err(NotPossible(
                    "the message is tried again by itself, at next_attempt_at",
                ));
            }
            Status::Cancelled => {
                return Err(NotPossible("the message was cancelled: submit it anew"));
            }
        }
        self.possible_duplicate |= self.count(RecipientStatus::Unknown) > 0;
        for recipient in &mut self.recipients {
            if recipient.status != RecipientStatus::Accepted {
                recipient.status = RecipientStatus::Open;
            }
        }
        *patience = Patience::renewed(now);
        self.status = Status::Queued;
        self.parked = None;
        self.next_attempt_at = None;
        self.updated_at = now;
        Ok(())
    }

    /// Stops a message between two attempts, or before the first. What its recipients have, they keep; a cancelled one stays so.
    ///
    /// # Errors
    /// While an attempt is under way, and when it has come to another end.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), NotPossible> {
        match self.status {
            Status::Cancelled => return Ok(()),
            Status::Queued | Status::Retrying => {}
            Status::Sending => return Err(NotPossible(UNDER_WAY)),
            Status::Sent => return Err(NotPossible("the message was sent")),
            Status::Failed => {
                return Err(NotPossible("the message has failed: nothing is to come"));
            }
            Status::Unknown => {
                return Err(NotPossible(
                    "the message may have arrived, and is not tried again by itself",
                ));
            }
        }
        self.give_up(RecipientStatus::Open);
        self.status = Status::Cancelled;
        self.partial = self.count(RecipientStatus::Accepted) > 0;
        self.parked = None;
        self.next_attempt_at = None;
        self.updated_at = now;
        Ok(())
    }
}

const UNDER_WAY: &str = "an attempt is under way: ask again when its outcome is known";
