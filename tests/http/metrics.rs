//! What each function counts and measures in an invocation.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use shared::metrics::Metrics;
use shared::model::retry::Ambiguous;
use tests::mail_server::{self, Answer, MailServer, Script};
use tests::world::{World, connection, merged, reaching};

use crate::support::{DRAFT, default_connection, keyed, login, mail, submitted};

const MINUTE: Duration = Duration::from_mins(1);

/// A world whose functions measure.
async fn measured(ambiguous: Ambiguous) -> World {
    World::adjusted(mail_server::dialer(), |functions| {
        let unused = "nobody uses the state yet";
        let metrics = || Metrics::of("function");
        Arc::get_mut(&mut functions.verify).expect(unused).metrics = metrics();
        Arc::get_mut(&mut functions.submit).expect(unused).metrics = metrics();
        Arc::get_mut(&mut functions.sweep).expect(unused).metrics = metrics();
        let deliver = Arc::get_mut(&mut functions.deliver).expect(unused);
        deliver.metrics = metrics();
        deliver.ambiguous = ambiguous;
    })
    .await
}

/// What was counted since this was last asked, and how many values were measured of what is measured in milliseconds.
fn counted(world: &World, metrics: &Metrics) -> Value {
    let document = metrics.take(world.clock.now()).unwrap_or_default();
    let described = document["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    let mut counted = Map::new();
    for metric in described.into_iter().flatten() {
        let name = metric["Name"].as_str().expect("a name");
        let value = match &document[name] {
            Value::Array(took) => json!(took.len()),
            count => count.clone(),
        };
        counted.insert(name.to_owned(), value);
    }
    Value::Object(counted)
}

#[tokio::test]
async fn a_delivery_counts_its_messages_attempts_and_sessions_and_measures_how_long_they_took() {
    let world = measured(Ambiguous::Retry).await;
    let tenant = world.tenant("acme");
    let busy = Script::new().implicit_tls();
    let busy = busy.on(".", "451 4.3.0 later").in_message(3);
    let server = MailServer::start(busy).await;
    let one_slot = merged(login(), json!({"limits": {"concurrency": 1}}));
    default_connection(&tenant, &server, one_slot).await;
    for _ in 0..3 {
        submitted(&tenant, json!({})).await;
    }
    let accepted = counted(&world, &world.functions.submit.metrics);
    assert_eq!(accepted, json!({"Accepted": 3}));
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.deliver_once().await, 0);
    let metrics = &world.functions.deliver.metrics;
    let document = metrics.take(world.clock.now()).expect("a document");
    assert_eq!(document["DeliveryLatency"], json!([5000, 5000]));
    let values = |name: &str| document[name].as_array().map_or(0, Vec::len);
    assert_eq!(
        ["TransactionDuration", "SessionOpenDuration"].map(values),
        [3, 1]
    );
    let names = [
        "Sent",
        "Deferred",
        "AttemptsAccepted",
        "AttemptsTransient",
        "SessionsOpened",
    ];
    assert_eq!(names.map(|name| document[name].clone()), [2, 1, 2, 1, 1]);
    let described = document["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    assert_eq!(described.map(Vec::len), Some(8), "{document}");
}

#[tokio::test]
async fn a_session_that_was_idle_counts_as_reused() {
    let world = measured(Ambiguous::Retry).await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().implicit_tls()).await;
    default_connection(&tenant, &server, json!({})).await;
    for (opened, reused) in [(json!(1), Value::Null), (Value::Null, json!(1))] {
        submitted(&tenant, json!({})).await;
        assert_eq!(world.deliver().await, 0);
        let counted = counted(&world, &world.functions.deliver.metrics);
        let sessions = (&counted["SessionsOpened"], &counted["SessionsReused"]);
        assert_eq!(sessions, (&opened, &reused));
    }
}

#[tokio::test]
async fn a_refused_login_counts_each_time_and_the_suspension_once() {
    let world = measured(Ambiguous::Retry).await;
    let tenant = world.tenant("acme");
    let script = Script::new().implicit_tls();
    let server = MailServer::start(script.on("AUTH", "535 5.7.8 wrong")).await;
    let one_slot = merged(login(), json!({"limits": {"concurrency": 1}}));
    default_connection(&tenant, &server, one_slot).await;
    for _ in 0..3 {
        submitted(&tenant, json!({})).await;
    }
    assert_eq!(world.deliver_once().await, 0);
    let first = counted(&world, &world.functions.deliver.metrics);
    assert_eq!(
        first,
        json!({"Parked": 3, "AttemptsNotSent": 1, "LoginsRefused": 1, "ConnectionsSuspended": 1})
    );
    world.clock.advance(61 * MINUTE);
    world.sweep().await;
    assert_eq!(world.deliver_once().await, 0);
    let second = counted(&world, &world.functions.deliver.metrics);
    assert_eq!(
        second,
        json!({"Parked": 3, "AttemptsNotSent": 1, "LoginsRefused": 1})
    );
}

#[tokio::test]
async fn other_ends_of_messages_are_counted_by_themselves() {
    for (command, answer, end, attempts) in [
        (
            "RCPT",
            Answer::lines("550 5.1.1 nobody"),
            "Failed",
            "AttemptsPermanent",
        ),
        (".", Answer::close(), "Unknown", "AttemptsAmbiguous"),
    ] {
        let world = measured(Ambiguous::Hold).await;
        let tenant = world.tenant("acme");
        let server = MailServer::start(Script::new().on(command, answer)).await;
        default_connection(&tenant, &server, json!({})).await;
        submitted(&tenant, json!({})).await;
        assert_eq!(world.deliver().await, 0);
        let counted = counted(&world, &world.functions.deliver.metrics);
        assert_eq!((&counted[end], &counted[attempts]), (&json!(1), &json!(1)));
        assert_eq!(counted["Sent"], Value::Null);
    }
}

#[tokio::test]
async fn a_verification_counts_how_it_ended_and_measures_how_long_it_took() {
    let world = measured(Ambiguous::Retry).await;
    let tenant = world.tenant("acme");
    let good = MailServer::start(Script::new().implicit_tls()).await;
    let script = Script::new().implicit_tls();
    let bad = MailServer::start(script.on("AUTH", "535 5.7.8 wrong")).await;
    for (server, expected) in [
        (
            &good,
            json!({"VerificationsPassed": 1, "VerificationDuration": 1}),
        ),
        (
            &bad,
            json!({"VerificationsFailed": 1, "VerificationDuration": 1, "LoginsRefused": 1}),
        ),
        // It is known already: nothing was tried.
        (&bad, json!({})),
    ] {
        let draft = connection(reaching(server, login()));
        assert_eq!(tenant.post(DRAFT, &draft).await.status, 200);
        assert_eq!(counted(&world, &world.functions.verify.metrics), expected);
    }
}

#[tokio::test]
async fn a_sweep_counts_what_was_due_what_it_queued_again_and_the_secrets_it_collected() {
    let world = measured(Ambiguous::Retry).await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().implicit_tls()).await;
    let path = default_connection(&tenant, &server, login()).await;
    for _ in 0..2 {
        submitted(&tenant, json!({})).await;
    }
    // The queue lost them.
    assert_eq!(world.take_queue().await.len(), 2);
    let changed = tenant.patch(&path, &json!({"password": "new"})).await;
    assert_eq!(changed.status, 200);
    let metrics = &world.functions.sweep.metrics;
    world.sweep().await;
    assert_eq!(counted(&world, metrics), json!({}));
    world.clock.advance(60 * MINUTE);
    world.sweep().await;
    assert_eq!(
        counted(&world, metrics),
        json!({"Due": 2, "Requeued": 2, "SecretsCollected": 1})
    );
}

#[tokio::test]
async fn what_is_refused_by_either_way_counts_as_rejected_and_what_is_repeated_as_nothing() {
    let world = measured(Ambiguous::Retry).await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    let metrics = &world.functions.submit.metrics;
    for expected in [json!({"Accepted": 1}), json!({})] {
        let answer = keyed(&tenant, "/v1/messages", "key", &mail(json!({}))).await;
        assert_eq!(answer.status, 202);
        assert_eq!(counted(&world, metrics), expected);
    }
    let bad = mail(json!({"to": []}));
    assert_eq!(tenant.post("/v1/messages", &bad).await.status, 422);
    assert_eq!(counted(&world, metrics), json!({"Rejected": 1}));
    let event = json!({"tenant": "acme", "message": bad});
    assert!(world.event("e1", &event).await.is_err());
    assert_eq!(counted(&world, metrics), json!({"Rejected": 1}));
}
