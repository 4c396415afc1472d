//! What a change tells the outside: the attribute `event` of the item that the change wrote. Streams forward the items that have
//! one, so that there is no event without its change and no change without its event.

mod connection;
mod message;
mod rejection;

use serde::Serialize;

pub use connection::{Changed, Removed, Suspended, Verified};
pub use message::{Answer, Delivered, LastAttempt, RecipientOutcome};
pub use rejection::{Rejected, Source};

/// An event as it is forwarded. It holds no passwords and no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// EventBridge's detail type.
    pub detail_type: &'static str,
    /// EventBridge's detail.
    pub detail: Detail,
}

/// What an event says, by its detail type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Detail {
    /// `Connection Created` and `Connection Updated`
    Changed(Box<Changed>),
    /// `Connection Deleted`
    Removed(Box<Removed>),
    /// `Connection Verified`
    Verified(Box<Verified>),
    /// `Connection Suspended`
    Suspended(Box<Suspended>),
    /// `Message Sent`, `Message Deferred`, `Message Failed` and `Message Unknown`
    Delivered(Box<Delivered>),
    /// `Message Rejected`
    Rejected(Box<Rejected>),
}
