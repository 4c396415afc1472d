//! The mail that was taken, newest first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::message::Mail;

/// How many mails are kept.
const MAX_MAILS: usize = 1000;
/// How many octets of mail are kept, as they came.
const MAX_OCTETS: usize = 256 * 1024 * 1024;

/// The newest mail: at most 1,000 of them and 256 MiB. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Store(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    mails: VecDeque<Arc<Mail>>,
    octets: usize,
}

impl Store {
    /// All of it, newest first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<Arc<Mail>> {
        self.lock().mails.iter().cloned().collect()
    }

    /// Throws all of it away.
    pub fn clear(&self) {
        *self.lock() = Kept::default();
    }

    pub(super) fn add(&self, mail: Mail) {
        let mut kept = self.lock();
        kept.octets += mail.raw.len();
        kept.mails.push_front(Arc::new(mail));
        while kept.mails.len() > MAX_MAILS || kept.octets > MAX_OCTETS {
            let Some(oldest) = kept.mails.pop_back() else {
                break;
            };
            kept.octets -= oldest.raw.len();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;

    use super::*;

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let store = Store::default();
        for number in 0..=MAX_MAILS {
            let from = format!("{number}@example.com");
            store.add(Mail::read(&Clock::system(), from, Vec::new(), b""));
        }
        let mails = store.newest_first();
        assert_eq!(mails.len(), MAX_MAILS);
        assert_eq!(mails[0].from, format!("{MAX_MAILS}@example.com"));
        assert_eq!(mails[MAX_MAILS - 1].from, "1@example.com");
        store.clear();
        assert!(store.newest_first().is_empty());
    }
}
