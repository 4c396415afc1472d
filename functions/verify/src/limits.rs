//! How often may be verified: a tenant, a server and a login each have a window of time with so many turns in it. The windows are
//! items of the table, so that they hold over all instances of the function.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use shared::aws::attempts::Attempts;
use shared::aws::connections::ConnectionsTable;
use shared::aws::error::StorageError;
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

/// How many refused logins of one account at one server there may be within [`REFUSALS_WITHIN`]: fewer than what gets accounts
/// locked, and our addresses, which all tenants share, taken for an attacker's.
const REFUSALS: u32 = 5;
/// See [`REFUSALS`].
const REFUSALS_WITHIN: Duration = Duration::from_mins(5);

const MINUTE: Duration = Duration::from_mins(1);

/// A window that is counted in.
#[derive(Debug)]
struct Window {
    key: Item,
    at_most: u32,
    within: Duration,
    /// What there is too much of.
    what: &'static str,
}

/// Counts one verification, or refuses it.
///
/// # Errors
/// `rate_limited` when the tenant, or all tenants together for this server, have had their turns of this minute.
pub(crate) async fn count_verification(
    state: &State,
    tenant: &Tenant,
    settings: &Settings,
) -> Result<(), Problem> {
    let mine = Window {
        key: item::key(&tenant.key(), "limit#verify"),
        at_most: state.limits.per_tenant,
        within: MINUTE,
        what: "too many verifications: they are limited for each tenant",
    };
    let target = Window {
        key: item::key(&target_key(settings), "limit"),
        at_most: state.limits.per_target,
        within: MINUTE,
        what: "too many verifications of this server: they are limited for each host and port",
    };
    let (mine, target) = tokio::join!(
        mine.take(&state.connections, state.clock.now()),
        target.take(&state.connections, state.clock.now())
    );
    mine.and(target)
}

/// Counts one suggestion of settings, or refuses it.
///
/// # Errors
/// `rate_limited` when the tenant has had its turns of this minute.
pub(crate) async fn count_suggestion(state: &State, tenant: &Tenant) -> Result<(), Problem> {
    let mine = Window {
        key: item::key(&tenant.key(), "limit#suggest"),
        at_most: state.limits.per_tenant,
        within: MINUTE,
        what: "too many suggestions: they are limited for each tenant",
    };
    mine.take(&state.connections, state.clock.now()).await
}

/// Counts one login before it is tried, or refuses it.
///
/// # Errors
/// `rate_limited` when the server has refused this login too often of late.
pub(crate) async fn count_login(state: &State, settings: &Settings) -> Result<(), Problem> {
    match login_window(settings) {
        Some(window) => window.take(&state.connections, state.clock.now()).await,
        None => Ok(()),
    }
}

/// Takes back what [`count_login`] counted: the login was not refused.
pub(crate) async fn uncount_login(state: &State, settings: &Settings) -> Result<(), StorageError> {
    match login_window(settings) {
        Some(window) => window.give_back(&state.connections).await,
        None => Ok(()),
    }
}

/// The partition of a server. No tenant's key begins with `#`.
fn target_key(settings: &Settings) -> String {
    format!("#target#{}#{}", settings.host.to_ascii(), settings.port)
}

fn login_window(settings: &Settings) -> Option<Window> {
    let username = settings.username.as_ref()?;
    // Digested for its characters and its length alone: it is no secret.
    let username = URL_SAFE_NO_PAD.encode(digest(&SHA256, username.as_bytes()));
    Some(Window {
        key: item::key(&target_key(settings), &format!("login#{username}")),
        at_most: REFUSALS,
        within: REFUSALS_WITHIN,
        what: "the server has refused this login too often: wait, so that it does not lock the account",
    })
}

#[derive(Deserialize)]
struct Counted {
    taken: u32,
    ends_at: Timestamp,
}

impl Window {
    async fn take(&self, table: &ConnectionsTable, now: Timestamp) -> Result<(), Problem> {
        const OPERATION: &str = "count a verification";
        let mut attempts = Attempts::default();
        loop {
            let Err(found) = self.open(table, now).await? else {
                return Ok(());
            };
            let Counted { taken, ends_at } = item::read(found)?;
            if taken >= self.at_most {
                let wait = ends_at.since(now).as_millis().div_ceil(1000);
                return Err(Problem::new(ProblemType::RateLimited, self.what)
                    .retry_after(u64::try_from(wait).unwrap_or(u64::MAX).max(1)));
            }
            if self.count(table, now).await? {
                return Ok(());
            }
            // The last turn went to somebody else, or the window has just ended.
            attempts.another(OPERATION).await?;
        }
    }

    /// Opens a new window with one turn taken, unless there is one still open: then what is in it.
    async fn open(
        &self,
        table: &ConnectionsTable,
        now: Timestamp,
    ) -> Result<Result<(), Item>, StorageError> {
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
            Ok(_) => Ok(Ok(())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(StorageError::sdk("open a window", error)),
            },
        }
    }

    /// Takes a turn of the window that is open; whether there was one left.
    async fn count(&self, table: &ConnectionsTable, now: Timestamp) -> Result<bool, StorageError> {
        let request = table
            .client
            .update_item()
            .table_name(&table.name)
            .set_key(Some(self.key.clone()))
            .update_expression("SET taken = taken + :one")
            .condition_expression("ends_at > :now AND taken < :at_most")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", string(now.to_string()))
            .expression_attribute_values(":at_most", number(self.at_most));
        met(request.send().await, "count in a window")
    }

    async fn give_back(&self, table: &ConnectionsTable) -> Result<(), StorageError> {
        let request = table
            .client
            .update_item()
            .table_name(&table.name)
            .set_key(Some(self.key.clone()))
            .update_expression("SET taken = taken - :one")
            .condition_expression("taken > :none")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":none", number(0));
        met(request.send().await, "give a turn back").map(|_| ())
    }
}

/// Whether the condition of a write was met.
fn met(
    sent: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    operation: &'static str,
) -> Result<bool, StorageError> {
    match sent {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(StorageError::sdk(operation, error)),
        },
    }
}
