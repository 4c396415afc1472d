//! Takes messages from the queue and speaks SMTP with the tenant's own mail server.
//!
//! This function reads passwords and can't write them: its state has a [`SecretReader`] and nothing else for secrets.

mod attempt;
mod config;
mod delivery;
mod health;
mod limits;
mod logins;
mod mime;
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;

use shared::aws::batch::{Batch, Entry, Failure, Outcome};
use shared::aws::connections::ConnectionsTable;
use shared::aws::content::ContentStore;
use shared::aws::messages::MessagesTable;
use shared::aws::queue::{Delivery, DeliveryQueue};
use shared::aws::rates::Rates;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::model::retry::Ambiguous;
use shared::smtp::Dialer;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use config::Config;
pub use logins::Logins;
pub use sessions::Sessions;

/// What this function may use.
#[derive(Debug)]
pub struct State {
    /// The table of connections: to read, and to write their health and what is reserved.
    pub connections: ConnectionsTable,
    /// The table of messages.
    pub messages: MessagesTable,
    /// The content of messages, to read.
    pub content: ContentStore,
    /// The queue of deliveries, for what belongs into another group.
    pub queue: DeliveryQueue,
    /// The starts that are reserved, as seen last.
    pub rates: Rates,
    /// The logins of this process.
    pub logins: Logins,
    /// Where passwords come from.
    pub secrets: SecretReader,
    /// The way to mail servers.
    pub dialer: Dialer,
    /// What follows an attempt that ended without telling whether the message was taken.
    pub ambiguous: Ambiguous,
    /// The sessions with mail servers that are open.
    pub sessions: Sessions,
    /// Time and chance.
    pub clock: Clock,
}

/// Delivers a batch. Entries of one group are for one connection and go one after the other, groups go side by side; each entry has a task
/// of its own, so one that panics fails alone. No session goes on after `deadline`.
pub async fn handle(state: &Arc<State>, batch: Batch, deadline: Instant) -> Outcome {
    let mut groups: HashMap<Option<String>, Vec<Entry>> = HashMap::new();
    for entry in batch.records {
        let group = entry.attributes.message_group_id.clone();
        groups.entry(group).or_default().push(entry);
    }
    let mut tasks = JoinSet::new();
    for entries in groups.into_values() {
        let state = Arc::clone(state);
        tasks.spawn(async move {
            let mut failures = Vec::new();
            for entry in entries {
                let item_identifier = entry.message_id.clone();
                let task = tokio::spawn(take(Arc::clone(&state), entry, deadline));
                if !task.await.unwrap_or(false) {
                    failures.push(Failure { item_identifier });
                }
            }
            failures
        });
    }
    let failures = tasks.join_all().await;
    state.sessions.end_limited().await;
    Outcome {
        batch_item_failures: failures.into_iter().flatten().collect(),
    }
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
    let group = entry.attributes.message_group_id.as_deref();
    match delivery::deliver(&state, &delivery, group, deadline).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(message_id = %delivery.message_id, operation = error.operation(), cause = error.cause(), "storage failed");
            false
        }
    }
}
