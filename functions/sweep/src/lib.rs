//! Every minute: what is due is queued again, and secrets that no connection points to are deleted.
//!
//! Two sweeps may run at once: whoever writes first does the work. A sweep does a bounded amount of it; the rest is still due next time.

mod config;
mod messages;
mod secrets;

use shared::aws::connections::ConnectionsTable;
use shared::aws::error::StorageError;
use shared::aws::messages::MessagesTable;
use shared::aws::queue::DeliveryQueue;
use shared::clock::Clock;
use shared::metrics::Metrics;

pub use config::Config;

/// What this function may use.
#[derive(Debug)]
pub struct State {
    /// The table of connections: its notes of secrets to collect.
    pub connections: ConnectionsTable,
    /// The table of messages.
    pub messages: MessagesTable,
    /// The queue of deliveries, to fill.
    pub queue: DeliveryQueue,
    /// Secrets Manager, to delete.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Time.
    pub clock: Clock,
    /// What is counted and measured.
    pub metrics: Metrics,
}

/// The most items that a sweep looks at in one partition of an index.
const AT_MOST: i32 = 200;

/// One sweep.
///
/// # Errors
/// When storage fails. What was done stays done, the rest is still due.
pub async fn run(state: &State) -> Result<(), StorageError> {
    // One half's trouble is not the other's.
    let requeued = messages::requeue(state).await;
    let collected = secrets::collect(state).await;
    requeued.and(collected)
}
