//! What a change tells the outside: the attribute `event` of the item that the change wrote. Streams forward the items that have
//! one, so that there is no event without its change and no change without its event.

use serde::{Deserialize, Serialize};

use super::connection::{Connection, Verification};
use super::ids::ConnectionId;
use super::tenant::Tenant;

/// An event as it is forwarded. It holds no passwords and no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// EventBridge's detail type.
    pub detail_type: String,
    /// EventBridge's detail.
    pub detail: Verified,
}

/// A connection was verified as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Whose connection.
    pub tenant: Tenant,
    /// Which one.
    pub connection_id: ConnectionId,
    /// The tenant's name for it.
    pub name: String,
    /// How it went.
    pub verification: Verification,
    /// Who asked for it: `sub` of the token.
    pub by: Option<String>,
}

impl Event {
    /// `connection` was verified as it is saved, by `by`, and `verification` came out.
    #[must_use]
    pub fn verified(
        tenant: &Tenant,
        connection: &Connection,
        verification: &Verification,
        by: Option<&str>,
    ) -> Self {
        Self {
            detail_type: "Connection Verified".to_owned(),
            detail: Verified {
                tenant: tenant.clone(),
                connection_id: connection.id,
                name: connection.settings.name.clone(),
                verification: verification.clone(),
                by: by.map(str::to_owned),
            },
        }
    }
}
