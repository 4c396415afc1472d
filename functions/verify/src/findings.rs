//! What a verification found, before it is put into words.

use std::time::Duration;

use shared::model::connection::{Verification, VerificationFailure, VerificationStatus};
use shared::model::encryption::Encryption;
use shared::model::timestamp::Timestamp;
use shared::smtp::{Failure, FailureCode, Progress, Stage};
use tokio::time::Instant;

use crate::probe::Suggestion;
use crate::refused_logins::NOT_AGAIN_FOR;

/// What a verification found.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    /// When it began.
    pub(crate) checked_at: Timestamp,
    /// How long it took.
    pub(crate) duration: Duration,
    /// The stages and the server's own words.
    pub(crate) progress: Progress,
    /// What failed.
    pub(crate) failure: Option<Failure>,
    /// What works where this doesn't.
    pub(crate) suggestion: Option<Suggestion>,
    /// Until when the login is not tried again, where it was not tried this time either.
    pub(crate) not_before: Option<Timestamp>,
}

impl Findings {
    /// What a connection says of the last time that its login was verified, where it was refused a short while ago.
    pub(crate) fn kept(
        outcome: &Verification,
        encryption: Encryption,
        sends_to_somebody: bool,
        now: Timestamp,
    ) -> Option<Self> {
        let checked_at = outcome.checked_at?;
        let kept = outcome.failure.as_ref()?;
        if now >= checked_at + NOT_AGAIN_FOR || kept.stage != Stage::Auth.to_string() {
            return None;
        }
        let code = [
            FailureCode::AuthenticationRejected,
            FailureCode::AppPasswordRequired,
            FailureCode::PasswordLoginDisabled,
            FailureCode::TooManyLogins,
        ]
        .into_iter()
        .find(|code| code.to_string() == kept.code)?;
        let mut progress = Progress::default();
        let mut failure = Failure::new(Stage::Auth, code);
        for stage in Stage::opening(encryption) {
            if stage == Stage::Auth {
                let failed = Err::<(), _>(failure);
                failure = progress
                    .observe(stage, Instant::now(), failed, |()| None)
                    .expect_err("it failed");
            } else {
                progress.skip(stage);
            }
        }
        progress.skip(Stage::Sender);
        if sends_to_somebody {
            progress.skip(Stage::Message);
        }
        Some(Self {
            checked_at,
            duration: Duration::ZERO,
            progress,
            failure: Some(failure),
            suggestion: None,
            not_before: None,
        })
    }

    /// The same, told instead of trying again.
    pub(crate) fn not_tried_again(self) -> Self {
        Self {
            not_before: Some(self.checked_at + NOT_AGAIN_FOR),
            ..self
        }
    }

    /// What is kept of it on the connection. What became of a test message says nothing about the connection.
    pub(crate) fn outcome(&self) -> Verification {
        let failure = self.failure.as_ref();
        let failure = failure.filter(|failure| failure.stage != Stage::Message);
        Verification {
            status: match failure {
                None => VerificationStatus::Passed,
                Some(_) => VerificationStatus::Failed,
            },
            checked_at: Some(self.checked_at),
            failure: failure.map(|failure| VerificationFailure {
                stage: failure.stage.to_string(),
                code: failure.code.to_string(),
            }),
        }
    }

    /// The names in the certificate that was shown.
    pub(crate) fn certificate_names(&self) -> &[String] {
        certificate_names(&self.progress)
    }
}

/// The names in the certificate that was shown so far.
pub(crate) fn certificate_names(progress: &Progress) -> &[String] {
    let tls = progress.server.tls.as_ref();
    let certificate = tls.and_then(|tls| tls.certificate.as_ref());
    certificate.map_or(&[], |certificate| &certificate.names)
}
