//! `GET /v1/messages/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use shared::model::message::Message;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;

use crate::State;
use crate::change::missing;

/// Get a message
///
/// Its state, its attempts, each recipient's outcome, and the sender requested and used.
#[utoipa::path(
    get, path = "/v1/messages/{id}", tag = "messages",
    params(("id" = String, Path, description = "The message")),
    responses(
        (status = 200, body = Message),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get_message(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    PathId(path): PathId,
) -> Result<Json<Message>, Problem> {
    let id = path.parse().map_err(|_| missing())?;
    let record = state
        .messages
        .find(&caller.tenant, id)
        .await?
        .ok_or_else(missing)?;
    Ok(Json(record.message))
}
