//! Who is measured.

use std::path::Path;

use clap::ValueEnum;
use tokio::process::Command;

use crate::bench::{Bench, Options};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Peer {
    Mittente,
    Nodemailer,
    /// lettre's pool, as it comes.
    Lettre,
    /// lettre's connection, without the pool: that is the only way to give it a socket with `TCP_NODELAY`.
    LettreNodelay,
    Aiosmtplib,
}

impl Peer {
    pub(crate) const ALL: [Self; 5] = [
        Self::Mittente,
        Self::Nodemailer,
        Self::Lettre,
        Self::LettreNodelay,
        Self::Aiosmtplib,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mittente => "Mittente",
            Self::Nodemailer => "nodemailer's pool",
            Self::Lettre => "lettre's pool",
            Self::LettreNodelay => "lettre's connection, TCP_NODELAY",
            Self::Aiosmtplib => "aiosmtplib",
        }
    }

    pub(crate) fn is_here(self, options: &Options) -> bool {
        match self {
            Self::Mittente | Self::Lettre | Self::LettreNodelay => true,
            Self::Nodemailer => options.node_packages.is_some(),
            Self::Aiosmtplib => options.python.is_some(),
        }
    }

    /// What takes a job as its last argument.
    pub(crate) fn command(self, options: &Options) -> Command {
        let program = |name| {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("peers")
                .join(name)
        };
        match self {
            Self::Mittente | Self::Lettre | Self::LettreNodelay => {
                let name = self.to_possible_value().expect("none is skipped");
                let mut command = Command::new(Bench::itself());
                command.args(["send", name.get_name()]);
                command
            }
            Self::Nodemailer => {
                let packages = options.node_packages.as_deref().unwrap_or(Path::new("."));
                let mut command = Command::new("node");
                command
                    .env("NODE_PACKAGES", packages)
                    .arg(program("nodemailer_sender.mjs"));
                command
            }
            Self::Aiosmtplib => {
                let python = options.python.as_deref().unwrap_or(Path::new("python3"));
                let mut command = Command::new(python);
                command.arg(program("aiosmtplib_sender.py"));
                command
            }
        }
    }
}
