//! A submission repeated with its key.

use std::time::Duration;

use serde_json::json;
use tests::mail_server::{MailServer, Script};
use tests::world::{Client, World, at_once};

use crate::support::{default_connection, keyed, mail, problem, received};

const PATH: &str = "/v1/messages";

async fn start() -> (World, Client, MailServer, String) {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let connection = default_connection(&tenant, &server, json!({})).await;
    (world, tenant, server, connection)
}

#[tokio::test]
async fn a_repeated_submission_is_answered_as_the_first_and_sends_nothing() {
    let (world, tenant, server, connection) = start().await;
    let first = keyed(&tenant, PATH, "key", &mail(json!({}))).await;
    assert_eq!(world.deliver().await, 0);
    let again = keyed(&tenant, PATH, "key", &mail(json!({}))).await;
    assert_eq!((again.status, &again.text), (202, &first.text));
    assert_eq!(again.header("location"), first.header("location"));
    let other = keyed(&tenant, PATH, "key", &mail(json!({"subject": "Other"}))).await;
    assert_eq!(other.problem(), problem(422, "idempotency_mismatch", &[]));
    assert_eq!(
        tenant
            .patch(&connection, &json!({"default": false, "active": false}))
            .await
            .status,
        200
    );
    world.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    let orphaned = keyed(&tenant, PATH, "key", &mail(json!({}))).await;
    assert_eq!((orphaned.status, &orphaned.text), (202, &first.text));
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_24_hours_with_a_sender_or_without() {
    let (world, tenant, server, connection) = start().await;
    let first = keyed(&tenant, PATH, "key", &mail(json!({}))).await;
    world.clock.advance(Duration::from_hours(24));
    let second = keyed(&tenant, PATH, "key", &mail(json!({"subject": "Other"}))).await;
    assert_eq!(second.status, 202);
    assert_ne!(first.id(), second.id());
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 2);
    assert_eq!(
        tenant
            .patch(&connection, &json!({"default": false, "active": false}))
            .await
            .status,
        200
    );
    world.clock.advance(Duration::from_hours(24));
    let third = keyed(&tenant, PATH, "key", &mail(json!({}))).await;
    assert_eq!(third.problem(), problem(409, "no_sender", &[]));
}

#[tokio::test]
async fn ten_submissions_at_once_with_one_key_send_one_mail() {
    let (world, tenant, server, _) = start().await;
    let answers = at_once(10, |_| {
        let tenant = tenant.clone();
        async move { keyed(&tenant, PATH, "key", &mail(json!({}))).await }
    })
    .await;
    let accepted: Vec<_> = answers.iter().filter(|it| it.status == 202).collect();
    assert!(!accepted.is_empty());
    for answer in &answers {
        let known = answer.text == accepted[0].text;
        assert!(
            known || answer.problem().1 == "in_progress",
            "{}",
            answer.text
        );
    }
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn a_submission_without_a_key_is_never_a_repetition() {
    let (world, tenant, server, _) = start().await;
    for _ in 0..2 {
        assert_eq!(tenant.post(PATH, &mail(json!({}))).await.status, 202);
    }
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 2);
}
