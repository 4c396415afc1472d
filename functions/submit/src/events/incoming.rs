//! What Lambda hands over beside HTTP requests, told by its shape.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use shared::aws::batch::Batch;

/// What isn't an HTTP request.
#[derive(Debug)]
pub enum Incoming {
    /// Entries of the producers' queue.
    Batch(Batch),
    /// An event of EventBridge.
    Event(Requested),
}

/// An event of EventBridge.
#[derive(Debug, Deserialize)]
pub struct Requested {
    /// What EventBridge calls it; the same when it comes again.
    pub id: String,
    /// What it is.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// What it carries, as it was written.
    pub detail: Box<RawValue>,
}

impl Incoming {
    /// Reads an invocation's payload; nothing where it is an HTTP request. What the request says can't make it another: its body and
    /// headers are inside fields of their own.
    ///
    /// # Errors
    /// When it has the mark of a batch or an event, and isn't one.
    pub fn read(payload: &str) -> Result<Option<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Shape {
            #[serde(rename = "Records")]
            records: Option<IgnoredAny>,
            #[serde(rename = "detail-type")]
            detail_type: Option<IgnoredAny>,
        }
        let Shape {
            records,
            detail_type,
        } = serde_json::from_str(payload)?;
        if records.is_some() {
            return serde_json::from_str(payload).map(Self::Batch).map(Some);
        }
        if detail_type.is_some() {
            return serde_json::from_str(payload).map(Self::Event).map(Some);
        }
        Ok(None)
    }
}
