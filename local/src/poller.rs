//! What stands between a queue and a function: Lambda's event source mapping, as the AWS manual describes it.
//!
//! Batches of up to ten, several at a time; while an entry of a group is in flight no other of that group is handed out;
//! what the function reports as failed (`ReportBatchItemFailures`) comes again, and goes to the dead-letter queue after
//! [`MAX_RECEIVES`](crate::embedded::MAX_RECEIVES) attempts. Deleting an entry frees its group even before the batch has ended.

mod groups;
mod settle;

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::groups::{Entry, Groups};
use self::settle::{Settle, Settled};
use crate::embedded::Embedded;

/// How many batches are handed out at a time.
const CONCURRENCY: usize = 8;
/// How many entries are held back for their group's sake before no more are received: what SQS has in flight at most.
const MAX_HELD: usize = 20_000;
/// While the poller holds an entry, nobody else is to see it: the longest that SQS grants.
const VISIBILITY: i32 = 43_200;

/// Hands the entries of a queue to a function.
#[derive(Debug)]
pub struct Poller {
    queue: Client,
    queue_url: String,
    deleted: broadcast::Receiver<String>,
    retry_after: Duration,
}

impl Poller {
    /// For the queue of deliveries; what fails comes again after `retry_after` (whole seconds).
    #[must_use]
    pub fn new(embedded: &Embedded, retry_after: Duration) -> Self {
        Self {
            queue: embedded.queue.clone(),
            queue_url: embedded.queue_url.clone(),
            deleted: embedded.deleted_receipts(),
            retry_after,
        }
    }

    /// The same for the queue in which producers ask for messages. It isn't FIFO: each entry is a group of its own.
    #[must_use]
    pub fn of_requests(embedded: &Embedded, retry_after: Duration) -> Self {
        Self {
            queue_url: embedded.requests_url.clone(),
            ..Self::new(embedded, retry_after)
        }
    }

    /// Hands out batches until `stop` holds true, then waits for those that are out.
    ///
    /// The handler takes an SQS event and gives `{"batchItemFailures": [{"itemIdentifier": …}]}`. As with Lambda, an error, a
    /// panic or an answer that names an entry outside the batch fails the whole batch.
    pub async fn run<H, F, E>(mut self, handler: H, mut stop: watch::Receiver<bool>)
    where
        H: Fn(Value) -> F,
        F: Future<Output = Result<Value, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let settle = Settle {
            queue: self.queue.clone(),
            queue_url: self.queue_url.clone().into(),
            retry_after: self.retry_after,
        };
        let mut groups = Groups::default();
        let mut batches: JoinSet<Vec<(String, Settled)>> = JoinSet::new();
        // Kept over the turns of the loop: dropped half-way, it could take entries out of sight and lose them.
        let mut receiving: Option<Pin<Box<dyn Future<Output = Vec<Message>> + Send>>> = None;
        loop {
            while batches.len() < CONCURRENCY
                && let Some(batch) = groups.next_batch()
            {
                let answer = handler(event(&batch));
                batches.spawn(settle.clone().batch(batch, answer));
            }
            if receiving.is_none() && groups.held() < MAX_HELD {
                receiving = Some(Box::pin(receive(
                    self.queue.clone(),
                    self.queue_url.clone(),
                )));
            }
            let received = async {
                match &mut receiving {
                    Some(receiving) => receiving.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = crate::stopped(&mut stop) => break,
                Some(settled) = batches.join_next(), if !batches.is_empty() => {
                    groups.settle(settled.unwrap_or_default());
                }
                Ok(receipt) = self.deleted.recv() => groups.release(&receipt),
                messages = received => {
                    receiving = None;
                    for message in messages {
                        groups.hold(entry(message, &self.queue_url));
                    }
                }
                () = expired(groups.next_expiry()) => groups.expire(Instant::now()),
            }
        }
        while batches.join_next().await.is_some() {}
    }
}

async fn expired(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn receive(queue: Client, queue_url: String) -> Vec<Message> {
    let received = queue
        .receive_message()
        .queue_url(queue_url)
        .max_number_of_messages(10)
        .visibility_timeout(VISIBILITY)
        .wait_time_seconds(20)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await;
    match received {
        Ok(received) => received.messages.unwrap_or_default(),
        Err(error) => {
            tracing::error!(%error, "the queue could not be read");
            tokio::time::sleep(Duration::from_secs(1)).await;
            Vec::new()
        }
    }
}

fn entry(message: Message, queue_url: &str) -> Entry {
    let attributes = message.attributes.unwrap_or_default();
    let attribute = |name| attributes.get(&name).cloned().unwrap_or_default();
    let id = message.message_id.unwrap_or_default();
    let receipt = message.receipt_handle.unwrap_or_default();
    let receives = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
    Entry {
        place: attribute(MessageSystemAttributeName::SequenceNumber),
        group: attributes
            .get(&MessageSystemAttributeName::MessageGroupId)
            .unwrap_or(&id)
            .clone(),
        receives: receives.parse().unwrap_or(1),
        record: json!({
            "messageId": id,
            "receiptHandle": receipt,
            "body": message.body,
            "attributes": attributes
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
                .collect::<serde_json::Map<_, _>>(),
            "messageAttributes": {},
            "md5OfBody": message.md5_of_body,
            "eventSource": "aws:sqs",
            "eventSourceARN": format!(
                "arn:aws:sqs:{}:123456789012:{}",
                crate::embedded::REGION,
                queue_url.rsplit('/').next().unwrap_or_default()
            ),
            "awsRegion": crate::embedded::REGION,
        }),
        id,
        receipt,
    }
}

fn event(batch: &[Entry]) -> Value {
    let records: Vec<_> = batch.iter().map(|entry| &entry.record).collect();
    json!({ "Records": records })
}

#[cfg(test)]
mod tests;
