//! What every function's routes have in common: request ids, problems written out, answers to unknown paths and methods.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;
use tracing::Span;
use tracing::field::{Empty, display};

use super::caller::Caller;
use super::problem::{Problem, ProblemType};
use crate::clock::Clock;
use crate::model::ids::{ConnectionId, MessageId};

/// The header that names a request in answers and logs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The identifier that the runtime gave a request.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Completes a function's routes. Without a [`RequestId`] in a request's extensions, one is made.
pub fn finish(routes: Router, clock: Clock) -> Router {
    routes
        .fallback(async |method: Method| {
            let nothing =
                "there is nothing at this path: see /v1/openapi.json for those that exist";
            unless_preflight(&method, Problem::not_found(nothing))
        })
        .method_not_allowed_fallback(async |method: Method| {
            let wrong = "see the Allow header for the methods of this path";
            unless_preflight(&method, Problem::new(ProblemType::MethodNotAllowed, wrong))
        })
        .layer(from_fn_with_state(clock, name_and_write))
}

/// Browsers ask before they send a request to another origin, and take no answer but a success; API Gateway adds the headers of CORS to
/// ours: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>.
fn unless_preflight(method: &Method, problem: Problem) -> Response {
    if method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        problem.into_response()
    }
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
    let span = tracing::info_span!(
        "request", request_id = id, method = %request.method(), path = request.uri().path(), tenant = Empty, connection_id = Empty,
        message_id = Empty
    );
    if let Some(Ok(caller)) = request.extensions().get::<Result<Caller, Problem>>() {
        span.record("tenant", caller.tenant.as_str());
    }
    name_what_is_at(request.uri().path(), &span);
    let response = answered(next.run(request)).instrument(span.clone()).await;
    let (mut parts, body) = response.into_parts();
    if let Some(Ok(made)) = parts.headers.get(header::LOCATION).map(HeaderValue::to_str) {
        name_what_is_at(made, &span);
    }
    let problem = parts.extensions.remove::<Problem>();
    let name = problem.as_ref().map(|problem| problem.kind().name());
    span.in_scope(|| tracing::info!(status = parts.status.as_u16(), problem = name, "answered"));
    let mut response = match problem {
        Some(problem) => {
            let mut written = problem.write(&id);
            if let Some(allow) = parts.headers.remove(header::ALLOW) {
                written.headers_mut().insert(header::ALLOW, allow);
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

/// Has the lines of a request name the connection or the message that a path leads to.
fn name_what_is_at(path: &str, span: &Span) {
    for part in path.split('/') {
        if let Ok(id) = part.parse::<ConnectionId>() {
            span.record("connection_id", display(id));
        } else if let Ok(id) = part.parse::<MessageId>() {
            span.record("message_id", display(id));
        }
    }
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
