//! The environment of this function.

use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::messages::MessagesTable;
use shared::aws::queue::DeliveryQueue;
use shared::clock::Clock;
use shared::config::{ConfigError, required};
use shared::metrics::Metrics;

use crate::State;

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    connections_table: String,
    messages_table: String,
    delivery_queue: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            connections_table: required("CONNECTIONS_TABLE")?,
            messages_table: required("MESSAGES_TABLE")?,
            delivery_queue: required("DELIVERY_QUEUE_URL")?,
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
            queue: DeliveryQueue::new(clients.sqs(), &self.delivery_queue),
            secrets: clients.secrets_manager(),
            clock: Clock::system(),
            metrics,
        }
    }
}
