use std::time::Duration;

use shared::smtp::FailureCode::{
    ConnectionLost, EhloRefused, GreetingRefused, NotAMailServer, ProtocolError,
    TemporarilyUnavailable, TimedOut,
};
use shared::smtp::Progress;
use shared::smtp::Stage::Greeting;
use tests::mail_server::{Answer, MailServer, Script};
use tokio::time::Instant;

use crate::support::{failure, failure_in_time, open, opened, soon};

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_replys_deadline() {
    let told = failure_in_time(Script::new().greeting(Answer::silence())).await;
    assert_eq!(told, (Greeting, TimedOut, None));
}

#[tokio::test]
async fn a_dripping_server_does_not_get_more_time_with_every_byte() {
    let drip = Answer::drip(
        &format!("220 {}", "x".repeat(500)),
        Duration::from_millis(20),
    );
    let started = Instant::now();
    let told = failure_in_time(Script::new().greeting(drip)).await;
    assert_eq!(told, (Greeting, TimedOut, None));
    assert!(started.elapsed() < Duration::from_secs(5));
}

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
async fn a_line_without_end_is_not_read_to_its_end() {
    for endless in [&b"x"[..], b"220 x", b"220-"] {
        let told = failure(Script::new().greeting(Answer::endless(endless))).await;
        assert_eq!(told, (Greeting, NotAMailServer, None));
    }
}

#[tokio::test]
async fn a_reply_without_end_is_not_read_to_its_end() {
    let script = Script::new().on("EHLO", Answer::endless(b"250-more\r\n"));
    assert_eq!(failure(script).await, (Greeting, ProtocolError, None));
}

#[tokio::test]
async fn a_reply_whose_lines_differ_in_code_is_no_reply() {
    let script = Script::new().on("EHLO", "250-mail.example.test\n220 PIPELINING");
    assert_eq!(failure(script).await, (Greeting, ProtocolError, None));
}

#[tokio::test]
async fn a_server_that_greets_with_421_is_unavailable_and_its_words_are_not_shown() {
    let told = failure(Script::new().greeting("421 4.3.2 internal-host-7 is busy")).await;
    assert_eq!(told, (Greeting, TemporarilyUnavailable, None));
}

#[tokio::test]
async fn a_server_that_greets_with_554_refuses_us_and_its_words_are_not_shown() {
    let told = failure(Script::new().greeting("554 no SMTP service here")).await;
    assert_eq!(told, (Greeting, GreetingRefused, None));
}

#[tokio::test]
async fn what_is_no_mail_server_is_told_so_without_its_words() {
    for banner in [
        "HTTP/1.1 400 Bad Request\nServer: internal",
        "* OK [CAPABILITY IMAP4rev1] Dovecot ready.",
        "+OK POP3 ready",
        "SSH-2.0-OpenSSH_9.6",
        "250 hello",
        "354 hello",
        "",
    ] {
        let told = failure(Script::new().greeting(banner)).await;
        assert_eq!(told, (Greeting, NotAMailServer, None), "{banner}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_before_its_greeting_lost_the_connection() {
    let told = failure(Script::new().greeting(Answer::close())).await;
    assert_eq!(told, (Greeting, ConnectionLost, None));
    let cut = Answer::raw(b"220 mail.exam").then_close();
    let told = failure(Script::new().greeting(cut)).await;
    assert_eq!(told, (Greeting, ConnectionLost, None));
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
async fn a_server_that_refuses_ehlo_and_helo_is_told_so_with_its_words() {
    let script = Script::new()
        .on("EHLO", "550 no")
        .on("HELO", "550 5.7.1 go away");
    assert_eq!(failure(script).await, (Greeting, EhloRefused, Some(550)));
}

#[tokio::test]
async fn a_421_in_answer_to_ehlo_is_unavailable() {
    let script = Script::new().on("EHLO", "421 4.7.0 later");
    let told = failure(script).await;
    assert_eq!(told, (Greeting, TemporarilyUnavailable, Some(421)));
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
