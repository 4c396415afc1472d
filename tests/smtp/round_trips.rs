use std::convert::Infallible;

use shared::smtp::{Progress, Verdict};
use tests::mail_server::{MailServer, Script, SeenSession};

use crate::support::{MESSAGE, address, envelope, in_batch, no_fence, opened, plain, soon};

async fn verify(script: Script) -> SeenSession {
    let server = MailServer::start(script).await;
    let mut session = server
        .dialer()
        .open(
            &server.target_as("info@example.com", "s3cret"),
            soon(),
            &mut Progress::default(),
        )
        .await
        .expect("a session");
    let checked = session.check_sender(&address("info@example.com")).await;
    assert_eq!(checked, Ok(()));
    assert!(session.is_reusable().await);
    session.quit().await;
    server.session().await
}

#[tokio::test]
async fn verifying_takes_six_round_trips_with_implicit_tls() {
    let seen = verify(Script::new().implicit_tls()).await;
    assert_eq!(seen.round_trips(), 6);
    let sender = ["MAIL FROM:<info@example.com>", "RSET", "QUIT"];
    assert_eq!(seen.commands[2..], sender);
}

#[tokio::test]
async fn verifying_takes_eight_round_trips_with_starttls() {
    assert_eq!(verify(Script::new().starttls()).await.round_trips(), 8);
}

#[tokio::test]
async fn without_pipelining_verifying_takes_one_more() {
    let script = Script::new().implicit_tls().without("PIPELINING");
    assert_eq!(verify(script).await.round_trips(), 7);
}

async fn three_messages(script: Script, to: &[&str]) -> SeenSession {
    let server = MailServer::start(script).await;
    let mut session = server
        .dialer()
        .open(
            &server.target_as("info@example.com", "s3cret"),
            soon(),
            &mut Progress::default(),
        )
        .await
        .expect("a session");
    for _ in 0..3 {
        assert!(session.is_reusable().await);
        let sent: Result<_, Infallible> = session.send(&envelope(to), MESSAGE, no_fence()).await;
        let Ok(transaction) = sent;
        assert!(matches!(transaction.verdict, Verdict::Accepted(_)));
        assert!(transaction.reusable);
    }
    session.quit().await;
    server.session().await
}

#[tokio::test]
async fn a_message_on_a_warm_session_takes_two_turns_with_pipelining_however_many_recipients() {
    let ten: Vec<String> = (0..10).map(|n| format!("r{n}@example.com")).collect();
    let ten: Vec<&str> = ten.iter().map(String::as_str).collect();
    for to in [&["a@example.com"][..], &ten] {
        let seen = three_messages(Script::new().starttls(), to).await;
        let turns: Vec<_> = seen.messages.iter().map(|message| message.turns).collect();
        assert_eq!(turns[1..], [2, 2]);
    }
}

#[tokio::test]
async fn a_message_on_a_warm_session_takes_four_turns_without_pipelining() {
    let script = Script::new().starttls().without("PIPELINING");
    let seen = three_messages(script, &["a@example.com"]).await;
    let turns: Vec<_> = seen.messages.iter().map(|message| message.turns).collect();
    assert_eq!(turns[1..], [4, 4]);
}

#[tokio::test]
async fn one_message_from_nothing_takes_seven_round_trips_or_nine_with_starttls() {
    for (script, round_trips) in [
        (Script::new().implicit_tls(), 7),
        (Script::new().starttls(), 9),
    ] {
        let seen = three_messages(script, &["a@example.com"]).await;
        assert_eq!(1 + seen.handshakes + seen.messages[0].turns, round_trips);
    }
}

#[tokio::test]
async fn a_batch_of_ten_messages_takes_eleven_turns_with_pipelining_and_forty_without() {
    for (script, expected) in [
        (Script::new().starttls(), 11),
        (Script::new().starttls().without("PIPELINING"), 40),
    ] {
        let server = MailServer::start(script).await;
        let mut session = opened(&server).await;
        let before = server.until(|_| true).await.sessions[0].turns;
        let ten: Vec<_> = (0..10)
            .map(|n| plain(&format!("r{n}@example.com")))
            .collect();
        let outcomes = in_batch(&mut session, ten).await;
        assert_eq!(outcomes, ["accepted 250"; 10]);
        session.quit().await;
        let seen = server.session().await;
        assert_eq!(seen.turns - before, expected);
        assert!(seen.messages.iter().all(|message| message.body == MESSAGE));
        let to: Vec<_> = seen
            .messages
            .iter()
            .flat_map(|message| &message.to)
            .collect();
        assert!(
            to.iter()
                .enumerate()
                .all(|(n, to)| **to == format!("r{n}@example.com"))
        );
    }
}
