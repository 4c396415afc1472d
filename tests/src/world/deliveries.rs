//! The queue between the functions, in place of the event source that Lambda has.

use std::time::Duration;

use deliver::{Attributes, Batch, Entry};
use local::embedded::Embedded;
use tokio::time::Instant;

use super::World;

impl World {
    /// Hands everything in the queue to `deliver`, as Lambda would, until the queue is empty. How many entries failed; those are
    /// in the queue again.
    ///
    /// # Panics
    /// When the queue can't be read.
    pub async fn deliver(&self) -> usize {
        let Embedded {
            queue, queue_url, ..
        } = &*self.embedded;
        let mut failed = Vec::new();
        loop {
            let (receipts, records): (Vec<_>, Vec<_>) = self.receive().await.into_iter().unzip();
            if records.is_empty() {
                break;
            }
            let ids: Vec<_> = records.iter().map(|it| it.message_id.clone()).collect();
            let outcome = self.batch(records).await;
            for (receipt, id) in receipts.into_iter().zip(ids) {
                if outcome.contains(&id) {
                    failed.push(receipt);
                } else {
                    self.done(receipt).await;
                }
            }
        }
        for receipt in &failed {
            let show = queue.change_message_visibility().queue_url(queue_url);
            let shown = show.receipt_handle(receipt).visibility_timeout(0);
            shown.send().await.expect("the entry is shown again");
        }
        failed.len()
    }

    /// Takes every entry out of the queue: their bodies.
    ///
    /// # Panics
    /// When the queue can't be read.
    pub async fn take_queue(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let messages = self.receive().await;
            if messages.is_empty() {
                return bodies;
            }
            for (receipt, Entry { body, .. }) in messages {
                self.done(receipt).await;
                bodies.push(body);
            }
        }
    }

    /// Some entries of the queue with their receipts, which nobody else sees for a while.
    async fn receive(&self) -> Vec<(String, Entry)> {
        let Embedded {
            queue, queue_url, ..
        } = &*self.embedded;
        let receive = queue.receive_message().queue_url(queue_url);
        let received = receive.max_number_of_messages(10).send().await;
        let messages = received.expect("the queue answers").messages;
        let entry = |message: aws_sdk_sqs::types::Message| {
            let message_id = message.message_id.unwrap_or_default();
            let body = message.body.unwrap_or_default();
            let receipt = message.receipt_handle.unwrap_or_default();
            (receipt, entry(message_id, body))
        };
        messages
            .unwrap_or_default()
            .into_iter()
            .map(entry)
            .collect()
    }

    async fn done(&self, receipt: String) {
        let Embedded {
            queue, queue_url, ..
        } = &*self.embedded;
        let delete = queue.delete_message().queue_url(queue_url);
        let deleted = delete.receipt_handle(receipt).send().await;
        deleted.expect("the entry is deleted");
    }

    /// Hands entries with these bodies to `deliver`, in one batch. How many failed.
    pub async fn hand_over(&self, bodies: Vec<String>) -> usize {
        let records = bodies
            .into_iter()
            .enumerate()
            .map(|(index, body)| entry(index.to_string(), body));
        self.batch(records.collect()).await.len()
    }

    /// The ids of the entries that failed.
    async fn batch(&self, records: Vec<Entry>) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_mins(1);
        let batch = Batch { records };
        let outcome = deliver::handle(&self.functions.deliver, batch, deadline).await;
        let failures = outcome.batch_item_failures.into_iter();
        failures.map(|failure| failure.item_identifier).collect()
    }
}

fn entry(message_id: String, body: String) -> Entry {
    Entry {
        message_id,
        body,
        attributes: Attributes::default(),
    }
}
