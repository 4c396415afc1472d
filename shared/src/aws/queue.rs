//! The queue of deliveries: SQS FIFO. An entry only names a message; the record decides what is done with it.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};
use serde::{Deserialize, Serialize};

use super::batch::Entry;
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

    /// Takes entries of one batch (ten at most) off the queue.
    ///
    /// # Errors
    /// When SQS doesn't answer. What it does not take off is left to come again: its message's record decides.
    pub async fn delete(&self, entries: &[&Entry]) -> Result<(), StorageError> {
        const OPERATION: &str = "delete queue entries";
        if entries.is_empty() {
            return Ok(());
        }
        let mut request = self.client.delete_message_batch().queue_url(&self.url);
        for (index, entry) in entries.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&entry.receipt_handle);
            let entry = entry.build();
            request = request.entries(entry.map_err(|e| StorageError::corrupt(OPERATION, e))?);
        }
        let deleted = request.send().await;
        deleted
            .map(|_| ())
            .map_err(|error| StorageError::sdk(OPERATION, error))
    }

    /// Has entries of one batch (ten at most) come again `after` so many seconds, instead of after the queue's visibility timeout, which
    /// is longer than any invocation.
    ///
    /// # Errors
    /// When SQS doesn't answer: then they come again after that.
    pub async fn show_again(
        &self,
        entries: &[&Entry],
        after: impl Fn(&Entry) -> i32,
    ) -> Result<(), StorageError> {
        const OPERATION: &str = "show queue entries again";
        if entries.is_empty() {
            return Ok(());
        }
        let request = self.client.change_message_visibility_batch();
        let mut request = request.queue_url(&self.url);
        for (index, entry) in entries.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&entry.receipt_handle)
                .visibility_timeout(after(entry));
            let entry = entry.build();
            request = request.entries(entry.map_err(|e| StorageError::corrupt(OPERATION, e))?);
        }
        let changed = request.send().await;
        changed
            .map(|_| ())
            .map_err(|error| StorageError::sdk(OPERATION, error))
    }
}

/// The seconds until an entry that failed comes again: 10, 30, 90, 270, so that a fault of some minutes does not spend all of its receives.
#[must_use]
pub fn again_after(entry: &Entry) -> i32 {
    let count = entry.attributes.approximate_receive_count.as_deref();
    let count: u32 = count.and_then(|count| count.parse().ok()).unwrap_or(1);
    10 * 3_i32.pow(count.saturating_sub(1).min(3))
}
