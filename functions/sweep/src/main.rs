//! The Lambda function `sweep`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use shared::{aws::clients::Clients, metrics::Metrics, telemetry};
use sweep::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let metrics = Metrics::start("sweep");
    let state = &Config::from_env()?.state(&Clients::from_env()?, metrics.clone());
    let metrics = &metrics.ready();
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async move {
        let swept = sweep::run(state).await;
        metrics.write();
        swept.map_err(|error| Error::from(error.cause()))
    }))
    .await
}
