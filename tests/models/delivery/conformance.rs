//! `step` against the code: every write of `MessagesTable` on every abstract record.

mod concrete;
mod outcomes;

use std::collections::BTreeMap;
use std::sync::Arc;

use local::embedded::MESSAGES_TABLE;
use shared::aws::messages::{self as code, MessagesTable};
use shared::clock::Clock;
use shared::model::ids::MessageId;
use shared::model::message;
use shared::model::timestamp::Timestamp;
use tests::world::{at_once, storage};

use self::concrete::{
    A_MINUTE, ANOTHER, ME, NOW, OWNERS, code_status, item, read, record_of, tenant,
};
use super::record::{Claim, Operation, Owner, Phase, Read, Record, Status, Time, Verdict, step};
use crate::items;

/// A write on a record, each on one of its own.
#[derive(Debug, Clone, Copy)]
struct Case {
    id: MessageId,
    record: Record,
    operation: Operation,
}

/// Every combination of what a condition can ask about. When a message has ended, its times vary together; so do the two of a next
/// attempt where a claim does not depend on them.
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
                    for look in TIMES {
                        if status != Status::Retrying && look != next_attempt {
                            continue;
                        }
                        records.push(Record {
                            status,
                            claim,
                            due,
                            next_attempt,
                            look,
                            marked: records.len() % 2 == 0,
                        });
                    }
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
        Operation::Hold(ME, verdict),
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
    let embedded = storage().await;
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
    let written = cases.iter().map(|case| item(case.id, &case.record));
    items::write(all, written.collect(), Vec::new()).await;
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
    let (record, later) = (record_of(case.id, &case.record), NOW + A_MINUTE);
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
            table
                .release(&claim, later, false)
                .await
                .expect("it is asked");
            None
        }
        Operation::Intend(_) => Some(table.intend(&claim).await.expect("it is asked")),
        Operation::Conclude(_, Verdict { status, marked })
        | Operation::Hold(_, Verdict { status, marked }) => {
            let mut concluded = record;
            let held = matches!(case.operation, Operation::Hold(..));
            concluded.look_at = held.then_some(later);
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
            changed.look_at = None;
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
        Read::BeforeItsAttempt => record.turns -= 1,
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
    items::write(
        (&table.client, &table.name),
        vec![item(case.id, &case.record)],
        Vec::new(),
    )
    .await;
    let delivery = record_of(case.id, &case.record).delivery();
    let claim = table
        .claim(&delivery, OWNERS[ME].to_owned(), NOW, NOW + A_MINUTE)
        .await;
    claim.expect("it is asked").expect("it is free")
}
