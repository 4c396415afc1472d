//! The Lambda function `sweep`.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use shared::{aws::clients::Clients, metrics::Metrics, telemetry};
use sweep::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let metrics = Metrics::start("sweep");
        let state = &Config::from_env()?.state(&Clients::from_env()?, metrics.clone());
        let metrics = &metrics.ready();
        lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
            let swept = Box::pin(sweep::run(state)).await;
            metrics.write(&event.context.request_id);
            swept.map_err(|error| Error::from(error.cause()))
        }))
        .await
    })
    .await
}
