//! Verifying: a report of stages, whether or not the server works.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use serde_json::{Value, json};
use shared::dns::Resolver;
use tests::mail_server::{Certificate, MailServer, Script, dialer};
use tests::world::{Client, World, connection, reaching};
use tokio::net::TcpSocket;

use crate::support::{DRAFT, failure, login, problem, received};

async fn report(script: Script, changes: Value) -> (Value, MailServer) {
    let server = MailServer::start(script).await;
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let answer = tenant
        .post(DRAFT, &connection(reaching(&server, changes)))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (answer.body, server)
}

fn stages(report: &Value) -> String {
    let stages = report["stages"].as_array().expect("stages").iter();
    let told = stages.map(|stage| format!("{} {}", stage["stage"], stage["status"]));
    told.collect::<Vec<_>>().join(", ").replace('"', "")
}

#[tokio::test]
async fn a_server_that_works_passes_every_stage_and_gets_no_mail() {
    let (starttls, server) = report(Script::new().starttls(), login()).await;
    assert_eq!(
        stages(&starttls),
        "resolve passed, connect passed, greeting passed, tls passed, auth passed, sender passed"
    );
    assert_eq!(
        (&starttls["ok"], &starttls["failure"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(starttls["checked_at"], "2026-01-01T00:00:00.000Z");
    let session = server.session().await;
    assert_eq!(session.round_trips(), 8);
    assert!(session.saw("MAIL FROM:<info@example.com>") && session.saw("RSET"));
    assert!(!session.saw("RCPT") && !session.saw("DATA"));
    assert!(received(&server).await.is_empty());

    let (implicit, server) = report(Script::new().implicit_tls(), login()).await;
    assert_eq!(server.session().await.round_trips(), 6);
    assert_eq!(
        stages(&implicit),
        "resolve passed, connect passed, tls passed, greeting passed, auth passed, sender passed"
    );
    let (open, _) = report(Script::new(), json!({})).await;
    assert_eq!(
        stages(&open),
        "resolve passed, connect passed, greeting passed, tls skipped, auth skipped, sender passed"
    );
}

#[tokio::test]
async fn a_refused_login_is_shown_with_the_servers_words_and_the_rest_is_skipped() {
    let refusing = Script::new()
        .starttls()
        .on("AUTH", "535 5.7.8 bad credentials");
    let (report, _) = report(refusing, login()).await;
    assert_eq!(
        failure(&report),
        ["auth", "authentication_rejected", "/password"]
    );
    assert_eq!(
        report["failure"]["reply"],
        json!({"code": 535, "enhanced": "5.7.8", "text": "bad credentials"})
    );
    assert_eq!(
        stages(&report),
        "resolve passed, connect passed, greeting passed, tls passed, auth failed, sender skipped"
    );
}

#[tokio::test]
async fn what_a_server_lacks_is_told_by_stage_code_and_field() {
    let (no_starttls, _) = report(
        Script::new(),
        json!({"encryption": "starttls", "username": "u", "password": "p"}),
    )
    .await;
    assert_eq!(
        failure(&no_starttls)[1..],
        ["starttls_not_offered", "/encryption"]
    );
    let wrong = Script::new().starttls().certificate(Certificate::WrongName);
    let (wrong, server) = report(wrong, login()).await;
    assert_eq!(failure(&wrong), ["tls", "certificate_wrong_name", "/host"]);
    // Other ways are tried too, and none with the login.
    let ledger = server.until(|ledger| ledger.ended() > 1).await;
    assert!(!ledger.sessions.iter().any(|session| session.saw("AUTH")));
    let refusing = Script::new().on("MAIL", "550 5.7.1 not your address");
    let (refused, _) = report(refusing, json!({})).await;
    assert_eq!(
        failure(&refused),
        ["sender", "sender_refused", "/sender_email"]
    );
    assert_eq!(refused["failure"]["reply"]["code"], 550);
}

#[tokio::test]
async fn a_port_on_which_nobody_listens_refuses_the_connection() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    // Bound and not listening: nobody else gets the port.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind((Ipv4Addr::LOCALHOST, 0).into())
        .expect("a port");
    let port = socket.local_addr().expect("an address").port();
    let draft = json!({"host": tests::mail_server::HOST, "port": port, "encryption": "none"});
    let answer = tenant.post(DRAFT, &connection(draft)).await;
    assert_eq!(
        failure(&answer.body),
        ["connect", "connection_refused", "/port"]
    );
    assert_eq!(
        stages(&answer.body),
        "resolve passed, connect failed, greeting skipped, tls skipped, auth skipped, sender skipped"
    );
}

async fn saved(tenant: &Client, server: &MailServer, changes: Value) -> String {
    tenant.connection(reaching(server, changes)).await
}

#[tokio::test]
async fn the_outcome_of_verifying_as_saved_is_kept_and_of_anything_else_is_not() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let refusing = Script::new().starttls().on("AUTH", "535 5.7.8 no");
    let server = MailServer::start(refusing).await;
    let path = saved(&tenant, &server, login()).await;
    let verify = format!("{path}/verify");
    let status = || async { tenant.get(&path).await.body["verification"].clone() };
    for patch in [
        json!({"password": "other"}),
        json!({"sender_email": "other@example.com"}),
        json!({"username": null, "password": null}),
    ] {
        assert_eq!(tenant.post(&verify, &patch).await.status, 200);
        assert_eq!(status().await["status"], "never", "{patch}");
    }
    let before = tenant.get(&path).await;
    let absent = tenant.send("POST", &verify, &[], Body::empty()).await;
    assert_eq!(failure(&absent.body)[1], "authentication_rejected");
    let kept = json!({"status": "failed", "checked_at": "2026-01-01T00:00:00.000Z",
        "failure": {"stage": "auth", "code": "authentication_rejected"}});
    assert_eq!(status().await, kept);
    let after = tenant.get(&path).await;
    assert_eq!(after.header("etag"), before.header("etag"));
    assert_eq!(after.body["version"], before.body["version"]);

    let good = MailServer::start(Script::new().starttls()).await;
    let path = saved(&tenant, &good, json!({"name": "good"})).await;
    let same = json!({"name": "good", "default": false});
    let answer = tenant.post(&format!("{path}/verify"), &same).await;
    assert_eq!(answer.body["ok"], true);
    assert_eq!(
        tenant.get(&path).await.body["verification"]["status"],
        "passed"
    );
}

#[tokio::test]
async fn the_stored_password_never_goes_to_another_server() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().starttls()).await;
    let thief = MailServer::start(Script::new().starttls()).await;
    let path = saved(&tenant, &server, login()).await;
    let verify = format!("{path}/verify");
    let needed = problem(422, "validation", &["/password"]);
    let port = json!({"port": thief.address().port()});
    for patch in [
        port.clone(),
        json!({"host": "thief.example.test"}),
        json!({"encryption": "implicit_tls"}),
        json!({"username": "other"}),
    ] {
        let answer = tenant.post(&verify, &patch).await;
        assert_eq!(answer.problem(), needed, "{patch}");
        assert_eq!(
            tenant.patch(&path, &patch).await.problem(),
            needed,
            "{patch}"
        );
    }
    assert_eq!(
        (thief.connections().await, server.connections().await),
        (0, 0)
    );
    let with = json!({"port": thief.address().port(), "password": "another"});
    let answer = tenant.post(&verify, &with).await;
    assert_eq!(answer.body["ok"], true, "{}", answer.text);
}

#[tokio::test]
async fn an_internal_name_is_answered_as_one_that_does_not_exist() {
    let mut inside = dialer();
    let internal =
        ["10.0.0.1", "169.254.169.254", "::1"].map(|ip| ip.parse::<IpAddr>().expect("an address"));
    let names = internal.iter().enumerate();
    let names = names.map(|(n, ip)| (format!("inside-{n}.example.test"), vec![*ip]));
    inside.resolver = Resolver::fixed(&names.collect::<HashMap<_, _>>());
    let world = World::with(inside).await;
    let tenant = world.tenant("acme");
    let bare = |host: &str| {
        let (tenant, draft) = (tenant.clone(), connection(json!({"host": host})));
        async move {
            let mut body = tenant.post(DRAFT, &draft).await.body;
            body["duration_ms"] = Value::Null;
            for stage in body["stages"].as_array_mut().expect("stages") {
                stage["duration_ms"] = Value::Null;
            }
            body
        }
    };
    let unknown = bare("nowhere.example.test").await;
    assert_eq!(failure(&unknown), ["resolve", "name_not_resolved", "/host"]);
    for n in 0..internal.len() {
        let internal = bare(&format!("inside-{n}.example.test")).await;
        assert_eq!(internal, unknown);
    }
}

#[tokio::test]
async fn a_draft_without_a_body_lacks_its_required_fields() {
    let world = World::start().await;
    let refused = world
        .tenant("acme")
        .send("POST", "/v1/connections/verify", &[], "")
        .await;
    let pointers = ["/name", "/sender_email", "/encryption", "/host"];
    assert_eq!(refused.problem(), problem(422, "validation", &pointers));
}
