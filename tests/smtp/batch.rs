//! What becomes of each message of a batch when the server fails in the middle of it.

use std::borrow::Cow;

use shared::smtp::{Outgoing, Progress};
use tests::mail_server::{Answer, MailServer, Script, SeenSession};

use crate::support::{Fence, MESSAGE, envelope, in_batch, opened, plain, short, soon};

const THREE: [&str; 3] = ["a@example.com", "b@example.com", "c@example.com"];

/// Sends one message to each of three, and gives what became of those that were asked for, and what the server saw.
async fn three(script: Script) -> (Vec<String>, SeenSession) {
    let server = MailServer::start(script).await;
    let mut session = opened(&server).await;
    let outcomes = in_batch(&mut session, THREE.map(plain).into()).await;
    session.quit().await;
    let seen = server.session().await;
    // Whatever was played, those that the server took are those that are said to be accepted, or nobody knows.
    for (to, outcome) in THREE.iter().zip(&outcomes) {
        let mut messages = seen.messages.iter().filter(|it| it.to == [*to]);
        let taken = messages.any(|it| it.accepted && it.body == MESSAGE);
        assert!(taken == outcome.starts_with("accepted") || outcome.starts_with("ambiguous"));
    }
    (outcomes, seen)
}

/// The answer to this command of the second message, and what becomes of the messages.
async fn expect(rows: &[(&str, &str, &[&str])]) {
    for (command, answer, expected) in rows {
        for pipelining in [true, false] {
            let mut script = Script::new().on(command, *answer).in_message(2);
            if !pipelining {
                script = script.without("PIPELINING");
            }
            let (outcomes, _) = three(script).await;
            // Without PIPELINING the third message has not begun when the second ends the session.
            let begun = if pipelining || expected.last() == Some(&OK) {
                3
            } else {
                2
            };
            let expected: Vec<_> = expected.iter().take(begun).copied().collect();
            assert_eq!(outcomes, expected, "{command} {answer} {pipelining}");
        }
    }
}

const OK: &str = "accepted 250";

#[tokio::test]
async fn a_refusal_in_the_middle_is_its_own_messages_alone() {
    expect(&[
        ("MAIL", "451 4.3.0 later", &[OK, "transient 451", OK]),
        ("MAIL", "550 no", &[OK, "sender refused 550", OK]),
        ("MAIL", "552 5.3.4 too big", &[OK, "permanent 552", OK]),
        ("RCPT", "550 5.1.1 unknown", &[OK, "no recipient", OK]),
        ("RCPT", "452 4.5.3 too many", &[OK, "no recipient", OK]),
        ("DATA", "451 4.3.0 later", &[OK, "transient 451", OK]),
        ("DATA", "554 5.7.1 no", &[OK, "permanent 554", OK]),
        (".", "451 4.7.1 greylisted", &[OK, "transient 451", OK]),
        (".", "554 5.7.1 spam", &[OK, "permanent 554", OK]),
    ])
    .await;
}

#[tokio::test]
async fn a_server_that_leaves_before_a_354_ends_the_batch_there() {
    expect(&[
        ("MAIL", "421 4.3.2 closing", &[OK, "unavailable 421"]),
        ("MAIL", "432 4.7.12 change it", &[OK, "unavailable 432"]),
        ("MAIL", "530 5.7.0 log in", &[OK, "login needed 530"]),
        ("RCPT", "421 4.3.2 closing", &[OK, "unavailable 421"]),
        ("RCPT", "530 5.7.0 log in", &[OK, "login needed 530"]),
        ("DATA", "421 4.3.2 closing", &[OK, "unavailable 421"]),
        ("DATA", "250 ok", &[OK, "not sent: ProtocolError"]),
        (
            "DATA",
            "354 go\n250 2.0.0 queued",
            &[OK, "not sent: ProtocolError"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_server_that_leaves_at_the_dot_leaves_the_next_message_not_sent() {
    let unavailable = "not sent: TemporarilyUnavailable";
    let login = "not sent: AuthenticationRequired";
    let protocol = "not sent: ProtocolError";
    expect(&[
        (".", "421 closing", &[OK, "unavailable 421", unavailable]),
        (".", "432 later", &[OK, "unavailable 432", unavailable]),
        (".", "530 log in", &[OK, "login needed 530", login]),
        (".", "354 more", &[OK, "ambiguous: ProtocolError", protocol]),
        (".", "what?", &[OK, "ambiguous: ProtocolError", protocol]),
    ])
    .await;
}

#[tokio::test]
async fn a_connection_lost_at_any_place_leaves_one_message_ambiguous_at_most() {
    let lost = "not sent: ConnectionLost";
    for (command, nth, answer, expected) in [
        ("MAIL", 2, Answer::close(), &[OK, lost][..]),
        ("RCPT", 2, Answer::close(), &[OK, lost]),
        ("DATA", 2, Answer::close(), &[OK, lost]),
        (
            ".",
            1,
            Answer::close(),
            &["ambiguous: ConnectionLost", lost],
        ),
        (
            ".",
            1,
            Answer::raw(b"250 2.0").then_close(),
            &["ambiguous: ConnectionLost", lost],
        ),
        (
            ".",
            1,
            Answer::lines("250 2.0.0 queued").then_close(),
            &[OK, lost],
        ),
        (
            ".",
            2,
            Answer::close(),
            &[OK, "ambiguous: ConnectionLost", lost],
        ),
        (
            ".",
            2,
            Answer::lines("250 2.0.0 queued").then_close(),
            &[OK, OK, lost],
        ),
        (
            ".",
            3,
            Answer::close(),
            &[OK, OK, "ambiguous: ConnectionLost"],
        ),
    ] {
        for script in [Script::new(), Script::new().implicit_tls()] {
            let script = script.on(command, answer.clone()).in_message(nth);
            let (outcomes, _) = three(script).await;
            assert_eq!(outcomes, expected, "{command} {nth} {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_server_silent_at_the_dot_leaves_the_next_message_not_sent() {
    let script = Script::new().on(".", Answer::silence()).in_message(2);
    let server = MailServer::start(script).await;
    let mut dialer = server.dialer();
    dialer.deadlines = short();
    let (target, mut progress) = (server.target(), Progress::default());
    let opened = dialer.open(&target, soon(), &mut progress).await;
    let mut session = opened.expect("a session");
    let outcomes = in_batch(&mut session, THREE.map(plain).into()).await;
    assert_eq!(outcomes, [OK, "ambiguous: TimedOut", "not sent: TimedOut"]);
}

#[tokio::test]
async fn all_recipients_refused_but_354_given_gets_a_lone_dot_and_the_batch_goes_on() {
    let script = Script::new()
        .on("RCPT TO:<b@", "550 5.1.1 no such user")
        .on("DATA", "354 go")
        .in_message(2);
    let (outcomes, seen) = three(script).await;
    assert_eq!(outcomes, [OK, "no recipient", OK]);
    assert_eq!(seen.messages.len(), 3);
    assert!(seen.messages[1].body.is_empty() && !seen.messages[1].accepted);
}

#[tokio::test]
async fn an_extra_reply_in_the_middle_ends_the_batch_before_another_body_leaves() {
    for (command, nth) in [(".", 1), ("MAIL", 2), ("RCPT", 2), ("DATA", 1)] {
        let usual = if command == "DATA" {
            "354 go"
        } else {
            "250 2.0.0 ok"
        };
        let script = Script::new().on(command, Answer::lines(&format!("{usual}\n250 2.0.0 ok")));
        let (outcomes, seen) = three(script.in_message(nth)).await;
        let expected = [OK, "not sent: ProtocolError"];
        let sent = usize::from(command == "DATA");
        assert_eq!(outcomes, expected[sent..], "{command}");
        let whole = MESSAGE.len() + 3;
        assert_eq!(seen.body_bytes, whole * (1 - sent), "{command}");
    }
}

#[tokio::test]
async fn a_batch_ends_with_the_first_message_that_is_refused_by_421_and_leaves_the_rest_to_the_caller()
 {
    let script = Script::new().on("MAIL", "421 4.3.2 closing").in_message(2);
    let server = MailServer::start(script).await;
    let mut session = opened(&server).await;
    let mut left = THREE.map(plain).into_iter();
    let mut ended = 0;
    session
        .send_batch(
            || left.next(),
            |transaction| {
                ended += 1;
                assert!(ended == 1 || transaction.is_ok_and(|it| !it.reusable));
            },
        )
        .await;
    assert_eq!((ended, left.len()), (2, 1));
    assert!(!session.is_reusable().await);
}

fn large(to: &str) -> Outgoing<'static, Fence> {
    Outgoing {
        // Larger than what the sockets between client and server hold, so that the last byte can't leave.
        message: Cow::Owned(b"Subject: large\r\n".repeat(9_000_000 / 16)),
        ..plain(to)
    }
}

#[tokio::test]
async fn a_connection_lost_in_the_body_leaves_it_and_the_next_message_not_sent() {
    for (last_words, expected) in [
        (Answer::default(), "not sent: ConnectionLost"),
        (Answer::lines("552 5.3.4 too big for us"), "permanent 552"),
    ] {
        for script in [Script::new(), Script::new().implicit_tls()] {
            let script = script.hang_up_in_body(100_000, last_words.clone());
            let server = MailServer::start(script).await;
            let mut session = opened(&server).await;
            let messages = vec![plain(THREE[0]), large(THREE[1]), plain(THREE[2])];
            let outcomes = in_batch(&mut session, messages).await;
            assert_eq!(outcomes[..2], [OK, expected]);
            assert!(outcomes[2].starts_with("not sent: "), "{outcomes:?}");
            assert_eq!(server.session().await.messages.len(), 1);
        }
    }
}

#[tokio::test]
async fn lines_of_a_body_that_look_like_commands_are_never_run() {
    let hostile = b"RSET\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\n.\r\nQUIT\r\n";
    for (command, answer) in [
        ("MAIL", "550 5.7.1 no"),
        ("MAIL", "250 ok\n250 ok"),
        ("RCPT", "550 5.1.1 unknown"),
        ("DATA", "451 4.3.0 later"),
        ("DATA", "250 ok"),
        ("DATA", "503 bad sequence"),
        (".", "554 5.7.1 no"),
        (".", "250 queued"),
    ] {
        for data in ["", "354 go"] {
            let mut script = Script::new().on(command, answer).in_message(2);
            if !data.is_empty() {
                script = script.on("DATA", data);
            }
            let server = MailServer::start(script).await;
            let mut session = opened(&server).await;
            let messages = THREE.map(|to| Outgoing {
                message: Cow::Borrowed(&hostile[..]),
                ..plain(to)
            });
            in_batch(&mut session, messages.into()).await;
            session.quit().await;
            let seen = server.session().await;
            assert!(
                !seen.commands.iter().any(|line| line.contains("evil")),
                "{:?}",
                seen.commands
            );
            assert!(
                seen.messages
                    .iter()
                    .all(|message| message.body == hostile || message.body.is_empty())
            );
        }
    }
}

#[tokio::test]
async fn what_can_not_be_offered_is_told_in_its_turn_and_costs_nothing() {
    let eight_bit = || Outgoing {
        message: Cow::Owned("Subject: è\r\n\r\n".into()),
        ..plain(THREE[1])
    };
    let mail = |to: &str, message: &[u8]| Outgoing {
        message: Cow::Owned(message.to_vec()),
        ..plain(to)
    };
    let script = Script::new()
        .without("8BITMIME")
        .without("SIZE")
        .without("SMTPUTF8");
    let server = MailServer::start(script.offering("SIZE 40")).await;
    let mut session = opened(&server).await;
    let messages = vec![
        eight_bit(),
        plain(THREE[0]),
        mail(THREE[1], &[b'x'; 41]),
        mail(THREE[1], b"a\nb\r\n"),
        plain("è@example.com"),
        plain(THREE[2]),
        eight_bit(),
    ];
    let outcomes = in_batch(&mut session, messages).await;
    assert_eq!(
        outcomes,
        [
            "impossible EightBitMimeNotOffered",
            OK,
            "impossible MessageTooLarge { size: 41, limit: 40 }",
            "impossible Malformed",
            "no recipient",
            OK,
            "impossible EightBitMimeNotOffered",
        ]
    );
    session.quit().await;
    let seen = server.session().await;
    assert_eq!((seen.messages.len(), seen.commands.len()), (2, 1 + 6 + 1));
    assert_eq!(seen.messages[1].turns, 1);
}

#[tokio::test]
async fn each_message_says_its_own_size_and_its_own_recipients() {
    let server = MailServer::start(Script::new()).await;
    let mut session = opened(&server).await;
    let mut two = plain("x@example.com");
    two.envelope = Cow::Owned(envelope(&THREE));
    two.message = Cow::Owned("A: bc\r\n\r\nè\r\n".into());
    let outcomes = in_batch(
        &mut session,
        vec![plain(THREE[0]), two, plain("è@example.com")],
    )
    .await;
    assert_eq!(outcomes, [OK; 3]);
    session.quit().await;
    let seen = server.session().await;
    let mails: Vec<_> = seen
        .commands
        .iter()
        .filter(|line| line.starts_with("MAIL"))
        .collect();
    assert_eq!(
        mails,
        [
            "MAIL FROM:<info@example.com> SIZE=32",
            "MAIL FROM:<info@example.com> SIZE=13 BODY=8BITMIME",
            "MAIL FROM:<info@example.com> SIZE=32 SMTPUTF8",
        ]
    );
    assert_eq!(seen.messages[1].to, THREE);
}
