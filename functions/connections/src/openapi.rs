//! `GET /v1/openapi.json`

use axum::http::header;
use axum::response::IntoResponse;

/// The description of the whole API, as it is checked in: a test keeps it equal to what the code generates.
pub(crate) async fn get_openapi() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        include_str!("../../../openapi.json"),
    )
}
