//! A password leaves for Secrets Manager and for its own mail server, and goes nowhere else.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::mail_server::{MailServer, Script};
use tests::world::{Answer, Client, World, connection, merged, reaching};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::connections_as_code::stack::Stack;
use crate::connections_as_code::{login, properties};
use crate::support::{keyed, mail, problem};

const USER: &str = "info@example.com";
const CANARY: &str = "c4n4ry+Sfk/9?x=Qz&7";

/// Everything that is logged in this process: our crates in full, all others as in production.
#[derive(Debug, Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    fn capture() -> Self {
        static LOGS: OnceLock<Logs> = OnceLock::new();
        let start = || {
            let logs = Self::default();
            let ours = [
                "shared",
                "connections",
                "verify",
                "submit",
                "deliver",
                "sweep",
                "resource",
                "local",
            ];
            let levels = Targets::new().with_default(Level::INFO);
            let levels = levels.with_targets(ours.map(|name| (name, Level::TRACE)));
            let lines = tracing_subscriber::fmt::layer()
                .json()
                .with_writer(logs.clone());
            tracing_subscriber::registry()
                .with(lines)
                .with(levels)
                .init();
            logs
        };
        LOGS.get_or_init(start).clone()
    }

    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logs.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The canary in every spelling in which it might leak.
fn spellings() -> Vec<String> {
    let plain = format!("\0{USER}\0{CANARY}");
    let backwards: String = CANARY.chars().rev().collect();
    let hex = CANARY.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let percent = |keep: fn(u8) -> bool| {
        CANARY.bytes().fold(String::new(), |mut text, byte| {
            if keep(byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
            text
        })
    };
    vec![
        CANARY.to_owned(),
        STANDARD_NO_PAD.encode(CANARY),
        URL_SAFE_NO_PAD.encode(CANARY),
        STANDARD_NO_PAD.encode(&plain),
        URL_SAFE_NO_PAD.encode(&plain),
        percent(|byte| byte.is_ascii_alphanumeric()),
        percent(|_| false),
        hex.to_uppercase(),
        hex,
        URL_SAFE_NO_PAD.encode(CANARY).chars().rev().collect(),
        URL_SAFE_NO_PAD.encode(&backwards),
        backwards,
    ]
}

fn assert_absent(what: &str, text: &str) {
    for spelling in spellings() {
        assert!(!text.contains(&spelling), "{what} holds {spelling}: {text}");
    }
}

/// A tenant all of whose answers are searched.
struct Watched(Client);

impl Watched {
    async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let answer = self.0.json(method, path, body).await;
        assert_absent("a body", &answer.text);
        assert_absent("a header", &format!("{:?}", answer.headers));
        answer
    }
}

/// Refuses every login and gives it back in every way that servers do.
fn echoing() -> Script {
    let blob = STANDARD_NO_PAD.encode(format!("\0{USER}\0{CANARY}"));
    let alone = STANDARD_NO_PAD.encode(CANARY);
    let echo = format!("535-5.7.8 refused {blob}\n535-5.7.8 {alone}\n535 5.7.8 password {CANARY}");
    Script::new().starttls().on("AUTH", echo.as_str())
}

async fn bad_requests(tenant: &Watched) {
    let create = "/v1/connections";
    for changes in [
        json!({"password": CANARY}),
        json!({"username": USER, "password": format!("{CANARY}\n")}),
        json!({"username": USER, "password": CANARY.repeat(100)}),
        json!({"username": USER, "password": [CANARY]}),
        json!({"username": USER, "password": {CANARY: CANARY}}),
        json!({"username": USER, "password": CANARY, "encryption": "none"}),
        json!({"username": USER, "password": CANARY, "port": "x", "host": "not a host"}),
    ] {
        let body = connection(changes);
        for path in [create, "/v1/connections/verify"] {
            let answer = tenant.json("POST", path, &body).await;
            assert_eq!(answer.status, 422, "{}", answer.text);
        }
    }
    let headers = [("content-type", "application/json")];
    for broken in [
        format!("{{\"password\": \"{CANARY}"),
        format!("{{\"password\": \"{CANARY}\", \"password\": \"{CANARY}\"}}"),
        format!("\"{CANARY}\""),
        CANARY.to_owned(),
    ] {
        let answer = tenant.0.send("POST", create, &headers, broken).await;
        assert!(matches!(answer.status, 400 | 422));
        assert_absent("an answer", &answer.text);
    }
}

#[tokio::test]
async fn a_password_is_in_no_answer_log_table_or_queue_entry() {
    let logs = Logs::capture();
    let world = World::start().await;
    let tenant = Watched(world.tenant("acme"));
    let good = MailServer::start(Script::new().starttls()).await;
    let echo = MailServer::start(echoing()).await;
    let login = json!({"username": USER, "password": CANARY, "default": true});

    let request = connection(reaching(&good, login.clone()));
    let created = keyed(&tenant.0, "/v1/connections", "key", &request).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_absent("the creation's answer", &created.text);
    let path = format!("/v1/connections/{}", created.id());
    let verify = format!("{path}/verify");
    bad_requests(&tenant).await;
    assert_eq!(
        tenant
            .json("POST", "/v1/connections", &request)
            .await
            .status,
        409
    );
    for body in [json!({}), json!({"password": CANARY})] {
        let report = tenant.json("POST", &verify, &body).await;
        assert_eq!(report.body["ok"], true, "{}", report.text);
    }

    let accepted = tenant.json("POST", "/v1/messages", &mail(json!({}))).await;
    let entries = world.take_queue().await;
    assert_eq!(entries.len(), 1);
    assert_absent("the queue", &entries.join("\n"));
    assert_eq!(world.hand_over(entries).await, 0);
    let sent = format!("/v1/messages/{}", accepted.id());
    let sent = tenant.json("GET", &sent, &Value::Null).await;
    assert_eq!(sent.body["status"], "sent");

    let moved = json!({"port": echo.address().port(), "password": CANARY});
    assert_eq!(tenant.json("PATCH", &path, &moved).await.status, 200);
    for draft in [
        (verify.as_str(), json!({})),
        ("/v1/connections/verify", connection(reaching(&echo, login))),
    ] {
        let report = tenant.json("POST", draft.0, &draft.1).await;
        assert_eq!(
            report.body["failure"]["code"], "authentication_rejected",
            "{}",
            report.text
        );
    }
    let accepted = tenant.json("POST", "/v1/messages", &mail(json!({}))).await;
    assert_eq!(world.deliver().await, 0);
    let failing = format!("/v1/messages/{}", accepted.id());
    let failing = tenant.json("GET", &failing, &Value::Null).await;
    assert_eq!(
        failing.body["attempts"][0]["reason"],
        "authentication_rejected"
    );
    tenant.json("GET", "/v1/connections", &Value::Null).await;

    assert_absent("the tables", &world.dump().await);
    let logs = logs.text();
    assert!(logs.contains("attempt ended"));
    assert_absent("the log", &logs);
    // The search finds what is there: both servers were given the password.
    for server in [&good, &echo] {
        let ledger = server.until(|_| true).await;
        let heard = format!("{ledger:?}");
        assert!(spellings().iter().any(|spelling| heard.contains(spelling)));
    }
}

#[tokio::test]
async fn a_password_from_a_templates_secret_is_in_no_answer_log_or_table() {
    let logs = Logs::capture();
    let stack = Stack::start().await;
    let arn = stack.secret("system-mail", CANARY).await;
    let fields = json!({"smtp": CANARY, "number": 7, CANARY: 7}).to_string();
    let fields = stack.secret("all-mail", &fields).await;
    let given = properties(login(&arn));
    let physical_id = stack.created(&given).await;
    stack.answers([503]);
    let version = merged(given.clone(), json!({"PasswordVersion": "2"}));
    stack.update(&physical_id, &given, &version).await;
    assert_eq!(stack.password(&physical_id).await.0, CANARY);
    for changes in [
        json!({"Name": "Other", "Encryption": "none"}),
        json!({"Password": CANARY}),
        json!({"PasswordSecretArn": fields, "PasswordSecretKey": "number"}),
        json!({"PasswordSecretArn": CANARY}),
    ] {
        let answer = stack.create(&merged(given.clone(), changes)).await;
        assert_eq!(answer["Status"], "FAILED");
    }
    stack.delete(&physical_id, &version).await;
    let puts = stack.puts();
    assert_eq!(puts.len(), 8);
    assert_absent("an answer", &format!("{puts:?}"));
    assert_absent("the tables", &stack.world.dump().await);
    let logs = logs.text();
    assert!(logs.contains("carried out") && logs.contains("the answer was not taken"));
    assert_absent("the log", &logs);
    assert!(!logs.contains("s1gnature"));
}

const GRACE: Duration = Duration::from_mins(15);

#[tokio::test]
async fn the_secret_of_an_old_password_is_deleted_after_a_while_and_the_new_one_kept() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new().starttls()).await;
    let login = json!({"username": USER, "password": "old"});
    let path = tenant.connection(reaching(&server, login)).await;
    let old = world.secrets().await;
    assert_eq!(old.len(), 1);
    assert_eq!(
        tenant
            .patch(&path, &json!({"password": "new"}))
            .await
            .status,
        200
    );
    // An attempt under way may still read the old one.
    world.clock.advance(Duration::from_secs(14 * 60 + 59));
    world.sweep().await;
    let both = world.secrets().await;
    assert!(both.len() == 2 && both.contains(&old[0]), "{both:?}");
    world.clock.advance(Duration::from_secs(1));
    world.sweep().await;
    let kept = world.secrets().await;
    assert!(kept.len() == 1 && !kept.contains(&old[0]), "{kept:?}");
    world.clock.advance(GRACE * 100);
    world.sweep().await;
    assert_eq!(world.secrets().await, kept);
    let report = tenant.post(&format!("{path}/verify"), &json!({})).await;
    assert_eq!(report.body["ok"], true, "{}", report.text);
}

#[tokio::test]
async fn the_secret_of_a_removed_password_or_a_deleted_connection_is_deleted_after_a_while() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let mut paths = Vec::new();
    for name in ["removed", "deleted", "kept"] {
        let login = json!({"name": name, "username": USER, "password": "secret"});
        paths.push(tenant.connection(login).await);
    }
    let none = json!({"username": null, "password": null});
    assert_eq!(tenant.patch(&paths[0], &none).await.status, 200);
    assert_eq!(tenant.delete(&paths[1]).await.status, 204);
    assert_eq!(world.secrets().await.len(), 3);
    world.clock.advance(GRACE);
    world.sweep().await;
    let kept = world.secrets().await;
    assert!(
        kept.len() == 1 && kept[0].contains(crate::support::id_of(&paths[2])),
        "{kept:?}"
    );
}

#[tokio::test]
async fn a_creation_that_fails_leaves_no_secret() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let login = json!({"username": USER, "password": "secret"});
    tenant.connection(login.clone()).await;
    let taken = tenant.post("/v1/connections", &connection(login)).await;
    assert_eq!(taken.problem(), problem(409, "name_taken", &["/name"]));
    assert_eq!(world.secrets().await.len(), 1);
    world.clock.advance(GRACE);
    world.sweep().await;
    assert_eq!(world.secrets().await.len(), 1);
}

#[tokio::test]
async fn of_creations_at_once_with_one_name_only_the_first_ones_secret_is_kept() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let login = json!({"username": USER, "password": "secret"});
    tests::world::at_once(5, |_| {
        let (tenant, body) = (tenant.clone(), connection(login.clone()));
        async move { tenant.post("/v1/connections", &body).await.status }
    })
    .await;
    world.clock.advance(GRACE);
    world.sweep().await;
    assert_eq!(world.secrets().await.len(), 1);
}
