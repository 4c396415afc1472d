//! What was found, as the caller reads it: in words, in the caller's language.

use axum::Json;
use axum::http::HeaderName;
use axum::http::header::CONTENT_LANGUAGE;
use serde::Serialize;
use shared::model::provider::Provider;
use shared::model::reply::Reply;
use shared::model::timestamp::{Timestamp, millis};
use shared::smtp::{Failure, FailureCode, ServerFacts, Stage, StageReport};
use utoipa::ToSchema;

use crate::deliverability::Warning;
use crate::findings::Findings;
use crate::language::Language;
use crate::probe::Suggestion;
use crate::verification::Verification;
use crate::words::{self, Circumstances};

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
    /// Settings that work where these don't; found without logging in.
    suggestion: Option<Suggestion>,
    /// What may keep mail from arriving, and doesn't keep the connection from working.
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
    hint: String,
    /// Whether the same settings may work when they are tried again.
    retryable: bool,
    /// When the same login is tried again; set where it was refused a short while ago, and was not tried this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// What the server said, cleaned and capped.
    reply: Option<Reply>,
}

impl Report {
    /// Puts what `verification` has found into words.
    pub(crate) fn new(
        verification: &Verification<'_>,
        findings: Findings,
        warnings: Vec<Warning>,
    ) -> Self {
        let language = verification.language;
        let failure = findings.failure.clone();
        let failure = failure.map(|failure| {
            let hint = hint(&failure, &findings, verification);
            FailureReport {
                stage: failure.stage,
                code: failure.code,
                pointer: failure.code.pointer(),
                title: words::title(failure.code, language),
                hint,
                retryable: failure.code.is_retryable(),
                next_attempt_at: findings.not_before,
                reply: failure.reply,
            }
        });
        Self {
            ok: failure.is_none(),
            checked_at: findings.checked_at,
            duration_ms: millis(findings.duration),
            stages: findings.progress.stages,
            failure,
            server: findings.progress.server,
            suggestion: findings.suggestion,
            warnings,
        }
    }

    /// The answer, which says what language it is in.
    pub(crate) fn answer(self, language: Language) -> Answer {
        ([(CONTENT_LANGUAGE, language.tag())], Json(self))
    }
}

/// A report with the header that names its language.
pub(crate) type Answer = ([(HeaderName, &'static str); 1], Json<Report>);

fn hint(failure: &Failure, findings: &Findings, verification: &Verification<'_>) -> String {
    let settings = verification.settings;
    let circumstances = Circumstances {
        provider: Provider::of_host(&settings.host),
        port: settings.port,
        egress_ips: &verification.state.egress_ips,
        certificate_names: findings.certificate_names(),
        enhanced: failure
            .reply
            .as_ref()
            .and_then(|reply| reply.enhanced.as_deref()),
        not_before: findings.not_before,
    };
    words::hint(failure.code, &circumstances, verification.language)
}
