//! SDK clients as Lambda needs them: credentials and region from the environment, TLS by `ring`, nothing looked up at start.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient,
};
use aws_smithy_http_client::tls;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::config::{self, ConfigError};

/// What all clients of a function share.
#[derive(Debug, Clone)]
pub struct Clients {
    region: Region,
    credentials: SharedCredentialsProvider,
    http: SharedHttpClient,
    endpoint: Option<String>,
}

macro_rules! client {
    ($(#[$doc:meta])* $name:ident, $sdk:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> $sdk::Client {
            let mut config = $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(self.region.clone())
                .credentials_provider(self.credentials.clone())
                .http_client(self.http.clone())
                .retry_config(RetryConfig::standard().with_max_attempts(4))
                .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build());
            config.set_endpoint_url(self.endpoint.clone());
            $sdk::Client::from_conf(config.build())
        }
    };
}

const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(8);

impl Clients {
    /// From `AWS_REGION` and the credentials that Lambda puts in a function's environment. `AWS_ENDPOINT_URL` is for tests.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        let credentials = Credentials::new(
            config::required("AWS_ACCESS_KEY_ID")?,
            config::required("AWS_SECRET_ACCESS_KEY")?,
            config::optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let tls = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        Ok(Self {
            region: Region::new(config::required("AWS_REGION")?),
            credentials: SharedCredentialsProvider::new(credentials),
            http: aws_smithy_http_client::Builder::new()
                .tls_provider(tls)
                .build_https(),
            endpoint: config::optional("AWS_ENDPOINT_URL"),
        })
    }

    client!(
        /// DynamoDB.
        dynamodb,
        aws_sdk_dynamodb
    );
    client!(
        /// S3.
        s3,
        aws_sdk_s3
    );
    client!(
        /// Secrets Manager.
        secrets_manager,
        aws_sdk_secretsmanager
    );
    client!(
        /// SQS.
        sqs,
        aws_sdk_sqs
    );
}
