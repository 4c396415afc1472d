//! Connections to a server that counts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{Region, SharedHttpClient};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::aws::error::StorageError;
use crate::aws::s3;

/// What a server does on one connection.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Gives each request this status.
    Answers(u16),
    /// Answers once, and closes when it was told that all is well.
    Leaves,
    /// Closes in the middle of an answer's body.
    BreaksOff,
    /// Says nothing more in the middle of an answer's body.
    Stalls,
}

use Manner::{Answers, BreaksOff, Leaves, Stalls};

/// A server's URL and the number of connections that it has had. Each connection has the next manner, those after the last one the same.
async fn serve(manners: &'static [Manner], tls: Option<TlsAcceptor>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let manner = manners[number.min(manners.len() - 1)];
            match tls.clone() {
                None => drop(tokio::spawn(answer(stream, manner))),
                Some(tls) => drop(tokio::spawn(async move {
                    if let Ok(stream) = tls.accept(stream).await {
                        answer(stream, manner).await;
                    }
                })),
            }
        }
    });
    (format!("{scheme}://localhost:{port}"), connections)
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, manner: Manner) {
    let mut request = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        request.push(byte);
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            let (status, body) = match manner {
                Answers(status) => (status, "content-length: 0\r\n\r\n"),
                Leaves => (200, "content-length: 0\r\n\r\n"),
                BreaksOff | Stalls => (200, "content-length: 9\r\n\r\nhalf"),
            };
            let answer = format!("HTTP/1.1 {status} X\r\n{body}");
            stream.write_all(answer.as_bytes()).await.expect("answered");
            if matches!(manner, Leaves | BreaksOff) {
                return;
            }
        }
    }
}

/// Reads an object by these connections, which S3's client tries up to four times.
async fn get(https: &Https, url: &str) -> Result<(), s3::Error> {
    get_within(https, url, TimeoutConfig::disabled()).await
}

async fn get_within(https: &Https, url: &str, timeout: TimeoutConfig) -> Result<(), s3::Error> {
    let config = s3::Config {
        url: url.to_owned(),
        region: Region::from_static("eu-west-3"),
        credentials: SharedCredentialsProvider::new(Credentials::from_keys(
            "AKIALOCALLOCALLOCAL0",
            "local",
            None,
        )),
        http: SharedHttpClient::new(https.clone()),
        retry: RetryConfig::standard()
            .with_max_attempts(4)
            .with_initial_backoff(Duration::from_millis(1)),
        timeout,
    };
    let client = s3::Client::new(&config);
    client.get_object("a".to_owned()).await.map(|_| ())
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_call() {
    let (url, connections) = serve(&[Answers(200)], None).await;
    let https = Https::plain();
    for _ in 0..3 {
        get(&https, &url).await.expect("an answer");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_call_that_failed_is_tried_again_on_another_connection() {
    let (url, connections) = serve(&[Answers(500), Answers(200)], None).await;
    get(&Https::plain(), &url).await.expect("an answer");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// By the pool that notices, or by another attempt.
#[tokio::test]
async fn a_connection_that_ended_while_nobody_used_it_is_replaced() {
    let (url, connections) = serve(&[Leaves], None).await;
    let https = Https::plain();
    for _ in 0..3 {
        get(&https, &url).await.expect("an answer");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_read_again() {
    let (url, connections) = serve(&[BreaksOff, BreaksOff, Answers(200)], None).await;
    get(&Https::plain(), &url).await.expect("an answer");
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_time_of_an_attempt_is_the_bodys_too() {
    let (url, connections) = serve(&[Stalls, Answers(200)], None).await;
    let attempt = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(500));
    let https = Https::plain();
    let getting = get_within(&https, &url, attempt.build());
    let got = timeout(Duration::from_secs(30), getting).await;
    got.expect("it ends").expect("an answer");
    assert!(connections.load(Ordering::SeqCst) > 1);
}

#[tokio::test]
async fn a_server_is_asked_only_if_the_roots_vouch_for_it() {
    let name = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(name).expect("a key");
    let certificate = CertificateDer::from(cert);
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a certificate");
    let (url, _) = serve(&[Answers(200)], Some(TlsAcceptor::from(Arc::new(tls)))).await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    get(&Https::new(roots), &url).await.expect("an answer");
    let error = get(&Https::plain(), &url).await.expect_err("not trusted");
    let chain = StorageError::sdk("read", error);
    assert!(chain.is_transient());
    assert!(chain.cause().contains("UnknownIssuer"), "{}", chain.cause());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_is_a_timeout() {
    // It is connected to, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let began = Instant::now();
    let error = get(&Https::plain(), &format!("https://127.0.0.1:{port}")).await;
    let error = error.expect_err("no answer");
    assert!(
        matches!(&error, s3::Error::DispatchFailure(it) if it.is_timeout()),
        "{error:?}"
    );
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}
