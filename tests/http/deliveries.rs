//! A message from its acceptance to its end, through a mail server that follows a script.

use std::time::Duration;

use serde_json::{Value, json};
use tests::mail_server::{Answer, MailServer, Script};
use tests::world::{World, at_once, reaching};

use crate::support::{default_connection, id_of, keyed, mail, problem, received, sent, submitted};

const MINUTE: Duration = Duration::from_mins(1);

async fn server(script: Script) -> MailServer {
    MailServer::start(script.starttls()).await
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

#[tokio::test]
async fn the_default_sends_whatever_sender_is_asked_for() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = server(Script::new()).await;
    let other = tenant
        .connection(reaching(&server, json!({"name": "Other", "active": false})))
        .await;
    let own = json!({"name": "Default", "sender_name": "Acme", "reply_to": "replies@example.com"});
    let path = default_connection(&tenant, &server, own).await;
    let message = sent(
        &world,
        &tenant,
        json!({"connection_id": id_of(&other), "from": {"email": "forms@third.test", "name": "Form"}, "reply_to": "visitor@third.test",
               "bcc": ["hidden@example.com"]}),
    )
    .await;
    assert_eq!(message["status"], "sent", "{message}");
    assert_eq!(message["rule"], "default");
    assert_eq!(message["effective"]["connection_id"], id_of(&path));
    assert_eq!(
        message["overrides"],
        json!(["connection_id", "from", "reply_to"])
    );
    assert_eq!(message["requested"]["from"]["email"], "forms@third.test");

    let [seen] = &received(&server).await[..] else {
        panic!("one message")
    };
    assert_eq!(seen.from, "info@example.com");
    assert_eq!(seen.to, ["you@example.com", "hidden@example.com"]);
    let body = text(&seen.body);
    assert!(body.contains("From: Acme <info@example.com>\r\n"), "{body}");
    assert!(body.contains("Reply-To: replies@example.com\r\n"), "{body}");
    assert!(
        !body.contains("third.test") && !body.contains("hidden@example.com"),
        "{body}"
    );
}

#[tokio::test]
async fn without_a_default_the_sender_is_named_or_found_or_refused() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let explain = async |asked: Value| tenant.post("/v1/sender", &asked).await;
    assert_eq!(
        explain(json!({})).await.problem(),
        problem(409, "no_sender", &[])
    );
    let a = tenant
        .connection(json!({"name": "A", "sender_email": "a@example.com"}))
        .await;
    assert_eq!(
        explain(json!({"from": "x@third.test"})).await.body["rule"],
        "only_active"
    );
    let b = tenant
        .connection(json!({"name": "B", "sender_email": "b@example.com"}))
        .await;
    let by_from = explain(
        json!({"from": {"email": "B@Example.com", "name": "Bee"}, "reply_to": "r@example.com"}),
    )
    .await;
    assert_eq!(
        by_from.body,
        json!({
            "rule": "from",
            "requested": {"connection_id": null, "from": {"email": "B@Example.com", "name": "Bee"}, "reply_to": "r@example.com"},
            "effective": {"connection_id": id_of(&b), "from": {"email": "b@example.com", "name": "Bee"}, "reply_to": "r@example.com"},
            "overrides": [],
        })
    );
    assert_eq!(
        explain(json!({"connection_id": id_of(&a)})).await.body["rule"],
        "named"
    );
    assert_eq!(
        explain(json!({})).await.problem(),
        problem(409, "no_sender", &[])
    );
    tenant.patch(&a, &json!({"active": false})).await;
    let inactive = json!({"connection_id": id_of(&a)});
    let refused = explain(inactive.clone()).await;
    assert_eq!(
        refused.problem(),
        problem(409, "connection_inactive", &["/connection_id"])
    );
    let refused = tenant.post("/v1/messages", &mail(inactive)).await;
    assert_eq!(
        refused.problem(),
        problem(409, "connection_inactive", &["/connection_id"])
    );
    assert!(world.take_queue().await.is_empty());
}

#[tokio::test]
async fn each_recipient_has_its_own_outcome() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let script = Script::new().on("RCPT TO:<no@", "550 5.1.1 nobody");
    let server = server(script).await;
    default_connection(&tenant, &server, json!({})).await;
    let partial = sent(
        &world,
        &tenant,
        json!({"to": ["a@example.com", "no@example.com"]}),
    )
    .await;
    assert_eq!(
        (&partial["status"], &partial["partial"]),
        (&json!("sent"), &json!(true))
    );
    assert_eq!(partial["recipients"][0]["status"], "accepted");
    assert_eq!(
        partial["recipients"][1],
        json!({"email": "no@example.com", "kind": "to", "status": "refused",
               "reply": {"code": 550, "enhanced": "5.1.1", "text": "nobody"}})
    );
    let failed = sent(&world, &tenant, json!({"to": ["no@example.com"]})).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["attempts"][0]["outcome"], "permanent");
    assert_eq!(failed["next_attempt_at"], Value::Null);
}

#[tokio::test]
async fn a_message_refused_for_now_is_tried_again_when_it_is_due() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let busy = server(Script::new().on("MAIL", "451 4.3.0 later")).await;
    let good = server(Script::new()).await;
    let path = default_connection(&tenant, &busy, json!({})).await;
    let message = submitted(&tenant, json!({})).await;
    world.deliver().await;
    let retrying = tenant.get(&message).await.body;
    assert_eq!(retrying["status"], "retrying", "{retrying}");
    assert_eq!(retrying["attempts"][0]["reply"]["code"], 451);

    // Before its time nothing happens, also if a queue entry comes once more.
    world.sweep().await;
    assert_eq!(world.take_queue().await.len(), 0);
    tenant
        .patch(&path, &json!({"port": good.target().port}))
        .await;
    world.clock.advance(2 * MINUTE);
    world.sweep().await;
    world.deliver().await;
    let done = tenant.get(&message).await.body;
    assert_eq!(done["status"], "sent", "{done}");
    let outcomes: Vec<_> = done["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|a| &a["outcome"])
        .collect();
    assert_eq!(outcomes, ["transient", "accepted"]);
    assert_eq!(received(&good).await.len(), 1);
}

#[tokio::test]
async fn an_entry_that_comes_twice_sends_once_and_one_that_is_lost_is_made_again() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = server(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    submitted(&tenant, json!({})).await;
    let entry = world.take_queue().await.pop().expect("an entry");
    assert_eq!(
        world
            .hand_over(vec![entry.clone(), entry.clone(), entry])
            .await,
        0
    );
    assert_eq!(received(&server).await.len(), 1);

    let lost = submitted(&tenant, json!({})).await;
    world.take_queue().await;
    world.clock.advance(11 * MINUTE);
    world.sweep().await;
    world.sweep().await;
    world.deliver().await;
    assert_eq!(tenant.get(&lost).await.body["status"], "sent");
    assert_eq!(received(&server).await.len(), 2);
}

#[tokio::test]
async fn a_poison_entry_fails_alone() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = server(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    submitted(&tenant, json!({})).await;
    let mut entries = world.take_queue().await;
    entries.push("no delivery".to_owned());
    assert_eq!(world.hand_over(entries).await, 1);
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn the_sender_is_decided_again_at_the_attempt() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (first, second) = (server(Script::new()).await, server(Script::new()).await);
    default_connection(&tenant, &first, json!({"name": "First"})).await;
    let message = submitted(&tenant, json!({})).await;
    let other = json!({"name": "Second", "sender_email": "second@example.com"});
    let path = default_connection(&tenant, &second, other).await;
    world.deliver().await;
    let done = tenant.get(&message).await.body;
    assert_eq!(done["effective"]["connection_id"], id_of(&path), "{done}");
    assert!(received(&first).await.is_empty());
    assert_eq!(received(&second).await[0].from, "second@example.com");
}

#[tokio::test]
async fn a_message_without_a_sender_waits_for_one() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = server(Script::new()).await;
    let path = tenant.connection(reaching(&server, json!({}))).await;
    let message = submitted(&tenant, json!({})).await;
    tenant.patch(&path, &json!({"active": false})).await;
    world.deliver().await;
    let parked = tenant.get(&message).await.body;
    assert_eq!(
        (&parked["status"], &parked["attempts"]),
        (&json!("retrying"), &json!([]))
    );
    assert!(
        parked["parked"]
            .as_str()
            .is_some_and(|why| why.contains("no connection")),
        "{parked}"
    );
    assert!(received(&server).await.is_empty());

    tenant.patch(&path, &json!({"active": true})).await;
    world.clock.advance(6 * MINUTE);
    world.sweep().await;
    world.deliver().await;
    let done = tenant.get(&message).await.body;
    assert_eq!(
        (&done["status"], &done["parked"]),
        (&json!("sent"), &Value::Null)
    );
}

#[tokio::test]
async fn a_refused_login_sends_nothing_and_says_why() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let script = Script::new().on("AUTH", "535 5.7.8 wrong");
    let server = server(script).await;
    default_connection(
        &tenant,
        &server,
        json!({"username": "u@example.com", "password": "s3cr3t"}),
    )
    .await;
    let message = sent(&world, &tenant, json!({})).await;
    assert_eq!(message["status"], "retrying");
    assert_eq!(message["attempts"][0]["outcome"], "not_sent");
    assert_eq!(message["attempts"][0]["reason"], "authentication_rejected");
    // A wrong password must not make the shared addresses look like an attacker's.
    assert_eq!(message["next_attempt_at"], "2026-01-01T01:00:00.000Z");
    assert!(received(&server).await.is_empty());
}

#[tokio::test]
async fn a_session_lost_after_the_dot_marks_the_message_as_possibly_doubled() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = server(Script::new().on(".", Answer::close())).await;
    default_connection(&tenant, &server, json!({})).await;
    let message = sent(&world, &tenant, json!({})).await;
    assert_eq!(
        (&message["status"], &message["possible_duplicate"]),
        (&json!("retrying"), &json!(true))
    );
    assert_eq!(message["attempts"][0]["outcome"], "ambiguous");
}

#[tokio::test]
async fn a_submission_repeated_with_its_key_is_one_message() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = server(Script::new()).await;
    let path = default_connection(&tenant, &server, json!({})).await;
    let client = tenant.clone();
    let answers = at_once(10, move |_| {
        let client = client.clone();
        async move { keyed(&client, "/v1/messages", "one", &mail(json!({}))).await }
    })
    .await;
    let accepted: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 202)
        .collect();
    assert!(
        !accepted.is_empty()
            && accepted
                .iter()
                .all(|answer| answer.text == accepted[0].text)
    );
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 202 | 409))
    );
    world.deliver().await;
    assert_eq!(received(&server).await.len(), 1);

    let other = keyed(
        &tenant,
        "/v1/messages",
        "one",
        &mail(json!({"subject": "Other"})),
    )
    .await;
    assert_eq!(other.problem(), problem(422, "idempotency_mismatch", &[]));
    tenant.delete(&path).await;
    tenant
        .patch(&path, &json!({"default": false, "active": false}))
        .await;
    let replayed = keyed(&tenant, "/v1/messages", "one", &mail(json!({}))).await;
    assert_eq!((replayed.status, &replayed.text), (202, &accepted[0].text));
    world.clock.advance(24 * 60 * MINUTE);
    let forgotten = keyed(&tenant, "/v1/messages", "one", &mail(json!({}))).await;
    assert_eq!(forgotten.problem(), problem(409, "no_sender", &[]));
}

#[tokio::test]
async fn a_worker_that_vanishes_before_the_fence_is_followed_and_after_it_the_message_is_marked() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = server(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    for (fenced, possible_duplicate) in [(false, false), (true, true)] {
        let message = submitted(&tenant, json!({})).await;
        let entry = world.take_queue().await.pop().expect("an entry");
        let delivery = serde_json::from_str(&entry).expect("a delivery");
        let now = world.clock.now();
        let messages = &world.functions.deliver.messages;
        let claim = messages
            .claim(&delivery, "a worker".to_owned(), now, now + MINUTE)
            .await;
        let claim = claim.expect("storage").expect("a claim");
        if fenced {
            assert!(messages.intend(&claim).await.expect("storage"));
        }
        // While the claim holds, nobody else works on it.
        assert_eq!(world.hand_over(vec![entry]).await, 0);
        assert_eq!(tenant.get(&message).await.body["status"], "sending");
        // It runs out; the sweeper queues the message again. The marked one is tried once more after its wait.
        for _ in 0..2 {
            world.clock.advance(2 * MINUTE);
            world.sweep().await;
            world.deliver().await;
        }
        let done = tenant.get(&message).await.body;
        assert_eq!(done["status"], "sent", "{done}");
        assert_eq!(done["possible_duplicate"], possible_duplicate);
    }
    assert_eq!(received(&server).await.len(), 2);
}
