//! SQS with what its embedded implementation forgets: the group of a message, and waiting for one without delay.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
use winterbaume_core::{MockRequest, MockResponse, MockService};
use winterbaume_sqs::SqsService;

/// System attributes that travel as message attributes inside, because only those are stored.
const CARRIED: [&str; 3] = ["MessageGroupId", "MessageDeduplicationId", "SequenceNumber"];

/// How long a waiting receive may be late for an entry that becomes visible again by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The queues.
pub(super) struct FifoQueues {
    service: SqsService,
    sequence: AtomicU64,
    visible: Notify,
    look_again: Duration,
    deleted: broadcast::Sender<String>,
}

impl FifoQueues {
    pub(super) fn new() -> Self {
        Self {
            service: SqsService::new(),
            sequence: AtomicU64::new(1),
            visible: Notify::new(),
            look_again: LOOK_AGAIN,
            deleted: broadcast::Sender::new(1024),
        }
    }

    /// The receipt handles of deleted entries.
    pub(super) fn deleted(&self) -> broadcast::Sender<String> {
        self.deleted.clone()
    }

    async fn send(&self, request: MockRequest, mut body: Value) -> MockResponse {
        match body.get_mut("Entries").and_then(Value::as_array_mut) {
            Some(entries) => entries.iter_mut().for_each(|entry| self.carry_in(entry)),
            None => self.carry_in(&mut body),
        }
        let response = self.service.handle(with_body(request, &body)).await;
        self.visible.notify_waiters();
        response
    }

    fn carry_in(&self, message: &mut Value) {
        // Twenty digits, as the real ones have: they sort as texts and as numbers.
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        message["SequenceNumber"] = json!(format!("{number:020}"));
        for name in CARRIED {
            if let Some(value) = message[name].as_str().map(str::to_owned) {
                message["MessageAttributes"][name] =
                    json!({"DataType": "String", "StringValue": value});
            }
        }
        if let Some(message) = message.as_object_mut() {
            message.remove("SequenceNumber");
        }
    }

    async fn receive(&self, request: MockRequest, mut body: Value) -> MockResponse {
        let wait = body["WaitTimeSeconds"].as_u64().unwrap_or(0).min(20);
        let deadline = Instant::now() + Duration::from_secs(wait);
        body["WaitTimeSeconds"] = json!(0);
        let request = with_body(request, &body);
        loop {
            // Listening before looking, so that nothing arrives in between unheard.
            let visible = self.visible.notified();
            tokio::pin!(visible);
            visible.as_mut().enable();
            let response = self.service.handle(request.clone()).await;
            let messages: Option<Value> = serde_json::from_slice(&response.body)
                .ok()
                .filter(|body: &Value| body["Messages"].as_array().is_some_and(|m| !m.is_empty()));
            if let Some(mut messages) = messages {
                if let Some(messages) = messages["Messages"].as_array_mut() {
                    messages.iter_mut().for_each(carry_out);
                }
                return MockResponse::json(response.status, messages.to_string());
            }
            if response.status != 200 || Instant::now() >= deadline {
                return response;
            }
            let look_again = deadline.min(Instant::now() + self.look_again);
            let _ = tokio::time::timeout_at(look_again, visible).await;
        }
    }

    async fn delete(&self, request: MockRequest, body: Value) -> MockResponse {
        let response = self.service.handle(request).await;
        if response.status == 200 {
            let entries = body["Entries"].as_array();
            let handles = entries.map_or_else(|| vec![&body], |entries| entries.iter().collect());
            for handle in handles {
                if let Some(handle) = handle["ReceiptHandle"].as_str() {
                    // Nobody need be listening.
                    let _ = self.deleted.send(handle.to_owned());
                }
            }
        }
        response
    }
}

fn carry_out(message: &mut Value) {
    for name in CARRIED {
        let attribute = message["MessageAttributes"]
            .as_object_mut()
            .and_then(|attributes| attributes.remove(name));
        if let Some(attribute) = attribute {
            message["Attributes"][name] = attribute["StringValue"].clone();
        }
    }
    if message["MessageAttributes"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty)
        && let Some(message) = message.as_object_mut()
    {
        message.remove("MessageAttributes");
    }
}

fn with_body(mut request: MockRequest, body: &Value) -> MockRequest {
    request.body = body.to_string().into();
    request
}

impl MockService for FifoQueues {
    fn service_name(&self) -> &str {
        self.service.service_name()
    }

    fn url_patterns(&self) -> Vec<&str> {
        self.service.url_patterns()
    }

    fn handle(
        &self,
        request: MockRequest,
    ) -> Pin<Box<dyn Future<Output = MockResponse> + Send + '_>> {
        Box::pin(async move {
            let target = request.headers.get("x-amz-target");
            let action = target.and_then(|target| target.to_str().ok()?.rsplit('.').next());
            let action = action.unwrap_or_default().to_owned();
            let Ok(body @ Value::Object(_)) = serde_json::from_slice(&request.body) else {
                return self.service.handle(request).await;
            };
            match action.as_str() {
                "SendMessage" | "SendMessageBatch" => self.send(request, body).await,
                "ReceiveMessage" => self.receive(request, body).await,
                "DeleteMessage" | "DeleteMessageBatch" => self.delete(request, body).await,
                _ => {
                    let response = self.service.handle(request).await;
                    if action.starts_with("ChangeMessageVisibility") {
                        self.visible.notify_waiters();
                    }
                    response
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn call(queues: &FifoQueues, action: &str, body: Value) -> Value {
        let mut request = MockRequest {
            method: "POST".to_owned(),
            uri: "https://sqs.eu-west-3.amazonaws.com/".to_owned(),
            headers: axum::http::HeaderMap::new(),
            body: body.to_string().into(),
        };
        let target = format!("AmazonSQS.{action}");
        let target = target.parse().expect("a header value");
        request.headers.insert("x-amz-target", target);
        let response = queues.handle(request).await;
        assert_eq!(response.status, 200, "{action}");
        serde_json::from_slice(&response.body).expect("JSON")
    }

    #[tokio::test]
    async fn sending_wakes_a_receive_that_waits() {
        // Were it not woken, it would look again at the end of its wait alone.
        let queues = FifoQueues {
            look_again: Duration::from_mins(1),
            ..FifoQueues::new()
        };
        let created = call(&queues, "CreateQueue", json!({"QueueName": "q.fifo"})).await;
        let url = &created["QueueUrl"];
        let receive = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
        let send = json!({"QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"});
        let before = Instant::now();
        let (received, _) = tokio::join!(
            call(&queues, "ReceiveMessage", receive),
            call(&queues, "SendMessage", send)
        );
        assert_eq!(received["Messages"][0]["Attributes"]["MessageGroupId"], "g");
        assert!(before.elapsed() < Duration::from_secs(10));
    }
}
