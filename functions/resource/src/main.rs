//! The Lambda function `resource`: what the `ServiceToken` of a `Custom::SmtpConnection` names.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use resource::{Config, Request, handle};
use shared::{aws::clients::Clients, clock::Clock, model::timestamp::Timestamp, telemetry};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async {
        let state = &Arc::new(Config::from_env()?.state(&Clients::from_env()?));
        lambda_runtime::run(service_fn(|event: LambdaEvent<Request>| async move {
            let ends_at = Duration::from_millis(event.context.deadline);
            let left =
                ends_at.saturating_sub(Clock::system().now().since(Timestamp::from_millis(0)));
            handle(state, event.payload, Instant::now() + left).await?;
            Ok::<_, Error>(())
        }))
        .await
    })
    .await
}
