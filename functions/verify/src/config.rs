//! The environment of this function.

use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::config::{ConfigError, dialer, required};
use shared::smtp::Dialer;

use crate::{LookUps, State};

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    /// `TENANT_CLAIM`: the claim of the token that names the tenant.
    pub tenant_claim: String,
    connections_table: String,
    dialer: Dialer,
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
            dialer: dialer()?,
        })
    }

    /// The state for the AWS that `clients` lead to.
    #[must_use]
    pub fn state(&self, clients: &Clients) -> State {
        State {
            connections: ConnectionsTable {
                client: clients.dynamodb(),
                name: self.connections_table.clone(),
            },
            secrets: SecretReader::new(clients.secrets_manager(), Clock::system()),
            dialer: self.dialer.clone(),
            clock: Clock::system(),
            look_ups: LookUps::default(),
        }
    }
}
