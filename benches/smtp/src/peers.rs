//! Who sends.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::iter::repeat_with;
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use shared::model::email::EmailAddress;
use shared::model::encryption::Encryption;
use shared::smtp::{Envelope, Outgoing, Progress, Session, Target, Transaction, Verdict};
use tests::mail_server::{HOST, dialer, root};
use tokio::task::yield_now;
use tokio::time::Instant;

pub(crate) const LOGIN: (&str, &str) = ("info@example.com", "s3cret-42");

/// A message of `size` octets or a little more.
pub(crate) fn message(size: usize) -> Vec<u8> {
    let line = b"VGhpcyBpcyBhIGxpbmUgb2YgYSBtZXNzYWdlIHRoYXQgaXMgc2VudCB0byBiZSBtZWFzdXJlZA==\r\n";
    let mut message =
        b"From: <info@example.com>\r\nTo: <you@example.com>\r\nSubject: bench\r\n\r\n".to_vec();
    while message.len() < size {
        message.extend_from_slice(line);
    }
    message
}

fn envelope() -> Envelope {
    let address = |text| EmailAddress::parse(text).expect("an address");
    Envelope {
        from: address("info@example.com"),
        to: vec![address("you@example.com")],
    }
}

/// A session of ours.
pub(crate) async fn ours(target: &Target) -> Session {
    let deadline = Instant::now() + Duration::from_mins(5);
    let opened = dialer()
        .open(target, deadline, &mut Progress::brief())
        .await;
    opened.expect("a session")
}

/// Sends `count` messages in one batch.
pub(crate) async fn batch(session: &mut Session, message: &[u8], count: usize) {
    let envelope = envelope();
    let outgoing = || Outgoing {
        envelope: Cow::Borrowed(&envelope),
        message: Cow::Borrowed(message),
        fence: ready(Ok(())),
    };
    let mut messages = repeat_with(outgoing).take(count);
    let mut accepted = 0;
    let ended = |ended: Result<Transaction, Infallible>| {
        let Ok(transaction) = ended;
        accepted += usize::from(matches!(transaction.verdict, Verdict::Accepted(_)));
    };
    session
        .send_batch::<Ready<Result<(), Infallible>>, _>(|| messages.next(), ended)
        .await;
    assert_eq!(accepted, count);
}

/// lettre's pool, of one connection.
pub(crate) type Pool = AsyncSmtpTransport<Tokio1Executor>;

/// A pool that sends to the server that `target` leads to.
pub(crate) fn lettre(target: &Target) -> Pool {
    let parameters = || {
        let authority = Certificate::from_der(root()).expect("a certificate");
        let parameters = TlsParameters::builder(HOST.to_owned()).add_root_certificate(authority);
        parameters.build_rustls().expect("parameters")
    };
    let tls = match target.encryption {
        Encryption::None => Tls::None,
        Encryption::Starttls => Tls::Required(parameters()),
        Encryption::ImplicitTls => Tls::Wrapper(parameters()),
    };
    let builder = Pool::builder_dangerous("127.0.0.1")
        .port(target.port)
        .tls(tls);
    let builder = builder.pool_config(PoolConfig::new().max_size(1));
    if target.credentials.is_none() {
        return builder.build();
    }
    let login = Credentials::new(LOGIN.0.to_owned(), LOGIN.1.to_owned());
    builder
        .credentials(login)
        .authentication(vec![Mechanism::Plain])
        .build()
}

/// Sends `count` messages, one after the other.
pub(crate) async fn through(pool: &Pool, message: &[u8], count: usize) {
    let address = |text: &str| text.parse().expect("an address");
    let envelope = lettre::address::Envelope::new(
        Some(address("info@example.com")),
        vec![address("you@example.com")],
    );
    let envelope = envelope.expect("an envelope");
    for _ in 0..count {
        pool.send_raw(&envelope, message).await.expect("accepted");
        // A task of the pool's own takes the connection back. Whoever does not wait for it gets a new one.
        for _ in 0..10 {
            yield_now().await;
        }
    }
}
