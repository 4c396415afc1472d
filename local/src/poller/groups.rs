//! Which entries may be handed out now: the lock that a FIFO queue keeps on each group.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use tokio::time::Instant;

use super::Settled;

/// How many entries go into one batch.
const BATCH: usize = 10;

/// An entry as it was received.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) receipt: String,
    /// The sequence number: they sort as they were sent.
    pub(super) place: String,
    pub(super) group: String,
    /// How often it was received, this time included.
    pub(super) receives: u32,
    /// The record for the function.
    pub(super) record: Value,
}

/// What is held back, and what holds it back.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// By place: the order in which the queue would hand them out.
    held: BTreeMap<String, Entry>,
    /// The entries out with the function or about to come again, by their receipt.
    out: HashMap<String, Out>,
}

#[derive(Debug)]
struct Out {
    id: String,
    group: String,
    /// For one that comes again: when to wait no longer.
    until: Option<Instant>,
}

impl Groups {
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes an entry off the queue.
    pub(super) fn hold(&mut self, entry: Entry) {
        // It has come again: its new receipt counts from here on.
        self.out.retain(|_, out| out.id != entry.id);
        self.held.insert(entry.place.clone(), entry);
    }

    /// The next batch, its groups locked; in each group the entries are in order.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Entry>> {
        let locked: HashSet<&str> = self.out.values().map(|out| out.group.as_str()).collect();
        let places: Vec<String> = self
            .held
            .iter()
            .filter(|(_, entry)| !locked.contains(entry.group.as_str()))
            .take(BATCH)
            .map(|(place, _)| place.clone())
            .collect();
        let batch: Vec<Entry> = places
            .iter()
            .filter_map(|place| self.held.remove(place))
            .collect();
        for entry in &batch {
            let out = Out {
                id: entry.id.clone(),
                group: entry.group.clone(),
                until: None,
            };
            self.out.insert(entry.receipt.clone(), out);
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// An entry is out of the queue.
    pub(super) fn release(&mut self, receipt: &str) {
        self.out.remove(receipt);
    }

    /// A batch has ended.
    pub(super) fn settle(&mut self, settled: Vec<(String, Settled)>) {
        for (receipt, settled) in settled {
            match settled {
                Settled::Done => self.release(&receipt),
                Settled::Again(until) => {
                    // Not there any more: it has come again already, under another receipt.
                    if let Some(out) = self.out.get_mut(&receipt) {
                        out.until = Some(until);
                    }
                }
            }
        }
    }

    /// When to stop waiting for an entry that should have come again.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.out.values().filter_map(|out| out.until).min()
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.out
            .retain(|_, out| out.until.is_none_or(|until| until > now));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(place: u32, group: &str, receipt: &str) -> Entry {
        Entry {
            id: format!("m{place}"),
            receipt: receipt.to_owned(),
            place: format!("{place:020}"),
            group: group.to_owned(),
            receives: 1,
            record: Value::Null,
        }
    }

    fn next(groups: &mut Groups) -> Vec<String> {
        let batch = groups.next_batch().unwrap_or_default();
        batch.into_iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn a_group_with_an_entry_out_waits_and_the_others_do_not() {
        let mut groups = Groups::default();
        groups.hold(entry(1, "a", "r1"));
        assert_eq!(next(&mut groups), ["m1"]);
        groups.hold(entry(2, "a", "r2"));
        groups.hold(entry(3, "b", "r3"));
        assert_eq!(next(&mut groups), ["m3"]);
        assert_eq!(next(&mut groups), Vec::<String>::new());
        groups.release("r1");
        assert_eq!(next(&mut groups), ["m2"]);
    }

    #[test]
    fn a_batch_has_ten_entries_at_most_in_the_order_they_were_sent() {
        let mut groups = Groups::default();
        for place in (1..=12).rev() {
            groups.hold(entry(place, "a", &format!("r{place}")));
        }
        let batch = next(&mut groups);
        assert_eq!(batch.len(), 10);
        assert_eq!((batch[0].as_str(), batch[9].as_str()), ("m1", "m10"));
        assert_eq!(groups.held(), 2);
    }

    #[test]
    fn an_entry_that_comes_again_goes_before_those_sent_after_it() {
        let mut groups = Groups::default();
        groups.hold(entry(1, "a", "r1"));
        assert_eq!(next(&mut groups), ["m1"]);
        groups.hold(entry(2, "a", "r2"));
        let until = Instant::now() + Duration::from_secs(1);
        groups.settle(vec![("r1".to_owned(), Settled::Again(until))]);
        assert_eq!(next(&mut groups), Vec::<String>::new());
        groups.hold(entry(1, "a", "r1-again"));
        assert_eq!(next(&mut groups), ["m1", "m2"]);
    }

    #[test]
    fn a_group_does_not_wait_for_ever_for_an_entry_that_is_gone() {
        let mut groups = Groups::default();
        groups.hold(entry(1, "a", "r1"));
        next(&mut groups);
        groups.hold(entry(2, "a", "r2"));
        let until = Instant::now();
        groups.settle(vec![("r1".to_owned(), Settled::Again(until))]);
        assert_eq!(groups.next_expiry(), Some(until));
        groups.expire(until);
        assert_eq!(next(&mut groups), ["m2"]);
    }
}
