//! How much goes through a connection that has limits.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tests::mail_server::{MailServer, Script};
use tests::world::{World, at_once, reaching};

use crate::support::{default_connection, id_of, received, submitted};

#[tokio::test]
async fn messages_over_the_limit_of_a_minute_wait_for_their_own_time_and_lose_no_attempt() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let limits = json!({"limits": {"per_minute": 2}});
    default_connection(&tenant, &server, limits).await;
    let mut paths = Vec::new();
    for _ in 0..5 {
        paths.push(submitted(&tenant, json!({})).await);
    }
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 2);
    let mut next = Vec::new();
    for path in &paths {
        let message = tenant.get(path).await.body;
        if message["status"] != "sent" {
            assert_eq!(message["attempts"], json!([]), "{message}");
            next.push(message["next_attempt_at"].to_string());
        }
    }
    next.sort();
    let minute = |minute| format!("\"2026-01-01T00:0{minute}:00.000Z\"");
    assert_eq!(next, [minute(1), minute(1), minute(2)]);
    for (minute, so_far) in [(1, 4), (2, 5)] {
        world.clock.advance(Duration::from_mins(1));
        world.sweep().await;
        assert_eq!(world.deliver().await, 0);
        assert_eq!(received(&server).await.len(), so_far, "in minute {minute}");
    }
    for path in &paths {
        let message = tenant.get(path).await.body;
        assert_eq!(message["status"], "sent");
        assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn a_message_over_the_limit_of_a_day_goes_the_day_after() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let limits = json!({"limits": {"per_day": 1}});
    default_connection(&tenant, &server, limits).await;
    submitted(&tenant, json!({})).await;
    submitted(&tenant, json!({})).await;
    for (hours, so_far) in [(0, 1), (23, 1), (1, 2)] {
        world.clock.advance(Duration::from_hours(hours));
        world.sweep().await;
        assert_eq!(world.deliver().await, 0);
        assert_eq!(received(&server).await.len(), so_far);
    }
}

#[tokio::test]
async fn workers_at_once_never_exceed_the_limit() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let limits = json!({"limits": {"per_minute": 3}});
    default_connection(&tenant, &server, limits).await;
    for _ in 0..12 {
        submitted(&tenant, json!({})).await;
    }
    let entries = world.take_queue().await;
    // Each with a memory of its own, as instances of the function have.
    let workers: Vec<_> = entries
        .chunks(3)
        .map(|entries| (world.another_deliver(), entries.to_vec()))
        .collect();
    at_once(workers.len(), |index| {
        let (deliver, entries) = workers[index].clone();
        async move { tests::world::hand_over_to(&deliver, entries).await }
    })
    .await;
    assert_eq!(received(&server).await.len(), 3);
}

#[tokio::test]
async fn a_limit_that_is_lifted_is_no_limit_to_new_messages() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let limits = json!({"limits": {"per_minute": 1}});
    let connection = default_connection(&tenant, &server, limits).await;
    submitted(&tenant, json!({})).await;
    submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 1);
    let lifted = json!({"limits": {"per_minute": null}});
    assert_eq!(tenant.patch(&connection, &lifted).await.status, 200);
    let path = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(tenant.get(&path).await.body["status"], "sent");
}

#[tokio::test]
async fn a_connection_has_as_many_groups_as_it_may_have_sessions() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let one = json!({"limits": {"concurrency": 1}});
    let connection = default_connection(&tenant, &server, one).await;
    for _ in 0..20 {
        submitted(&tenant, json!({})).await;
    }
    let groups = world.queued_groups().await;
    assert_eq!(
        groups,
        BTreeSet::from([format!("{}-0", id_of(&connection))])
    );
}

#[tokio::test]
async fn a_message_changes_into_the_group_of_the_connection_that_sends_it() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    let settings = json!({"name": "new", "limits": {"concurrency": 1}});
    let other = tenant.connection(reaching(&server, settings)).await;
    let path = submitted(&tenant, json!({})).await;
    let patch = json!({"default": true});
    assert_eq!(tenant.patch(&other, &patch).await.status, 200);
    assert_eq!(world.deliver_once().await, 0);
    assert_eq!(tenant.get(&path).await.body["status"], "queued");
    assert_eq!(server.connections().await, 0);
    let groups = world.queued_groups().await;
    assert_eq!(groups, BTreeSet::from([format!("{}-0", id_of(&other))]));
    assert_eq!(world.deliver().await, 0);
    let message = tenant.get(&path).await.body;
    assert_eq!(message["status"], "sent");
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn messages_that_were_kept_away_together_take_new_starts() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let limits = json!({"limits": {"per_minute": 2}});
    default_connection(&tenant, &server, limits).await;
    for _ in 0..8 {
        submitted(&tenant, json!({})).await;
    }
    world.deliver().await;
    assert_eq!(received(&server).await.len(), 2);
    // Nobody looks for longer than all of the reserved starts.
    world.clock.advance(Duration::from_mins(20));
    world.sweep().await;
    world.deliver().await;
    assert_eq!(received(&server).await.len(), 4);
}
