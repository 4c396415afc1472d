//! The Lambda function `connections`.

use std::sync::Arc;

use connections::{Config, routes};
use lambda_http::http::Extensions;
use lambda_http::request::RequestContext;
use shared::{aws::clients::Clients, metrics::Metrics, telemetry, web::app};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::start();
    let metrics = Metrics::start("connections");
    let config = Config::from_env()?;
    let routes = routes(Arc::new(config.state(&Clients::from_env()?)));
    let context = |it: &Extensions| serde_json::json!(it.get::<RequestContext>());
    let metrics = metrics.ready();
    lambda_http::run(app::behind_gateway(
        routes,
        config.tenant_claim,
        metrics,
        context,
    ))
    .await
}
