//! The main job.

use serde_json::json;
use tests::mail_server::{MailServer, Script};
use tests::world::{World, reaching};

#[tokio::test]
async fn a_connection_is_created_verified_made_default_and_sends_a_mail() {
    let world = World::start().await;
    let server = MailServer::start(Script::new().starttls()).await;
    let tenant = world.tenant("acme");
    let connection = tenant
        .connection(reaching(
            &server,
            json!({"username": "info@example.com", "password": "s3cr3t"}),
        ))
        .await;
    let report = tenant
        .post(&format!("{connection}/verify"), &json!({}))
        .await;
    assert_eq!(report.body["ok"], true, "{}", report.body);
    let updated = tenant.patch(&connection, &json!({"default": true})).await;
    assert_eq!(updated.body["default"], true, "{}", updated.body);
    let mail = json!({"to": ["you@example.com"], "subject": "Hello", "text": "It works."});
    let accepted = tenant.post("/v1/messages", &mail).await;
    assert_eq!(accepted.status, 202, "{}", accepted.body);
    assert_eq!(world.deliver().await, 0);
    let message = tenant.get(&format!("/v1/messages/{}", accepted.id())).await;
    assert_eq!(message.body["status"], "sent", "{}", message.body);
}
