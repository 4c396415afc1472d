//! Round trips as the network sees them: how much longer a message takes over a link that is slower. What the machine itself needs is the
//! same on both and falls out. What else the machine is doing only ever adds, so the shortest of the rounds counts and not the median.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::timeout;

use crate::bench::{Bench, Manners, Served};
use crate::job::Job;
use crate::peers::Peer;
use crate::speed::Way;
use crate::table::{self, say_head, say_row};

/// The links' round trips in milliseconds, with this side's address and the other's (RFC 5737).
const LINKS: [(f64, [u8; 4], [u8; 4]); 2] = [
    (20., [192, 0, 2, 1], [192, 0, 2, 2]),
    (60., [198, 51, 100, 1], [198, 51, 100, 2]),
];

/// No time yet, on any link.
const NEVER: [f64; 2] = [f64::INFINITY; 2];

/// Postfix's, in a namespace where nothing else has it.
const SMTP_PORT: u16 = 25;

/// What takes longer than this is broken.
const PATIENCE: Duration = Duration::from_mins(15);

/// Round trips a message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Slope {
    pub(crate) name: String,
    pub(crate) round_trips: f64,
}

/// Measures in a network namespace that is made for it, or tells why that is impossible here.
pub(crate) async fn measure_inside(bench: &Bench) -> Result<Vec<Slope>, String> {
    let prefix = namespace().await?;
    let mut command = Command::new(prefix[0]);
    command.args(&prefix[1..]).arg(Bench::itself());
    let options = &bench.options;
    if options.quick {
        command.arg("--quick");
    }
    if let Some(packages) = &options.node_packages {
        command.arg("--node-packages").arg(packages);
    }
    if let Some(python) = &options.python {
        command.arg("--python").arg(python);
    }
    command
        .arg("slope")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let done = timeout(PATIENCE, command.output()).await;
    let done = done.map_err(|_| "they took too long".to_owned())?;
    let done = done.map_err(|error| error.to_string())?;
    serde_json::from_slice(&done.stdout).map_err(|_| "measuring failed".to_owned())
}

/// What starts a program in a network namespace of its own, where it may make devices: as root, or as one who is root there only.
async fn namespace() -> Result<Vec<&'static str>, String> {
    if !Path::new("/dev/net/tun").exists() {
        return Err("there is no /dev/net/tun".to_owned());
    }
    let as_root = vec!["unshare", "--net", "--"];
    let as_user = vec!["unshare", "--user", "--map-root-user", "--net", "--"];
    for prefix in [as_root, as_user] {
        let mut command = Command::new(prefix[0]);
        command.args(&prefix[1..]).args([
            "sh",
            "-c",
            "ip link && nsenter --version && python3 --version",
        ]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if command.status().await.is_ok_and(|status| status.success()) {
            return Ok(prefix);
        }
    }
    Err("no network namespace can be made, or ip, nsenter or python3 is missing".to_owned())
}

/// Measures in this namespace, with the servers in another.
pub(crate) async fn measure(bench: &Bench) -> Vec<Slope> {
    let anywhere = Ipv4Addr::UNSPECIFIED.into();
    let sink = Served::sink(&["unshare", "--net", "--"], anywhere, Manners::Good).await;
    let pid = sink.child.id().expect("it runs");
    let links = links(pid).await;
    let postfix = postfix(bench, pid).await;
    let ours = [Way::BATCH, Way::ALONE];
    let others = bench.peers().filter(|peer| *peer != Peer::Mittente);
    let mut all: Vec<_> = ours
        .into_iter()
        .chain(others.map(Way::of))
        .map(|way| (way.name(), way, sink.port(), NEVER))
        .collect();
    if postfix.is_some() {
        let to_postfix = |way: Way| (to_postfix(way), way, SMTP_PORT, NEVER);
        all.extend(ours.map(to_postfix));
    }
    for _ in 0..bench.rounds() {
        for (_, way, port, shortest) in &mut all {
            for ((_, _, far), shortest) in LINKS.into_iter().zip(shortest) {
                let seconds = a_message(bench, *way, (far.into(), *port)).await;
                *shortest = seconds.min(*shortest);
            }
        }
    }
    for served in postfix.into_iter().chain(links).chain([sink]) {
        served.stop().await;
    }
    let [(fast, ..), (slow, ..)] = LINKS;
    all.into_iter()
        .map(|(name, _, _, [on_fast, on_slow])| Slope {
            name,
            round_trips: (on_slow - on_fast) * 1000. / (slow - fast),
        })
        .collect()
}

fn to_postfix(way: Way) -> String {
    format!("{}, to Postfix", way.name())
}

/// Postfix beside the sink, where it is installed and this is root outside of the namespace too: it has users of its own.
async fn postfix(bench: &Bench, pid: u32) -> Option<Served> {
    let mapped = std::fs::read_to_string("/proc/self/uid_map").ok()?;
    if mapped.split_whitespace().ne(["0", "0", "4294967295"]) {
        return None;
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("postfix.sh");
    let mut command = Command::new(program);
    command.arg(bench.folder("postfix")).arg(pid.to_string());
    Served::start(command).await
}

async fn links(pid: u32) -> Vec<Served> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("link.py");
    let mut links = Vec::new();
    for (index, (delay, near, far)) in LINKS.into_iter().enumerate() {
        let mut command = Command::new("python3");
        command.arg(&program).arg(index.to_string());
        for address in [near, far] {
            command.arg(Ipv4Addr::from(address).to_string());
        }
        command.arg(pid.to_string()).arg(delay.to_string());
        links.push(Served::start(command).await.expect("a link"));
    }
    links
}

/// Seconds a message, sent this way to there.
#[expect(clippy::cast_precision_loss, reason = "there are few")]
async fn a_message(bench: &Bench, way: Way, (host, port): (IpAddr, u16)) -> f64 {
    let messages = if bench.options.quick { 10 } else { 20 };
    let job = Job {
        host,
        warm_up: 5,
        messages,
        batch: way.batch,
        ..bench.job(port)
    };
    bench.send(way.peer, &job).await.seconds / messages as f64
}

pub(crate) fn say(slopes: &Result<Vec<Slope>, String>) {
    match slopes {
        Ok(all) => {
            say_head([
                "5 KB, 1 recipient, warm, links of 20 and 60 ms",
                "round trips a message",
            ]);
            for Slope { name, round_trips } in all {
                say_row([name.clone(), format!("{round_trips:.2}")]);
            }
            if of_postfix(slopes, Way::ALONE).is_nan() {
                table::say(
                    "\nskipped: Postfix, which is not installed or cannot be started as root",
                );
            }
        }
        Err(why) => table::say(&format!(
            "\nskipped: round trips over links with a delay: {why}"
        )),
    }
}

/// Of this way.
pub(crate) fn of(slopes: &Result<Vec<Slope>, String>, way: Way) -> f64 {
    named(slopes, &way.name())
}

/// Of this way, to Postfix.
pub(crate) fn of_postfix(slopes: &Result<Vec<Slope>, String>, way: Way) -> f64 {
    named(slopes, &to_postfix(way))
}

fn named(slopes: &Result<Vec<Slope>, String>, name: &str) -> f64 {
    let slope = slopes.iter().flatten().find(|slope| slope.name == name);
    slope.map_or(f64::NAN, |slope| slope.round_trips)
}
