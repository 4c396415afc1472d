//! Entries of the queue that came in one group: for one connection, as far as could be told when they were queued.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use shared::aws::batch::{Entry, Failure};
use shared::aws::error::StorageError;
use shared::aws::queue::{Delivery, again_after};
use shared::model::sender::Senders;
use shared::model::tenant::Tenant;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tracing::{Instrument as _, info_span};

use crate::prepare::{Ready, prepare};
use crate::{State, dispatch};

/// The seconds until an entry comes again that no wait makes readable.
const AT_ONCE: i32 = 1;

/// What was read, or why it could not be, for all groups of a tenant in a batch.
type SendersOfTenant = Arc<OnceCell<Result<Senders, StorageError>>>;

/// The entries of one group in a batch.
#[derive(Debug)]
pub(crate) struct Group {
    name: Option<String>,
    tenant: Tenant,
    entries: Vec<(Entry, Delivery)>,
    senders: SendersOfTenant,
}

/// The entries of a batch that are not done with. What nobody has declared done has failed, whatever became of the task that had it.
#[derive(Debug)]
pub(crate) struct Unfinished(Mutex<Vec<String>>);

impl Unfinished {
    pub(crate) fn all(entries: &[Entry]) -> Self {
        let ids = entries.iter().map(|entry| entry.message_id.clone());
        Self(Mutex::new(ids.collect()))
    }

    /// The entry is done with.
    pub(crate) fn finish(&self, entry: &str) {
        self.lock().retain(|id| id != entry);
    }

    pub(crate) fn failures(&self) -> Vec<Failure> {
        let failure = |id: &String| Failure {
            item_identifier: id.clone(),
        };
        self.lock().iter().map(failure).collect()
    }

    fn has(&self, entry: &str) -> bool {
        self.lock().iter().any(|id| id == entry)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// The groups of a batch, each with its entries in their order, and the entries that ask for nothing known.
    pub(crate) fn of(entries: Vec<Entry>) -> (Vec<Self>, Vec<Entry>) {
        let mut groups: BTreeMap<(Option<String>, String), Self> = BTreeMap::new();
        let mut senders: BTreeMap<String, SendersOfTenant> = BTreeMap::new();
        let mut unknown = Vec::new();
        for entry in entries {
            let delivery: Delivery = match serde_json::from_str(&entry.body) {
                Ok(delivery) => delivery,
                Err(error) => {
                    // What serde says may quote the entry.
                    let (kind, column) = (error.classify(), error.column());
                    tracing::error!(entry = entry.message_id, ?kind, column, "not a delivery");
                    unknown.push(entry);
                    continue;
                }
            };
            let name = entry.attributes.message_group_id.clone();
            let tenant = delivery.tenant.clone();
            let senders = senders.entry(tenant.key()).or_default();
            let group = groups.entry((name.clone(), tenant.key()));
            let group = group.or_insert_with(|| Self {
                name,
                tenant,
                entries: Vec::new(),
                senders: Arc::clone(senders),
            });
            group.entries.push((entry, delivery));
        }
        (groups.into_values().collect(), unknown)
    }

    /// Whose messages they are.
    pub(crate) fn tenant(&self) -> &str {
        self.tenant.as_str()
    }

    /// What the queue calls it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Who can send for the tenant: read once for the batch, as all of its groups begin at the same time.
    ///
    /// # Errors
    /// When storage fails.
    pub(crate) async fn senders(&self, state: &State) -> Result<&Senders, StorageError> {
        let read = || state.connections.senders(&self.tenant);
        let senders = self.senders.get_or_init(read).await;
        senders.as_ref().map_err(Clone::clone)
    }

    /// Delivers what the entries ask for. Each is prepared in a task of its own, so that one which panics fails alone; then they leave
    /// through one session, in their order.
    pub(crate) async fn work(
        self: &Arc<Self>,
        state: &Arc<State>,
        unfinished: &Arc<Unfinished>,
        invocation_end: Instant,
    ) {
        let start = |index: usize| {
            let (group, state) = (Arc::clone(self), Arc::clone(state));
            let message_id = self.entries[index].1.message_id;
            let preparing = async move {
                let (entry, delivery) = &group.entries[index];
                let id = entry.message_id.clone();
                prepare(&state, &group, id, delivery, invocation_end).await
            };
            tokio::spawn(preparing.instrument(info_span!("prepare", %message_id)))
        };
        let preparing: Vec<_> = (0..self.entries.len()).map(start).collect();
        let mut ready: Vec<Ready> = Vec::new();
        for (prepared, (entry, delivery)) in preparing.into_iter().zip(&self.entries) {
            match prepared.await {
                Ok(Ok(Some(message))) => ready.push(message),
                Ok(Ok(None)) => unfinished.finish(&entry.message_id),
                Ok(Err(error)) => {
                    tracing::error!(message_id = %delivery.message_id, operation = error.operation(), cause = error.cause(), "storage failed");
                }
                // Where, the panic has said itself; what it says may quote the message.
                Err(_) => {
                    tracing::error!(message_id = %delivery.message_id, "the preparation broke off");
                }
            }
        }
        // The queue's own groups have one connection each.
        while let Some(first) = ready.first() {
            let connection = first.connection.clone();
            let through = |message: &mut Ready| message.connection.id == connection.id;
            let messages = ready.extract_if(.., through).collect();
            let dispatch =
                dispatch::dispatch(state, &connection, messages, unfinished, invocation_end);
            let span = info_span!("dispatch", connection_id = %connection.id);
            Box::pin(dispatch.instrument(span)).await;
        }
    }

    /// Tells the queue what it need not wait to hear with the whole batch: what is done with, where `others` of the batch go on, as the
    /// group's next entries wait for it; and what failed, so that it comes again soon.
    pub(crate) async fn settle(&self, state: &State, unfinished: &Unfinished, others: bool) {
        let entries = self.entries.iter().map(|(entry, _)| entry);
        let (failed, done): (Vec<&Entry>, Vec<&Entry>) =
            entries.partition(|entry| unfinished.has(&entry.message_id));
        let mut told = Ok(());
        if others {
            told = state.queue.delete(&done).await;
        }
        not_told(told.and(state.queue.show_again(&failed, again_after).await));
    }
}

/// Has these come again at once, and so to the dead-letter queue: the others of their groups wait with them.
pub(crate) async fn show_again(state: &State, unknown: &[Entry]) {
    let unknown: Vec<&Entry> = unknown.iter().collect();
    not_told(state.queue.show_again(&unknown, |_| AT_ONCE).await);
}

fn not_told(told: Result<(), StorageError>) {
    if let Err(error) = told {
        // The end of the batch says the same, later.
        tracing::warn!(
            operation = error.operation(),
            cause = error.cause(),
            "the queue was not told"
        );
    }
}
