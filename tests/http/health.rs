//! What a server's refusal or silence does to a connection, and to the messages that wait for it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::model::connection::{Verification, VerificationStatus};
use tests::mail_server::{Answer, Ledger, MailServer, Script, dialer};
use tests::world::{Client, World, at_once, merged, reaching};

use crate::support::{
    default_connection, id_of, login, logins, problem, received, sent, submitted,
};

const MINUTE: Duration = Duration::from_mins(1);
const REFUSAL: &str = "535 5.7.8 wrong";

/// A server with encryption, as only that is shown a login.
fn script() -> Script {
    Script::new().implicit_tls()
}

async fn submit_many(tenant: &Client, count: usize) -> Vec<String> {
    let mut paths = Vec::with_capacity(count);
    for _ in 0..count {
        paths.push(submitted(tenant, json!({})).await);
    }
    paths
}

async fn statuses(tenant: &Client, paths: &[String]) -> Vec<Value> {
    let mut statuses = Vec::with_capacity(paths.len());
    for path in paths {
        statuses.push(tenant.get(path).await.body["status"].clone());
    }
    statuses
}

/// Lets time pass, with the sweep of every minute and what comes of it.
async fn pass(world: &World, minutes: u32) {
    for _ in 0..minutes {
        world.clock.advance(MINUTE);
        world.sweep().await;
        assert_eq!(world.deliver().await, 0);
    }
}

/// 50 messages that found the connection's login refused: the paths of both.
async fn suspended(world: &World, tenant: &Client, server: &MailServer) -> (String, Vec<String>) {
    let connection = default_connection(tenant, server, login()).await;
    let paths = submit_many(tenant, 50).await;
    assert_eq!(world.deliver().await, 0);
    (connection, paths)
}

#[tokio::test]
async fn a_refused_login_suspends_the_connection_and_is_not_tried_again_within_the_hour() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script().on("AUTH", REFUSAL)).await;
    let (connection, paths) = suspended(&world, &tenant, &server).await;
    let health = tenant.get(&connection).await.body["health"].clone();
    let expected = json!({"status": "suspended", "since": "2026-01-01T00:00:00.000Z", "reason": "authentication_rejected",
        "next_attempt_at": "2026-01-01T01:00:00.000Z"});
    assert_eq!(health, expected);
    assert!(world.dump().await.contains("Connection Suspended"));
    assert_eq!(statuses(&tenant, &paths).await, vec![json!("retrying"); 50]);
    let mut tried = 0;
    for path in &paths {
        let message = tenant.get(path).await.body;
        let attempts = message["attempts"].as_array().cloned();
        let attempts = attempts.expect("a list");
        assert!(message["parked"].is_string(), "{message}");
        assert!(attempts.iter().all(|attempt| attempt["counted"] == false));
        tried += attempts.len();
    }
    assert_eq!(tried, 1, "one message learnt it for all");
    pass(&world, 59).await;
    assert_eq!((logins(&server).await, server.connections().await), (1, 1));
    // One more after an hour, then one a day.
    pass(&world, 65).await;
    assert_eq!(logins(&server).await, 2);
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(health["since"], "2026-01-01T00:00:00.000Z");
    let next = health["next_attempt_at"].as_str().expect("a time");
    assert!(next.starts_with("2026-01-02T01:"), "{next}");
}

#[tokio::test]
async fn another_password_wakes_the_messages_of_a_suspended_connection() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let refusing = MailServer::start(script().on("AUTH", REFUSAL)).await;
    let server = MailServer::start(script()).await;
    let (connection, paths) = suspended(&world, &tenant, &refusing).await;
    let patch = json!({"port": server.address().port(), "password": "the right one"});
    let health = tenant.patch(&connection, &patch).await.body["health"].clone();
    assert_eq!(
        (&health["status"], &health["reason"]),
        (&json!("ok"), &Value::Null)
    );
    pass(&world, 6).await;
    assert_eq!(statuses(&tenant, &paths).await, vec![json!("sent"); 50]);
    assert_eq!(received(&server).await.len(), 50);
    assert_eq!(logins(&refusing).await, 1);
}

#[tokio::test]
async fn a_change_that_is_not_about_the_login_leaves_the_connection_suspended() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script().on("AUTH", REFUSAL)).await;
    let (connection, _) = suspended(&world, &tenant, &server).await;
    let patch = json!({"name": "another", "sender_email": "sales@example.com"});
    let changed = tenant.patch(&connection, &patch).await.body;
    assert_eq!(changed["health"]["status"], "suspended");
    pass(&world, 30).await;
    assert_eq!(logins(&server).await, 1);
}

#[tokio::test]
async fn a_verification_that_passes_wakes_the_messages_of_a_suspended_connection() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    // What was wrong is mended at the server, so nothing of the connection changes.
    let refusing = MailServer::start(script().on("MAIL", "550 5.7.1 not yours")).await;
    let connection = default_connection(&tenant, &refusing, login()).await;
    let message = sent(&world, &tenant, json!({})).await;
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(
        (&health["status"], &health["reason"]),
        (&json!("suspended"), &json!("sender_refused"))
    );
    let verify = format!("{connection}/verify");
    assert_eq!(tenant.post(&verify, &json!({})).await.body["ok"], false);
    let still = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(still, health, "a verification that fails changes nothing");
    let port = refusing.address().port();
    drop(refusing);
    let server = MailServer::start_at(port, script()).await;
    world.clock.advance(MINUTE);
    let report = tenant.post(&verify, &json!({})).await.body;
    assert_eq!(report["ok"], true, "{report}");
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(health["status"], "ok", "{health}");
    pass(&world, 6).await;
    let path = format!("/v1/messages/{}", message["id"].as_str().expect("an id"));
    assert_eq!(tenant.get(&path).await.body["status"], "sent");
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn other_connections_and_tenants_go_on_while_one_is_suspended() {
    let world = World::start().await;
    let (acme, other) = (world.tenant("acme"), world.tenant("other"));
    let refusing = MailServer::start(script().on("AUTH", REFUSAL)).await;
    let server = MailServer::start(script()).await;
    let bad = acme.connection(reaching(&refusing, login())).await;
    let settings = merged(
        login(),
        json!({"name": "good", "sender_email": "good@example.com"}),
    );
    let good = acme.connection(reaching(&server, settings)).await;
    let through = |connection: &str| json!({"connection_id": id_of(connection)});
    for _ in 0..3 {
        let waiting = sent(&world, &acme, through(&bad)).await;
        assert_eq!(waiting["status"], "retrying");
        assert_eq!(sent(&world, &acme, through(&good)).await["status"], "sent");
    }
    default_connection(&other, &server, login()).await;
    assert_eq!(sent(&world, &other, json!({})).await["status"], "sent");
    assert_eq!(logins(&refusing).await, 1);
}

#[tokio::test]
async fn an_attempt_of_an_older_version_does_not_suspend_a_connection() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script()).await;
    let path = default_connection(&tenant, &server, login()).await;
    let id = id_of(&path).parse().expect("an id");
    let acme = shared::model::tenant::Tenant::new("acme").expect("a tenant");
    let table = &world.functions.deliver.connections;
    let (old, _) = table.find(&acme, id).await.expect("read").expect("there");
    let now = world.clock.now();
    let trouble = shared::model::health::Trouble::Refused("authentication_rejected".to_owned());
    let health = old.health.after(&trouble, now).expect("suspends");
    let patch = json!({"password": "another"});
    assert_eq!(tenant.patch(&path, &patch).await.status, 200);
    let suspended = table.suspend(&acme, &old, &old.health, &health, now).await;
    assert!(!suspended.expect("asked"));
    let (new, _) = table.find(&acme, id).await.expect("read").expect("there");
    let suspended = table.suspend(&acme, &new, &new.health, &health, now).await;
    assert!(suspended.expect("asked"));
    // One of those who come for the probe gets it.
    world.clock.advance(Duration::from_hours(1));
    let until = world.clock.now() + Duration::from_hours(1);
    let (new, _) = table.find(&acme, id).await.expect("read").expect("there");
    let begun = at_once(8, |_| {
        let (table, acme, new) = (table.clone(), acme.clone(), new.clone());
        async move { table.begin_probe(&acme, &new, until).await.expect("asked") }
    });
    assert_eq!(begun.await.into_iter().filter(|begun| *begun).count(), 1);
}

#[tokio::test]
async fn a_server_without_room_is_left_alone_for_growing_waits_that_spend_no_attempts() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let busy = MailServer::start(Script::new().greeting("421 4.3.2 too busy")).await;
    let connection = default_connection(&tenant, &busy, json!({})).await;
    let message = sent(&world, &tenant, json!({})).await;
    let path = format!("/v1/messages/{}", message["id"].as_str().expect("an id"));
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(health["status"], "backing_off", "{health}");
    assert_eq!(health["next_attempt_at"], "2026-01-01T00:01:00.000Z");
    assert_eq!(
        (
            &message["status"],
            &message["next_attempt_at"],
            &message["attempts"][0]["counted"]
        ),
        (
            &json!("retrying"),
            &health["next_attempt_at"],
            &json!(false)
        )
    );
    // Another message doesn't dial.
    let other = sent(&world, &tenant, json!({})).await;
    assert_eq!(
        (&other["attempts"], &other["next_attempt_at"]),
        (&json!([]), &health["next_attempt_at"])
    );
    pass(&world, 16).await;
    assert_eq!(busy.connections().await, 4, "at 0, 1, 3 and 8 minutes");
    let port = busy.address().port();
    drop(busy);
    let again = MailServer::start_at(port, Script::new().on(".", "451 4.3.0 later")).await;
    pass(&world, 12).await;
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(
        (&health["status"], &health["reason"]),
        (&json!("ok"), &Value::Null)
    );
    assert!(!received(&again).await.is_empty());
    // The first wait of a message that nobody has judged before.
    let message = tenant.get(&path).await.body;
    let attempts = message["attempts"].as_array().cloned().expect("a list");
    let counted = attempts.iter().filter(|attempt| attempt["counted"] == true);
    assert!((1..=3).contains(&counted.count()), "{message}");
}

#[tokio::test]
async fn an_unreachable_server_backs_off_and_recovers() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let port = server.address().port();
    let connection = default_connection(&tenant, &server, json!({})).await;
    drop(server);
    let paths = submit_many(&tenant, 6).await;
    assert_eq!(world.deliver().await, 0);
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(
        (&health["status"], &health["reason"]),
        (&json!("backing_off"), &json!("connection_refused"))
    );
    let server = MailServer::start_at(port, Script::new()).await;
    pass(&world, 4).await;
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(health["status"], "ok", "{health}");
    assert_eq!(statuses(&tenant, &paths).await, vec![json!("sent"); 6]);
    assert_eq!(received(&server).await.len(), 6);
}

#[tokio::test]
async fn a_message_that_its_server_can_not_take_does_not_keep_the_next_from_finding_out_whether_it_works()
 {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let busy = MailServer::start(Script::new().greeting("421 4.3.2 too busy")).await;
    let one_slot = json!({"limits": {"concurrency": 1}});
    let connection = default_connection(&tenant, &busy, one_slot).await;
    let needs_smtputf8 = submitted(&tenant, json!({"to": ["jürgen@example.com"]})).await;
    let other = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    let port = busy.address().port();
    drop(busy);
    let server = MailServer::start_at(port, Script::new().without("SMTPUTF8")).await;
    pass(&world, 3).await;
    let statuses = statuses(&tenant, &[needs_smtputf8, other]).await;
    assert_eq!(statuses, ["failed", "sent"]);
    assert_eq!(received(&server).await.len(), 1);
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(health["status"], "ok", "{health}");
}

#[tokio::test]
async fn a_login_that_takes_longer_than_a_decision_is_good_for_does_not_keep_its_message_from_leaving()
 {
    let soon = Duration::from_millis(20);
    let world = World::adjusted(dialer(), |functions| {
        let deliver = Arc::get_mut(&mut functions.deliver).expect("nobody uses it yet");
        deliver.decided_for = soon;
    });
    let world = world.await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script().on("AUTH", REFUSAL)).await;
    let connection = default_connection(&tenant, &server, login()).await;
    let message = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    let port = server.address().port();
    drop(server);
    // Longer than that with each of its bytes.
    let slow = Answer::drip("235 2.7.0 ok", soon);
    let server = MailServer::start_at(port, script().on("AUTH", slow)).await;
    pass(&world, 66).await;
    assert_eq!(tenant.get(&message).await.body["status"], "sent");
    assert_eq!(logins(&server).await, 1);
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(health["status"], "ok", "{health}");
}

#[tokio::test]
async fn whoever_finds_no_password_leaves_it_to_the_next_to_find_out_whether_the_login_works() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script().on("AUTH", REFUSAL)).await;
    let connection = default_connection(&tenant, &server, login()).await;
    let message = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    let next = tenant.get(&connection).await.body["health"]["next_attempt_at"].clone();
    assert_eq!(next, "2026-01-01T01:00:00.000Z");
    // Somebody has deleted it, as one may for some days.
    let secrets = &world.embedded.secrets;
    let listed = secrets.list_secrets().send().await.expect("a list");
    for secret in listed.secret_list() {
        let delete = secrets.delete_secret().recovery_window_in_days(7);
        let deleted = delete.set_secret_id(secret.name.clone()).send().await;
        deleted.expect("deleted");
    }
    pass(&world, 66).await;
    let attempts = tenant.get(&message).await.body["attempts"].clone();
    assert_eq!(attempts[1]["reason"], "password_missing", "{attempts}");
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(health["next_attempt_at"], next, "{health}");
    assert_eq!(logins(&server).await, 1);
}

#[tokio::test]
async fn another_server_wakes_the_messages_that_wait_for_one_that_backs_off() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let busy = MailServer::start(Script::new().greeting("421 4.3.2 too busy")).await;
    // In one group: of several that come when it may be tried, those that don't get to try look again in two minutes.
    let one = json!({"limits": {"concurrency": 1}});
    let connection = default_connection(&tenant, &busy, one).await;
    let paths = submit_many(&tenant, 3).await;
    // By then the next attempt is half an hour away.
    pass(&world, 20).await;
    let server = MailServer::start(Script::new()).await;
    let port = json!({"port": server.address().port()});
    assert_eq!(tenant.patch(&connection, &port).await.status, 200);
    let waiting = tenant.get(&paths[0]).await.body;
    let next = waiting["next_attempt_at"].as_str().expect("a time");
    assert!(next > "2026-01-01T00:40", "{next}");
    pass(&world, 6).await;
    assert_eq!(statuses(&tenant, &paths).await, vec![json!("sent"); 3]);
    assert_eq!(received(&server).await.len(), 3);
}

#[tokio::test]
async fn a_message_that_waits_for_its_connection_is_not_retried_by_hand_and_tells_nothing_while_it_does()
 {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let limits = json!({"limits": {"per_day": 1}});
    default_connection(&tenant, &server, limits).await;
    assert_eq!(sent(&world, &tenant, json!({})).await["status"], "sent");
    let path = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    let waiting = tenant.get(&path).await.body;
    assert_eq!(waiting["next_attempt_at"], "2026-01-02T00:00:00.000Z");
    let mut streams = world.embedded.streams().await.expect("streams");
    streams.read().expect("read");
    // It is looked at now and then, keeps its start and tells nothing.
    pass(&world, 70).await;
    let again = tenant.get(&path).await.body;
    assert_eq!(again["next_attempt_at"], waiting["next_attempt_at"]);
    assert_eq!(again["attempts"], json!([]));
    assert_ne!(
        again["updated_at"], waiting["updated_at"],
        "it was looked at"
    );
    assert!(streams.read().expect("read").is_empty());
    let retry = tenant.post(&format!("{path}/retry"), &json!({})).await;
    assert_eq!(retry.problem(), problem(409, "not_possible", &[]));
}

#[tokio::test]
async fn a_password_changed_at_the_provider_costs_one_login() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    // No session outlives its message.
    let once = Answer::lines("250 2.0.0 queued").then_close();
    let server = MailServer::start(script().on(".", once)).await;
    let connection = default_connection(&tenant, &server, login()).await;
    submit_many(&tenant, 10).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(received(&server).await.len(), 10);
    let port = server.address().port();
    drop(server);
    let refusing = MailServer::start_at(port, script().on("AUTH", REFUSAL)).await;
    world.clock.advance(Duration::from_secs(30));
    let paths = submit_many(&tenant, 10).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(logins(&refusing).await, 1);
    let health = tenant.get(&connection).await.body["health"].clone();
    assert_eq!(health["reason"], "authentication_rejected", "{health}");
    assert_eq!(statuses(&tenant, &paths).await, vec![json!("retrying"); 10]);
    pass(&world, 59).await;
    assert_eq!(logins(&refusing).await, 1);
}

#[tokio::test]
async fn no_session_is_opened_in_the_place_of_one_that_died_once_the_connection_is_suspended() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let dying = Answer::drip("421 4.4.2 idle for too long", Duration::from_millis(50));
    let server = MailServer::start(script().on("MAIL", dying).in_message(2)).await;
    let path = default_connection(&tenant, &server, login()).await;
    assert_eq!(sent(&world, &tenant, json!({})).await["status"], "sent");
    let message = submitted(&tenant, json!({})).await;
    let world = Arc::new(world);
    let worker = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.deliver().await }
    });
    let mails = |ledger: &Ledger| {
        let commands = ledger.sessions.iter().flat_map(|session| &session.commands);
        commands.filter(|line| line.starts_with("MAIL")).count()
    };
    server.until(|ledger| mails(ledger) == 2).await;
    // Meanwhile another worker finds out that the login is refused.
    let acme = shared::model::tenant::Tenant::new("acme").expect("a tenant");
    let (table, now) = (&world.functions.deliver.connections, world.clock.now());
    let id = id_of(&path).parse().expect("an id");
    let (connection, _) = table.find(&acme, id).await.expect("read").expect("there");
    let trouble = shared::model::health::Trouble::Refused("authentication_rejected".to_owned());
    let health = connection.health.after(&trouble, now).expect("suspends");
    let suspended = table.suspend(&acme, &connection, &connection.health, &health, now);
    assert!(suspended.await.expect("asked"));
    assert_eq!(worker.await.expect("a worker"), 0);
    assert_eq!(logins(&server).await, 1);
    assert_eq!(tenant.get(&message).await.body["status"], "retrying");
}

#[tokio::test]
async fn a_verification_that_passes_counts_for_more_than_a_refusal_of_its_own_seconds() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script()).await;
    let path = default_connection(&tenant, &server, login()).await;
    let acme = shared::model::tenant::Tenant::new("acme").expect("a tenant");
    let table = &world.functions.deliver.connections;
    let id = id_of(&path).parse().expect("an id");
    let (read, _) = table.find(&acme, id).await.expect("read").expect("there");
    let trouble = shared::model::health::Trouble::Refused("authentication_rejected".to_owned());
    let began = world.clock.now();
    let passed = Verification {
        status: VerificationStatus::Passed,
        checked_at: Some(began + Duration::from_secs(1)),
        failure: None,
    };
    // The verification has read the connection, and is asking the server.
    let during = began + Duration::from_secs(2);
    let health = read.health.after(&trouble, during).expect("suspends");
    let suspended = table.suspend(&acme, &read, &read.health, &health, during);
    assert!(suspended.await.expect("asked"));
    let finished = began + Duration::from_secs(3);
    let kept = table.keep_verification(&acme, &read, &passed, None, finished);
    kept.await.expect("kept");
    let status = |answer: Value| answer["health"]["status"].clone();
    assert_eq!(status(tenant.get(&path).await.body), "ok");
    // And one that began before it, and is slower to tell, changes nothing.
    let (now, _) = table.find(&acme, id).await.expect("read").expect("there");
    let suspended = table.suspend(&acme, &now, &now.health, &health, began);
    assert!(!suspended.await.expect("asked"));
    // What is found after it does.
    let later = finished + Duration::from_secs(1);
    let suspended = table.suspend(&acme, &now, &now.health, &health, later);
    assert!(suspended.await.expect("asked"));
    let kept = table.keep_verification(&acme, &now, &passed, None, finished);
    kept.await.expect("asked");
    assert_eq!(
        status(tenant.get(&path).await.body),
        "suspended",
        "it is not a newer one"
    );
}
