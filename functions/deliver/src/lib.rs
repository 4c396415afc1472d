//! Takes messages from the queue and speaks SMTP with the tenant's own mail server.
//!
//! This function reads passwords and can't write them: its state has a [`SecretReader`] and nothing else for secrets.

mod attempt;
mod config;
mod dispatch;
mod group;
mod health;
mod limits;
mod logins;
mod mime;
mod opening;
mod outcome;
mod outcomes;
mod prepare;
mod sessions;
mod transmission;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::aws::batch::{Batch, Outcome};
use shared::aws::connections::ConnectionsTable;
use shared::aws::content::ContentStore;
use shared::aws::messages::MessagesTable;
use shared::aws::queue::DeliveryQueue;
use shared::aws::rates::Rates;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::model::retry::Ambiguous;
use shared::smtp::Dialer;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument as _, info_span};

use crate::group::{Group, Unfinished};

pub use config::Config;
pub use logins::Logins;
pub use sessions::Sessions;

/// How long a decision that messages go through a connection is good for: a change of the default role, or of the connection, counts
/// for attempts that begin later.
pub const DECIDED_FOR: Duration = Duration::from_secs(10);

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
    /// How long it is good for that messages were decided to go through a connection: [`DECIDED_FOR`].
    pub decided_for: Duration,
    /// What follows an attempt that ended without telling whether the message was taken.
    pub ambiguous: Ambiguous,
    /// The sessions with mail servers that are open.
    pub sessions: Sessions,
    /// Time and chance.
    pub clock: Clock,
    /// What is counted and measured.
    pub metrics: Metrics,
}

/// Delivers a batch. Groups go side by side, the entries of a group one after the other through its connection, and each group's are
/// taken off the queue as it is done. Nothing is started that would go on after `invocation_end`.
pub async fn handle(state: &Arc<State>, batch: Batch, invocation_end: Instant) -> Outcome {
    let unfinished = Arc::new(Unfinished::all(&batch.records));
    let (groups, unknown) = Group::of(batch.records);
    let working = Arc::new(AtomicUsize::new(groups.len()));
    let mut tasks = JoinSet::new();
    for group in groups.into_iter().map(Arc::new) {
        let (state, unfinished) = (Arc::clone(state), Arc::clone(&unfinished));
        let working = Arc::clone(&working);
        let span = info_span!("group", tenant = group.tenant());
        let (of, at_it, undone) = (
            Arc::clone(&group),
            Arc::clone(&state),
            Arc::clone(&unfinished),
        );
        let work = async move { of.work(&at_it, &undone, invocation_end).await };
        let worked = tokio::spawn(work.instrument(span.clone()));
        let work = async move {
            if worked.await.is_err() {
                // What it had not done is not declared done.
                tracing::error!("a group broke off");
            }
            let others = working.fetch_sub(1, Ordering::Relaxed) > 1;
            group.settle(&state, &unfinished, others).await;
        };
        tasks.spawn(work.instrument(span));
    }
    group::show_again(state, &unknown).await;
    while tasks.join_next().await.is_some() {}
    Outcome {
        batch_item_failures: unfinished.failures(),
    }
}
