//! The environment of this function.

use std::sync::Arc;

use axum::http::Uri;
use connections::CONNECTIONS_PER_TENANT;
use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::secrets::SecretWriter;
use shared::clock::Clock;
use shared::config::{ConfigError, dial_policy, number, optional, required};
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
    endpoint: Option<Uri>,
}

impl Config {
    /// Reads the environment. `AWS_ENDPOINT_URL` is for tests: where it leads, answers may be sent as well.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        let endpoint = optional("AWS_ENDPOINT_URL").map(|url| url.parse());
        Ok(Self {
            connections_table: required("CONNECTIONS_TABLE")?,
            secret_prefix: required("SECRET_PREFIX")?,
            policy: dial_policy()?,
            at_most: number("CONNECTIONS_PER_TENANT", CONNECTIONS_PER_TENANT)?,
            endpoint: endpoint.transpose().map_err(|_| ConfigError::Malformed {
                name: "AWS_ENDPOINT_URL",
                reason: "it must be a URL".to_owned(),
            })?,
        })
    }

    /// The state for the AWS that `clients` lead to.
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
            responses: Responses::new(clients.https(), self.endpoint.clone()),
        }
    }
}
