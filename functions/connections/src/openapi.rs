//! `GET /v1/openapi.json`

use axum::http::header;
use axum::response::IntoResponse;

/// Get this description
// As it is checked in: a test keeps it equal to what the code generates.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "description", security(()),
    responses((status = 200, description = "The OpenAPI 3.1 document of the whole API", content_type = "application/json")),
)]
pub(crate) async fn get_openapi() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        include_str!("../../../openapi.json"),
    )
}
