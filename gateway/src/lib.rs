//! What stands between API Gateway and a function's routes: events of an HTTP API in, answers out, by `lambda_http`.

use std::convert::Infallible;
use std::pin::Pin;

use axum::Router;
use axum::body::to_bytes;
use axum::response::Response;
use lambda_http::http::Extensions;
use lambda_http::request::RequestContext;
use lambda_http::{Body, IntoResponse, Request};
use shared::metrics::Metrics;
use shared::web::app;
use tower::{Service, ServiceExt as _, service_fn};

/// A function's routes as `lambda_http` serves them. Who calls is in the token's `tenant_claim`; `metrics` are written after each answer.
#[must_use]
pub fn app(
    routes: Router,
    tenant_claim: String,
    metrics: Metrics,
) -> impl Service<Request, Response = Answer, Error = Infallible, Future: Send> + Clone {
    let context = |it: &Extensions| serde_json::json!(it.get::<RequestContext>());
    let routes = app::behind_gateway(routes, tenant_claim, metrics, context);
    service_fn(move |request: Request| {
        let answer = routes.clone().oneshot(request);
        async move { answer.await.map(Answer) }
    })
}

/// An answer. What is UTF-8 is a text, as all of ours is, whatever its media type says. `lambda_http` would decode it by the character set
/// that it names, and so brings tables of every one that there is: an eighth of a megabyte of a function's archive.
#[derive(Debug)]
pub struct Answer(Response);

impl IntoResponse for Answer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = lambda_http::Response<Body>> + Send>> {
        let (parts, body) = self.0.into_parts();
        Box::pin(async move {
            let bytes = to_bytes(body, usize::MAX).await;
            let bytes = bytes.expect("the body is in memory").into();
            let body = match String::from_utf8(bytes) {
                Ok(text) => Body::Text(text),
                Err(not_text) => Body::Binary(not_text.into_bytes()),
            };
            lambda_http::Response::from_parts(parts, body)
        })
    }
}
