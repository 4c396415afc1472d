//! A password is in no log, no answer, no queue entry and no table, in no spelling; and no secret is left behind.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};
use tests::mail_server::{MailServer, Script};
use tests::world::{World, connection, reaching};

use crate::support::{mail, problem};

const USERNAME: &str = "info@example.com";
const CANARY: &str = "cAn4ry/~+?pass";

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

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

impl Log {
    fn text(&self) -> String {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log).into_owned()
    }
}

fn spellings() -> Vec<String> {
    let blob = format!("\0{USERNAME}\0{CANARY}");
    let hex = CANARY.bytes().map(|byte| format!("{byte:02x}"));
    let bytes: Vec<_> = CANARY.bytes().map(|byte| byte.to_string()).collect();
    vec![
        CANARY.to_owned(),
        STANDARD_NO_PAD.encode(CANARY),
        URL_SAFE.encode(CANARY),
        STANDARD.encode(blob),
        CANARY
            .replace('/', "%2F")
            .replace('+', "%2B")
            .replace('?', "%3F"),
        hex.collect(),
        bytes.join(", "),
        CANARY.replace('/', "\\/"),
    ]
}

/// Every level, of our own crates and of all libraries, on this thread: the test's runtime has no other.
fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn the_password_is_nowhere_but_in_its_secret() {
    let (log, _guard) = listen();
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let login = json!({"username": USERNAME, "password": CANARY});
    let echo = format!("535 5.7.8 no {CANARY} {}", STANDARD.encode(CANARY));
    let script = || Script::new().starttls();
    let good = MailServer::start(script()).await;
    let echoing = MailServer::start(script().on("AUTH", echo.as_str())).await;

    let mut seen = Vec::new();
    let mut see = |answer: tests::world::Answer| {
        seen.push(format!("{:?} {}", answer.headers, answer.text));
        answer
    };
    let path = tenant.connection(reaching(&good, login.clone())).await;
    see(tenant.get(&path).await);
    see(tenant.get("/v1/connections").await);
    see(tenant.post(&format!("{path}/verify"), &json!({})).await);
    see(tenant
        .patch(&path, &json!({"password": CANARY, "default": true}))
        .await);
    for bad in [
        json!({"password": {"a": CANARY}}),
        json!({"password": format!("{CANARY}\n")}),
        json!({"password": [CANARY]}),
        json!({"password": CANARY, "passwort": CANARY}),
        json!({"encryption": "none", "password": CANARY}),
    ] {
        let body = connection(reaching(&good, bad));
        assert_eq!(see(tenant.post("/v1/connections", &body).await).status, 422);
    }
    let headers = [("content-type", "application/json")];
    see(tenant
        .send(
            "POST",
            "/v1/connections",
            &headers,
            format!("{{\"password\": \"{CANARY}\" x"),
        )
        .await);
    let draft = connection(reaching(&echoing, login.clone()));
    assert_eq!(
        see(tenant.post("/v1/connections/verify", &draft).await).body["ok"],
        false
    );
    see(tenant.post("/v1/messages", &mail(json!({}))).await);
    world.deliver().await;
    let moved = reaching(&echoing, json!({"password": CANARY}));
    see(tenant.patch(&path, &moved).await);
    see(tenant.post(&format!("{path}/verify"), &json!({})).await);
    let failing = see(tenant.post("/v1/messages", &mail(json!({}))).await).id();
    let queued = world.take_queue().await;
    world.hand_over(queued.clone()).await;
    let failed = see(tenant.get(&format!("/v1/messages/{failing}")).await);
    assert_eq!(
        failed.body["attempts"][0]["reason"],
        "authentication_rejected"
    );

    let dump = world.dump().await;
    let logged = log.text();
    assert!(dump.contains(USERNAME), "the dump shows the tables");
    assert!(logged.contains("attempt ended"), "the log was listened to");
    for spelling in spellings() {
        let leaks = |text: &str| text.contains(&spelling);
        assert!(
            !seen.iter().any(|answer| leaks(answer)),
            "an answer holds {spelling}"
        );
        assert!(
            !queued.iter().any(|entry| leaks(entry)),
            "the queue holds {spelling}"
        );
        assert!(!leaks(&dump), "a table holds {spelling}");
        assert!(!leaks(&logged), "the log holds {spelling}");
    }
}

async fn minutes_later(world: &World, minutes: u64) {
    world.clock.advance(Duration::from_mins(minutes));
    world.sweep().await;
}

#[tokio::test]
async fn a_secret_that_nothing_points_to_is_deleted_after_fifteen_minutes_and_no_other() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let login = |password: &str| json!({"username": USERNAME, "password": password});
    let path = tenant.connection(login("first")).await;
    let first = world.secrets().await;
    assert_eq!(first.len(), 1);
    minutes_later(&world, 60).await;
    assert_eq!(world.secrets().await, first, "the one in use stays");

    tenant.patch(&path, &json!({"password": "second"})).await;
    assert_eq!(world.secrets().await.len(), 2);
    minutes_later(&world, 14).await;
    assert_eq!(
        world.secrets().await.len(),
        2,
        "a reader may still be on its way"
    );
    minutes_later(&world, 2).await;
    let second = world.secrets().await;
    assert!(second.len() == 1 && second != first);

    let mut taken = connection(login("third"));
    taken["name"] = Value::from("smtp UFFICIO");
    let refused = tenant.post("/v1/connections", &taken).await;
    assert_eq!(refused.problem(), problem(409, "name_taken", &["/name"]));
    assert_eq!(
        world.secrets().await,
        second,
        "a name that is taken makes no secret"
    );

    assert_eq!(tenant.delete(&path).await.status, 204);
    minutes_later(&world, 16).await;
    minutes_later(&world, 16).await;
    assert_eq!(world.secrets().await, Vec::<String>::new());
}
