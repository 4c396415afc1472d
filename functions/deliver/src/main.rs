//! The Lambda function `deliver`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use deliver::{Config, handle};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::aws::batch::Batch;
use shared::{aws::clients::Clients, clock::Clock, model::timestamp::Timestamp, telemetry};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let state = &Arc::new(Config::from_env()?.state(&Clients::from_env()?));
        lambda_runtime::run(service_fn(|event: LambdaEvent<Batch>| async move {
            let ends_at = Duration::from_millis(event.context.deadline);
            let left =
                ends_at.saturating_sub(Clock::system().now().since(Timestamp::from_millis(0)));
            Ok::<_, Error>(handle(state, event.payload, Instant::now() + left).await)
        }))
        .await
    })
    .await
}
