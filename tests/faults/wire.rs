//! The way from a function to AWS: every request goes through here, and may be counted, fail, or be tampered with.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use local::embedded::Embedded;
use shared::aws::https::Https;
use shared::aws::s3;

use crate::steps::Steps;
use crate::tamper::Tamper;

/// How a call to AWS fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service refuses for now.
    Throttled,
    /// The request never arrives.
    BeforeEffect,
    /// The service does it, and its answer is lost.
    AfterEffect,
}

/// One instance's way to AWS.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    steps: Arc<Steps>,
    /// At which call, counted from 0, and how often in a row.
    fault: Option<(Fault, usize, usize)>,
    calls: Arc<Mutex<Vec<String>>>,
    tamper: Option<Tamper>,
    retries: bool,
}

/// Clients that go by a wire.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) s3: s3::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
}

impl Wire {
    /// A way without faults.
    pub(crate) fn new() -> Self {
        Self::counted(&Arc::new(Steps::all()))
    }

    /// Both ends of every call are steps.
    pub(crate) fn counted(steps: &Arc<Steps>) -> Self {
        Self {
            steps: Arc::clone(steps),
            fault: None,
            calls: Arc::default(),
            tamper: None,
            retries: false,
        }
    }

    /// The same, with its steps counted by `steps`.
    pub(crate) fn counted_by(&self, steps: &Arc<Steps>) -> Self {
        Self {
            steps: Arc::clone(steps),
            ..self.clone()
        }
    }

    /// From this call on, counted from 0, that many fail.
    pub(crate) fn failing(mut self, fault: Fault, call: usize, times: usize) -> Self {
        self.fault = Some((fault, call, times));
        self
    }

    /// What goes by it is changed.
    pub(crate) fn tampered(mut self, tamper: Option<Tamper>) -> Self {
        self.tamper = tamper;
        self
    }

    /// The SDK repeats what fails, as in Lambda, but without the long waits. Else it doesn't.
    pub(crate) fn with_retries(mut self, retries: bool) -> Self {
        self.retries = retries;
        self
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.clone()
    }

    /// The embedded services' clients by this way.
    pub(crate) fn clients(&self, embedded: &Embedded) -> Clients {
        // Not shared: a pooled connection would die with the runtime that it was opened in.
        let tables = Https::plain();
        let retry = if self.retries {
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(1))
        } else {
            RetryConfig::disabled()
        };
        macro_rules! client {
            ($sdk:ident, $client:expr, $http:expr) => {
                $sdk::Client::from_conf(
                    $client
                        .config()
                        .to_builder()
                        .retry_config(retry.clone())
                        .http_client(Tapped {
                            inner: $http,
                            wire: self.clone(),
                        })
                        .build(),
                )
            };
        }
        let inside = |http: Option<SharedHttpClient>| http.expect("an embedded service");
        let content = embedded.content();
        Clients {
            dynamodb: client!(aws_sdk_dynamodb, embedded.dynamodb, tables),
            secrets: client!(
                aws_sdk_secretsmanager,
                embedded.secrets,
                inside(embedded.secrets.config().http_client())
            ),
            s3: s3::Client::new(&s3::Config {
                http: SharedHttpClient::new(Tapped {
                    inner: content.http.clone(),
                    wire: self.clone(),
                }),
                retry: retry.clone(),
                ..content
            }),
            sqs: client!(
                aws_sdk_sqs,
                embedded.queue,
                inside(embedded.queue.config().http_client())
            ),
        }
    }

    async fn carry(
        self,
        mut request: HttpRequest,
        connector: SharedHttpConnector,
    ) -> Result<HttpResponse, ConnectorError> {
        let name = name(&request);
        self.step(|| format!("{name} is about to be called")).await;
        let fault = self.next_fault(&name);
        if fault == Some(Fault::Throttled) {
            return Ok(throttled(&name));
        }
        if fault == Some(Fault::BeforeEffect) {
            return Err(lost());
        }
        let answered = match self.tamper.and_then(|tamper| tamper.change(&mut request)) {
            Some(answer) => Ok(answer),
            None => connector.call(request).await,
        };
        self.step(|| format!("{name} has taken effect")).await;
        if fault == Some(Fault::AfterEffect) {
            return Err(lost());
        }
        answered
    }

    async fn step(&self, name: impl FnOnce() -> String) {
        if self.steps.reach(name).await.is_err() {
            // Its runtime is about to go.
            std::future::pending::<()>().await;
        }
    }

    fn next_fault(&self, name: &str) -> Option<Fault> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let call = calls.len();
        calls.push(name.to_owned());
        let (fault, first, times) = self.fault?;
        (first..first + times).contains(&call).then_some(fault)
    }
}

#[derive(Debug)]
struct Tapped<C> {
    inner: C,
    wire: Wire,
}

impl<C: HttpClient> HttpClient for Tapped<C> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Tap {
            connector: self.inner.http_connector(settings, components),
            wire: self.wire.clone(),
        })
    }
}

#[derive(Debug)]
struct Tap {
    connector: SharedHttpConnector,
    wire: Wire,
}

impl HttpConnector for Tap {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let carried = self.wire.clone().carry(request, self.connector.clone());
        HttpConnectorFuture::new(carried)
    }
}

/// `UpdateItem`, `GetSecretValue`, `SendMessage`; of S3, which names its operations by method and path, `s3 GET`.
fn name(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target");
    match target.and_then(|target| target.rsplit('.').next()) {
        Some(operation) => operation.to_owned(),
        None => format!("s3 {}", request.method()),
    }
}

fn lost() -> ConnectorError {
    ConnectorError::io("the connection is lost".into())
}

/// What each service says then.
fn throttled(name: &str) -> HttpResponse {
    if name.starts_with("s3 ") {
        let body =
            "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";
        return answer(503, "application/xml", body);
    }
    let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    answer(400, "application/x-amz-json-1.0", body)
}

/// An answer of the test's own.
pub(crate) fn answer(status: u16, media_type: &'static str, body: &'static str) -> HttpResponse {
    let status = status.try_into().expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", media_type);
    response
}
