//! The Lambda function `verify`.

use std::process::ExitCode;
use std::sync::Arc;

use shared::{aws::clients::Clients, metrics::Metrics, telemetry};
use verify::{Config, routes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let metrics = Metrics::start("verify");
        let config = Config::from_env()?;
        let state = config.state(&Clients::from_env()?, metrics.clone());
        let (claim, metrics) = (config.tenant_claim, metrics.ready());
        let routes = routes(Arc::new(state));
        lambda_http::run(gateway::app(routes, claim, metrics)).await
    })
    .await
}
