//! The Lambda function `verify`.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::request::RequestContext;
use shared::{aws::clients::Clients, telemetry, web::app};
use verify::{Config, routes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::run(async || {
        let config = Config::from_env()?;
        let routes = routes(Arc::new(config.state(&Clients::from_env()?)));
        lambda_http::run(app::behind_gateway(routes, config.tenant_claim, |it| {
            serde_json::json!(it.get::<RequestContext>())
        }))
        .await
    })
    .await
}
