//! Messages: from their acceptance to the mail server, and what is told of it.

use serde_json::{Value, json};
use tests::mail_server::{Answer as Reply, MailServer, Script};
use tests::world::World;

use crate::support::{default_connection, mail, received, sent};

/// A world with one default connection to a server that plays `script`; what becomes of a message.
async fn fate(script: Script, changes: Value) -> (Value, MailServer) {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script).await;
    default_connection(&tenant, &server, json!({})).await;
    (sent(&world, &tenant, changes).await, server)
}

fn statuses(message: &Value) -> Vec<&str> {
    let recipients = message["recipients"].as_array().expect("recipients");
    let statuses = recipients.iter().map(|it| it["status"].as_str());
    statuses.map(Option::unwrap_or_default).collect()
}

#[tokio::test]
async fn an_accepted_message_is_answered_whole() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let path = default_connection(&tenant, &server, json!({"sender_name": "Acme"})).await;
    let asked = json!({"from": {"email": "forms@third.party", "name": "Form"}, "reply_to": "visitor@third.party",
        "bcc": ["b@example.com"], "metadata": {"invoice": "42"}});
    let answer = tenant.post("/v1/messages", &mail(asked)).await;
    assert_eq!(answer.status, 202);
    let id = answer.id();
    assert_eq!(
        answer.header("location"),
        Some(format!("/v1/messages/{id}").as_str())
    );
    let recipient =
        |email, kind| json!({"email": email, "kind": kind, "status": "open", "reply": null});
    assert_eq!(
        answer.body,
        json!({
            "id": id, "status": "queued", "rule": "default",
            "requested": {"connection_id": null, "from": {"email": "forms@third.party", "name": "Form"}, "reply_to": "visitor@third.party"},
            "effective": {"connection_id": crate::support::id_of(&path), "from": {"email": "info@example.com", "name": "Acme"}, "reply_to": null},
            "overrides": ["from", "reply_to"],
            "recipients": [recipient("you@example.com", "to"), recipient("b@example.com", "bcc")],
            "attempts": [], "subject": "Hello", "message_id": format!("<{}@example.com>", id.replace('_', ".")),
            "possible_duplicate": false, "partial": false, "metadata": {"invoice": "42"}, "parked": null,
            "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z", "next_attempt_at": null,
        })
    );
    let read = tenant.get(&format!("/v1/messages/{id}")).await;
    assert_eq!(read.body, answer.body);
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn what_arrives_is_from_the_default_and_shows_no_blind_copy() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let own = json!({"sender_name": "Acme", "reply_to": "help@example.com"});
    default_connection(&tenant, &server, own).await;
    let asked = json!({"cc": ["c@example.com"], "bcc": ["b@example.com"], "from": {"email": "x@third.party", "name": "X"},
        "reply_to": "visitor@third.party", "headers": {"X-Campaign": "spring"}});
    let message = sent(&world, &tenant, asked).await;
    assert_eq!(message["status"], "sent", "{message}");
    let arrived = received(&server).await;
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].from, "info@example.com");
    assert_eq!(
        arrived[0].to,
        ["you@example.com", "c@example.com", "b@example.com"]
    );
    let text = String::from_utf8_lossy(&arrived[0].body);
    let (headers, body) = text.split_once("\r\n\r\n").expect("headers and body");
    let header = |name: &str| {
        let start = format!("{name}: ");
        headers
            .split("\r\n")
            .find_map(|line| line.strip_prefix(start.as_str()))
    };
    let from = header("From").expect("From");
    assert!(
        from.contains("Acme") && from.ends_with("<info@example.com>"),
        "{from}"
    );
    assert!(header("Reply-To").is_some_and(|it| it.contains("help@example.com")));
    assert!(header("To").is_some_and(|it| it.contains("you@example.com")));
    assert!(header("Cc").is_some_and(|it| it.contains("c@example.com")));
    assert_eq!(header("Subject"), Some("Hello"));
    assert_eq!(header("X-Campaign"), Some("spring"));
    assert_eq!(header("Message-ID"), message["message_id"].as_str());
    assert!(!text.contains("b@example.com") && !headers.contains("third.party"));
    assert!(body.contains("It works."));
}

#[tokio::test]
async fn a_sent_message_tells_the_attempt_and_each_recipient() {
    let (message, _) = fate(Script::new(), json!({})).await;
    assert_eq!(
        (&message["status"], &message["partial"]),
        (&json!("sent"), &json!(false))
    );
    assert_eq!(statuses(&message), ["accepted"]);
    assert_eq!(message["recipients"][0]["reply"]["code"], 250);
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(message["attempts"][0]["outcome"], "accepted");
    assert_eq!(
        message["attempts"][0]["reply"],
        json!({"code": 250, "enhanced": "2.0.0", "text": "queued"})
    );
    assert_eq!(message["next_attempt_at"], Value::Null);
}

#[tokio::test]
async fn a_message_that_one_of_three_recipients_is_refused_is_sent_in_part() {
    let script = Script::new().on("RCPT TO:<b@", "550 5.1.1 no such user");
    let three = json!({"to": ["a@example.com", "b@example.com"], "bcc": ["c@example.com"]});
    let (message, server) = fate(script, three).await;
    assert_eq!(
        (&message["status"], &message["partial"]),
        (&json!("sent"), &json!(true))
    );
    assert_eq!(statuses(&message), ["accepted", "refused", "accepted"]);
    assert_eq!(
        message["recipients"][1]["reply"],
        json!({"code": 550, "enhanced": "5.1.1", "text": "no such user"})
    );
    assert_eq!(
        received(&server).await[0].to,
        ["a@example.com", "c@example.com"]
    );
}

#[tokio::test]
async fn a_message_that_all_recipients_are_refused_has_failed() {
    let (message, server) = fate(Script::new().on("RCPT", "550 5.1.1 no"), json!({})).await;
    assert_eq!(
        (&message["status"], statuses(&message)),
        (&json!("failed"), vec!["refused"])
    );
    assert_eq!(message["attempts"][0]["outcome"], "permanent");
    assert_eq!(message["attempts"][0]["reply"]["code"], 550);
    assert_eq!(message["next_attempt_at"], Value::Null);
    assert!(received(&server).await.is_empty());
}

#[tokio::test]
async fn a_message_refused_for_now_is_to_be_retried() {
    let (message, _) = fate(Script::new().on(".", "451 4.3.0 later"), json!({})).await;
    assert_eq!(
        (&message["status"], statuses(&message)),
        (&json!("retrying"), vec!["open"])
    );
    assert_eq!(message["attempts"][0]["outcome"], "transient");
    assert_eq!(
        message["attempts"][0]["reply"],
        json!({"code": 451, "enhanced": "4.3.0", "text": "later"})
    );
    assert!(message["next_attempt_at"].is_string());
    assert_eq!(message["possible_duplicate"], false);
}

#[tokio::test]
async fn a_refused_login_leaves_the_message_to_be_retried_and_says_why() {
    let script = Script::new().starttls().on("AUTH", "535 5.7.8 bad");
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(script).await;
    let login = json!({"username": "u", "password": "wrong"});
    default_connection(&tenant, &server, login).await;
    let message = sent(&world, &tenant, json!({})).await;
    assert_eq!(message["status"], "retrying", "{message}");
    assert_eq!(message["attempts"][0]["outcome"], "not_sent");
    assert_eq!(message["attempts"][0]["reason"], "authentication_rejected");
    assert_eq!(message["attempts"][0]["reply"]["code"], 535);
    let parked = message["parked"].as_str().expect("a reason");
    assert!(parked.contains("suspended"), "{parked}");
    assert_eq!(statuses(&message), ["open"]);
}

#[tokio::test]
async fn a_server_lost_after_the_final_dot_leaves_a_possible_duplicate() {
    let (message, server) = fate(Script::new().on(".", Reply::close()), json!({})).await;
    assert_eq!(message["status"], "retrying", "{message}");
    assert_eq!(message["possible_duplicate"], true);
    assert_eq!(message["attempts"][0]["outcome"], "ambiguous");
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn a_server_lost_before_the_end_of_the_body_leaves_no_duplicate() {
    let script = Script::new().hang_up_in_body(1, "421 4.3.2 going down");
    let (message, _) = fate(script, json!({})).await;
    assert_eq!(message["status"], "retrying", "{message}");
    assert_eq!(message["possible_duplicate"], false, "{message}");
}
