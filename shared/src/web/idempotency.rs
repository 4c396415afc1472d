//! Idempotency keys: a request repeated with the same key is carried out once and gets the same answer for 24 hours.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::problem::{Problem, ProblemType};
use crate::aws::error::StorageError;
use crate::aws::item::string;
use crate::aws::transaction::Condition;
use crate::model::field::{FieldCode, Invalid};
use crate::model::text;
use crate::model::timestamp::Timestamp;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_LENGTH: usize = 255;
/// How long a key is remembered.
const KEPT: Duration = Duration::from_hours(24);

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
                if length > MAX_LENGTH {
                    FieldCode::TooLong
                } else {
                    FieldCode::NotAllowed
                },
                "the header Idempotency-Key must be given once, with 1 to 255 characters",
            ));
        }
        Ok(Some(Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes)))))
    }

    /// The key of a request that has no headers.
    ///
    /// # Errors
    /// When it is empty, over 255 characters, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text::line(text, MAX_LENGTH)?;
        Ok(Self(
            URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes())),
        ))
    }

    /// The key of an event that was given none: its name, which holds a control character, so that no given key is the same.
    #[must_use]
    pub fn of_event(name: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, name.as_bytes())))
    }

    /// The key inside a storage key.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0
    }
}

/// The answer to a request that makes something, as it is given and, with a key, kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    location: String,
    etag: Option<String>,
    /// The JSON as it was sent, so that a repeated request gets the same bytes.
    body: String,
}

impl Answer {
    /// An answer with `resource`, which is to be found at `location`.
    ///
    /// # Errors
    /// When the resource can't be written as JSON, which is a fault of ours.
    pub fn new(
        status: StatusCode,
        location: String,
        etag: Option<String>,
        resource: &impl Serialize,
    ) -> Result<Self, StorageError> {
        let body = serde_json::to_string(resource)
            .map_err(|error| StorageError::corrupt("write an answer", error))?;
        Ok(Self {
            status: status.as_u16(),
            location,
            etag,
            body,
        })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, self.body).into_response();
        let etag = self.etag.map(|etag| (header::ETAG, etag));
        let headers = [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (header::LOCATION, self.location),
        ];
        for (name, value) in headers.into_iter().chain(etag) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// What a key stands for: the request it came with and the answer that was given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Remembered {
    /// The digest of the request's body.
    fingerprint: String,
    answer: Answer,
    /// Until when, compared in code: DynamoDB's own expiry may come days late.
    expires_at: Timestamp,
    /// The same in seconds since 1970, for DynamoDB's time to live.
    expires: i64,
}

impl Remembered {
    /// The record of a request that is answered now.
    #[must_use]
    pub fn new(fingerprint: &str, answer: &Answer, now: Timestamp) -> Self {
        let expires_at = now + KEPT;
        Self {
            fingerprint: fingerprint.to_owned(),
            answer: answer.clone(),
            expires_at,
            expires: expires_at.as_secs(),
        }
    }

    /// Holds while a key may be used: nobody used it, or what it stood for is forgotten.
    #[must_use]
    pub fn forgotten(now: Timestamp) -> Condition {
        Condition::new("attribute_not_exists(pk) OR expires_at <= :now")
            .with(":now", string(now.to_string()))
    }

    /// The same, of a record that was read.
    #[must_use]
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// The answer that was given, if the key came with the same request.
    ///
    /// # Errors
    /// `idempotency_mismatch` when it came with another body.
    pub fn answer_to(self, fingerprint: &str) -> Result<Answer, Problem> {
        if self.fingerprint == fingerprint {
            Ok(self.answer)
        } else {
            Err(Problem::new(
                ProblemType::IdempotencyMismatch,
                "use a new Idempotency-Key for a new request",
            ))
        }
    }
}
