//! What CloudFormation asks for:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;
use shared::model::ids::ConnectionId;
use shared::model::input::Input;
use shared::model::tenant::Tenant;

use crate::properties;

/// The properties of a resource as a template gives them, which is as strings but for lists and maps.
pub(crate) type Given = BTreeMap<String, Value>;

/// A request of CloudFormation. What is needed to answer it must be there; everything else is checked with an answer at hand.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "ResponseURL")]
    pub(crate) response_url: ResponseUrl,
    pub(crate) stack_id: String,
    #[serde(rename = "RequestId")]
    pub(crate) id: String,
    pub(crate) logical_resource_id: String,
    /// `Create`, `Update` or `Delete`.
    #[serde(default, rename = "RequestType")]
    pub(crate) kind: Input<String>,
    /// What an earlier answer named the resource.
    #[serde(default)]
    physical_resource_id: Input<String>,
    #[serde(default)]
    pub(crate) resource_properties: Input<Given>,
    #[serde(default)]
    old_resource_properties: Input<Given>,
}

impl Request {
    /// Whose connection it is, if the properties say so.
    pub(crate) fn tenant(&self) -> Option<Tenant> {
        match &self.resource_properties {
            Input::Value(given) => properties::tenant(given),
            _ => None,
        }
    }

    /// What the resource was before an update.
    pub(crate) fn old_properties(&self) -> Given {
        match &self.old_resource_properties {
            Input::Value(given) => given.clone(),
            _ => Given::new(),
        }
    }

    /// The physical id, where the resource has one.
    pub(crate) fn physical_id(&self) -> Option<&str> {
        match &self.physical_resource_id {
            Input::Value(id) if !id.is_empty() => Some(id),
            _ => None,
        }
    }

    /// Who changes a connection for this resource, kept as its `updated_by`: each request is somebody else.
    pub(crate) fn subject(&self) -> String {
        self.subject_of(&self.id)
    }

    /// Who changed a connection for another request of this resource.
    pub(crate) fn subject_of(&self, request_id: &str) -> String {
        format!("{}{request_id}", self.subjects())
    }

    /// What the subjects of all requests of this resource begin with. A stack that is made again has another id.
    pub(crate) fn subjects(&self) -> String {
        format!("{}/{}#", self.stack_id, self.logical_resource_id)
    }

    /// The idempotency key of what this request creates, however often it comes.
    pub(crate) fn idempotency_key(&self) -> String {
        // A stack's and a resource's name together may be longer than a key.
        let digest = digest(&SHA256, self.subject().as_bytes());
        format!("cloudformation/{}", URL_SAFE_NO_PAD.encode(digest))
    }
}

/// Where the answer goes. Whoever has it can answer, so it is not printed.
#[derive(Clone, Deserialize)]
pub(crate) struct ResponseUrl(pub(crate) String);

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseUrl(redacted)")
    }
}

/// What a physical id of ours says: all that deleting needs, whatever the properties have become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PhysicalId {
    /// A connection of a tenant.
    Connection(ConnectionId, Tenant),
    /// A creation that failed, by its request: as it may have failed after the connection was there, when it is deleted somebody looks.
    Failed(String, Tenant),
}

impl PhysicalId {
    /// `None` where it names nothing: CloudFormation made it up, or a creation failed before its tenant was known.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, tenant) = text.split_once('@')?;
        let tenant = Tenant::new(tenant).ok()?;
        Some(match id.parse() {
            Ok(id) => Self::Connection(id, tenant),
            Err(_) => Self::Failed(id.to_owned(), tenant),
        })
    }
}

impl fmt::Display for PhysicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(id, tenant) => write!(f, "{id}@{tenant}"),
            Self::Failed(request_id, tenant) => write!(f, "{request_id}@{tenant}"),
        }
    }
}
