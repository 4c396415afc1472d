//! The system under load.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use local::poller::Poller;
use serde_json::{Value, json};
use shared::aws::batch::Batch;
use shared::model::ids::MessageId;
use shared::model::tenant::Tenant;
use tests::mail_server::{HOST, dialer};
use tests::world::{Client, World, connection};
use tokio::sync::watch;
use tokio::time::{Instant, interval};

use crate::server::Server;

const TENANTS: usize = 50;
/// Of each tenant that doesn't flood, through each of its two connections.
const EACH: usize = 50;
/// How long they take to ask for theirs.
const SPREAD: Duration = Duration::from_mins(1);
/// What one tenant asks for before anybody else does.
const FLOOD: usize = 5000;
/// And through its other connection, which has a limit.
const LIMITED: usize = 100;
const PER_MINUTE: usize = 60;
/// The sessions that one of the two connections of the others may have.
const CONCURRENCY: u32 = 2;
/// As many as the poller hands out batches at a time.
const INSTANCES: usize = 8;
/// How long an invocation may take.
const INVOCATION: Duration = Duration::from_mins(7);

/// What a run has shown.
pub(crate) struct Outcome {
    /// How many messages were sent, the flood's included.
    pub(crate) sent: usize,
    /// How many connections had more sessions, or more messages a minute, than they may.
    pub(crate) over_a_limit: usize,
    /// From acceptance to `sent`, of those who don't flood, the shortest first.
    waits: Vec<Duration>,
}

impl Outcome {
    /// What this share of the messages did not wait longer than.
    pub(crate) fn waits(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of thousands"
        )]
        let index = (self.waits.len() as f64 * share) as usize;
        self.waits[index.min(self.waits.len() - 1)]
    }
}

/// A tenant's connection and the server that it leads to.
struct Road {
    client: Client,
    tenant: Tenant,
    connection: String,
    server: Arc<Server>,
    limits: Value,
}

/// Runs the load, with the flood or without.
pub(crate) async fn run(flooding: bool) -> Outcome {
    let world = World::in_real_time(dialer()).await;
    let roads = roads(&world).await;
    let (flood, others) = roads.split_at(2);
    let mut expected = 2 * (TENANTS - 1) * EACH;
    if flooding {
        for (road, count) in flood.iter().zip([FLOOD, LIMITED]) {
            for _ in 0..count {
                road.submit().await;
            }
        }
        expected += FLOOD + LIMITED;
    }
    let (stop, stopped) = watch::channel(false);
    // As in Lambda, an instance works on one batch at a time, and the one that was used last is used again.
    let instances: Vec<_> = (0..INSTANCES).map(|_| world.another_deliver()).collect();
    let instances = Arc::new(Mutex::new(instances));
    let handler = move |event: Value| {
        let instances = Arc::clone(&instances);
        async move {
            let batch: Batch = serde_json::from_value(event).expect("a batch");
            let instance = free(&instances).pop().expect("as many as batches");
            let outcome = deliver::handle(&instance, batch, Instant::now() + INVOCATION).await;
            free(&instances).push(instance);
            Ok::<_, Infallible>(serde_json::to_value(outcome).expect("serialises"))
        }
    };
    let poller = Poller::new(&world.embedded, Duration::from_secs(5));
    let poller = tokio::spawn(poller.run(handler, stopped));
    let mut submitted = Vec::new();
    let mut pace = interval(SPREAD / u32::try_from(others.len() * EACH).expect("thousands"));
    for _ in 0..EACH {
        for road in others {
            pace.tick().await;
            submitted.push((road.tenant.clone(), road.submit().await));
        }
    }
    let mut every = interval(Duration::from_secs(1));
    while roads
        .iter()
        .map(|road| road.server.accepted())
        .sum::<usize>()
        < expected
    {
        every.tick().await;
        sweep::run(&world.functions.sweep).await.expect("a sweep");
    }
    stop.send_replace(true);
    poller.await.expect("the poller ends");
    let mut waits = Vec::with_capacity(submitted.len());
    for (tenant, id) in submitted {
        let found = world.functions.deliver.messages.find(&tenant, id).await;
        let message = found.expect("read").expect("there").message;
        waits.push(message.updated_at.since(message.created_at));
    }
    waits.sort_unstable();
    Outcome {
        sent: expected,
        over_a_limit: roads.iter().filter(|road| road.is_over_its_limit()).count(),
        waits,
    }
}

fn free(instances: &Mutex<Vec<Arc<deliver::State>>>) -> MutexGuard<'_, Vec<Arc<deliver::State>>> {
    instances.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two connections of each tenant; those of the tenant that floods come first.
async fn roads(world: &World) -> Vec<Road> {
    let mut roads = Vec::with_capacity(2 * TENANTS);
    for number in 0..TENANTS {
        let name = format!("tenant-{number}");
        let client = world.tenant(&name);
        let second = if number == 0 {
            json!({"per_minute": PER_MINUTE})
        } else {
            json!({"concurrency": CONCURRENCY})
        };
        for limits in [json!({}), second] {
            let (server, port) = Server::start().await;
            let settings = json!({"name": format!("to {port}"), "host": HOST, "port": port, "encryption": "none", "limits": limits});
            let answer = client.post("/v1/connections", &connection(settings)).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
            roads.push(Road {
                client: client.clone(),
                tenant: Tenant::new(&name).expect("a tenant"),
                connection: answer.id(),
                server,
                limits,
            });
        }
    }
    roads
}

impl Road {
    async fn submit(&self) -> MessageId {
        let mail = json!({"to": ["you@example.com"], "subject": "Flood", "text": "It works.", "connection_id": self.connection});
        let answer = self.client.post("/v1/messages", &mail).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.id().parse().expect("an id")
    }

    fn is_over_its_limit(&self) -> bool {
        let limit = |name: &str| self.limits[name].as_u64();
        let sessions = u64::from(self.server.most_sessions());
        let messages = u64::try_from(self.server.most_in_a_minute()).unwrap_or(u64::MAX);
        limit("concurrency").is_some_and(|most| sessions > most)
            || limit("per_minute").is_some_and(|most| messages > most)
    }
}
