//! SDK clients as Lambda needs them: credentials and region from the environment, TLS by `ring`, nothing looked up at start.

use std::borrow::Cow;
use std::fs;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient,
};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use axum::http::Uri;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::https::Https;
use super::s3;
use crate::config::{self, ConfigError};

/// What all clients of a function share.
#[derive(Debug, Clone)]
pub struct Clients {
    region: Region,
    credentials: SharedCredentialsProvider,
    http: Https,
    endpoint: Option<Uri>,
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
                .retry_config(retry())
                .timeout_config(timeout());
            config.set_endpoint_url(self.endpoint.as_ref().map(ToString::to_string));
            $sdk::Client::from_conf(config.build())
        }
    };
}

fn retry() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4)
}

fn timeout() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(8))
        .build()
}

/// Who vouches for AWS's services: all five roots of Amazon Trust Services, as <https://www.amazontrust.com/repository/> asks of those who
/// keep a list of their own. The machine's list is thirty times as long, and would be read at each start.
const AMAZON: &[u8] = include_bytes!("amazon_roots.pem");

impl Clients {
    /// From `AWS_REGION` and the credentials that Lambda puts in a function's environment. `AWS_ENDPOINT_URL` is for tests;
    /// `AWS_CA_BUNDLE`, a file, has the roots to trust instead of Amazon's, as with AWS's own tools.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        let credentials = Credentials::new(
            config::required("AWS_ACCESS_KEY_ID")?,
            config::required("AWS_SECRET_ACCESS_KEY")?,
            config::optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Self {
            region: Region::new(config::required("AWS_REGION")?),
            credentials: SharedCredentialsProvider::new(credentials),
            http: Https::new(roots()?),
            endpoint: endpoint()?,
        })
    }

    /// S3, for the objects of one bucket.
    #[must_use]
    pub fn s3(&self, bucket: &str) -> s3::Client {
        let url = match &self.endpoint {
            Some(endpoint) => format!("{endpoint}{bucket}"),
            None => format!("https://{bucket}.s3.{}.{}", self.region, self.domain()),
        };
        s3::Client::new(&s3::Config {
            url,
            region: self.region.clone(),
            credentials: self.credentials.clone(),
            http: SharedHttpClient::new(self.http.clone()),
            retry: retry(),
            timeout: timeout(),
        })
    }

    fn domain(&self) -> &'static str {
        if self.region.as_ref().starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }

    /// Where all of AWS is, in tests.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Uri> {
        self.endpoint.as_ref()
    }

    /// HTTP with the same roots, for what AWS offers without an API: presigned URLs.
    #[must_use]
    pub fn https(&self) -> Https {
        self.http.clone()
    }

    client!(
        /// DynamoDB.
        dynamodb,
        aws_sdk_dynamodb
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

/// Nothing but a scheme and an authority, so that requests can be put together with it.
fn endpoint() -> Result<Option<Uri>, ConfigError> {
    const NAME: &str = "AWS_ENDPOINT_URL";
    let Some(url) = config::optional(NAME) else {
        return Ok(None);
    };
    let url = url.parse().ok().filter(|url: &Uri| {
        let scheme = url.scheme_str();
        matches!(scheme, Some("http" | "https")) && url.path_and_query().is_some_and(|it| it == "/")
    });
    url.map(Some).ok_or_else(|| ConfigError::Malformed {
        name: NAME,
        reason: "it must be a URL with a scheme, a host and a port alone".to_owned(),
    })
}

/// Those in `AWS_CA_BUNDLE`, else [`AMAZON`].
fn roots() -> Result<RootCertStore, ConfigError> {
    const NAME: &str = "AWS_CA_BUNDLE";
    let malformed = |reason: String| ConfigError::Malformed { name: NAME, reason };
    let pem = match config::optional(NAME) {
        Some(path) => Cow::Owned(fs::read(path).map_err(|error| malformed(error.to_string()))?),
        None => Cow::Borrowed(AMAZON),
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| malformed(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| malformed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(malformed("it holds no certificate".to_owned()));
    }
    Ok(roots)
}
