//! `POST /v1/connections/{id}/verify`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use shared::model::settings::{ConnectionInput, PasswordChange};
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody};

use crate::State;
use crate::report::{Report, verify};

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
    PathId(path): PathId,
    body: JsonBody,
) -> Result<Json<Report>, Problem> {
    let missing = || Problem::not_found("there is no connection with this id");
    let id = path.parse().map_err(|_| missing())?;
    let patch = if body.is_empty() {
        ConnectionInput::default()
    } else {
        body.read()?
    };
    let found = state.connections.find(&caller.tenant, id).await?;
    let (stored, _) = found.ok_or_else(missing)?;
    let accepted = patch.patch(&stored, &state.dialer.policy)?;
    let as_saved =
        accepted.settings == stored.settings && accepted.password == PasswordChange::Keep;
    let password = match (accepted.password, &stored.secret) {
        (PasswordChange::Set(password), _) => Some(password),
        (PasswordChange::Keep, Some(secret)) => Some(state.secrets.read(secret).await?),
        (PasswordChange::Keep, None) | (PasswordChange::Remove, _) => None,
    };
    let report = verify(&state, &accepted.settings, password).await;
    if as_saved {
        let outcome = report.outcome();
        let table = &state.connections;
        table
            .keep_verification(&caller.tenant, &stored, &outcome)
            .await?;
    }
    Ok(Json(report))
}
