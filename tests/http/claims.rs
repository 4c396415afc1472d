//! What a worker does with entries that it can't read, and with messages that another worker left behind.

use std::time::Duration;

use serde_json::json;
use tests::mail_server::{MailServer, Script};
use tests::world::World;

use crate::support::{default_connection, received, submitted};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_poison_entry_fails_alone() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().starttls()).await;
    default_connection(&tenant, &server, json!({})).await;
    submitted(&tenant, json!({})).await;
    let mut entries = world.take_queue().await;
    entries.push("no delivery".to_owned());
    assert_eq!(world.hand_over(entries).await, 1);
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn a_worker_that_vanishes_before_the_fence_is_followed_and_after_it_the_message_is_marked() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().starttls()).await;
    default_connection(&tenant, &server, json!({})).await;
    for (fenced, possible_duplicate) in [(false, false), (true, true)] {
        let message = submitted(&tenant, json!({})).await;
        let entry = world.take_queue().await.pop().expect("an entry");
        let delivery = serde_json::from_str(&entry).expect("a delivery");
        let now = world.clock.now();
        let messages = &world.functions.deliver.messages;
        let claim = messages
            .claim(&delivery, "a worker".to_owned(), now, now + MINUTE)
            .await;
        let claim = claim.expect("storage").expect("a claim");
        if fenced {
            assert!(messages.intend(&claim).await.expect("storage"));
        }
        // While the claim holds, nobody else works on it.
        assert_eq!(world.hand_over(vec![entry]).await, 0);
        assert_eq!(tenant.get(&message).await.body["status"], "sending");
        // It runs out; the sweeper queues the message again. The marked one is tried once more after its wait.
        for _ in 0..2 {
            world.clock.advance(2 * MINUTE);
            world.sweep().await;
            world.deliver().await;
        }
        let done = tenant.get(&message).await.body;
        assert_eq!(done["status"], "sent", "{done}");
        assert_eq!(done["possible_duplicate"], possible_duplicate);
    }
    assert_eq!(received(&server).await.len(), 2);
}

#[tokio::test]
async fn a_message_that_no_worker_lives_through_ends() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().starttls()).await;
    default_connection(&tenant, &server, json!({})).await;
    let message = submitted(&tenant, json!({})).await;
    let entry = world.take_queue().await.pop().expect("an entry");
    let delivery = serde_json::from_str(&entry).expect("a delivery");
    for worker in 0..10 {
        let now = world.clock.now();
        let messages = &world.functions.deliver.messages;
        let claim = messages
            .claim(&delivery, format!("worker {worker}"), now, now + MINUTE)
            .await;
        assert!(claim.expect("storage").is_some(), "{worker}");
        world.clock.advance(2 * MINUTE);
    }
    assert_eq!(world.hand_over(vec![entry]).await, 0);
    let ended = tenant.get(&message).await.body;
    assert_eq!(ended["status"], "failed", "{ended}");
    assert_eq!(ended["attempts"][0]["reason"], "delivery_failed");
    assert_eq!(server.connections().await, 0);
}
