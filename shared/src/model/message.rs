//! A message from its acceptance to its end: the record, and what an attempt's outcome makes of it.

mod by_hand;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::email::EmailAddress;
use super::health::Trouble;
use super::ids::MessageId;
use super::reply::Reply;
use super::retry::{self, Ambiguous, Patience};
use super::sender::Decision;
use super::submission::Content;
use super::timestamp::Timestamp;

pub use by_hand::NotPossible;

/// A message as its tenant sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its identifier.
    #[schema(value_type = String, example = "msg_01KAX3M9Y8Q2W5R7T0V4N6B1ZC")]
    pub id: MessageId,
    /// Where it is.
    pub status: Status,
    /// Who sends it, decided at acceptance and again at every attempt.
    #[serde(flatten)]
    pub decision: Decision,
    /// Each recipient with its own outcome.
    pub recipients: Vec<Recipient>,
    /// The attempts so far, oldest first: where there were more than fifty, the first ten and the last forty. Of a
    /// reply's text there are at most 500 characters.
    pub attempts: Vec<Attempt>,
    /// The subject.
    pub subject: String,
    /// The Message-ID header, fixed at acceptance: a recipient's server can tell a repeated attempt by it.
    pub message_id: String,
    /// Whether an attempt ended without telling whether it succeeded, and another followed.
    pub possible_duplicate: bool,
    /// Whether it reached some recipients and not others.
    #[serde(default)]
    pub partial: bool,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its record last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it is tried again; where it waits for its connection, that is looked at before, and it may be sooner.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    /// Why nobody can send it at present; it is retried without counting attempts.
    pub parked: Option<String>,
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted; the first attempt is to come.
    Queued,
    /// An attempt is under way.
    Sending,
    /// No recipient is open, and at least one was accepted.
    Sent,
    /// An attempt failed in a way that may pass; another is to come.
    Retrying,
    /// No recipient was accepted, and none will be.
    Failed,
    /// Nobody can tell whether it arrived, and it is not tried again by itself.
    Unknown,
    /// It was stopped by hand before its next attempt.
    Cancelled,
}

impl Status {
    /// What a text must be to be read as one.
    pub const NAMES: &str = "must be queued, sending, sent, retrying, failed, unknown or cancelled";
}

impl FromStr for Status {
    type Err = serde::de::value::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::deserialize(text.into_deserializer())
    }
}

/// A recipient and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recipient {
    /// The address.
    #[schema(value_type = String, format = Email)]
    pub email: EmailAddress,
    /// The header that names it; Bcc is in none.
    pub kind: RecipientKind,
    /// What became of it.
    pub status: RecipientStatus,
    /// The server's last word on it.
    pub reply: Option<Reply>,
}

/// The list in which a recipient was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecipientKind {
    /// `to`
    To,
    /// `cc`
    Cc,
    /// `bcc`
    Bcc,
}

/// What became of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecipientStatus {
    /// Still to be tried; of a cancelled message, no longer.
    Open,
    /// The server took the message for it.
    Accepted,
    /// The server refused it for good, or it was given up.
    Refused,
    /// The session was lost before the server said whether it took the message, and no attempt has told since.
    Unknown,
}

/// One attempt at delivering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The reply that decided.
    pub reply: Option<Reply>,
    /// Why it ended without one.
    pub reason: Option<String>,
    /// Whether it counts among the message's attempts, after each of which the next one is further off. One that ended because the
    /// connection is suspended or backing off does not.
    #[serde(default = "counted")]
    pub counted: bool,
}

const fn counted() -> bool {
    true
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server took the message, for at least one recipient.
    Accepted,
    /// A 4xx reply: it may be taken later.
    Transient,
    /// A 5xx reply, or the message can't be sent through this server.
    Permanent,
    /// The message did not leave: no connection, no login, or the session was lost before the end of the body.
    NotSent,
    /// The session was lost after the end of the body and before the reply: it may or may not have been taken.
    Ambiguous,
}

/// What is learnt of an attempt, ready to be applied to its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptResult {
    /// The attempt.
    pub attempt: Attempt,
    /// What is now known of each recipient that was tried, by its address.
    pub recipients: Vec<(EmailAddress, RecipientStatus, Option<Reply>)>,
    /// The least to wait before another attempt; exactly that where the connection is in trouble.
    pub wait: Duration,
    /// What is wrong with the connection.
    pub trouble: Option<Trouble>,
}

/// How many attempts are kept of the beginning of a message's history, and how many of its end.
const FIRST_KEPT: usize = 10;
const LAST_KEPT: usize = 40;

impl Message {
    /// The record of a message at its acceptance.
    #[must_use]
    pub fn accepted(
        id: MessageId,
        decision: Decision,
        content: &Content,
        metadata: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Self {
        let list = |mailboxes: &[super::email::Mailbox], kind| {
            mailboxes
                .iter()
                .map(move |mailbox| Recipient {
                    email: mailbox.email.clone(),
                    kind,
                    status: RecipientStatus::Open,
                    reply: None,
                })
                .collect::<Vec<_>>()
        };
        let message_id = format!(
            "<{}@{}>",
            id.to_string().replace('_', "."),
            decision.effective.from.email.ascii_domain()
        );
        Self {
            id,
            status: Status::Queued,
            decision,
            recipients: [
                list(&content.to, RecipientKind::To),
                list(&content.cc, RecipientKind::Cc),
                list(&content.bcc, RecipientKind::Bcc),
            ]
            .concat(),
            attempts: Vec::new(),
            subject: content.subject.clone(),
            message_id,
            possible_duplicate: false,
            partial: false,
            metadata,
            created_at: now,
            updated_at: now,
            next_attempt_at: None,
            parked: None,
        }
    }

    /// The addresses that the next attempt is for, each once.
    #[must_use]
    pub fn open_recipients(&self) -> Vec<EmailAddress> {
        let mut open: Vec<EmailAddress> = Vec::new();
        for recipient in self
            .recipients
            .iter()
            .filter(|recipient| recipient.status == RecipientStatus::Open)
        {
            if !open.contains(&recipient.email) {
                open.push(recipient.email.clone());
            }
        }
        open
    }

    /// Applies an attempt's result: to its end when no recipient is open, else `retrying` until it is given up. An ambiguous attempt
    /// leaves it open what became of those it says nothing about. `chance` is any random number; it spreads the retries.
    pub fn conclude(
        &mut self,
        result: AttemptResult,
        patience: &mut Patience,
        policy: Ambiguous,
        now: Timestamp,
        chance: u16,
    ) {
        let attempt = patience.count(result.attempt.counted);
        let next = match result.trouble {
            None => now + retry::backoff(attempt, chance).max(result.wait),
            Some(_) => now + result.wait,
        };
        patience.unpark(now);
        let again = !patience.gives_up(self.created_at, next);
        let ambiguous = result.attempt.outcome == Outcome::Ambiguous;
        // Once is worth a possible duplicate, so that nothing is lost; twice would only make more of them.
        let repeat = again && policy == Ambiguous::Retry && !self.possible_duplicate;
        for recipient in &mut self.recipients {
            if recipient.status != RecipientStatus::Open {
                continue;
            }
            let mut known = result.recipients.iter();
            match known.find(|(address, ..)| *address == recipient.email) {
                Some((_, status, reply)) => {
                    recipient.status = *status;
                    recipient.reply = reply.clone().map(Reply::shortened);
                }
                None if ambiguous => recipient.status = RecipientStatus::Unknown,
                None => continue,
            }
            if repeat && recipient.status == RecipientStatus::Unknown {
                recipient.status = RecipientStatus::Open;
            }
        }
        self.possible_duplicate |= ambiguous && repeat;
        self.keep(result.attempt);
        self.parked = None;
        match result.trouble {
            Some(Trouble::Refused(reason)) => self.park(patience, reason, now, result.wait),
            Some(Trouble::Unwell(_)) | None => self.settle(now, again.then_some(next)),
        }
    }

    /// Puts the next attempt off to `until`, as the connection has trouble, without counting one. Its three days go on; where they are
    /// over by then, the message is given up, and the history says why.
    pub fn back_off(
        &mut self,
        patience: &mut Patience,
        reason: &str,
        until: Timestamp,
        now: Timestamp,
    ) {
        patience.unpark(now);
        let waits = !patience.gives_up(self.created_at, until);
        self.put_off(reason, until, now, waits);
    }

    /// Puts the next attempt off to `until`, as the connection's limit is reached, without counting one. Its three days stand still
    /// meanwhile; where it would wait for more than fourteen days in all, the message is given up, and the history says why.
    pub fn wait_for_start(&mut self, patience: &mut Patience, until: Timestamp, now: Timestamp) {
        patience.park(now);
        let waits = !patience.waits_in_vain(until);
        self.put_off("limit_reached", until, now, waits);
    }

    fn put_off(&mut self, reason: &str, until: Timestamp, now: Timestamp, waits: bool) {
        self.parked = None;
        if !waits {
            self.keep(Attempt {
                at: now,
                duration_ms: 0,
                outcome: Outcome::NotSent,
                reply: None,
                reason: Some(reason.to_owned()),
                counted: false,
            });
        }
        self.settle(now, waits.then_some(until));
    }

    /// Puts the next attempt off without counting one: nobody can send it at present.
    pub fn park(
        &mut self,
        patience: &mut Patience,
        reason: String,
        now: Timestamp,
        wait: Duration,
    ) {
        self.parked = Some(reason);
        patience.park(now);
        let next = now + wait;
        self.settle(now, (!patience.waits_in_vain(next)).then_some(next));
    }

    /// Adds an attempt to the history, which keeps how it began and what came last: an item may have 400 KB.
    fn keep(&mut self, mut attempt: Attempt) {
        attempt.reply = attempt.reply.map(Reply::shortened);
        self.attempts.push(attempt);
        if self.attempts.len() > FIRST_KEPT + LAST_KEPT {
            self.attempts.remove(FIRST_KEPT);
        }
    }

    /// Where the message stands by its recipients. Without a next attempt, those still open are given up.
    fn settle(&mut self, now: Timestamp, next: Option<Timestamp>) {
        self.updated_at = now;
        if next.is_none() {
            self.give_up(RecipientStatus::Refused);
        }
        let open = self.count(RecipientStatus::Open);
        let accepted = self.count(RecipientStatus::Accepted);
        let unknown = self.count(RecipientStatus::Unknown);
        (self.status, self.next_attempt_at) = match (open, accepted, unknown) {
            (0, 0, 0) => (Status::Failed, None),
            (0, 0, _) => (Status::Unknown, None),
            (0, _, _) => (Status::Sent, None),
            _ => (Status::Retrying, next),
        };
        self.partial = self.status == Status::Sent && accepted < self.recipients.len();
    }

    /// Those still open are `status` from now on, but for those who may have it: that was not found out.
    fn give_up(&mut self, status: RecipientStatus) {
        let status = if self.possible_duplicate {
            RecipientStatus::Unknown
        } else {
            status
        };
        for recipient in &mut self.recipients {
            if recipient.status == RecipientStatus::Open {
                recipient.status = status;
            }
        }
    }

    fn count(&self, status: RecipientStatus) -> usize {
        let recipients = self.recipients.iter();
        recipients.filter(|r| r.status == status).count()
    }
}

#[cfg(test)]
mod tests;
