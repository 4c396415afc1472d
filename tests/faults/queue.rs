//! The queue of deliveries as Lambda's poller sees it.

use std::collections::HashSet;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use local::embedded::Embedded;
use serde_json::{Value, json};
use shared::aws::batch::{Batch, Outcome};

/// How long an entry that was received is hidden, in seconds: until it is shown again.
const HIDDEN: i32 = 3600;

/// An entry that was received, and is hidden until it is shown again.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    id: String,
    receipt: String,
    body: String,
    attributes: Value,
}

/// At most ten entries.
pub(crate) async fn receive(embedded: &Embedded) -> Vec<Received> {
    let receive = embedded.queue.receive_message();
    let receive = receive
        .queue_url(&embedded.queue_url)
        .visibility_timeout(HIDDEN)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .max_number_of_messages(10);
    let received = receive.send().await.expect("the queue answers").messages;
    let entry = |message: aws_sdk_sqs::types::Message| Received {
        attributes: message
            .attributes
            .iter()
            .flatten()
            .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
            .collect(),
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
    };
    received
        .unwrap_or_default()
        .into_iter()
        .map(entry)
        .collect()
}

/// Everything that can be received now.
pub(crate) async fn receive_all(embedded: &Embedded) -> Vec<Received> {
    let mut all = Vec::new();
    loop {
        let received = receive(embedded).await;
        if received.is_empty() {
            return all;
        }
        all.extend(received);
    }
}

/// The event that Lambda makes of a batch.
pub(crate) fn event(entries: &[Received]) -> Batch {
    let record = |entry: &Received| -> Value {
        json!({
            "messageId": entry.id, "receiptHandle": entry.receipt, "body": entry.body,
            "attributes": entry.attributes,
        })
    };
    let records: Vec<_> = entries.iter().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).expect("a batch")
}

/// Deletes what an invocation has done with. Gives back what is to come again: the failures, and all of it when there is no answer.
pub(crate) async fn settle(
    embedded: &Embedded,
    entries: Vec<Received>,
    outcome: Option<Outcome>,
) -> Vec<Received> {
    let Some(outcome) = outcome else {
        return entries;
    };
    let failures = outcome.batch_item_failures.into_iter();
    let failed: HashSet<_> = failures.map(|failure| failure.item_identifier).collect();
    let (again, done) = entries
        .into_iter()
        .partition(|entry| failed.contains(&entry.id));
    delete(embedded, done).await;
    again
}

/// Takes entries out of the queue; the function may have done so itself.
pub(crate) async fn delete(embedded: &Embedded, entries: Vec<Received>) {
    for entry in entries {
        let delete = embedded.queue.delete_message();
        let delete = delete.queue_url(&embedded.queue_url);
        let deleted = delete.receipt_handle(entry.receipt).send().await;
        deleted.expect("the entry is deleted");
    }
}

/// Shows entries again, as the queue does when their time has run out.
pub(crate) async fn show_again(embedded: &Embedded, entries: Vec<Received>) {
    for entry in entries {
        let show = embedded.queue.change_message_visibility();
        let show = show.queue_url(&embedded.queue_url);
        // The function had deleted it when it died.
        let _ = show
            .receipt_handle(entry.receipt)
            .visibility_timeout(0)
            .send()
            .await;
    }
}
