//! What all measurements need: the options, the files of a job, and this program to start again.

use std::env::current_exe;
use std::fs::{Permissions, read_to_string, write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use shared::model::encryption::Encryption;
use tempfile::TempDir;
use tests::mail_server::root;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::job::{Job, Login, Report};
use crate::peers::Peer;
use crate::table::say;

/// What takes longer than this is broken.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Does it all once and with few messages: shows that it works, and no more.
    #[arg(long)]
    pub(crate) quick: bool,
    /// The folder whose `node_modules` holds nodemailer.
    #[arg(long)]
    pub(crate) node_packages: Option<PathBuf>,
    /// A Python that has aiosmtplib.
    #[arg(long)]
    pub(crate) python: Option<PathBuf>,
}

/// The length of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Small,
    Large,
}

pub(crate) struct Bench {
    pub(crate) options: Options,
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new(options: Options) -> Self {
        // Postfix's own users have to get to what is inside.
        let mode = Permissions::from_mode(0o711);
        let folder = tempfile::Builder::new().permissions(mode).tempdir();
        let folder = folder.expect("a folder");
        let bench = Self { options, folder };
        write(bench.authority(), root()).expect("the authority");
        for size in [Size::Small, Size::Large] {
            write(bench.message(size), message(size)).expect("a message");
        }
        bench
    }

    /// A place for what else is needed.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn authority(&self) -> PathBuf {
        self.folder("authority.der")
    }

    fn message(&self, size: Size) -> PathBuf {
        self.folder(match size {
            Size::Small => "small.eml",
            Size::Large => "large.eml",
        })
    }

    /// How often everything is measured.
    pub(crate) fn rounds(&self) -> usize {
        if self.options.quick { 1 } else { 5 }
    }

    /// One message of 5 KB to one recipient, on loopback, in the clear.
    pub(crate) fn job(&self, port: u16) -> Job {
        Job {
            host: Ipv4Addr::LOCALHOST.into(),
            port,
            encryption: Encryption::None,
            authority: self.authority(),
            login: None,
            from: "info@example.com".to_owned(),
            to: recipients(1),
            message: self.message(Size::Small),
            warm_up: 0,
            messages: 1,
            batch: 1,
            sessions: 1,
        }
    }

    /// The same job with a message of another length.
    pub(crate) fn of(&self, size: Size, job: Job) -> Job {
        Job {
            message: self.message(size),
            ..job
        }
    }

    /// This program, in another part.
    pub(crate) fn itself() -> PathBuf {
        current_exe().expect("this program")
    }

    /// Who can be measured here.
    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer> {
        Peer::ALL
            .into_iter()
            .filter(|peer| peer.is_here(&self.options))
    }

    /// Lets `peer` do a job in a process of its own.
    pub(crate) async fn send(&self, peer: Peer, job: &Job) -> Report {
        let name = peer.name();
        let job = serde_json::to_string(job).expect("a job is JSON");
        let mut command = peer.command(&self.options);
        command.arg(job).stdin(Stdio::null()).kill_on_drop(true);
        let done = timeout(PATIENCE, command.stderr(Stdio::inherit()).output()).await;
        let done = done
            .unwrap_or_else(|_| panic!("{name} takes too long"))
            .expect("a process");
        assert!(done.status.success(), "{name} failed");
        serde_json::from_slice(&done.stdout).expect("a report")
    }

    pub(crate) fn say_what_takes_part(&self) {
        for peer in Peer::ALL {
            if !peer.is_here(&self.options) {
                say(&format!(
                    "skipped: {}, which is not installed; benches/smtp/run does that",
                    peer.name()
                ));
            }
        }
    }

    /// The machine, and which versions it was.
    pub(crate) fn say_what_took_part(&self, speeds: &crate::speed::Speeds) {
        let cores = available_parallelism().map_or(0, usize::from);
        let load = read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default().to_owned();
        let profile = if cfg!(debug_assertions) {
            "dev profile: no number here is a claim"
        } else {
            "release profile"
        };
        let rounds = self.rounds();
        say(&format!(
            "\n{rounds} rounds, medians; {cores} cores, load {load} at the end; {profile}"
        ));
        let versions: Vec<_> = self
            .peers()
            .filter_map(|peer| Some(format!("{} {}", peer.name(), speeds.version(peer)?)))
            .collect();
        say(&versions.join(" · "));
    }
}

/// As many addresses.
pub(crate) fn recipients(count: usize) -> Vec<String> {
    (1..=count)
        .map(|nth| format!("you-{nth}@example.com"))
        .collect()
}

/// What the scripted server takes as well as any other.
pub(crate) fn login() -> Login {
    Login {
        username: "info@example.com".to_owned(),
        password: "s3cret-42".to_owned(),
    }
}

/// A message of at least this many octets.
fn message(size: Size) -> Vec<u8> {
    let octets = match size {
        Size::Small => 5000,
        Size::Large => 1_000_000,
    };
    let line = b"VGhpcyBpcyBhIGxpbmUgb2YgYSBtZXNzYWdlIHRoYXQgaXMgc2VudCB0byBiZSBtZWFzdXJlZA==\r\n";
    let mut message =
        b"From: <info@example.com>\r\nTo: <you@example.com>\r\nSubject: bench\r\n\r\n".to_vec();
    while message.len() < octets {
        message.extend_from_slice(line);
    }
    message
}

/// How a sink answers commands that came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// All in one write, as RFC 2920 §3.2 wants it.
    Good,
    /// Each in a write of its own, the next one once the one before is acknowledged (Nagle's algorithm).
    Piecemeal,
}

/// A process that serves until this is dropped, or until whoever started it is gone: it ends with its input.
pub(crate) struct Served {
    pub(crate) child: Child,
    /// The first line that it said.
    pub(crate) said: String,
}

impl Served {
    /// None when it ended before it said anything.
    pub(crate) async fn start(mut command: Command) -> Option<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().ok()?;
        let output = child.stdout.take().expect("its output");
        let mut lines = BufReader::new(output).lines();
        let line = timeout(PATIENCE, lines.next_line()).await;
        let said = line.ok().and_then(Result::ok).flatten()?;
        Some(Self { child, said })
    }

    /// A sink that listens here, started by `prefix`.
    pub(crate) async fn sink(prefix: &[&str], address: IpAddr, manners: Manners) -> Self {
        let program = Bench::itself();
        let mut command = match prefix {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.arg("sink").arg(address.to_string());
        if manners == Manners::Piecemeal {
            command.arg("--piecemeal");
        }
        Self::start(command).await.expect("a sink")
    }

    /// Waits for its end; tokio ends its input first.
    pub(crate) async fn stop(mut self) {
        let _ = timeout(PATIENCE, self.child.wait()).await;
    }

    /// The port that it said.
    pub(crate) fn port(&self) -> u16 {
        self.said.parse().expect("a port")
    }
}
