//! Messages a second, CPU and memory on loopback, each peer in turn, several times over.

use crate::bench::{Bench, Served, Size};
use crate::job::{Job, Report};
use crate::peers::Peer;
use crate::table::{median, say_head, say_row};

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
    const fn messages(self, size: Size) -> usize {
        let count = match (self.peer, size) {
            (Peer::Mittente, Size::Small) => 10_000,
            (Peer::Mittente, Size::Large) => 400,
            // It waits for the server's delayed ACK at every message.
            (Peer::Lettre, _) => 50,
            (_, Size::Small) => 2000,
            (_, Size::Large) => 100,
        };
        count / self.sessions
    }
}

/// What was measured of one way in all rounds.
struct Series {
    way: Way,
    /// With small messages, and with large ones.
    reports: [Vec<Measured>; 2],
    version: String,
}

/// Messages a second, CPU-seconds a 1,000, peak memory in MB (10⁶ octets).
type Measured = [f64; 3];

pub(crate) struct Speeds(Vec<Series>);

pub(crate) async fn measure(bench: &Bench) -> Speeds {
    let sink = Served::sink(&[], [127, 0, 0, 1].into()).await;
    let mut all: Vec<Series> = Way::all(bench)
        .into_iter()
        .map(|way| Series {
            way,
            reports: [Vec::new(), Vec::new()],
            version: String::new(),
        })
        .collect();
    for _ in 0..bench.rounds() {
        for (index, size) in [Size::Small, Size::Large].into_iter().enumerate() {
            for series in &mut all {
                let way = series.way;
                let messages = way.messages(size) / if bench.options.quick { 10 } else { 1 };
                let job = Job {
                    warm_up: messages / 5,
                    messages,
                    batch: way.batch,
                    sessions: way.sessions,
                    ..bench.of(size, bench.job(sink.port()))
                };
                let report = bench.send(way.peer, &job).await;
                series.reports[index].push(measured(&report, messages * way.sessions));
                series.version = report.version;
            }
        }
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
    pub(crate) fn of(&self, way: Way, size: Size) -> Measured {
        let series = self.0.iter().find(|series| series.way == way);
        series.map_or([f64::NAN; 3], |series| series.medians(size))
    }
}

impl Series {
    fn medians(&self, size: Size) -> Measured {
        let reports = &self.reports[usize::from(matches!(size, Size::Large))];
        [0, 1, 2].map(|figure| median(reports.iter().map(|report| report[figure]).collect()))
    }
}

pub(crate) fn say(Speeds(all): &Speeds) {
    for (what, size) in [("5 KB", Size::Small), ("1 MB", Size::Large)] {
        let head = format!("{what}, loopback, no TLS, one connection");
        say_head([
            head.as_str(),
            "messages a second",
            "CPU-seconds a 1,000",
            "peak memory, MB",
        ]);
        for series in all {
            let [rate, cost, peak] = series.medians(size);
            say_row([
                series.way.name(),
                format!("{rate:.0}"),
                format!("{cost:.3}"),
                format!("{peak:.1}"),
            ]);
        }
    }
}
