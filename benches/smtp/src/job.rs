//! What a sender is asked to do, and what it tells: one line of JSON each, so that every peer is a program of its own.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared::model::encryption::Encryption;

/// Messages to send through one connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    /// The file with the certificate to trust, DER.
    pub(crate) authority: PathBuf,
    pub(crate) login: Option<Login>,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// The file with the message, CRLF line ends.
    pub(crate) message: PathBuf,
    /// How many messages are sent before anything is measured.
    pub(crate) warm_up: usize,
    /// How many messages are measured.
    pub(crate) messages: usize,
    /// How many are handed over at once, where the peer can take more than one.
    pub(crate) batch: usize,
    /// How many connections send all this at the same time. Peers know only 1.
    pub(crate) sessions: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// What was measured: time and CPU without the warm-up, the process's memory with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_bytes: f64,
    /// The peer's, and its language's where that matters.
    pub(crate) version: String,
}
