//! What `gateway` makes of an event of an HTTP API, format 2.0: its request context decides who calls, and nothing else does.

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use lambda_http::http::HeaderMap;
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, IntoResponse as _, Request};
use serde_json::{Value, json};
use shared::metrics::Metrics;
use tests::world::World;
use tower::ServiceExt as _;

/// Status, body and request id of a request with this context.
async fn ask(world: &World, context: Value) -> (u16, Value, String) {
    let routes = connections::routes(Arc::clone(&world.functions.connections));
    ask_of(routes, context).await
}

async fn ask_of(routes: Router, context: Value) -> (u16, Value, String) {
    let event = json!({
        "version": "2.0", "routeKey": "GET /v1/connections", "rawPath": "/v1/connections", "rawQueryString": "", "isBase64Encoded": false,
        "headers": {"tenant_id": "other", "x-request-id": "forged"}, "requestContext": context,
    });
    let request: LambdaRequest = serde_json::from_value(event).expect("an event");
    let (status, headers, body) = answered(routes, request.into()).await;
    let id = headers["x-request-id"].to_str().expect("text").to_owned();
    let Body::Text(body) = body else {
        panic!("a text, not {body:?}");
    };
    (status, serde_json::from_str(&body).expect("JSON"), id)
}

async fn answered(routes: Router, request: Request) -> (u16, HeaderMap, Body) {
    let app = gateway::app(routes, "tenant_id".to_owned(), Metrics::off());
    let answer = app.oneshot(request).await.expect("an answer");
    let (parts, body) = answer.into_response().await.into_parts();
    (parts.status.as_u16(), parts.headers, body)
}

fn context(claims: &Value) -> Value {
    json!({
        "accountId": "123456789012", "apiId": "api-id", "stage": "$default", "requestId": "JKJaXmPLvHcESHA=",
        "authorizer": {"jwt": {"claims": claims, "scopes": ["connections:read"]}},
        "http": {"method": "GET", "path": "/v1/connections", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "agent"},
    })
}

#[tokio::test]
async fn the_tenant_and_the_request_id_are_those_of_the_request_context() {
    let world = World::start().await;
    world.tenant("acme").connection(json!({})).await;
    let (status, body, id) = ask(&world, context(&json!({"tenant_id": "acme", "sub": "u"}))).await;
    assert_eq!((status, id.as_str()), (200, "JKJaXmPLvHcESHA="));
    assert_eq!(body["connections"][0]["name"], "SMTP Ufficio");
    let (_, body, _) = ask(&world, context(&json!({"tenant_id": "other"}))).await;
    assert_eq!(body["connections"], json!([]));
}

#[tokio::test]
async fn no_claims_are_unauthenticated_and_claims_without_a_tenant_are_forbidden() {
    let world = World::start().await;
    let mut without = context(&json!({}));
    without["authorizer"] = json!({});
    let mut of_lambda = without.clone();
    of_lambda["authorizer"] =
        json!({"lambda": {"tenant_id": "acme", "claims": {"tenant_id": "acme"}}});
    for (context, status, kind) in [
        (without, 401, "/problems/unauthenticated"),
        // Only what API Gateway itself has verified counts.
        (of_lambda, 401, "/problems/unauthenticated"),
        (context(&json!({"sub": "u"})), 403, "/problems/forbidden"),
        (
            context(&json!({"tenant_id": ""})),
            403,
            "/problems/forbidden",
        ),
    ] {
        let (got, body, _) = ask(&world, context).await;
        assert_eq!((got, &body["type"]), (status, &json!(kind)), "{body}");
    }
}

#[tokio::test]
async fn a_request_that_no_gateway_has_passed_is_unauthenticated() {
    let world = World::start().await;
    let routes = connections::routes(Arc::clone(&world.functions.connections));
    let request = lambda_http::http::Request::get("/v1/connections")
        .header("tenant_id", "acme")
        .body(Body::Empty)
        .expect("a request");
    let (status, ..) = answered(routes, request).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn an_answer_is_a_text_where_it_is_utf_8_whatever_its_media_type_says() {
    let told = |media_type: &'static str, body: &'static [u8]| {
        let answer = move || async move { ([("content-type", media_type)], body).into_response() };
        Router::new().route("/", get(answer))
    };
    for (media_type, body, expected) in [
        (
            "application/octet-stream",
            "è".as_bytes(),
            Body::Text("è".to_owned()),
        ),
        (
            "text/plain; charset=iso-8859-1",
            "è".as_bytes(),
            Body::Text("è".to_owned()),
        ),
        ("application/json", b"\xe8", Body::Binary(vec![0xe8])),
    ] {
        let request = Request::new(Body::Empty);
        let (_, headers, body) = answered(told(media_type, body), request).await;
        assert_eq!(
            (&body, headers["content-type"].as_bytes()),
            (&expected, media_type.as_bytes())
        );
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_as_a_fault_of_ours() {
    let broken = get(async || -> &'static str { panic!("with a password in it") });
    let routes = Router::new().route("/v1/connections", broken);
    let claims = json!({"tenant_id": "acme"});
    let (status, body, id) = ask_of(routes, context(&claims)).await;
    assert_eq!((status, &body["type"]), (500, &json!("/problems/internal")));
    assert_eq!(body["request_id"], id);
    assert!(!body.to_string().contains("password"), "{body}");
}
