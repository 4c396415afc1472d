//! The queue of deliveries: SQS FIFO. An entry only names a message; the record decides what is done with it.

use aws_sdk_sqs::Client;
use serde::{Deserialize, Serialize};

use super::error::StorageError;
use super::messages::Record;
use crate::model::ids::MessageId;
use crate::model::tenant::Tenant;

/// What the queue carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Whose message.
    pub tenant: Tenant,
    /// Which one.
    pub message_id: MessageId,
}

/// The queue of deliveries.
#[derive(Debug, Clone)]
pub struct DeliveryQueue {
    client: Client,
    url: String,
}

/// How many batches of a connection may be in flight at once, where it doesn't say how many sessions it may have.
const SLOTS: u32 = 4;

/// The group that a message is queued in: its connection's, and one of its slots. Entries of a group are worked on one after the other,
/// so a connection has no more sessions in use than slots; one without a limit may have idle ones besides.
#[must_use]
pub fn group(record: &Record) -> String {
    let slots = record.concurrency.unwrap_or(SLOTS).max(1);
    let slot = record.message.id.random_part() % u128::from(slots);
    format!("{}-{slot}", record.message.decision.effective.connection_id)
}

impl DeliveryQueue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    /// Puts a message into the queue, for the time that its record counts. SQS drops an entry whose number it has seen within five
    /// minutes, so the number is counted up in the table before the entry is sent.
    ///
    /// # Errors
    /// When SQS doesn't take it.
    pub async fn push(&self, record: &Record) -> Result<(), StorageError> {
        const OPERATION: &str = "queue a delivery";
        let body = serde_json::to_string(&record.delivery())
            .map_err(|error| StorageError::corrupt(OPERATION, error))?;
        let request = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(group(record))
            .message_deduplication_id(format!("{}-{}", record.message.id, record.enqueued));
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StorageError::sdk(OPERATION, error))
    }
}
