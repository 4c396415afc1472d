//! `POST /v1/sender`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use shared::model::sender::{Decision, Requested};
use shared::model::submission::SenderInput;
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;

use crate::State;

/// Explain the sender
///
/// Which connection would send a message that asks for this sender, with which From and Reply-To, and which rule decides. Nothing is
/// sent.
#[utoipa::path(
    post, path = "/v1/sender", tag = "messages", request_body = SenderInput,
    responses(
        (status = 200, body = Decision),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn explain_sender(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    body: JsonBody,
) -> Result<Json<Decision>, Problem> {
    let requested = Requested::try_from(body.read::<SenderInput>()?)?;
    let senders = state.connections.senders(&caller.tenant).await?;
    let (decision, _) = senders.decide(requested)?;
    Ok(Json(decision))
}
