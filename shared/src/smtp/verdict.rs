//! What became of a message (and of each recipient) in one transaction.

use super::diagnosis;
use super::failure::{Failure, FailureCode, Stage};
use super::reply::Reply;
use crate::model::email::EmailAddress;

/// Who sends to whom (RFC 5321 §2.3.1): what the server acts on, whatever the message's headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The address that bounces go to.
    pub from: EmailAddress,
    /// The recipients.
    pub to: Vec<EmailAddress>,
}

/// What the server said of one recipient. Whether an accepted one gets the message is the [`Verdict`]'s to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientOutcome {
    /// Taken: 2xx.
    Accepted(Reply),
    /// Not now: 4xx, 503.
    Transient(Reply),
    /// Not ever: 5xx.
    Permanent(Reply),
    /// Too many for this transaction (452, RFC 5321 §4.5.3.1.10), after others were taken: send to the rest in another, at once.
    Postponed(Reply),
    /// Not asked: the address needs SMTPUTF8 (RFC 6531), which the server does not have. Permanent.
    NeedsSmtputf8,
    /// Not asked, or not answered: the transaction ended before.
    Open,
}

impl RecipientOutcome {
    /// Whether the server took the recipient.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

/// Why a message was not offered to this server at all. Permanent: it would be the same at every attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impossible {
    /// It is larger than the server's limit (SIZE, RFC 1870).
    MessageTooLarge {
        /// The message's octets.
        size: u64,
        /// The most that the server takes.
        limit: u64,
    },
    /// The sender's address needs SMTPUTF8 (RFC 6531), which the server does not have.
    Smtputf8NotOffered,
    /// The message has octets above 127, and the server does not have 8BITMIME (RFC 6152).
    EightBitMimeNotOffered,
    /// The message holds a bare CR, a bare LF or a NUL.
    Malformed,
}

/// What judges the connection rather than the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionVerdict {
    /// 421 or 432: not this connection now.
    Unavailable(Reply),
    /// 5xx to MAIL: this login may not send from this address. Suspends the connection.
    SenderRefused(Reply),
    /// 530: log in again, once.
    LoginNeeded(Reply),
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The server took the message for every accepted recipient.
    Accepted(Reply),
    /// The server refused the message for now.
    Transient(Reply),
    /// The server refused the message.
    Permanent(Reply),
    /// The message was not offered. Permanent.
    Impossible(Impossible),
    /// No recipient was taken; each has its own outcome.
    NoRecipient,
    /// The message says nothing about itself here, the connection does.
    Connection(ConnectionVerdict),
    /// The session was lost before the last byte of the body left: the server can't have taken the message.
    NotSent(Failure),
    /// The session was lost after the last byte of the body left, without a reply: the server may have taken the message.
    Ambiguous(Failure),
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// One outcome for every recipient of the envelope, in its order.
    pub recipients: Vec<RecipientOutcome>,
    /// How it ended.
    pub verdict: Verdict,
    /// Whether the session ended the transaction cleanly and can take another.
    pub reusable: bool,
}

impl Transaction {
    /// The server's own words on the message, where there are any.
    #[must_use]
    pub const fn reply(&self) -> Option<&Reply> {
        match &self.verdict {
            Verdict::Accepted(reply)
            | Verdict::Transient(reply)
            | Verdict::Permanent(reply)
            | Verdict::Connection(
                ConnectionVerdict::Unavailable(reply)
                | ConnectionVerdict::SenderRefused(reply)
                | ConnectionVerdict::LoginNeeded(reply),
            ) => Some(reply),
            Verdict::NotSent(failure) | Verdict::Ambiguous(failure) => failure.reply.as_ref(),
            Verdict::Impossible(_) | Verdict::NoRecipient => None,
        }
    }
}

impl Transaction {
    /// Of a transaction with one recipient: the server's words on taking the message.
    ///
    /// # Errors
    /// Why it did not take it.
    pub fn into_reply(self) -> Result<Reply, Failure> {
        let refused =
            |reply: Reply, code| Err(Failure::new(Stage::Message, code).with_reply(reply));
        let unoffered = |code| Err(Failure::new(Stage::Message, code));
        match self.verdict {
            Verdict::Accepted(reply) => Ok(reply),
            Verdict::Transient(reply) | Verdict::Permanent(reply) => {
                let code = diagnosis::message(&reply, FailureCode::MessageRefused);
                refused(reply, code)
            }
            Verdict::NoRecipient => match self.recipients.into_iter().next() {
                Some(
                    RecipientOutcome::Transient(reply)
                    | RecipientOutcome::Postponed(reply)
                    | RecipientOutcome::Permanent(reply),
                ) => {
                    let code = diagnosis::message(&reply, FailureCode::RecipientRefused);
                    refused(reply, code)
                }
                _ => unoffered(FailureCode::RecipientRefused),
            },
            Verdict::Connection(
                ConnectionVerdict::Unavailable(reply)
                | ConnectionVerdict::SenderRefused(reply)
                | ConnectionVerdict::LoginNeeded(reply),
            ) => {
                let code = diagnosis::sender(&reply);
                refused(reply, code)
            }
            Verdict::Impossible(Impossible::Smtputf8NotOffered) => {
                unoffered(FailureCode::Smtputf8NotOffered)
            }
            Verdict::Impossible(_) => unoffered(FailureCode::MessageRefused),
            Verdict::NotSent(failure) | Verdict::Ambiguous(failure) => Err(failure),
        }
    }
}

/// The command that a reply answers: the same code means different things to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Mail,
    Data,
    Dot,
}

/// The verdict in a reply that is not the one hoped for; `None` where the reply makes no sense there.
pub(super) fn refusal(command: Command, reply: Reply) -> Option<Verdict> {
    Some(match reply.code {
        _ if reply.is_not_now() => Verdict::Connection(ConnectionVerdict::Unavailable(reply)),
        530 => Verdict::Connection(ConnectionVerdict::LoginNeeded(reply)),
        _ if reply.is_transient() => Verdict::Transient(reply),
        // Too large, and a parameter that the server does not take: about the message, not its sender.
        552 | 555 => Verdict::Permanent(reply),
        500..=599 if command == Command::Mail => {
            Verdict::Connection(ConnectionVerdict::SenderRefused(reply))
        }
        500..=599 => Verdict::Permanent(reply),
        _ => return None,
    })
}

/// What a reply to RCPT says; `None` where it makes no sense there. `others`: whether another recipient was taken before.
pub(super) fn recipient(reply: Reply, others: bool) -> Option<RecipientOutcome> {
    Some(match reply.code {
        200..=299 => RecipientOutcome::Accepted(reply),
        // Where nobody was taken, another transaction at once would end the same. 4.2.x is about the mailbox, not the number.
        452 if others
            && !reply
                .enhanced
                .as_deref()
                .is_some_and(|code| code.starts_with("4.2.")) =>
        {
            RecipientOutcome::Postponed(reply)
        }
        _ if reply.is_transient() => RecipientOutcome::Transient(reply),
        500..=599 => RecipientOutcome::Permanent(reply),
        _ => return None,
    })
}
