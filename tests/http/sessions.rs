//! Sessions with mail servers that stay open between deliveries.

use std::time::Duration;

use serde_json::json;
use tests::mail_server::{Answer, MailServer, Script};
use tests::world::{World, merged, reaching};

use crate::support::{default_connection, id_of, login, logins, received, sent};

fn script() -> Script {
    Script::new().implicit_tls()
}

#[tokio::test]
async fn two_deliveries_through_one_connection_log_in_once() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script()).await;
    default_connection(&tenant, &server, login()).await;
    for _ in 0..3 {
        assert_eq!(sent(&world, &tenant, json!({})).await["status"], "sent");
    }
    assert_eq!(
        (logins(&server).await, received(&server).await.len()),
        (1, 3)
    );
    // MAIL, RCPT and DATA are one turn, the body is the other.
    assert_eq!(received(&server).await[2].turns, 2);
}

#[tokio::test]
async fn a_session_that_was_idle_for_too_long_by_the_clock_on_the_wall_is_not_used_again() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script()).await;
    default_connection(&tenant, &server, login()).await;
    for (idle, expected) in [(0, 1), (50, 1), (70, 2), (50, 2)] {
        world.clock.advance(Duration::from_secs(idle));
        assert_eq!(sent(&world, &tenant, json!({})).await["status"], "sent");
        assert_eq!(logins(&server).await, expected, "{idle}");
    }
    let ledger = server.until(|ledger| ledger.ended() == 1).await;
    assert!(ledger.sessions[0].saw("QUIT"));
}

#[tokio::test]
async fn a_change_of_the_connection_ends_its_session() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script()).await;
    let connection = default_connection(&tenant, &server, login()).await;
    sent(&world, &tenant, json!({})).await;
    let change = json!({"password": "another"});
    assert_eq!(tenant.patch(&connection, &change).await.status, 200);
    sent(&world, &tenant, json!({})).await;
    let ledger = server.until(|ledger| ledger.ended() == 1).await;
    assert_eq!(ledger.sessions.len(), 2);
    assert_eq!(
        (logins(&server).await, received(&server).await.len()),
        (2, 2)
    );
}

#[tokio::test]
async fn sessions_of_two_connections_to_one_server_with_one_login_are_kept_apart() {
    let world = World::start().await;
    let server = MailServer::start(script()).await;
    for name in ["acme", "globex"] {
        let tenant = world.tenant(name);
        default_connection(&tenant, &server, login()).await;
        sent(&world, &tenant, json!({})).await;
        sent(&world, &tenant, json!({})).await;
    }
    let ledger = server.until(|_| true).await;
    let messages: Vec<_> = ledger.sessions.iter().map(|it| it.messages.len()).collect();
    assert_eq!(messages, [2, 2]);
}

#[tokio::test]
async fn a_message_for_a_session_that_the_server_has_closed_goes_through_a_new_one() {
    for answer in [
        Answer::lines("250 2.0.0 queued").then_close(),
        Answer::lines("250 2.0.0 queued\n421 4.4.2 idle for too long"),
    ] {
        let world = World::start().await;
        let tenant = world.tenant("acme");
        let server = MailServer::start(script().on(".", answer)).await;
        default_connection(&tenant, &server, login()).await;
        for _ in 0..2 {
            let message = sent(&world, &tenant, json!({})).await;
            assert_eq!(message["status"], "sent");
            assert_eq!(message["possible_duplicate"], false, "{message}");
            assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
        }
        assert_eq!(
            (logins(&server).await, received(&server).await.len()),
            (2, 2)
        );
    }
}

#[tokio::test]
async fn a_session_that_dies_at_its_second_use_is_replaced_once_and_the_attempt_goes_on() {
    for answer in [
        Answer::close(),
        Answer::lines("421 4.4.2 idle for too long").then_close(),
        Answer::lines("530 5.7.0 authentication required"),
    ] {
        let world = World::start().await;
        let tenant = world.tenant("acme");
        let script = script().on("MAIL", answer).in_message(2);
        let server = MailServer::start(script).await;
        default_connection(&tenant, &server, login()).await;
        sent(&world, &tenant, json!({})).await;
        let message = sent(&world, &tenant, json!({})).await;
        assert_eq!(message["status"], "sent", "{message}");
        assert_eq!(message["possible_duplicate"], false);
        assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            (logins(&server).await, received(&server).await.len()),
            (2, 2)
        );
    }
}

#[tokio::test]
async fn a_session_that_is_lost_after_the_dot_is_not_replaced() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let script = script().on(".", Answer::close()).in_message(2);
    let server = MailServer::start(script).await;
    default_connection(&tenant, &server, login()).await;
    sent(&world, &tenant, json!({})).await;
    let message = sent(&world, &tenant, json!({})).await;
    assert_eq!(message["attempts"][0]["outcome"], "ambiguous", "{message}");
    assert_eq!(
        (logins(&server).await, received(&server).await.len()),
        (1, 2)
    );
}

#[tokio::test]
async fn a_connection_that_limits_its_sessions_keeps_none_beyond_the_invocation() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script()).await;
    let limited = merged(login(), json!({"limits": {"concurrency": 2}}));
    default_connection(&tenant, &server, limited).await;
    sent(&world, &tenant, json!({})).await;
    let seen = server.session().await;
    assert!(seen.saw("QUIT"));
    sent(&world, &tenant, json!({})).await;
    assert_eq!(logins(&server).await, 2);
}

#[tokio::test]
async fn no_more_than_ten_sessions_are_open_and_the_one_that_was_idle_longest_makes_room() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script()).await;
    let mut connections = Vec::new();
    for n in 0..11 {
        let settings = merged(login(), json!({"name": format!("c{n}")}));
        let path = tenant.connection(reaching(&server, settings)).await;
        let through = json!({"connection_id": id_of(&path)});
        assert_eq!(
            sent(&world, &tenant, through.clone()).await["status"],
            "sent"
        );
        connections.push(through);
    }
    let ledger = server.until(|ledger| ledger.ended() == 1).await;
    assert!(ledger.sessions[0].ended && ledger.sessions[0].saw("QUIT"));
    sent(&world, &tenant, connections.remove(10)).await;
    assert_eq!(logins(&server).await, 11, "the last one is still open");
    sent(&world, &tenant, connections.remove(0)).await;
    assert_eq!(logins(&server).await, 12, "the first one is not");
}
