//! What brings a message to its end when the first attempt, the queue or the sender fails.

use std::time::Duration;

use serde_json::{Value, json};
use tests::mail_server::{MailServer, Script};
use tests::world::{World, at_once, reaching};

use crate::support::{default_connection, id_of, received, sent, submitted};

#[tokio::test]
async fn a_retry_is_made_when_its_time_has_come_by_the_settings_of_then() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let busy = MailServer::start(Script::new().on(".", "451 4.3.0 later")).await;
    let idle = MailServer::start(Script::new()).await;
    let connection = default_connection(&tenant, &busy, json!({})).await;
    let message = sent(&world, &tenant, json!({})).await;
    assert_eq!(message["status"], "retrying");
    let path = format!("/v1/messages/{}", message["id"].as_str().expect("an id"));
    let port = json!({"port": idle.address().port()});
    assert_eq!(tenant.patch(&connection, &port).await.status, 200);
    world.clock.advance(Duration::from_secs(40));
    world.sweep().await;
    world.deliver().await;
    assert!(
        received(&idle).await.is_empty(),
        "not before a minute less a fifth"
    );
    world.clock.advance(Duration::from_secs(40));
    world.sweep().await;
    assert_eq!(world.deliver().await, 0);
    let message = tenant.get(&path).await.body;
    assert_eq!(message["status"], "sent", "{message}");
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (received(&busy).await.len(), received(&idle).await.len()),
        (1, 1)
    );
    // The same Message-ID both times: a recipient's server can tell.
    let line = format!(
        "Message-ID: {}",
        message["message_id"].as_str().expect("one")
    );
    for server in [&busy, &idle] {
        let body = received(server).await[0].body.clone();
        assert!(String::from_utf8_lossy(&body).contains(&line));
    }
}

#[tokio::test]
async fn every_attempt_through_the_same_connection_sends_the_same_bytes() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().on(".", "451 4.3.0 later")).await;
    default_connection(&tenant, &server, json!({"sender_name": "Però"})).await;
    let file = |name, id: Option<&str>| json!({"filename": name, "content_type": "image/png", "content": "AAAA", "content_id": id});
    let message = json!({
        "to": [{"email": "you@example.com", "name": "Zoë"}], "cc": ["cc@example.com"], "subject": "già",
        "text": "è", "html": "<img src=\"cid:a@b\">", "headers": {"X-B": "b", "X-A": "a"},
        "attachments": [file("è.png", Some("a@b")), file("b.png", None)],
    });
    submitted(&tenant, message).await;
    for _ in 0..3 {
        assert_eq!(world.deliver().await, 0);
        world.clock.advance(Duration::from_hours(1));
        world.sweep().await;
    }
    let attempts = received(&server).await.into_iter();
    let bodies: Vec<_> = attempts
        .map(|attempt| String::from_utf8(attempt.body).expect("seven-bit"))
        .collect();
    assert_eq!(bodies.len(), 3);
    for later in &bodies[1..] {
        assert_eq!(later, &bodies[0]);
    }
}

#[tokio::test]
async fn a_message_whose_queue_entry_was_lost_is_found_by_the_sweeper() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    let path = submitted(&tenant, json!({})).await;
    assert_eq!(world.take_queue().await.len(), 1);
    world.sweep().await;
    assert!(world.take_queue().await.is_empty(), "not due yet");
    world.clock.advance(Duration::from_mins(10));
    world.sweep().await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(tenant.get(&path).await.body["status"], "sent");
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn a_duplicated_queue_entry_sends_once() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    let path = submitted(&tenant, json!({})).await;
    let entry = world.take_queue().await.remove(0);
    assert_eq!(world.hand_over(vec![entry.clone(); 8]).await, 0);
    assert_eq!(world.hand_over(vec![entry; 2]).await, 0);
    let message = tenant.get(&path).await.body;
    assert_eq!(message["status"], "sent");
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn sweeps_at_once_queue_a_due_message_once() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    submitted(&tenant, json!({})).await;
    world.take_queue().await;
    world.clock.advance(Duration::from_mins(10));
    let sweep = world.functions.sweep.clone();
    at_once(4, |_| {
        let sweep = sweep.clone();
        async move { sweep::run(&sweep).await.expect("a sweep") }
    })
    .await;
    assert_eq!(world.take_queue().await.len(), 1);
}

#[tokio::test]
async fn who_sends_is_decided_at_delivery() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (old, new) = (
        MailServer::start(Script::new()).await,
        MailServer::start(Script::new()).await,
    );
    default_connection(&tenant, &old, json!({"name": "old"})).await;
    let settings = json!({"name": "new", "sender_email": "new@example.org"});
    let other = tenant.connection(reaching(&new, settings)).await;
    let path = submitted(&tenant, json!({})).await;
    assert_eq!(
        tenant.patch(&other, &json!({"default": true})).await.status,
        200
    );
    assert_eq!(world.deliver().await, 0);
    let message = tenant.get(&path).await.body;
    assert_eq!(message["effective"]["connection_id"], id_of(&other));
    assert_eq!(received(&new).await[0].from, "new@example.org");
    assert_eq!(old.connections().await, 0);
}

#[tokio::test]
async fn a_message_without_a_sender_is_parked_until_a_connection_is_active() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let connection = tenant.connection(reaching(&server, json!({}))).await;
    let path = submitted(&tenant, json!({})).await;
    let active = |active: bool| {
        let (tenant, connection) = (tenant.clone(), connection.clone());
        async move { tenant.patch(&connection, &json!({"active": active})).await }
    };
    assert_eq!(active(false).await.status, 200);
    assert_eq!(world.deliver().await, 0);
    let parked = tenant.get(&path).await.body;
    assert_eq!(parked["status"], "retrying", "{parked}");
    assert!(parked["parked"].is_string() && parked["next_attempt_at"].is_string());
    assert_eq!(parked["attempts"], json!([]));
    assert_eq!(server.connections().await, 0);
    assert_eq!(active(true).await.status, 200);
    world.clock.advance(Duration::from_mins(6));
    world.sweep().await;
    assert_eq!(world.deliver().await, 0);
    let message = tenant.get(&path).await.body;
    assert_eq!(
        (&message["status"], &message["parked"]),
        (&json!("sent"), &Value::Null)
    );
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn the_time_without_a_sender_is_not_taken_from_the_three_days() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().on(".", "451 4.3.0 later")).await;
    let connection = tenant.connection(reaching(&server, json!({}))).await;
    let path = submitted(&tenant, json!({})).await;
    let active = |active: bool| json!({"active": active});
    assert_eq!(tenant.patch(&connection, &active(false)).await.status, 200);
    assert_eq!(world.deliver().await, 0);
    let later = |wait: Duration| {
        let (world, tenant, path) = (&world, &tenant, &path);
        async move {
            world.clock.advance(wait);
            world.sweep().await;
            assert_eq!(world.deliver().await, 0);
            tenant.get(path).await.body
        }
    };
    let parked = later(Duration::from_hours(4 * 24)).await;
    assert!(parked["parked"].is_string(), "{parked}");
    assert_eq!(tenant.patch(&connection, &active(true)).await.status, 200);
    let tried = later(Duration::from_mins(6)).await;
    assert_eq!(
        (&tried["status"], &tried["parked"]),
        (&json!("retrying"), &Value::Null)
    );
    let given_up = later(Duration::from_hours(3 * 24)).await;
    assert_eq!(given_up["status"], "failed", "{given_up}");
}

#[tokio::test]
async fn a_message_is_given_up_after_fourteen_days_without_a_sender() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let connection = tenant.connection(reaching(&server, json!({}))).await;
    let path = submitted(&tenant, json!({})).await;
    let inactive = json!({"active": false});
    assert_eq!(tenant.patch(&connection, &inactive).await.status, 200);
    assert_eq!(world.deliver().await, 0);
    for (days, status) in [(13, "retrying"), (1, "failed")] {
        world.clock.advance(Duration::from_hours(days * 24));
        world.sweep().await;
        assert_eq!(world.deliver().await, 0);
        assert_eq!(tenant.get(&path).await.body["status"], status);
    }
}
