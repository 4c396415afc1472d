//! `POST /v1/connections/{id}/verify`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use shared::model::connection::{Connection, Verification as Outcome};
use shared::model::settings::{Accepted, PasswordChange};
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;
use tokio::time::Instant;

use crate::State;
use crate::findings::Findings;
use crate::language::Language;
use crate::limits::count_verification;
use crate::report::{Answer, Report};
use crate::request::VerificationInput;
use crate::verification::{Admission, Verification};

/// How long keeping the outcome may take, when the answer is already late.
const KEEP_WITHIN: Duration = Duration::from_secs(2);

/// Verify a connection
///
/// As it is saved, or as it would be after the merge patch in the body. Nothing is saved but the outcome of verifying it as it is
/// saved. A change of host, port, encryption or username needs the password again. Texts are in English or Italian, by
/// `Accept-Language`.
#[utoipa::path(
    post, path = "/v1/connections/{id}/verify", tag = "verification", request_body = Option<VerificationInput>,
    params(
        ("id" = String, Path, description = "The connection"),
        ("Accept-Language" = Option<String>, Header, description = "English or Italian for the texts of the report"),
    ),
    responses(
        (status = 200, body = Report),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn verify_connection(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    PathId(path): PathId,
    language: Language,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let deadline = Instant::now() + state.within;
    let missing = || Problem::not_found("there is no connection with this id");
    let id = path.parse().map_err(|_| missing())?;
    let input: VerificationInput = body.read_or_default()?;
    let found = state.connections.find(&caller.tenant, id).await?;
    let (stored, _) = found.ok_or_else(missing)?;
    let request = input.patch(&stored, &state.dialer.policy)?;
    let Accepted {
        settings, password, ..
    } = request.accepted;
    let keeps_login = password == PasswordChange::Keep && settings.same_login_as(&stored.settings);
    let is_as_saved = password == PasswordChange::Keep && settings == stored.settings;
    count_verification(&state, &caller.tenant).await?;
    let sends = request.send_to.is_some();
    let kept = || {
        Findings::kept(
            &stored.verification,
            settings.encryption,
            sends,
            state.clock.now(),
        )
    };
    let kept = keeps_login.then(kept).flatten();
    let password = match (password, &stored.secret) {
        (PasswordChange::Set(password), _) => Some(password),
        (PasswordChange::Keep, Some(secret)) if kept.is_none() => {
            Some(state.secrets.read(secret).await?)
        }
        (PasswordChange::Keep | PasswordChange::Remove, _) => None,
    };
    let verification = Verification {
        state: &state,
        tenant: &caller.tenant,
        settings: &settings,
        password,
        send_to: request.send_to,
        language,
        deadline,
    };
    let admission = match kept {
        Some(kept) => Admission::Known(Box::new(kept)),
        None => verification.admit().await?,
    };
    let (findings, warnings) = verification.find(admission).await;
    if is_as_saved {
        keep(&state, &caller, &stored, &findings.outcome()).await;
    }
    Ok(Report::new(&verification, findings, warnings).answer(language))
}

/// Keeps the outcome on the connection. The caller waits for the report; that it could not be kept is for us to see to.
async fn keep(state: &State, caller: &Caller, stored: &Connection, outcome: &Outcome) {
    let now = state.clock.now();
    let (tenant, by) = (&caller.tenant, caller.subject.as_deref());
    let keep = state
        .connections
        .keep_verification(tenant, stored, outcome, by, now);
    let connection_id = stored.id;
    match tokio::time::timeout(KEEP_WITHIN, keep).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(%connection_id, cause = error.cause(), "a verification was not kept");
        }
        Err(_) => tracing::error!(%connection_id, "a verification was not kept in time"),
    }
}
