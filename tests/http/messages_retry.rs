//! A message retried by hand.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use serde_json::{Value, json};
use shared::model::retry::{Ambiguous, GIVE_UP_AFTER};
use tests::mail_server::{self, Answer as Reply, MailServer, Script};
use tests::world::{Client, World, at_once};

use crate::support::{default_connection, id_of, problem, received, sending, submitted};

/// A world, a tenant, the path of its default connection, which leads to a server that plays `script`, and the server.
async fn start(script: Script, policy: Ambiguous) -> (World, Client, String, MailServer) {
    let world = World::adjusted(mail_server::dialer(), |functions| {
        let deliver = Arc::get_mut(&mut functions.deliver);
        deliver.expect("nobody uses the state yet").ambiguous = policy;
    })
    .await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script).await;
    let connection = default_connection(&tenant, &server, json!({})).await;
    (world, tenant, connection, server)
}

async fn delivered(world: &World, tenant: &Client, path: &str) -> Value {
    assert_eq!(world.deliver().await, 0);
    tenant.get(path).await.body
}

async fn retry(tenant: &Client, path: &str) -> tests::world::Answer {
    let path = format!("{path}/retry");
    tenant.send("POST", &path, &[], Body::empty()).await
}

async fn lead_to(tenant: &Client, connection: &str, server: &MailServer) {
    let port = json!({"port": server.address().port()});
    assert_eq!(tenant.patch(connection, &port).await.status, 200);
}

#[tokio::test]
async fn a_failed_message_is_sent_to_those_who_were_refused_by_the_settings_of_now() {
    let script = Script::new().on("RCPT", "550 5.7.1 not from you");
    let (world, tenant, connection, _bad) = start(script, Ambiguous::Retry).await;
    let good = MailServer::start(Script::new()).await;
    let path = submitted(&tenant, json!({"bcc": ["b@example.com"]})).await;
    let failed = delivered(&world, &tenant, &path).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    lead_to(&tenant, &connection, &good).await;
    world.clock.advance(Duration::from_secs(1));
    let answer = retry(&tenant, &path).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let mut expected = failed.clone();
    expected["status"] = json!("queued");
    expected["updated_at"] = json!("2026-01-01T00:00:01.000Z");
    for recipient in 0..2 {
        expected["recipients"][recipient]["status"] = json!("open");
    }
    assert_eq!(answer.body, expected);
    assert_eq!(tenant.get(&path).await.body, expected);
    // The clock stands where the first entry was queued: SQS would drop another with its number.
    let message = delivered(&world, &tenant, &path).await;
    assert_eq!(message["status"], "sent", "{message}");
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(message["possible_duplicate"], false);
    let arrived = received(&good).await;
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].to, ["you@example.com", "b@example.com"]);
}

#[tokio::test]
async fn an_unknown_message_retried_is_a_possible_duplicate() {
    let script = Script::new().on(".", Reply::close());
    let (world, tenant, connection, _lost) = start(script, Ambiguous::Hold).await;
    let good = MailServer::start(Script::new()).await;
    let path = submitted(&tenant, json!({})).await;
    let unknown = delivered(&world, &tenant, &path).await;
    assert_eq!(
        (&unknown["status"], &unknown["possible_duplicate"]),
        (&json!("unknown"), &json!(false))
    );
    lead_to(&tenant, &connection, &good).await;
    let answer = retry(&tenant, &path).await;
    assert_eq!(
        (answer.status, &answer.body["possible_duplicate"]),
        (202, &json!(true))
    );
    let message = delivered(&world, &tenant, &path).await;
    assert_eq!(message["status"], "sent", "{message}");
    assert_eq!(message["recipients"][0]["status"], "accepted");
    let body = received(&good).await[0].body.clone();
    let id = unknown["message_id"].as_str().expect("one");
    assert!(String::from_utf8_lossy(&body).contains(&format!("Message-ID: {id}")));
}

#[tokio::test]
async fn a_parked_message_is_looked_at_without_waiting() {
    let (world, tenant, connection, server) = start(Script::new(), Ambiguous::Retry).await;
    let path = submitted(&tenant, json!({})).await;
    let active = |active: bool| json!({"default": active, "active": active});
    assert_eq!(tenant.patch(&connection, &active(false)).await.status, 200);
    let parked = delivered(&world, &tenant, &path).await;
    assert!(parked["parked"].is_string(), "{parked}");
    assert_eq!(tenant.patch(&connection, &active(true)).await.status, 200);
    let answer = retry(&tenant, &path).await;
    assert_eq!((answer.status, &answer.body["parked"]), (202, &Value::Null));
    assert_eq!(answer.body["next_attempt_at"], Value::Null);
    let message = delivered(&world, &tenant, &path).await;
    assert_eq!(message["status"], "sent", "{message}");
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn a_retried_message_is_tried_for_three_days_anew() {
    let script = Script::new().on(".", "451 4.3.0 later");
    let (world, tenant, _connection, _server) = start(script, Ambiguous::Retry).await;
    let path = submitted(&tenant, json!({})).await;
    assert_eq!(
        delivered(&world, &tenant, &path).await["status"],
        "retrying"
    );
    world.clock.advance(GIVE_UP_AFTER);
    world.sweep().await;
    let failed = delivered(&world, &tenant, &path).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(retry(&tenant, &path).await.status, 202);
    let message = delivered(&world, &tenant, &path).await;
    assert_eq!(message["status"], "retrying", "{message}");
}

#[tokio::test]
async fn a_retry_whose_entry_is_lost_is_found_by_the_sweeper() {
    let script = Script::new().on("RCPT", "550 5.1.1 no");
    let (world, tenant, _connection, _server) = start(script, Ambiguous::Retry).await;
    let path = submitted(&tenant, json!({})).await;
    delivered(&world, &tenant, &path).await;
    assert_eq!(retry(&tenant, &path).await.status, 202);
    assert_eq!(world.take_queue().await.len(), 1);
    world.clock.advance(Duration::from_mins(10));
    world.sweep().await;
    assert_eq!(world.take_queue().await.len(), 1);
}

#[tokio::test]
async fn what_is_on_its_way_or_at_its_end_is_not_retried() {
    let script = Script::new().on("RCPT TO:<later@", "450 4.2.1 later");
    let (world, tenant, _connection, _server) = start(script, Ambiguous::Retry).await;
    let queued = submitted(&tenant, json!({})).await;
    world.take_queue().await;
    let sending = sending(&world, &tenant).await;
    let cancelled = submitted(&tenant, json!({})).await;
    let cancel = tenant
        .post(&format!("{cancelled}/cancel"), &json!({}))
        .await;
    assert_eq!(cancel.status, 202);
    let sent = submitted(&tenant, json!({})).await;
    let retrying = submitted(&tenant, json!({"to": ["later@example.com"]})).await;
    assert_eq!(world.deliver().await, 0);
    for (status, path) in [
        ("queued", queued),
        ("sending", sending),
        ("cancelled", cancelled),
        ("sent", sent),
        ("retrying", retrying),
    ] {
        let before = tenant.get(&path).await.body;
        assert_eq!(before["status"], status);
        let answer = retry(&tenant, &path).await;
        assert_eq!(
            answer.problem(),
            problem(409, "not_possible", &[]),
            "{status}"
        );
        assert_eq!(tenant.get(&path).await.body, before);
    }
    assert!(world.take_queue().await.is_empty());
}

#[tokio::test]
async fn retries_at_once_send_once() {
    let script = Script::new().on("RCPT", "550 5.7.1 not from you");
    let (world, tenant, connection, _bad) = start(script, Ambiguous::Retry).await;
    let good = MailServer::start(Script::new()).await;
    let path = submitted(&tenant, json!({})).await;
    delivered(&world, &tenant, &path).await;
    lead_to(&tenant, &connection, &good).await;
    let answers = at_once(8, |_| {
        let (tenant, path) = (tenant.clone(), path.clone());
        async move { retry(&tenant, &path).await }
    })
    .await;
    let accepted = answers.iter().filter(|answer| answer.status == 202).count();
    let refused = problem(409, "not_possible", &[]);
    let refused = answers.iter().filter(|it| it.problem() == refused).count();
    assert!(accepted > 0 && accepted + refused == 8, "{answers:?}");
    let message = delivered(&world, &tenant, &path).await;
    assert_eq!(message["status"], "sent", "{message}");
    assert_eq!(received(&good).await.len(), 1);
}

#[tokio::test]
async fn a_parked_message_retried_while_a_worker_takes_it_is_sent_once() {
    let (world, tenant, connection, server) = start(Script::new(), Ambiguous::Retry).await;
    let world = Arc::new(world);
    for round in 0..20 {
        let active = |active: bool| json!({"default": active, "active": active});
        let path = submitted(&tenant, json!({})).await;
        assert_eq!(tenant.patch(&connection, &active(false)).await.status, 200);
        let parked = delivered(&world, &tenant, &path).await;
        assert!(parked["parked"].is_string(), "{parked}");
        assert_eq!(tenant.patch(&connection, &active(true)).await.status, 200);
        world.clock.advance(Duration::from_mins(5));
        world.sweep().await;
        let worker = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.deliver().await }
        });
        // Somewhere between the claim and the end, as it comes.
        for _ in 0..round * 10 {
            tokio::task::yield_now().await;
        }
        let answer = retry(&tenant, &path).await;
        assert!(matches!(answer.status, 202 | 409), "{}", answer.text);
        assert_eq!(worker.await.expect("a worker"), 0);
        let message = delivered(&world, &tenant, &path).await;
        assert_eq!(message["status"], "sent", "{message}");
        assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
        assert_eq!(received(&server).await.len(), round + 1);
    }
}

#[tokio::test]
async fn neither_operation_takes_a_field_or_a_parameter() {
    let script = Script::new().on("RCPT", "550 5.1.1 no");
    let (world, tenant, _connection, _server) = start(script, Ambiguous::Retry).await;
    let path = submitted(&tenant, json!({})).await;
    let failed = delivered(&world, &tenant, &path).await;
    for operation in ["retry", "cancel"] {
        let path = format!("{path}/{operation}");
        let field = tenant.post(&path, &json!({"now": true})).await;
        assert_eq!(field.problem(), problem(422, "validation", &["/now"]));
        let list = tenant.post(&path, &json!([])).await;
        assert_eq!(list.problem(), problem(422, "validation", &[""]));
        let parameter = tenant.post(&format!("{path}?at=once"), &json!({})).await;
        assert_eq!(parameter.problem(), problem(422, "validation", &["/at"]));
    }
    assert_eq!(tenant.get(&path).await.body, failed, "{}", id_of(&path));
}

#[tokio::test]
async fn the_record_of_a_retried_message_is_kept_for_ninety_days_more() {
    let script = Script::new().on("RCPT", "550 5.1.1 no");
    let (world, tenant, _connection, _server) = start(script, Ambiguous::Retry).await;
    let path = submitted(&tenant, json!({})).await;
    delivered(&world, &tenant, &path).await;
    let acme = shared::model::tenant::Tenant::new("acme").expect("a tenant");
    let id = id_of(&path).parse().expect("an id");
    let messages = &world.functions.deliver.messages;
    let expires = || async {
        let record = messages.find(&acme, id).await.expect("read");
        record.expect("there").expires
    };
    let before = expires().await;
    world.clock.advance(Duration::from_hours(24 * 80));
    assert_eq!(retry(&tenant, &path).await.status, 202);
    assert_eq!(expires().await, before + 80 * 24 * 60 * 60);
    delivered(&world, &tenant, &path).await;
    assert_eq!(expires().await, before + 80 * 24 * 60 * 60);
}

#[tokio::test]
async fn a_history_keeps_its_first_and_last_attempts_and_the_record_its_size() {
    let text = "è".repeat(900);
    let script = Script::new().on("RCPT", format!("550 5.7.1 {text}").as_str());
    let (world, tenant, _connection, _server) = start(script, Ambiguous::Retry).await;
    let to: Vec<_> = (0..50).map(|n| format!("r{n}@example.com")).collect();
    let path = submitted(&tenant, json!({ "to": to })).await;
    let mut ats = Vec::new();
    for _ in 0..60 {
        let message = delivered(&world, &tenant, &path).await;
        assert_eq!(message["status"], "failed", "{message}");
        let attempts = message["attempts"].as_array().expect("a list");
        ats.push(attempts.last().expect("one")["at"].clone());
        world.clock.advance(Duration::from_mins(1));
        assert_eq!(retry(&tenant, &path).await.status, 202);
    }
    let message = tenant.get(&path).await;
    assert!(message.text.len() < 250_000, "{}", message.text.len());
    let attempts = message.body["attempts"].as_array().expect("a list");
    let kept: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt["at"].clone())
        .collect();
    assert_eq!(kept, [&ats[..10], &ats[20..]].concat());
    let reply = attempts[0]["reply"]["text"].as_str().expect("a text");
    assert_eq!(reply.chars().count(), 501);
}
