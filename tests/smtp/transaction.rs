use std::cell::Cell;
use std::sync::Mutex;

use shared::model::encryption::Encryption;
use shared::smtp::{FailureCode, Impossible, RecipientOutcome, Verdict};
use tests::mail_server::{Answer, MailServer, Script};

use crate::support::{MESSAGE, address, envelope, no_fence, opened, send};

const THREE: [&str; 3] = ["a@example.com", "b@example.com", "c@example.com"];

fn both() -> [Script; 2] {
    [Script::new(), Script::new().without("PIPELINING")]
}

#[tokio::test]
async fn a_message_arrives_byte_for_byte_its_dots_too() {
    let message = b".\r\n..\r\nSubject: .\r\n.leading\r\n\r\n. \r\nend.\r\n.\r\n\r\n".repeat(2000);
    for script in [Script::new(), Script::new().implicit_tls()] {
        let server = MailServer::start(script).await;
        let mut session = opened(&server).await;
        let Ok(sent) = session.send(&envelope(&THREE), &message, no_fence()).await;
        assert!(matches!(sent.verdict, Verdict::Accepted(_)));
        session.quit().await;
        let seen = server.session().await;
        assert_eq!(seen.messages.len(), 1);
        assert!(seen.messages[0].body == message);
        assert_eq!(seen.messages[0].to, THREE);
    }
}

#[tokio::test]
async fn one_refused_recipient_of_three_does_not_lose_the_others() {
    for script in both() {
        let script = script.on("RCPT TO:<b@", "550 5.1.1 no such user");
        let (sent, server) = send(script, &THREE).await;
        assert!(matches!(sent.verdict, Verdict::Accepted(_)));
        assert!(sent.recipients[0].is_accepted() && sent.recipients[2].is_accepted());
        let RecipientOutcome::Permanent(reply) = &sent.recipients[1] else {
            panic!("{:?}", sent.recipients);
        };
        assert_eq!(reply.enhanced.as_deref(), Some("5.1.1"));
        let seen = server.session().await;
        assert_eq!(seen.messages[0].to, ["a@example.com", "c@example.com"]);
    }
}

#[tokio::test]
async fn all_recipients_refused_ends_the_transaction_and_the_session_can_take_another() {
    for script in both() {
        let server = MailServer::start(script.on("RCPT TO:<b@", "450 4.2.1 busy")).await;
        let mut session = opened(&server).await;
        let Ok(sent) = session
            .send(&envelope(&THREE[1..2]), MESSAGE, no_fence())
            .await;
        assert_eq!(sent.verdict, Verdict::NoRecipient);
        assert!(matches!(sent.recipients[0], RecipientOutcome::Transient(_)));
        assert!(sent.reusable && session.is_reusable().await);
        let Ok(sent) = session
            .send(&envelope(&THREE[..1]), MESSAGE, no_fence())
            .await;
        assert!(matches!(sent.verdict, Verdict::Accepted(_)), "{sent:?}");
        session.quit().await;
        assert_eq!(server.session().await.messages.len(), 1);
    }
}

#[tokio::test]
async fn all_recipients_refused_but_354_given_gets_a_lone_dot_and_no_body() {
    let script = Script::new()
        .on("RCPT", "550 5.1.1 no such user")
        .on("DATA", "354 go");
    let (sent, server) = send(script, &THREE).await;
    assert_eq!(sent.verdict, Verdict::NoRecipient);
    assert!(sent.reusable);
    let seen = server.session().await;
    assert_eq!((seen.messages.len(), seen.body_bytes), (1, 3));
    assert!(seen.messages[0].body.is_empty() && !seen.messages[0].accepted);
    assert!(seen.saw("QUIT"));
}

#[tokio::test]
async fn a_lone_dot_that_a_server_takes_for_a_message_closes_the_session() {
    let script = Script::new()
        .on("RCPT", "550 5.1.1 no such user")
        .on("DATA", "354 go")
        .on(".", "250 2.0.0 queued");
    let (sent, _server) = send(script, &THREE).await;
    assert_eq!(sent.verdict, Verdict::NoRecipient);
    assert!(!sent.reusable);
}

#[tokio::test]
async fn too_many_recipients_postpones_the_rest_to_another_transaction() {
    for script in both() {
        let script = script.on("RCPT TO:<c@", "452 4.5.3 too many recipients");
        let (sent, server) = send(script, &THREE).await;
        assert!(matches!(sent.verdict, Verdict::Accepted(_)));
        assert!(matches!(sent.recipients[2], RecipientOutcome::Postponed(_)));
        assert_eq!(server.session().await.messages[0].to, THREE[..2]);
    }
}

#[tokio::test]
async fn a_452_for_the_only_recipient_or_for_a_full_mailbox_is_transient() {
    let alone = Script::new().on("RCPT", "452 4.3.1 no space");
    let (sent, _server) = send(alone, &THREE[..1]).await;
    assert!(matches!(sent.recipients[0], RecipientOutcome::Transient(_)));
    let full = Script::new().on("RCPT TO:<c@", "452 4.2.2 mailbox full");
    let (sent, _server) = send(full, &THREE).await;
    assert!(matches!(sent.recipients[2], RecipientOutcome::Transient(_)));
}

#[tokio::test]
async fn a_message_over_the_servers_size_is_not_offered() {
    let server = MailServer::start(Script::new().without("SIZE").offering("SIZE 10")).await;
    let mut session = opened(&server).await;
    let Ok(sent) = session.send(&envelope(&THREE), MESSAGE, no_fence()).await;
    let too_large = Impossible::MessageTooLarge {
        size: MESSAGE.len() as u64,
        limit: 10,
    };
    assert_eq!(sent.verdict, Verdict::Impossible(too_large));
    assert!(sent.reusable);
    session.quit().await;
    assert!(!server.session().await.saw("MAIL"));
}

#[tokio::test]
async fn the_size_is_announced_where_the_server_wants_to_know_it() {
    let (_, server) = send(Script::new(), &THREE[..1]).await;
    let mail = format!("MAIL FROM:<info@example.com> SIZE={}", MESSAGE.len());
    assert_eq!(server.session().await.commands[1], mail);
    let (_, server) = send(Script::new().without("SIZE"), &THREE[..1]).await;
    assert_eq!(
        server.session().await.commands[1],
        "MAIL FROM:<info@example.com>"
    );
}

#[tokio::test]
async fn smtputf8_is_asked_for_only_where_an_address_needs_it() {
    let (sent, server) = send(Script::new(), &["a@bücher.example"]).await;
    assert!(matches!(sent.verdict, Verdict::Accepted(_)));
    let seen = server.session().await;
    assert!(!seen.commands[1].contains("SMTPUTF8"));
    assert_eq!(seen.commands[2], "RCPT TO:<a@xn--bcher-kva.example>");
    let (_, server) = send(Script::new(), &["è@bücher.example"]).await;
    let seen = server.session().await;
    assert!(seen.commands[1].ends_with(" SMTPUTF8"));
    assert_eq!(seen.commands[2], "RCPT TO:<è@xn--bcher-kva.example>");
}

#[tokio::test]
async fn smtputf8_is_asked_for_where_a_header_needs_it() {
    for (message, needed) in [
        ("Reply-To: è@example.com\r\n\r\nx\r\n", true),
        ("Subject: x\r\n\r\nè\r\n", false),
    ] {
        let server = MailServer::start(Script::new()).await;
        let mut session = opened(&server).await;
        let envelope = envelope(&THREE[..1]);
        let Ok(sent) = session
            .send(&envelope, message.as_bytes(), no_fence())
            .await;
        assert!(matches!(sent.verdict, Verdict::Accepted(_)));
        session.quit().await;
        let mail = &server.session().await.commands[1];
        assert!(mail.contains(" BODY=8BITMIME"), "{mail}");
        assert_eq!(mail.contains(" SMTPUTF8"), needed, "{mail}");
    }
}

#[tokio::test]
async fn without_smtputf8_only_the_recipients_that_need_it_are_left_out() {
    let script = Script::new().without("SMTPUTF8");
    let (sent, server) = send(script, &["è@example.com", "a@example.com"]).await;
    assert!(matches!(sent.verdict, Verdict::Accepted(_)));
    assert_eq!(sent.recipients[0], RecipientOutcome::NeedsSmtputf8);
    let seen = server.session().await;
    assert!(!seen.commands[1].contains("SMTPUTF8"));
    assert_eq!(seen.messages[0].to, ["a@example.com"]);
}

#[tokio::test]
async fn without_smtputf8_a_sender_that_needs_it_can_not_send() {
    let server = MailServer::start(Script::new().without("SMTPUTF8")).await;
    let mut session = opened(&server).await;
    let mut envelope = envelope(&THREE);
    envelope.from = address("è@example.com");
    let checked = session.check_sender(&envelope.from).await;
    assert_eq!(
        checked.expect_err("a failure").code,
        FailureCode::Smtputf8NotOffered
    );
    let Ok(sent) = session.send(&envelope, MESSAGE, no_fence()).await;
    let impossible = Verdict::Impossible(Impossible::Smtputf8NotOffered);
    assert_eq!(sent.verdict, impossible);
}

#[tokio::test]
async fn octets_above_127_leave_only_where_8bitmime_is_offered() {
    let message = "Subject: è\r\n\r\n".as_bytes();
    let server = MailServer::start(Script::new()).await;
    let mut session = opened(&server).await;
    let Ok(sent) = session.send(&envelope(&THREE), message, no_fence()).await;
    assert!(matches!(sent.verdict, Verdict::Accepted(_)));
    session.quit().await;
    assert!(server.session().await.commands[1].contains(" BODY=8BITMIME"));

    let server = MailServer::start(Script::new().without("8BITMIME")).await;
    let mut session = opened(&server).await;
    let Ok(sent) = session.send(&envelope(&THREE), message, no_fence()).await;
    let impossible = Verdict::Impossible(Impossible::EightBitMimeNotOffered);
    assert_eq!(sent.verdict, impossible);
}

#[tokio::test]
async fn a_message_with_a_bare_line_feed_does_not_leave() {
    let server = MailServer::start(Script::new()).await;
    let mut session = opened(&server).await;
    let smuggled = b"Subject: x\r\n\r\nx\n.\r\nMAIL FROM:<evil@example.com>\r\n";
    let Ok(sent) = session.send(&envelope(&THREE), smuggled, no_fence()).await;
    assert_eq!(sent.verdict, Verdict::Impossible(Impossible::Malformed));
    session.quit().await;
    assert_eq!(server.session().await.commands[1], "QUIT");
}

#[tokio::test]
async fn the_fence_runs_while_the_354_is_awaited_and_is_complete_before_the_body_leaves() {
    for script in both() {
        let server = MailServer::start(script).await;
        let mut session = opened(&server).await;
        let order = Mutex::new(Vec::new());
        let fence = async {
            // Begun as soon as the commands have left: the server has not seen them yet.
            let before = server.until(|_| true).await;
            assert!(!before.sessions[0].said("354"));
            let ledger = server.until(|ledger| ledger.sessions[0].said("354")).await;
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(ledger.sessions[0].body_bytes, 0);
            let now = server.until(|_| true).await;
            order
                .lock()
                .expect("order")
                .push(now.sessions[0].body_bytes);
            Ok::<_, std::convert::Infallible>(())
        };
        let Ok(sent) = session.send(&envelope(&THREE), MESSAGE, fence).await;
        assert!(matches!(sent.verdict, Verdict::Accepted(_)));
        assert_eq!(*order.lock().expect("order"), [0]);
        session.quit().await;
        assert_eq!(server.session().await.messages.len(), 1);
    }
}

#[tokio::test]
async fn when_the_fence_fails_no_byte_of_the_body_leaves_and_the_server_delivers_nothing() {
    for script in both() {
        let server = MailServer::start(script).await;
        let mut session = opened(&server).await;
        let sent = session
            .send(&envelope(&THREE), MESSAGE, async { Err("fenced off") })
            .await;
        assert_eq!(sent.expect_err("the fence's error"), "fenced off");
        assert!(!session.is_reusable().await);
        session.quit().await;
        let seen = server.session().await;
        assert_eq!((seen.body_bytes, seen.messages.len()), (0, 0));
    }
}

#[tokio::test]
async fn when_the_fence_fails_and_the_message_was_refused_the_session_lives_on() {
    let server = MailServer::start(Script::new().on("DATA", "451 4.3.0 later")).await;
    let mut session = opened(&server).await;
    let sent = session
        .send(&envelope(&THREE), MESSAGE, async { Err("fenced off") })
        .await;
    assert_eq!(sent.expect_err("the fence's error"), "fenced off");
    assert!(session.is_reusable().await);
}

#[tokio::test]
async fn chunking_is_not_used_where_it_is_offered() {
    let (sent, server) = send(Script::new().offering("CHUNKING"), &THREE).await;
    assert!(matches!(sent.verdict, Verdict::Accepted(_)));
    let seen = server.session().await;
    assert!(seen.saw("DATA") && !seen.saw("BDAT"));
}

#[tokio::test]
async fn the_fence_is_not_touched_when_the_message_can_not_be_offered() {
    let server = MailServer::start(Script::new().without("SIZE").offering("SIZE 10")).await;
    let mut session = opened(&server).await;
    let touched = Cell::new(false);
    let fence = async {
        touched.set(true);
        Ok::<_, std::convert::Infallible>(())
    };
    let Ok(_) = session.send(&envelope(&THREE), MESSAGE, fence).await;
    assert!(!touched.get());
}

#[tokio::test]
async fn a_sending_that_is_dropped_half_way_leaves_no_session_that_looks_ready() {
    for script in both() {
        let server = MailServer::start(script).await;
        let mut session = opened(&server).await;
        let never = std::future::pending::<Result<(), std::convert::Infallible>>();
        let envelope = envelope(&THREE);
        tokio::select! {
            _ = session.send(&envelope, MESSAGE, never) => unreachable!("the fence never ends"),
            _ = server.until(|ledger| ledger.sessions[0].said("354")) => {}
        }
        assert!(!session.is_reusable().await);
        session.quit().await;
        assert!(!server.session().await.saw("QUIT"));
    }
}

#[tokio::test]
async fn an_idle_session_to_which_the_server_spoke_or_hung_up_is_not_used_again() {
    for answer in [
        Answer::lines("250 2.0.0 ok\n421 4.4.2 idle for too long"),
        Answer::lines("250 2.0.0 ok").then_close(),
    ] {
        for encryption in [Encryption::None, Encryption::ImplicitTls] {
            let mut script = Script::new().on("RSET", answer.clone());
            if encryption == Encryption::ImplicitTls {
                script = script.implicit_tls();
            }
            let server = MailServer::start(script).await;
            let mut session = opened(&server).await;
            assert!(session.is_reusable().await);
            let _ = session.check_sender(&address("info@example.com")).await;
            server
                .until(|ledger| ledger.sessions[0].said("250 2.0.0"))
                .await;
            assert!(!session.is_reusable().await, "{answer:?}");
        }
    }
}
