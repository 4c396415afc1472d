//! The answer, which CloudFormation waits for up to an hour:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use axum::http::Uri;
use serde::Serialize;
use shared::aws::https::Https;
use tokio::time::{sleep, timeout};

use crate::request::ResponseUrl;

/// The most bytes that CloudFormation takes.
const MAX_BYTES: usize = 4096;
/// How long the storage of answers may take to take one.
const ATTEMPT: Duration = Duration::from_secs(5);
/// What is waited before another attempt, one after the other.
const WAITS: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(600),
    Duration::from_millis(1800),
];
/// What all attempts take at most.
pub(crate) const SENDING: Duration = Duration::from_secs(24);

/// The answer could not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// `ResponseURL` does not lead to S3. Nothing was sent.
    #[error("the ResponseURL is not one of S3: nobody was answered")]
    Elsewhere,
    /// CloudFormation's storage did not take it, again and again.
    #[error("CloudFormation could not be answered")]
    NotTaken,
    /// The answer can't be written.
    #[error("the answer is not JSON")]
    NotWritten,
}

/// An answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Response<'a> {
    pub(crate) status: Status,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) physical_resource_id: String,
    pub(crate) stack_id: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) logical_resource_id: &'a str,
    /// Nothing that is answered is secret.
    pub(crate) no_echo: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Data>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Success,
    Failed,
}

/// What `Fn::GetAtt` gives.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Data {
    /// As in the API.
    pub(crate) connection_id: String,
}

impl Response<'_> {
    /// The JSON, in which a reason is cut where the whole would be longer than [`MAX_BYTES`].
    fn write(mut self) -> Result<Vec<u8>, NotAnswered> {
        loop {
            let json = serde_json::to_vec(&self).map_err(|_| NotAnswered::NotWritten)?;
            let excess = json.len().saturating_sub(MAX_BYTES);
            let Some(reason) = self.reason.as_mut().filter(|_| excess > 0) else {
                return Ok(json);
            };
            let ends = reason.trim_end_matches('…').len();
            if ends == 0 {
                return Ok(json);
            }
            // A byte is written as six at most (RFC 8259 §7), so this never cuts too much; another round may have to.
            let less = (excess / 6).max('…'.len_utf8());
            reason.truncate(reason.floor_char_boundary(ends.saturating_sub(less)));
            reason.push('…');
        }
    }
}

/// Sends answers by HTTPS, to S3 alone: an invocation that names another place is no way to reach it.
#[derive(Debug)]
pub struct Responses {
    https: Https,
    endpoint: Option<Uri>,
}

impl Responses {
    /// Sends by `https`; also to `endpoint`, which stands for all of AWS in tests, whatever its scheme.
    #[must_use]
    pub fn new(https: Https, endpoint: Option<Uri>) -> Self {
        Self { https, endpoint }
    }

    /// Whether an answer may be sent there.
    ///
    /// # Errors
    /// When it may not.
    pub(crate) fn check(&self, url: &ResponseUrl) -> Result<(), NotAnswered> {
        let uri: Uri = url.0.parse().map_err(|_| NotAnswered::Elsewhere)?;
        if self.permits(&uri) {
            Ok(())
        } else {
            Err(NotAnswered::Elsewhere)
        }
    }

    /// Sends an answer, and again if it isn't taken.
    ///
    /// # Errors
    /// When it may not be sent there, or isn't taken.
    pub(crate) async fn send(
        &self,
        url: &ResponseUrl,
        response: Response<'_>,
    ) -> Result<(), NotAnswered> {
        self.check(url)?;
        let body = response.write()?;
        let mut waits = WAITS.iter();
        loop {
            let attempt = timeout(ATTEMPT, self.https.call(put(&url.0, &body)?)).await;
            // An error may quote the URL, which is as good as a password.
            let outcome = match attempt {
                Ok(Ok(answer)) if answer.status().is_success() => return Ok(()),
                Ok(Ok(answer)) => format!("status {}", answer.status().as_u16()),
                Ok(Err(error)) if error.is_timeout() => "timeout".to_owned(),
                Ok(Err(_)) => "no connection".to_owned(),
                Err(_) => "no answer in time".to_owned(),
            };
            tracing::warn!(outcome, "the answer was not taken");
            sleep(*waits.next().ok_or(NotAnswered::NotTaken)?).await;
        }
    }

    fn permits(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        if let Some(endpoint) = &self.endpoint
            && endpoint.scheme_str() == Some(scheme)
            && endpoint.authority() == Some(authority)
        {
            return true;
        }
        let bare = authority.as_str() == authority.host();
        scheme == "https" && bare && is_s3(authority.host())
    }
}

/// `BUCKET.s3.REGION.amazonaws.com`, also without the region or with it after a hyphen.
fn is_s3(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let name = [".amazonaws.com", ".amazonaws.com.cn"]
        .iter()
        .find_map(|suffix| host.strip_suffix(suffix));
    let Some(name) = name else { return false };
    match name.rsplit('.').collect::<Vec<_>>()[..] {
        [s3, _, ..] if s3 == "s3" || s3.starts_with("s3-") => true,
        [_region, "s3", _, ..] => true,
        _ => false,
    }
}

fn put(url: &str, body: &[u8]) -> Result<HttpRequest, NotAnswered> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request
        .set_method("PUT")
        .and_then(|()| request.set_uri(url))
        .map_err(|_| NotAnswered::Elsewhere)?;
    // The signature in the URL is one of an empty media type.
    request.headers_mut().insert("content-type", "");
    Ok(request)
}

#[cfg(test)]
mod tests;
