//! The verification itself, and its report.

use std::time::Duration;

use serde::Serialize;
use shared::model::connection::{Settings, Verification, VerificationFailure, VerificationStatus};
use shared::model::encryption::Encryption;
use shared::model::password::Password;
use shared::model::provider::Provider;
use shared::model::reply::Reply;
use shared::model::timestamp::Timestamp;
use shared::smtp::{
    Credentials, Failure, FailureCode, Progress, ServerFacts, Stage, StageReport, Target,
};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::State;
use crate::deliverability::{Warning, warnings};
use crate::language::Language;

/// API Gateway gives up after 30 s; the answer must be on its way before.
const WITHIN: Duration = Duration::from_secs(25);

/// What a verification found, stage by stage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VerificationReport)]
pub(crate) struct Report {
    /// Whether every stage passed.
    ok: bool,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    checked_at: Timestamp,
    /// How long it took.
    duration_ms: u64,
    /// The stages, in the order that they happened.
    stages: Vec<StageReport>,
    /// The stage that failed, why, and what to do.
    failure: Option<FailureReport>,
    /// What the server said of itself.
    server: ServerFacts,
    /// Settings that would work where these don't. Not looked for yet: always null.
    suggestion: Option<Suggestion>,
    /// What speaks against good delivery, and doesn't keep the connection from working.
    warnings: Vec<Warning>,
}

/// Why a stage failed.
#[derive(Debug, Serialize, ToSchema)]
struct FailureReport {
    /// The stage.
    stage: Stage,
    /// Why, for programs.
    code: FailureCode,
    /// The field to look at, as a JSON Pointer.
    pointer: Option<&'static str>,
    /// Why, for people.
    title: &'static str,
    /// What to do.
    hint: &'static str,
    /// What the server said, cleaned and capped.
    reply: Option<Reply>,
}

/// Settings to try instead.
#[derive(Debug, Serialize, ToSchema)]
struct Suggestion {
    /// The mail server.
    host: String,
    /// Its port.
    port: u16,
    /// How the session is protected.
    encryption: Encryption,
}

impl Report {
    /// What is kept of it on the connection.
    pub(crate) fn outcome(&self) -> Verification {
        let failure = self.failure.as_ref().map(|failure| VerificationFailure {
            stage: failure.stage.to_string(),
            code: failure.code.to_string(),
        });
        let status = if self.ok {
            VerificationStatus::Passed
        } else {
            VerificationStatus::Failed
        };
        Verification {
            status,
            checked_at: Some(self.checked_at),
            failure,
        }
    }
}

/// Goes through all stages up to the first that fails. No mail is sent.
pub(crate) async fn verify(
    state: &State,
    settings: &Settings,
    password: Option<Password>,
    language: Language,
) -> Report {
    let checked_at = state.clock.now();
    let started = Instant::now();
    let mut progress = Progress::default();
    let until = started + WITHIN;
    let provider = Provider::of_host(&settings.host);
    let (outcome, warnings) = tokio::join!(
        stages(state, settings, password, until, &mut progress),
        warnings(&state.dialer, settings, provider, language, until),
    );
    for stage in [
        Stage::Resolve,
        Stage::Connect,
        Stage::Greeting,
        Stage::Tls,
        Stage::Auth,
        Stage::Sender,
    ] {
        progress.skip(stage);
    }
    let failure = outcome.err().map(|failure| FailureReport {
        stage: failure.stage,
        code: failure.code,
        pointer: failure.code.pointer(),
        title: "",
        hint: "",
        reply: failure.reply,
    });
    Report {
        ok: failure.is_none(),
        checked_at,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        stages: progress.stages,
        failure,
        server: progress.server,
        suggestion: None,
        warnings,
    }
}

async fn stages(
    state: &State,
    settings: &Settings,
    password: Option<Password>,
    deadline: Instant,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let credentials = settings
        .username
        .clone()
        .zip(password)
        .map(|(username, password)| Credentials { username, password });
    let target = Target {
        host: settings.host.clone(),
        port: settings.port,
        encryption: settings.encryption,
        credentials,
    };
    let mut session = state.dialer.open(&target, deadline, progress).await?;
    let began = Instant::now();
    let sender = session.check_sender(&settings.sender_email).await;
    let sender = progress.observe(Stage::Sender, began, sender, |()| None);
    session.quit().await;
    sender
}
