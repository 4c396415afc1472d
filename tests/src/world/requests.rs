//! Messages asked for by events, in place of what Lambda has before the function.

use serde_json::{Value, json};
use shared::aws::batch::Outcome;
use submit::events::{Incoming, NotAccepted, handle};

use super::World;

impl World {
    /// Hands this payload to `submit`, as Lambda would one that isn't an HTTP request.
    ///
    /// # Errors
    /// As the function's.
    ///
    /// # Panics
    /// When it would be taken for an HTTP request, or can't be read.
    pub async fn invoke(&self, payload: &Value) -> Result<Outcome, NotAccepted> {
        let incoming = Incoming::read(&payload.to_string()).expect("a payload");
        handle(&self.functions.submit, incoming.expect("not HTTP")).await
    }

    /// Hands an event of EventBridge with this `id` and detail to `submit`.
    ///
    /// # Errors
    /// As the function's.
    pub async fn event(&self, id: &str, detail: &Value) -> Result<Outcome, NotAccepted> {
        let event = json!({
            "version": "0", "id": id, "detail-type": "Email Requested", "source": "example", "account": "123456789012",
            "time": "2026-01-01T00:00:00Z", "region": "eu-west-3", "resources": [], "detail": detail,
        });
        self.invoke(&event).await
    }

    /// Hands entries of the producers' queue to `submit`, each with its `MessageId`: those that failed.
    ///
    /// # Panics
    /// When the batch fails as a whole.
    pub async fn entries(&self, entries: &[(&str, &str)]) -> Vec<String> {
        let records: Vec<_> = entries
            .iter()
            .map(|(id, body)| json!({"messageId": id, "body": body, "eventSource": "aws:sqs", "attributes": {}}))
            .collect();
        let outcome = self.invoke(&json!({ "Records": records })).await;
        let failures = outcome.expect("an answer").batch_item_failures.into_iter();
        failures.map(|failure| failure.item_identifier).collect()
    }
}
