//! How often may be verified: a tenant, a server, and a tenant's logins at a server each have a window of time with so many turns in
//! it. The windows are items of the table, so that they hold over all instances of the function.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::Deserialize;
use shared::aws::attempts::Attempts;
use shared::aws::connections::ConnectionsTable;
use shared::aws::error::{StorageError, conditional};
use shared::aws::item::{self, Item, number, string};
use shared::model::connection::Settings;
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use shared::web::problem::{Problem, ProblemType};

use crate::State;

/// How often may be verified within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// By one tenant; suggesting settings is counted apart, with the same limit.
    pub per_tenant: u32,
    /// To one host and port, by all tenants together.
    pub per_target: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_tenant: 60,
            per_target: 10,
        }
    }
}

/// How many refused logins of a tenant at one server there may be within [`REFUSALS_WITHIN`]: fewer than what gets accounts locked,
/// and our addresses, which all tenants share, taken for an attacker's.
const REFUSALS: u32 = 5;
/// See [`REFUSALS`].
const REFUSALS_WITHIN: Duration = Duration::from_mins(5);

const MINUTE: Duration = Duration::from_mins(1);

/// A window that is counted in. It opens with the first turn that is taken, and turns are counted until it ends.
#[derive(Debug)]
struct Window {
    key: Item,
    at_most: u32,
    within: Duration,
    /// What there is too much of.
    what: &'static str,
}

/// A turn that was taken and may be given back.
#[derive(Debug)]
pub(crate) struct Turn {
    window: Window,
    /// Names the window that it was taken in: there may be another by the time it is given back.
    ends_at: Timestamp,
}

/// Counts one verification of a tenant, or refuses it.
///
/// # Errors
/// `rate_limited` when the tenant has had its turns of this minute.
pub(crate) async fn count_verification(state: &State, tenant: &Tenant) -> Result<(), Problem> {
    let what = "too many verifications: they are limited for each tenant";
    count_tenant(state, tenant, "limit#verify", what).await
}

/// Counts one suggestion of settings, or refuses it.
///
/// # Errors
/// `rate_limited` when the tenant has had its turns of this minute.
pub(crate) async fn count_suggestion(state: &State, tenant: &Tenant) -> Result<(), Problem> {
    let what = "too many suggestions: they are limited for each tenant";
    count_tenant(state, tenant, "limit#suggest", what).await
}

async fn count_tenant(
    state: &State,
    tenant: &Tenant,
    sort_key: &str,
    what: &'static str,
) -> Result<(), Problem> {
    let window = Window {
        key: item::key(&tenant.key(), sort_key),
        at_most: state.limits.per_tenant,
        within: MINUTE,
        what,
    };
    window.take(state).await.map(|_| ())
}

/// Counts one verification of a server, or refuses it. To be asked after [`count_verification`], so that who has no turn left takes
/// none from others.
///
/// # Errors
/// `rate_limited` when all tenants together have had the server's turns of this minute.
pub(crate) async fn count_target(state: &State, settings: &Settings) -> Result<(), Problem> {
    let window = Window {
        // No tenant's key begins with `#`.
        key: item::key(&format!("#target#{}", target(settings)), "limit"),
        at_most: state.limits.per_target,
        within: MINUTE,
        what: "too many verifications of this server: they are limited for each host and port",
    };
    window.take(state).await.map(|_| ())
}

/// Counts one login before it is tried, or refuses it.
///
/// # Errors
/// `rate_limited` when the server has refused logins of this tenant too often of late.
pub(crate) async fn count_login(
    state: &State,
    tenant: &Tenant,
    settings: &Settings,
) -> Result<Turn, Problem> {
    let window = Window {
        key: item::key(&tenant.key(), &format!("limit#login#{}", target(settings))),
        at_most: REFUSALS,
        within: REFUSALS_WITHIN,
        what: "this server has refused too many logins, or several are being tried: wait, so that it does not lock the account",
    };
    window.take(state).await
}

fn target(settings: &Settings) -> String {
    format!("{}#{}", settings.host.to_ascii(), settings.port)
}

#[derive(Deserialize)]
struct Counted {
    taken: u32,
    ends_at: Timestamp,
}

impl Turn {
    /// Gives the turn back: what it was taken for did not come to it.
    ///
    /// # Errors
    /// When the table can't be written.
    pub(crate) async fn give_back(self, table: &ConnectionsTable) -> Result<(), StorageError> {
        let request = table
            .client
            .update_item()
            .table_name(&table.name)
            .set_key(Some(self.window.key))
            .update_expression("SET taken = taken - :one")
            .condition_expression("ends_at = :ends_at")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":ends_at", string(self.ends_at.to_string()));
        conditional("give a turn back", request.send().await).map(drop)
    }
}

impl Window {
    async fn take(self, state: &State) -> Result<Turn, Problem> {
        let (table, now) = (&state.connections, state.clock.now());
        let mut attempts = Attempts::default();
        loop {
            if let Some(ends_at) = self.count(table, now).await? {
                let window = self;
                return Ok(Turn { window, ends_at });
            }
            // There is none open, or no turn is left in it.
            match self.open(table, now).await? {
                Ok(ends_at) => {
                    let window = self;
                    return Ok(Turn { window, ends_at });
                }
                Err(Counted { taken, ends_at }) if taken >= self.at_most => {
                    let wait = ends_at.since(now).as_millis().div_ceil(1000);
                    return Err(Problem::new(ProblemType::RateLimited, self.what)
                        .retry_after(u64::try_from(wait).unwrap_or(u64::MAX).max(1)));
                }
                // Somebody else has just opened it.
                Err(_) => attempts.another("count in a window").await?,
            }
        }
    }

    /// Takes a turn of the window that is open, if one is left; until when it is open.
    async fn count(
        &self,
        table: &ConnectionsTable,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StorageError> {
        let request = table
            .client
            .update_item()
            .table_name(&table.name)
            .set_key(Some(self.key.clone()))
            .update_expression("SET taken = taken + :one")
            .condition_expression("ends_at > :now AND taken < :at_most")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", string(now.to_string()))
            .expression_attribute_values(":at_most", number(self.at_most))
            .return_values(ReturnValue::AllNew);
        let Some(output) = conditional("count in a window", request.send().await)? else {
            return Ok(None);
        };
        let counted: Counted = item::read(output.attributes.unwrap_or_default())?;
        Ok(Some(counted.ends_at))
    }

    /// Opens a new window with one turn taken, unless there is one still open: then what is in it.
    async fn open(
        &self,
        table: &ConnectionsTable,
        now: Timestamp,
    ) -> Result<Result<Timestamp, Counted>, StorageError> {
        let ends_at = now + self.within;
        let request = table
            .client
            .update_item()
            .table_name(&table.name)
            .set_key(Some(self.key.clone()))
            .update_expression("SET taken = :one, ends_at = :ends_at, expires = :expires")
            .condition_expression("attribute_not_exists(ends_at) OR ends_at <= :now")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":ends_at", string(ends_at.to_string()))
            .expression_attribute_values(":expires", number(ends_at.as_secs() + 1))
            .expression_attribute_values(":now", string(now.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Ok(ends_at)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    item::read(failed.item().cloned().unwrap_or_default()).map(Err)
                }
                _ => Err(StorageError::sdk("open a window", error)),
            },
        }
    }
}
