//! The Lambda function `connections`.

use std::process::ExitCode;
use std::sync::Arc;

use connections::{Config, routes};
use lambda_http::http::Extensions;
use lambda_http::request::RequestContext;
use shared::{aws::clients::Clients, metrics::Metrics, telemetry, web::app};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let metrics = Metrics::start("connections");
        let config = Config::from_env()?;
        let routes = routes(Arc::new(config.state(&Clients::from_env()?)));
        let context = |it: &Extensions| serde_json::json!(it.get::<RequestContext>());
        let (claim, metrics) = (config.tenant_claim, metrics.ready());
        lambda_http::run(app::behind_gateway(routes, claim, metrics, context)).await
    })
    .await
}
