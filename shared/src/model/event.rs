//! What a change tells the outside: the attribute `event` of the item that the change wrote. Streams forward the items that have
//! one, so that there is no event without its change and no change without its event.

use serde::Serialize;

use super::connection::{Connection, Health, Verification};
use super::ids::ConnectionId;
use super::tenant::Tenant;

/// An event as it is forwarded. It holds no passwords and no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// EventBridge's detail type.
    pub detail_type: &'static str,
    /// EventBridge's detail.
    pub detail: Detail,
}

/// What an event says, by its detail type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Detail {
    /// `Connection Verified`
    Verified(Box<Verified>),
    /// `Connection Suspended`
    Suspended(Box<Suspended>),
}

/// A connection was verified as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// The server refused a connection's login or sender: its messages wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspended {
    /// Whose connection.
    pub tenant: Tenant,
    /// Which one.
    pub connection_id: ConnectionId,
    /// The tenant's name for it.
    pub name: String,
    /// Since when, why, and when it is tried again.
    pub health: Health,
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
            detail_type: "Connection Verified",
            detail: Detail::Verified(Box::new(Verified {
                tenant: tenant.clone(),
                connection_id: connection.id,
                name: connection.settings.name.clone(),
                verification: verification.clone(),
                by: by.map(str::to_owned),
            })),
        }
    }

    /// `connection` was suspended, which made its health `health`.
    #[must_use]
    pub fn suspended(tenant: &Tenant, connection: &Connection, health: &Health) -> Self {
        Self {
            detail_type: "Connection Suspended",
            detail: Detail::Suspended(Box::new(Suspended {
                tenant: tenant.clone(),
                connection_id: connection.id,
                name: connection.settings.name.clone(),
                health: health.clone(),
            })),
        }
    }
}
