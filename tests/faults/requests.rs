//! Messages asked for through the producers' queue, whose entries come again until they have been taken.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::aws::content::ContentStore;
use shared::aws::queue::DeliveryQueue;
use submit::events::{Incoming, handle};

use crate::scene::{Scene, mail};
use crate::verdicts::Verdicts;
use crate::wire::Wire;

/// The entries, each with an id of its own, by which it is known when it comes again.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    payload: Value,
    count: usize,
}

/// A new instance of `submit` that reaches AWS by `wire`.
pub(crate) fn submitter(scene: &Scene<'_>, wire: &Wire) -> Arc<submit::State> {
    let embedded = &scene.world.embedded;
    let clients = wire.clients(embedded);
    let usual = &scene.world.functions.submit;
    let mut connections = usual.connections.clone();
    let mut messages = usual.messages.clone();
    connections.client = clients.dynamodb.clone();
    messages.client = clients.dynamodb;
    Arc::new(submit::State {
        connections,
        messages,
        content: ContentStore::new(clients.s3, local::embedded::CONTENT_BUCKET),
        queue: DeliveryQueue::new(clients.sqs, &embedded.queue_url),
        clock: scene.world.clock.clone(),
    })
}

impl Requests {
    /// That many, by the scene's tenant.
    pub(crate) fn new(scene: &Scene<'_>, count: usize) -> Self {
        let tenant = scene.tenant.as_str();
        let record = |n| {
            let body = json!({"tenant": tenant, "message": mail(n)}).to_string();
            json!({"messageId": format!("{tenant}-{n}"), "body": body, "eventSource": "aws:sqs", "attributes": {}})
        };
        let records: Vec<_> = (0..count).map(record).collect();
        Self {
            payload: json!({ "Records": records }),
            count,
        }
    }

    /// Hands all of them to an instance of `submit`, whether or not it has had them before. How many failed.
    pub(crate) async fn take(&self, submit: &Arc<submit::State>) -> usize {
        let incoming = Incoming::read(&self.payload.to_string()).expect("a payload");
        let outcome = handle(submit, incoming.expect("no HTTP request")).await;
        let outcome = outcome.expect("a batch never fails as a whole");
        outcome.batch_item_failures.len()
    }

    /// They come again, twice, without trouble, and every message comes to its end. What there is to say against it.
    pub(crate) async fn end(&self, scene: &mut Scene<'_>) -> Verdicts {
        let calm = submitter(scene, &Wire::new());
        for _ in 0..2 {
            assert_eq!(self.take(&calm).await, 0, "nothing is in the way any more");
        }
        let list = scene.client.get("/v1/messages?limit=100").await.body;
        let messages = list["messages"].as_array().expect("a list");
        for message in messages {
            scene.expect(message["id"].as_str().expect("an id"));
        }
        scene.end(&Wire::new()).await;
        let mut verdicts = scene.judge().await;
        let text = || format!("{} requests became {} messages", self.count, messages.len());
        if messages.len() < self.count {
            verdicts.lost.push(text());
        } else if messages.len() > self.count {
            verdicts.doubled.push(text());
        }
        verdicts
    }
}
