//! `POST …/verify`: a draft, a saved connection, a saved connection as it would be.

use serde_json::{Value, json};
use tests::mail_server::{Certificate, MailServer, Script};
use tests::world::{Answer, World, connection, reaching};

use crate::support::{problem, received};

const DRAFT: &str = "/v1/connections/verify";

fn login() -> Value {
    json!({"username": "info@example.com", "password": "s3cr3t"})
}

fn draft(server: &MailServer, changes: Value) -> Value {
    connection(reaching(server, changes))
}

fn failure(report: &Answer) -> (u16, bool, &str, &str, &Value) {
    let failure = &report.body["failure"];
    let text = |name: &str| failure[name].as_str().unwrap_or_default();
    let ok = report.body["ok"].as_bool().expect("a verdict");
    (
        report.status,
        ok,
        text("stage"),
        text("code"),
        &failure["pointer"],
    )
}

fn stages(report: &Answer) -> Vec<(String, String)> {
    let stages = report.body["stages"].as_array().expect("stages");
    let text = |stage: &Value, name: &str| stage[name].as_str().expect("a text").to_owned();
    let pair = |stage| (text(stage, "stage"), text(stage, "status"));
    stages.iter().map(pair).collect()
}

#[tokio::test]
async fn a_working_draft_passes_every_stage_in_order_and_sends_nothing() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for (script, order) in [
        (Script::new().starttls(), ["greeting", "tls"]),
        (Script::new().implicit_tls(), ["tls", "greeting"]),
    ] {
        let server = MailServer::start(script).await;
        let report = tenant.post(DRAFT, &draft(&server, login())).await;
        assert_eq!(report.body["ok"], true, "{}", report.text);
        let expected = ["resolve", "connect", order[0], order[1], "auth", "sender"];
        let passed = |stage: &str| (stage.to_owned(), "passed".to_owned());
        assert_eq!(stages(&report), expected.map(passed).to_vec());
        assert_eq!(report.body["server"]["tls"]["version"], "TLSv1.3");
        assert!(received(&server).await.is_empty());
    }
    let listed = tenant.get("/v1/connections").await;
    assert_eq!(listed.body["connections"], json!([]));
}

#[tokio::test]
async fn a_draft_without_a_body_lacks_its_required_fields() {
    let world = World::start().await;
    let refused = world.tenant("acme").send("POST", DRAFT, &[], "").await;
    let pointers = ["/name", "/sender_email", "/encryption", "/host"];
    assert_eq!(refused.problem(), problem(422, "validation", &pointers));
}

#[tokio::test]
async fn a_server_that_does_not_work_is_a_report_that_names_stage_code_and_field() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let pointer = |text: &str| json!(text);
    let starttls = || Script::new().starttls();
    for (script, stage, code, at) in [
        (
            starttls().on("AUTH", "535 5.7.8 no"),
            "auth",
            "authentication_rejected",
            pointer("/password"),
        ),
        (
            starttls().on("MAIL", "550 5.7.1 not yours"),
            "sender",
            "sender_refused",
            pointer("/sender_email"),
        ),
        (
            starttls().on("STARTTLS", "454 4.7.0 not now"),
            "tls",
            "starttls_refused",
            pointer("/encryption"),
        ),
        (
            starttls().certificate(Certificate::WrongName),
            "tls",
            "certificate_wrong_name",
            pointer("/host"),
        ),
        (
            starttls().greeting("554 5.7.1 go away"),
            "greeting",
            "greeting_refused",
            pointer("/host"),
        ),
    ] {
        let server = MailServer::start(script).await;
        let report = tenant.post(DRAFT, &draft(&server, login())).await;
        assert_eq!(
            failure(&report),
            (200, false, stage, code, &at),
            "{}",
            report.text
        );
        let stages = stages(&report);
        let failed = stages.iter().position(|(_, status)| status == "failed");
        let after = &stages[failed.expect("a failed stage") + 1..];
        assert!(
            after.iter().all(|(_, status)| status == "skipped"),
            "{}",
            report.text
        );
        assert_eq!(stages.len(), 6);
    }
}

#[tokio::test]
async fn a_blocked_address_and_an_unknown_name_look_the_same() {
    let mut dialer = tests::mail_server::dialer();
    let inside = vec!["10.0.0.1".parse().expect("an address")];
    let names = std::collections::HashMap::from([("inside.example.test".to_owned(), inside)]);
    dialer.resolver = shared::smtp::Resolver::Fixed(names);
    let world = World::with(dialer).await;
    let tenant = world.tenant("acme");
    let mut bodies = Vec::new();
    for host in ["inside.example.test", "unknown.example.test"] {
        let mut body = tenant
            .post(DRAFT, &connection(json!({"host": host})))
            .await
            .body;
        body["duration_ms"] = Value::Null;
        body["stages"][0]["duration_ms"] = Value::Null;
        bodies.push(body);
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0]["failure"]["code"], "name_not_resolved");
}

#[tokio::test]
async fn the_outcome_of_verifying_as_saved_is_kept_and_no_other() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().starttls()).await;
    let path = tenant.connection(reaching(&server, login())).await;
    let verify = format!("{path}/verify");
    let kept = async || tenant.get(&path).await.body["verification"].clone();

    let changed = json!({"sender_email": "other@example.com"});
    assert_eq!(tenant.post(&verify, &changed).await.body["ok"], true);
    assert_eq!(kept().await["status"], "never");
    let before = tenant.get(&path).await;
    // Without a body at all.
    let report = tenant.send("POST", &verify, &[], "").await;
    assert_eq!(report.body["ok"], true, "{}", report.text);
    assert_eq!(
        kept().await,
        json!({"status": "passed", "checked_at": "2026-01-01T00:00:00.000Z", "failure": null})
    );
    let after = tenant.get(&path).await;
    assert_eq!(before.header("etag"), after.header("etag"));

    drop(server);
    assert_eq!(tenant.post(&verify, &json!({})).await.body["ok"], false);
    let failed = kept().await;
    assert_eq!(failed["status"], "failed");
    let expected = json!({"stage": "connect", "code": "connection_refused"});
    assert_eq!(failed["failure"], expected);
}

#[tokio::test]
async fn the_stored_password_is_never_shown_to_another_server() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let own = MailServer::start(Script::new().starttls()).await;
    let other = MailServer::start(Script::new().starttls()).await;
    let path = tenant.connection(reaching(&own, login())).await;
    for change in [
        json!({"port": other.target().port}),
        json!({"host": "other.example.test"}),
        json!({"encryption": "implicit_tls"}),
        json!({"username": "somebody@example.com"}),
    ] {
        for (method, path) in [("POST", format!("{path}/verify")), ("PATCH", path.clone())] {
            let refused = tenant.json(method, &path, &change).await;
            assert_eq!(
                refused.problem(),
                problem(422, "validation", &["/password"])
            );
            assert_eq!(refused.body["errors"][0]["code"], "required_after_change");
        }
    }
    assert!(other.until(|_| true).await.sessions.is_empty());
    let with_password = json!({"port": other.target().port, "password": "another"});
    let report = tenant.post(&format!("{path}/verify"), &with_password).await;
    assert_eq!(report.body["ok"], true, "{}", report.text);
    let seen = other.until(|ledger| !ledger.sessions.is_empty()).await;
    // base64 of "\0info@example.com\0another": the one given, not the one stored.
    assert!(seen.sessions[0].saw("AUTH PLAIN AGluZm9AZXhhbXBsZS5jb20AYW5vdGhlcg=="));
}
