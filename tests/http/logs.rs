//! The lines that functions log: flat JSON with the ids of what they are about, and nothing of what is in a message.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::{Value, json};
use shared::telemetry::{CONTEXT, Lines};
use tests::mail_server::{MailServer, Script};
use tests::world::World;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Instrument as _, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{default_connection, id_of, login, mail, submitted};

/// What is logged by the thread of a test.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// As in production, until the guard is dropped.
    fn capture() -> (Self, DefaultGuard) {
        // As long as there is one subscriber alone, what is not wanted on the thread that first comes to a span is taken for unwanted on
        // all. This one sees that there never is.
        static ANOTHER: LazyLock<Dispatch> =
            LazyLock::new(|| Dispatch::new(tracing_subscriber::registry().with(LevelFilter::INFO)));
        LazyLock::force(&ANOTHER);
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::registry()
            .with(LevelFilter::INFO)
            .with(Lines::to(move || writer.clone()));
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines since this was last asked, each of them flat.
    fn lines(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let text = String::from_utf8(bytes).expect("text");
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let fields = line.as_object().expect("an object");
            assert!(fields.values().all(|it| !it.is_object() && !it.is_array()));
            line
        };
        text.lines().map(line).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of functions that say this.
fn saying<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    let says = |line: &&Value| line["message"] == message;
    lines.iter().filter(says).collect()
}

fn assert_named(line: &Value, expected: &Value) {
    for name in CONTEXT {
        assert_eq!(line[name], expected[name], "{name} of {line}");
    }
}

#[tokio::test]
async fn every_line_of_a_request_names_it_and_what_it_is_about() {
    let (log, _guard) = Log::capture();
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    let connection = default_connection(&tenant, &server, json!({})).await;
    log.lines();
    let answer = tenant.post("/v1/messages", &mail(json!({}))).await;
    let request_id = answer.headers["x-request-id"].to_str().expect("text");
    let lines = log.lines();
    let mut expected = json!({
        "request_id": request_id, "tenant": "acme", "connection_id": id_of(&connection), "message_id": answer.id(),
        "method": "POST", "path": "/v1/messages",
    });
    let [accepted] = saying(&lines, "accepted")[..] else {
        panic!("{lines:?}")
    };
    assert_named(accepted, &expected);
    expected["connection_id"] = Value::Null;
    let [answered] = saying(&lines, "answered")[..] else {
        panic!("{lines:?}")
    };
    assert_named(answered, &expected);
    assert_eq!(answered["status"], 202);

    let missing = tenant.get(&connection.replace("conn_", "conn_x")).await;
    let lines = log.lines();
    let [answered] = saying(&lines, "answered")[..] else {
        panic!("{lines:?}")
    };
    let got = (&answered["status"], &answered["problem"]);
    assert_eq!(got, (&json!(404), &json!("not_found")), "{}", missing.text);
    assert_eq!(answered["connection_id"], Value::Null, "it is none");
}

#[tokio::test]
async fn every_line_of_a_delivery_names_the_invocation_and_what_it_is_about() {
    let (log, _guard) = Log::capture();
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let script = Script::new().implicit_tls();
    let server = MailServer::start(script.on("AUTH", "535 5.7.8 wrong")).await;
    let connection = default_connection(&tenant, &server, login()).await;
    let message =
        json!({"subject": "Confidential", "text": "Between us.", "to": ["secret@example.com"]});
    let paths = [
        submitted(&tenant, message.clone()).await,
        submitted(&tenant, message).await,
    ];
    let mut entries = world.take_queue().await;
    entries.push("poison".to_owned());
    log.lines();
    // As the Lambda runtime does it.
    let invocation = info_span!("Lambda runtime invoke", requestId = "i-1");
    let failed = world.hand_over(entries).instrument(invocation).await;
    assert_eq!(failed, 1);
    let lines = log.lines();
    for line in &lines {
        let ids = (&line["request_id"], &line["invocation_id"]);
        assert_eq!(ids, (&json!("i-1"), &json!("i-1")), "{line}");
    }
    assert_eq!(saying(&lines, "not a delivery").len(), 1);
    let [health] = saying(&lines, "the connection's health")[..] else {
        panic!("{lines:?}")
    };
    let connection = id_of(&connection);
    let expected = json!({"request_id": "i-1", "invocation_id": "i-1", "tenant": "acme", "connection_id": connection});
    assert_named(health, &expected);
    let ended = saying(&lines, "attempt ended");
    assert_eq!(ended.len(), 2);
    for line in ended {
        let message = line["message_id"].as_str().unwrap_or_default();
        assert!(paths.iter().any(|path| id_of(path) == message), "{line}");
        let mut expected = expected.clone();
        expected["message_id"] = json!(message);
        assert_named(line, &expected);
    }
    let text = format!("{lines:?}");
    for secret in ["Confidential", "Between us", "secret@", "s3cr3t", "info@"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn every_line_of_an_event_names_it_and_its_tenant() {
    let (log, _guard) = Log::capture();
    let world = World::start().await;
    let event = json!({"tenant": "acme", "message": mail(json!({"to": []}))});
    let invocation = info_span!("Lambda runtime invoke", requestId = "i-1");
    let taken = world.event("e-1", &event).instrument(invocation).await;
    assert!(taken.is_err());
    let lines = log.lines();
    let [refused] = saying(&lines, "refused")[..] else {
        panic!("{lines:?}")
    };
    let expected = json!({
        "request_id": "i-1", "invocation_id": "i-1", "tenant": "acme", "event_id": "e-1", "source": "event_bridge",
    });
    assert_named(refused, &expected);
    assert_eq!(refused["problem"], "validation");
}
