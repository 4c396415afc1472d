//! The environment of this function.

use shared::aws::clients::Clients;
use shared::aws::connections::ConnectionsTable;
use shared::aws::content::ContentStore;
use shared::aws::messages::MessagesTable;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::config::{ConfigError, dial_policy, required};
use shared::model::network::DialPolicy;

use crate::State;

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    connections_table: String,
    messages_table: String,
    content_bucket: String,
    ehlo_name: String,
    policy: DialPolicy,
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
            content_bucket: required("CONTENT_BUCKET")?,
            ehlo_name: required("EHLO_NAME")?,
            policy: dial_policy()?,
        })
    }
}
