//! Outcomes that are written while their session goes on.

use std::sync::Arc;

use shared::aws::error::StorageError;
use tokio::task::JoinSet;
use tracing::{Instrument as _, Span, info_span};

use crate::State;
use crate::group::Unfinished;
use crate::outcome::{self, Fate};
use crate::prepare::Ready;
use crate::transmission::{Ended, Unfenced};

/// The outcomes of a dispatch.
pub(crate) struct Outcomes {
    state: Arc<State>,
    unfinished: Arc<Unfinished>,
    writes: JoinSet<()>,
}

impl Drop for Outcomes {
    /// What is known of a message is written, whatever happens to the session.
    fn drop(&mut self) {
        self.writes.detach_all();
    }
}

impl Outcomes {
    pub(crate) fn new(state: &Arc<State>, unfinished: &Arc<Unfinished>) -> Self {
        Self {
            state: Arc::clone(state),
            unfinished: Arc::clone(unfinished),
            writes: JoinSet::new(),
        }
    }

    /// Begins to write what became of a message that left, or could not.
    pub(crate) fn settle(&mut self, ended: Ended<'_>) {
        match ended {
            Ended::Attempted(message, result) => self.write(message, Fate::Attempted(result)),
            Ended::Unfenced(message, Unfenced::Storage(error)) => self.fail(message, &error),
            Ended::Unfenced(message, Unfenced::Lost) => {
                tracing::warn!(message_id = %message.claim.record.message.id, "the claim was lost before the body left");
                self.unfinished.finish(&message.entry);
            }
        }
    }

    /// Begins to write what becomes of a message; its entry is done with then.
    pub(crate) fn write(&mut self, message: &Arc<Ready>, fate: Fate) {
        let (state, unfinished) = (Arc::clone(&self.state), Arc::clone(&self.unfinished));
        let message = Arc::clone(message);
        let span = span(&message);
        let write = async move {
            let nothing_left = fate.nothing_left();
            match outcome::write(&state, &message.claim, fate).await {
                Ok(()) => unfinished.finish(&message.entry),
                Err(error) => {
                    outcome::report(&message.claim, &error);
                    if nothing_left {
                        outcome::release(&state, &message.claim, false).await;
                    }
                }
            }
        };
        self.writes.spawn(write.instrument(span));
    }

    /// Storage failed, and nothing of the message has left: its entry comes again.
    pub(crate) fn fail(&mut self, message: &Arc<Ready>, error: &StorageError) {
        outcome::report(&message.claim, error);
        let (state, message) = (Arc::clone(&self.state), Arc::clone(message));
        let span = span(&message);
        let release = async move { outcome::release(&state, &message.claim, false).await };
        self.writes.spawn(release.instrument(span));
    }

    /// Waits until all are written.
    pub(crate) async fn written(mut self) {
        while let Some(written) = self.writes.join_next().await {
            if written.is_err() {
                // Its entry is not declared done.
                tracing::error!("an outcome was not written");
            }
        }
    }
}

fn span(message: &Ready) -> Span {
    info_span!("outcome", message_id = %message.claim.record.message.id)
}
