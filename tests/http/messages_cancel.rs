//! A message cancelled by hand.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use serde_json::{Value, json};
use shared::aws::messages::Record;
use shared::model::retry::Ambiguous;
use shared::model::tenant::Tenant;
use tests::mail_server::{self, Answer as Reply, MailServer, Script};
use tests::world::{Answer, Client, World};

use crate::support::{claimed, default_connection, id_of, problem, received, sending, submitted};

async fn start(script: Script) -> (World, Client, String, MailServer) {
    let world = World::adjusted(mail_server::dialer(), |functions| {
        let deliver = Arc::get_mut(&mut functions.deliver);
        deliver.expect("nobody uses the state yet").ambiguous = Ambiguous::Hold;
    })
    .await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script).await;
    let connection = default_connection(&tenant, &server, json!({})).await;
    (world, tenant, connection, server)
}

async fn cancel(tenant: &Client, path: &str) -> Answer {
    let path = format!("{path}/cancel");
    tenant.send("POST", &path, &[], Body::empty()).await
}

/// A day passes, with a sweep and a delivery every hour.
async fn a_day(world: &World) {
    for _ in 0..24 {
        world.clock.advance(Duration::from_hours(1));
        world.sweep().await;
        assert_eq!(world.deliver().await, 0);
    }
}

#[tokio::test]
async fn a_queued_message_that_is_cancelled_is_never_sent() {
    let (world, tenant, _connection, server) = start(Script::new()).await;
    let path = submitted(&tenant, json!({})).await;
    let queued = tenant.get(&path).await.body;
    world.clock.advance(Duration::from_secs(1));
    let answer = cancel(&tenant, &path).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let mut expected = queued;
    expected["status"] = json!("cancelled");
    expected["updated_at"] = json!("2026-01-01T00:00:01.000Z");
    assert_eq!(answer.body, expected);
    // Its entry is still in the queue.
    a_day(&world).await;
    assert_eq!(tenant.get(&path).await.body, expected);
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn a_message_that_waits_for_its_next_attempt_is_cancelled_for_those_who_wait() {
    let script = Script::new().on("RCPT TO:<later@", "450 4.2.1 later");
    let (world, tenant, _connection, server) = start(script).await;
    let path = submitted(&tenant, json!({"bcc": ["later@example.com"]})).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(tenant.get(&path).await.body["status"], "retrying");
    let answer = cancel(&tenant, &path).await;
    assert_eq!(
        (
            answer.status,
            &answer.body["status"],
            &answer.body["partial"]
        ),
        (202, &json!("cancelled"), &json!(true))
    );
    assert_eq!(answer.body["recipients"][0]["status"], "accepted");
    assert_eq!(answer.body["recipients"][1]["status"], "open");
    assert_eq!(answer.body["next_attempt_at"], Value::Null);
    a_day(&world).await;
    assert_eq!(server.connections().await, 1);
}

#[tokio::test]
async fn a_parked_message_is_cancelled() {
    let (world, tenant, connection, server) = start(Script::new()).await;
    let path = submitted(&tenant, json!({})).await;
    let active = |active: bool| json!({"default": active, "active": active});
    assert_eq!(tenant.patch(&connection, &active(false)).await.status, 200);
    assert_eq!(world.deliver().await, 0);
    assert!(tenant.get(&path).await.body["parked"].is_string());
    let answer = cancel(&tenant, &path).await;
    assert_eq!((answer.status, &answer.body["parked"]), (202, &Value::Null));
    assert_eq!(tenant.patch(&connection, &active(true)).await.status, 200);
    a_day(&world).await;
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn cancelling_again_changes_nothing_and_is_answered_in_the_same_way() {
    let (world, tenant, _connection, _server) = start(Script::new()).await;
    let path = submitted(&tenant, json!({})).await;
    let first = cancel(&tenant, &path).await;
    world.clock.advance(Duration::from_secs(1));
    let again = cancel(&tenant, &path).await;
    assert_eq!((again.status, again.body), (202, first.body));
}

#[tokio::test]
async fn what_may_have_left_or_is_at_its_end_is_not_cancelled() {
    let script = Script::new()
        .on("RCPT TO:<no@", "550 5.1.1 no")
        .on(".", Reply::close());
    let (world, tenant, connection, _server) = start(script).await;
    let unknown = submitted(&tenant, json!({})).await;
    let failed = submitted(&tenant, json!({"to": ["no@example.com"]})).await;
    assert_eq!(world.deliver().await, 0);
    let good = MailServer::start(Script::new()).await;
    let port = json!({"port": good.address().port()});
    assert_eq!(tenant.patch(&connection, &port).await.status, 200);
    let sent = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    let sending = sending(&world, &tenant).await;
    for (status, path) in [
        ("unknown", unknown),
        ("failed", failed),
        ("sent", sent),
        ("sending", sending),
    ] {
        let before = tenant.get(&path).await.body;
        assert_eq!(before["status"], status);
        let answer = cancel(&tenant, &path).await;
        assert_eq!(
            answer.problem(),
            problem(409, "not_possible", &[]),
            "{status}"
        );
        assert_eq!(tenant.get(&path).await.body, before);
    }
}

#[tokio::test]
async fn a_change_is_not_written_over_a_claim_an_attempt_or_a_queueing() {
    let script = Script::new().on("RCPT", "450 4.2.1 later");
    let (world, tenant, _connection, _server) = start(script).await;
    let acme = Tenant::new("acme").expect("a tenant");
    let messages = world.functions.submit.messages.clone();
    let read = async |path: &str| {
        let id = id_of(path).parse().expect("an id");
        let record = messages.find(&acme, id).await.expect("read");
        record.expect("there")
    };
    let written = async |before: &Record| {
        let mut changed = before.clone();
        changed.message.cancel(world.clock.now()).expect("possible");
        let written = messages.replace(before, &changed, None).await;
        written.expect("the table answers")
    };
    let path = submitted(&tenant, json!({})).await;
    let queued = read(&path).await;
    assert_eq!(world.deliver().await, 0);
    assert!(!written(&queued).await, "after an attempt");

    let retrying = read(&path).await;
    world.clock.advance(Duration::from_mins(2));
    world.sweep().await;
    assert!(!written(&retrying).await, "after a queueing");

    let retrying = read(&path).await;
    assert_eq!(world.deliver().await, 0);
    let again = read(&path).await;
    assert_eq!(again.message.status, retrying.message.status);
    assert!(
        !written(&retrying).await,
        "after an attempt that changed no state"
    );

    let path = submitted(&tenant, json!({})).await;
    let queued = read(&path).await;
    claimed(&world).await;
    assert!(!written(&queued).await, "after a claim");

    assert!(written(&again).await, "after nothing");
}

#[tokio::test]
async fn a_message_cancelled_while_a_worker_takes_it_is_either_cancelled_or_sent() {
    let (world, tenant, _connection, server) = start(Script::new()).await;
    let world = Arc::new(world);
    let mut sent = 0;
    for round in 0..20 {
        let path = submitted(&tenant, json!({})).await;
        let worker = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.deliver().await }
        });
        // Somewhere between the claim and the end, as it comes.
        for _ in 0..round * 10 {
            tokio::task::yield_now().await;
        }
        let answer = cancel(&tenant, &path).await;
        assert_eq!(worker.await.expect("a worker"), 0);
        let message = tenant.get(&path).await.body;
        if answer.status == 202 {
            assert_eq!(message["status"], "cancelled");
        } else {
            assert_eq!(answer.problem(), problem(409, "not_possible", &[]));
            assert_eq!(message["status"], "sent");
            sent += 1;
        }
        assert_eq!(received(&server).await.len(), sent);
    }
}
