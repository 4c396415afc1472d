//! A connection in an answer.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::model::connection::{Connection, ConnectionResource};
use shared::model::ids::ConnectionId;
use shared::web::problem::{Problem, ProblemType};

/// The identifier in a path; one that can't be is as good as one that isn't.
pub(crate) fn id(text: &str) -> Result<ConnectionId, Problem> {
    text.parse().map_err(|_| missing())
}

/// The problem for an identifier that the tenant doesn't have.
pub(crate) fn missing() -> Problem {
    Problem::not_found("there is no connection with this id")
}

/// 200 with the connection and its entity tag.
pub(crate) fn answer(connection: Connection, default: bool) -> Response {
    let etag = etag(&connection.etag(default));
    (
        StatusCode::OK,
        [(header::ETAG, etag)],
        Json(ConnectionResource::new(connection, default)),
    )
        .into_response()
}

/// An entity tag as a header's value.
pub(crate) fn etag(tag: &str) -> HeaderValue {
    HeaderValue::from_str(tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Checks `If-Match` (RFC 9110 §13.1.1) where it is given: an entity tag, a list of them, or `*`.
pub(crate) fn check_if_match(
    headers: &HeaderMap,
    connection: &Connection,
    default: bool,
) -> Result<(), Problem> {
    let mut given = headers.get_all(header::IF_MATCH).iter().peekable();
    if given.peek().is_none() {
        return Ok(());
    }
    let current = connection.etag(default);
    let matches = given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag == current);
    if matches { Ok(()) } else { Err(stale()) }
}

/// The problem for a resource that changed in between.
pub(crate) fn stale() -> Problem {
    Problem::new(
        ProblemType::Stale,
        "the connection has another ETag by now: get it again and repeat the change",
    )
}

/// The problem for a name that another connection of the tenant has.
pub(crate) fn name_taken() -> Problem {
    use shared::model::field::FieldCode;
    Problem::new(
        ProblemType::NameTaken,
        "another connection has this name: choose another",
    )
    .at("/name", FieldCode::Duplicate)
}
