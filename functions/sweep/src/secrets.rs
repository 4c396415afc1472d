//! Secrets that no connection points to, a while after they were noted.

use shared::aws::connections::{COLLECTING, noted_secret};
use shared::aws::due;
use shared::aws::error::{StorageError, conditional};
use shared::aws::item::{self, Item, string};
use shared::metrics::Metric;

use crate::State;

/// How long Secrets Manager can bring a deleted secret back.
const RECOVERY_DAYS: i64 = 7;

pub(crate) async fn collect(state: &State) -> Result<(), StorageError> {
    let State {
        connections, clock, ..
    } = state;
    let now = clock.now();
    let mut result = Ok(());
    for shard in 0..due::SHARDS {
        let (client, table) = (&connections.client, &connections.name);
        for note in due::query(client, table, shard, now, crate::AT_MOST).await? {
            // One secret that can't be deleted must not stand before all others.
            if let Err(error) = collect_one(state, &note).await {
                tracing::error!(cause = error.cause(), "a secret was not collected");
                result = result.and(Err(error));
            }
        }
    }
    result
}

async fn collect_one(state: &State, note: &Item) -> Result<(), StorageError> {
    let text = |name: &str| note.get(name).and_then(|value| value.as_s().ok());
    let (Some(pk), Some(sk)) = (text("pk"), text("sk")) else {
        return Ok(());
    };
    let Some(secret) = noted_secret(sk) else {
        return Ok(());
    };
    let key = item::key(pk, sk);
    // Marked first: from here on no connection can take the secret into use.
    if mark(state, key.clone()).await? {
        delete(state, secret).await?;
        let State { connections, .. } = state;
        let drop = connections.client.delete_item();
        drop.table_name(&connections.name)
            .set_key(Some(key))
            .send()
            .await
            .map_err(|error| StorageError::sdk("drop a secret's note", error))?;
        state.metrics.count(Metric::SecretsCollected);
        tracing::info!(secret, "collected");
    }
    Ok(())
}

async fn mark(state: &State, key: Item) -> Result<bool, StorageError> {
    let State {
        connections, clock, ..
    } = state;
    let request = connections
        .client
        .update_item()
        .table_name(&connections.name)
        .set_key(Some(key))
        .update_expression(format!("SET {COLLECTING} = :yes"))
        .condition_expression("due_at <= :now")
        .expression_attribute_values(":yes", string("yes"))
        .expression_attribute_values(":now", string(clock.now().to_string()));
    let marked = conditional("mark a secret's note", request.send().await)?;
    Ok(marked.is_some())
}

async fn delete(state: &State, secret: &str) -> Result<(), StorageError> {
    match state
        .secrets
        .delete_secret()
        .secret_id(secret)
        .recovery_window_in_days(RECOVERY_DAYS)
        .send()
        .await
    {
        Ok(_) => Ok(()),
        // Noted and never created, or deleted by a sweep that ended before it could drop the note.
        Err(error)
            if error.as_service_error().is_some_and(|e| {
                e.is_resource_not_found_exception() || e.is_invalid_request_exception()
            }) =>
        {
            Ok(())
        }
        Err(error) => Err(StorageError::sdk("delete a secret", error)),
    }
}
