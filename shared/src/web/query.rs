//! Query parameters: as strict as bodies, so a typo is never ignored.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::problem::Problem;
use crate::model::field::{FieldCode, FieldErrors, child};

/// The query parameters of a request.
#[derive(Debug)]
pub struct Parameters {
    given: BTreeMap<String, String>,
    errors: FieldErrors,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| {
                Problem::field(
                    "",
                    FieldCode::WrongType,
                    "the query is not of the form name=value&name=value",
                )
            })?;
        let mut parameters = Self {
            given: BTreeMap::new(),
            errors: FieldErrors::default(),
        };
        for (name, value) in pairs {
            if parameters.given.insert(name.clone(), value).is_some() {
                parameters
                    .errors
                    .push(child("", &name), FieldCode::Duplicate, "is given twice");
            }
        }
        Ok(parameters)
    }
}

/// Refuses every query parameter, for operations that have none.
#[derive(Debug)]
pub struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = Parameters::from_request_parts(parts, state).await?;
        parameters.finish().map(|()| Self)
    }
}

impl Parameters {
    /// Takes the parameter `name`; an empty one is as good as none. A bad one is noted with `code` and `detail`.
    pub fn take<T: FromStr>(&mut self, name: &str, code: FieldCode, detail: &str) -> Option<T> {
        let value = self.given.remove(name).filter(|value| !value.is_empty())?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.errors.push(child("", name), code, detail);
        }
        parsed
    }

    /// Notes that a parameter which could be read is out of its range.
    pub fn refuse(&mut self, name: &str, code: FieldCode, detail: &str) {
        self.errors.push(child("", name), code, detail);
    }

    /// Refuses what was not taken.
    ///
    /// # Errors
    /// Every error noted so far, and each parameter that nobody took.
    pub fn finish(mut self) -> Result<(), Problem> {
        self.errors.refuse_unknown("", self.given.keys());
        self.errors.into_result(Some(())).map_err(Problem::from)
    }
}
