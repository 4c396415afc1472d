//! How much goes through a connection that has limits.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tests::mail_server::{MailServer, Script};
use tests::world::{Client, World, at_once, reaching};

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

/// The minutes in which `server` got messages, while the sweep of every minute goes on for so many.
async fn arrivals(world: &World, server: &MailServer, minutes: usize) -> Vec<usize> {
    let mut arrivals = Vec::new();
    let mut before = received(server).await.len();
    for _ in 0..minutes {
        world.clock.advance(Duration::from_mins(1));
        world.sweep().await;
        assert_eq!(world.deliver().await, 0);
        let now = received(server).await.len();
        arrivals.push(now - before);
        before = now;
    }
    arrivals
}

/// A connection with this limit of a minute, and nine messages that came at once.
async fn nine(world: &World, server: &MailServer, per_minute: u32) -> (Client, String) {
    let tenant = world.tenant("acme");
    let limits = json!({"limits": {"per_minute": per_minute}});
    let connection = default_connection(&tenant, server, limits).await;
    for _ in 0..9 {
        submitted(&tenant, json!({})).await;
    }
    assert_eq!(world.deliver().await, 0);
    (tenant, connection)
}

#[tokio::test]
async fn a_limit_that_is_lowered_holds_for_messages_that_had_a_start() {
    let world = World::start().await;
    let server = MailServer::start(Script::new()).await;
    let (tenant, connection) = nine(&world, &server, 4).await;
    assert_eq!(received(&server).await.len(), 4);
    let lowered = json!({"limits": {"per_minute": 1}});
    assert_eq!(tenant.patch(&connection, &lowered).await.status, 200);
    let arrivals = arrivals(&world, &server, 12).await;
    assert!(arrivals.iter().all(|count| *count <= 1), "{arrivals:?}");
    assert_eq!(arrivals.iter().sum::<usize>(), 5, "{arrivals:?}");
}

#[tokio::test]
async fn a_limit_that_is_raised_holds_for_messages_that_had_a_start() {
    let world = World::start().await;
    let server = MailServer::start(Script::new()).await;
    let (tenant, connection) = nine(&world, &server, 1).await;
    assert_eq!(received(&server).await.len(), 1);
    let raised = json!({"limits": {"per_minute": 3}});
    assert_eq!(tenant.patch(&connection, &raised).await.status, 200);
    let arrivals = arrivals(&world, &server, 7).await;
    assert!(arrivals.iter().all(|count| *count <= 3), "{arrivals:?}");
    assert_eq!(arrivals.iter().sum::<usize>(), 8, "{arrivals:?}");
}

#[tokio::test]
async fn a_limit_that_is_lifted_holds_no_message_for_longer_than_minutes() {
    let world = World::start().await;
    let server = MailServer::start(Script::new()).await;
    let (tenant, connection) = nine(&world, &server, 1).await;
    let lifted = json!({"limits": {"per_minute": null}});
    assert_eq!(tenant.patch(&connection, &lifted).await.status, 200);
    let path = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(tenant.get(&path).await.body["status"], "sent");
    let arrivals = arrivals(&world, &server, 6).await;
    assert_eq!(arrivals.iter().sum::<usize>(), 8, "{arrivals:?}");
}

#[tokio::test]
async fn a_limit_of_a_day_counts_recipients_as_providers_do() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let limits = json!({"limits": {"per_day": 5}});
    default_connection(&tenant, &server, limits).await;
    let to = |count: usize| {
        let to: Vec<_> = (0..count).map(|n| format!("r{n}@example.com")).collect();
        json!({ "to": to })
    };
    let mut statuses = Vec::new();
    for count in [3, 2, 1] {
        let path = submitted(&tenant, to(count)).await;
        assert_eq!(world.deliver().await, 0);
        statuses.push(tenant.get(&path).await.body["status"].clone());
    }
    assert_eq!(statuses, ["sent", "sent", "retrying"]);
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
