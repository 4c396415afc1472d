//! Idempotency keys: a request repeated with the same key is carried out once and gets the same answer for 24 hours.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::problem::{Problem, ProblemType};
use crate::model::field::FieldCode;
use crate::model::timestamp::Timestamp;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_LENGTH: usize = 255;
/// How long a key is remembered.
pub const KEPT: Duration = Duration::from_hours(24);

/// A key as it is stored: its digest, for its characters are free.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of a request, if it has one.
    ///
    /// # Errors
    /// `validation` when it is empty or over 255 characters.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(value) = headers.get(HEADER) else {
            return Ok(None);
        };
        let bytes = value.as_bytes();
        let length = String::from_utf8_lossy(bytes).chars().count();
        if length == 0 || length > MAX_LENGTH || headers.get_all(HEADER).iter().count() > 1 {
            return Err(Problem::field(
                "/idempotency-key",
                FieldCode::TooLong,
                "the header Idempotency-Key must be given once, with 1 to 255 characters",
            ));
        }
        Ok(Some(Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes)))))
    }

    /// The key inside a storage key.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0
    }
}

/// What a key stands for: the request it came with and the answer that was given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Remembered {
    /// The digest of the request's body.
    pub fingerprint: String,
    /// The body of the answer.
    pub answer: Value,
    /// The `ETag` of the answer, where it had one.
    pub etag: Option<String>,
    /// Until when, compared in code: DynamoDB's own expiry may come days late.
    pub expires_at: Timestamp,
}

impl Remembered {
    /// This record if it stands for the same request.
    ///
    /// # Errors
    /// `idempotency_mismatch` when the key was used with another body.
    pub fn for_request(self, fingerprint: &str) -> Result<Self, Problem> {
        if self.fingerprint == fingerprint {
            Ok(self)
        } else {
            Err(Problem::new(
                ProblemType::IdempotencyMismatch,
                "use a new Idempotency-Key for a new request",
            ))
        }
    }
}
