//! The Lambda function `connections`.

use std::process::ExitCode;
use std::sync::Arc;

use connections::{Config, routes};
use shared::{aws::clients::Clients, metrics::Metrics, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let metrics = Metrics::start("connections");
        let config = Config::from_env()?;
        let routes = routes(Arc::new(config.state(&Clients::from_env()?)));
        let (claim, metrics) = (config.tenant_claim, metrics.ready());
        lambda_http::run(gateway::app(routes, claim, metrics)).await
    })
    .await
}
