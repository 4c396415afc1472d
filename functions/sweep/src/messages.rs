//! Messages that are due: retries whose time has come, accepted messages that nobody took, claims that ran out.

use shared::aws::due;
use shared::aws::error::StorageError;
use shared::aws::messages::{TAKEN_WITHIN, is_message_key};
use shared::metrics::Metric;
use shared::model::timestamp::Timestamp;

use crate::State;

pub(crate) async fn requeue(state: &State) -> Result<(), StorageError> {
    let State {
        messages,
        clock,
        metrics,
        ..
    } = state;
    let now = clock.now();
    let mut result = Ok(());
    for shard in 0..due::SHARDS {
        let due = due::query(&messages.client, &messages.name, shard, now, crate::AT_MOST).await?;
        let keys = due.iter().filter_map(|item| item.get("pk")?.as_s().ok());
        for pk in keys.filter(|pk| is_message_key(pk)) {
            metrics.count(Metric::Due);
            // One bad record must not stand before all others.
            if let Err(error) = requeue_one(state, pk, now).await {
                tracing::error!(record = pk, cause = error.cause(), "not queued again");
                result = result.and(Err(error));
            }
        }
    }
    result
}

async fn requeue_one(state: &State, pk: &str, now: Timestamp) -> Result<(), StorageError> {
    let State {
        messages, queue, ..
    } = state;
    // The index may lag behind: the record itself says whether it still is due.
    let Some(mut record) = messages.find_by_key(pk).await? else {
        return Ok(());
    };
    // Counted before it is sent: an entry with a number that SQS has seen would be dropped.
    if messages
        .count_queued(&record, now, now + TAKEN_WITHIN)
        .await?
    {
        record.enqueued += 1;
        queue.push(&record).await?;
        state.metrics.count(Metric::Requeued);
        let (tenant, message_id) = (record.tenant.as_str(), record.message.id);
        tracing::info!(tenant, %message_id, enqueued = record.enqueued, "queued again");
    }
    Ok(())
}
