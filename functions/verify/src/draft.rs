//! `POST /v1/connections/verify`

use std::sync::Arc;

use axum::extract::State as Shared;
use shared::model::settings::PasswordChange;
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;
use tokio::time::Instant;

use crate::State;
use crate::language::Language;
use crate::limits::count_verification;
use crate::report::{Answer, Report};
use crate::request::{NewVerification, VerificationInput};
use crate::verification::Verification;

/// Verify a draft
///
/// Takes what creating a connection takes, and saves nothing. A server that doesn't work is a report too: 200, with `ok` false. Its
/// texts are in English or Italian, by `Accept-Language`.
#[utoipa::path(
    post, path = "/v1/connections/verify", tag = "verification", request_body = NewVerification,
    params(("Accept-Language" = Option<String>, Header, description = "English or Italian for the texts of the report")),
    responses(
        (status = 200, body = Report),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn verify_draft(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    language: Language,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let deadline = Instant::now() + state.within;
    let request = body
        .read_or_default::<VerificationInput>()?
        .draft(&state.dialer.policy)?;
    let password = match request.accepted.password {
        PasswordChange::Set(password) => Some(password),
        PasswordChange::Keep | PasswordChange::Remove => None,
    };
    count_verification(&state, &caller.tenant).await?;
    let verification = Verification {
        state: &state,
        tenant: &caller.tenant,
        settings: &request.accepted.settings,
        password,
        send_to: request.send_to,
        language,
        deadline,
    };
    let admission = verification.admit().await?;
    let (findings, warnings) = verification.find(admission).await;
    Ok(Report::new(&verification, findings, warnings).answer(language))
}
