//! A creation repeated with its key.

use std::time::Duration;

use serde_json::json;
use tests::world::{World, at_once, connection};

use crate::support::{keyed, problem};

const PATH: &str = "/v1/connections";

#[tokio::test]
async fn a_repeated_creation_is_answered_as_the_first_though_the_connection_has_changed() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let request = connection(json!({"username": "u", "password": "first", "default": true}));
    let first = keyed(&tenant, PATH, "key", &request).await;
    assert_eq!(first.status, 201);
    let path = first.header("location").expect("a location").to_owned();
    let change = json!({"name": "changed", "default": false});
    assert_eq!(tenant.patch(&path, &change).await.status, 200);
    world.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    let again = keyed(&tenant, PATH, "key", &request).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    for header in ["location", "etag", "content-type"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    let list = tenant.get(PATH).await;
    assert_eq!(list.body["connections"].as_array().map(Vec::len), Some(1));
    assert_eq!(list.body["connections"][0]["name"], "changed");
}

#[tokio::test]
async fn another_body_with_a_known_key_is_refused_unless_only_the_password_differs() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let request = |name: &str, password: &str| {
        connection(json!({"name": name, "username": "u", "password": password}))
    };
    let first = keyed(&tenant, PATH, "key", &request("a", "one")).await;
    assert_eq!(first.status, 201);
    let other = keyed(&tenant, PATH, "key", &request("b", "one")).await;
    assert_eq!(other.problem(), problem(422, "idempotency_mismatch", &[]));
    let same = keyed(&tenant, PATH, "key", &request("a", "two")).await;
    assert_eq!((same.status, same.text), (201, first.text));
    assert_eq!(world.secrets().await.len(), 1);
}

#[tokio::test]
async fn a_key_has_1_to_255_characters() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for (key, status) in [(256, 422), (0, 422), (255, 201)] {
        let key = "k".repeat(key);
        let answer = keyed(&tenant, PATH, &key, &connection(json!({}))).await;
        assert_eq!(answer.status, status, "{}", key.len());
    }
}

#[tokio::test]
async fn a_key_is_new_after_24_hours() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let first = keyed(&tenant, PATH, "key", &connection(json!({}))).await;
    world.clock.advance(Duration::from_hours(24));
    let same = keyed(&tenant, PATH, "key", &connection(json!({}))).await;
    assert_eq!(same.problem(), problem(409, "name_taken", &["/name"]));
    let request = connection(json!({"name": "b"}));
    let second = keyed(&tenant, PATH, "key", &request).await;
    assert_eq!(second.status, 201);
    assert_ne!(second.id(), first.id());
}

#[tokio::test]
async fn the_same_key_of_another_tenant_is_another_key() {
    let world = World::start().await;
    let request = connection(json!({}));
    let ours = keyed(&world.tenant("acme"), PATH, "key", &request).await;
    let other = connection(json!({"name": "b"}));
    let theirs = keyed(&world.tenant("globex"), PATH, "key", &other).await;
    assert_eq!((ours.status, theirs.status), (201, 201));
    assert_ne!(ours.id(), theirs.id());
}

#[tokio::test]
async fn ten_creations_at_once_with_one_key_create_one_connection() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let request = connection(json!({"username": "u", "password": "secret", "default": true}));
    let answers = at_once(10, |_| {
        let (tenant, request) = (tenant.clone(), request.clone());
        async move { keyed(&tenant, PATH, "key", &request).await }
    })
    .await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
    }
    let list = tenant.get(PATH).await;
    assert_eq!(list.body["connections"].as_array().map(Vec::len), Some(1));
    world.clock.advance(Duration::from_mins(16));
    world.sweep().await;
    assert_eq!(world.secrets().await.len(), 1);
}
