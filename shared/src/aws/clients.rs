//! SDK clients as Lambda needs them: credentials and region from the environment, TLS by `ring`, nothing looked up at start.

use std::fs;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, HttpClient, Region, RuntimeComponents, SharedCredentialsProvider,
    SharedHttpClient,
};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::config::{self, ConfigError};

/// What all clients of a function share.
#[derive(Debug, Clone)]
pub struct Clients {
    region: Region,
    credentials: SharedCredentialsProvider,
    http: SharedHttpClient,
    tls: TlsContext,
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

/// Who vouches for AWS's services: all five roots of Amazon Trust Services, as <https://www.amazontrust.com/repository/> asks of those who
/// keep a list of their own. The machine's list is thirty times as long, and every client parses it at start.
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
        let roots = TrustStore::empty().with_pem_certificate(roots()?);
        let tls = TlsContext::builder().with_trust_store(roots).build();
        let tls = tls.expect("a store of roots is all it needs");
        Ok(Self {
            region: Region::new(config::required("AWS_REGION")?),
            credentials: SharedCredentialsProvider::new(credentials),
            http: SharedHttpClient::new(AtFirstCall(
                aws_smithy_http_client::Builder::new()
                    .tls_provider(Provider::Rustls(CryptoMode::Ring))
                    .tls_context(tls.clone())
                    .build_https(),
            )),
            tls,
            endpoint: config::optional("AWS_ENDPOINT_URL"),
        })
    }

    /// HTTP with the same roots, for what AWS offers without an API: presigned URLs.
    #[must_use]
    pub fn connector(&self) -> Connector {
        Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(self.tls.clone())
            .build()
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

/// A client that is set up by its first call. The SDK would have each client that shares it set it up at start, to see that it can be,
/// and throw that away.
#[derive(Debug)]
struct AtFirstCall(SharedHttpClient);

impl HttpClient for AtFirstCall {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

/// The roots to trust, as PEM that the HTTP client can read: it would panic otherwise.
fn roots() -> Result<Vec<u8>, ConfigError> {
    const NAME: &str = "AWS_CA_BUNDLE";
    let Some(path) = config::optional(NAME) else {
        return Ok(AMAZON.to_vec());
    };
    let malformed = |reason: String| ConfigError::Malformed { name: NAME, reason };
    let pem = fs::read(path).map_err(|error| malformed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| malformed(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| malformed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(malformed("it holds no certificate".to_owned()));
    }
    Ok(pem)
}
