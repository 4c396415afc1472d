//! HTTP/1.1 for the SDK's clients: hyper's pool of connections, TLS by rustls and `ring`.
//!
//! The SDK's own HTTP client can't be built without HTTP/2, which no service used here is better asked by: see
//! `docs/decisions/0011-small-functions.md`.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{HttpConnector as Tcp, capture_connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower::ServiceExt as _;
use tower::util::MapFuture;

/// How long a connection may take to be there: a name's look-up, TCP and TLS. What the SDK's clients are told of it is not looked at.
const CONNECT: Duration = Duration::from_secs(2);

type Opening =
    Pin<Box<dyn Future<Output = Result<MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>> + Send>>;
type Pool = Client<MapFuture<HttpsConnector<Tcp>, fn(Opening) -> Opening>, SdkBody>;

/// Connections that are opened when they are first needed, and kept. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Https {
    roots: Arc<RootCertStore>,
    pool: Arc<OnceLock<Pool>>,
}

impl Https {
    /// To servers that `roots` vouch for.
    #[must_use]
    pub fn new(roots: RootCertStore) -> Self {
        Self {
            roots: Arc::new(roots),
            pool: Arc::default(),
        }
    }

    /// To servers on this machine, by plain HTTP; no certificate is trusted.
    #[must_use]
    pub fn plain() -> Self {
        Self::new(RootCertStore::empty())
    }

    fn pool(&self) -> &Pool {
        self.pool.get_or_init(|| {
            let mut tcp = Tcp::new();
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("ring has suites for both versions")
                .with_root_certificates(Arc::clone(&self.roots))
                .with_no_client_auth();
            let https = HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp);
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .build(https.map_future(in_time))
        })
    }
}

fn in_time(opening: Opening) -> Opening {
    Box::pin(async { timeout(CONNECT, opening).await? })
}

impl HttpClient for Https {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        if let Some(captured) = request.extensions().get::<CaptureSmithyConnection>() {
            // The SDK does not try again on a connection whose server has failed.
            captured.set_connection_retriever(move || {
                let connection = connection.clone();
                let leave = move || {
                    if let Some(connected) = connection.connection_metadata().as_ref() {
                        connected.poison();
                    }
                };
                let metadata = ConnectionMetadata::builder().proxied(false);
                Some(metadata.poison_fn(leave).build())
            });
        }
        let answer = self.pool().request(request);
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(answer) => HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                Err(error) => Err(classified(error)),
            }
        })
    }
}

/// What the SDK may try again: all that goes wrong on the way. A request that hyper would not send can't come from the SDK, whose bodies
/// are in memory.
fn classified(error: legacy::Error) -> ConnectorError {
    let mut cause = error.source();
    while let Some(error) = cause
        && !error.is::<Elapsed>()
    {
        cause = error.source();
    }
    match cause {
        Some(_) => ConnectorError::timeout(error.into()),
        None => ConnectorError::io(error.into()),
    }
}

#[cfg(test)]
mod tests;
