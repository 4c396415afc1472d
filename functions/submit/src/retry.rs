//! `POST /v1/messages/{id}/retry`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use shared::aws::messages::{Record, TAKEN_WITHIN};
use shared::model::message::Message;
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;

use crate::State;
use crate::change::change;

/// Retry a message
///
/// A `failed`, `unknown` or parked message is queued once more, now, for every recipient who isn't known to have it: those refused, given
/// up or unknown are `open` again. Where one was unknown, the message is a `possible_duplicate`. It is then tried for three days, as a
/// new message is. In any other state: `not_possible`.
#[utoipa::path(
    post, path = "/v1/messages/{id}/retry", tag = "messages",
    params(("id" = String, Path, description = "The message")),
    responses(
        (status = 202, body = Message),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn retry_message(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    PathId(path): PathId,
    body: JsonBody,
) -> Result<(StatusCode, Json<Message>), Problem> {
    body.read_nothing()?;
    let now = state.clock.now();
    let due = Some(now + TAKEN_WITHIN);
    let record = change(&state, &caller.tenant, &path, due, |record| {
        let Record {
            message, patience, ..
        } = record;
        message.retry(patience, now)?;
        record.look_at = None;
        record.renew(now);
        // Counted before it is sent: SQS drops an entry with a number that it has seen in the last five minutes.
        record.enqueued += 1;
        Ok(())
    })
    .await?;
    if let Err(error) = state.queue.push(&record).await {
        tracing::error!(message_id = %record.message.id, cause = error.cause(), "to be retried, but not queued: the sweeper will");
    }
    Ok((StatusCode::ACCEPTED, Json(record.message)))
}
