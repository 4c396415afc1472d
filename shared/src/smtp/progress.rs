//! What a session's opening went through: the body of the verification report. Delivery passes one in and forgets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;
use utoipa::ToSchema;

use super::extensions::Extensions;
use super::failure::{Failure, FailureCode, Stage};
use super::tls::{HandshakeFailure, TlsFacts};
use crate::model::timestamp::millis;

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// It did what it should.
    Passed,
    /// It did not, and the session ended there.
    Failed,
    /// It was not reached, or there was nothing to do.
    Skipped,
}

/// One stage, in the order that they happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageReport {
    /// Which one.
    pub stage: Stage,
    /// How it ended.
    pub status: StageStatus,
    /// How long it took; absent where it was skipped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ms: Option<u64>,
    /// What it found: the address, the mechanism.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// What a server said of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerFacts {
    /// The text of its greeting.
    pub greeting: Option<String>,
    /// What it offered in answer to the last EHLO, line by line.
    pub extensions: Vec<String>,
    /// The most octets of one message that it takes, where it says so (SIZE, RFC 1870).
    pub size_limit: Option<u64>,
    /// The ways to log in that it offered (RFC 4954).
    pub auth_mechanisms: Vec<String>,
    /// The session's encryption, once there is one.
    pub tls: Option<TlsFacts>,
}

impl ServerFacts {
    pub(crate) fn note_extensions(&mut self, extensions: &Extensions) {
        self.extensions = extensions.lines().to_vec();
        self.size_limit = extensions.max_size;
        self.auth_mechanisms = extensions.mechanisms().to_vec();
    }
}

/// The stages so far and what is known of the server.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The stages, in the order that they happened.
    pub stages: Vec<StageReport>,
    /// What the server said of itself.
    pub server: ServerFacts,
    brief: bool,
    count: Arc<AtomicUsize>,
}

/// Tells how far a session has come while its [`Progress`] is in use.
#[derive(Debug, Clone)]
pub struct Reached(Arc<AtomicUsize>);

impl Reached {
    /// How many stages are over.
    #[must_use]
    pub fn stages(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Progress {
    /// For a delivery, which has no use for the server's certificate.
    #[must_use]
    pub fn brief() -> Self {
        Self {
            brief: true,
            ..Self::default()
        }
    }

    /// Tells from elsewhere how far it has come.
    #[must_use]
    pub fn reached(&self) -> Reached {
        Reached(Arc::clone(&self.count))
    }

    fn push(&mut self, report: StageReport) {
        self.stages.push(report);
        self.count.store(self.stages.len(), Ordering::Relaxed);
    }

    /// Notes how `stage`, begun at `started`, ended, and hands `result` back.
    ///
    /// # Errors
    /// Those of `result`.
    pub fn observe<T>(
        &mut self,
        stage: Stage,
        started: Instant,
        result: Result<T, Failure>,
        detail: impl FnOnce(&T) -> Option<String>,
    ) -> Result<T, Failure> {
        let (status, detail) = match &result {
            Ok(value) => (StageStatus::Passed, detail(value)),
            Err(_) => (StageStatus::Failed, None),
        };
        self.push(StageReport {
            stage,
            status,
            duration_ms: Some(millis(started.elapsed())),
            detail,
        });
        result
    }

    /// Notes what a handshake showed, also where it failed.
    pub(super) fn note_tls(
        &mut self,
        secured: Result<TlsStream<TcpStream>, HandshakeFailure>,
    ) -> Result<TlsStream<TcpStream>, FailureCode> {
        match secured {
            Ok(stream) => {
                self.server.tls = Some(TlsFacts::of(&stream, self.brief));
                Ok(stream)
            }
            Err(HandshakeFailure { code, certificate }) => {
                self.server.tls = certificate.map(|certificate| TlsFacts {
                    version: None,
                    cipher: None,
                    certificate: Some(certificate),
                });
                Err(code)
            }
        }
    }

    pub(super) fn tls_version(&self) -> Option<String> {
        self.server.tls.as_ref()?.version.clone()
    }

    /// Notes `stage` as skipped, unless it took place.
    pub fn skip(&mut self, stage: Stage) {
        if !self.stages.iter().any(|report| report.stage == stage) {
            self.push(StageReport {
                stage,
                status: StageStatus::Skipped,
                duration_ms: None,
                detail: None,
            });
        }
    }
}
