//! What the scenarios share.

use std::borrow::Cow;
use std::convert::Infallible;
use std::time::Duration;

use shared::model::email::EmailAddress;
use shared::smtp::{
    ConnectionVerdict, Deadlines, Envelope, Failure, FailureCode, Outgoing, Progress, Session,
    Stage, Target, Transaction, Verdict,
};
use tests::mail_server::{MailServer, Script, SeenSession};
use tokio::time::Instant;

pub(crate) const LOGIN: &str = "info@example.com";
pub(crate) const PASSWORD: &str = "Canary-42";
pub(crate) const LOGIN_BASE64: &str = "aW5mb0BleGFtcGxlLmNvbQ==";
pub(crate) const PASSWORD_BASE64: &str = "Q2FuYXJ5LTQy";
/// What AUTH PLAIN sends.
pub(crate) const BLOB: &str = "AGluZm9AZXhhbXBsZS5jb20AQ2FuYXJ5LTQy";

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

/// What a failure comes to, with the code of the reply that is passed on.
pub(crate) fn told(failure: &Failure) -> (Stage, FailureCode, Option<u16>) {
    let code = failure.reply.as_ref().map(|reply| reply.code);
    (failure.stage, failure.code, code)
}

/// Deadlines short enough to wait for.
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

/// A verdict in words.
pub(crate) fn name(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted(reply) => format!("accepted {}", reply.code),
        Verdict::Transient(reply) => format!("transient {}", reply.code),
        Verdict::Permanent(reply) => format!("permanent {}", reply.code),
        Verdict::Impossible(why) => format!("impossible {why:?}"),
        Verdict::NoRecipient => "no recipient".to_owned(),
        Verdict::Connection(ConnectionVerdict::Unavailable(reply)) => {
            format!("unavailable {}", reply.code)
        }
        Verdict::Connection(ConnectionVerdict::SenderRefused(reply)) => {
            format!("sender refused {}", reply.code)
        }
        Verdict::Connection(ConnectionVerdict::LoginNeeded(reply)) => {
            format!("login needed {}", reply.code)
        }
        Verdict::NotSent(failure) => format!("not sent: {:?}", failure.code),
        Verdict::Ambiguous(failure) => format!("ambiguous: {:?}", failure.code),
    }
}

/// Whether a server was told a way to log in, or the password in any form.
pub(crate) fn gives_away_the_login(session: &SeenSession) -> bool {
    session.saw("AUTH")
        || session.commands.iter().any(|line| {
            [PASSWORD, LOGIN_BASE64, PASSWORD_BASE64, BLOB]
                .iter()
                .any(|secret| line.contains(secret))
        })
}

/// A fence of a batch.
pub(crate) type Fence = std::pin::Pin<Box<dyn Future<Output = Result<(), &'static str>> + Send>>;

/// [`MESSAGE`] to one recipient, with a fence that is passed at once.
pub(crate) fn plain(to: &str) -> Outgoing<'static, Fence> {
    Outgoing {
        envelope: Cow::Owned(envelope(&[to])),
        message: Cow::Borrowed(MESSAGE),
        fence: Box::pin(async { Ok(()) }),
    }
}

/// Sends all of these, and tells what became of each that was taken: its verdict, or its fence's error.
pub(crate) async fn in_batch(
    session: &mut Session,
    messages: Vec<Outgoing<'_, Fence>>,
) -> Vec<String> {
    let mut outcomes = Vec::new();
    let mut messages = messages.into_iter();
    session
        .send_batch(
            || messages.next(),
            |ended: Result<Transaction, &str>| {
                outcomes.push(match ended {
                    Ok(transaction) => name(&transaction.verdict),
                    Err(error) => error.to_owned(),
                });
            },
        )
        .await;
    outcomes
}
