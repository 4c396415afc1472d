//! Messages that are due: retries whose time has come, accepted messages that nobody took, claims that ran out.

use shared::aws::due;
use shared::aws::error::StorageError;
use shared::aws::messages::{Record, TAKEN_WITHIN, is_message_key};

use crate::State;

pub(crate) async fn requeue(state: &State) -> Result<(), StorageError> {
    let State {
        messages,
        queue,
        clock,
        ..
    } = state;
    let now = clock.now();
    for shard in 0..due::SHARDS {
        for item in due::query(&messages.client, &messages.name, shard, now, crate::AT_MOST).await?
        {
            let Some(pk) = item
                .get("pk")
                .and_then(|pk| pk.as_s().ok())
                .filter(|pk| is_message_key(pk))
            else {
                continue;
            };
            // The index may lag behind: the record itself says whether it still is due.
            let Some(record) = messages.find_by_key(pk).await? else {
                continue;
            };
            // Counted before it is sent: an entry with a number that SQS has seen would be dropped.
            if messages
                .count_queued(&record, now, now + TAKEN_WITHIN)
                .await?
            {
                let counted = Record {
                    enqueued: record.enqueued + 1,
                    ..record
                };
                queue
                    .push(
                        &counted.delivery(),
                        counted.message.decision.effective.connection_id,
                        counted.enqueued,
                    )
                    .await?;
                tracing::info!(message_id = %counted.message.id, enqueued = counted.enqueued, "queued again");
            }
        }
    }
    Ok(())
}
