//! Who calls, behind API Gateway: the request context of an HTTP API event of format 2.0 decides, and nothing else does.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Extensions, Request};
use axum::routing::get;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared::metrics::Metrics;
use shared::web::app::behind_gateway;
use tests::world::World;
use tower::ServiceExt as _;

#[derive(Debug, Clone)]
struct Context(Value);

/// Status, body and request id of a request with this context.
async fn ask(world: &World, context: Value) -> (u16, Value, String) {
    let routes = connections::routes(Arc::clone(&world.functions.connections));
    ask_of(routes, context).await
}

async fn ask_of(routes: Router, context: Value) -> (u16, Value, String) {
    let found = |extensions: &Extensions| {
        extensions
            .get::<Context>()
            .map_or(Value::Null, |context| context.0.clone())
    };
    let gateway = behind_gateway(routes, "tenant_id".to_owned(), Metrics::off(), found);
    let request = Request::get("/v1/connections")
        .header("tenant_id", "other")
        .header("x-request-id", "forged")
        .extension(Context(context))
        .body(Body::empty())
        .expect("a request");
    let response = gateway.oneshot(request).await.expect("an answer");
    let id = response.headers()["x-request-id"].to_str().expect("text");
    let (status, id) = (response.status().as_u16(), id.to_owned());
    let bytes = response.into_body().collect().await.expect("a body");
    let body: Value = serde_json::from_slice(&bytes.to_bytes()).expect("JSON");
    (status, body, id)
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
    for (context, status, kind) in [
        (Value::Null, 401, "/problems/unauthenticated"),
        (json!({"requestId": "x"}), 401, "/problems/unauthenticated"),
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
async fn a_handler_that_panics_is_answered_as_a_fault_of_ours() {
    let broken = get(async || -> &'static str { panic!("with a password in it") });
    let routes = Router::new().route("/v1/connections", broken);
    let claims = json!({"tenant_id": "acme"});
    let (status, body, id) = ask_of(routes, context(&claims)).await;
    assert_eq!((status, &body["type"]), (500, &json!("/problems/internal")));
    assert_eq!(body["request_id"], id);
    assert!(!body.to_string().contains("password"), "{body}");
}
