//! The environment of this function.

use std::net::IpAddr;

use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::config::{ConfigError, dialer, list, number, required};
use shared::metrics::Metrics;
use shared::smtp::Dialer;

use crate::State;
use crate::limits::Limits;

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    /// `TENANT_CLAIM`: the claim of the token that names the tenant.
    pub tenant_claim: String,
    connections_table: String,
    dialer: Dialer,
    egress_ips: Vec<IpAddr>,
    limits: Limits,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        let usual = Limits::default();
        Ok(Self {
            tenant_claim: required("TENANT_CLAIM")?,
            connections_table: required("CONNECTIONS_TABLE")?,
            dialer: dialer()?,
            egress_ips: list("EGRESS_IPS")?,
            limits: Limits {
                per_tenant: number("VERIFICATIONS_PER_TENANT", usual.per_tenant)?,
                per_target: number("VERIFICATIONS_PER_TARGET", usual.per_target)?,
            },
        })
    }

    /// The state for the AWS that `clients` lead to, which counts in `metrics`.
    #[must_use]
    pub fn state(&self, clients: &Clients, metrics: Metrics) -> State {
        let connections = ConnectionsTable {
            client: clients.dynamodb(),
            name: self.connections_table.clone(),
        };
        let secrets = SecretReader::new(clients.secrets_manager(), Clock::system());
        State {
            egress_ips: self.egress_ips.clone(),
            limits: self.limits,
            metrics,
            ..State::new(connections, secrets, self.dialer.clone(), Clock::system())
        }
    }
}
