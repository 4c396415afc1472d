//! Takes messages from the queue and speaks SMTP with the tenant's own mail server.
//!
//! This function reads passwords and can't write them: its state has a [`SecretReader`] and nothing else for secrets.

mod attempt;
mod batch;
mod config;
mod delivery;
mod mime;

use std::sync::Arc;

use shared::aws::connections::ConnectionsTable;
use shared::aws::content::ContentStore;
use shared::aws::messages::MessagesTable;
use shared::aws::queue::Delivery;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::smtp::Dialer;
use tokio::time::Instant;

pub use batch::{Batch, Entry, Failure, Outcome};
pub use config::Config;

/// What this function may use.
#[derive(Debug)]
pub struct State {
    /// The table of connections, to read.
    pub connections: ConnectionsTable,
    /// The table of messages.
    pub messages: MessagesTable,
    /// The content of messages, to read.
    pub content: ContentStore,
    /// Where passwords come from.
    pub secrets: SecretReader,
    /// The way to mail servers.
    pub dialer: Dialer,
    /// Time and chance.
    pub clock: Clock,
}

/// Delivers a batch, each entry in a task of its own: one that panics fails alone. Nothing is begun that could not end by `deadline`.
pub async fn handle(state: &Arc<State>, batch: Batch, deadline: Instant) -> Outcome {
    let tasks: Vec<_> = batch
        .records
        .into_iter()
        .map(|entry| {
            (
                entry.message_id.clone(),
                tokio::spawn(take(Arc::clone(state), entry, deadline)),
            )
        })
        .collect();
    let mut outcome = Outcome::default();
    for (id, task) in tasks {
        if !task.await.unwrap_or(false) {
            outcome.batch_item_failures.push(Failure {
                item_identifier: id,
            });
        }
    }
    outcome
}

/// Whether the entry is done with.
async fn take(state: Arc<State>, entry: Entry, deadline: Instant) -> bool {
    let delivery: Delivery = match serde_json::from_str(&entry.body) {
        Ok(delivery) => delivery,
        Err(error) => {
            tracing::error!(entry = entry.message_id, cause = %error, "not a delivery");
            return false;
        }
    };
    match delivery::deliver(&state, &delivery, deadline).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(message_id = %delivery.message_id, operation = error.operation(), cause = error.cause(), "storage failed");
            false
        }
    }
}
