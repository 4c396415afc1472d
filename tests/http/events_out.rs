//! What changes tell the outside, read from the streams of the tables as EventBridge Pipes read them.

use std::time::Duration;

use local::embedded::{Forwarded, Streams};
use serde_json::{Value, json};
use tests::mail_server::{MailServer, Script};
use tests::world::{World, reaching};

use crate::support::{default_connection, id_of, login, mail, submitted};

async fn start() -> (World, Streams) {
    let world = World::start().await;
    let streams = world.embedded.streams().await.expect("streams");
    (world, streams)
}

fn events(streams: &mut Streams) -> Vec<Forwarded> {
    streams.read().expect("the streams are read")
}

/// Type and detail of the only event since this was last asked.
fn only(streams: &mut Streams) -> (String, Value) {
    let mut events = events(streams);
    assert_eq!(events.len(), 1, "{events:?}");
    let Forwarded {
        detail_type,
        detail,
        ..
    } = events.remove(0);
    (detail_type.as_str().expect("a text").to_owned(), detail)
}

#[tokio::test]
async fn each_change_of_a_connection_is_told_once_with_who_did_it() {
    let (world, mut streams) = start().await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(login()).await;
    let (kind, detail) = only(&mut streams);
    assert_eq!(kind, "Connection Created");
    assert_eq!(detail["tenant"], "acme");
    assert_eq!(detail["connection_id"], id_of(&path));
    assert_eq!(detail["settings"]["host"], "smtp.example.com");
    assert_eq!(
        (&detail["by"], &detail["default"]),
        (&json!("user-1"), &json!(false))
    );

    for (change, changed, default, version) in [
        (json!({"name": "Other"}), json!(["name"]), false, 2),
        (
            json!({"password": "another"}),
            json!(["password"]),
            false,
            3,
        ),
        (json!({"default": true}), json!(["default"]), true, 3),
        (json!({"default": true}), Value::Null, true, 3),
        (json!({"default": false}), json!(["default"]), false, 3),
        (
            json!({"sender_name": "Acme", "default": true}),
            json!(["sender_name", "default"]),
            true,
            4,
        ),
    ] {
        assert_eq!(tenant.patch(&path, &change).await.status, 200);
        if changed.is_null() {
            assert!(events(&mut streams).is_empty(), "{change}");
            continue;
        }
        let (kind, detail) = only(&mut streams);
        assert_eq!(kind, "Connection Updated");
        let told = (&detail["changed"], &detail["default"], &detail["version"]);
        assert_eq!(
            told,
            (&changed, &json!(default), &json!(version)),
            "{detail}"
        );
        assert_eq!(detail["by"], "user-1");
    }

    let other = tenant.connection(json!({"name": "Third"})).await;
    only(&mut streams);
    let deleted = format!("{path}?replacement={}", id_of(&other));
    assert_eq!(tenant.delete(&path).await.status, 409);
    assert!(events(&mut streams).is_empty());
    assert_eq!(tenant.delete(&deleted).await.status, 204);
    let (kind, detail) = only(&mut streams);
    assert_eq!(kind, "Connection Deleted");
    assert_eq!(
        detail,
        json!({
            "tenant": "acme", "connection_id": id_of(&path), "name": "Other", "default": true, "replacement": id_of(&other),
            "by": "user-1",
        })
    );
}

#[tokio::test]
async fn a_request_that_changes_nothing_tells_nothing() {
    let (world, mut streams) = start().await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(json!({})).await;
    only(&mut streams);
    for body in [
        json!({}),
        json!({"name": "SMTP Ufficio"}),
        json!({"port": 0}),
    ] {
        tenant.patch(&path, &body).await;
    }
    tenant
        .post("/v1/connections", &tests::world::connection(json!({})))
        .await;
    tenant
        .delete("/v1/connections/conn_00000000000000000000000001")
        .await;
    assert_eq!(events(&mut streams), []);
}

#[tokio::test]
async fn a_sent_message_is_told_with_its_senders_recipients_and_metadata_and_nothing_it_says() {
    let (world, mut streams) = start().await;
    let tenant = world.tenant("acme");
    let refusing = Script::new().on("RCPT TO:<no@example.com>", "550 5.1.1 canary-in-a-reply");
    let server = MailServer::start(refusing).await;
    let connection = default_connection(&tenant, &server, json!({})).await;
    events(&mut streams);
    let request = json!({
        "to": ["you@example.com", "no@example.com"], "from": "forms@third.test", "subject": "canary-subject", "text": "canary-text",
        "metadata": {"invoice": "42"},
    });
    let path = submitted(&tenant, request).await;
    assert_eq!(
        events(&mut streams),
        [],
        "acceptance is the answer of the request"
    );
    assert_eq!(world.deliver().await, 0);
    let (kind, detail) = only(&mut streams);
    assert_eq!(kind, "Message Sent");
    assert_eq!(
        detail,
        json!({
            "tenant": "acme", "message_id": id_of(&path), "status": "sent", "connection_id": id_of(&connection), "rule": "default",
            "requested": {"connection_id": null, "from": {"email": "forms@third.test", "name": null}, "reply_to": null},
            "effective": {"connection_id": id_of(&connection), "from": {"email": "info@example.com", "name": null}, "reply_to": null},
            "recipients": [
                {"email": "you@example.com", "kind": "to", "status": "accepted", "reply": {"code": 250, "enhanced": "2.1.5"}},
                {"email": "no@example.com", "kind": "to", "status": "refused", "reply": {"code": 550, "enhanced": "5.1.1"}},
            ],
            "attempts": 1,
            "last_attempt": {"at": "2026-01-01T00:00:00.000Z", "outcome": "accepted", "reply": detail["last_attempt"]["reply"], "reason": null},
            "next_attempt_at": null, "parked": null, "partial": true, "possible_duplicate": false, "metadata": {"invoice": "42"},
            "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
        })
    );
    assert_eq!(detail["last_attempt"]["reply"]["code"], 250);
    assert!(!detail.to_string().contains("canary"));
    // Whatever is done about the message from now on, nothing is told again.
    world.clock.advance(Duration::from_hours(1));
    world.sweep().await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(events(&mut streams), []);
}

#[tokio::test]
async fn every_attempt_that_fails_is_told_and_the_steps_between_are_not() {
    let (world, mut streams) = start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().on(".", "451 4.3.0 later")).await;
    default_connection(&tenant, &server, json!({})).await;
    submitted(&tenant, json!({})).await;
    events(&mut streams);
    for attempts in 1..=2 {
        assert_eq!(world.deliver().await, 0);
        let (kind, detail) = only(&mut streams);
        assert_eq!(
            (kind.as_str(), &detail["attempts"]),
            ("Message Deferred", &json!(attempts))
        );
        assert_eq!(detail["last_attempt"]["outcome"], "transient");
        assert!(detail["next_attempt_at"].is_string() && detail["parked"].is_null());
        world.clock.advance(Duration::from_hours(1));
        world.sweep().await;
    }
    world.clock.advance(Duration::from_hours(96));
    assert_eq!(world.deliver().await, 0);
    let (kind, detail) = only(&mut streams);
    assert_eq!(
        (kind.as_str(), &detail["status"]),
        ("Message Failed", &json!("failed"))
    );
    assert_eq!(detail["recipients"][0]["status"], "refused");
}

#[tokio::test]
async fn claiming_a_message_that_waits_does_not_tell_again_why_it_waits() {
    let (world, mut streams) = start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().on(".", "451 4.3.0 later")).await;
    default_connection(&tenant, &server, json!({})).await;
    let path = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    events(&mut streams);
    // An entry of the queue that came late, and no sweep before it.
    world.clock.advance(Duration::from_hours(1));
    let entry = json!({"tenant": "acme", "message_id": id_of(&path)}).to_string();
    assert_eq!(world.hand_over(vec![entry]).await, 0);
    assert_eq!(only(&mut streams).1["attempts"], 2);
}

#[tokio::test]
async fn a_message_that_nobody_can_send_is_told_once_while_it_waits() {
    let (world, mut streams) = start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let path = tenant.connection(reaching(&server, json!({}))).await;
    submitted(&tenant, json!({})).await;
    tenant.patch(&path, &json!({"active": false})).await;
    events(&mut streams);
    for _ in 0..3 {
        assert_eq!(world.deliver().await, 0);
        world.clock.advance(Duration::from_mins(6));
        world.sweep().await;
    }
    let (kind, detail) = only(&mut streams);
    assert_eq!(kind, "Message Deferred");
    assert!(
        detail["parked"].is_string() && detail["last_attempt"].is_null(),
        "{detail}"
    );
    tenant.patch(&path, &json!({"active": true})).await;
    assert_eq!(only(&mut streams).0, "Connection Updated");
    assert_eq!(world.deliver().await, 0);
    assert_eq!(only(&mut streams).0, "Message Sent");
}

#[tokio::test]
async fn metadata_as_large_as_it_may_be_keeps_no_outcome_from_being_written() {
    let (world, mut streams) = start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    let metadata: serde_json::Map<_, _> = (0..50)
        .map(|n| {
            (
                format!("{n}{}", "\u{1f600}".repeat(98)),
                json!("\u{1f600}".repeat(1000)),
            )
        })
        .collect();
    let answer = tenant
        .post("/v1/messages", &mail(json!({ "metadata": metadata })))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    events(&mut streams);
    assert_eq!(world.deliver().await, 0);
    let (kind, detail) = only(&mut streams);
    assert_eq!(
        (kind.as_str(), &detail["metadata"]),
        ("Message Sent", &Value::Null)
    );
}
