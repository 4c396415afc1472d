//! `POST /v1/messages/{id}/cancel`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use shared::model::message::Message;
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;

use crate::State;
use crate::change::change;

/// Cancel a message
///
/// A message that is queued, waits for its next attempt or is parked is never tried again. Recipients keep their state: one who has it has
/// it, and one who is `open` will not get it; one whom an earlier attempt may have reached is `unknown`. Cancelling a cancelled
/// message changes nothing and is answered in the same way. While an attempt is under way, and when the message has come to another
/// end: `not_possible`.
#[utoipa::path(
    post, path = "/v1/messages/{id}/cancel", tag = "messages",
    params(("id" = String, Path, description = "The message")),
    responses(
        (status = 202, body = Message),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn cancel_message(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    PathId(path): PathId,
    body: JsonBody,
) -> Result<(StatusCode, Json<Message>), Problem> {
    body.read_nothing()?;
    let now = state.clock.now();
    let record = change(&state, &caller.tenant, &path, None, |record| {
        record.message.cancel(now)
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(record.message)))
}
