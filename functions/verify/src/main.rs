//! The Lambda function `verify`.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::http::Extensions;
use lambda_http::request::RequestContext;
use shared::{aws::clients::Clients, metrics::Metrics, telemetry, web::app};
use verify::{Config, routes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let metrics = Metrics::start("verify");
        let config = Config::from_env()?;
        let state = config.state(&Clients::from_env()?, metrics.clone());
        let context = |it: &Extensions| serde_json::json!(it.get::<RequestContext>());
        let (claim, metrics) = (config.tenant_claim, metrics.ready());
        let routes = routes(Arc::new(state));
        lambda_http::run(app::behind_gateway(routes, claim, metrics, context)).await
    })
    .await
}
