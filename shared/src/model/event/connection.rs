//! Events about connections: the audit trail.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Detail, Event};
use crate::model::connection::{Connection, Health, Settings, Verification};
use crate::model::ids::ConnectionId;
use crate::model::tenant::Tenant;

/// A connection was created, or its settings, password or role changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Whose connection.
    pub tenant: Tenant,
    /// Which one.
    pub connection_id: ConnectionId,
    /// Its settings from now on.
    pub settings: Settings,
    /// Whether it has the default role from now on.
    pub default: bool,
    /// The fields of the resource that changed, by name; at a creation none.
    pub changed: Vec<String>,
    /// The version of the settings.
    pub version: u64,
    /// Who did it: `sub` of the token.
    pub by: Option<String>,
}

/// A connection was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Whose connection.
    pub tenant: Tenant,
    /// Which one.
    pub connection_id: ConnectionId,
    /// The tenant's name for it.
    pub name: String,
    /// Whether it had the default role.
    pub default: bool,
    /// The connection that took that role over.
    pub replacement: Option<ConnectionId>,
    /// Who did it: `sub` of the token.
    pub by: Option<String>,
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
    /// `connection` was created by `by`, with the default role or without.
    #[must_use]
    pub fn created(
        tenant: &Tenant,
        connection: &Connection,
        default: bool,
        by: Option<&str>,
    ) -> Self {
        changed(
            "Connection Created",
            tenant,
            connection,
            default,
            Vec::new(),
            by,
        )
    }

    /// A connection changed from `before` to `after`; the default role is given before and after, too. A change of the role alone has
    /// the same connection twice.
    #[must_use]
    pub fn updated(
        tenant: &Tenant,
        (before, was_default): (&Connection, bool),
        (after, default): (&Connection, bool),
        by: Option<&str>,
    ) -> Self {
        let fields = |settings: &Settings| -> BTreeMap<String, Value> {
            serde_json::to_value(settings)
                .and_then(serde_json::from_value)
                .unwrap_or_default()
        };
        let old = fields(&before.settings);
        let mut names: Vec<String> = fields(&after.settings)
            .into_iter()
            .filter(|(name, value)| old.get(name) != Some(value))
            .map(|(name, _)| name)
            .collect();
        if before.secret != after.secret {
            names.push("password".to_owned());
        }
        if was_default != default {
            names.push("default".to_owned());
        }
        changed("Connection Updated", tenant, after, default, names, by)
    }

    /// `connection` was deleted by `by`; `replacement` took its default role over, if it had that.
    #[must_use]
    pub fn deleted(
        tenant: &Tenant,
        connection: &Connection,
        default: bool,
        replacement: Option<ConnectionId>,
        by: Option<&str>,
    ) -> Self {
        Self {
            detail_type: "Connection Deleted",
            detail: Detail::Removed(Box::new(Removed {
                tenant: tenant.clone(),
                connection_id: connection.id,
                name: connection.settings.name.clone(),
                default,
                replacement: replacement.filter(|_| default),
                by: by.map(str::to_owned),
            })),
        }
    }

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

fn changed(
    detail_type: &'static str,
    tenant: &Tenant,
    connection: &Connection,
    default: bool,
    changed: Vec<String>,
    by: Option<&str>,
) -> Event {
    Event {
        detail_type,
        detail: Detail::Changed(Box::new(Changed {
            tenant: tenant.clone(),
            connection_id: connection.id,
            settings: connection.settings.clone(),
            default,
            changed,
            version: connection.version,
            by: by.map(str::to_owned),
        })),
    }
}
