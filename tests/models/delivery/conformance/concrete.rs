//! The records of the model as the code has them, and back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use shared::aws::item::{Item, string};
use shared::aws::messages as code;
use shared::model::ids::MessageId;
use shared::model::message::{self, Attempt, Message, RecipientStatus};
use shared::model::submission::{MessageInput, Submission};
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;

use super::super::record::{Claim, Owner, Phase, Record, Status, Time};
use crate::items;

/// The present of every write.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const MOMENT: Duration = Duration::from_millis(1);
pub(super) const A_MINUTE: Duration = Duration::from_mins(1);

/// The worker whose writes are compared, and another one.
pub(super) const OWNERS: [&str; 2] = ["me", "another"];
pub(super) const ME: usize = 0;
pub(super) const ANOTHER: usize = 1;

pub(super) fn tenant() -> Tenant {
    Tenant::new("acme").expect("a tenant")
}

/// The latest times that have come, and the earliest that have not.
fn at(time: Time) -> Timestamp {
    match time {
        Time::Come => NOW,
        Time::Ahead => NOW + MOMENT,
    }
}

/// As [`at`], for leases: one that ends now still holds.
fn lease_until(time: Time) -> Timestamp {
    match time {
        Time::Come => Timestamp::from_millis(NOW.as_millis() - 1),
        Time::Ahead => NOW,
    }
}

/// The code's record, without what is beside it in the item.
pub(super) fn record_of(id: MessageId, record: &Record) -> code::Record {
    let mut message = new_message(id, NOW);
    message.status = code_status(record.status);
    message.possible_duplicate = record.marked;
    message.next_attempt_at = record.next_attempt.map(at);
    message.attempts = vec![attempt(message::Outcome::Transient); 2];
    message.recipients[0].status = match record.status {
        Status::Sent => RecipientStatus::Accepted,
        Status::Failed => RecipientStatus::Refused,
        Status::Unknown => RecipientStatus::Unknown,
        Status::Queued | Status::Sending | Status::Retrying | Status::Cancelled => {
            RecipientStatus::Open
        }
    };
    // Only what is parked may be retried by hand.
    message.parked = Some("no_sender".to_owned());
    code::Record {
        enqueued: 2,
        turns: 2,
        look_at: record.look.map(at),
        ..code::Record::new(tenant(), message)
    }
}

pub(super) fn item(id: MessageId, record: &Record) -> Item {
    let item = record_of(id, record).to_item(record.due.map(at));
    let mut item = item.expect("an item");
    if let Some(Claim {
        owner: Owner::Worker(owner),
        lease,
        phase,
    }) = record.claim
    {
        let phase = match phase {
            Phase::Before => "before",
            Phase::Intent => "intent",
        };
        item.extend([
            ("owner".to_owned(), string(OWNERS[owner])),
            (
                "lease_until".to_owned(),
                string(lease_until(lease).to_string()),
            ),
            ("phase".to_owned(), string(phase)),
        ]);
    }
    item
}

/// The record that an item is to the model.
pub(super) fn read(item: &Item) -> Record {
    let time = |name: &str| -> Option<Timestamp> {
        items::optional_text(item, name).map(|text| text.parse().expect("a time"))
    };
    let come = |come: bool| if come { Time::Come } else { Time::Ahead };
    let claim = ["owner", "lease_until", "phase"].map(|name| items::optional_text(item, name));
    let claim = match claim {
        [None, None, None] => None,
        [Some(owner), Some(_), Some(phase)] => Some(Claim {
            owner: Owner::Worker(OWNERS.iter().position(|o| *o == owner).expect("an owner")),
            lease: come(time("lease_until").is_some_and(|until| until < NOW)),
            phase: match phase.as_str() {
                "before" => Phase::Before,
                "intent" => Phase::Intent,
                other => panic!("an unknown phase: {other}"),
            },
        }),
        half => panic!("half a claim: {half:?}"),
    };
    let is_indexed = item.contains_key("due_shard");
    let record: code::Record = shared::aws::item::read(item.clone()).expect("a record");
    Record {
        status: model_status(record.message.status),
        claim,
        due: time("due_at")
            .filter(|_| is_indexed)
            .map(|at| come(at <= NOW)),
        next_attempt: record.message.next_attempt_at.map(|at| come(at <= NOW)),
        look: record.look_at.map(|at| come(at <= NOW)),
        marked: record.message.possible_duplicate,
    }
}

const STATUSES: [(Status, message::Status); 7] = [
    (Status::Queued, message::Status::Queued),
    (Status::Sending, message::Status::Sending),
    (Status::Sent, message::Status::Sent),
    (Status::Retrying, message::Status::Retrying),
    (Status::Failed, message::Status::Failed),
    (Status::Unknown, message::Status::Unknown),
    (Status::Cancelled, message::Status::Cancelled),
];

pub(super) fn code_status(status: Status) -> message::Status {
    let found = STATUSES.iter().find(|(model, _)| *model == status);
    found.expect("each has one").1
}

pub(super) fn model_status(status: message::Status) -> Status {
    let found = STATUSES.iter().find(|(_, code)| *code == status);
    found.expect("each has one").0
}

pub(super) fn new_message(id: MessageId, created_at: Timestamp) -> Message {
    let input: MessageInput = serde_json::from_value(
        json!({"to": ["you@example.com"], "subject": "Hello", "text": "Hi"}),
    )
    .expect("an object");
    let content = Submission::try_from(input).expect("valid").content;
    let decision = serde_json::from_value(json!({
        "rule": "default", "overrides": [],
        "requested": {"connection_id": null, "from": null, "reply_to": null},
        "effective": {"connection_id": "conn_00000000000000000000000001", "from": {"email": "info@example.com", "name": null}, "reply_to": null},
    }))
    .expect("a decision");
    Message::accepted(id, decision, &content, BTreeMap::new(), created_at)
}

pub(super) fn attempt(outcome: message::Outcome) -> Attempt {
    Attempt {
        at: NOW,
        duration_ms: 0,
        outcome,
        reply: None,
        reason: None,
        counted: true,
    }
}
