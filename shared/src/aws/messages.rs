//! The table of messages: `<tenant>/<message id>` is a message's record, `<tenant>/key/<digest>` an idempotency key, `/rejected/<digest>`
//! the event about a message that was asked for by an event and not accepted, `<tenant>/places/<shelf>` how many messages of a tenant
//! are on their way ([`super::places`]).
//!
//! Beside the message as its tenant sees it, the record holds how often it was queued (`enqueued`), how long it has been tried and
//! parked (`patience`), when it may be looked at before its next attempt (`look_at`), when the sweeper must do so (`due_at`), and the claim
//! of the worker that has it (`owner`, `lease_until`, `phase`).
//!
//! A tenant's messages, and nothing else, are in the index `by_tenant` (hash `tenant`, range `id`, with `status` and `effective`): see
//! [`super::message_list`].

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::{Deserialize, Serialize};

use super::due;
use super::error::{StorageError, conditional};
use super::event;
use super::item::{self, Item, number, string};
use super::places::{self, OPEN_OF};
use super::queue::Delivery;
use crate::model::event::Event;
use crate::model::ids::{ConnectionId, MessageId};
use crate::model::message::{Message, Status};
use crate::model::retry::{self, Patience};
use crate::model::tenant::Tenant;
use crate::model::timestamp::Timestamp;

/// How long a record is kept after its message was accepted, or retried by hand.
pub const KEPT: Duration = Duration::from_hours(2160);
/// How long after an entry was queued the sweeper looks whether anyone took it.
pub const TAKEN_WITHIN: Duration = Duration::from_mins(10);

/// The table of messages.
#[derive(Debug, Clone)]
pub struct MessagesTable {
    /// The client, for the operations' own writes.
    pub client: Client,
    /// The table's name.
    pub name: String,
}

/// A message's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Whose message.
    pub tenant: Tenant,
    /// How often it was put into the queue.
    pub enqueued: u32,
    /// How many sessions the connection may have that it was queued for last, if that is limited.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// The start that is reserved for the next attempt, where the connection's rate is limited.
    #[serde(default)]
    pub reserved: Option<Reserved>,
    /// How often a worker has given it up, with an attempt or without.
    #[serde(default)]
    pub turns: u32,
    /// How often it was claimed since anything became of it.
    #[serde(default)]
    pub claims: u32,
    /// When it may be looked at before `next_attempt_at`, as what it waits for is its connection, which may be another by then.
    #[serde(default)]
    pub look_at: Option<Timestamp>,
    /// The shelf on which the message has its place.
    #[serde(default)]
    pub shelf: u32,
    /// When the record expires, in seconds since 1970 (DynamoDB's time to live).
    pub expires: i64,
    /// How long it has been tried.
    #[serde(default)]
    pub patience: Patience,
    /// The message as its tenant sees it.
    #[serde(flatten)]
    pub message: Message,
}

/// A start that is reserved for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// Through which connection.
    pub connection_id: ConnectionId,
    /// By which version of its limits.
    #[serde(default)]
    pub version: u64,
    /// From when on.
    pub at: Timestamp,
}

impl Record {
    /// The record of a message just accepted and about to be queued for the first time.
    #[must_use]
    pub fn new(tenant: Tenant, message: Message) -> Self {
        let expires = (message.created_at + KEPT).as_secs();
        Self {
            tenant,
            enqueued: 1,
            concurrency: None,
            reserved: None,
            turns: 0,
            claims: 0,
            look_at: None,
            shelf: 0,
            expires,
            patience: Patience::default(),
            message,
        }
    }

    /// Has a message that waits for its connection's limit or health looked at before its next attempt, from minute to minute: the tenant
    /// may have changed the connection. Nothing is spent by that; one whose time has not come waits on for the same.
    pub fn hold(&mut self, now: Timestamp) {
        let next = self.message.next_attempt_at;
        self.look_at = next
            .map(|at| now + retry::look_again(at.since(now)))
            .filter(|look_at| next.is_some_and(|at| *look_at < at));
    }

    /// When the sweeper must look at a message that waits for its next attempt.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let next = self.message.next_attempt_at?;
        Some(self.look_at.map_or(next, |look_at| look_at.min(next)))
    }

    /// Has the record kept for as long as that of a message accepted now: it may be tried for weeks again.
    pub fn renew(&mut self, now: Timestamp) {
        self.expires = self.expires.max((now + KEPT).as_secs());
    }

    /// The queue entry for this message.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        Delivery {
            tenant: self.tenant.clone(),
            message_id: self.message.id,
        }
    }

    /// The item, to be looked at by the sweeper at `due` if nothing has happened; never, of a message at its end.
    ///
    /// # Errors
    /// When it can't be written as an item, which is a fault of ours.
    pub fn to_item(&self, due: Option<Timestamp>) -> Result<Item, StorageError> {
        let mut item = item::write(message_key(&self.tenant, self.message.id), self)?;
        if let Some(at) = due {
            due::mark(&mut item, &self.message.id.to_string(), at);
            let open_of = places::open_of(&self.tenant, self.shelf);
            item.insert(OPEN_OF.to_owned(), string(open_of));
        }
        Ok(item)
    }
}

/// The key of a message.
#[must_use]
pub fn message_key(tenant: &Tenant, id: MessageId) -> Item {
    Item::from([("pk".to_owned(), string(format!("{}/{id}", tenant.key())))])
}

/// The key of an idempotency key.
#[must_use]
pub fn idempotency_key(tenant: &Tenant, digest: &str) -> Item {
    Item::from([(
        "pk".to_owned(),
        string(format!("{}/key/{digest}", tenant.key())),
    )])
}

/// Whether a partition key is a message's, and not an idempotency key's.
#[must_use]
pub fn is_message_key(pk: &str) -> bool {
    pk.rsplit('/')
        .next()
        .is_some_and(|id| id.parse::<MessageId>().is_ok())
}

/// A worker's claim on a message: while it holds, nobody else writes the record.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The message as it was when it was claimed.
    pub record: Record,
    owner: String,
}

impl MessagesTable {
    /// A message of a tenant.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(
        &self,
        tenant: &Tenant,
        id: MessageId,
    ) -> Result<Option<Record>, StorageError> {
        self.get(message_key(tenant, id)).await
    }

    /// The record of this partition key, as an index gives it.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find_by_key(&self, pk: &str) -> Result<Option<Record>, StorageError> {
        self.get(Item::from([("pk".to_owned(), string(pk))])).await
    }

    async fn get(&self, key: Item) -> Result<Option<Record>, StorageError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .consistent_read(true);
        let output = request
            .send()
            .await
            .map_err(|error| StorageError::sdk("read a message", error))?;
        output.item.map(item::read).transpose()
    }

    /// Claims a message for `owner` until `lease_until`: one that is queued, or due to be retried or looked at, or whose claim expired
    /// before the body could have left. `None` when there is nothing to do: the entry was delivered twice, or another worker has it.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn claim(
        &self,
        delivery: &Delivery,
        owner: String,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claim>, StorageError> {
        // `owner` is new with each call: if it is there already, the SDK repeats a request whose answer was lost. Such a request may even
        // arrive when the claim is long in use: it must not undo the fence.
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(message_key(&delivery.tenant, delivery.message_id)))
            .update_expression(
                "SET #status = :sending, #owner = :owner, lease_until = :lease, due_shard = :shard, due_at = :lease, \
                 phase = :before, updated_at = :now REMOVE event ADD claims :one",
            )
            .condition_expression(
                "#status = :queued OR (#status = :retrying AND (next_attempt_at <= :now OR look_at <= :now)) \
                 OR (#status = :sending AND lease_until < :now AND phase = :before) \
                 OR (#owner = :owner AND phase = :before)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":sending", string("sending"))
            .expression_attribute_values(":queued", string("queued"))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":retrying", string("retrying"))
            .expression_attribute_values(":before", string("before"))
            .expression_attribute_values(":owner", string(&owner))
            .expression_attribute_values(":now", string(now.to_string()))
            .expression_attribute_values(":lease", string(lease_until.to_string()))
            .expression_attribute_values(":shard", due::shard(&delivery.message_id.to_string()))
            .return_values(ReturnValue::AllNew);
        claimed(request, owner).await
    }

    /// Takes over a message whose worker vanished when the body may have left: the attempt is ambiguous. `None` when it isn't so.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn take_over(
        &self,
        delivery: &Delivery,
        owner: String,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claim>, StorageError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(message_key(&delivery.tenant, delivery.message_id)))
            .update_expression("SET #owner = :owner, lease_until = :lease, due_at = :lease REMOVE event")
            .condition_expression("(#status = :sending AND lease_until < :now AND phase = :intent) OR #owner = :owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":sending", string("sending"))
            .expression_attribute_values(":intent", string("intent"))
            .expression_attribute_values(":owner", string(&owner))
            .expression_attribute_values(":now", string(now.to_string()))
            .expression_attribute_values(":lease", string(lease_until.to_string()))
            .return_values(ReturnValue::AllNew);
        claimed(request, owner).await
    }

    /// Gives a claim up of whose message nothing has left, so that the entry can be worked on again at once. Where that fails too, the
    /// claim runs out by itself. It counts as one that came to nothing where the message may be at fault.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn release(
        &self,
        claim: &Claim,
        due: Timestamp,
        its_fault: bool,
    ) -> Result<(), StorageError> {
        let Record {
            tenant, message, ..
        } = &claim.record;
        let before = if message.next_attempt_at.is_some() {
            "retrying"
        } else {
            "queued"
        };
        let claims = if its_fault { claim.record.claims } else { 0 };
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(message_key(tenant, message.id)))
            .update_expression(
                "SET #status = :before, due_at = :due, claims = :claims REMOVE #owner, lease_until, phase, event",
            )
            // Not on the phase: who knows that nothing left need not know whether the fence was written.
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":before", string(before))
            .expression_attribute_values(":due", string(due.to_string()))
            .expression_attribute_values(":claims", number(claims))
            .expression_attribute_values(":owner", string(&claim.owner));
        conditional("give a claim up", request.send().await).map(drop)
    }

    /// The fence: notes that the body may leave from now on. `false` when the claim was lost, and then it must not leave.
    ///
    /// # Errors
    /// When the table can't be written; the body must not leave then either.
    pub async fn intend(&self, claim: &Claim) -> Result<bool, StorageError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(message_key(
                &claim.record.tenant,
                claim.record.message.id,
            )))
            .update_expression("SET phase = :intent REMOVE event")
            .condition_expression("#owner = :owner AND #status = :sending")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":owner", string(&claim.owner))
            .expression_attribute_values(":sending", string("sending"))
            .expression_attribute_values(":intent", string("intent"));
        let noted = conditional("note the intent to send", request.send().await)?;
        Ok(noted.is_some())
    }

    /// Writes an attempt's outcome with its event, and gives the claim up. `false` when the claim was lost.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn conclude(&self, claim: &Claim, concluded: &Record) -> Result<bool, StorageError> {
        let mut item = concluded.to_item(concluded.due())?;
        item.insert("turns".to_owned(), number(claim.record.turns + 1));
        let (before, after) = (&claim.record.message, &concluded.message);
        if let Some(event) = Event::delivered(&concluded.tenant, before, after) {
            event::carry(&mut item, &event)?;
        }
        self.give_up(claim, item).await
    }

    /// Gives a claim up so that the message can be queued once more as `record` says, and counts that; to be done before the body could
    /// have left. The sweeper looks at it at `due`. `None` when the claim was lost.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn requeue(
        &self,
        claim: &Claim,
        mut record: Record,
        due: Timestamp,
    ) -> Result<Option<Record>, StorageError> {
        record.enqueued += 1;
        record.message.status = if record.message.next_attempt_at.is_some() {
            Status::Retrying
        } else {
            Status::Queued
        };
        let written = self.give_up(claim, record.to_item(Some(due))?).await?;
        Ok(written.then_some(record))
    }

    async fn give_up(&self, claim: &Claim, item: Item) -> Result<bool, StorageError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", string(&claim.owner));
        let written = conditional("write an outcome", request.send().await)?;
        Ok(written.is_some())
    }

    /// Writes what a person made of a message, to be looked at by the sweeper at `due`. `false` when anybody has claimed, queued or
    /// changed it since it was `read`.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn replace(
        &self,
        read: &Record,
        changed: &Record,
        due: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        // A claim changes the status, and each that ends is counted: no state that was left comes back as it was.
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(changed.to_item(due)?))
            .condition_expression("#status = :status AND enqueued = :enqueued AND turns = :turns")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", status(read)?)
            .expression_attribute_values(":enqueued", number(read.enqueued))
            .expression_attribute_values(":turns", number(read.turns));
        let written = conditional("change a message", request.send().await)?;
        Ok(written.is_some())
    }

    /// Writes the event about a message that was asked for and not accepted, once for all times that it was: `digest` stands for what
    /// asked.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn reject(
        &self,
        digest: &str,
        rejected: &Event,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let mut item = Item::from([
            ("pk".to_owned(), string(format!("/rejected/{digest}"))),
            ("expires".to_owned(), number((now + KEPT).as_secs())),
        ]);
        event::carry(&mut item, rejected)?;
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        conditional("write a rejection", request.send().await).map(drop)
    }

    /// Counts a message as queued once more and looks at it again at `due`, if it still is due and nobody has touched it since it was read.
    /// `false` when someone has.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn count_queued(
        &self,
        record: &Record,
        now: Timestamp,
        due: Timestamp,
    ) -> Result<bool, StorageError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(message_key(&record.tenant, record.message.id)))
            .update_expression("SET enqueued = :next, due_at = :due REMOVE event")
            .condition_expression("enqueued = :enqueued AND #status = :status AND due_at <= :now")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":next", number(record.enqueued + 1))
            .expression_attribute_values(":enqueued", number(record.enqueued))
            .expression_attribute_values(":now", string(now.to_string()))
            .expression_attribute_values(":due", string(due.to_string()))
            .expression_attribute_values(":status", status(record)?);
        let counted = conditional("count a message as queued", request.send().await)?;
        Ok(counted.is_some())
    }
}

async fn claimed(
    request: UpdateItemFluentBuilder,
    owner: String,
) -> Result<Option<Claim>, StorageError> {
    let Some(output) = conditional("claim a message", request.send().await)? else {
        return Ok(None);
    };
    let record = item::read(output.attributes.unwrap_or_default())?;
    Ok(Some(Claim { record, owner }))
}

fn status(record: &Record) -> Result<AttributeValue, StorageError> {
    serde_dynamo::to_attribute_value(record.message.status)
        .map_err(|error| StorageError::corrupt("write a status", error))
}
