//! The Lambda function `deliver`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use deliver::{Config, handle};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::aws::batch::Batch;
use shared::metrics::Metrics;
use shared::{aws::clients::Clients, clock::Clock, model::timestamp::Timestamp, telemetry};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let metrics = Metrics::start("deliver");
        let state = Config::from_env()?.state(&Clients::from_env()?, metrics.clone());
        let (state, metrics) = (&Arc::new(state), &metrics.ready());
        lambda_runtime::run(service_fn(|event: LambdaEvent<Batch>| async move {
            let LambdaEvent { payload, context } = event;
            let ends_at = Duration::from_millis(context.deadline);
            let left =
                ends_at.saturating_sub(Clock::system().now().since(Timestamp::from_millis(0)));
            let outcome = handle(state, payload, Instant::now() + left).await;
            metrics.write(&context.request_id);
            Ok::<_, Error>(outcome)
        }))
        .await
    })
    .await
}
