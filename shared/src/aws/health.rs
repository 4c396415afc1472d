//! A connection's health, as deliveries write it. Each write is on the version that was tried: what an old attempt learnt says nothing
//! about settings that were changed since.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::attempts::Attempts;
use super::connections::{ConnectionsTable, connection_key};
use super::error::{StorageError, conditional};
use super::item::{number, string};
use super::transaction::Condition;
use crate::model::connection::{Connection, Health, HealthStatus, VerificationStatus};
use crate::model::event::Event;
use crate::model::tenant::Tenant;
use crate::model::timestamp::Timestamp;

const OPERATION: &str = "write a connection's health";

/// Holds while nobody has changed the connection's settings, and no delivery its health: what a write of the whole item needs.
///
/// # Errors
/// When the health can't be written, which is a fault of ours.
pub fn as_read(connection: &Connection) -> Result<Condition, StorageError> {
    Ok(Condition::new(AS_READ)
        .with(":version", number(connection.version))
        .with(":since", string(connection.health.since.to_string()))
        .with(":next", next_attempt(&connection.health)?))
}

const AS_READ: &str =
    "version = :version AND health.since = :since AND health.next_attempt_at = :next";

impl ConnectionsTable {
    /// Moves the time of the next attempt to `until` before an attempt is made. `false` when another worker has moved it, or the
    /// connection is another by now: the attempt must not be made then.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn begin_probe(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        until: Timestamp,
    ) -> Result<bool, StorageError> {
        let next = connection.health.next_attempt_at;
        self.move_next_attempt(tenant, connection, next, Some(until))
            .await
    }

    /// Takes back what [`Self::begin_probe`] did for the same `connection`: nothing was tried. Left undone when anything was written since.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn abandon_probe(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        until: Timestamp,
    ) -> Result<bool, StorageError> {
        let next = connection.health.next_attempt_at;
        self.move_next_attempt(tenant, connection, Some(until), next)
            .await
    }

    /// Moves the time of the next attempt, if it is `from` and nothing else was written since the connection was read.
    async fn move_next_attempt(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        let request = self
            .update_health(tenant, connection)
            .update_expression("SET health.next_attempt_at = :to REMOVE event")
            .condition_expression(AS_READ)
            .expression_attribute_values(":since", string(connection.health.since.to_string()))
            .expression_attribute_values(":next", attribute(&from)?)
            .expression_attribute_values(":to", attribute(&to)?);
        written(request).await
    }

    /// Suspends a connection on account of an attempt that began at `began` and found it in the health `seen`. Left undone when it was
    /// verified since, or another attempt suspended it. The write that suspends it carries the event.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn suspend(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        seen: &Health,
        health: &Health,
        began: Timestamp,
    ) -> Result<bool, StorageError> {
        let request = self.update_health(tenant, connection);
        let request = if seen.status == HealthStatus::Suspended {
            request.update_expression("SET health = :health REMOVE event")
        } else {
            let event = Event::suspended(tenant, connection, health);
            request
                .update_expression("SET health = :health, event = :event")
                .expression_attribute_values(":event", attribute(&event)?)
        };
        let request = request
            .condition_expression(
                "version = :version AND ((health.#status = :ok AND health.since <= :began) OR health.#status = :backing_off \
                 OR (health.since = :since AND health.next_attempt_at = :next)) \
                 AND NOT (verification.#status = :passed AND verification.checked_at > :began)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":passed", attribute(&VerificationStatus::Passed)?)
            .expression_attribute_values(":ok", attribute(&HealthStatus::Ok)?)
            .expression_attribute_values(":backing_off", attribute(&HealthStatus::BackingOff)?)
            .expression_attribute_values(":began", string(began.to_string()))
            .expression_attribute_values(":since", string(seen.since.to_string()))
            .expression_attribute_values(":next", next_attempt(seen)?)
            .expression_attribute_values(":health", attribute(health)?);
        written(request).await
    }

    /// Backs a connection off that an attempt found in the health `seen`. Left undone when that has changed.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn back_off(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        seen: &Health,
        health: &Health,
    ) -> Result<bool, StorageError> {
        let request = self
            .update_health(tenant, connection)
            .update_expression("SET health = :health REMOVE event")
            .condition_expression(AS_READ)
            .expression_attribute_values(":since", string(seen.since.to_string()))
            .expression_attribute_values(":next", next_attempt(seen)?)
            .expression_attribute_values(":health", attribute(health)?);
        written(request).await
    }

    /// Notes that mail goes through a connection again, unless that is known.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn recover(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let request = self
            .update_health(tenant, connection)
            .update_expression("SET health = :health REMOVE event")
            .condition_expression("version = :version AND health.#status <> :ok")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":ok", attribute(&HealthStatus::Ok)?)
            .expression_attribute_values(":health", attribute(&Health::ok(now))?);
        written(request).await
    }

    fn update_health(&self, tenant: &Tenant, connection: &Connection) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(connection_key(tenant, connection.id)))
            .expression_attribute_values(":version", number(connection.version))
    }
}

fn attribute(value: &impl serde::Serialize) -> Result<AttributeValue, StorageError> {
    serde_dynamo::to_attribute_value(value).map_err(|error| StorageError::corrupt(OPERATION, error))
}

/// As the item holds it: NULL where there is none.
fn next_attempt(health: &Health) -> Result<AttributeValue, StorageError> {
    attribute(&health.next_attempt_at)
}

/// Whether the condition was met. A change of the connection at the same moment is waited for: what was found out must not get lost.
async fn written(request: UpdateItemFluentBuilder) -> Result<bool, StorageError> {
    let mut attempts = Attempts::default();
    loop {
        match conditional(OPERATION, request.clone().send().await) {
            Err(error) if error.is_transient() => attempts.another(OPERATION).await?,
            written => return Ok(written?.is_some()),
        }
    }
}
