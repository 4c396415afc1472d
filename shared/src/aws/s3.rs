//! S3, as far as messages need it: one object written, one read.
//!
//! The SDK's client of S3 would be a quarter of each function that holds it: see `docs/decisions/0011-small-functions.md`. Signatures,
//! retries and the time for an attempt are the SDK's own here too; only what these two requests and their answers look like is ours.

use std::fmt::{self, Write as _};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{
    HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::request_id::apply_request_id;

/// How to reach a bucket.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where its objects are, without a slash at the end.
    pub url: String,
    /// For which region requests are signed.
    pub region: Region,
    /// By whom.
    pub credentials: SharedCredentialsProvider,
    /// The connections.
    pub http: SharedHttpClient,
    /// How often a call is tried.
    pub retry: RetryConfig,
    /// How long an attempt may take.
    pub timeout: TimeoutConfig,
}

/// One bucket's objects. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    put: Operation<Object, (), Refused>,
    get: Operation<String, SdkBody, Refused>,
}

/// What a call of S3 ended with, if not well.
pub type Error = SdkError<Refused, HttpResponse>;

/// An object to write.
struct Object {
    key: String,
    media_type: &'static str,
    bytes: Vec<u8>,
}

impl fmt::Debug for Object {
    /// Without the bytes, which nobody but the tenant is to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").finish_non_exhaustive()
    }
}

/// S3 said no. <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
#[derive(Debug, thiserror::Error)]
#[error("S3 answered {status}: {meta}")]
pub struct Refused {
    status: u16,
    meta: ErrorMetadata,
}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.meta
    }
}

impl Client {
    /// The client of a bucket.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let operation = |name: &'static str| {
            Operation::builder()
                .behavior_version(BehaviorVersion::latest())
                .service_name("S3")
                .operation_name(name)
                .endpoint_url(&config.url)
                .http_client(config.http.clone())
                .standard_retry(&config.retry)
                // An attempt's timeout is the limit for the body too.
                .timeout_config(config.timeout.clone())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .retry_classifier(TransientErrorClassifier::<Refused>::new())
                .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
                .retry_classifier(HttpStatusCodeClassifier::default())
                .retry_classifier(ServiceClockSkewClassifier::<Refused>::new())
                .interceptor(ServiceClockSkewInterceptor::new())
                .with_connection_poisoning()
                .runtime_plugin(signed(config))
        };
        Self {
            put: operation("PutObject")
                .serializer(|it: Object| {
                    let mut request = request("PUT", &it.key, SdkBody::from(it.bytes))?;
                    request.headers_mut().insert("content-type", it.media_type);
                    Ok(request)
                })
                .deserializer(accepted)
                .build(),
            get: operation("GetObject")
                .serializer(|key: String| request("GET", &key, SdkBody::empty()))
                .deserializer(|answer| {
                    accepted(answer)?;
                    let body = answer.body().try_clone();
                    Ok(body.expect("the SDK has read it into memory"))
                })
                .build(),
        }
    }

    /// Writes an object over what has its key.
    ///
    /// # Errors
    /// When S3 doesn't take it.
    pub async fn put_object(
        &self,
        key: String,
        media_type: &'static str,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let object = Object {
            key,
            media_type,
            bytes,
        };
        self.put.invoke(object).await
    }

    /// An object, whole and in memory.
    ///
    /// # Errors
    /// When S3 doesn't give it; `NoSuchKey` where there is none.
    pub async fn get_object(&self, key: String) -> Result<SdkBody, Error> {
        self.get.invoke(key).await
    }
}

/// Signatures as S3 wants them: the path encoded once and as it is, the body's SHA-256 in a header.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
fn signed(config: &Config) -> StaticRuntimePlugin {
    let mut signing = SigV4OperationSigningConfig {
        region: Some(config.region.clone().into()),
        name: Some(SigningName::from_static("s3")),
        ..SigV4OperationSigningConfig::default()
    };
    signing.signing_options.double_uri_encode = false;
    signing.signing_options.normalize_uri_path = false;
    signing.signing_options.content_sha256_header = true;
    let mut layer = Layer::new("signed");
    // What is read is not for any log either.
    layer.store_put(SensitiveOutput);
    layer.store_put(signing);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let mut components = RuntimeComponentsBuilder::new("signed");
    components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)));
    components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    components.set_identity_resolver(
        SCHEME_ID,
        SharedIdentityResolver::new(config.credentials.clone()),
    );
    StaticRuntimePlugin::new()
        .with_config(layer.freeze())
        .with_runtime_components(components)
}

fn request(method: &str, key: &str, body: SdkBody) -> Result<HttpRequest, BoxError> {
    if key.is_empty() {
        return Err("an object has a key: the request would be for the bucket".into());
    }
    let mut request = HttpRequest::new(body);
    request.set_method(method)?;
    request.set_uri(path(key))?;
    Ok(request)
}

/// A key as a path. Letters, digits, `-`, `.`, `_`, `~` and `/` stand for themselves, any other byte is `%` and two hex digits.
fn path(key: &str) -> String {
    let mut path = String::with_capacity(key.len() + 1);
    path.push('/');
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// Whether the answer says yes; if not, why, with what AWS's support asks for.
fn accepted(answer: &HttpResponse) -> Result<(), OrchestratorError<Refused>> {
    if answer.status().is_success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.to_owned())
    };
    let mut meta = apply_request_id(ErrorMetadata::builder(), answer.headers());
    if let Some(id) = answer.headers().get("x-amz-id-2") {
        meta = meta.custom("s3_extended_request_id", id);
    }
    if let Some(code) = element("Code") {
        meta = meta.code(code);
    }
    if let Some(message) = element("Message") {
        meta = meta.message(message);
    }
    Err(OrchestratorError::operation(Refused {
        status: answer.status().as_u16(),
        meta: meta.build(),
    }))
}

#[cfg(test)]
mod tests;
