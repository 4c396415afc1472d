use shared::smtp::RecipientOutcome;
use tests::mail_server::{Answer, MailServer, Script};

use crate::support::{MESSAGE, envelope, name, no_fence, opened, send, short, soon};

const TO: [&str; 2] = ["a@example.com", "b@example.com"];

/// The verdict and the session's use afterwards, with and without PIPELINING: they must not differ.
async fn verdict(command: &str, answer: impl Into<Answer>) -> (String, bool) {
    let answer = answer.into();
    let mut verdicts = Vec::new();
    for script in [Script::new(), Script::new().without("PIPELINING")] {
        let (sent, server) = send(script.on(command, answer.clone()), &TO).await;
        let seen = server.session().await;
        if command != "." {
            assert_eq!(seen.body_bytes, 0, "no body without its 354");
        }
        verdicts.push((name(&sent.verdict), sent.reusable));
    }
    assert_eq!(verdicts[0], verdicts[1]);
    verdicts.remove(0)
}

async fn expect(rows: &[(&str, &str, &str, bool)]) {
    for (command, answer, expected, reusable) in rows {
        let found = verdict(command, *answer).await;
        assert_eq!(
            found,
            ((*expected).to_owned(), *reusable),
            "{command} {answer}"
        );
    }
}

#[tokio::test]
async fn a_refusal_of_mail_judges_the_message_the_sender_or_the_connection() {
    expect(&[
        ("MAIL", "451 4.3.0 later", "transient 451", true),
        ("MAIL", "503 5.5.1 bad sequence", "transient 503", true),
        ("MAIL", "550 5.7.60 not yours", "sender refused 550", true),
        ("MAIL", "553 5.7.1 not yours", "sender refused 553", true),
        ("MAIL", "552 5.3.4 too big", "permanent 552", true),
        ("MAIL", "555 5.5.4 what is SIZE", "permanent 555", true),
        ("MAIL", "530 5.7.0 log in first", "login needed 530", false),
        ("MAIL", "421 4.7.0 closing", "unavailable 421", false),
        ("MAIL", "432 4.7.12 change it", "unavailable 432", false),
        ("MAIL", "354 go", "not sent: ProtocolError", false),
    ])
    .await;
}

#[tokio::test]
async fn a_refusal_of_every_recipient_leaves_the_judgement_to_each() {
    expect(&[
        ("RCPT", "450 4.2.1 later", "no recipient", true),
        ("RCPT", "503 5.5.1 bad sequence", "no recipient", true),
        ("RCPT", "550 5.1.1 unknown", "no recipient", true),
        ("RCPT", "530 5.7.0 log in first", "login needed 530", false),
        ("RCPT", "421 4.7.0 closing", "unavailable 421", false),
        ("RCPT", "354 go", "not sent: ProtocolError", false),
    ])
    .await;
}

#[tokio::test]
async fn a_refusal_of_data_judges_the_message() {
    expect(&[
        ("DATA", "451 4.3.0 later", "transient 451", true),
        ("DATA", "503 5.5.1 bad sequence", "transient 503", true),
        ("DATA", "554 5.7.1 no", "permanent 554", true),
        ("DATA", "421 4.7.0 closing", "unavailable 421", false),
        ("DATA", "250 ok", "not sent: ProtocolError", false),
    ])
    .await;
}

#[tokio::test]
async fn the_answer_to_the_final_dot_judges_the_message() {
    expect(&[
        (".", "250 2.0.0 queued", "accepted 250", true),
        (".", "451 4.7.1 greylisted", "transient 451", true),
        (".", "554 5.7.1 spam", "permanent 554", true),
        (".", "552 5.3.4 too big", "permanent 552", true),
        (".", "421 4.7.0 closing", "unavailable 421", false),
        (".", "354 more", "ambiguous: ProtocolError", false),
        (".", "what?", "ambiguous: ProtocolError", false),
    ])
    .await;
}

#[tokio::test]
async fn a_connection_lost_after_the_dot_is_ambiguous() {
    let found = verdict(".", Answer::close()).await;
    assert_eq!(found, ("ambiguous: ConnectionLost".to_owned(), false));
    let found = verdict(".", Answer::raw(b"250 2.0").then_close()).await;
    assert_eq!(found, ("ambiguous: ConnectionLost".to_owned(), false));
}

#[tokio::test]
async fn a_connection_lost_before_the_354_is_not_sent() {
    for command in ["MAIL", "RCPT", "DATA"] {
        let found = verdict(command, Answer::close()).await;
        assert_eq!(found, ("not sent: ConnectionLost".to_owned(), false));
    }
}

/// Larger than what the sockets between client and server hold, so that the last byte can't leave.
const LARGE: usize = 9_000_000;

#[tokio::test]
async fn a_connection_lost_before_the_dot_is_not_sent() {
    for line in [b"Subject: large\r\n", b".ubject: large\r\n"] {
        let message = line.repeat(LARGE / 16);
        for script in [Script::new(), Script::new().implicit_tls()] {
            let script = script.hang_up_in_body(100_000, Answer::default());
            let server = MailServer::start(script).await;
            let mut session = opened(&server).await;
            let Ok(sent) = session.send(&envelope(&TO), &message, no_fence()).await;
            assert_eq!(name(&sent.verdict), "not sent: ConnectionLost");
            assert!(!sent.reusable && sent.recipients[0].is_accepted());
            assert!(server.session().await.messages.is_empty());
        }
    }
}

#[tokio::test]
async fn the_last_words_of_a_server_that_hangs_up_in_the_body_judge_the_message() {
    let message = b"Subject: large\r\n".repeat(LARGE / 16);
    let script = Script::new().hang_up_in_body(100_000, "552 5.3.4 too big for us");
    let server = MailServer::start(script).await;
    let mut session = opened(&server).await;
    let Ok(sent) = session.send(&envelope(&TO), &message, no_fence()).await;
    assert_eq!(name(&sent.verdict), "permanent 552");
}

#[tokio::test]
async fn a_server_silent_after_the_dot_is_ambiguous_and_silent_before_it_is_not_sent() {
    for (command, expected) in [
        (".", "ambiguous: TimedOut"),
        ("DATA", "not sent: TimedOut"),
        ("RCPT", "not sent: TimedOut"),
        ("MAIL", "not sent: TimedOut"),
    ] {
        let server = MailServer::start(Script::new().on(command, Answer::silence())).await;
        let mut dialer = server.dialer();
        dialer.deadlines = short();
        let mut progress = shared::smtp::Progress::default();
        let opened = dialer.open(&server.target(), soon(), &mut progress).await;
        let mut session = opened.expect("a session");
        let Ok(sent) = session.send(&envelope(&TO), MESSAGE, no_fence()).await;
        assert_eq!(name(&sent.verdict), expected);
    }
}

#[tokio::test]
async fn a_reply_that_nobody_asked_for_is_never_taken_for_the_one_to_the_dot() {
    for script in [Script::new(), Script::new().without("PIPELINING")] {
        let script = script.on("DATA", "354 go\n250 2.0.0 queued");
        let (sent, server) = send(script, &TO).await;
        assert_eq!(name(&sent.verdict), "not sent: ProtocolError");
        assert!(!sent.reusable);
        assert_eq!(server.session().await.body_bytes, 0);
    }
}

#[tokio::test]
async fn a_reply_too_many_among_the_recipients_sends_no_body() {
    for script in [Script::new(), Script::new().without("PIPELINING")] {
        let script = script.on("RCPT TO:<a@", "250 2.1.5 ok\n250 2.1.5 ok");
        let (sent, server) = send(script, &TO).await;
        assert_eq!(name(&sent.verdict), "not sent: ProtocolError");
        assert_eq!(server.session().await.body_bytes, 0);
    }
}

#[tokio::test]
async fn a_reply_too_many_after_the_dot_keeps_the_verdict_and_drops_the_session() {
    let found = verdict(".", "250 2.0.0 queued\n250 again").await;
    assert_eq!(found, ("accepted 250".to_owned(), false));
}

#[tokio::test]
async fn a_refused_mail_with_a_354_gets_a_lone_dot_and_no_body() {
    let script = Script::new()
        .on("MAIL", "550 5.7.1 not yours")
        .on("RCPT", "250 ok")
        .on("DATA", "354 go")
        .on(".", "554 5.5.1 no valid recipients");
    let (sent, server) = send(script, &TO).await;
    assert_eq!(name(&sent.verdict), "sender refused 550");
    assert_eq!(
        sent.recipients,
        [RecipientOutcome::Open, RecipientOutcome::Open]
    );
    assert_eq!(server.session().await.body_bytes, 3);
}

#[tokio::test]
async fn a_session_whose_server_went_away_before_the_message_is_not_sent() {
    let script = Script::new().on("RSET", Answer::lines("250 2.0.0 ok").then_close());
    let server = MailServer::start(script).await;
    let mut session = opened(&server).await;
    let _ = session.check_sender(&envelope(&TO).from).await;
    server.until(|ledger| ledger.ended() == 1).await;
    let Ok(sent) = session.send(&envelope(&TO), MESSAGE, no_fence()).await;
    assert!(name(&sent.verdict).starts_with("not sent"), "{sent:?}");
}
