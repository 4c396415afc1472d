//! What stands between API Gateway and a function's routes: events of an HTTP API in, answers out, by `lambda_http`.

use std::convert::Infallible;
use std::pin::Pin;

use axum::Router;
use axum::body::to_bytes;
use axum::response::Response;
use lambda_http::request::RequestContext;
use lambda_http::{Body, IntoResponse, Request};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::web::app::{REQUEST_ID, RequestId, finish};
use shared::web::caller::Caller;
use tower::{Service, ServiceExt as _, service_fn};

/// A function's routes as `lambda_http` serves them, behind an authorizer that has verified the token. Who calls is in the token's
/// `tenant_claim`. A request is an invocation, at whose end `metrics` are written.
#[must_use]
pub fn app(
    routes: Router,
    tenant_claim: String,
    metrics: Metrics,
) -> impl Service<Request, Response = Answer, Error = Infallible, Future: Send> + Clone {
    let routes = finish(routes, Clock::system());
    service_fn(move |mut request: Request| {
        introduce(&mut request, &tenant_claim);
        let (answer, metrics) = (routes.clone().oneshot(request), metrics.clone());
        async move {
            let answer = answer.await?;
            let id = answer.headers().get(REQUEST_ID);
            metrics.write(id.and_then(|id| id.to_str().ok()).unwrap_or_default());
            Ok(Answer(answer))
        }
    })
}

/// Puts the caller and the request's id where routes look for them. Both are in the request context of an HTTP API event of format 2.0
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>), and nothing that the
/// caller sends can stand in for them.
fn introduce(request: &mut Request, tenant_claim: &str) {
    let extensions = request.extensions_mut();
    let context = extensions.remove::<RequestContext>();
    let (id, authorizer) = match context {
        Some(RequestContext::ApiGatewayV2(context)) => (context.request_id, context.authorizer),
        // No other kind of event is read.
        _ => (None, None),
    };
    let claims = authorizer.and_then(|it| it.jwt).map(|jwt| jwt.claims);
    extensions.insert(Caller::from_claims(claims.as_ref(), tenant_claim));
    if let Some(id) = id {
        extensions.insert(RequestId(id));
    }
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
