//! Messages a second, CPU and memory on loopback, each peer in turn, several times over.

use crate::bench::{Bench, Manners, Served, Size};
use crate::job::{Job, Report};
use crate::peers::Peer;
use crate::table::{median, say_head, say_row};

/// What is sent to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    Small,
    Large,
    /// Small ones, to a server that makes whoever delays an ACK wait.
    Piecemeal,
}

impl Load {
    const ALL: [Self; 3] = [Self::Small, Self::Large, Self::Piecemeal];

    const fn name(self) -> &'static str {
        match self {
            Self::Small => "5 KB, loopback, no TLS, one connection",
            Self::Large => "1 MB, loopback, no TLS, one connection",
            Self::Piecemeal => {
                "5 KB, to a server that sends each reply by itself, under Nagle's algorithm"
            }
        }
    }

    const fn size(self) -> Size {
        match self {
            Self::Small | Self::Piecemeal => Size::Small,
            Self::Large => Size::Large,
        }
    }
}

/// How a peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) peer: Peer,
    pub(crate) batch: usize,
    pub(crate) sessions: usize,
}

impl Way {
    pub(crate) const BATCH: Self = Self::of(Peer::Mittente).in_batches();
    pub(crate) const ALONE: Self = Self::of(Peer::Mittente);
    pub(crate) const TEN_SESSIONS: Self = Self {
        sessions: 10,
        ..Self::BATCH
    };

    /// One at a time, through one session.
    pub(crate) const fn of(peer: Peer) -> Self {
        Self {
            peer,
            batch: 1,
            sessions: 1,
        }
    }

    /// Ten messages handed over at once.
    pub(crate) const fn in_batches(self) -> Self {
        Self { batch: 10, ..self }
    }

    fn all(bench: &Bench) -> Vec<Self> {
        let others = bench.peers().filter(|peer| *peer != Peer::Mittente);
        let others = others.map(|peer| Self::of(peer).in_batches());
        let ours = [Self::BATCH, Self::ALONE, Self::TEN_SESSIONS];
        ours.into_iter().chain(others).collect()
    }

    pub(crate) fn name(self) -> String {
        let name = self.peer.name();
        match (self.peer, self.sessions, self.batch) {
            (Peer::Mittente, 1, 1) => format!("{name}, one at a time"),
            (Peer::Mittente, 1, _) => format!("{name}, batches of ten"),
            (Peer::Mittente, sessions, _) => format!("{name}, {sessions} sessions at once"),
            _ => name.to_owned(),
        }
    }

    /// How many messages take about a second.
    const fn messages(self, load: Load) -> usize {
        let count = match (load, self.peer) {
            // They wait for a delayed ACK at every message.
            (_, Peer::Lettre) | (Load::Piecemeal, Peer::Nodemailer) => 50,
            (Load::Small | Load::Piecemeal, Peer::Mittente) => 10_000,
            (Load::Large, Peer::Mittente) => 400,
            (Load::Small | Load::Piecemeal, _) => 2000,
            (Load::Large, _) => 100,
        };
        count / self.sessions
    }
}

/// What was measured of one way in all rounds.
struct Series {
    way: Way,
    /// By load.
    reports: [Vec<Measured>; 3],
    version: String,
}

/// Messages a second, CPU-seconds a 1,000, peak memory in MB (10⁶ octets).
type Measured = [f64; 3];

pub(crate) struct Speeds(Vec<Series>);

pub(crate) async fn measure(bench: &Bench) -> Speeds {
    let here = [127, 0, 0, 1].into();
    let good = Served::sink(&[], here, Manners::Good).await;
    let piecemeal = Served::sink(&[], here, Manners::Piecemeal).await;
    let mut all: Vec<Series> = Way::all(bench)
        .into_iter()
        .map(|way| Series {
            way,
            reports: [const { Vec::new() }; 3],
            version: String::new(),
        })
        .collect();
    for _ in 0..bench.rounds() {
        for load in Load::ALL {
            let sink = if load == Load::Piecemeal {
                &piecemeal
            } else {
                &good
            };
            for series in &mut all {
                let way = series.way;
                let messages = way.messages(load) / if bench.options.quick { 10 } else { 1 };
                let job = Job {
                    warm_up: messages / 5,
                    messages,
                    batch: way.batch,
                    sessions: way.sessions,
                    ..bench.of(load.size(), bench.job(sink.port()))
                };
                let report = bench.send(way.peer, &job).await;
                series.reports[load as usize].push(measured(&report, messages * way.sessions));
                series.version = report.version;
            }
        }
    }
    for sink in [good, piecemeal] {
        sink.stop().await;
    }
    Speeds(all)
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn measured(report: &Report, messages: usize) -> Measured {
    let messages = messages as f64;
    [
        messages / report.seconds,
        report.cpu_seconds * 1000. / messages,
        report.peak_bytes / 1e6,
    ]
}

impl Speeds {
    pub(crate) fn version(&self, peer: Peer) -> Option<&str> {
        let mut all = self.0.iter();
        let series = all.find(|series| series.way.peer == peer)?;
        Some(&series.version)
    }

    /// The medians; NaN where the peer is not here.
    pub(crate) fn of(&self, way: Way, load: Load) -> Measured {
        let series = self.0.iter().find(|series| series.way == way);
        series.map_or([f64::NAN; 3], |series| series.medians(load))
    }
}

impl Series {
    fn medians(&self, load: Load) -> Measured {
        let reports = &self.reports[load as usize];
        [0, 1, 2].map(|figure| median(reports.iter().map(|report| report[figure]).collect()))
    }
}

pub(crate) fn say(Speeds(all): &Speeds) {
    for load in Load::ALL {
        say_head([
            load.name(),
            "messages a second",
            "CPU-seconds a 1,000",
            "peak memory, MB",
        ]);
        for series in all {
            let [rate, cost, peak] = series.medians(load);
            say_row([
                series.way.name(),
                format!("{rate:.0}"),
                format!("{cost:.3}"),
                format!("{peak:.1}"),
            ]);
        }
    }
}
