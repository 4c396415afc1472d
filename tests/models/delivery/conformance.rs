//! `step` and `verdict` against the code: every write of `MessagesTable` on every abstract record, and every outcome of an attempt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use local::embedded::{Embedded, MESSAGES_TABLE};
use serde_json::json;
use shared::aws::item::{Item, string};
use shared::aws::messages::{self as code, MessagesTable};
use shared::clock::Clock;
use shared::model::ids::MessageId;
use shared::model::message::{self, Attempt, AttemptResult, Message, RecipientStatus};
use shared::model::retry::{Ambiguous, GIVE_UP_AFTER, PARKED_AT_MOST, Patience};
use shared::model::submission::{MessageInput, Submission};
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use tests::world::at_once;

use super::POLICIES;
use super::record::{
    Claim, Operation, Outcome, Owner, Phase, Read, Record, Status, Time, Verdict, step, verdict,
};
use crate::items;

/// The present of every write.
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const MOMENT: Duration = Duration::from_millis(1);
const A_MINUTE: Duration = Duration::from_mins(1);

/// The worker whose writes are compared, and another one.
const OWNERS: [&str; 2] = ["me", "another"];
const ME: usize = 0;
const ANOTHER: usize = 1;

/// A write on a record, each on one of its own.
#[derive(Debug, Clone, Copy)]
struct Case {
    id: MessageId,
    record: Record,
    operation: Operation,
}

/// Every combination of what a condition can ask about. Of a message that has ended, no write asks when it is due or tried next: there
/// the two times vary together.
fn records() -> Vec<Record> {
    const TIMES: [Option<Time>; 3] = [None, Some(Time::Ahead), Some(Time::Come)];
    let mut records = Vec::new();
    for status in Status::ALL {
        for claim in claims() {
            for due in TIMES {
                for next_attempt in TIMES {
                    if status.is_end() && due != next_attempt {
                        continue;
                    }
                    records.push(Record {
                        status,
                        claim,
                        due,
                        next_attempt,
                        marked: records.len() % 2 == 0,
                    });
                }
            }
        }
    }
    records
}

fn claims() -> Vec<Option<Claim>> {
    let mut claims = vec![None];
    for owner in [ME, ANOTHER].map(Owner::Worker) {
        for lease in [Time::Ahead, Time::Come] {
            for phase in [Phase::Before, Phase::Intent] {
                claims.push(Some(Claim {
                    owner,
                    lease,
                    phase,
                }));
            }
        }
    }
    claims
}

/// Every write that can be tried on this record. What depends on an old reading is tried where nobody has the message.
fn operations(record: &Record) -> Vec<Operation> {
    let status = if record.marked {
        Status::Sent
    } else {
        Status::Retrying
    };
    let verdict = Verdict {
        status,
        marked: true,
    };
    let mut operations = vec![
        Operation::Claim(ME),
        Operation::TakeOver(ME),
        Operation::Release(ME),
        Operation::Intend(ME),
        Operation::Requeue(ME),
        Operation::Conclude(ME, verdict),
    ];
    let mut read_at = vec![Read::AsItIs];
    if record.claim.is_none() {
        read_at.extend([
            Read::BeforeItsStatus,
            Read::BeforeItWasQueued,
            Read::BeforeItsAttempt,
        ]);
    }
    for read in read_at {
        operations.extend([
            Operation::CountQueued(read),
            Operation::Retry(read),
            Operation::Cancel(read),
        ]);
    }
    operations
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_of_a_record_is_the_models() {
    let embedded = Embedded::start(None).await.expect("embedded services");
    let table = MessagesTable {
        client: embedded.dynamodb.clone(),
        name: MESSAGES_TABLE.to_owned(),
    };
    let clock = Clock::manual(NOW);
    let cases: Vec<Case> = records()
        .into_iter()
        .flat_map(|record| operations(&record).into_iter().map(move |it| (record, it)))
        .map(|(record, operation)| Case {
            id: MessageId::new(clock.ulid()),
            record,
            operation,
        })
        .collect();
    let all = (&table.client, table.name.as_str());
    items::write(all, cases.iter().map(item).collect(), Vec::new()).await;
    let claim = my_claim(&table, MessageId::new(clock.ulid())).await;
    let cases = Arc::new(cases);
    let told = at_once(SHARES, |share| {
        let (table, claim, cases) = (table.clone(), claim.clone(), Arc::clone(&cases));
        async move {
            let mut told = Vec::new();
            for case in cases.iter().skip(share).step_by(SHARES) {
                told.push((*case, perform(&table, &claim, case).await));
            }
            told
        }
    })
    .await;

    let found: BTreeMap<_, _> = items::all(all)
        .await
        .into_iter()
        .map(|item| (items::text(&item, "pk"), item))
        .collect();
    for (case, told) in told.into_iter().flatten() {
        let pk = items::text(&code::message_key(&tenant(), case.id), "pk");
        let expected = step(case.record, case.operation);
        let after = found.get(&pk).map(read);
        assert_eq!(after, Some(expected.unwrap_or(case.record)), "{case:?}");
        if let Some(allowed) = told {
            assert_eq!(allowed, expected.is_some(), "{case:?}");
        }
    }
}

/// In how many tasks the writes are made.
const SHARES: usize = 4;

/// Makes the case's write. Whether it was allowed, where the code tells.
async fn perform(table: &MessagesTable, claim: &code::Claim, case: &Case) -> Option<bool> {
    let (record, later) = (record_of(case), NOW + A_MINUTE);
    let delivery = record.delivery();
    let mut claim = claim.clone();
    claim.record = record.clone();
    match case.operation {
        Operation::Claim(me) => {
            let claimed = table
                .claim(&delivery, OWNERS[me].to_owned(), NOW, later)
                .await;
            Some(claimed.expect("it is asked").is_some())
        }
        Operation::TakeOver(me) => {
            let taken = table
                .take_over(&delivery, OWNERS[me].to_owned(), NOW, later)
                .await;
            Some(taken.expect("it is asked").is_some())
        }
        Operation::Release(_) => {
            table.release(&claim, later).await.expect("it is asked");
            None
        }
        Operation::Intend(_) => Some(table.intend(&claim).await.expect("it is asked")),
        Operation::Conclude(_, Verdict { status, marked }) => {
            let mut concluded = record;
            concluded.message.status = code_status(status);
            concluded.message.possible_duplicate = marked;
            concluded.message.next_attempt_at = (status == Status::Retrying).then_some(later);
            let written = table.conclude(&claim, &concluded).await;
            Some(written.expect("it is asked"))
        }
        Operation::Requeue(_) => {
            let written = table.requeue(&claim, record, later).await;
            Some(written.expect("it is asked").is_some())
        }
        Operation::CountQueued(read) => {
            let read = as_read(record, read, Status::Queued);
            let counted = table.count_queued(&read, NOW, later).await;
            Some(counted.expect("it is asked"))
        }
        Operation::Retry(read) => {
            let read = as_read(record, read, Status::Failed);
            let mut changed = read.clone();
            let retried = changed.message.retry(&mut changed.patience, NOW);
            let may = retried.is_ok();
            Some(may && replace(table, &read, &changed, Some(later)).await)
        }
        Operation::Cancel(read) => {
            let read = as_read(record, read, Status::Queued);
            let mut changed = read.clone();
            let may = changed.message.cancel(NOW).is_ok() && changed != read;
            Some(may && replace(table, &read, &changed, None).await)
        }
    }
}

async fn replace(
    table: &MessagesTable,
    read: &code::Record,
    changed: &code::Record,
    due: Option<Timestamp>,
) -> bool {
    let written = table.replace(read, changed, due).await;
    written.expect("it is asked")
}

/// The record as somebody has it who read it then. What changed its status since, changed `other` into it.
fn as_read(mut record: code::Record, read: Read, other: Status) -> code::Record {
    let other = code_status(other);
    match read {
        Read::AsItIs => {}
        Read::BeforeItsStatus if record.message.status == other => {
            record.message.status = message::Status::Unknown;
        }
        Read::BeforeItsStatus => record.message.status = other,
        Read::BeforeItWasQueued => record.enqueued -= 1,
        Read::BeforeItsAttempt => drop(record.message.attempts.pop()),
    }
    record
}

/// A claim of [`ME`]'s, to be used on any record: it is its owner's name that counts.
async fn my_claim(table: &MessagesTable, id: MessageId) -> code::Claim {
    let case = Case {
        id,
        record: Record::NEW,
        operation: Operation::Claim(ME),
    };
    items::write((&table.client, &table.name), vec![item(&case)], Vec::new()).await;
    let delivery = record_of(&case).delivery();
    let claim = table
        .claim(&delivery, OWNERS[ME].to_owned(), NOW, NOW + A_MINUTE)
        .await;
    claim.expect("it is asked").expect("it is free")
}

fn tenant() -> Tenant {
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
fn record_of(case: &Case) -> code::Record {
    let mut message = new_message(case.id, NOW);
    message.status = code_status(case.record.status);
    message.possible_duplicate = case.record.marked;
    message.next_attempt_at = case.record.next_attempt.map(at);
    message.attempts = vec![attempt(message::Outcome::Transient); 2];
    message.recipients[0].status = match case.record.status {
        Status::Sent => RecipientStatus::Accepted,
        Status::Failed => RecipientStatus::Refused,
        Status::Unknown => RecipientStatus::Unknown,
        Status::Queued | Status::Sending | Status::Retrying | Status::Cancelled => {
            RecipientStatus::Open
        }
    };
    // Only what is parked may be retried by hand.
    message.parked = Some("no_sender".to_owned());
    let mut record = code::Record::new(tenant(), message);
    record.enqueued = 2;
    record
}

fn item(case: &Case) -> Item {
    let record = record_of(case).to_item(case.record.due.map(at));
    let mut item = record.expect("an item");
    if let Some(Claim {
        owner: Owner::Worker(owner),
        lease,
        phase,
    }) = case.record.claim
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
fn read(item: &Item) -> Record {
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

fn code_status(status: Status) -> message::Status {
    let found = STATUSES.iter().find(|(model, _)| *model == status);
    found.expect("each has one").1
}

fn model_status(status: message::Status) -> Status {
    let found = STATUSES.iter().find(|(_, code)| *code == status);
    found.expect("each has one").0
}

fn new_message(id: MessageId, created_at: Timestamp) -> Message {
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

fn attempt(outcome: message::Outcome) -> Attempt {
    Attempt {
        at: NOW,
        duration_ms: 0,
        outcome,
        reply: None,
        reason: None,
        counted: true,
    }
}

/// A message that may be tried again, or has been tried for too long, and how long that was.
fn aged(marked: bool, again: bool) -> (Message, Patience) {
    let (age, parked_for) = if again {
        (Duration::ZERO, Duration::ZERO)
    } else {
        (GIVE_UP_AFTER + PARKED_AT_MOST, PARKED_AT_MOST)
    };
    let before = |age: Duration| {
        let age = i64::try_from(age.as_millis()).expect("a few days");
        Timestamp::from_millis(NOW.as_millis() - age)
    };
    let mut patience = Patience::default();
    patience.park(before(parked_for));
    let id = MessageId::new(Clock::manual(NOW).ulid());
    let mut message = new_message(id, before(age));
    message.possible_duplicate = marked;
    (message, patience)
}

fn assert_is(message: &Message, expected: Verdict, case: &str) {
    let verdict = Verdict {
        status: model_status(message.status),
        marked: message.possible_duplicate,
    };
    assert_eq!(verdict, expected, "{case}");
    let again = expected.status == Status::Retrying;
    assert_eq!(message.next_attempt_at.is_some(), again, "{case}");
}

#[test]
fn every_outcome_makes_of_a_message_what_the_model_says() {
    let outcomes = [
        (Outcome::Accepted, message::Outcome::Accepted),
        (Outcome::Transient, message::Outcome::Transient),
        (Outcome::Permanent, message::Outcome::Permanent),
        (Outcome::NotSent, message::Outcome::NotSent),
        (Outcome::Ambiguous, message::Outcome::Ambiguous),
    ];
    for (outcome, of_code) in outcomes {
        for policy in POLICIES {
            for (marked, again) in [(false, false), (false, true), (true, false), (true, true)] {
                let (mut message, mut patience) = aged(marked, again);
                let known = match outcome {
                    Outcome::Accepted => Some(RecipientStatus::Accepted),
                    Outcome::Permanent => Some(RecipientStatus::Refused),
                    Outcome::Transient | Outcome::NotSent | Outcome::Ambiguous => None,
                };
                let to = message.recipients[0].email.clone();
                let result = AttemptResult {
                    attempt: attempt(of_code),
                    recipients: known.map(|known| (to, known, None)).into_iter().collect(),
                    wait: Duration::ZERO,
                    trouble: None,
                };
                message.conclude(result, &mut patience, policy, NOW, 0);
                let expected = verdict(outcome, policy, marked, again);
                assert_is(
                    &message,
                    expected,
                    &format!("{outcome:?} {policy:?} {marked} {again}"),
                );
            }
        }
    }
}

#[test]
fn what_is_put_off_was_not_sent() {
    let put_off: [fn(&mut Message, &mut Patience); 3] = [
        |message, patience| message.park(patience, "no_sender".to_owned(), NOW, A_MINUTE),
        |message, patience| message.back_off(patience, "unreachable", NOW + A_MINUTE, NOW),
        |message, patience| message.wait_for_start(patience, NOW + A_MINUTE, NOW),
    ];
    for put_off in put_off {
        for (marked, again) in [(false, false), (false, true), (true, false), (true, true)] {
            let (mut message, mut patience) = aged(marked, again);
            put_off(&mut message, &mut patience);
            let expected = verdict(Outcome::NotSent, Ambiguous::Retry, marked, again);
            assert_is(&message, expected, &format!("{marked} {again}"));
        }
    }
}
