//! The end of a batch: what succeeded is deleted, what failed is put back.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use serde_json::Value;
use tokio::time::Instant;

use super::VISIBILITY;
use super::groups::Entry;
use crate::embedded::MAX_RECEIVES;

/// What became of an entry when its batch had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is out of the queue, or as good as: its group is free.
    Done,
    /// It comes again, and its group waits for it at most until then.
    Again(Instant),
}

#[derive(Clone)]
pub(super) struct Settle {
    pub(super) queue: Client,
    pub(super) queue_url: Arc<str>,
    pub(super) retry_after: Duration,
}

impl Settle {
    pub(super) async fn batch<F, E>(self, batch: Vec<Entry>, answer: F) -> Vec<(String, Settled)>
    where
        F: Future<Output = Result<Value, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        // In a task of its own, so that a panic ends as a failed batch.
        let failed = match tokio::spawn(answer).await {
            Ok(Ok(answer)) => failures(&batch, &answer),
            Ok(Err(error)) => {
                tracing::error!(%error, "a batch failed");
                None
            }
            Err(error) => {
                tracing::error!(%error, "a batch broke off");
                None
            }
        };
        let mut settled = Vec::with_capacity(batch.len());
        for entry in batch {
            let again = failed.as_ref().is_none_or(|ids| ids.contains(&entry.id));
            let outcome = if again {
                self.put_back(&entry).await
            } else {
                self.delete(&entry).await
            };
            settled.push((entry.receipt, outcome));
        }
        settled
    }

    async fn delete(&self, entry: &Entry) -> Settled {
        let deleted = self
            .queue
            .delete_message()
            .queue_url(&*self.queue_url)
            .receipt_handle(&entry.receipt)
            .send()
            .await;
        if let Err(error) = deleted {
            tracing::warn!(%error, message = entry.id, "an entry could not be deleted");
        }
        Settled::Done
    }

    async fn put_back(&self, entry: &Entry) -> Settled {
        // After its last attempt the queue itself moves it away, as soon as it is visible.
        let last = entry.receives >= MAX_RECEIVES;
        let wait = if last {
            Duration::ZERO
        } else {
            self.retry_after
        };
        let changed = self
            .queue
            .change_message_visibility()
            .queue_url(&*self.queue_url)
            .receipt_handle(&entry.receipt)
            .visibility_timeout(i32::try_from(wait.as_secs()).unwrap_or(VISIBILITY))
            .send()
            .await;
        match changed {
            Ok(_) if last => Settled::Done,
            // A second for the queue to notice: should it not come by then, it was deleted by somebody else.
            Ok(_) => Settled::Again(Instant::now() + wait + Duration::from_secs(1)),
            // The function deleted it, though it reported it as failed.
            Err(_) => Settled::Done,
        }
    }
}

/// The failed entries of a batch; `None` when all are.
pub(super) fn failures(batch: &[Entry], answer: &Value) -> Option<Vec<String>> {
    let failures = match &answer["batchItemFailures"] {
        Value::Null => return Some(Vec::new()),
        failures => failures.as_array()?,
    };
    failures
        .iter()
        .map(|failure| {
            let id = failure["itemIdentifier"].as_str()?;
            batch
                .iter()
                .any(|entry| entry.id == id)
                .then(|| id.to_owned())
        })
        .collect()
}
