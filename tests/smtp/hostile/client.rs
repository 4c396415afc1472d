//! The client in a process of its own, and what it reports.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::slice;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::model::host::Host;
use shared::model::password::Password;
use shared::smtp::{Credentials, Dialer, Failure, Progress, Target, Tls};
use tests::mail_server::{HOST, MailServer, dialer, root};
use tokio::time::{Instant, timeout};

use super::meter::{Cost, Meter};
use super::scenario::{Scenario, outcome};
use crate::support::{LOGIN, MESSAGE, PASSWORD, address, envelope, no_fence, told};

/// Turns the test into the client.
const SERVERS: &str = "MITTENTE_TEST_HOSTILE_SERVERS";
/// What the client's reports start with.
const REPORT: &str = "visit ";
/// What misses its deadline by more has none.
const BEYOND: Duration = Duration::from_secs(3);
/// After this long the client will not end any more.
const PATIENCE: Duration = Duration::from_mins(2);

/// The test that both halves are.
const TEST: &str = "hostile::every_server_is_done_with_in_time_at_little_cost_and_by_its_own_code";

/// Where a lot of servers listens, in the order of its scenarios, and whom to trust.
pub(super) struct Servers {
    pub(super) lot: usize,
    ports: Vec<u16>,
    root: Vec<u8>,
}

impl Servers {
    pub(super) fn new(lot: usize, servers: &[MailServer]) -> Self {
        let ports = servers.iter().map(|server| server.address().port());
        Self {
            lot,
            ports: ports.collect(),
            root: root(),
        }
    }

    fn to_env(&self) -> String {
        let root = STANDARD.encode(&self.root);
        json!({ "lot": self.lot, "ports": self.ports, "root": root }).to_string()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "it is no configuration but what one half of a test tells the other"
    )]
    pub(super) fn from_env() -> Option<Self> {
        let servers = std::env::var(SERVERS).ok()?;
        let servers: Value = serde_json::from_str(&servers).expect("JSON");
        let root = servers["root"].as_str().expect("a text");
        Some(Self {
            lot: serde_json::from_value(servers["lot"].clone()).expect("a number"),
            ports: serde_json::from_value(servers["ports"].clone()).expect("ports"),
            root: STANDARD.decode(root).expect("base64"),
        })
    }
}

/// How a server was dealt with.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) outcome: String,
    pub(super) cost: Cost,
}

impl Visit {
    fn to_line(&self) -> String {
        let cost = &self.cost;
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let visit = json!({
            "outcome": self.outcome,
            "elapsed_us": micros(cost.elapsed),
            "cpu_us": cost.cpu.map(micros),
            "memory_kib": cost.memory,
        });
        format!("{REPORT}{visit}")
    }

    fn from_line(line: &str) -> Option<Self> {
        let visit: Value = serde_json::from_str(line.strip_prefix(REPORT)?).ok()?;
        Some(Self {
            outcome: visit["outcome"].as_str()?.to_owned(),
            cost: Cost {
                elapsed: Duration::from_micros(visit["elapsed_us"].as_u64()?),
                cpu: visit["cpu_us"].as_u64().map(Duration::from_micros),
                memory: visit["memory_kib"].as_u64(),
            },
        })
    }
}

/// Runs the client. Gives its reports, and what else it said.
pub(super) async fn in_its_own_process(servers: &Servers) -> (Vec<Visit>, String) {
    let mut client = Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", TEST, "--nocapture"])
        .env(SERVERS, servers.to_env())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    let lines = BufReader::new(client.stderr.take().expect("a pipe")).lines();
    // On a thread of its own, as the servers play on this one.
    let mut reading = tokio::task::spawn_blocking(|| {
        let lines: Vec<String> = lines.map_while(Result::ok).collect();
        lines
    });
    let read = timeout(PATIENCE, &mut reading).await;
    let _ = client.kill();
    client.wait().expect("its own child");
    let lines = match read {
        Ok(read) => read,
        Err(_) => reading.await,
    };
    let (mut visits, mut words) = (Vec::new(), String::new());
    for line in lines.expect("lines") {
        match Visit::from_line(&line) {
            Some(visit) => visits.push(visit),
            None => words.extend([line.as_str(), "\n"]),
        }
    }
    (visits, words)
}

/// Visits every server, and reports each visit in a line.
pub(super) async fn visit(servers: &Servers, scenarios: &[Scenario]) {
    let dialer = Dialer {
        tls: Tls::new(slice::from_ref(&servers.root)).expect("an authority"),
        ..dialer()
    };
    // What is built at the first use is not part of any server's cost.
    let first = verify(&dialer, &scenarios[0], servers.ports[0]).await;
    assert_eq!(first, Ok(()));
    for (scenario, port) in scenarios.iter().zip(&servers.ports) {
        let meter = Meter::start();
        let verifying = verify(&dialer, scenario, *port);
        let ended = timeout(scenario.deadline() + BEYOND, verifying).await;
        let cost = meter.stop();
        let outcome = match ended {
            Ok(ended) => outcome(ended.map_err(|failure| told(&failure))),
            Err(_) => "no end".to_owned(),
        };
        let visit = Visit { outcome, cost };
        // Not printed, which the test's harness would hold back.
        writeln!(io::stderr(), "{}", visit.to_line()).expect("a parent");
    }
}

/// As a verification does.
async fn verify(dialer: &Dialer, scenario: &Scenario, port: u16) -> Result<(), Failure> {
    let deadline = Instant::now() + scenario.deadline();
    let dialer = Dialer {
        deadlines: scenario.deadlines(),
        ..dialer.clone()
    };
    let target = Target {
        host: Host::parse(HOST).expect("a host"),
        port,
        encryption: scenario.encryption,
        credentials: scenario.has_login.then(|| Credentials {
            username: LOGIN.to_owned(),
            password: Password::parse(PASSWORD.to_owned().into()).expect("a password"),
        }),
    };
    let mut session = dialer
        .open(&target, deadline, &mut Progress::default())
        .await?;
    let mut outcome = session.check_sender(&address(scenario.sender)).await;
    if outcome.is_ok() && scenario.has_test_message {
        let envelope = envelope(&["someone@example.com"]);
        let Ok(sent) = session.send(&envelope, MESSAGE, no_fence()).await;
        outcome = sent.into_reply().map(|_| ());
    }
    session.quit().await;
    outcome
}
