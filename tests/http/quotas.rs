//! How much a tenant may have.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shared::aws::places::{COUNTED_EVERY, Places};
use shared::model::tenant::Tenant;
use submit::events::NotAccepted;
use tests::mail_server::{self, MailServer, Script};
use tests::world::{Client, World, at_once, connection};

use crate::support::{default_connection, keyed, login, mail, problem, received, submitted};

/// A world in which a tenant may have three connections.
async fn three_connections() -> World {
    World::adjusted(mail_server::dialer(), |functions| {
        let connections = Arc::get_mut(&mut functions.connections);
        connections.expect("nobody uses the state yet").at_most = 3;
    })
    .await
}

#[tokio::test]
async fn connections_created_at_once_never_exceed_the_quota() {
    let world = three_connections().await;
    let tenant = world.tenant("acme");
    let answers = at_once(50, |n| {
        let tenant = tenant.clone();
        let body = connection(json!({"name": format!("c{n}")}));
        async move { tenant.post("/v1/connections", &body).await }
    })
    .await;
    let created = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(created.count(), 3);
    let refused = problem(429, "quota_exceeded", &[]);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.problem(), refused, "{}", answer.text);
    }
    let listed = tenant.get("/v1/connections").await.body;
    assert_eq!(listed["connections"].as_array().map(Vec::len), Some(3));
    // Another tenant has a quota of its own.
    world.tenant("other").connection(json!({})).await;
}

#[tokio::test]
async fn a_connection_that_is_deleted_makes_room_for_one() {
    let world = three_connections().await;
    let tenant = world.tenant("acme");
    let mut paths = Vec::new();
    for n in 0..3 {
        paths.push(tenant.connection(json!({"name": format!("c{n}")})).await);
    }
    let another = connection(json!({"name": "another"}));
    for path in paths {
        let full = tenant.post("/v1/connections", &another).await;
        assert_eq!(full.problem(), problem(429, "quota_exceeded", &[]));
        let detail = full.body["detail"].as_str().expect("a detail");
        assert!(detail.contains("3 connections: delete one"), "{detail}");
        assert_eq!(tenant.delete(&path).await.status, 204);
        // Once only, however often it is asked for.
        assert_eq!(tenant.delete(&path).await.status, 404);
        tenant.connection(json!({"name": path})).await;
    }
    let full = tenant.post("/v1/connections", &another).await;
    assert_eq!(full.status, 429);
}

#[tokio::test]
async fn no_secret_is_made_for_a_connection_over_the_quota_and_a_known_key_is_answered() {
    let world = three_connections().await;
    let tenant = world.tenant("acme");
    let keyed_body = connection(json!({"name": "first"}));
    let first = keyed(&tenant, "/v1/connections", "k", &keyed_body).await;
    assert_eq!(first.status, 201, "{}", first.text);
    for n in 0..2 {
        tenant.connection(json!({"name": format!("c{n}")})).await;
    }
    let mut body = connection(json!({"name": "another"}));
    body.as_object_mut()
        .expect("an object")
        .extend(login().as_object().expect("an object").clone());
    let full = tenant.post("/v1/connections", &body).await;
    assert_eq!(full.problem(), problem(429, "quota_exceeded", &[]));
    assert!(world.secrets().await.is_empty());
    let again = keyed(&tenant, "/v1/connections", "k", &keyed_body).await;
    assert_eq!((again.status, again.text), (201, first.text));
}

/// A world in which a tenant may have `at_most` messages on their way, the tenant, and the server of its connection.
async fn places(at_most: u32) -> (World, Client, MailServer) {
    let world = World::adjusted(mail_server::dialer(), |functions| {
        let submit = Arc::get_mut(&mut functions.submit);
        submit.expect("nobody uses the state yet").places = Places::new(at_most);
    })
    .await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    (world, tenant, server)
}

/// How many of 50 messages submitted at once are accepted; the others are over the quota.
async fn accepted_of_50(tenant: &Client) -> usize {
    let answers = at_once(50, |_| {
        let tenant = tenant.clone();
        async move { tenant.post("/v1/messages", &mail(json!({}))).await }
    })
    .await;
    let (accepted, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|it| it.status == 202);
    for answer in refused {
        assert_eq!(answer.problem(), problem(429, "quota_exceeded", &[]));
        let wait: u64 = answer
            .header("retry-after")
            .expect("one")
            .parse()
            .expect("seconds");
        assert!((1..=COUNTED_EVERY.as_secs() + 1).contains(&wait), "{wait}");
        let detail = answer.body["detail"].as_str().expect("a detail");
        assert!(detail.contains("wait until some are sent"), "{detail}");
    }
    accepted.len()
}

#[tokio::test]
async fn messages_submitted_at_once_never_exceed_the_quota_and_those_sent_make_room() {
    let (world, tenant, server) = places(5).await;
    for round in 1..=3 {
        assert_eq!(accepted_of_50(&tenant).await, 5);
        for _ in 0..2 {
            world.clock.advance(COUNTED_EVERY);
            assert_eq!(accepted_of_50(&tenant).await, 0, "none has left");
        }
        assert_eq!(world.deliver().await, 0);
        assert_eq!(received(&server).await.len(), 5 * round);
        world.clock.advance(COUNTED_EVERY);
    }
}

#[tokio::test]
async fn a_tenant_whose_mail_is_sent_is_never_over_the_quota() {
    let (world, tenant, server) = places(6).await;
    for n in 1..=30 {
        submitted(&tenant, json!({})).await;
        assert_eq!(world.deliver().await, 0);
        assert_eq!(received(&server).await.len(), n);
        world.clock.advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_count_that_was_wrong_is_right_again_within_two_counts() {
    let (world, tenant, _server) = places(5).await;
    let messages = &world.functions.submit.messages;
    let acme = Tenant::new("acme").expect("a tenant");
    // As many places as there are, and not a message.
    for _ in 0..5 {
        let taking = Places::new(5).take(&acme, 0, world.clock.now());
        let transaction =
            shared::aws::transaction::Transaction::new(&messages.client, &messages.name);
        let transaction = transaction.update((), taking.key, taking.expression, taking.condition);
        let ended = transaction.write().await.expect("written");
        assert!(matches!(ended, shared::aws::transaction::Ended::Written));
    }
    assert_eq!(accepted_of_50(&tenant).await, 0);
    world.clock.advance(COUNTED_EVERY);
    assert_eq!(accepted_of_50(&tenant).await, 0);
    world.clock.advance(COUNTED_EVERY);
    assert_eq!(accepted_of_50(&tenant).await, 5);
}

#[tokio::test]
async fn a_known_key_is_answered_and_cancelled_messages_make_room() {
    let (world, tenant, _server) = places(2).await;
    let first = keyed(&tenant, "/v1/messages", "k", &mail(json!({}))).await;
    assert_eq!(first.status, 202, "{}", first.text);
    let second = submitted(&tenant, json!({})).await;
    let third = keyed(&tenant, "/v1/messages", "other", &mail(json!({}))).await;
    assert_eq!(third.problem(), problem(429, "quota_exceeded", &[]));
    let again = keyed(&tenant, "/v1/messages", "k", &mail(json!({}))).await;
    assert_eq!((again.status, again.text), (202, first.text));
    let cancel = tenant.post(&format!("{second}/cancel"), &json!({})).await;
    assert_eq!(cancel.status, 202);
    for status in [429, 202] {
        world.clock.advance(COUNTED_EVERY);
        let third = keyed(&tenant, "/v1/messages", "other", &mail(json!({}))).await;
        assert_eq!(third.status, status, "{}", third.text);
    }
}

#[tokio::test]
async fn an_event_over_the_quota_fails_with_its_reason_and_is_accepted_when_there_is_room() {
    let (world, tenant, server) = places(1).await;
    let mut streams = world.embedded.streams().await.expect("streams");
    submitted(&tenant, json!({})).await;
    let detail = json!({"tenant": "acme", "message": mail(json!({"text": "by event"}))});
    for _ in 0..2 {
        let refused = Err(NotAccepted::Refused("quota_exceeded"));
        assert_eq!(world.event("e", &detail).await, refused);
        assert_eq!(world.entries(&[("m", &detail.to_string())]).await, ["m"]);
    }
    let events = streams.read().expect("read").into_iter();
    let told: Vec<_> = events
        .filter(|it| it.detail_type == "Message Rejected")
        .collect();
    assert_eq!(told.len(), 2, "one for each");
    assert!(
        told.iter()
            .all(|it| it.detail["problem"] == "quota_exceeded")
    );
    assert_eq!(world.deliver().await, 0);
    for _ in 0..2 {
        world.clock.advance(COUNTED_EVERY);
        let _ = world.event("e", &detail).await;
    }
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 2);
}
