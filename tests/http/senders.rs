//! Who is the sender, as it is explained and as it is used.

use serde_json::{Value, json};
use tests::mail_server::{MailServer, Script};
use tests::world::{Client, World, reaching};

use crate::support::{id_of, mail, problem, received, submitted};

/// What `POST /v1/sender` says, and what a submission with the same wishes decides: they must agree.
async fn decision(tenant: &Client, wishes: Value) -> Value {
    let explained = tenant.post("/v1/sender", &wishes).await;
    assert_eq!(explained.status, 200, "{}", explained.text);
    let message = submitted(tenant, wishes).await;
    let message = tenant.get(&message).await.body;
    for part in ["rule", "requested", "effective", "overrides"] {
        assert_eq!(message[part], explained.body[part], "{part}");
    }
    explained.body
}

async fn refusal(tenant: &Client, wishes: Value) -> (u16, String, Vec<String>) {
    let explained = tenant.post("/v1/sender", &wishes).await.problem();
    let submitted = tenant.post("/v1/messages", &mail(wishes)).await.problem();
    assert_eq!(explained, submitted);
    explained
}

async fn sender(tenant: &Client, server: &MailServer, name: &str, changes: Value) -> String {
    let mut settings =
        json!({"name": name, "sender_email": format!("{name}@example.com"), "sender_name": name});
    settings
        .as_object_mut()
        .expect("an object")
        .extend(changes.as_object().expect("an object").clone());
    tenant.connection(reaching(server, settings)).await
}

#[tokio::test]
async fn the_default_overrides_whatever_is_asked_for() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let default = sender(&tenant, &server, "a", json!({"default": true})).await;
    let other = sender(&tenant, &server, "b", json!({})).await;
    let inactive = sender(&tenant, &server, "c", json!({"active": false})).await;
    let foreign = world.tenant("globex").connection(json!({})).await;
    for named in [&other, &inactive, &foreign] {
        let wishes = json!({"connection_id": id_of(named), "from": {"email": "b@example.com", "name": "B"}, "reply_to": "r@example.com"});
        let decision = decision(&tenant, wishes).await;
        assert_eq!(decision["rule"], "default");
        let from = json!({"email": "a@example.com", "name": "a"});
        let effective = json!({"connection_id": id_of(&default), "from": from, "reply_to": null});
        assert_eq!(decision["effective"], effective);
        assert_eq!(
            decision["overrides"],
            json!(["connection_id", "from", "reply_to"])
        );
    }
    assert_eq!(server.connections().await, 0);
    assert_eq!(world.deliver().await, 0);
    assert!(
        received(&server)
            .await
            .iter()
            .all(|it| it.from == "a@example.com")
    );
    assert_eq!(received(&server).await.len(), 3);
}

#[tokio::test]
async fn without_a_default_the_named_then_the_from_then_the_only_active_connection_sends() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let a = sender(
        &tenant,
        &server,
        "a",
        json!({"reply_to": "own@example.com"}),
    )
    .await;
    let b = sender(&tenant, &server, "b", json!({})).await;
    let named = decision(
        &tenant,
        json!({"connection_id": id_of(&a), "from": {"email": "b@example.com", "name": "Shop"}}),
    )
    .await;
    assert_eq!(named["rule"], "named");
    assert_eq!(
        named["effective"]["from"],
        json!({"email": "a@example.com", "name": "Shop"})
    );
    assert_eq!(named["effective"]["reply_to"], "own@example.com");
    assert_eq!(named["overrides"], json!(["from"]));
    let from = decision(
        &tenant,
        json!({"from": "B@Example.COM", "reply_to": "r@example.com"}),
    )
    .await;
    assert_eq!(
        (&from["rule"], &from["effective"]["connection_id"]),
        (&json!("from"), &json!(id_of(&b)))
    );
    assert_eq!(from["effective"]["from"]["email"], "b@example.com");
    assert_eq!(from["effective"]["reply_to"], "r@example.com");
    assert_eq!(from["overrides"], json!([]));
    let none = problem(409, "no_sender", &[]);
    assert_eq!(refusal(&tenant, json!({})).await, none);
    assert_eq!(
        refusal(&tenant, json!({"from": "c@example.com"})).await,
        none
    );
    assert_eq!(
        tenant.patch(&a, &json!({"active": false})).await.status,
        200
    );
    let only = decision(&tenant, json!({"from": "c@example.com"})).await;
    assert_eq!(
        (&only["rule"], &only["effective"]["connection_id"]),
        (&json!("only_active"), &json!(id_of(&b)))
    );
    let inactive = problem(409, "connection_inactive", &["/connection_id"]);
    assert_eq!(
        refusal(&tenant, json!({"connection_id": id_of(&a)})).await,
        inactive
    );
    let missing = problem(404, "not_found", &["/connection_id"]);
    let never = json!({"connection_id": "conn_01KDVDNA0000000000000000ZZ"});
    assert_eq!(refusal(&tenant, never).await, missing);
    assert_eq!(
        tenant.patch(&b, &json!({"active": false})).await.status,
        200
    );
    assert_eq!(refusal(&tenant, json!({})).await, none);
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn two_connections_with_one_sender_address_are_not_chosen_between() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for name in ["a", "b"] {
        tenant.connection(json!({"name": name})).await;
    }
    let wishes = json!({"from": "info@example.com"});
    assert_eq!(
        refusal(&tenant, wishes).await,
        problem(409, "no_sender", &[])
    );
}
