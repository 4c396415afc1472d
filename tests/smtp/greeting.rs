use std::time::Duration;

use shared::smtp::FailureCode::{ProtocolError, TimedOut};
use shared::smtp::Progress;
use shared::smtp::Stage::Greeting;
use tests::mail_server::{Answer, MailServer, Script};
use tokio::time::Instant;

use crate::support::{open, opened, soon};

#[tokio::test]
async fn the_whole_deadline_ends_a_session_whose_steps_are_all_in_time() {
    let slow = Answer::drip("250 ok", Duration::from_millis(100));
    let server = MailServer::start(Script::new().on("EHLO", slow)).await;
    let deadline = Instant::now() + Duration::from_millis(200);
    let failure = server
        .dialer()
        .open(&server.target(), deadline, &mut Progress::default())
        .await
        .expect_err("a failure");
    assert_eq!((failure.stage, failure.code), (Greeting, TimedOut));
}

#[tokio::test]
async fn a_server_that_only_knows_helo_is_greeted_with_helo() {
    let server = MailServer::start(Script::new().on("EHLO", "502 5.5.1 what?")).await;
    let session = opened(&server).await;
    assert!(!session.extensions().pipelining);
    session.quit().await;
    let seen = server.session().await;
    assert_eq!(
        seen.commands,
        [
            "EHLO client.example.test",
            "HELO client.example.test",
            "QUIT"
        ]
    );
}

#[tokio::test]
async fn keywords_in_lower_case_are_understood() {
    let script = Script::new().on("EHLO", "250-mail.example.test\n250-pipelining\n250 size 99");
    let server = MailServer::start(script).await;
    let session = opened(&server).await;
    assert!(session.extensions().pipelining);
    assert_eq!(session.extensions().max_size, Some(99));
}

#[tokio::test]
async fn a_second_greeting_that_nobody_asked_for_closes_the_session() {
    let script = Script::new().greeting("220 one\n220 two");
    let server = MailServer::start(script).await;
    let failure = open(&server, &server.target())
        .await
        .expect_err("a failure");
    assert_eq!((failure.stage, failure.code), (Greeting, ProtocolError));
    assert!(server.session().await.commands.is_empty());
}

#[tokio::test]
async fn the_report_tells_what_the_server_said_of_itself() {
    let server = MailServer::start(Script::new().starttls()).await;
    let mut progress = Progress::default();
    let session = server
        .dialer()
        .open(
            &server.target_as("info@example.com", "s3cret"),
            soon(),
            &mut progress,
        )
        .await;
    session.expect("a session").quit().await;
    let stages = serde_json::to_value(&progress.stages).expect("JSON");
    let stages: Vec<_> = stages
        .as_array()
        .expect("a list")
        .iter()
        .map(|report| {
            format!(
                "{} {} {}",
                report["stage"], report["status"], report["detail"]
            )
        })
        .collect();
    assert_eq!(
        stages,
        [
            r#""resolve" "passed" "127.0.0.1""#,
            r#""connect" "passed" "127.0.0.1""#,
            r#""greeting" "passed" null"#,
            r#""tls" "passed" "TLSv1.3""#,
            r#""auth" "passed" "PLAIN""#,
        ]
    );
    assert_eq!(
        progress.server.greeting.as_deref(),
        Some("mail.example.test ESMTP")
    );
    assert_eq!(progress.server.auth_mechanisms, ["PLAIN", "LOGIN"]);
    // What was offered before TLS is forgotten.
    assert!(!progress.server.extensions.contains(&"STARTTLS".to_owned()));
    let tls = progress.server.tls.expect("encrypted");
    assert!(
        tls.cipher
            .is_some_and(|cipher| cipher.starts_with("TLS13_"))
    );
}
