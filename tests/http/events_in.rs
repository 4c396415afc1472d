//! Messages asked for by events: the same checks as over HTTP, and nothing that goes wrong silently.

use std::time::Duration;

use local::embedded::{Forwarded, Streams};
use serde_json::{Value, json};
use submit::events::{Incoming, NotAccepted};
use tests::mail_server::{MailServer, Script};
use tests::world::{World, merged};

use crate::support::{default_connection, keyed, mail, received};

/// The detail of an event, with `changes` merged into its message.
fn asked(changes: Value) -> Value {
    json!({"tenant": "acme", "message": mail(changes)})
}

async fn start() -> (World, MailServer, Streams) {
    let world = World::start().await;
    let server = MailServer::start(Script::new()).await;
    default_connection(&world.tenant("acme"), &server, json!({})).await;
    let streams = world.embedded.streams().await.expect("streams");
    (world, server, streams)
}

/// The rejections since this was last asked.
fn rejections(streams: &mut Streams) -> Vec<Value> {
    let events = streams.read().expect("the streams are read").into_iter();
    let rejected = |event: &Forwarded| event.detail_type == "Message Rejected";
    events.filter(rejected).map(|event| event.detail).collect()
}

#[tokio::test]
async fn an_event_and_an_entry_are_sent_by_the_rules_that_hold_over_http() {
    let (world, server, mut streams) = start().await;
    let other_sender = json!({"from": "forms@third.test", "text": "by event"});
    assert!(world.event("e1", &asked(other_sender)).await.is_ok());
    let entry = asked(json!({"text": "by entry"})).to_string();
    assert!(world.entries(&[("m1", &entry)]).await.is_empty());
    assert_eq!(world.deliver().await, 0);
    let mut bodies: Vec<_> = received(&server)
        .await
        .into_iter()
        .map(|message| String::from_utf8_lossy(&message.body).into_owned())
        .collect();
    bodies.sort_by_key(|body| body.contains("by event"));
    assert!(bodies.len() == 2 && bodies[0].contains("by entry"));
    assert!(bodies[1].contains("by event") && bodies[1].contains("From: info@example.com"));
    assert_eq!(rejections(&mut streams), [Value::Null; 0]);
}

#[tokio::test]
async fn what_comes_twice_is_sent_once() {
    let (world, server, mut streams) = start().await;
    let detail = asked(json!({}));
    let text = detail.to_string();
    for _ in 0..3 {
        assert!(world.event("same", &detail).await.is_ok());
        // An entry may have the name of an event: they are two.
        assert!(world.entries(&[("same", &text)]).await.is_empty());
    }
    // And another event may say the same.
    assert!(world.event("other", &detail).await.is_ok());
    // What a key stands for is the same by every way.
    let key = merged(detail.clone(), json!({"idempotency_key": "invoice-42"}));
    assert!(world.event("e2", &key).await.is_ok());
    assert!(world.entries(&[("m2", &key.to_string())]).await.is_empty());
    let tenant = world.tenant("acme");
    let again = keyed(&tenant, "/v1/messages", "invoice-42", &mail(json!({}))).await;
    assert_eq!(again.status, 202);
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 4);

    let other = merged(key, json!({"message": mail(json!({"subject": "Other"}))}));
    assert_eq!(
        world.event("e3", &other).await,
        Err(NotAccepted::Refused("idempotency_mismatch"))
    );
    assert_eq!(rejections(&mut streams).len(), 1);
}

#[tokio::test]
async fn nobody_can_choose_the_key_of_another_event() {
    let (world, server, _) = start().await;
    for key in ["queue\0m1", "queue m1", "m1"] {
        let detail = merged(asked(json!({})), json!({ "idempotency_key": key }));
        let _ = world.event(key, &detail).await;
    }
    let entry = asked(json!({})).to_string();
    assert!(world.entries(&[("m1", &entry)]).await.is_empty());
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 3);
}

#[tokio::test]
async fn a_bad_event_fails_each_time_and_its_reason_is_told_once() {
    let (world, server, mut streams) = start().await;
    let long = "x".repeat(256);
    let table = [
        (json!([]), "validation", vec![""]),
        (json!({}), "validation", vec!["/tenant", "/message"]),
        (
            json!({"tenant": "", "message": null, "idempotency_key": 7, "mesage": {}}),
            "validation",
            vec!["/mesage", "/tenant", "/idempotency_key", "/message"],
        ),
        (
            merged(asked(json!({})), json!({"tenant": 7})),
            "validation",
            vec!["/tenant"],
        ),
        (
            merged(asked(json!({})), json!({"idempotency_key": long})),
            "validation",
            vec!["/idempotency_key"],
        ),
        (
            merged(asked(json!({})), json!({"idempotency_key": ""})),
            "validation",
            vec!["/idempotency_key"],
        ),
        (
            merged(asked(json!({})), json!({"message": "hello"})),
            "validation",
            vec!["/message"],
        ),
        (
            asked(json!({"to": ["nobody"], "txet": "x"})),
            "validation",
            vec!["/message/txet", "/message/to/0"],
        ),
        (
            merged(asked(json!({})), json!({"tenant": "empty"})),
            "no_sender",
            vec![],
        ),
    ];
    for (index, (detail, problem, pointers)) in table.into_iter().enumerate() {
        let refused = Err(NotAccepted::Refused(problem));
        for _ in 0..2 {
            assert_eq!(world.event(&format!("e{index}"), &detail).await, refused);
        }
        let text = detail.to_string();
        for _ in 0..2 {
            assert_eq!(world.entries(&[("m", &text)]).await, ["m"]);
        }
        let told = rejections(&mut streams);
        // The entry's name was refused at the first row already.
        assert_eq!(told.len(), if index == 0 { 2 } else { 1 }, "{told:?}");
        let [told, ..] = &told[..] else {
            unreachable!()
        };
        assert_eq!(told["event_id"], format!("e{index}"));
        assert_eq!(told["source"], "event_bridge");
        assert_eq!(told["problem"], problem);
        let errors = told["errors"].as_array().expect("errors");
        let found: Vec<_> = errors.iter().map(|error| &error["pointer"]).collect();
        assert_eq!(found, pointers, "{told}");
        let known = detail["tenant"]
            .as_str()
            .filter(|tenant| !tenant.is_empty());
        assert_eq!(told["tenant"].as_str(), known);
    }
    assert_eq!(world.entries(&[("m-json", "{")]).await, ["m-json"]);
    assert_eq!(rejections(&mut streams)[0]["problem"], "malformed");
    assert_eq!(world.deliver().await, 0);
    assert!(received(&server).await.is_empty());
}

#[tokio::test]
async fn a_bad_entry_does_not_hold_up_its_batch() {
    let (world, server, _) = start().await;
    let good = |text: &str| asked(json!({ "text": text })).to_string();
    let (first, last) = (good("first"), good("last"));
    let failed = world
        .entries(&[("1", &first), ("2", "nonsense"), ("3", &last)])
        .await;
    assert_eq!(failed, ["2"]);
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 2);
}

#[tokio::test]
async fn a_rejection_shows_no_content_and_has_bounds() {
    let (world, _, mut streams) = start().await;
    let canary = "canary-7f3a";
    let unknown: serde_json::Map<_, _> = (0..1000)
        .map(|n| (format!("{n}{}", "k".repeat(2000)), json!(canary)))
        .collect();
    let message = merged(
        mail(json!({"subject": canary, "text": canary, "to": [canary]})),
        Value::Object(unknown),
    );
    let detail = json!({"tenant": "acme", "message": message});
    assert!(world.event("e", &detail).await.is_err());
    let told = rejections(&mut streams);
    let text = told[0].to_string();
    assert!(
        !text.contains(canary) && text.len() < 16 * 1024,
        "{}",
        text.len()
    );
    assert_eq!(told[0]["errors"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn an_event_over_4_mib_is_refused() {
    let (world, _, mut streams) = start().await;
    let detail = asked(json!({"text": "x".repeat(4 * 1024 * 1024)}));
    let refused = Err(NotAccepted::Refused("too_large"));
    assert_eq!(world.event("e", &detail).await, refused);
    assert_eq!(rejections(&mut streams).len(), 1);
}

#[tokio::test]
async fn an_event_of_another_type_asks_for_nothing() {
    let (world, server, mut streams) = start().await;
    let event = json!({"id": "e", "detail-type": "Email Wanted", "detail": asked(json!({}))});
    assert_eq!(
        world.invoke(&event).await,
        Err(NotAccepted::Refused("validation"))
    );
    assert_eq!(
        rejections(&mut streams)[0]["errors"][0]["pointer"],
        "/detail-type"
    );
    assert_eq!(world.deliver().await, 0);
    assert!(received(&server).await.is_empty());
}

#[tokio::test]
async fn what_was_refused_for_want_of_a_sender_is_accepted_once_there_is_one() {
    let world = World::start().await;
    let server = MailServer::start(Script::new()).await;
    let entry = asked(json!({})).to_string();
    assert_eq!(world.entries(&[("m", &entry)]).await, ["m"]);
    default_connection(&world.tenant("acme"), &server, json!({})).await;
    assert!(world.entries(&[("m", &entry)]).await.is_empty());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn storage_that_fails_for_now_fails_the_entry_and_tells_nothing() {
    let (world, _, mut streams) = start().await;
    let (name, gone) = ("content", world.embedded.s3.clone());
    gone.delete_bucket()
        .bucket(name)
        .send()
        .await
        .expect("deleted");
    let detail = asked(json!({}));
    assert!(matches!(
        world.event("e", &detail).await,
        Err(NotAccepted::Later(_))
    ));
    assert_eq!(world.entries(&[("m", &detail.to_string())]).await, ["m"]);
    assert_eq!(rejections(&mut streams), [Value::Null; 0]);
}

#[test]
fn an_http_request_is_not_taken_for_an_event_whatever_it_says() {
    let body = json!({"Records": [], "detail-type": "Email Requested"}).to_string();
    let request = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/v1/messages", "rawQueryString": "Records=1",
        "headers": {"records": "[]", "detail-type": "Email Requested"},
        "requestContext": {"requestId": "x", "http": {"method": "POST", "path": "/v1/messages"}},
        "body": body, "isBase64Encoded": false,
    });
    assert!(matches!(Incoming::read(&request.to_string()), Ok(None)));
}
