//! Servers that are slow, broken or hostile: that each is done with in time, at little cost, and by its own code.
//!
//! This process plays the servers. The client is this same test in a process of its own, so that its time and memory are not
//! blurred by the servers' and by other tests'; it goes through the scenarios one after the other.

mod client;
mod encryption;
mod greetings;
mod logins;
mod meter;
mod scenario;
mod senders;
mod steps;

use std::collections::HashSet;
use std::slice;
use std::time::Duration;

use shared::smtp::FailureCode;
use tests::mail_server::{MailServer, Script};

use crate::support::gives_away_the_login;
use client::{Servers, Visit};
use meter::Cost;
use scenario::{Scenario, scenario};

/// By how much a verification may miss its deadline.
const GRACE: Duration = Duration::from_secs(1);
/// The most processor time that one may take.
const CPU: Duration = Duration::from_millis(100);
/// The most memory that one may take, at its worst moment, in KiB.
const MEMORY: u64 = 8 * 1024;

/// How many servers play at a time.
const LOT: usize = 64;

/// What no server can bring about by what it says.
const ELSEWHERE: [FailureCode; 4] = [
    // The name server's doing: `names`, `dial`.
    FailureCode::NameNotResolved,
    // Nobody is there to follow a script: `dial`.
    FailureCode::ConnectionRefused,
    // The network's doing; loopback always answers.
    FailureCode::ConnectTimedOut,
    FailureCode::Unreachable,
];

/// All of them. The first does all that a session can do.
fn scenarios() -> Vec<Scenario> {
    let whole = scenario("is well-behaved", Script::new().starttls())
        .with_login()
        .with_test_message();
    [
        vec![whole],
        steps::scenarios(),
        greetings::scenarios(),
        encryption::scenarios(),
        logins::scenarios(),
        senders::scenarios(),
    ]
    .concat()
}

/// As many at a time as any system lets one process listen for. Each lot starts with the first scenario.
fn lots() -> Vec<Vec<Scenario>> {
    let scenarios = scenarios();
    let (first, rest) = scenarios.split_first().expect("a scenario");
    rest.chunks(LOT)
        .map(|lot| [slice::from_ref(first), lot].concat())
        .collect()
}

#[tokio::test]
async fn every_server_is_done_with_in_time_at_little_cost_and_by_its_own_code() {
    if let Some(servers) = Servers::from_env() {
        return client::visit(&servers, &lots()[servers.lot]).await;
    }
    let mut wrong = Vec::new();
    for (index, scenarios) in lots().iter().enumerate() {
        let mut servers = Vec::new();
        for scenario in scenarios {
            servers.push(MailServer::start(scenario.script.clone()).await);
        }
        let (visits, words) = client::in_its_own_process(&Servers::new(index, &servers)).await;
        for (index, (scenario, server)) in scenarios.iter().zip(&servers).enumerate() {
            let Some(visit) = visits.get(index) else {
                wrong.push(format!(
                    "A server that {}: no report. {words}",
                    scenario.name
                ));
                break;
            };
            wrong.extend(faults(scenario, visit, server).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with how a server was dealt with.
async fn faults(scenario: &Scenario, visit: &Visit, server: &MailServer) -> Option<String> {
    let mut faults = Vec::new();
    if visit.outcome != scenario.outcome() {
        faults.push(format!("{}, not {}", visit.outcome, scenario.outcome()));
    }
    let Cost {
        elapsed,
        cpu,
        memory,
    } = visit.cost;
    if elapsed > scenario.deadline() + GRACE {
        faults.push(format!("{elapsed:?} in all"));
    }
    if let Some(cpu) = cpu.filter(|cpu| *cpu > CPU) {
        faults.push(format!("{cpu:?} of processor time"));
    }
    if let Some(memory) = memory.filter(|memory| *memory > MEMORY) {
        faults.push(format!("{memory} KiB of memory"));
    }
    if scenario.ends_before_login() && gives_away_the_login(&server.session().await) {
        faults.push("it was given the login".to_owned());
    }
    (!faults.is_empty()).then(|| format!("A server that {}: {}", scenario.name, faults.join(", ")))
}

#[test]
fn every_code_that_a_server_can_bring_about_has_a_scenario() {
    let scenarios = scenarios();
    let codes: HashSet<_> = scenarios.iter().filter_map(Scenario::code).collect();
    let without: Vec<_> = FailureCode::ALL
        .iter()
        .filter(|code| !codes.contains(code))
        .collect();
    assert_eq!(without, ELSEWHERE.iter().collect::<Vec<_>>());
}
