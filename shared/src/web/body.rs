//! JSON bodies: the media type, the size and the syntax are checked here; what the fields say is the doors' business.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::problem::{Problem, ProblemType};
use crate::model::field::{FieldCode, FieldErrors};

/// A body that claims to be JSON and is not too large. The limit is the route's `DefaultBodyLimit`.
#[derive(Debug)]
pub struct JsonBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.into_response().status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                        ProblemType::TooLarge,
                        "the body is larger than this operation takes",
                    ),
                    _ => Problem::new(
                        ProblemType::Malformed,
                        "the body could not be read to its end",
                    ),
                })?;
        if !is_json && !bytes.is_empty() {
            return Err(Problem::new(
                ProblemType::UnsupportedMediaType,
                "send JSON with the header Content-Type: application/json",
            ));
        }
        Ok(Self(bytes))
    }
}

impl From<&str> for JsonBody {
    /// JSON that didn't come over HTTP; whoever took it has looked at its size.
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// `application/json`, or the name RFC 7396 gives to a merge patch. A missing media type is refused too: a page of another
/// origin may send that without asking.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| {
            value
                .split(';')
                .next()
                .unwrap_or(value)
                .trim()
                .to_ascii_lowercase()
        })
        .is_some_and(|media_type| {
            matches!(
                media_type.as_str(),
                "application/json" | "application/merge-patch+json"
            )
        })
}

impl JsonBody {
    /// As [`Self::read`]; no body at all means `{}`.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn read_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.0.is_empty() {
            Ok(T::default())
        } else {
            self.read()
        }
    }

    /// For an operation that needs nothing from its body: none, or `{}`.
    ///
    /// # Errors
    /// As for [`Self::read`], and for each field.
    pub fn read_nothing(&self) -> Result<(), Problem> {
        let fields: Map<String, Value> = self.read_or_default()?;
        let mut errors = FieldErrors::default();
        errors.refuse_unknown("", fields.keys());
        errors.into_result(Some(())).map_err(Problem::from)
    }

    /// Reads the body as a request type.
    ///
    /// # Errors
    /// `malformed` when it is not JSON, `validation` when it is not an object.
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Problem> {
        serde_json::from_slice(&self.0).map_err(|error| {
            // A body of the wrong type may also break off further on, and then it is not JSON at all.
            let broken = serde_json::from_slice::<IgnoredAny>(&self.0).err();
            Self::problem(&broken.unwrap_or(error))
        })
    }

    fn problem(error: &serde_json::Error) -> Problem {
        match error.classify() {
            // Neither position nor category quotes the body.
            Category::Syntax | Category::Eof | Category::Io => Problem::new(
                ProblemType::Malformed,
                format!(
                    "the body is not JSON: it breaks off at line {}, column {}",
                    error.line(),
                    error.column()
                ),
            ),
            Category::Data => Problem::field(
                "",
                FieldCode::WrongType,
                "must be a JSON object in which no field appears twice",
            ),
        }
    }

    /// A digest by which two bodies are told apart, made without the field `secret`: no hash of a password is kept.
    #[must_use]
    pub fn fingerprint(&self, secret: Option<&str>) -> String {
        let canonical = secret.and_then(|secret| {
            let mut value: Value = serde_json::from_slice(&self.0).ok()?;
            value.as_object_mut()?.remove(secret);
            serde_json::to_vec(&value).ok()
        });
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_deref().unwrap_or(&self.0)))
    }
}
