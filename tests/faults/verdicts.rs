//! The records of the messages against the ledger of the server that should have got them.

use std::collections::BTreeMap;

use shared::aws::messages::Record;
use shared::model::message::{Outcome, RecipientStatus, Status};
use shared::model::retry::Ambiguous;
use tests::mail_server::{Ledger, SeenMessage};

/// The server refuses every address that begins like this, and no other.
pub(crate) const REFUSED: &str = "gone";

/// What is wrong with messages that have come to their end.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    pub(crate) messages: usize,
    /// Not at an end, or said to have arrived, and did not.
    pub(crate) lost: Vec<String>,
    /// Arrived more than once, without the mark, or more often than is allowed.
    pub(crate) doubled: Vec<String>,
    /// The record says of a message or a recipient what isn't so.
    pub(crate) wrong: Vec<String>,
}

impl Verdicts {
    /// How many there are.
    pub(crate) fn violations(&self) -> usize {
        self.lost.len() + self.doubled.len() + self.wrong.len()
    }

    /// Adds those of another run.
    pub(crate) fn add(&mut self, run: &str, other: Self) {
        self.messages += other.messages;
        for (all, new) in [
            (&mut self.lost, other.lost),
            (&mut self.doubled, other.doubled),
            (&mut self.wrong, other.wrong),
        ] {
            all.extend(new.into_iter().map(|text| format!("{run}: {text}")));
        }
    }

    /// Judges `records`, of messages that were given time to come to their end.
    pub(crate) fn of(records: &[Record], ledger: &Ledger, policy: Ambiguous) -> Self {
        let mut verdicts = Self::default();
        let mut accepted: BTreeMap<String, Vec<&SeenMessage>> = BTreeMap::new();
        let sessions = ledger.sessions.iter();
        for seen in sessions.flat_map(|session| &session.messages) {
            if seen.accepted {
                accepted.entry(message_id(seen)).or_default().push(seen);
            }
        }
        for record in records {
            let copies = accepted.remove(&record.message.message_id);
            verdicts.judge(record, &copies.unwrap_or_default(), policy);
        }
        for stranger in accepted.keys() {
            verdicts.wrong.push(format!("no record of {stranger}"));
        }
        verdicts
    }

    fn judge(&mut self, record: &Record, copies: &[&SeenMessage], policy: Ambiguous) {
        let message = &record.message;
        self.messages += 1;
        let about = |what: String| format!("{what}; attempts: {:?}", message.attempts);
        let ambiguous = message.attempts.iter();
        let ambiguous = ambiguous
            .filter(|attempt| attempt.outcome == Outcome::Ambiguous)
            .count();
        match message.status {
            Status::Queued | Status::Sending | Status::Retrying => {
                let text = format!("{} has not ended: {:?}", message.id, message.status);
                self.lost.push(about(text));
                return;
            }
            Status::Sent if copies.is_empty() => {
                let text = format!("{} is sent and never arrived", message.id);
                self.lost.push(about(text));
            }
            Status::Sent | Status::Failed | Status::Unknown | Status::Cancelled => {}
        }
        for recipient in &message.recipients {
            let address = recipient.email.as_str();
            let got = copies
                .iter()
                .filter(|seen| seen.to.iter().any(|to| to == address))
                .count();
            let text = format!(
                "{address} of {} is {:?}, got {got}",
                message.id, recipient.status
            );
            let marked = message.possible_duplicate && policy == Ambiguous::Retry && got <= 2;
            if got > 1 && !marked {
                self.doubled.push(about(text.clone()));
            }
            let right = match recipient.status {
                RecipientStatus::Open => false,
                RecipientStatus::Accepted => got > 0,
                RecipientStatus::Refused => address.starts_with(REFUSED) && got == 0,
                // By `retry` it takes a second time without an answer.
                RecipientStatus::Unknown => ambiguous > usize::from(policy == Ambiguous::Retry),
            };
            if !right {
                self.wrong.push(about(text));
            }
        }
        if message.possible_duplicate && ambiguous == 0 {
            let text = format!("{} is marked for no reason", message.id);
            self.wrong.push(about(text));
        }
        if copies.windows(2).any(|pair| pair[0].body != pair[1].body) {
            let text = format!("{} arrived in two forms", message.id);
            self.wrong.push(about(text));
        }
    }
}

fn message_id(seen: &SeenMessage) -> String {
    let body = String::from_utf8_lossy(&seen.body);
    let line = body
        .lines()
        .find_map(|line| line.strip_prefix("Message-ID: "));
    line.unwrap_or_default().to_owned()
}
