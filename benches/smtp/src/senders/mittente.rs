//! The session that is measured.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::iter::repeat_with;
use std::sync::Arc;
use std::time::Duration;

use shared::dns::Resolver;
use shared::model::email::EmailAddress;
use shared::model::host::Host;
use shared::model::network::DialPolicy;
use shared::model::password::Password;
use shared::smtp::{
    Credentials, Deadlines, Dialer, Envelope, Outgoing, Progress, Session, Target, Tls,
    Transaction, Verdict,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::job::{Job, Report};
use crate::meter::Meter;

/// What all sessions send.
struct Mail {
    envelope: Envelope,
    message: Vec<u8>,
    batch: usize,
}

pub(super) async fn send(job: Job) -> Report {
    let address = |text: &String| EmailAddress::parse(text).expect("an address");
    let mail = Arc::new(Mail {
        envelope: Envelope {
            from: address(&job.from),
            to: job.to.iter().map(address).collect(),
        },
        message: std::fs::read(&job.message).expect("a message"),
        batch: job.batch,
    });
    let dialer = dialer(&job);
    let mut sessions = Vec::new();
    for _ in 0..job.sessions {
        let deadline = Instant::now() + Duration::from_mins(5);
        let opened = dialer
            .open(&target(&job), deadline, &mut Progress::brief())
            .await;
        sessions.push(opened.expect("a session"));
    }
    let sessions = at_once(sessions, &mail, job.warm_up).await;
    let meter = Meter::start();
    let sessions = at_once(sessions, &mail, job.messages).await;
    let report = meter.stop(env!("CARGO_PKG_VERSION"));
    for session in sessions {
        session.quit().await;
    }
    report
}

fn dialer(job: &Job) -> Dialer {
    let authority = std::fs::read(&job.authority).expect("an authority");
    let network = format!("{}/32", job.host).parse().expect("a network");
    Dialer {
        policy: DialPolicy::default().allowing(network, None),
        resolver: Resolver::fixed(&HashMap::new()),
        ipv6: false,
        addresses: 1,
        tls: Tls::new(&[authority]).expect("an authority"),
        ehlo_name: Host::parse("client.example.test").expect("a host"),
        deadlines: Deadlines::default(),
    }
}

fn target(job: &Job) -> Target {
    let credentials = job.login.clone().map(|login| Credentials {
        username: login.username,
        password: Password::parse(login.password.into()).expect("a password"),
    });
    Target {
        host: Host::Ip(job.host),
        port: job.port,
        encryption: job.encryption,
        credentials,
    }
}

/// Each session sends as many messages.
async fn at_once(sessions: Vec<Session>, mail: &Arc<Mail>, messages: usize) -> Vec<Session> {
    let mut sending = JoinSet::new();
    for mut session in sessions {
        let mail = mail.clone();
        sending.spawn(async move {
            let mut left = messages;
            while left > 0 {
                let count = mail.batch.min(left);
                send_batch(&mut session, &mail, count).await;
                left -= count;
            }
            session
        });
    }
    sending.join_all().await
}

async fn send_batch(session: &mut Session, mail: &Mail, count: usize) {
    let outgoing = || Outgoing {
        envelope: Cow::Borrowed(&mail.envelope),
        message: Cow::Borrowed(&mail.message),
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
    assert_eq!(accepted, count, "every message is accepted");
}
