//! What the tests of the API share.

use std::time::Duration;

use serde_json::{Value, json};
use shared::aws::messages::Claim;
use shared::aws::queue::Delivery;
use tests::mail_server::{MailServer, SeenMessage};
use tests::world::{Answer, Client, World, merged, reaching};

/// A message, with `changes` merged into it.
pub(crate) fn mail(changes: Value) -> Value {
    let body = json!({"to": ["you@example.com"], "subject": "Hello", "text": "It works."});
    merged(body, changes)
}

/// What [`Answer::problem`] gives for a problem about these fields.
pub(crate) fn problem(status: u16, name: &str, pointers: &[&str]) -> (u16, String, Vec<String>) {
    let pointers = pointers.iter().map(|&pointer| pointer.to_owned());
    (status, name.to_owned(), pointers.collect())
}

/// `POST` with an idempotency key.
pub(crate) async fn keyed(tenant: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    tenant.send("POST", path, &headers, body.to_string()).await
}

/// Submits a message and gives its path.
pub(crate) async fn submitted(tenant: &Client, changes: Value) -> String {
    let answer = tenant.post("/v1/messages", &mail(changes)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    format!("/v1/messages/{}", answer.id())
}

/// Submits a message, delivers it, and gives what became of it.
pub(crate) async fn sent(world: &World, tenant: &Client, changes: Value) -> Value {
    let path = submitted(tenant, changes).await;
    assert_eq!(world.deliver().await, 0);
    tenant.get(&path).await.body
}

/// A message of this tenant whose body may be leaving: a worker claimed it for a minute and passed the fence. Its path.
pub(crate) async fn sending(world: &World, tenant: &Client) -> String {
    let path = submitted(tenant, json!({})).await;
    let claim = claimed(world).await;
    let messages = &world.functions.deliver.messages;
    assert!(messages.intend(&claim).await.expect("written"));
    path
}

/// A worker's claim for a minute on the first message in the queue, which is empty then.
pub(crate) async fn claimed(world: &World) -> Claim {
    let entry = world.take_queue().await.remove(0);
    let delivery: Delivery = serde_json::from_str(&entry).expect("a delivery");
    let messages = &world.functions.deliver.messages;
    let now = world.clock.now();
    let lease = now + Duration::from_mins(1);
    let claim = messages.claim(&delivery, "a worker".to_owned(), now, lease);
    claim.await.expect("written").expect("claimed")
}

/// A connection to `server` that has the default role.
pub(crate) async fn default_connection(
    tenant: &Client,
    server: &MailServer,
    changes: Value,
) -> String {
    let settings = reaching(server, json!({"default": true}));
    tenant.connection(merged(settings, changes)).await
}

/// The messages that came to their final dot at `server`, so far.
pub(crate) async fn received(server: &MailServer) -> Vec<SeenMessage> {
    let ledger = server.until(|_| true).await;
    let messages = ledger
        .sessions
        .into_iter()
        .flat_map(|session| session.messages);
    messages.collect()
}

/// The id at the end of a path.
pub(crate) fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// `POST /v1/connections/verify`
pub(crate) const DRAFT: &str = "/v1/connections/verify";

/// A login for a connection.
pub(crate) fn login() -> Value {
    json!({"username": "info@example.com", "password": "s3cr3t"})
}

/// The stage, code and pointer of a report's failure.
pub(crate) fn failure(report: &Value) -> [&str; 3] {
    assert_eq!(report["ok"], false, "{report}");
    let failure = &report["failure"];
    for text in ["title", "hint"] {
        assert!(failure[text].as_str().is_some_and(|text| !text.is_empty()));
    }
    ["stage", "code", "pointer"].map(|name| failure[name].as_str().unwrap_or_default())
}

/// How many logins `server` has seen so far.
pub(crate) async fn logins(server: &MailServer) -> usize {
    let ledger = server.until(|_| true).await;
    let commands = ledger.sessions.iter().flat_map(|session| &session.commands);
    commands.filter(|line| line.starts_with("AUTH")).count()
}
