//! A tenant with messages to send, its mail server, and the instances that come and go.

use std::sync::Arc;
use std::time::Duration;

use local::Functions;
use local::embedded::CONTENT_BUCKET;
use serde_json::{Value, json};
use shared::aws::batch::{Batch, Outcome};
use shared::aws::content::ContentStore;
use shared::aws::queue::DeliveryQueue;
use shared::aws::secrets::SecretReader;
use shared::metrics::Metrics;
use shared::model::ids::MessageId;
use shared::model::message::Status;
use shared::model::retry::Ambiguous;
use shared::model::tenant::Tenant;
use shared::smtp::{Deadlines, Dialer};
use tests::mail_server::{self, MailServer, Script};
use tests::world::{Client, World, merged, reaching};
use tokio::time::Instant;

use crate::process::Process;
use crate::proxy::{Passage, Proxy};
use crate::queue::{self, Received};
use crate::steps::Steps;
use crate::verdicts::{REFUSED, Verdicts};
use crate::wire::Wire;

/// How long an invocation may take.
const INVOCATION: Duration = Duration::from_mins(1);
/// How often the clock is moved on until every message must have ended.
const ROUNDS: u32 = 12;

/// The messages of one run.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) server: MailServer,
    pub(crate) proxy: Proxy,
    pub(crate) client: Client,
    pub(crate) tenant: Tenant,
    policy: Ambiguous,
    /// The instances' deadlines with the server, instead of the usual ones, which are never met.
    pub(crate) deadlines: Option<Deadlines>,
    /// How many invocations of one instance share the entries that a process takes.
    pub(crate) invocations: usize,
    messages: Vec<MessageId>,
}

impl<'a> Scene<'a> {
    /// A tenant whose default connection, with `settings`, leads to a server that refuses [`REFUSED`] alone.
    pub(crate) async fn set(world: &'a World, policy: Ambiguous, settings: Value) -> Self {
        let mut script = Script::new().on(&format!("RCPT TO:<{REFUSED}"), "550 5.1.1 no such user");
        if settings["username"].is_string() {
            script = script.implicit_tls();
        }
        let server = MailServer::start(script).await;
        let proxy = Proxy::start(server.address()).await;
        let name = world.clock.ulid().to_string();
        let scene = Self {
            client: world.tenant(&name),
            tenant: Tenant::new(name).expect("a tenant"),
            world,
            server,
            proxy,
            policy,
            deadlines: None,
            invocations: 1,
            messages: Vec::new(),
        };
        scene.connect("first", settings).await;
        scene
    }

    /// Another connection to the same server, which is the default from now on.
    pub(crate) async fn connect(&self, name: &str, settings: Value) {
        let port = json!({"port": self.proxy.port(), "name": name, "default": true});
        let settings = merged(reaching(&self.server, port), settings);
        self.client.connection(settings).await;
    }

    /// Submits that many messages: some to one recipient, some to two, some to one whom the server refuses as well.
    pub(crate) async fn submit(&mut self, count: usize) {
        for n in 0..count {
            let body = mail(n);
            let answer = self.client.post("/v1/messages", &body).await;
            assert_eq!(answer.status, 202, "{}", answer.text);
            self.expect(&answer.id());
        }
    }

    /// This message, too, is judged in the end.
    pub(crate) fn expect(&mut self, id: &str) {
        self.messages.push(id.parse().expect("an id"));
    }

    /// A new instance of `deliver` that reaches AWS by `wire`.
    pub(crate) fn instance(&self, wire: &Wire) -> Arc<deliver::State> {
        let world = self.world;
        let mut dialer: Dialer = mail_server::dialer();
        if let Some(deadlines) = self.deadlines {
            dialer.deadlines = deadlines;
        }
        let mut functions = Functions::new(&world.embedded, &dialer, Vec::new(), &world.clock);
        let clients = wire.clients(&world.embedded);
        let state = Arc::get_mut(&mut functions.deliver).expect("nobody uses the state yet");
        state.ambiguous = self.policy;
        state.connections.client = clients.dynamodb.clone();
        state.messages.client = clients.dynamodb;
        state.content = ContentStore::new(clients.s3);
        state.queue = DeliveryQueue::new(clients.sqs, &world.embedded.queue_url);
        state.secrets = SecretReader::new(clients.secrets, world.clock.clone());
        functions.deliver
    }

    /// A new instance of `sweep` that reaches AWS by `wire`.
    pub(crate) fn sweeper(&self, wire: &Wire) -> sweep::State {
        let clients = wire.clients(&self.world.embedded);
        let usual = &self.world.functions.sweep;
        let mut messages = usual.messages.clone();
        let mut connections = usual.connections.clone();
        messages.client = clients.dynamodb.clone();
        connections.client = clients.dynamodb;
        sweep::State {
            connections,
            messages,
            queue: DeliveryQueue::new(clients.sqs, &self.world.embedded.queue_url),
            secrets: clients.secrets,
            clock: self.world.clock.clone(),
            metrics: Metrics::off(),
        }
    }

    /// An invocation, in a process of its own, of a new instance whose steps are counted: those at AWS, and those with the server.
    pub(crate) fn invocation(
        &self,
        entries: &[Received],
        steps: &Arc<Steps>,
        wire: &Wire,
    ) -> Process<Outcome> {
        self.proxy.set(Passage::Counted(Arc::clone(steps)));
        self.process(entries, steps, wire)
    }

    /// The same, but for the steps with the server.
    pub(crate) fn process(
        &self,
        entries: &[Received],
        steps: &Arc<Steps>,
        wire: &Wire,
    ) -> Process<Outcome> {
        let state = self.instance(wire);
        let size = entries.len().div_ceil(self.invocations).max(1);
        let batches: Vec<_> = entries.chunks(size).map(queue::event).collect();
        Process::start(Arc::clone(steps), async move {
            let mut whole = Outcome::default();
            for batch in batches {
                let end = Instant::now() + INVOCATION;
                let outcome = deliver::handle(&state, batch, end).await;
                whole
                    .batch_item_failures
                    .extend(outcome.batch_item_failures);
            }
            whole
        })
    }

    /// An invocation in this process.
    pub(crate) async fn invoke(&self, state: &Arc<deliver::State>, batch: Batch) -> Outcome {
        deliver::handle(state, batch, Instant::now() + INVOCATION).await
    }

    /// Lets an instance that has no trouble but what its `wire` brings work on the queue until there is nothing in it.
    pub(crate) async fn work(&self, wire: &Wire) {
        let state = self.instance(wire);
        let embedded = &self.world.embedded;
        let mut again = Vec::new();
        loop {
            let entries = queue::receive(embedded).await;
            if entries.is_empty() {
                break;
            }
            let outcome = self.invoke(&state, queue::event(&entries)).await;
            again.extend(queue::settle(embedded, entries, Some(outcome)).await);
        }
        queue::show_again(embedded, again).await;
    }

    /// Time goes on, sweepers sweep and instances work, until every message has ended. All of them reach AWS by `wire`.
    pub(crate) async fn end(&self, wire: &Wire) {
        self.proxy.set(Passage::Free);
        for round in 0..ROUNDS {
            self.work(wire).await;
            if !self.is_waiting().await {
                break;
            }
            // Past every lease at first, then past every wait: less than the three days in all.
            let minutes = if round < 6 { 15 } else { 240 };
            self.world.clock.advance(Duration::from_mins(minutes));
            let swept = sweep::run(&self.sweeper(wire)).await;
            swept.expect("a sweep");
        }
    }

    async fn is_waiting(&self) -> bool {
        for record in self.records().await {
            let status = record.message.status;
            if matches!(status, Status::Queued | Status::Sending | Status::Retrying) {
                return true;
            }
        }
        false
    }

    /// What the table says of the messages.
    pub(crate) async fn records(&self) -> Vec<shared::aws::messages::Record> {
        let messages = &self.world.functions.deliver.messages;
        let mut records = Vec::new();
        for id in &self.messages {
            let record = messages.find(&self.tenant, *id).await;
            records.push(record.expect("the table is read").expect("a record"));
        }
        records
    }

    /// What there is to say against it, once every session is over. The queue is empty afterwards.
    pub(crate) async fn judge(&self) -> Verdicts {
        self.proxy.quiet().await;
        let ledger = self
            .server
            .until(|ledger| ledger.ended() == ledger.sessions.len());
        let verdicts = Verdicts::of(&self.records().await, &ledger.await, self.policy);
        let left = queue::receive_all(&self.world.embedded).await;
        queue::delete(&self.world.embedded, left).await;
        self.empty_bucket().await;
        verdicts
    }

    /// The embedded S3 copies all that it holds whenever any of it changes: over thousands of runs that would take most of the time.
    async fn empty_bucket(&self) {
        let s3 = &self.world.embedded.s3;
        let objects = s3.list_objects_v2().bucket(CONTENT_BUCKET).send().await;
        for object in objects.expect("a list").contents() {
            let delete = s3.delete_object().bucket(CONTENT_BUCKET);
            let deleted = delete.set_key(object.key.clone()).send().await;
            deleted.expect("the object is deleted");
        }
    }
}

/// The nth message of a run.
pub(crate) fn mail(n: usize) -> Value {
    let to = match n % 3 {
        0 => vec![format!("one{n}@example.com")],
        1 => vec![format!("one{n}@example.com"), format!("two{n}@example.com")],
        _ => vec![
            format!("one{n}@example.com"),
            format!("{REFUSED}{n}@example.com"),
        ],
    };
    json!({"to": to, "subject": "Hello", "text": format!("This is message {n}.\n.\nIt has a dot of its own.\n")})
}
