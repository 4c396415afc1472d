//! The queue of deliveries: SQS FIFO. An entry only names a message; the record decides what is done with it.

use aws_sdk_sqs::Client;
use serde::{Deserialize, Serialize};

use super::error::StorageError;
use crate::model::ids::{ConnectionId, MessageId};
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

/// How many batches of a connection may be in flight at once.
const SLOTS: u128 = 4;

impl DeliveryQueue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    /// Puts a message into the queue, for the `enqueued`-th time. SQS drops an entry whose number it has seen within five minutes,
    /// so the number is counted up in the record before the entry is sent.
    ///
    /// # Errors
    /// When SQS doesn't take it.
    pub async fn push(
        &self,
        delivery: &Delivery,
        connection: ConnectionId,
        enqueued: u32,
    ) -> Result<(), StorageError> {
        const OPERATION: &str = "queue a delivery";
        let body = serde_json::to_string(delivery)
            .map_err(|error| StorageError::corrupt(OPERATION, error))?;
        let slot = delivery.message_id.random_part() % SLOTS;
        let request = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(format!("{connection}-{slot}"))
            .message_deduplication_id(format!("{}-{enqueued}", delivery.message_id));
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StorageError::sdk(OPERATION, error))
    }
}
