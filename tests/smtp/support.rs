//! What the scenarios share.

use std::convert::Infallible;
use std::time::Duration;

use shared::model::email::EmailAddress;
use shared::smtp::{
    Deadlines, Envelope, Failure, FailureCode, Progress, Session, Stage, Target, Transaction,
};
use tests::mail_server::{MailServer, Script};
use tokio::time::Instant;

pub(crate) const MESSAGE: &[u8] = b"Subject: Hello\r\n\r\nHow are you?\r\n";

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

pub(crate) fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

pub(crate) fn envelope(to: &[&str]) -> Envelope {
    Envelope {
        from: address("info@example.com"),
        to: to.iter().map(|to| address(to)).collect(),
    }
}

/// Opens a session to a server that plays `script`.
pub(crate) async fn open(server: &MailServer, target: &Target) -> Result<Session, Failure> {
    server
        .dialer()
        .open(target, soon(), &mut Progress::default())
        .await
}

/// The session that a well-behaved opening gives.
pub(crate) async fn opened(server: &MailServer) -> Session {
    open(server, &server.target()).await.expect("a session")
}

/// Why a session to a server that plays `script` fails.
pub(crate) async fn failure(script: Script) -> (Stage, FailureCode, Option<u16>) {
    let server = MailServer::start(script).await;
    let failure = open(&server, &server.target())
        .await
        .expect_err("a failure");
    told(&failure)
}

pub(crate) fn told(failure: &Failure) -> (Stage, FailureCode, Option<u16>) {
    let code = failure.reply.as_ref().map(|reply| reply.code);
    (failure.stage, failure.code, code)
}

/// As [`failure`], with deadlines short enough to wait for.
pub(crate) async fn failure_in_time(script: Script) -> (Stage, FailureCode, Option<u16>) {
    let server = MailServer::start(script).await;
    let mut dialer = server.dialer();
    dialer.deadlines = short();
    let failure = dialer
        .open(&server.target(), soon(), &mut Progress::default())
        .await
        .expect_err("a failure");
    told(&failure)
}

pub(crate) fn short() -> Deadlines {
    Deadlines {
        connect: Duration::from_millis(300),
        reply: Duration::from_millis(300),
        final_reply: Duration::from_millis(300),
    }
}

/// A fence that is passed at once.
pub(crate) async fn no_fence() -> Result<(), Infallible> {
    Ok(())
}

/// Sends [`MESSAGE`] to a server that plays `script`, in a session of its own.
pub(crate) async fn send(script: Script, to: &[&str]) -> (Transaction, MailServer) {
    let server = MailServer::start(script).await;
    let mut session = opened(&server).await;
    let Ok(transaction) = session.send(&envelope(to), MESSAGE, no_fence()).await;
    session.quit().await;
    (transaction, server)
}
