//! One tenant floods the queue: do the others wait for it, and do connections keep their limits meanwhile?
//!
//! The whole system in one process, on embedded AWS services behind the local poller, in real time: 50 tenants with two connections each,
//! and for every connection a mail server of its own, whose each answer takes a while. First without the flood, then with it.

mod server;
mod system;

use std::process::ExitCode;
use std::time::Duration;

use crate::system::{Outcome, run};

/// How many times longer than without the flood the others may wait, at their 99th percentile.
const AT_MOST: f64 = 2.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    say("| | messages | p50 | p99 | over a limit |");
    say("| --- | --- | --- | --- | --- |");
    let calm = run(false).await;
    show("without the flood", &calm);
    let flooded = run(true).await;
    show("with it", &flooded);
    let ratio = flooded.waits(0.99).as_secs_f64() / calm.waits(0.99).as_secs_f64();
    say(&format!(
        "\nThe others' 99th percentile is {ratio:.2} times what it is without the flood."
    ));
    if ratio < AT_MOST && calm.over_a_limit + flooded.over_a_limit == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn show(name: &str, outcome: &Outcome) {
    let wait = |share| millis(outcome.waits(share));
    let (p50, p99) = (wait(0.5), wait(0.99));
    say(&format!(
        "| {name} | {} | {p50} ms | {p99} ms | {} |",
        outcome.sent, outcome.over_a_limit
    ));
}

fn millis(time: Duration) -> u128 {
    time.as_millis()
}

#[expect(clippy::print_stdout, reason = "a bench is read on a terminal")]
fn say(line: &str) {
    println!("{line}");
}
