//! What a process does, step by step, and where it stops.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Counts the steps of a process as they happen, so that what is new in the product is covered without being named here.
#[derive(Debug)]
pub(crate) struct Steps {
    stop_at: Option<usize>,
    seen: Mutex<Vec<String>>,
    standing: watch::Sender<Standing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Going,
    /// At its last step, or at a long one.
    Stopped,
    /// It has been stopped once, and won't be again.
    Resumed,
    Dead,
}

/// The process is dead: nothing that it began goes on.
#[derive(Debug)]
pub(crate) struct Dead;

impl Steps {
    /// All are counted, and none is the last.
    pub(crate) fn all() -> Self {
        Self::new(None)
    }

    /// The process stops at this step, counted from 0.
    pub(crate) fn until(step: usize) -> Self {
        Self::new(Some(step))
    }

    fn new(stop_at: Option<usize>) -> Self {
        Self {
            stop_at,
            seen: Mutex::default(),
            standing: watch::Sender::new(Standing::Going),
        }
    }

    /// A step is about to be made. It waits while the process stands still.
    pub(crate) async fn reach(&self, name: impl FnOnce() -> String) -> Result<(), Dead> {
        if *self.standing.borrow() == Standing::Going {
            let mut seen = self.seen();
            // Two threads may be here: only one of them makes the step at which all stop.
            if self.stop_at == Some(seen.len()) {
                self.standing.send_replace(Standing::Stopped);
            }
            if self.stop_at.is_none_or(|last| seen.len() <= last) {
                seen.push(name());
            }
        }
        let mut standing = self.standing.subscribe();
        let on = standing.wait_for(|now| *now != Standing::Stopped).await;
        match on.as_deref() {
            Ok(Standing::Dead) | Err(_) => Err(Dead),
            Ok(_) => Ok(()),
        }
    }

    /// Until the process stands still.
    pub(crate) async fn stopped(&self) {
        let mut standing = self.standing.subscribe();
        // `self` holds the sender, so there is no other end to this wait.
        let _ = standing.wait_for(|now| *now == Standing::Stopped).await;
    }

    /// The process goes on where it stands.
    pub(crate) fn resume(&self) {
        self.standing.send_replace(Standing::Resumed);
    }

    /// The process will not go on.
    pub(crate) fn bury(&self) {
        self.standing.send_replace(Standing::Dead);
    }

    /// The steps so far; the last one is where it stopped.
    pub(crate) fn names(&self) -> Vec<String> {
        self.seen().clone()
    }

    fn seen(&self) -> MutexGuard<'_, Vec<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
