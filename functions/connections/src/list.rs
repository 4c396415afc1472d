//! `GET /v1/connections`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use serde::Serialize;
use shared::model::connection::{Connection, ConnectionResource};
use shared::model::field::FieldCode;
use shared::model::text;
use shared::web::caller::Caller;
use shared::web::page::{Cursor, PageRequest};
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::Parameters;
use utoipa::ToSchema;

use crate::State;

/// A page of connections.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionPage {
    /// By name.
    connections: Vec<ConnectionResource>,
    /// The `cursor` of the next page; null on the last.
    next_cursor: Option<String>,
}

/// List connections
///
/// By name, case-folded.
#[utoipa::path(
    get, path = "/v1/connections", tag = "connections",
    params(
        ("active" = Option<bool>, Query, description = "Only active, or only inactive, connections"),
        ("limit" = Option<u8>, Query, description = "The most connections of a page, 1 to 100 (default 100)"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, body = ConnectionPage),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list_connections(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    mut parameters: Parameters,
) -> Result<Json<ConnectionPage>, Problem> {
    let active: Option<bool> =
        parameters.take("active", FieldCode::WrongType, "must be true or false");
    let page = PageRequest::take(&mut parameters);
    parameters.finish()?;

    // A tenant has few connections, and all of them are needed to put them in order of their names: one query, sorted here.
    let senders = state.connections.senders(&caller.tenant).await?;
    let mut connections: Vec<(Cursor, Connection)> = senders
        .connections
        .into_iter()
        .filter(|connection| active.is_none_or(|active| connection.settings.active == active))
        .map(|connection| (position(&connection), connection))
        .filter(|(position, _)| page.after.as_ref().is_none_or(|after| position > after))
        .collect();
    connections.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = connections.len() > page.limit;
    connections.truncate(page.limit);
    let next_cursor = connections
        .last()
        .filter(|_| more)
        .map(|(position, _)| position.encode());
    let show = |(_, connection): (Cursor, Connection)| {
        let default = senders.default == Some(connection.id);
        ConnectionResource::new(connection, default)
    };
    Ok(Json(ConnectionPage {
        connections: connections.into_iter().map(show).collect(),
        next_cursor,
    }))
}

/// Names are unique, so a name alone is a position; the id makes it one even in between a rename.
fn position(connection: &Connection) -> Cursor {
    Cursor(format!(
        "{}\0{}",
        text::fold(&connection.settings.name),
        connection.id
    ))
}
