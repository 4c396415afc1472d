//! The identifier in a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::problem::Problem;

/// The one parameter of a path, decoded. What can't be decoded names nothing.
#[derive(Debug)]
pub struct PathId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found("the id in the path is not one"))?;
        Ok(Self(id))
    }
}
