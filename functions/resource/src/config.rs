//! The environment of this function.

use std::sync::Arc;

use connections::CONNECTIONS_PER_TENANT;
use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::secrets::SecretWriter;
use shared::clock::Clock;
use shared::config::{ConfigError, dial_policy, number, required};
use shared::model::network::DialPolicy;

use crate::State;
use crate::password::PasswordSource;
use crate::response::Responses;

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    connections_table: String,
    secret_prefix: String,
    policy: DialPolicy,
    at_most: u32,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            connections_table: required("CONNECTIONS_TABLE")?,
            secret_prefix: required("SECRET_PREFIX")?,
            policy: dial_policy()?,
            at_most: number("CONNECTIONS_PER_TENANT", CONNECTIONS_PER_TENANT)?,
        })
    }

    /// The state for the AWS that `clients` lead to. Where tests have all of it, answers may be sent as well.
    #[must_use]
    pub fn state(&self, clients: &Clients) -> State {
        State {
            connections: Arc::new(connections::State {
                connections: ConnectionsTable {
                    client: clients.dynamodb(),
                    name: self.connections_table.clone(),
                },
                secrets: SecretWriter::new(clients.secrets_manager(), &self.secret_prefix),
                policy: self.policy.clone(),
                at_most: self.at_most,
                // Nobody asks for them here.
                egress_ips: Vec::new(),
                clock: Clock::system(),
            }),
            passwords: PasswordSource::new(clients.secrets_manager(), &self.secret_prefix),
            responses: Responses::new(clients.https(), clients.endpoint().cloned()),
        }
    }
}
