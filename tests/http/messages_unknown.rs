//! Attempts that end without telling whether the server took the message, and what follows by the deployment's policy.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::model::retry::Ambiguous;
use tests::mail_server::{self, Answer as Reply, MailServer, Script};
use tests::world::{Client, World};

use crate::support::{default_connection, received, sending, submitted};

async fn start(policy: Ambiguous, script: Script) -> (World, Client, MailServer) {
    let world = World::adjusted(mail_server::dialer(), |functions| {
        let deliver = Arc::get_mut(&mut functions.deliver);
        deliver.expect("nobody uses the state yet").ambiguous = policy;
    })
    .await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script).await;
    default_connection(&tenant, &server, json!({})).await;
    (world, tenant, server)
}

async fn after(world: &World, wait: Duration, tenant: &Client, path: &str) -> Value {
    world.clock.advance(wait);
    world.sweep().await;
    assert_eq!(world.deliver().await, 0);
    tenant.get(path).await.body
}

fn short(message: &Value) -> (&str, &str, bool) {
    (
        message["status"].as_str().unwrap_or_default(),
        message["recipients"][0]["status"]
            .as_str()
            .unwrap_or_default(),
        message["possible_duplicate"].as_bool().unwrap_or_default(),
    )
}

#[tokio::test]
async fn held_it_is_unknown_at_once_and_not_sent_again() {
    let (world, tenant, server) =
        start(Ambiguous::Hold, Script::new().on(".", Reply::close())).await;
    let path = submitted(&tenant, json!({})).await;
    let message = after(&world, Duration::ZERO, &tenant, &path).await;
    assert_eq!(short(&message), ("unknown", "unknown", false));
    assert_eq!(message["attempts"][0]["outcome"], "ambiguous");
    assert_eq!(message["next_attempt_at"], Value::Null);
    let message = after(&world, Duration::from_hours(24), &tenant, &path).await;
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn repeated_once_it_is_unknown_when_that_tells_nothing_either() {
    let (world, tenant, server) =
        start(Ambiguous::Retry, Script::new().on(".", Reply::close())).await;
    let path = submitted(&tenant, json!({})).await;
    let message = after(&world, Duration::ZERO, &tenant, &path).await;
    assert_eq!(short(&message), ("retrying", "open", true));
    let message = after(&world, Duration::from_mins(2), &tenant, &path).await;
    assert_eq!(short(&message), ("unknown", "unknown", true));
    let message = after(&world, Duration::from_hours(24), &tenant, &path).await;
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(received(&server).await.len(), 2);
}

#[tokio::test]
async fn held_those_whom_the_server_put_off_are_still_tried() {
    let script = Script::new()
        .on("RCPT TO:<later@", "450 4.2.1 later")
        .on(".", Reply::close());
    let (world, tenant, _server) = start(Ambiguous::Hold, script).await;
    let path = submitted(&tenant, json!({"cc": ["later@example.com"]})).await;
    let message = after(&world, Duration::ZERO, &tenant, &path).await;
    assert_eq!(short(&message), ("retrying", "unknown", false));
    assert_eq!(message["recipients"][1]["status"], "open");
}

#[tokio::test]
async fn a_worker_lost_behind_the_fence_is_judged_by_the_policy_too() {
    for (policy, expected) in [
        (Ambiguous::Hold, ("unknown", "unknown", false)),
        (Ambiguous::Retry, ("retrying", "open", true)),
    ] {
        let (world, tenant, server) = start(policy, Script::new()).await;
        let path = sending(&world, &tenant).await;
        let message = after(&world, Duration::from_mins(5), &tenant, &path).await;
        assert_eq!(short(&message), expected);
        assert_eq!(message["attempts"][0]["reason"], "worker_lost");
        assert_eq!(server.connections().await, 0);
    }
}
