//! Nobody can use verification to attack anyone: how often is limited, and a refused login is not tried again and again.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::aws::connections::connection_key;
use shared::model::tenant::Tenant;
use tests::mail_server::{Answer, MailServer, Script};
use tests::world::{Answer as HttpAnswer, Client, World, connection, reaching};

use crate::support::{DRAFT, default_connection, failure, id_of, login, logins, sent};

const MINUTE: Duration = Duration::from_mins(1);

/// Verifies a draft and gives status, name of the problem, and Retry-After.
async fn verify(tenant: &Client, draft: Value) -> (u16, String, Option<String>) {
    told(&tenant.post(DRAFT, &connection(draft)).await)
}

fn told(answer: &HttpAnswer) -> (u16, String, Option<String>) {
    let (status, name, _) = answer.problem();
    (
        status,
        name,
        answer.header("retry-after").map(str::to_owned),
    )
}

fn ok() -> (u16, String, Option<String>) {
    (200, String::new(), None)
}

fn limited(seconds: u32) -> (u16, String, Option<String>) {
    (429, "rate_limited".to_owned(), Some(seconds.to_string()))
}

fn refusing() -> Script {
    Script::new()
        .starttls()
        .on("AUTH", "535 5.7.8 bad credentials")
}

#[tokio::test]
async fn a_tenant_verifies_sixty_times_a_minute_and_takes_no_turn_from_another() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let draft = |n: usize| json!({"host": format!("host-{n}.example.test")});
    for n in 0..60 {
        assert_eq!(verify(&tenant, draft(n)).await, ok(), "{n}");
    }
    world.clock.advance(Duration::from_millis(15_500));
    assert_eq!(verify(&tenant, draft(60)).await, limited(45));
    assert_eq!(verify(&world.tenant("other"), draft(60)).await, ok());
    world.clock.advance(MINUTE);
    assert_eq!(verify(&tenant, draft(61)).await, ok());
}

#[tokio::test]
async fn a_host_and_port_is_verified_ten_times_a_minute_by_all_tenants_together() {
    let world = World::start().await;
    let host = || json!({"host": "Mail.Example.TEST."});
    for n in 0..10 {
        assert_eq!(verify(&world.tenant(&format!("t{n}")), host()).await, ok());
    }
    let tenant = world.tenant("acme");
    assert_eq!(verify(&tenant, host()).await, limited(60));
    let canonical = json!({"host": "mail.example.test", "port": 587});
    assert_eq!(verify(&tenant, canonical).await, limited(60));
    let port = json!({"host": "mail.example.test", "port": 2525});
    assert_eq!(verify(&tenant, port).await, ok());
    world.clock.advance(MINUTE);
    assert_eq!(verify(&tenant, host()).await, ok());
}

#[tokio::test]
async fn turns_taken_at_once_are_counted_one_by_one() {
    let world = World::start().await;
    let answers = tests::world::at_once(20, |n| {
        let tenant = world.tenant(&format!("t{n}"));
        async move { verify(&tenant, json!({"host": "mail.example.test"})).await }
    })
    .await;
    let passed = answers.iter().filter(|answer| answer.0 == 200).count();
    assert_eq!(passed, 10, "{answers:?}");
}

#[tokio::test]
async fn what_is_not_valid_takes_no_turn() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for _ in 0..70 {
        assert_eq!(verify(&tenant, json!({"host": ""})).await.0, 422);
    }
    assert_eq!(verify(&tenant, json!({})).await, ok());
}

#[tokio::test]
async fn a_refused_login_is_answered_from_memory_until_five_minutes_have_passed_or_something_changes()
 {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(refusing()).await;
    let draft = connection(reaching(&server, login()));
    let first = tenant.post(DRAFT, &draft).await.body;
    assert_eq!(failure(&first)[1], "authentication_rejected");
    assert_eq!(first["failure"]["next_attempt_at"], Value::Null);

    world.clock.advance(MINUTE);
    let again = tenant.post(DRAFT, &draft).await.body;
    assert_eq!(logins(&server).await, 1);
    assert_eq!(failure(&again), failure(&first));
    assert_eq!(again["failure"]["reply"], first["failure"]["reply"]);
    assert_eq!(again["checked_at"], "2026-01-01T00:00:00.000Z");
    let next = "2026-01-01T00:05:00.000Z";
    assert_eq!(again["failure"]["next_attempt_at"], next);
    let hint = again["failure"]["hint"].as_str().expect("a hint");
    assert!(hint.contains("after 2026-01-01 00:05 UTC"), "{hint}");

    // The name is nothing that the server is asked about.
    let renamed = connection(reaching(
        &server,
        json!({"name": "other", "username": "info@example.com", "password": "s3cr3t"}),
    ));
    tenant.post(DRAFT, &renamed).await;
    assert_eq!(logins(&server).await, 1);
    let corrected = json!({"username": "info@example.com", "password": "another"});
    tenant
        .post(DRAFT, &connection(reaching(&server, corrected)))
        .await;
    assert_eq!(logins(&server).await, 2);
    // What one tenant has tried tells another nothing.
    let other = world.tenant("other").post(DRAFT, &draft).await.body;
    assert_eq!(other["failure"]["next_attempt_at"], Value::Null);
    assert_eq!(logins(&server).await, 3);

    world.clock.advance(4 * MINUTE);
    tenant.post(DRAFT, &draft).await;
    assert_eq!(logins(&server).await, 4);
}

#[tokio::test]
async fn a_saved_login_that_was_refused_is_remembered_on_the_connection() {
    let world = World::start().await;
    let server = MailServer::start(refusing()).await;
    let path = world
        .tenant("acme")
        .connection(reaching(&server, login()))
        .await;
    let verify = format!("{path}/verify");
    world.tenant("acme").post(&verify, &json!({})).await;
    // Another instance of the function has nothing in its memory.
    let other = world.tenant_of_another_instance("acme");
    let again = other.post(&verify, &json!({})).await.body;
    assert_eq!(failure(&again)[..2], ["auth", "authentication_rejected"]);
    assert_eq!(
        again["failure"]["next_attempt_at"],
        "2026-01-01T00:05:00.000Z"
    );
    assert_eq!(logins(&server).await, 1);
    let patch = json!({"password": "another"});
    other.post(&verify, &patch).await;
    assert_eq!(logins(&server).await, 2);
}

#[tokio::test]
async fn fifty_wrong_passwords_are_five_logins_and_another_tenant_still_verifies_and_sends() {
    let world = World::start().await;
    let guess = |password: &str| STANDARD.encode(format!("\0info@example.com\0{password}"));
    // As far as the guesses are alike.
    let guesses = format!("AUTH PLAIN {}", &guess("guess-")[..32]);
    let refusing = Script::new()
        .starttls()
        .on(&guesses, "535 5.7.8 bad credentials");
    let server = MailServer::start(refusing).await;
    let tenant = world.tenant("acme");
    let mut answers = Vec::new();
    for n in 0..50 {
        let guess = json!({"username": "info@example.com", "password": format!("guess-{n}")});
        let draft = connection(reaching(&server, guess));
        answers.push(tenant.post(DRAFT, &draft).await);
        // Slowly enough for the limits of tenant and target.
        world.clock.advance(Duration::from_secs(6));
    }
    assert_eq!(logins(&server).await, 5);
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!(refused, 45);
    assert_eq!(told(&answers[5]), limited(270));

    let other = world.tenant("other");
    world.clock.advance(MINUTE);
    let draft = connection(reaching(&server, login()));
    assert_eq!(other.post(DRAFT, &draft).await.body["ok"], true);
    default_connection(&other, &server, login()).await;
    let message = sent(&world, &other, json!({})).await;
    assert_eq!(message["status"], "sent");
}

#[tokio::test]
async fn a_login_that_the_server_never_answers_is_counted_as_one_it_may_have_refused() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for answer in [
        Answer::close(),
        "421 4.7.0 later".into(),
        "454 4.7.0 later".into(),
    ] {
        let server = MailServer::start(Script::new().starttls().on("AUTH", answer)).await;
        for n in 0..7 {
            let guess = json!({"username": format!("u{n}@example.com"), "password": "s3cr3t"});
            tenant
                .post(DRAFT, &connection(reaching(&server, guess)))
                .await;
        }
        assert_eq!(logins(&server).await, 5);
        world.clock.advance(MINUTE);
    }
}

#[tokio::test]
async fn a_server_without_a_login_costs_no_turn_of_logins() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().starttls().without("AUTH")).await;
    for _ in 0..7 {
        let draft = connection(reaching(&server, login()));
        let report = tenant.post(DRAFT, &draft).await.body;
        assert_eq!(failure(&report)[1], "no_auth_offered");
    }
}

#[tokio::test]
async fn a_tenant_without_turns_takes_none_of_a_servers_from_others() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for n in 0..60 {
        verify(&tenant, json!({"host": format!("host-{n}.example.test")})).await;
    }
    for _ in 0..10 {
        assert_eq!(verify(&tenant, json!({})).await.0, 429);
    }
    assert_eq!(verify(&world.tenant("other"), json!({})).await, ok());
}

#[tokio::test]
async fn suggestions_are_limited_apart_from_verifications() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let suggest = || async {
        let body = json!({"email": "info@gmail.com"});
        told(&tenant.post("/v1/connections/suggest", &body).await)
    };
    for _ in 0..60 {
        assert_eq!(suggest().await, ok());
    }
    assert_eq!(suggest().await, limited(60));
    assert_eq!(verify(&tenant, json!({})).await, ok());
}

#[tokio::test]
async fn an_older_refusal_does_not_replace_a_newer_outcome() {
    let world = World::start().await;
    let refusing = Script::new().starttls().on("AUTH", "535 5.7.8 no");
    let server = MailServer::start(refusing).await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(reaching(&server, login())).await;
    let verify = format!("{path}/verify");
    // Remembered by this instance, and not on the connection, as it was not verified as it is saved.
    let patch = json!({"sender_email": "other@example.com"});
    assert_eq!(failure(&tenant.post(&verify, &patch).await.body)[0], "auth");
    world.clock.advance(MINUTE);
    let kept =
        json!({"status": "passed", "checked_at": "2026-01-01T00:01:00.000Z", "failure": null});
    let key = connection_key(
        &Tenant::new("acme").expect("a tenant"),
        id_of(&path).parse().expect("an id"),
    );
    let value = serde_dynamo::to_attribute_value(&kept).expect("an attribute");
    let update = world
        .embedded
        .dynamodb
        .update_item()
        .table_name("connections")
        .set_key(Some(key));
    let update = update
        .update_expression("SET verification = :kept")
        .expression_attribute_values(":kept", value);
    update.send().await.expect("kept by another instance");
    assert_eq!(
        failure(&tenant.post(&verify, &json!({})).await.body)[0],
        "auth"
    );
    assert_eq!(tenant.get(&path).await.body["verification"], kept);
}

#[tokio::test]
async fn a_login_that_is_accepted_can_be_verified_as_often_as_the_server_may() {
    let world = World::start().await;
    let server = MailServer::start(Script::new().starttls()).await;
    let tenant = world.tenant("acme");
    for _ in 0..10 {
        let draft = connection(reaching(&server, login()));
        assert_eq!(tenant.post(DRAFT, &draft).await.body["ok"], true);
    }
    assert_eq!(logins(&server).await, 10);
}
