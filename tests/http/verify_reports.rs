//! What a report says: to people in their language, of the server, and of a test message.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use shared::aws::connections::connection_key;
use shared::dns::Resolver;
use shared::model::tenant::Tenant;
use tests::mail_server::{Certificate, MailServer, Script, dialer};
use tests::world::{Answer, Client, World, connection, merged, reaching};

use crate::support::{DRAFT, failure, id_of, login, problem, received};

async fn verify(tenant: &Client, draft: &Value, language: &str) -> Answer {
    let headers = [
        ("content-type", "application/json"),
        ("accept-language", language),
    ];
    let body = connection(draft.clone()).to_string();
    tenant.send("POST", DRAFT, &headers, body).await
}

#[tokio::test]
async fn a_passing_report_tells_all_that_the_server_said_of_itself() {
    let server = MailServer::start(Script::new().starttls()).await;
    let world = World::start().await;
    let draft = connection(reaching(&server, login()));
    let mut report = world.tenant("acme").post(DRAFT, &draft).await.body;
    for stage in report["stages"].as_array_mut().expect("stages") {
        assert!(stage["duration_ms"].take().is_u64(), "{stage}");
    }
    assert!(report["duration_ms"].take().is_u64());
    let certificate = &mut report["server"]["tls"]["certificate"];
    assert!(certificate["days_left"].take().as_i64() > Some(0));
    let cipher = report["server"]["tls"]["cipher"].take();
    assert!(
        cipher
            .as_str()
            .is_some_and(|cipher| cipher.starts_with("TLS13_"))
    );
    let stage = |stage, detail| json!({"stage": stage, "status": "passed", "duration_ms": null, "detail": detail});
    let bare = |stage| json!({"stage": stage, "status": "passed", "duration_ms": null});
    let expected = json!({
        "ok": true,
        "checked_at": "2026-01-01T00:00:00.000Z",
        "duration_ms": null,
        "stages": [
            stage("resolve", "127.0.0.1"),
            stage("connect", "127.0.0.1"),
            bare("greeting"),
            stage("tls", "TLSv1.3"),
            stage("auth", "PLAIN"),
            bare("sender"),
        ],
        "failure": null,
        "server": {
            "greeting": "mail.example.test ESMTP",
            "extensions": ["PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN"],
            "size_limit": 10_000_000,
            "auth_mechanisms": ["PLAIN", "LOGIN"],
            "tls": {
                "version": "TLSv1.3",
                "cipher": null,
                "certificate": {
                    "subject": "CN=rcgen self signed cert",
                    "names": ["mail.example.test"],
                    "issuer": "CN=Trusted",
                    "not_before": "1975-01-01T00:00:00.000Z",
                    "not_after": "4096-01-01T00:00:00.000Z",
                    "days_left": null,
                },
            },
        },
        "suggestion": null,
        "warnings": report["warnings"],
    });
    assert_eq!(report, expected, "{report:#}");
}

#[tokio::test]
async fn a_refused_certificate_is_shown() {
    let server = MailServer::start(
        Script::new()
            .implicit_tls()
            .certificate(Certificate::Expired),
    )
    .await;
    let world = World::start().await;
    let draft = connection(reaching(&server, login()));
    let report = world.tenant("acme").post(DRAFT, &draft).await.body;
    assert_eq!(failure(&report), ["tls", "certificate_expired", "/host"]);
    let tls = &report["server"]["tls"];
    assert_eq!(
        (&tls["version"], &tls["cipher"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(tls["certificate"]["not_after"], "2020-01-01T00:00:00.000Z");
    assert!(tls["certificate"]["days_left"].as_i64() < Some(0));
    assert_eq!(report["server"]["greeting"], Value::Null);
}

#[tokio::test]
async fn titles_and_hints_are_in_the_callers_language_and_codes_are_not() {
    let refusing = Script::new().starttls().on("AUTH", "535 5.7.8 no");
    let server = MailServer::start(refusing).await;
    let world = World::start().await;
    let mut reports = Vec::new();
    for (n, (language, tag)) in [
        ("en-GB,it;q=0.5", "en"),
        ("it-IT,it;q=0.9,en;q=0.8", "it"),
        ("de", "en"),
    ]
    .into_iter()
    .enumerate()
    {
        let tenant = world.tenant(&format!("t{n}"));
        let answer = verify(&tenant, &reaching(&server, login()), language).await;
        assert_eq!(answer.header("content-language"), Some(tag));
        assert_eq!(
            failure(&answer.body),
            ["auth", "authentication_rejected", "/password"]
        );
        reports.push(answer.body);
    }
    let text = |n: usize, name: &str| {
        reports[n]["failure"][name]
            .as_str()
            .expect("text")
            .to_owned()
    };
    assert_eq!(text(0, "title"), "The server refused username or password");
    assert_eq!(text(1, "title"), "Il server ha rifiutato login o password");
    assert_ne!(text(0, "hint"), text(1, "hint"));
    assert_eq!(text(0, "hint"), text(2, "hint"));
    let warnings = |n: usize| reports[n]["warnings"][0].clone();
    assert_eq!(warnings(0)["code"], warnings(1)["code"]);
    assert_ne!(warnings(0)["detail"], warnings(1)["detail"]);
}

#[tokio::test]
async fn a_hint_names_the_addresses_to_let_in_and_says_whether_to_try_again() {
    let blocking = Script::new().starttls().greeting("554 5.7.1 blocked");
    let server = MailServer::start(blocking).await;
    let world = World::start().await;
    let report = world
        .tenant("acme")
        .post(DRAFT, &connection(reaching(&server, login())))
        .await
        .body;
    let hint = report["failure"]["hint"].as_str().expect("a hint");
    assert!(hint.contains("13.38.96.228"), "{hint}");
    assert_eq!(report["failure"]["retryable"], true);
    // Not a word of a server that has not shown itself to be one.
    assert_eq!(report["failure"]["reply"], Value::Null);
}

#[tokio::test]
async fn hints_know_the_provider_of_the_host() {
    let refusing = Script::new()
        .starttls()
        .certificate(Certificate::For(&["smtp.office365.com"]))
        .on("AUTH", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.");
    let server = MailServer::start(refusing).await;
    let mut dialer = dialer();
    let here = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let names = [("smtp.office365.com".to_owned(), here)];
    dialer.resolver = Resolver::fixed(&HashMap::from(names));
    let world = World::with(dialer).await;
    let draft = merged(
        reaching(&server, login()),
        json!({"host": "smtp.office365.com"}),
    );
    let report = verify(&world.tenant("acme"), &draft, "en").await.body;
    assert_eq!(
        failure(&report),
        ["auth", "password_login_disabled", "/username"]
    );
    let hint = report["failure"]["hint"].as_str().expect("a hint");
    assert!(hint.contains("Authenticated SMTP"), "{hint}");
    assert_eq!(report["failure"]["retryable"], false);
}

#[tokio::test]
async fn a_password_that_comes_back_in_any_reply_is_not_shown() {
    for (command, stage) in [("MAIL", "sender"), ("RCPT", "message"), (".", "message")] {
        let script = Script::new().starttls();
        let script = script.on(
            command,
            "550 5.7.1 info@example.com has the password Canary-42",
        );
        let server = MailServer::start(script).await;
        let world = World::start().await;
        let login = json!({"username": "info@example.com", "password": "Canary-42", "send_to": "you@example.com"});
        let report = verify(&world.tenant("acme"), &reaching(&server, login), "en").await;
        assert_eq!(failure(&report.body)[0], stage);
        assert_eq!(
            report.body["failure"]["reply"],
            json!({"code": 550, "enhanced": "5.7.1", "text": ""})
        );
        assert!(!report.text.contains("Canary"), "{}", report.text);
    }
}

#[tokio::test]
async fn a_test_message_is_sent_when_it_is_asked_for_and_all_stages_have_passed() {
    let server = MailServer::start(Script::new().starttls()).await;
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let draft = merged(
        reaching(&server, login()),
        json!({"sender_name": "Però Srl", "send_to": "you@example.com"}),
    );
    let report = verify(&tenant, &draft, "it").await.body;
    assert_eq!(report["ok"], true, "{report}");
    let last = report["stages"]
        .as_array()
        .and_then(|stages| stages.last())
        .expect("a stage");
    assert_eq!(
        (&last["stage"], &last["status"], &last["detail"]),
        (&json!("message"), &json!("passed"), &json!("queued"))
    );
    let mut messages = received(&server).await;
    assert_eq!(messages.len(), 1);
    let message = messages.remove(0);
    assert_eq!(
        (message.from.as_str(), message.to.as_slice()),
        ("info@example.com", &["you@example.com".to_owned()][..])
    );
    let text = String::from_utf8(message.body).expect("seven bits");
    for header in [
        "Subject: Prova della connessione email\r\n",
        "To: you@example.com\r\n",
        "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "@example.com>\r\n",
    ] {
        assert!(text.contains(header), "{header:?} in {text}");
    }
    assert!(
        text.is_ascii() && text.contains("<info@example.com>"),
        "{text}"
    );
}

#[tokio::test]
async fn a_refused_test_message_is_told_by_what_it_was_refused_for() {
    for (script, code, pointer) in [
        (
            Script::new().on("RCPT", "550 5.1.1 no such user"),
            "recipient_refused",
            "/send_to",
        ),
        (
            Script::new().on(
                "RCPT",
                "553 5.7.1 Sender address rejected: not owned by user x",
            ),
            "sender_not_owned",
            "/sender_email",
        ),
        (
            Script::new().on("RCPT", "450 4.2.1 greylisted"),
            "temporarily_unavailable",
            "",
        ),
        (
            Script::new().on(".", "554 5.6.0 spam"),
            "message_refused",
            "",
        ),
    ] {
        let server = MailServer::start(script).await;
        let world = World::start().await;
        let draft = reaching(&server, json!({"send_to": "you@example.com"}));
        let report = verify(&world.tenant("acme"), &draft, "en").await.body;
        assert_eq!(failure(&report), ["message", code, pointer]);
        assert!(
            !received(&server)
                .await
                .iter()
                .any(|message| message.accepted)
        );
    }
}

#[tokio::test]
async fn no_test_message_is_sent_where_a_stage_failed_or_its_address_is_wrong() {
    let server = MailServer::start(Script::new().on("MAIL", "550 5.1.8 no")).await;
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let draft = reaching(&server, json!({"send_to": "you@example.com"}));
    let report = verify(&tenant, &draft, "en").await.body;
    assert_eq!(failure(&report)[..2], ["sender", "sender_refused"]);
    let last = report["stages"]
        .as_array()
        .and_then(|stages| stages.last())
        .expect("a stage");
    assert_eq!(
        (&last["stage"], &last["status"]),
        (&json!("message"), &json!("skipped"))
    );
    assert!(!server.session().await.saw("RCPT"));

    let wrong = json!({"host": "", "send_to": "you"});
    let answer = tenant.post(DRAFT, &connection(wrong)).await;
    assert_eq!(
        answer.problem(),
        problem(422, "validation", &["/host", "/send_to"])
    );
    let wrong = json!({"send_to": ["you@example.com"], "sent_to": 1});
    let answer = tenant.post(DRAFT, &connection(wrong)).await;
    assert_eq!(
        answer.problem(),
        problem(422, "validation", &["/sent_to", "/send_to"])
    );
    // Only a verification has somebody to send to.
    let created = json!({"send_to": "you@example.com"});
    let answer = tenant.post("/v1/connections", &connection(created)).await;
    assert_eq!(answer.problem(), problem(422, "validation", &["/send_to"]));
}

#[tokio::test]
async fn the_kept_outcome_carries_its_event_which_the_next_change_replaces() {
    let server = MailServer::start(Script::new().starttls()).await;
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(reaching(&server, login())).await;
    let event = || async {
        let key = connection_key(
            &Tenant::new("acme").expect("a tenant"),
            id_of(&path).parse().expect("an id"),
        );
        let get = world
            .embedded
            .dynamodb
            .get_item()
            .table_name("connections")
            .set_key(Some(key));
        let mut item = get
            .send()
            .await
            .expect("read")
            .item
            .expect("the connection");
        item.remove("event")
            .map(|event| serde_dynamo::from_attribute_value::<_, Value>(event).expect("JSON"))
    };
    let told = |event: Option<Value>| event.map(|event| event["detail_type"].clone());
    assert_eq!(told(event().await), Some(json!("Connection Created")));
    // With somebody to send to it is verified as it is saved, too.
    let answer = tenant
        .post(
            &format!("{path}/verify"),
            &json!({"send_to": "you@example.com"}),
        )
        .await;
    assert_eq!(answer.body["ok"], true);
    assert_eq!(
        event().await,
        Some(json!({
            "detail_type": "Connection Verified",
            "detail": {
                "tenant": "acme",
                "connection_id": id_of(&path),
                "name": "SMTP Ufficio",
                "verification": {"status": "passed", "checked_at": "2026-01-01T00:00:00.000Z", "failure": null},
                "by": "user-1",
            },
        }))
    );
    tenant.patch(&path, &json!({"sender_name": "Acme"})).await;
    assert_eq!(told(event().await), Some(json!("Connection Updated")));
}
