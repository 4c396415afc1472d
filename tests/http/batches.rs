//! A batch of deliveries of one group: one session, and each message with its own outcome.

use std::time::Duration;

use serde_json::{Value, json};
use tests::mail_server::{Answer, Gate, MailServer, Script, SeenMessage, SeenSession};
use tests::world::{Client, World, merged, reaching};

use crate::support::{default_connection, login, logins, received, submitted};

/// A connection with one slot, so that all of its messages are in one group.
async fn one_slot(tenant: &Client, server: &MailServer) -> String {
    let settings = merged(login(), json!({"limits": {"concurrency": 1}}));
    default_connection(tenant, server, settings).await
}

async fn submit_ten(tenant: &Client) -> Vec<String> {
    let mut paths = Vec::new();
    for n in 0..10 {
        let subject = format!("number {n}");
        paths.push(submitted(tenant, json!({"subject": subject})).await);
    }
    paths
}

async fn messages(tenant: &Client, paths: &[String]) -> Vec<Value> {
    let mut messages = Vec::new();
    for path in paths {
        messages.push(tenant.get(path).await.body);
    }
    messages
}

fn subjects(received: &[SeenMessage]) -> Vec<String> {
    let subject = |message: &SeenMessage| {
        let body = String::from_utf8_lossy(&message.body).into_owned();
        let mut lines = body
            .lines()
            .filter_map(|line| line.strip_prefix("Subject: "));
        lines.next().unwrap_or_default().to_owned()
    };
    received.iter().map(subject).collect()
}

fn numbers(range: impl Iterator<Item = usize>) -> Vec<String> {
    range.map(|n| format!("number {n}")).collect()
}

#[tokio::test]
async fn ten_messages_leave_in_their_order_through_one_session_in_eleven_turns() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().implicit_tls()).await;
    one_slot(&tenant, &server).await;
    let paths = submit_ten(&tenant).await;
    assert_eq!(world.deliver_once().await, 0);
    for message in messages(&tenant, &paths).await {
        assert_eq!(message["status"], "sent", "{message}");
        assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
    }
    let received = received(&server).await;
    assert_eq!(subjects(&received), numbers(0..10));
    let turns: Vec<_> = received
        .iter()
        .skip(1)
        .map(|message| message.turns)
        .collect();
    assert_eq!(turns, [1; 9]);
    assert_eq!(logins(&server).await, 1);
}

#[tokio::test]
async fn a_server_that_takes_three_messages_a_session_gets_all_of_them_in_four() {
    for farewell in [
        Answer::lines("421 4.7.0 too many messages in this session").then_close(),
        Answer::close(),
    ] {
        let world = World::start().await;
        let tenant = world.tenant("acme");
        let script = Script::new().implicit_tls();
        let script = script.on("MAIL", farewell).in_message(4);
        let server = MailServer::start(script).await;
        let connection = one_slot(&tenant, &server).await;
        let paths = submit_ten(&tenant).await;
        assert_eq!(world.deliver_once().await, 0);
        for message in messages(&tenant, &paths).await {
            assert_eq!(message["status"], "sent", "{message}");
            assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
            assert_eq!(message["possible_duplicate"], false);
        }
        assert_eq!(subjects(&received(&server).await), numbers(0..10));
        assert_eq!(logins(&server).await, 4);
        let health = tenant.get(&connection).await.body["health"]["status"].clone();
        assert_eq!(health, "ok");
    }
}

#[tokio::test]
async fn a_session_lost_in_a_body_costs_that_message_its_attempt_and_no_other() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let script = Script::new().implicit_tls();
    let script = script.on(".", Answer::close()).in_message(3);
    let server = MailServer::start(script).await;
    one_slot(&tenant, &server).await;
    let paths = submit_ten(&tenant).await;
    assert_eq!(world.deliver_once().await, 0);
    let messages = messages(&tenant, &paths).await;
    // Of each session the third message is lost after its dot; nobody else's attempt counts.
    for (index, message) in messages.iter().enumerate() {
        let lost = index % 3 == 2;
        let expected = if lost { "retrying" } else { "sent" };
        assert_eq!(message["status"], expected, "{index}: {message}");
        assert_eq!(message["possible_duplicate"], lost);
        assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
    }
    assert_eq!(logins(&server).await, 4);
}

#[tokio::test]
async fn what_refuses_the_connection_holds_those_that_have_not_left() {
    for (answer, status, parked) in [
        ("550 5.7.1 not yours", "suspended", true),
        ("451 4.3.0 later", "ok", false),
    ] {
        let world = World::start().await;
        let tenant = world.tenant("acme");
        let script = Script::new().implicit_tls();
        let server = MailServer::start(script.on("MAIL", answer).in_message(3)).await;
        let connection = one_slot(&tenant, &server).await;
        let paths = submit_ten(&tenant).await;
        assert_eq!(world.deliver_once().await, 0);
        let health = tenant.get(&connection).await.body["health"]["status"].clone();
        assert_eq!(health, status);
        for (index, message) in messages(&tenant, &paths).await.iter().enumerate() {
            let expected = if index == 2 || (parked && index > 2) {
                "retrying"
            } else {
                "sent"
            };
            assert_eq!(message["status"], expected, "{index}: {message}");
            assert_eq!(message["parked"].is_string(), parked && index >= 2);
            let attempts = usize::from(!parked || index <= 2);
            assert_eq!(message["attempts"].as_array().map(Vec::len), Some(attempts));
        }
        assert_eq!(logins(&server).await, 1);
    }
}

#[tokio::test]
async fn recipients_that_the_server_wants_to_hear_of_later_are_next() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let script = Script::new().implicit_tls();
    let script = script.on("RCPT TO:<b@", "452 4.5.3 too many").in_message(1);
    let server = MailServer::start(script).await;
    one_slot(&tenant, &server).await;
    let two = json!({"to": ["a@example.com", "b@example.com"]});
    let mut paths = vec![submitted(&tenant, two).await];
    paths.extend(submit_ten(&tenant).await.into_iter().take(9));
    assert_eq!(world.deliver_once().await, 0);
    for message in messages(&tenant, &paths).await {
        assert_eq!(message["status"], "sent", "{message}");
        assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
    }
    let received = received(&server).await;
    let to: Vec<_> = received.iter().map(|message| message.to.clone()).collect();
    assert_eq!(received.len(), 11);
    assert_eq!(to.iter().filter(|to| **to == ["b@example.com"]).count(), 1);
    assert_eq!(logins(&server).await, 1);
}

#[tokio::test]
async fn an_entry_that_asks_for_nothing_known_fails_alone() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().implicit_tls()).await;
    one_slot(&tenant, &server).await;
    let paths = submit_ten(&tenant).await;
    let mut bodies = world.take_queue().await;
    bodies.insert(3, "poison".to_owned());
    assert_eq!(world.hand_over(bodies).await, 1);
    for message in messages(&tenant, &paths).await {
        assert_eq!(message["status"], "sent", "{message}");
    }
}

#[tokio::test]
async fn a_group_that_is_done_leaves_the_queue_while_another_is_still_at_it() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().implicit_tls()).await;
    let slow = MailServer::start(Script::new().on("MAIL", Answer::silence())).await;
    one_slot(&tenant, &server).await;
    let other = world.tenant("globex");
    default_connection(&other, &slow, json!({})).await;
    let held = submitted(&other, json!({})).await;
    let quick = submitted(&tenant, json!({})).await;
    let mut deleted = world.embedded.deleted_receipts();
    let working = world.deliver_once();
    let first = async {
        deleted.recv().await.expect("an entry is deleted");
        assert_eq!(tenant.get(&quick).await.body["status"], "sent");
        assert_eq!(other.get(&held).await.body["status"], "sending");
        // The server that counts its sessions has none left when the next batch may come.
        let ledger = server.until(|ledger| ledger.ended() == 1).await;
        assert!(ledger.sessions[0].saw("QUIT"));
    };
    let first = tokio::time::timeout(Duration::from_secs(15), first);
    tokio::select! {
        _ = working => panic!("the tarpit let go"),
        done = first => done.expect("in time"),
    }
}

#[tokio::test]
async fn nothing_is_started_that_the_end_of_the_invocation_would_cut_short() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().implicit_tls()).await;
    one_slot(&tenant, &server).await;
    let paths = submit_ten(&tenant).await;
    assert_eq!(world.deliver_within(Duration::from_secs(10)).await, 0);
    for message in messages(&tenant, &paths).await {
        assert_eq!(
            (&message["status"], &message["attempts"]),
            (&json!("queued"), &json!([])),
            "{message}"
        );
    }
    assert_eq!(server.connections().await, 0);
    assert_eq!(world.deliver().await, 0);
    for message in messages(&tenant, &paths).await {
        assert_eq!(message["status"], "sent", "{message}");
    }
}

#[tokio::test]
async fn a_new_session_that_dies_at_once_is_the_connections_trouble_and_asks_one_login() {
    for answer in [Answer::close(), Answer::lines("nonsense")] {
        let world = World::start().await;
        let tenant = world.tenant("acme");
        let script = Script::new().implicit_tls().on("MAIL", answer);
        let server = MailServer::start(script).await;
        let connection = one_slot(&tenant, &server).await;
        let paths = submit_ten(&tenant).await;
        assert_eq!(world.deliver_once().await, 0);
        let health = tenant.get(&connection).await.body["health"]["status"].clone();
        assert_eq!(health, "backing_off");
        for message in messages(&tenant, &paths).await {
            assert_eq!(message["status"], "retrying", "{message}");
            let attempts = message["attempts"].as_array().cloned().expect("a list");
            assert!(attempts.iter().all(|attempt| attempt["counted"] == false));
        }
        assert_eq!(logins(&server).await, 1);
    }
}

#[tokio::test]
async fn a_session_is_not_replaced_for_those_whom_another_connection_sends_by_now() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let gate = Gate::new();
    let script = Script::new().implicit_tls();
    let script = script
        .on("MAIL", Answer::wait(&gate).then_close())
        .in_message(3);
    let server = MailServer::start(script).await;
    one_slot(&tenant, &server).await;
    let another = MailServer::start(Script::new().implicit_tls()).await;
    let settings = merged(login(), json!({"name": "another"}));
    let another_connection = tenant.connection(reaching(&another, settings)).await;
    let paths = submit_ten(&tenant).await;
    // While the first session waits for its answer to the third message, the default role goes to another connection.
    let working = world.deliver_once();
    let switching = async {
        let two = |session: &SeenSession| session.messages.len() == 2;
        server.until(|ledger| ledger.sessions.iter().any(two)).await;
        let answer = tenant
            .patch(&another_connection, &json!({"default": true}))
            .await;
        assert_eq!(answer.status, 200);
        gate.open();
    };
    let (failed, ()) = tokio::join!(working, switching);
    assert_eq!(failed, 0);
    assert_eq!(world.deliver().await, 0);
    for message in messages(&tenant, &paths).await {
        assert_eq!(message["status"], "sent", "{message}");
    }
    assert_eq!(received(&server).await.len(), 2);
    assert_eq!(received(&another).await.len(), 8);
}
