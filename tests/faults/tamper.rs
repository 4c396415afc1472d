//! Protocols broken on purpose, on their way to AWS: what the suite must be able to see.

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::wire;

/// What of the protocol is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tamper {
    /// The intent to send is said to be noted, and is not.
    NoFence,
    /// A claim takes a message whoever has it, and whatever became of it.
    UnconditionalClaim,
    /// Every time a message is queued, it is with the number of the first time.
    UncountedQueueing,
}

impl Tamper {
    /// Changes a request, or answers it in the service's place.
    pub(crate) fn change(self, request: &mut HttpRequest) -> Option<HttpResponse> {
        let bytes = request.body().bytes()?;
        let mut body: Value = serde_json::from_slice(bytes).ok()?;
        let update = body["UpdateExpression"].as_str().unwrap_or_default();
        match self {
            Self::NoFence if update.contains("phase = :intent") => {
                return Some(wire::answer(200, "application/x-amz-json-1.0", "{}"));
            }
            Self::UnconditionalClaim if update.contains("phase = :before") => {
                // Not left out: DynamoDB refuses values that no expression mentions.
                let condition = body["ConditionExpression"].as_str().unwrap_or_default();
                body["ConditionExpression"] = json!(format!("attribute_exists(pk) OR {condition}"));
            }
            Self::UncountedQueueing => {
                let number = body["MessageDeduplicationId"].as_str()?;
                let (message, _) = number.rsplit_once('-')?;
                body["MessageDeduplicationId"] = json!(format!("{message}-1"));
            }
            _ => return None,
        }
        let body = body.to_string();
        let length = body.len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = SdkBody::from(body);
        None
    }
}
