//! `GET /v1/connections/{id}`

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::response::Response;
use shared::model::connection::ConnectionResource;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody};

use crate::State;
use crate::resource::{answer, id, missing};

/// Get a connection
#[utoipa::path(
    get, path = "/v1/connections/{id}", tag = "connections",
    params(("id" = String, Path, description = "The connection")),
    responses(
        (status = 200, body = ConnectionResource, headers(("ETag" = String))),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get_connection(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    PathId(path): PathId,
) -> Result<Response, Problem> {
    let (connection, default) = state
        .connections
        .find(&caller.tenant, id(&path)?)
        .await?
        .ok_or_else(missing)?;
    Ok(answer(connection, default))
}
