//! What one tenant has is nothing to another, not even a reason to answer differently.

use axum::body::Body;
use serde_json::{Value, json};
use tests::mail_server::{MailServer, Script};
use tests::world::World;

use crate::support::{default_connection, id_of, keyed, mail, problem, submitted};

#[tokio::test]
async fn another_tenants_ids_are_answered_as_those_that_never_were() {
    let world = World::start().await;
    let server = MailServer::start(Script::new()).await;
    let (acme, globex) = (world.tenant("acme"), world.tenant("globex"));
    let connection = default_connection(&acme, &server, json!({})).await;
    let message = submitted(&acme, json!({})).await;
    let own = globex
        .connection(json!({"name": "own", "default": true}))
        .await;
    let (foreign, never) = (id_of(&connection), "conn_01KDVDNA0000000000000000ZZ");
    for (method, path, body) in [
        ("GET", "/v1/connections/{id}", Value::Null),
        ("PATCH", "/v1/connections/{id}", json!({"name": "mine"})),
        ("PATCH", "/v1/connections/{id}", json!({"default": true})),
        ("DELETE", "/v1/connections/{id}", Value::Null),
        ("POST", "/v1/connections/{id}/verify", json!({})),
        ("DELETE", &format!("{own}?replacement={{id}}"), Value::Null),
    ] {
        let ask = |id: &str| {
            let (globex, path, body) = (globex.clone(), path.replace("{id}", id), body.clone());
            async move { globex.json(method, &path, &body).await }
        };
        let (theirs, none) = (ask(foreign).await, ask(never).await);
        assert_eq!(theirs.status, 404, "{method} {path}");
        assert_eq!(theirs.problem(), none.problem(), "{method} {path}");
        assert_eq!(
            theirs.body["detail"], none.body["detail"],
            "{method} {path}"
        );
    }
    let before = acme.get(&message).await.body;
    let never = "/v1/messages/msg_01KDVDNA0000000000000000ZZ";
    for (method, operation) in [("GET", ""), ("POST", "/retry"), ("POST", "/cancel")] {
        let ask = |path: &str| {
            let (globex, path) = (globex.clone(), format!("{path}{operation}"));
            async move { globex.send(method, &path, &[], Body::empty()).await }
        };
        let (theirs, none) = (ask(&message).await, ask(never).await);
        assert_eq!(theirs.problem(), problem(404, "not_found", &[]));
        assert_eq!(theirs.body["detail"], none.body["detail"], "{operation}");
    }
    assert_eq!(acme.get(&message).await.body, before);
    globex.patch(&own, &json!({"default": false})).await;
    let missing = problem(404, "not_found", &["/connection_id"]);
    let named = json!({"connection_id": foreign});
    let sender = globex.post("/v1/sender", &named).await;
    assert_eq!(sender.problem(), missing);
    let submitted = globex.post("/v1/messages", &mail(named)).await;
    assert_eq!(submitted.problem(), missing);
    let list = globex.get("/v1/connections").await;
    assert!(!list.text.contains(foreign) && list.text.contains(id_of(&own)));
    let untouched = acme.get(&connection).await.body;
    assert_eq!(
        (&untouched["version"], &untouched["default"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn tenants_whose_names_look_alike_or_hold_separators_do_not_mix() {
    let world = World::start().await;
    let server = MailServer::start(Script::new()).await;
    let names = [
        "a", "ab", "a#b", "a/b", "a=23b", "a=2Fb", "auth0|x", "auth0", "A", "a#", "a/key", "è",
    ];
    let mut paths = Vec::new();
    for name in names {
        let tenant = world.tenant(name);
        let settings =
            tests::world::reaching(&server, json!({"default": true, "sender_name": name}));
        let body = tests::world::connection(settings);
        let created = keyed(&tenant, "/v1/connections", "key", &body).await;
        assert_eq!(
            (created.status, &created.body["sender_name"]),
            (201, &json!(name))
        );
        let accepted = keyed(&tenant, "/v1/messages", "key", &mail(json!({}))).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        assert_eq!(
            accepted.body["effective"]["connection_id"],
            created.body["id"]
        );
        paths.push(format!("/v1/messages/{}", accepted.id()));
    }
    assert_eq!(world.deliver().await, 0);
    for (n, name) in names.iter().enumerate() {
        let tenant = world.tenant(name);
        let list = tenant.get("/v1/connections").await.body;
        let list = list["connections"].as_array().expect("a list");
        assert_eq!(list.len(), 1, "{name}");
        assert_eq!(
            (&list[0]["sender_name"], &list[0]["default"]),
            (&json!(name), &json!(true))
        );
        let own = tenant.get("/v1/messages").await.body;
        let own: Vec<_> = own["messages"].as_array().into_iter().flatten().collect();
        assert_eq!(own.len(), 1, "{name}");
        assert_eq!(own[0]["id"], id_of(&paths[n]), "{name}");
        for (m, path) in paths.iter().enumerate() {
            let message = tenant.get(path).await;
            assert_eq!(
                message.status,
                if n == m { 200 } else { 404 },
                "{name} {}",
                names[m]
            );
            if n == m {
                assert_eq!(message.body["status"], "sent", "{name}");
            }
        }
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_answered() {
    let world = World::start().await;
    let path = world.tenant("acme").connection(json!({})).await;
    let nobody = world.nobody();
    for (method, path) in [
        ("GET", "/v1/connections"),
        ("POST", "/v1/connections"),
        ("GET", path.as_str()),
        ("PATCH", path.as_str()),
        ("DELETE", path.as_str()),
        ("POST", "/v1/connections/verify"),
        ("POST", &format!("{path}/verify")),
        ("GET", "/v1/egress-ips"),
        ("POST", "/v1/messages"),
        ("GET", "/v1/messages"),
        ("GET", "/v1/messages/msg_01KDVDNA0000000000000000ZZ"),
        ("POST", "/v1/messages/msg_01KDVDNA0000000000000000ZZ/retry"),
        ("POST", "/v1/messages/msg_01KDVDNA0000000000000000ZZ/cancel"),
        ("POST", "/v1/sender"),
    ] {
        let answer = nobody.send(method, path, &[], Body::empty()).await;
        assert_eq!(
            answer.problem(),
            problem(401, "unauthenticated", &[]),
            "{method} {path}"
        );
    }
}
