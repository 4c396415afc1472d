//! The Lambda function `resource`: what the `ServiceToken` of a `Custom::SmtpConnection` names.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use resource::{Config, Request, handle};
use shared::metrics::Metrics;
use shared::{aws::clients::Clients, clock::Clock, model::timestamp::Timestamp, telemetry};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let metrics = Metrics::start("resource");
        let state = Arc::new(Config::from_env()?.state(&Clients::from_env()?));
        let (state, metrics) = (&state, &metrics.ready());
        lambda_runtime::run(service_fn(|event: LambdaEvent<Request>| async move {
            let LambdaEvent { payload, context } = event;
            let ends_at = Duration::from_millis(context.deadline);
            let left =
                ends_at.saturating_sub(Clock::system().now().since(Timestamp::from_millis(0)));
            let answered = handle(state, payload, Instant::now() + left).await;
            metrics.write(&context.request_id);
            Ok::<_, Error>(answered?)
        }))
        .await
    })
    .await
}
