//! What is wrong with a request, told the same way by every operation.

use axum::body::Body;
use serde_json::{Value, json};
use tests::world::{Answer, Client, World};

use crate::support::problem;

/// The operations that take a body.
async fn with_body(tenant: &Client) -> Vec<(&'static str, String)> {
    let path = tenant.connection(json!({})).await;
    vec![
        ("POST", "/v1/connections".to_owned()),
        ("PATCH", path.clone()),
        ("POST", "/v1/connections/verify".to_owned()),
        ("POST", format!("{path}/verify")),
        ("POST", "/v1/messages".to_owned()),
        ("POST", "/v1/sender".to_owned()),
    ]
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// The answer's problem, once its form is seen to be right.
fn told(answer: &Answer) -> (u16, String, Vec<String>) {
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{}",
        answer.text
    );
    let id = answer.header("x-request-id").expect("a request id");
    assert_eq!(answer.body["request_id"], id);
    assert_eq!(answer.body["status"], answer.status);
    for text in ["title", "detail"] {
        assert!(
            answer.body[text]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    answer.problem()
}

#[tokio::test]
async fn a_body_that_is_not_json_is_malformed() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let deep = format!("{{\"name\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (method, path) in with_body(&tenant).await {
        for body in ["{", "[1,", "nope", "{\"name\": \"a\",}", "{} {}", &deep] {
            let answer = tenant.send(method, &path, &JSON, body.to_owned()).await;
            assert_eq!(
                told(&answer),
                problem(400, "malformed", &[]),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_json_and_no_object_is_not_valid() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for (method, path) in with_body(&tenant).await {
        for body in ["[]", "[{}]", "7", "\"text\"", "true", "null"] {
            let answer = tenant.send(method, &path, &JSON, body).await;
            assert_eq!(
                told(&answer),
                problem(422, "validation", &[""]),
                "{method} {path} {body}"
            );
        }
        let twice = "{\"from\": \"a@example.com\", \"from\": \"b@example.com\", \"name\": \"a\", \"name\": \"b\"}";
        let answer = tenant.send(method, &path, &JSON, twice).await;
        assert_eq!(answer.status, 422, "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_of_another_media_type_or_of_none_is_refused() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let refused = problem(415, "unsupported_media_type", &[]);
    for (method, path) in with_body(&tenant).await {
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
        ] {
            let headers = [("content-type", media_type)];
            let answer = tenant.send(method, &path, &headers, "{}").await;
            assert_eq!(told(&answer), refused, "{method} {path} {media_type}");
        }
        let answer = tenant.send(method, &path, &[], "{}").await;
        assert_eq!(told(&answer), refused, "{method} {path}");
        let headers = [("content-type", "Application/JSON; charset=utf-8")];
        let answer = tenant.send(method, &path, &headers, "{\"nmae\": 1}").await;
        assert_eq!(answer.status, 422, "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for (method, path) in with_body(&tenant).await {
        let of_messages = path == "/v1/messages" || path == "/v1/sender";
        let limit = if of_messages {
            4 * 1024 * 1024
        } else {
            64 * 1024
        };
        let body = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
        let over = tenant.send(method, &path, &JSON, body(limit + 1)).await;
        assert_eq!(
            told(&over),
            problem(413, "too_large", &[]),
            "{method} {path}"
        );
        let within = tenant.send(method, &path, &JSON, body(limit)).await;
        assert_ne!(within.status, 413, "{method} {path}");
    }
}

#[tokio::test]
async fn a_field_or_parameter_that_nobody_knows_is_refused() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for (method, path) in with_body(&tenant).await {
        let body = json!({"nmae": 1, "a/b~c": 2});
        let (status, _, pointers) = told(&tenant.json(method, &path, &body).await);
        assert_eq!(status, 422, "{method} {path}");
        for pointer in ["/nmae", "/a~1b~0c"] {
            assert!(
                pointers.iter().any(|it| it == pointer),
                "{method} {path} {pointers:?}"
            );
        }
    }
    let path = tenant.connection(json!({"name": "b"})).await;
    let answer = tenant.delete(&format!("{path}?replacment=x")).await;
    assert_eq!(told(&answer), problem(422, "validation", &["/replacment"]));
}

#[tokio::test]
async fn an_unknown_path_is_not_found_and_a_wrong_method_is_told_the_right_ones() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for path in [
        "/",
        "/v1",
        "/v2/connections",
        "/v1/connections/",
        "/v1/messages/x/y",
    ] {
        let answer = tenant.get(path).await;
        assert_eq!(told(&answer), problem(404, "not_found", &[]), "{path}");
    }
    for path in [
        "/v1/connections/%FF",
        "/v1/connections/conn_x",
        "/v1/messages/%FF",
        "/v1/messages/m",
    ] {
        let answer = tenant.get(path).await;
        assert_eq!(told(&answer), problem(404, "not_found", &[]), "{path}");
    }
    for (method, path, allowed) in [
        ("PUT", "/v1/connections", "GET,HEAD,POST"),
        ("POST", "/v1/connections/conn_x", "GET,HEAD,PATCH,DELETE"),
        ("GET", "/v1/sender", "POST"),
        ("DELETE", "/v1/messages", "GET,HEAD,POST"),
        ("POST", "/v1/egress-ips", "GET,HEAD"),
    ] {
        let answer = tenant.send(method, path, &[], Body::empty()).await;
        assert_eq!(
            told(&answer),
            problem(405, "method_not_allowed", &[]),
            "{path}"
        );
        let mut given: Vec<_> = answer.header("allow").expect("Allow").split(',').collect();
        let mut allowed: Vec<_> = allowed.split(',').collect();
        given.sort_unstable();
        allowed.sort_unstable();
        assert_eq!(given, allowed, "{path}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let mut seen = std::collections::HashSet::new();
    for path in [
        "/v1/connections",
        "/v1/egress-ips",
        "/v1/openapi.json",
        "/nowhere",
    ] {
        let answer = tenant.get(path).await;
        let id = answer.header("x-request-id").expect("a request id");
        assert!(seen.insert(id.to_owned()), "{path}");
    }
}

fn pointers(answer: &Answer) -> Vec<String> {
    let (status, name, mut pointers) = told(answer);
    assert_eq!(
        (status, name.as_str()),
        (422, "validation"),
        "{}",
        answer.text
    );
    pointers.sort();
    pointers.dedup();
    pointers
}

fn bad_connection() -> (Value, Vec<&'static str>) {
    let body = json!({
        "name": 1, "sender_email": "x", "sender_name": [], "reply_to": "a b@example.com", "host": "http://x", "port": 0,
        "encryption": "ssl", "username": "", "password": "a\nb", "active": "yes", "default": 1, "version": 1,
        "limits": {"per_minute": 0, "per_day": -1, "concurrency": 1.5, "x": 1},
    });
    let pointers = vec![
        "/active",
        "/default",
        "/encryption",
        "/host",
        "/limits/concurrency",
        "/limits/per_day",
        "/limits/per_minute",
        "/limits/x",
        "/name",
        "/password",
        "/port",
        "/reply_to",
        "/sender_email",
        "/sender_name",
        "/username",
        "/version",
    ];
    (body, pointers)
}

#[tokio::test]
async fn every_wrong_field_of_a_connection_is_told_at_once() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (body, expected) = bad_connection();
    for (method, path) in with_body(&tenant).await.into_iter().take(4) {
        let whole = tenant.json(method, &path, &body).await;
        assert_eq!(pointers(&whole), expected, "{method} {path}");
    }
    let missing = tenant.post("/v1/connections", &json!({})).await;
    assert_eq!(
        pointers(&missing),
        ["/encryption", "/host", "/name", "/sender_email"]
    );
}

#[tokio::test]
async fn every_field_over_its_length_is_refused() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let long = json!({
        "name": "n".repeat(101), "sender_email": format!("{}@example.com", "a".repeat(250)), "host": "h.".repeat(130),
        "username": "u".repeat(321), "password": "p".repeat(1025), "sender_name": "s".repeat(201),
    });
    for (method, path) in with_body(&tenant).await.into_iter().take(4) {
        let answer = pointers(&tenant.json(method, &path, &long).await);
        for field in long.as_object().expect("an object").keys() {
            assert!(
                answer.contains(&format!("/{field}")),
                "{method} {path} {field}"
            );
        }
    }
}

#[tokio::test]
async fn every_wrong_field_of_a_message_is_told_at_once() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let body = json!({
        "to": ["x", 1, {"email": "y", "name": "a\nb", "z": 1}, {}], "cc": "a", "bcc": [null], "subject": "a\nb", "text": 1,
        "html": "\0", "headers": {"Bcc": "x", "X-A": "a\r\nb", "X-B": 1}, "from": "x", "reply_to": {}, "connection_id": "conn_x",
        "attachments": [{"filename": "", "content_type": "x", "content": "*", "content_id": "a b", "q": 1}, 5, {}],
        "metadata": {"a": 1}, "frm": 1,
    });
    let mut expected = vec![
        "/to/0",
        "/to/1",
        "/to/2/email",
        "/to/2/name",
        "/to/2/z",
        "/to/3/email",
        "/cc",
        "/bcc/0",
        "/subject",
        "/text",
        "/html",
        "/headers/Bcc",
        "/headers/X-A",
        "/headers/X-B",
        "/from",
        "/reply_to/email",
        "/connection_id",
        "/metadata/a",
        "/frm",
        "/attachments/0/filename",
        "/attachments/0/content_type",
        "/attachments/0/content",
        "/attachments/0/content_id",
        "/attachments/0/q",
        "/attachments/1",
        "/attachments/2/filename",
        "/attachments/2/content_type",
        "/attachments/2/content",
    ];
    expected.sort_unstable();
    assert_eq!(
        pointers(&tenant.post("/v1/messages", &body).await),
        expected
    );
    assert_eq!(
        pointers(&tenant.post("/v1/messages", &json!({})).await),
        ["/text", "/to"]
    );
    let many =
        json!({"to": vec!["a@example.com"; 26], "cc": vec!["a@example.com"; 25], "text": "x"});
    assert_eq!(pointers(&tenant.post("/v1/messages", &many).await), ["/to"]);
    let sender = json!({"connection_id": 1, "from": [], "reply_to": "x", "y": 1});
    let answer = tenant.post("/v1/sender", &sender).await;
    assert_eq!(
        pointers(&answer),
        ["/connection_id", "/from", "/reply_to", "/y"]
    );
}

#[tokio::test]
async fn a_query_parameter_that_an_operation_does_not_have_is_refused() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(json!({})).await;
    for (method, path, body) in [
        ("PATCH", path.as_str(), "{}"),
        ("GET", path.as_str(), ""),
        ("POST", "/v1/sender", "{}"),
        ("GET", "/v1/egress-ips", ""),
    ] {
        let headers = [("content-type", "application/json")];
        let typo = format!("{path}?default=true");
        let answer = tenant.send(method, &typo, &headers, body).await;
        let expected = (422, "validation".to_owned(), vec!["/default".to_owned()]);
        assert_eq!(answer.problem(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_browser_that_asks_before_a_request_to_another_origin_is_not_refused() {
    let world = World::start().await;
    for path in [
        "/v1/connections",
        "/v1/connections/verify",
        "/v1/messages",
        "/v1/messages/any/retry",
        "/v1/sender",
        "/nothing",
    ] {
        let nobody = world.nobody();
        let answer = nobody.send("OPTIONS", path, &[], String::new()).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
    }
}
