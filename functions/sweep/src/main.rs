//! The Lambda function `sweep`.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use shared::{aws::clients::Clients, telemetry};
use sweep::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let state = &Config::from_env()?.state(&Clients::from_env()?);
        lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async move {
            sweep::run(state)
                .await
                .map_err(|error| Error::from(error.cause()))
        }))
        .await
    })
    .await
}
