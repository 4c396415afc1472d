//! Messages a second and CPU on loopback, each peer in turn, several times over.

use std::env::current_exe;
use std::fs::read_to_string;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shared::model::encryption::Encryption;
use shared::model::host::Host;
use shared::smtp::{Session, Target};
use tests::mail_server::HOST;
use tokio::time::Instant;

use crate::peers::{self, Pool, message};
use crate::say;

const ROUNDS: usize = 5;
const MESSAGES: usize = 2000;
/// lettre waits for the server's delayed ACK at every message, so fewer of them take as long.
const SLOW: usize = 200;

struct Sink(Child);

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sink() -> (Sink, Target) {
    let program = current_exe().expect("this program");
    let started = Command::new(program)
        .arg("sink")
        .stdout(Stdio::piped())
        .spawn();
    let mut sink = Sink(started.expect("a sink"));
    let mut port = String::new();
    let said = sink.0.stdout.take().expect("its output");
    BufReader::new(said).read_line(&mut port).expect("its port");
    let target = Target {
        host: Host::parse(HOST).expect("a host"),
        port: port.trim().parse().expect("a port"),
        encryption: Encryption::None,
        credentials: None,
    };
    (sink, target)
}

/// This process's CPU time: utime and stime of proc(5), in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = read_to_string("/proc/self/stat").expect("proc");
    let (_, after_name) = stat.rsplit_once(')').expect("a name");
    // What follows the name begins with a space and the third field: utime and stime are the 14th and the 15th.
    let ticks = after_name.split(' ').skip(12).take(2);
    Duration::from_millis(
        ticks
            .filter_map(|field| field.parse::<u64>().ok())
            .sum::<u64>()
            * 10,
    )
}

enum Peer {
    Batch(Session),
    Alone(Session),
    Lettre(Pool),
}

impl Peer {
    async fn send(&mut self, message: &[u8]) -> usize {
        match self {
            Self::Batch(session) => {
                peers::batch(session, message, MESSAGES).await;
                MESSAGES
            }
            Self::Alone(session) => {
                for _ in 0..MESSAGES {
                    peers::batch(session, message, 1).await;
                }
                MESSAGES
            }
            Self::Lettre(pool) => {
                peers::through(pool, message, SLOW).await;
                SLOW
            }
        }
    }
}

pub(crate) async fn table() {
    let (_sink, target) = sink();
    let message = message(5000);
    let mut peers = [
        (
            "Mittente, one batch",
            Peer::Batch(peers::ours(&target).await),
        ),
        (
            "Mittente, one at a time",
            Peer::Alone(peers::ours(&target).await),
        ),
        ("lettre's pool", Peer::Lettre(peers::lettre(&target))),
    ];
    let mut rates = [const { Vec::new() }; 3];
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (index, (_, peer)) in peers.iter_mut().enumerate() {
            let (began, before) = (Instant::now(), cpu());
            let sent = u32::try_from(peer.send(&message).await).unwrap_or(u32::MAX);
            rates[index].push(f64::from(sent) / began.elapsed().as_secs_f64());
            costs[index].push(cpu().saturating_sub(before).as_secs_f64() * 1000. / f64::from(sent));
        }
    }
    say(
        "\n| 5 KB, one connection, loopback, no TLS | messages a second | CPU-seconds a 1,000 |\n| --- | --- | --- |",
    );
    for (index, (name, _)) in peers.iter().enumerate() {
        let (rate, cost) = (median(&mut rates[index]), median(&mut costs[index]));
        say(&format!("| {name} | {rate:.0} | {cost:.3} |"));
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
