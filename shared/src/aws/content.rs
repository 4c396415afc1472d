//! The content of messages in S3: what was accepted, as it was accepted.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use super::error::StorageError;
use crate::model::ids::MessageId;
use crate::model::submission::Content;
use crate::model::tenant::Tenant;

/// The bucket with the content of messages.
#[derive(Debug, Clone)]
pub struct ContentStore {
    client: Client,
    bucket: String,
}

impl ContentStore {
    /// The store in `bucket`.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
        }
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
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key(tenant, id))
            .content_type("application/json");
        request
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StorageError::sdk(OPERATION, error))
    }

    /// A message's content.
    ///
    /// # Errors
    /// When S3 doesn't give it.
    pub async fn get(&self, tenant: &Tenant, id: MessageId) -> Result<Content, StorageError> {
        const OPERATION: &str = "read a message's content";
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key(tenant, id));
        let output = request
            .send()
            .await
            .map_err(|error| StorageError::sdk(OPERATION, error))?;
        let bytes = output
            .body
            .collect()
            .await
            .map_err(|error| StorageError::interrupted(OPERATION, error))?;
        serde_json::from_slice(&bytes.into_bytes()).map_err(|error| {
            // What serde says may quote the content.
            let (kind, column) = (error.classify(), error.column());
            StorageError::corrupt(OPERATION, format!("{kind:?} at column {column}"))
        })
    }
}

fn key(tenant: &Tenant, id: MessageId) -> String {
    format!("{}/{id}", tenant.key())
}
