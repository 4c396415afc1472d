//! CloudFormation as a custom resource knows it: it asks, and waits at a place where the answer is to be put.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use resource::{NotAnswered, PasswordSource, Responses, State, handle};
use serde_json::{Value, json};
use shared::aws::https::Https;
use tests::world::{World, merged};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) const STACK: &str =
    "arn:aws:cloudformation:eu-west-3:123456789012:stack/app/7c1c2d3e-0000-0000-0000-000000000001";

/// Time enough.
const WITHIN: Duration = Duration::from_mins(2);

/// A stack with one resource, and the world that its connection comes into.
pub(crate) struct Stack {
    pub(crate) world: World,
    pub(crate) state: Arc<State>,
    place: String,
    puts: Arc<Mutex<Vec<Put>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
    requests: AtomicUsize,
    accepting: JoinHandle<()>,
}

/// An answer as it was put.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::of(World::start().await).await
    }

    pub(crate) async fn of(world: World) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let place = format!("http://{}", listener.local_addr().expect("an address"));
        let puts: Arc<Mutex<Vec<Put>>> = Arc::default();
        let statuses: Arc<Mutex<VecDeque<u16>>> = Arc::default();
        let (kept, next) = (Arc::clone(&puts), Arc::clone(&statuses));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&next)));
            }
        });
        let secrets = world.embedded.secrets.clone();
        let state = Arc::new(State {
            connections: Arc::clone(&world.functions.connections),
            passwords: PasswordSource::new(secrets, "mittente"),
            responses: Responses::new(Https::plain(), place.parse().ok()),
        });
        Self {
            world,
            state,
            place,
            puts,
            statuses,
            requests: AtomicUsize::new(0),
            accepting,
        }
    }

    /// The same stack, with secrets that are read from somewhere else.
    pub(crate) fn reading(mut self, passwords: PasswordSource) -> Self {
        let state = Arc::get_mut(&mut self.state).expect("nobody uses the state yet");
        state.passwords = passwords;
        self
    }

    /// The answers to what is put next are these statuses, and then 200 again.
    pub(crate) fn answers(&self, statuses: impl IntoIterator<Item = u16>) {
        lock(&self.statuses).extend(statuses);
    }

    /// What was put so far.
    pub(crate) fn puts(&self) -> Vec<Put> {
        lock(&self.puts).clone()
    }

    /// A secret of the platform's own, and its ARN.
    pub(crate) async fn secret(&self, name: &str, value: &str) -> String {
        let request = self.world.embedded.secrets.create_secret().name(name);
        let created = request.secret_string(value).send().await;
        created.expect("a secret").arn.expect("an ARN")
    }

    /// A request that was not made yet.
    pub(crate) fn request(&self, kind: &str, properties: &Value) -> Value {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        json!({
            "RequestType": kind, "RequestId": format!("request-{number}"), "StackId": STACK, "LogicalResourceId": "SystemConnection",
            "ResponseURL": format!("{}/answers/{number}?X-Amz-Signature=s1gnature", self.place),
            "ResourceType": "Custom::SmtpConnection", "ResourceProperties": properties,
        })
    }

    /// Carries a request out, and gives the answer.
    pub(crate) async fn answer(&self, request: &Value) -> Value {
        self.handle(request).await.expect("answered");
        self.puts().pop().expect("an answer").body
    }

    pub(crate) async fn handle(&self, request: &Value) -> Result<(), NotAnswered> {
        let request = serde_json::from_value(request.clone()).expect("a request");
        handle(&self.state, request, Instant::now() + WITHIN).await
    }

    pub(crate) async fn create(&self, properties: &Value) -> Value {
        self.answer(&self.request("Create", properties)).await
    }

    /// Creates the resource and gives its physical id.
    pub(crate) async fn created(&self, properties: &Value) -> String {
        let answer = self.create(properties).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        text(&answer["PhysicalResourceId"])
    }

    pub(crate) async fn update(&self, physical_id: &str, old: &Value, new: &Value) -> Value {
        let ids = json!({"PhysicalResourceId": physical_id, "OldResourceProperties": old});
        self.answer(&merged(self.request("Update", new), ids)).await
    }

    pub(crate) async fn delete(&self, physical_id: &str, properties: &Value) -> Value {
        let ids = json!({"PhysicalResourceId": physical_id});
        let request = merged(self.request("Delete", properties), ids);
        self.answer(&request).await
    }

    /// The connection of a physical id as the API shows it to its tenant.
    pub(crate) async fn connection(&self, physical_id: &str) -> Value {
        let (id, tenant) = physical_id.split_once('@').expect("a tenant's");
        let path = format!("/v1/connections/{id}");
        self.world.tenant(tenant).get(&path).await.body
    }

    /// The password that a connection would log in with, and the name of its secret.
    pub(crate) async fn password(&self, physical_id: &str) -> (String, String) {
        let (id, tenant) = physical_id.split_once('@').expect("a tenant's");
        let tenant = tenant.to_owned().try_into().expect("a tenant");
        let table = &self.world.functions.connections.connections;
        let found = table.find(&tenant, id.parse().expect("an id")).await;
        let (connection, _) = found.expect("read").expect("there");
        let name = connection.secret.expect("a secret");
        let request = self.world.embedded.secrets.get_secret_value();
        let value = request.secret_id(&name).send().await.expect("a value");
        (value.secret_string.expect("text"), name)
    }
}

/// A string, without its quotes.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes one request after the other; a client that hangs up ends it.
async fn serve(
    mut stream: TcpStream,
    puts: Arc<Mutex<Vec<Put>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.expect("a length").parse().expect("a number");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let body = serde_json::from_slice(&body).expect("JSON");
        lock(&puts).push(Put { head, body });
        let status = lock(&statuses).pop_front().unwrap_or(200);
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
    }
}
