//! Messages asked for through the producers' queue, whose entries come again until they have been taken.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::aws::content::ContentStore;
use shared::aws::places::Places;
use shared::aws::queue::DeliveryQueue;
use shared::metrics::Metrics;
use shared::model::retry::Ambiguous;
use submit::events::{Incoming, handle};
use tests::world::World;

use crate::extent::{self, Report};
use crate::process::Process;
use crate::scene::{Scene, mail};
use crate::steps::Steps;
use crate::verdicts::Verdicts;
use crate::way::Way;
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
        content: ContentStore::new(clients.s3),
        queue: DeliveryQueue::new(clients.sqs, &embedded.queue_url),
        places: Places::new(submit::QUEUED_PER_TENANT),
        clock: scene.world.clock.clone(),
        metrics: Metrics::off(),
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

#[tokio::test]
async fn a_submission_that_dies_at_any_step_loses_and_doubles_nothing() {
    let world = World::start().await;
    let run = async |steps: Steps| {
        let steps = Arc::new(steps);
        let mut scene = Way::Groups.scene(&world, Ambiguous::Retry, 0).await;
        let requests = Requests::new(&scene, if extent::is_whole() { 10 } else { 2 });
        let submit = submitter(&scene, &Wire::counted(&steps));
        let first = requests.clone();
        let process = Process::start(Arc::clone(&steps), async move { first.take(&submit).await });
        process.ends_or_dies().await;
        (steps.names(), requests.end(&mut scene).await)
    };
    let (steps, verdicts) = run(Steps::all()).await;
    assert_eq!(verdicts.violations(), 0);
    let mut report = Report::new("a submission killed");
    for step in extent::of(steps.len(), 6, 0) {
        let (names, verdicts) = run(Steps::until(step)).await;
        let died_at = names.last().map(String::as_str).unwrap_or_default();
        report.add(&format!("dead at step {step}, {died_at}"), verdicts);
    }
    report.must_be_clean();
}
