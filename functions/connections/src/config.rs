//! The environment of this function.

use std::net::IpAddr;

use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::secrets::SecretWriter;
use shared::clock::Clock;
use shared::config::{ConfigError, dial_policy, list, number, required};
use shared::model::network::DialPolicy;

use crate::{CONNECTIONS_PER_TENANT, State};

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    /// `TENANT_CLAIM`: the claim of the token that names the tenant.
    pub tenant_claim: String,
    connections_table: String,
    secret_prefix: String,
    egress_ips: Vec<IpAddr>,
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
            tenant_claim: required("TENANT_CLAIM")?,
            connections_table: required("CONNECTIONS_TABLE")?,
            secret_prefix: required("SECRET_PREFIX")?,
            egress_ips: list("EGRESS_IPS")?,
            policy: dial_policy()?,
            at_most: number("CONNECTIONS_PER_TENANT", CONNECTIONS_PER_TENANT)?,
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
            secrets: SecretWriter::new(clients.secrets_manager(), &self.secret_prefix),
            policy: self.policy.clone(),
            at_most: self.at_most,
            egress_ips: self.egress_ips.clone(),
            clock: Clock::system(),
        }
    }
}
