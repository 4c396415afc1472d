use std::collections::HashMap;

use shared::dns::Resolver;
use shared::model::host::Host;
use shared::model::network::DialPolicy;
use shared::smtp::{FailureCode, Progress, Stage, StageStatus, Target};
use tests::mail_server::{HOST, MailServer, Script};
use tokio::net::TcpListener;

use crate::support::{soon, told};

#[tokio::test]
async fn a_blocked_host_fails_as_an_unknown_one_does_and_sees_no_connection() {
    let canary = MailServer::start(Script::new()).await;
    let mut dialer = canary.dialer();
    dialer.policy = DialPolicy::default().with_ports([canary.address().port()]);
    let mut answers = Vec::new();
    for host in [HOST, "127.0.0.1", "nowhere.example.com", "169.254.169.254"] {
        let target = Target {
            host: Host::parse(host).expect("a host"),
            ..canary.target()
        };
        let mut progress = Progress::default();
        let failure = dialer
            .open(&target, soon(), &mut progress)
            .await
            .expect_err("a failure");
        let stages: Vec<_> = progress
            .stages
            .into_iter()
            .map(|report| (report.stage, report.status, report.detail))
            .collect();
        answers.push((failure, stages, progress.server));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(
        told(&answers[0].0),
        (Stage::Resolve, FailureCode::NameNotResolved, None)
    );
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn a_name_that_changes_its_address_after_it_was_saved_is_judged_again_at_the_next_dial() {
    let canary = MailServer::start(Script::new()).await;
    let mut dialer = canary.dialer();
    dialer.policy = DialPolicy::default();
    dialer.resolver = Resolver::fixed(&HashMap::from([(
        HOST.to_owned(),
        vec!["127.0.0.1".parse().expect("an address")],
    )]));
    let mut progress = Progress::default();
    let failure = dialer
        .open(&canary.target(), soon(), &mut progress)
        .await
        .expect_err("a failure");
    assert_eq!(failure.code, FailureCode::NameNotResolved);
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_does_not_answer() {
    let server = MailServer::start(Script::new()).await;
    let mut dialer = server.dialer();
    // Nobody listens on 127.0.0.2 at this port.
    let addresses = ["127.0.0.2", "127.0.0.1"].map(|ip| ip.parse().expect("an address"));
    dialer.resolver = Resolver::fixed(&HashMap::from([(HOST.to_owned(), addresses.to_vec())]));
    let mut progress = Progress::default();
    let session = dialer.open(&server.target(), soon(), &mut progress).await;
    session.expect("a session").quit().await;
    assert_eq!(progress.stages[1].detail.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses_the_connection() {
    let server = MailServer::start(Script::new()).await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = Target {
        port: free.local_addr().expect("an address").port(),
        ..server.target()
    };
    drop(free);
    let mut progress = Progress::default();
    let failure = server
        .dialer()
        .open(&target, soon(), &mut progress)
        .await
        .expect_err("a failure");
    assert_eq!(
        told(&failure),
        (Stage::Connect, FailureCode::ConnectionRefused, None)
    );
    let statuses: Vec<_> = progress.stages.iter().map(|report| report.status).collect();
    let skipped = StageStatus::Skipped;
    assert_eq!(
        statuses,
        [
            StageStatus::Passed,
            StageStatus::Failed,
            skipped,
            skipped,
            skipped
        ]
    );
}
