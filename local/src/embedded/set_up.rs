//! The tables, the bucket and the queues, as the functions expect to find them.

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;

use shared::aws::{due, message_list, places};

use super::{
    CONNECTIONS_TABLE, CONTENT_BUCKET, Embedded, EmbeddedError, MAX_RECEIVES, MESSAGES_TABLE,
    REGION, service,
};

impl Embedded {
    /// Creates both tables where [`Embedded::dynamodb`] leads, unless they are there.
    ///
    /// # Errors
    /// When they can't be created.
    pub async fn create_tables(&self) -> Result<(), EmbeddedError> {
        self.create_table(CONNECTIONS_TABLE, false).await?;
        self.create_table(MESSAGES_TABLE, true).await
    }

    async fn create_table(&self, name: &str, messages: bool) -> Result<(), EmbeddedError> {
        let failed = service("DynamoDB");
        let build = service("DynamoDB");
        let attribute = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .map_err(&build)
        };
        let key = |name: &str, kind: KeyType| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .map_err(&build)
        };
        let of_keys = |name: &str, hash: &str, range: &str| {
            let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly);
            GlobalSecondaryIndex::builder()
                .index_name(name)
                .key_schema(key(hash, KeyType::Hash)?)
                .key_schema(key(range, KeyType::Range)?)
                .projection(keys_only.build())
                .build()
                .map_err(&build)
        };
        let due = of_keys(due::INDEX, "due_shard", "due_at")?;
        let mut request = self
            .dynamodb
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk")?)
            .attribute_definitions(attribute("due_shard")?)
            .attribute_definitions(attribute("due_at")?)
            .key_schema(key("pk", KeyType::Hash)?)
            .global_secondary_indexes(due);
        request = if messages {
            let by_tenant = GlobalSecondaryIndex::builder()
                .index_name(message_list::INDEX)
                .key_schema(key("tenant", KeyType::Hash)?)
                .key_schema(key("id", KeyType::Range)?)
                .projection(
                    Projection::builder()
                        .projection_type(ProjectionType::Include)
                        .set_non_key_attributes(Some(
                            message_list::PROJECTED.map(str::to_owned).to_vec(),
                        ))
                        .build(),
                )
                .build()
                .map_err(&build)?;
            request
                .attribute_definitions(attribute("tenant")?)
                .attribute_definitions(attribute("id")?)
                .attribute_definitions(attribute(places::OPEN_OF)?)
                .global_secondary_indexes(of_keys(places::INDEX, places::OPEN_OF, "id")?)
                .global_secondary_indexes(by_tenant)
        } else {
            request
                .attribute_definitions(attribute("sk")?)
                .key_schema(key("sk", KeyType::Range)?)
        };
        match request.send().await {
            Err(error)
                if !error
                    .as_service_error()
                    .is_some_and(CreateTableError::is_resource_in_use_exception) =>
            {
                Err(failed(error))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn create_bucket(&self) -> Result<(), EmbeddedError> {
        let here = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(REGION))
            .build();
        let created = self
            .s3
            .create_bucket()
            .bucket(CONTENT_BUCKET)
            .create_bucket_configuration(here)
            .send()
            .await;
        match created {
            Err(error)
                if !error.as_service_error().is_some_and(|error| {
                    error.is_bucket_already_owned_by_you() || error.is_bucket_already_exists()
                }) =>
            {
                Err(service("S3")(error))
            }
            _ => Ok(()),
        }
    }

    /// Creates a queue, FIFO if its name ends so, and its dead-letter queue: their URLs.
    pub(super) async fn create_queues(
        &self,
        name: &str,
        dead_letter: &str,
    ) -> Result<(String, String), EmbeddedError> {
        let dead_letter_url = self.create_queue(dead_letter, None).await?;
        let attributes = self
            .queue
            .get_queue_attributes()
            .queue_url(&dead_letter_url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(service("SQS"))?;
        let arn = attributes
            .attributes()
            .and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn))
            .ok_or_else(|| service("SQS")("a queue has no ARN"))?;
        let redrive =
            serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES});
        let url = self.create_queue(name, Some(redrive.to_string())).await?;
        Ok((url, dead_letter_url))
    }

    async fn create_queue(
        &self,
        name: &str,
        redrive: Option<String>,
    ) -> Result<String, EmbeddedError> {
        let mut request = self.queue.create_queue().queue_name(name);
        if name.strip_suffix(".fifo").is_some() {
            request = request.attributes(QueueAttributeName::FifoQueue, "true");
        }
        if let Some(redrive) = redrive {
            request = request.attributes(QueueAttributeName::RedrivePolicy, redrive);
        }
        let created = request.send().await.map_err(service("SQS"))?;
        created
            .queue_url
            .ok_or_else(|| service("SQS")("a queue has no URL"))
    }
}
