//! What every function's routes have in common: request ids, problems written out, answers to unknown paths and methods.

use axum::Router;
use axum::extract::Request;
use axum::http::{Extensions, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::caller::Caller;
use super::problem::{Problem, ProblemType};
use crate::clock::Clock;

/// The header that names a request in answers and logs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The identifier that the runtime gave a request.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Completes a function's routes. Without a [`RequestId`] in a request's extensions, one is made.
pub fn finish(routes: Router, clock: Clock) -> Router {
    routes
        .fallback(|| async {
            Problem::not_found(
                "there is nothing at this path: see /v1/openapi.json for those that exist",
            )
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                ProblemType::MethodNotAllowed,
                "see the Allow header for the methods of this path",
            )
        })
        .layer(from_fn_with_state(clock, name_and_write))
}

/// Completes a function's routes behind API Gateway, whose authorizer has verified the token. `context` finds the request context of
/// an HTTP API event of format 2.0 in a request's extensions, as JSON:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.
pub fn behind_gateway(
    routes: Router,
    tenant_claim: String,
    context: impl Fn(&Extensions) -> Value + Clone + Send + Sync + 'static,
) -> Router {
    finish(routes, Clock::system()).layer(axum::middleware::map_request(
        move |mut request: Request| {
            let context: GatewayContext =
                serde_json::from_value(context(request.extensions())).unwrap_or_default();
            let claims = context
                .authorizer
                .and_then(|authorizer| authorizer.jwt)
                .map(|jwt| jwt.claims);
            request
                .extensions_mut()
                .insert(Caller::from_claims(claims.as_ref(), &tenant_claim));
            if let Some(id) = context.request_id {
                request.extensions_mut().insert(RequestId(id));
            }
            std::future::ready(request)
        },
    ))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GatewayContext {
    request_id: Option<String>,
    authorizer: Option<Authorizer>,
}

#[derive(Deserialize)]
struct Authorizer {
    jwt: Option<Jwt>,
}

#[derive(Deserialize)]
struct Jwt {
    claims: HashMap<String, String>,
}

async fn name_and_write(
    clock: axum::extract::State<Clock>,
    request: Request,
    next: Next,
) -> Response {
    let id = request
        .extensions()
        .get::<RequestId>()
        .map_or_else(|| clock.ulid().to_string(), |id| id.0.clone());
    let span = tracing::info_span!("request", request_id = id, method = %request.method(), path = request.uri().path());
    let response = tracing::Instrument::instrument(answered(next.run(request)), span).await;
    let (mut parts, body) = response.into_parts();
    let mut response = match parts.extensions.remove::<Problem>() {
        Some(problem) => {
            let mut written = problem.write(&id);
            if let Some(allow) = parts.headers.remove(axum::http::header::ALLOW) {
                written
                    .headers_mut()
                    .insert(axum::http::header::ALLOW, allow);
            }
            written
        }
        None => Response::from_parts(parts, body),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The answer, also where a handler panics: the caller gets a problem as for any fault of ours, and the process lives on. What was
/// locked then says so to the next who wants it; nobody gives up for that.
async fn answered(handler: impl Future<Output = Response>) -> Response {
    let mut handler = pin!(handler);
    let polled = std::future::poll_fn(|context| {
        let poll = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context)));
        match poll {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    });
    polled.await.unwrap_or_else(|| {
        Problem::new(ProblemType::Internal, "the request was broken off").into_response()
    })
}
