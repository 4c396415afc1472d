//! No body of a batch leaves before its own 354 and its own fence.

use std::borrow::Cow;
use std::sync::Arc;

use shared::smtp::{Outgoing, Transaction};
use tests::mail_server::{MailServer, Script};
use tokio::sync::mpsc;

use crate::support::{Fence, MESSAGE, in_batch, name, opened, plain};

fn fenced(
    to: &str,
    fence: impl Future<Output = Result<(), &'static str>> + Send + 'static,
) -> Outgoing<'static, Fence> {
    Outgoing {
        fence: Box::pin(fence),
        ..plain(to)
    }
}

fn whole() -> usize {
    MESSAGE.len() + 3
}

#[tokio::test]
async fn each_body_waits_for_its_own_354_and_its_own_fence() {
    for script in [Script::new(), Script::new().without("PIPELINING")] {
        let server = Arc::new(MailServer::start(script).await);
        let mut session = opened(&server).await;
        let fence = |nth: usize| {
            let server = Arc::clone(&server);
            async move {
                let given = move |session: &tests::mail_server::SeenSession| {
                    session
                        .answers
                        .iter()
                        .filter(|answer| answer.starts_with("354"))
                        .count()
                };
                let ledger = server
                    .until(|ledger| given(&ledger.sessions[0]) == nth)
                    .await;
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                let now = server.until(|_| true).await;
                for ledger in [ledger, now] {
                    let seen = &ledger.sessions[0];
                    assert_eq!(
                        (seen.messages.len(), seen.body_bytes),
                        (nth - 1, (nth - 1) * whole())
                    );
                }
                Ok(())
            }
        };
        let messages = (1..=3)
            .map(|nth| fenced("a@example.com", fence(nth)))
            .collect();
        assert_eq!(in_batch(&mut session, messages).await, ["accepted 250"; 3]);
    }
}

#[tokio::test]
async fn a_fence_that_fails_in_the_middle_ends_the_batch_without_its_body() {
    for script in [Script::new(), Script::new().without("PIPELINING")] {
        let server = MailServer::start(script).await;
        let mut session = opened(&server).await;
        let messages = vec![
            plain("a@example.com"),
            fenced("b@example.com", async { Err("fenced off") }),
            plain("c@example.com"),
        ];
        let outcomes = in_batch(&mut session, messages).await;
        assert_eq!(outcomes, ["accepted 250", "fenced off"]);
        assert!(!session.is_reusable().await);
        session.quit().await;
        let seen = server.session().await;
        assert_eq!((seen.messages.len(), seen.body_bytes), (1, whole()));
    }
}

#[tokio::test]
async fn the_outcome_of_a_message_is_told_while_the_fence_of_the_next_still_runs() {
    let server = MailServer::start(Script::new()).await;
    let mut session = opened(&server).await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let fence = async move {
        let first: Option<String> = heard.recv().await;
        first
            .filter(|verdict| verdict == "accepted 250")
            .map(|_| ())
            .ok_or("not told")
    };
    let mut messages = vec![plain("a@example.com"), fenced("b@example.com", fence)].into_iter();
    let mut outcomes = Vec::new();
    session
        .send_batch(
            || messages.next(),
            |ended: Result<Transaction, &str>| {
                let ended = ended.expect("no fence fails");
                let _ = told.send(name(&ended.verdict));
                outcomes.push(ended.reusable);
            },
        )
        .await;
    assert_eq!(outcomes, [true, true]);
}

#[tokio::test]
async fn a_message_that_comes_while_another_is_on_its_way_joins_it() {
    let server = MailServer::start(Script::new()).await;
    let mut session = opened(&server).await;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let late = sender.clone();
    let first = fenced("a@example.com", async move {
        let _ = late.send(plain("b@example.com"));
        Ok(())
    });
    assert!(sender.send(first).is_ok());
    let mut outcomes = 0;
    session
        .send_batch(
            || receiver.try_recv().ok(),
            |ended| outcomes += usize::from(ended.is_ok()),
        )
        .await;
    assert_eq!(outcomes, 2);
    assert!(session.is_reusable().await);
    session.quit().await;
    assert_eq!(server.session().await.messages[1].turns, 1);
}

#[tokio::test]
async fn a_batch_that_is_dropped_half_way_leaves_no_session_that_looks_ready() {
    let server = MailServer::start(Script::new()).await;
    let mut session = opened(&server).await;
    let never = fenced("b@example.com", std::future::pending());
    let mut messages = vec![plain("a@example.com"), never].into_iter();
    let ignored = |_: Result<Transaction, &str>| {};
    tokio::select! {
        () = session.send_batch(|| messages.next(), ignored) => unreachable!("the fence never ends"),
        _ = server.until(|ledger| ledger.sessions[0].messages.len() == 1) => {}
    }
    assert!(!session.is_reusable().await);
    session.quit().await;
    assert!(!server.session().await.saw("QUIT"));
}

#[tokio::test]
async fn a_message_that_is_larger_than_a_record_arrives_in_a_batch_byte_for_byte() {
    let lines = [
        // Each has a dot that is stuffed; none has; one in some thousand lines has.
        ".Subject: x\r\n".to_owned(),
        "Subject: xy\r\n".to_owned(),
        format!("{}..\r\n", "Subject: xy\r\n".repeat(7_000)),
    ];
    for line in &lines {
        for size in [16_300, 16_384, 16_400, 65_530, 65_536, 81_000, 400_000] {
            // Of the last line the end is missing, as it may be.
            let octets = line.bytes().cycle().take(size / 13 * 13);
            let message: Vec<u8> = octets.chain(*b"end").collect();
            for script in [Script::new().implicit_tls(), Script::new()] {
                let server = MailServer::start(script).await;
                let mut session = opened(&server).await;
                let messages = (0..3).map(|_| Outgoing {
                    message: Cow::Borrowed(&message[..]),
                    ..plain("a@example.com")
                });
                let outcomes = in_batch(&mut session, messages.collect()).await;
                assert_eq!(outcomes, ["accepted 250"; 3], "{size}");
                session.quit().await;
                let seen = server.session().await;
                assert_eq!(seen.messages.len(), 3, "{size}");
                let arrived = [&message, b"\r\n".as_slice()].concat();
                let same = seen.messages.iter().all(|it| it.body == arrived);
                assert!(same, "{size} {line:.14}");
            }
        }
    }
}
