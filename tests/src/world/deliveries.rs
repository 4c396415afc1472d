//! The queue between the functions, in place of the event source that Lambda has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use local::Functions;
use local::embedded::Embedded;
use shared::aws::batch::{Attributes, Batch, Entry};
use tokio::time::Instant;

use super::World;

/// How long an invocation may take.
const INVOCATION: Duration = Duration::from_mins(1);

impl World {
    /// Hands everything in the queue to `deliver`, as Lambda would, until the queue is empty. How many entries failed; those are
    /// in the queue again.
    ///
    /// # Panics
    /// When the queue can't be read.
    pub async fn deliver(&self) -> usize {
        let mut failed = Vec::new();
        loop {
            let received = self.receive().await;
            if received.is_empty() {
                break;
            }
            failed.extend(self.work_on(received, INVOCATION).await);
        }
        self.show_again(&failed).await;
        failed.len()
    }

    /// Hands one batch of what is in the queue to `deliver`. How many entries failed.
    ///
    /// # Panics
    /// When the queue can't be read.
    pub async fn deliver_once(&self) -> usize {
        self.deliver_within(INVOCATION).await
    }

    /// The same, in an invocation that ends after `time`.
    ///
    /// # Panics
    /// When the queue can't be read.
    pub async fn deliver_within(&self, time: Duration) -> usize {
        let received = self.receive().await;
        let failed = self.work_on(received, time).await;
        self.show_again(&failed).await;
        failed.len()
    }

    /// The receipts of those that failed; the others are deleted.
    async fn work_on(&self, received: Vec<(String, Entry)>, time: Duration) -> Vec<String> {
        let (receipts, records): (Vec<_>, Vec<_>) = received.into_iter().unzip();
        let ids: Vec<_> = records.iter().map(|it| it.message_id.clone()).collect();
        let outcome = batch(&self.functions.deliver, records, time).await;
        let mut failed = Vec::new();
        for (receipt, id) in receipts.into_iter().zip(ids) {
            if outcome.contains(&id) {
                failed.push(receipt);
            } else {
                self.done(receipt).await;
            }
        }
        failed
    }

    async fn show_again(&self, receipts: &[String]) {
        let Embedded {
            queue, queue_url, ..
        } = &*self.embedded;
        for receipt in receipts {
            let show = queue.change_message_visibility().queue_url(queue_url);
            let shown = show.receipt_handle(receipt).visibility_timeout(0);
            shown.send().await.expect("the entry is shown again");
        }
    }

    /// The groups that the entries of the queue are in. The entries stay.
    ///
    /// # Panics
    /// When the queue can't be read.
    pub async fn queued_groups(&self) -> BTreeSet<String> {
        let (mut groups, mut receipts) = (BTreeSet::new(), Vec::new());
        loop {
            let received = self.receive().await;
            if received.is_empty() {
                break;
            }
            for (receipt, entry) in received {
                groups.extend(entry.attributes.message_group_id);
                receipts.push(receipt);
            }
        }
        self.show_again(&receipts).await;
        groups
    }

    /// Another instance of `deliver` on the same storage: with nothing in its memory.
    #[must_use]
    pub fn another_deliver(&self) -> Arc<deliver::State> {
        let dialer = &self.functions.deliver.dialer;
        Functions::new(&self.embedded, dialer, Vec::new(), &self.clock).deliver
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
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let received = receive.max_number_of_messages(10).send().await;
        let messages = received.expect("the queue answers").messages;
        let entry = |message: aws_sdk_sqs::types::Message| {
            let message_id = message.message_id.unwrap_or_default();
            let body = message.body.unwrap_or_default();
            let receipt = message.receipt_handle.unwrap_or_default();
            let attributes = message.attributes.unwrap_or_default();
            let group = attributes.get(&MessageSystemAttributeName::MessageGroupId);
            let entry = Entry {
                receipt_handle: receipt.clone(),
                ..entry(message_id, body, group.cloned())
            };
            (receipt, entry)
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

    /// Hands entries with these bodies to `deliver`, in one batch and in no group. How many failed.
    pub async fn hand_over(&self, bodies: Vec<String>) -> usize {
        hand_over_to(&self.functions.deliver, bodies).await
    }
}

/// As [`World::hand_over`], to an instance of `deliver`.
pub async fn hand_over_to(deliver: &Arc<deliver::State>, bodies: Vec<String>) -> usize {
    let bodies = bodies.into_iter().enumerate();
    let records = bodies.map(|(index, body)| entry(index.to_string(), body, None));
    batch(deliver, records.collect(), INVOCATION).await.len()
}

/// The ids of the entries that failed.
async fn batch(deliver: &Arc<deliver::State>, records: Vec<Entry>, time: Duration) -> Vec<String> {
    let deadline = Instant::now() + time;
    let outcome = deliver::handle(deliver, Batch { records }, deadline).await;
    let failures = outcome.batch_item_failures.into_iter();
    failures.map(|failure| failure.item_identifier).collect()
}

fn entry(message_id: String, body: String, message_group_id: Option<String>) -> Entry {
    Entry {
        message_id,
        receipt_handle: String::new(),
        body,
        attributes: Attributes {
            message_group_id,
            ..Attributes::default()
        },
    }
}
