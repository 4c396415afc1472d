//! Measures the SMTP session against other libraries: turns a message, messages a second, CPU, memory, and round trips over links with a
//! delay. Prints tables in Markdown.

mod bench;
mod job;
mod meter;
mod peers;
mod senders;
mod sink;
mod slope;
mod speed;
mod table;
mod targets;
mod turns;

use std::net::IpAddr;

use clap::{Parser, Subcommand};

use crate::bench::{Bench, Options};
use crate::peers::Peer;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program is when it is started by itself: what is measured, and what serves it, are processes of their own.
#[derive(Subcommand)]
#[command(disable_help_subcommand = true)]
enum Part {
    /// Takes every message; says its port, and ends with its input.
    #[command(hide = true)]
    Sink {
        address: IpAddr,
        #[arg(long)]
        piecemeal: bool,
    },
    /// Does a job, and tells its report.
    #[command(hide = true)]
    Send { peer: Peer, job: String },
    /// Measures round trips; to be started in a network namespace of its own.
    #[command(hide = true)]
    Slope,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Arguments { options, part } = Arguments::parse();
    match part {
        Some(Part::Sink { address, piecemeal }) => sink::run(address, piecemeal).await,
        Some(Part::Send { peer, job }) => {
            let job = serde_json::from_str(&job).expect("a job");
            table::say_json(&senders::send(peer, job).await);
        }
        Some(Part::Slope) => table::say_json(&slope::measure(&Bench::new(options)).await),
        None => everything(&Bench::new(options)).await,
    }
}

async fn everything(bench: &Bench) {
    bench.say_what_takes_part();
    let turns = turns::measure(bench).await;
    turns::say(&turns);
    let speeds = speed::measure(bench).await;
    speed::say(&speeds);
    let slopes = slope::measure_inside(bench).await;
    slope::say(&slopes);
    targets::say(&turns, &speeds, &slopes);
    bench.say_what_took_part(&speeds);
}
