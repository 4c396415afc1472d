//! `POST /v1/connections/verify`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use shared::model::settings::{ConnectionInput, NewConnection, PasswordChange};
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;

use crate::State;
use crate::language::Language;
use crate::report::{Report, verify};

/// Verify a draft
///
/// Takes what creating a connection takes, and saves nothing. A server that doesn't work is a report too: 200, with `ok` false.
#[utoipa::path(
    post, path = "/v1/connections/verify", tag = "verification", request_body = NewConnection,
    responses(
        (status = 200, body = Report),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn verify_draft(
    Shared(state): Shared<Arc<State>>,
    _: Caller,
    _: NoParameters,
    language: Language,
    body: JsonBody,
) -> Result<Json<Report>, Problem> {
    let accepted = body
        .read_or_default::<ConnectionInput>()?
        .create(&state.dialer.policy)?;
    let password = match accepted.password {
        PasswordChange::Set(password) => Some(password),
        PasswordChange::Keep | PasswordChange::Remove => None,
    };
    Ok(Json(
        verify(&state, &accepted.settings, password, language).await,
    ))
}
