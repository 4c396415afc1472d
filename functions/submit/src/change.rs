//! A change of a message by hand, safe against the workers that may take it at the same moment.

use shared::aws::attempts::Attempts;
use shared::aws::messages::Record;
use shared::model::message::NotPossible;
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use shared::web::problem::Problem;

use crate::State;

/// The problem for an identifier that the tenant doesn't have.
pub(crate) fn missing() -> Problem {
    Problem::not_found("there is no message with this id")
}

/// Makes `change` of the message whose id is `path`, to be looked at by the sweeper at `due`, from a fresh read until nobody came in
/// between. What becomes of it.
pub(crate) async fn change(
    state: &State,
    tenant: &Tenant,
    path: &str,
    due: Option<Timestamp>,
    change: impl Fn(&mut Record) -> Result<(), NotPossible>,
) -> Result<Record, Problem> {
    let id = path.parse().map_err(|_| missing())?;
    let mut attempts = Attempts::default();
    let mut wanted = None;
    loop {
        let record = state.messages.find(tenant, id).await?;
        let record = record.ok_or_else(missing)?;
        // The write succeeded and its answer was lost: the SDK repeated it, and found what it had written itself.
        if wanted.as_ref() == Some(&record) {
            return Ok(record);
        }
        let mut changed = record.clone();
        change(&mut changed)?;
        if changed == record || state.messages.replace(&record, &changed, due).await? {
            return Ok(changed);
        }
        wanted = Some(changed);
        attempts.another("change a message").await?;
    }
}
