//! Passwords in Secrets Manager: one immutable secret per revision, named by the connection's item. Writing and reading are two
//! types, as no function may do both.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;

use super::error::StorageError;
use crate::clock::Clock;
use crate::model::ids::ConnectionId;
use crate::model::password::{Password, PasswordInput};
use crate::model::tenant::Tenant;
use crate::model::timestamp::Timestamp;

/// Writes secrets; can't read them.
#[derive(Debug, Clone)]
pub struct SecretWriter {
    client: Client,
    prefix: String,
}

impl SecretWriter {
    /// A writer whose secrets' names begin with `prefix`.
    #[must_use]
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self {
            client,
            prefix: prefix.into(),
        }
    }

    /// A name that no secret has yet.
    #[must_use]
    pub fn new_name(&self, tenant: &Tenant, connection: ConnectionId, clock: &Clock) -> String {
        format!(
            "{}/{}/{connection}/{}",
            self.prefix,
            tenant.key(),
            clock.ulid()
        )
    }

    /// Creates a secret.
    ///
    /// # Errors
    /// When Secrets Manager doesn't take it.
    pub async fn create(&self, name: &str, password: &Password) -> Result<(), StorageError> {
        let request = self
            .client
            .create_secret()
            .name(name)
            .secret_string(password.reveal());
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StorageError::sdk("create a secret", error))
    }
}

/// Reads secrets; can't write them. What it read it keeps for a while: a secret never changes.
#[derive(Debug)]
pub struct SecretReader {
    client: Client,
    clock: Clock,
    cache: Mutex<HashMap<String, (Timestamp, Password)>>,
}

const KEPT_FOR: Duration = Duration::from_mins(5);
const KEPT_AT_MOST: usize = 256;

impl SecretReader {
    /// A reader with an empty cache.
    #[must_use]
    pub fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            cache: Mutex::default(),
        }
    }

    /// The password in the secret `name`.
    ///
    /// # Errors
    /// When Secrets Manager doesn't give it.
    pub async fn read(&self, name: &str) -> Result<Password, StorageError> {
        const OPERATION: &str = "read a secret";
        let now = self.clock.now();
        if let Some((read_at, password)) = self.cache().get(name)
            && now.since(*read_at) < KEPT_FOR
        {
            return Ok(password.clone());
        }
        let output = self
            .client
            .get_secret_value()
            .secret_id(name)
            .send()
            .await
            .map_err(|error| match error.code() {
                // It is scheduled for deletion: it can be brought back, but nobody can read it until then.
                Some("InvalidRequestException") => StorageError::corrupt(OPERATION, error),
                _ => StorageError::sdk(OPERATION, error),
            })?;
        let text = output
            .secret_string
            .ok_or_else(|| StorageError::corrupt(OPERATION, "the secret holds no string"))?;
        let password = Password::parse(PasswordInput::from(text))
            .map_err(|error| StorageError::corrupt(OPERATION, error))?;
        let mut cache = self.cache();
        cache.retain(|_, (read_at, _)| now.since(*read_at) < KEPT_FOR);
        if cache.len() < KEPT_AT_MOST {
            cache.insert(name.to_owned(), (now, password.clone()));
        }
        Ok(password)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Timestamp, Password)>> {
        self.cache
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
