//! All functions in one process, on embedded AWS services and a clock of the test's own, called through their routers.

use std::fmt::Write as _;
use std::sync::Arc;

mod deliveries;
mod requests;
mod storage;

pub use deliveries::hand_over_to;
pub use storage::storage;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use local::Functions;
use local::embedded::Embedded;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use shared::smtp::Dialer;
use shared::web::caller::Caller;
use shared::web::problem::Problem;
use tower::ServiceExt as _;

use crate::mail_server::{self, HOST, MailServer};

/// Everything but the mail servers.
#[derive(Debug)]
pub struct World {
    /// The AWS services.
    pub embedded: Arc<Embedded>,
    /// The functions' states.
    pub functions: Functions,
    /// Time, which stands still until the test moves it.
    pub clock: Clock,
    routes: Router,
}

/// A tenant with the API before it.
#[derive(Debug, Clone)]
pub struct Client {
    routes: Router,
    tenant: Option<Tenant>,
    /// As long as somebody asks, there is storage.
    _storage: Arc<Embedded>,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null when there is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl World {
    /// A world with empty tables, at 2026-01-01T00:00:00Z, whose dialer reaches the tests' mail servers.
    ///
    /// # Panics
    /// When the embedded services don't start.
    pub async fn start() -> Self {
        Self::with(mail_server::dialer()).await
    }

    /// A world with a dialer of the test's own.
    ///
    /// # Panics
    /// When the embedded services don't start.
    pub async fn with(dialer: Dialer) -> Self {
        Self::adjusted(dialer, |_| {}).await
    }

    /// A world with a dialer and states of the test's own.
    ///
    /// # Panics
    /// When the embedded services don't start.
    pub async fn adjusted(dialer: Dialer, adjust: impl FnOnce(&mut Functions)) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_767_225_600_000));
        Self::at(clock, dialer, adjust).await
    }

    /// A world whose time is the real one: for benches.
    ///
    /// # Panics
    /// When the embedded services don't start.
    pub async fn in_real_time(dialer: Dialer) -> Self {
        Self::at(Clock::system(), dialer, |_| {}).await
    }

    async fn at(clock: Clock, dialer: Dialer, adjust: impl FnOnce(&mut Functions)) -> Self {
        let embedded = Arc::new(storage().await);
        let egress_ips = vec!["13.38.96.228".parse().expect("an address")];
        let mut functions = Functions::new(&embedded, &dialer, egress_ips, &clock);
        adjust(&mut functions);
        let routes = functions.routes();
        Self {
            embedded,
            functions,
            clock,
            routes,
        }
    }

    /// The API as this tenant sees it through functions that have just started on the same storage: nothing is in their memory.
    ///
    /// # Panics
    /// When the name can't be a tenant's.
    #[must_use]
    pub fn tenant_of_another_instance(&self, name: &str) -> Client {
        let dialer = &self.functions.verify.dialer;
        let functions = Functions::new(&self.embedded, dialer, Vec::new(), &self.clock);
        Client {
            routes: functions.routes(),
            ..self.tenant(name)
        }
    }

    /// The API as this tenant sees it.
    ///
    /// # Panics
    /// When the name can't be a tenant's.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Client {
        Client {
            routes: self.routes.clone(),
            tenant: Some(Tenant::new(name).expect("a tenant")),
            _storage: Arc::clone(&self.embedded),
        }
    }

    /// The API as somebody without a token sees it.
    #[must_use]
    pub fn nobody(&self) -> Client {
        Client {
            routes: self.routes.clone(),
            tenant: None,
            _storage: Arc::clone(&self.embedded),
        }
    }

    /// The names of the secrets that are not deleted, the oldest first.
    ///
    /// # Panics
    /// When they can't be listed.
    pub async fn secrets(&self) -> Vec<String> {
        let listed = self.embedded.secrets.list_secrets().send().await;
        let secrets = listed.expect("the secrets are listed").secret_list;
        let kept = secrets
            .unwrap_or_default()
            .into_iter()
            .filter(|secret| secret.deleted_date.is_none());
        let mut names: Vec<_> = kept.filter_map(|secret| secret.name).collect();
        names.sort();
        names
    }

    /// One sweep.
    ///
    /// # Panics
    /// When it fails.
    pub async fn sweep(&self) {
        sweep::run(&self.functions.sweep).await.expect("a sweep");
    }

    /// Every item of both tables and every secret's metadata, as text: for tests of what must not be in there.
    ///
    /// # Panics
    /// When they can't be read.
    pub async fn dump(&self) -> String {
        let mut dump = String::new();
        for table in ["connections", "messages"] {
            let scan = self.embedded.dynamodb.scan().table_name(table);
            let items = scan.send().await.expect("the table is read").items;
            let _ = write!(dump, "{items:?}");
        }
        let secrets = self.embedded.secrets.list_secrets().send().await;
        let _ = write!(dump, "{:?}", secrets.expect("the secrets are listed"));
        dump
    }
}

impl Client {
    /// Sends a request.
    ///
    /// # Panics
    /// When the answer can't be read; the API itself never fails to answer.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(tenant) = self.tenant.clone() {
            let caller: Result<Caller, Problem> = Ok(Caller {
                tenant,
                subject: Some("user-1".to_owned()),
            });
            request = request.extension(caller);
        }
        let request = request.body(body.into());
        let response = self.routes.clone().oneshot(request.expect("a request"));
        let (parts, body) = response.await.expect("an answer").into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: if bytes.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&bytes).expect("JSON")
            },
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Sends JSON.
    pub async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(method, path, &headers, body.to_string()).await
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    /// `POST` with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body).await
    }

    /// `PATCH` with JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.json("PATCH", path, body).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], Body::empty()).await
    }

    /// Creates a connection from `changes` to a complete request and gives its path, `/v1/connections/<id>`.
    ///
    /// # Panics
    /// When it isn't created.
    pub async fn connection(&self, changes: Value) -> String {
        let answer = self.post("/v1/connections", &connection(changes)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        format!("/v1/connections/{}", answer.id())
    }
}

impl Answer {
    /// The `id` of the resource in the body.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn id(&self) -> String {
        self.body["id"].as_str().expect("an id").to_owned()
    }

    /// A header, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The name of the problem and the pointers of its errors.
    #[must_use]
    pub fn problem(&self) -> (u16, String, Vec<String>) {
        let kind = self.body["type"].as_str().unwrap_or_default();
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let pointers = errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap_or_default().to_owned());
        let name = kind.strip_prefix("/problems/").unwrap_or(kind);
        (self.status, name.to_owned(), pointers.collect())
    }
}

/// A request that creates a connection, with `changes` merged into it.
#[must_use]
pub fn connection(changes: Value) -> Value {
    let body = json!({"name": "SMTP Ufficio", "sender_email": "info@example.com", "host": "smtp.example.com", "encryption": "starttls"});
    merged(body, changes)
}

/// The settings by which a connection reaches `server`, with `changes` merged into them.
#[must_use]
pub fn reaching(server: &MailServer, changes: Value) -> Value {
    let target = server.target();
    let body = json!({"host": HOST, "port": target.port, "encryption": target.encryption});
    merged(body, changes)
}

/// `body` with the fields of `changes` in the place of its own.
#[must_use]
pub fn merged(mut body: Value, changes: Value) -> Value {
    if let (Some(body), Value::Object(changes)) = (body.as_object_mut(), changes) {
        body.extend(changes);
    }
    body
}

/// `count` copies of what `make` gives, at once.
pub async fn at_once<T, F>(count: usize, make: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|n| tokio::spawn(make(n))).collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.expect("the task ends"));
    }
    results
}
