//! The Lambda function `submit`: behind API Gateway, and behind EventBridge and the producers' queue.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Error};
use serde_json::value::RawValue;
use shared::{aws::clients::Clients, metrics::Metrics, telemetry};
use submit::events::{Incoming, handle};
use submit::{Config, routes};
use tower::ServiceExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let metrics = Metrics::start("submit");
        let config = Config::from_env()?;
        let state = Arc::new(config.state(&Clients::from_env()?, metrics.clone()));
        let (claim, routes) = (config.tenant_claim, routes(Arc::clone(&state)));
        let app = gateway::app(routes, claim, metrics.clone());
        let (state, http, metrics) = (&state, &Adapter::from(app), &metrics.ready());
        lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| async move {
            let LambdaEvent { payload, context } = event;
            let answer = if let Some(incoming) = Incoming::read(payload.get())? {
                let taken = handle(state, incoming).await;
                metrics.write(&context.request_id);
                serde_json::to_value(taken?)
            } else {
                let request: LambdaRequest = serde_json::from_str(payload.get())?;
                let event = LambdaEvent::new(request, context);
                serde_json::to_value(http.clone().oneshot(event).await?)
            };
            Ok::<_, Error>(answer?)
        }))
        .await
    })
    .await
}
