//! Everything that can go wrong, as RFC 9457 `application/problem+json`. The one place where errors become HTTP.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::aws::error::StorageError;
use crate::model::field::{FieldCode, FieldError, FieldErrors};
use crate::model::message::NotPossible;
use crate::model::sender::NoSender;

/// The closed set of problem types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemType {
    /// The body is not JSON.
    Malformed,
    /// No valid token.
    Unauthenticated,
    /// The token doesn't allow it.
    Forbidden,
    /// No such thing, for this tenant.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed,
    /// The default connection can't be deactivated or deleted as it is.
    DefaultInUse,
    /// Another connection has the name.
    NameTaken,
    /// The connection is inactive.
    ConnectionInactive,
    /// No connection can be chosen.
    NoSender,
    /// A request with the same idempotency key is under way.
    InProgress,
    /// The resource is in a state that doesn't allow it.
    NotPossible,
    /// The resource changed since it was read.
    Stale,
    /// The body is too large.
    TooLarge,
    /// The body has another media type.
    UnsupportedMediaType,
    /// Fields are wrong.
    Validation,
    /// The idempotency key was used with another body.
    IdempotencyMismatch,
    /// As much as the tenant may have.
    QuotaExceeded,
    /// Too often.
    RateLimited,
    /// Our fault.
    Internal,
    /// Not now.
    Unavailable,
}

impl ProblemType {
    const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => (
                "malformed",
                StatusCode::BAD_REQUEST,
                "The request body is not JSON",
            ),
            Self::Unauthenticated => (
                "unauthenticated",
                StatusCode::UNAUTHORIZED,
                "A valid token is required",
            ),
            Self::Forbidden => (
                "forbidden",
                StatusCode::FORBIDDEN,
                "The token does not allow this",
            ),
            Self::NotFound => (
                "not_found",
                StatusCode::NOT_FOUND,
                "There is no such resource",
            ),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "This resource does not have this method",
            ),
            Self::DefaultInUse => (
                "default_in_use",
                StatusCode::CONFLICT,
                "The connection is the default",
            ),
            Self::NameTaken => (
                "name_taken",
                StatusCode::CONFLICT,
                "Another connection has this name",
            ),
            Self::ConnectionInactive => (
                "connection_inactive",
                StatusCode::CONFLICT,
                "The connection is inactive",
            ),
            Self::NoSender => (
                "no_sender",
                StatusCode::CONFLICT,
                "There is no connection to send with",
            ),
            Self::InProgress => (
                "in_progress",
                StatusCode::CONFLICT,
                "The same request is being worked on",
            ),
            Self::NotPossible => (
                "not_possible",
                StatusCode::CONFLICT,
                "The state of the resource does not allow this",
            ),
            Self::Stale => (
                "stale",
                StatusCode::PRECONDITION_FAILED,
                "The resource has changed since it was read",
            ),
            Self::TooLarge => (
                "too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request is too large",
            ),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The request body must be application/json",
            ),
            Self::Validation => (
                "validation",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The request is not valid",
            ),
            Self::IdempotencyMismatch => (
                "idempotency_mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The idempotency key was used for another request",
            ),
            Self::QuotaExceeded => (
                "quota_exceeded",
                StatusCode::TOO_MANY_REQUESTS,
                "The tenant has as much as it may have",
            ),
            Self::RateLimited => (
                "rate_limited",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests",
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on our side",
            ),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The service is not available just now",
            ),
        }
    }
}

impl ProblemType {
    /// Its name: the last part of `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.parts().0
    }
}

/// A problem on its way to the caller. [`super::app::finish`] gives it its request id and writes it out.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemType,
    detail: String,
    errors: Vec<FieldError>,
    retry_after_s: Option<u64>,
}

/// A problem as it is written (RFC 9457 §3).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Which problem, as a relative URI.
    #[serde(rename = "type")]
    #[schema(example = "/problems/validation")]
    kind: String,
    /// The problem in a few words, always the same for a type.
    #[schema(example = "The request is not valid")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What happened this time and what to do.
    detail: &'a str,
    /// Names the request in our logs.
    request_id: &'a str,
    /// What is wrong with which field: every one, not only the first.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// A problem of this type.
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// Nothing here, for this caller.
    #[must_use]
    pub fn not_found(detail: &str) -> Self {
        Self::new(ProblemType::NotFound, detail)
    }

    /// One field is wrong.
    #[must_use]
    pub fn field(pointer: &str, code: FieldCode, detail: impl Into<String>) -> Self {
        FieldErrors::from(FieldError {
            pointer: pointer.to_owned(),
            code,
            detail: detail.into(),
        })
        .into()
    }

    /// Too much at once, or a dependency is down: to be tried again after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds the field that the problem is about.
    #[must_use]
    pub fn at(mut self, pointer: &str, code: FieldCode) -> Self {
        self.errors.push(FieldError {
            pointer: pointer.to_owned(),
            code,
            detail: self.detail.clone(),
        });
        self
    }

    /// Which problem it is.
    #[must_use]
    pub fn kind(&self) -> ProblemType {
        self.kind
    }

    /// What happened this time and what to do.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What is wrong with which field.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The same problem of a request that is inside another, at `pointer`.
    #[must_use]
    pub fn within(mut self, pointer: &str) -> Self {
        for error in &mut self.errors {
            error.pointer.insert_str(0, pointer);
        }
        if self.kind == ProblemType::Validation {
            self.detail = correct(&self.errors);
        }
        self
    }

    /// The HTTP answer.
    #[must_use]
    pub fn write(&self, request_id: &str) -> Response {
        let (name, status, title) = self.kind.parts();
        let body = ProblemBody {
            kind: format!("/problems/{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            request_id,
            errors: &self.errors,
        };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// A status alone, with the problem attached: the body needs the request id, which the outermost layer knows.
    fn into_response(self) -> Response {
        let mut response = self.kind.parts().1.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<FieldErrors> for Problem {
    fn from(errors: FieldErrors) -> Self {
        let errors = errors.into_vec();
        Self {
            detail: correct(&errors),
            errors,
            ..Self::new(ProblemType::Validation, "")
        }
    }
}

fn correct(errors: &[FieldError]) -> String {
    let pointers: Vec<_> = errors
        .iter()
        .map(|error| {
            if error.pointer.is_empty() {
                "the body"
            } else {
                error.pointer.as_str()
            }
        })
        .collect();
    format!("correct {}", pointers.join(", "))
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        let cause = error.cause();
        tracing::error!(operation = error.operation(), cause, "storage failed");
        if error.is_transient() {
            Self::new(
                ProblemType::Unavailable,
                "the service could not reach its storage: try again",
            )
            .retry_after(1)
        } else {
            Self::new(
                ProblemType::Internal,
                "the request could not be carried out; its request_id leads us to the cause",
            )
        }
    }
}

impl From<NotPossible> for Problem {
    fn from(reason: NotPossible) -> Self {
        Self::new(ProblemType::NotPossible, reason.to_string())
    }
}

impl From<NoSender> for Problem {
    fn from(reason: NoSender) -> Self {
        let detail = reason.to_string();
        match reason {
            NoSender::UnknownConnection => {
                Self::not_found(&detail).at("/connection_id", FieldCode::NotFound)
            }
            NoSender::InactiveConnection => Self::new(ProblemType::ConnectionInactive, detail)
                .at("/connection_id", FieldCode::MustBeActive),
            NoSender::NoneFits => Self::new(ProblemType::NoSender, detail),
        }
    }
}
