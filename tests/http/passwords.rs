//! The password is bound to the server and the login it was given for, and what was verified is what is saved.

use serde_json::{Value, json};
use tests::mail_server::{MailServer, Script};
use tests::world::{Client, World, connection, reaching};

use crate::support::problem;

async fn with_password(tenant: &Client) -> String {
    let login = json!({"username": "info@example.com", "password": "s3cr3t"});
    tenant.connection(login).await
}

#[tokio::test]
async fn a_change_of_server_or_login_needs_the_password_again() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let path = with_password(&tenant).await;
    for change in [
        json!({"host": "other.example.com"}),
        json!({"port": 2525}),
        json!({"encryption": "implicit_tls"}),
        json!({"username": "other@example.com"}),
        json!({"username": null}),
    ] {
        let refused = tenant.patch(&path, &change).await;
        assert_eq!(
            refused.problem(),
            problem(422, "validation", &["/password"]),
            "{change}"
        );
        assert_eq!(refused.body["errors"][0]["code"], "required_after_change");
    }
    assert_eq!(tenant.get(&path).await.body["version"], 1);
    let whole = json!({"host": "other.example.com", "password": "again"});
    let changed = tenant.patch(&path, &whole).await;
    assert_eq!(
        (changed.status, &changed.body["has_password"]),
        (200, &json!(true))
    );
    let bad = tenant
        .patch(&path, &json!({"host": "not a host", "port": 0}))
        .await;
    assert_eq!(
        bad.problem(),
        problem(422, "validation", &["/port", "/host", "/password"])
    );
}

#[tokio::test]
async fn username_and_password_come_and_go_together() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for (login, pointer) in [
        (json!({"username": "u"}), "/password"),
        (json!({"password": "p"}), "/username"),
        (json!({"username": "u", "password": null}), "/password"),
    ] {
        let answer = tenant.post("/v1/connections", &connection(login)).await;
        assert_eq!(answer.problem(), problem(422, "validation", &[pointer]));
    }
    let path = with_password(&tenant).await;
    let half = tenant.patch(&path, &json!({"password": null})).await;
    assert_eq!(half.problem(), problem(422, "validation", &["/password"]));
    let none = json!({"username": null, "password": null});
    let removed = tenant.patch(&path, &none).await;
    assert_eq!(
        (removed.status, &removed.body["has_password"]),
        (200, &json!(false))
    );
    assert_eq!(removed.body["username"], Value::Null);
}

#[tokio::test]
async fn a_password_and_no_encryption_exclude_each_other() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let plain = json!({"encryption": "none", "username": "u", "password": "p"});
    let answer = tenant.post("/v1/connections", &connection(plain)).await;
    assert_eq!(
        answer.problem(),
        problem(422, "validation", &["/encryption"])
    );
    let path = with_password(&tenant).await;
    let downgrade = json!({"encryption": "none", "password": "p"});
    let answer = tenant.patch(&path, &downgrade).await;
    assert_eq!(
        answer.problem(),
        problem(422, "validation", &["/encryption"])
    );
}

/// A verified connection, and the status of its verification after a patch.
async fn after(tenant: &Client, server: &MailServer, name: usize, change: &Value) -> Value {
    let settings = json!({"name": name.to_string(), "username": "u", "password": "p"});
    let path = tenant.connection(reaching(server, settings)).await;
    let report = tenant.post(&format!("{path}/verify"), &json!({})).await;
    assert_eq!(report.body["ok"], true, "{}", report.text);
    let verified = tenant.get(&path).await;
    assert_eq!(verified.body["verification"]["status"], "passed");
    assert_eq!(verified.header("etag"), Some("\"1\""));
    let patched = tenant.patch(&path, change).await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    patched.body["verification"].clone()
}

#[tokio::test]
async fn a_verification_is_forgotten_when_server_or_login_change_and_not_otherwise() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().starttls()).await;
    let never = json!({"status": "never", "checked_at": null, "failure": null});
    let passed =
        json!({"status": "passed", "checked_at": "2026-01-01T00:00:00.000Z", "failure": null});
    for (n, (patch, expected)) in [
        (
            json!({"host": "other.example.com", "password": "p"}),
            &never,
        ),
        (json!({"port": 2525, "password": "p"}), &never),
        (
            json!({"encryption": "implicit_tls", "password": "p"}),
            &never,
        ),
        (json!({"username": "v", "password": "p"}), &never),
        (json!({"username": null, "password": null}), &never),
        (json!({"password": "p"}), &never),
        (json!({"name": "renamed"}), &passed),
        (json!({"sender_name": "Acme", "default": true}), &passed),
    ]
    .into_iter()
    .enumerate()
    {
        let verification = after(&tenant, &server, n, &patch).await;
        assert_eq!(&verification, expected, "{patch}");
    }
}
