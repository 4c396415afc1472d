//! The event about a message that was asked for by an event and not accepted.

use serde::Serialize;

use super::{Detail, Event};
use crate::model::field::FieldError;
use crate::model::tenant::Tenant;
use crate::model::timestamp::Timestamp;

/// The most field errors that are passed on: who sends nonsense doesn't get as much back.
const MAX_ERRORS: usize = 20;
/// The most characters of a text that may name the producer's own fields.
const MAX_TEXT: usize = 300;

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// EventBridge; its `id` names the event.
    EventBridge,
    /// The producers' queue; the `MessageId` of SQS names the entry.
    Queue,
}

impl Source {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventBridge => "event_bridge",
            Self::Queue => "queue",
        }
    }
}

/// A message was asked for by an event and not accepted: why, as `POST /v1/messages` would have answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Whose message, where the event names somebody who can be a tenant.
    pub tenant: Option<Tenant>,
    /// Where the event came from.
    pub source: Source,
    /// What it is called there.
    pub event_id: String,
    /// The name of the problem, `validation` for instance.
    pub problem: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// What is wrong with which field of the event's detail: the first twenty.
    pub errors: Vec<FieldError>,
    /// When it was looked at first.
    pub rejected_at: Timestamp,
}

impl Event {
    /// The event `rejected` tells of. Long texts are cut.
    #[must_use]
    pub fn rejected(mut rejected: Rejected) -> Self {
        rejected.errors.truncate(MAX_ERRORS);
        let pointers = rejected.errors.iter_mut().map(|error| &mut error.pointer);
        for text in pointers.chain([&mut rejected.detail, &mut rejected.event_id]) {
            if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
                text.truncate(end);
                text.push('…');
            }
        }
        Self {
            detail_type: "Message Rejected",
            detail: Detail::Rejected(Box::new(rejected)),
        }
    }
}
