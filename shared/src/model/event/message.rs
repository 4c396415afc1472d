//! Events about what became of a message.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Detail, Event};
use crate::model::email::EmailAddress;
use crate::model::ids::{ConnectionId, MessageId};
use crate::model::message::{Message, Outcome, RecipientKind, RecipientStatus, Status};
use crate::model::reply::Reply;
use crate::model::sender::{Effective, Requested, Rule};
use crate::model::tenant::Tenant;
use crate::model::timestamp::Timestamp;

/// The most octets of metadata in an event. The record has them as well, and an item may have 400 KB: an outcome must not fail to be
/// written for the sake of its event.
const MAX_METADATA: usize = 32 * 1024;

/// What became of a message: neither its subject nor its content, nor what the server wrote beside its codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Whose message.
    pub tenant: Tenant,
    /// Which one.
    pub message_id: MessageId,
    /// Where it is.
    pub status: Status,
    /// The connection that was used, or would be.
    pub connection_id: ConnectionId,
    /// Which rule chose it.
    pub rule: Rule,
    /// The sender that was asked for.
    pub requested: Requested,
    /// The sender that was used.
    pub effective: Effective,
    /// Each recipient with its own outcome.
    pub recipients: Vec<RecipientOutcome>,
    /// How many attempts its history has.
    pub attempts: usize,
    /// The last one.
    pub last_attempt: Option<LastAttempt>,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
    /// Why nobody can send it at present.
    pub parked: Option<String>,
    /// Whether it reached some recipients and not others.
    pub partial: bool,
    /// Whether it may have arrived twice.
    pub possible_duplicate: bool,
    /// The caller's own notes; `None` when they are over 32 KiB together, and then to be read with the message.
    pub metadata: Option<BTreeMap<String, String>>,
    /// When the message was accepted.
    pub created_at: Timestamp,
    /// When this happened.
    pub updated_at: Timestamp,
}

/// A recipient and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecipientOutcome {
    /// The address.
    pub email: EmailAddress,
    /// The header that names it; Bcc is in none.
    pub kind: RecipientKind,
    /// What became of it.
    pub status: RecipientStatus,
    /// The server's last word on it.
    pub reply: Option<Answer>,
}

/// An attempt at delivering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastAttempt {
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// The reply that decided.
    pub reply: Option<Answer>,
    /// Why it ended without one.
    pub reason: Option<String>,
}

/// The codes of a reply. Its text stays with the message: a server may quote there what it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The three-digit code.
    pub code: u16,
    /// The enhanced status code (RFC 3463).
    pub enhanced: Option<String>,
}

impl From<&Reply> for Answer {
    fn from(reply: &Reply) -> Self {
        Self {
            code: reply.code,
            enhanced: reply.enhanced.clone(),
        }
    }
}

impl Event {
    /// What the change of a message from `before` to `after` tells; nothing when it was looked at without an attempt and waits for the
    /// same reason as before.
    #[must_use]
    pub fn delivered(tenant: &Tenant, before: &Message, after: &Message) -> Option<Self> {
        let detail_type = match after.status {
            Status::Sent => "Message Sent",
            Status::Failed => "Message Failed",
            Status::Unknown => "Message Unknown",
            Status::Retrying
                if after.attempts.len() > before.attempts.len()
                    || after.attempts.last() != before.attempts.last()
                    || after.parked != before.parked =>
            {
                "Message Deferred"
            }
            _ => return None,
        };
        let size = |(key, value): (&String, &String)| key.len() + value.len();
        let metadata_size: usize = after.metadata.iter().map(size).sum();
        let last = after.attempts.last();
        let detail = Delivered {
            tenant: tenant.clone(),
            message_id: after.id,
            status: after.status,
            connection_id: after.decision.effective.connection_id,
            rule: after.decision.rule,
            requested: after.decision.requested.clone(),
            effective: after.decision.effective.clone(),
            recipients: after
                .recipients
                .iter()
                .map(|recipient| RecipientOutcome {
                    email: recipient.email.clone(),
                    kind: recipient.kind,
                    status: recipient.status,
                    reply: recipient.reply.as_ref().map(Answer::from),
                })
                .collect(),
            attempts: after.attempts.len(),
            last_attempt: last.map(|attempt| LastAttempt {
                at: attempt.at,
                outcome: attempt.outcome,
                reply: attempt.reply.as_ref().map(Answer::from),
                reason: attempt.reason.clone(),
            }),
            next_attempt_at: after.next_attempt_at,
            parked: after.parked.clone(),
            partial: after.partial,
            possible_duplicate: after.possible_duplicate,
            metadata: (metadata_size <= MAX_METADATA).then(|| after.metadata.clone()),
            created_at: after.created_at,
            updated_at: after.updated_at,
        };
        Some(Self {
            detail_type,
            detail: Detail::Delivered(Box::new(detail)),
        })
    }
}
