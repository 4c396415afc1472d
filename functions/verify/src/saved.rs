//! `POST /v1/connections/{id}/verify`

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use shared::model::settings::{ConnectionInput, PasswordChange};
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;

use crate::State;
use crate::language::Language;
use crate::report::{Report, verify};

/// How long keeping the outcome may take, when the answer is already late.
const KEEP_WITHIN: Duration = Duration::from_secs(2);

/// Verify a connection
///
/// As it is saved, or as it would be after the merge patch in the body. Nothing is saved but the outcome of verifying it as it is
/// saved. A change of host, port, encryption or username needs the password again.
#[utoipa::path(
    post, path = "/v1/connections/{id}/verify", tag = "verification", request_body = Option<ConnectionInput>,
    params(("id" = String, Path, description = "The connection")),
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
    language: Language,
    PathId(path): PathId,
    body: JsonBody,
) -> Result<Json<Report>, Problem> {
    let missing = || Problem::not_found("there is no connection with this id");
    let id = path.parse().map_err(|_| missing())?;
    let input: ConnectionInput = body.read_or_default()?;
    let found = state.connections.find(&caller.tenant, id).await?;
    let (stored, _) = found.ok_or_else(missing)?;
    let accepted = input.patch(&stored, &state.dialer.policy)?;
    let as_saved =
        accepted.settings == stored.settings && accepted.password == PasswordChange::Keep;
    let password = match (accepted.password, &stored.secret) {
        (PasswordChange::Set(password), _) => Some(password),
        (PasswordChange::Keep, Some(secret)) => Some(state.secrets.read(secret).await?),
        (PasswordChange::Keep, None) | (PasswordChange::Remove, _) => None,
    };
    let report = verify(&state, &accepted.settings, password, language).await;
    if as_saved {
        let outcome = report.outcome();
        let keep = state
            .connections
            .keep_verification(&caller.tenant, &stored, &outcome);
        // The caller waits for the report; that it could not be kept is for us to see to.
        match tokio::time::timeout(KEEP_WITHIN, keep).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(connection_id = %id, cause = error.cause(), "a verification was not kept");
            }
            Err(_) => tracing::error!(connection_id = %id, "a verification was not kept in time"),
        }
    }
    Ok(Json(report))
}
