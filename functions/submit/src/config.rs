//! The environment of this function.

use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::content::ContentStore;
use shared::aws::messages::MessagesTable;
use shared::aws::places::Places;
use shared::aws::queue::DeliveryQueue;
use shared::clock::Clock;
use shared::config::{ConfigError, content_bucket, number, required};
use shared::metrics::Metrics;

use crate::{QUEUED_PER_TENANT, State};

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    /// `TENANT_CLAIM`: the claim of the token that names the tenant.
    pub tenant_claim: String,
    connections_table: String,
    messages_table: String,
    content_bucket: String,
    delivery_queue: String,
    places: Places,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            tenant_claim: required("TENANT_CLAIM")?,
            connections_table: required("CONNECTIONS_TABLE")?,
            messages_table: required("MESSAGES_TABLE")?,
            content_bucket: content_bucket()?,
            delivery_queue: required("DELIVERY_QUEUE_URL")?,
            places: Places::new(number("QUEUED_PER_TENANT", QUEUED_PER_TENANT)?),
        })
    }

    /// The state for the AWS that `clients` lead to, which counts in `metrics`.
    #[must_use]
    pub fn state(&self, clients: &Clients, metrics: Metrics) -> State {
        State {
            connections: ConnectionsTable {
                client: clients.dynamodb(),
                name: self.connections_table.clone(),
            },
            messages: MessagesTable {
                client: clients.dynamodb(),
                name: self.messages_table.clone(),
            },
            content: ContentStore::new(clients.s3(&self.content_bucket)),
            queue: DeliveryQueue::new(clients.sqs(), &self.delivery_queue),
            places: self.places,
            clock: Clock::system(),
            metrics,
        }
    }
}
