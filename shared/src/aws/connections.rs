//! The table of connections. A tenant is one partition; in it, by sort key:
//!
//! | sort key | item |
//! | --- | --- |
//! | `connection#<id>` | a connection |
//! | `default` | the pointer to the connection that has the default role; at most one, as it is one item |
//! | `event#<ulid>` | the event of a change that leaves no other item, a deletion for instance |
//! | `key#<digest>` | an idempotency key and the answer it stands for |
//! | `limit#<what>` | how often the tenant has done that within the window that is open: the functions' own |
//! | `quota#connections` | how many connections the tenant has: changed in the transactions that create and delete them |
//! | `rate#<connection id>` | the starts that are reserved through a connection with limits |
//! | `name#<folded name>` | holds a name for the connection that has it |
//! | `secret#<name>` | a secret to collect: created but not yet pointed to, or no longer pointed to |
//!
//! A mail server is one, too (`#target#<host>#<port>`): in it are the windows that all tenants share. An item that has `expires` may
//! go once that has passed.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Get, TransactGetItem};
use serde::{Deserialize, Serialize};

use super::attempts::Attempts;
use super::due;
use super::error::{StorageError, conditional};
use super::event;
use super::item::{self, Item, string};
use super::transaction::{Condition, Ended, LATER, Transaction};
use crate::model::connection::{
    Connection, Health, HealthStatus, Verification, VerificationStatus,
};
use crate::model::event::Event;
use crate::model::ids::ConnectionId;
use crate::model::sender::Senders;
use crate::model::tenant::Tenant;
use crate::model::text;
use crate::model::timestamp::Timestamp;

/// How long a secret may be without a connection that points to it before it is collected: longer than any request lives.
pub const SECRET_GRACE: Duration = Duration::from_mins(15);

/// The table of connections.
#[derive(Debug, Clone)]
pub struct ConnectionsTable {
    /// The client, for the operations' own transactions.
    pub client: Client,
    /// The table's name.
    pub name: String,
}

/// The key of a connection.
#[must_use]
pub fn connection_key(tenant: &Tenant, id: ConnectionId) -> Item {
    item::key(&tenant.key(), &format!("{CONNECTION}{id}"))
}

/// The key of the default role's pointer.
#[must_use]
pub fn default_key(tenant: &Tenant) -> Item {
    item::key(&tenant.key(), DEFAULT)
}

/// The key of a name.
#[must_use]
pub fn name_key(tenant: &Tenant, name: &str) -> Item {
    item::key(&tenant.key(), &format!("name#{}", text::fold(name)))
}

/// The key of an idempotency key.
#[must_use]
pub fn idempotency_key(tenant: &Tenant, digest: &str) -> Item {
    item::key(&tenant.key(), &format!("key#{digest}"))
}

/// The key of the number of connections that a tenant has (`held`). It is changed with them, in one transaction, and so is never wrong.
#[must_use]
pub fn quota_key(tenant: &Tenant) -> Item {
    item::key(&tenant.key(), "quota#connections")
}

/// Holds while a tenant has fewer connections than `at_most`.
#[must_use]
pub fn below_quota(at_most: u32) -> Condition {
    Condition::new("attribute_not_exists(held) OR held < :at_most")
        .with(":at_most", item::number(at_most))
}

/// The key of a connection's reservations.
#[must_use]
pub fn rate_key(tenant: &Tenant, id: ConnectionId) -> Item {
    item::key(&tenant.key(), &format!("rate#{id}"))
}

/// The key of the note that a secret is to be collected.
#[must_use]
pub fn secret_note_key(tenant: &Tenant, secret: &str) -> Item {
    item::key(&tenant.key(), &format!("{SECRET}{secret}"))
}

/// The note that a secret is to be collected once [`SECRET_GRACE`] has passed, unless it is dropped before.
#[must_use]
pub fn secret_note(tenant: &Tenant, secret: &str, now: Timestamp) -> Item {
    let mut note = secret_note_key(tenant, secret);
    due::mark(&mut note, secret, now + SECRET_GRACE);
    note
}

/// The name in a note's sort key, if it is one.
#[must_use]
pub fn noted_secret(sort_key: &str) -> Option<&str> {
    sort_key.strip_prefix(SECRET)
}

/// The condition on a note under which its secret may be taken into use: it is there, and the sweeper hasn't begun to collect it.
#[must_use]
pub fn still_noted() -> Condition {
    Condition::new("attribute_exists(pk) AND attribute_not_exists(collecting)")
}

/// The attribute of a note whose secret is being collected.
pub const COLLECTING: &str = "collecting";

const CONNECTION: &str = "connection#";
const DEFAULT: &str = "default";
const SECRET: &str = "secret#";

#[derive(Deserialize)]
struct Pointer {
    connection_id: ConnectionId,
}

impl ConnectionsTable {
    /// A connection, and whether it has the default role: both as of the same instant.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(
        &self,
        tenant: &Tenant,
        id: ConnectionId,
    ) -> Result<Option<(Connection, bool)>, StorageError> {
        const OPERATION: &str = "read a connection";
        let get = |key| {
            let get = Get::builder()
                .table_name(&self.name)
                .set_key(Some(key))
                .build()
                .expect("a get has a table and a key");
            TransactGetItem::builder().get(get).build()
        };
        let mut attempts = Attempts::default();
        let output = loop {
            let request = self
                .client
                .transact_get_items()
                .transact_items(get(connection_key(tenant, id)))
                .transact_items(get(default_key(tenant)));
            match request.send().await {
                Ok(output) => break output,
                // Somebody is writing one of the two at this moment.
                Err(error) if is_conflict(error.as_service_error()) => {
                    attempts.another(OPERATION).await?;
                }
                Err(error) => return Err(StorageError::sdk(OPERATION, error)),
            }
        };
        let mut items = output
            .responses
            .unwrap_or_default()
            .into_iter()
            .map(|response| response.item.filter(|item| !item.is_empty()));
        let (connection, pointer) = (items.next().flatten(), items.next().flatten());
        let Some(connection) = connection else {
            return Ok(None);
        };
        let default = pointer
            .map(item::read::<Pointer>)
            .transpose()?
            .is_some_and(|pointer| pointer.connection_id == id);
        Ok(Some((item::read(connection)?, default)))
    }

    /// All connections of a tenant and the default among them, strongly consistent.
    ///
    /// A query is not a snapshot: the pointer is read last, and a switch may fall in between. What is answered is always a state
    /// in which the default exists and is active, so a view that is not one is read again.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn senders(&self, tenant: &Tenant) -> Result<Senders, StorageError> {
        let mut attempts = Attempts::default();
        loop {
            let senders = self.query(tenant).await?;
            let whole = senders.default.is_none_or(|id| {
                senders
                    .connections
                    .iter()
                    .any(|c| c.id == id && c.settings.active)
            });
            if whole {
                return Ok(senders);
            }
            attempts.another("read the connections of a tenant").await?;
        }
    }

    async fn query(&self, tenant: &Tenant) -> Result<Senders, StorageError> {
        const OPERATION: &str = "read the connections of a tenant";
        let mut senders = Senders::default();
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("pk = :tenant AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":tenant", string(tenant.key()))
            .expression_attribute_values(":first", string(CONNECTION))
            .expression_attribute_values(":last", string(DEFAULT))
            .into_paginator()
            .items()
            .send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| StorageError::sdk(OPERATION, error))?;
            if item
                .get("sk")
                .and_then(|sk| sk.as_s().ok())
                .is_some_and(|sk| sk == DEFAULT)
            {
                senders.default = Some(item::read::<Pointer>(item)?.connection_id);
            } else {
                senders.connections.push(item::read(item)?);
            }
        }
        Ok(senders)
    }

    /// Notes that the secret `name` is about to be created and nothing points to it yet.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn note_secret(
        &self,
        tenant: &Tenant,
        name: &str,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        // A transaction, as DynamoDB knows one that the SDK repeats by its token: a put whose repetition came late would note a secret that
        // is in use by then.
        let note = secret_note(tenant, name, now);
        let noted = Transaction::new(&self.client, &self.name).put((), note, Condition::none());
        match noted.write().await? {
            Ended::Written => Ok(()),
            Ended::Refused(_) | Ended::Conflict => Err(StorageError::contended("note a secret")),
        }
    }

    /// Keeps the outcome of verifying `connection` as it is saved; one that passed, until `finished`, also ends its suspension or backing
    /// off, be it as old as the verification's last seconds. Left undone when its settings have changed since, as the outcome
    /// is then about something that no longer is, and when there is one that is no older. The write carries its event; `by` is who asked
    /// for the verification.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn keep_verification(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        verification: &Verification,
        by: Option<&str>,
        finished: Timestamp,
    ) -> Result<(), StorageError> {
        const OPERATION: &str = "keep a verification";
        let checked_at = verification
            .checked_at
            .map_or_else(String::new, |at| at.to_string());
        let verified = attribute(OPERATION, verification)?;
        let event = Event::verified(tenant, connection, verification, by);
        let event = event::attribute(&event)?;
        let passed = verification.status == VerificationStatus::Passed;
        let mut recovers = passed && connection.health.status != HealthStatus::Ok;
        // What was read may have changed while the server was asked: then it is the other of the two writes.
        for _ in 0..2 {
            let newer = "version = :version AND (attribute_type(verification.checked_at, :null) OR verification.checked_at < :checked_at)";
            let mut request = self
                .client
                .update_item()
                .table_name(&self.name)
                .set_key(Some(connection_key(tenant, connection.id)))
                .expression_attribute_values(":null", string("NULL"))
                .expression_attribute_values(":checked_at", string(&checked_at))
                .expression_attribute_values(":verification", verified.clone())
                .expression_attribute_values(":event", event.clone())
                .expression_attribute_values(":version", item::number(connection.version))
                .update_expression(if recovers {
                    "SET verification = :verification, event = :event, health = :health"
                } else {
                    "SET verification = :verification, event = :event"
                });
            if recovers {
                let health = attribute(OPERATION, &Health::ok(finished))?;
                request = request.expression_attribute_values(":health", health);
            }
            request = if passed {
                let ill = "health.#status <> :ok AND health.since <= :finished";
                let condition = if recovers {
                    format!("{newer} AND {ill}")
                } else {
                    format!("{newer} AND NOT ({ill})")
                };
                request
                    .condition_expression(condition)
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":ok", attribute(OPERATION, &HealthStatus::Ok)?)
                    .expression_attribute_values(":finished", string(finished.to_string()))
            } else {
                request.condition_expression(newer)
            };
            let written = conditional(OPERATION, request.send().await)?;
            if written.is_some() || !passed {
                break;
            }
            recovers = !recovers;
        }
        Ok(())
    }
}

fn attribute(
    operation: &'static str,
    value: &impl Serialize,
) -> Result<AttributeValue, StorageError> {
    serde_dynamo::to_attribute_value(value).map_err(|error| StorageError::corrupt(operation, error))
}

fn is_conflict(error: Option<&TransactGetItemsError>) -> bool {
    let Some(TransactGetItemsError::TransactionCanceledException(cancelled)) = error else {
        return false;
    };
    let mut codes = cancelled.cancellation_reasons().iter();
    codes.any(|reason| reason.code().is_some_and(|code| LATER.contains(&code)))
}
