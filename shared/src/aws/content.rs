//! The content of messages in S3: what was accepted, as it was accepted.

use super::error::StorageError;
use super::s3::Client;
use crate::model::ids::MessageId;
use crate::model::submission::Content;
use crate::model::tenant::Tenant;

/// The bucket with the content of messages.
#[derive(Debug, Clone)]
pub struct ContentStore {
    client: Client,
}

impl ContentStore {
    /// The store in the client's bucket.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Keeps a message's content.
    ///
    /// # Errors
    /// When S3 doesn't take it.
    pub async fn put(
        &self,
        tenant: &Tenant,
        id: MessageId,
        content: &Content,
    ) -> Result<(), StorageError> {
        const OPERATION: &str = "keep a message's content";
        let bytes =
            serde_json::to_vec(content).map_err(|error| StorageError::corrupt(OPERATION, error))?;
        self.client
            .put_object(key(tenant, id), "application/json", bytes)
            .await
            .map_err(|error| StorageError::sdk(OPERATION, error))
    }

    /// A message's content.
    ///
    /// # Errors
    /// When S3 doesn't give it.
    pub async fn get(&self, tenant: &Tenant, id: MessageId) -> Result<Content, StorageError> {
        const OPERATION: &str = "read a message's content";
        let body = self
            .client
            .get_object(key(tenant, id))
            .await
            .map_err(|error| StorageError::sdk(OPERATION, error))?;
        let bytes = body.bytes().expect("an object comes whole and in memory");
        serde_json::from_slice(bytes).map_err(|error| {
            // What serde says may quote the content.
            let (kind, column) = (error.classify(), error.column());
            StorageError::corrupt(OPERATION, format!("{kind:?} at column {column}"))
        })
    }
}

fn key(tenant: &Tenant, id: MessageId) -> String {
    format!("{}/{id}", tenant.key())
}
