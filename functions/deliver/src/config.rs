//! The environment of this function.

use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::content::ContentStore;
use shared::aws::messages::MessagesTable;
use shared::aws::queue::DeliveryQueue;
use shared::aws::rates::Rates;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::config::{ConfigError, ambiguous, content_bucket, dialer, required};
use shared::metrics::Metrics;
use shared::model::retry::Ambiguous;
use shared::smtp::Dialer;

use crate::{DECIDED_FOR, Logins, Sessions, State};

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    connections_table: String,
    messages_table: String,
    content_bucket: String,
    delivery_queue: String,
    dialer: Dialer,
    ambiguous: Ambiguous,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            connections_table: required("CONNECTIONS_TABLE")?,
            messages_table: required("MESSAGES_TABLE")?,
            content_bucket: content_bucket()?,
            delivery_queue: required("DELIVERY_QUEUE_URL")?,
            dialer: dialer()?,
            ambiguous: ambiguous()?,
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
            rates: Rates::default(),
            logins: Logins::default(),
            secrets: SecretReader::new(clients.secrets_manager(), Clock::system()),
            dialer: self.dialer.clone(),
            decided_for: DECIDED_FOR,
            ambiguous: self.ambiguous,
            sessions: Sessions::new(Clock::system()),
            clock: Clock::system(),
            metrics,
        }
    }
}
