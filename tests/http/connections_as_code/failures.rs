//! What goes wrong, and what the stack's events say of it.

use std::time::Duration;

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use resource::{NotAnswered, PasswordSource, Request, handle};
use serde_json::{Value, json};
use tests::mail_server;
use tests::world::{World, merged};
use tokio::time::Instant;

use super::stack::{Stack, text};
use super::{login, properties};

const CANARY: &str = "c4n4ry";

fn reason(answer: &Value) -> String {
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert!(!answer.to_string().contains(CANARY), "{answer}");
    text(&answer["Reason"])
}

#[tokio::test]
async fn every_error_reaches_the_events_with_its_property() {
    let stack = Stack::start().await;
    let wrong = json!({
        "Tenant": "acme", "SenderEmail": "nobody", "Host": "not a host", "Encryption": "none", "Username": "u", "Port": "0",
        "PasswordSecretArn": "arn:aws:secretsmanager:eu-west-3:123456789012:secret:never-read-AbCdEf", "Colour": "red", "password": CANARY,
    });
    let reason = reason(&stack.create(&wrong).await);
    for property in [
        "Colour",
        "password",
        "Name",
        "SenderEmail",
        "Port",
        "Host",
        "Encryption",
    ] {
        let said = reason
            .split("; ")
            .filter(|line| line.starts_with(&format!("{property}: ")));
        assert_eq!(said.count(), 1, "{property} in {reason}");
    }
}

#[tokio::test]
async fn what_the_api_refuses_is_refused_in_its_words() {
    let world = World::adjusted(mail_server::dialer(), |functions| {
        let connections = std::sync::Arc::get_mut(&mut functions.connections);
        connections.expect("nobody uses the state yet").at_most = 2;
    });
    let stack = Stack::of(world.await).await;
    let tenant = stack.world.tenant("acme");
    tenant.connection(json!({"name": "system"})).await;
    let taken = reason(&stack.create(&properties(json!({}))).await);
    assert_eq!(
        taken,
        "Name: another connection has this name: choose another"
    );

    let first = properties(json!({"Name": "Other"}));
    let physical_id = stack.created(&first).await;
    let quota = reason(&stack.create(&properties(json!({"Name": "Third"}))).await);
    assert!(
        quota.contains("may have 2 connections") && quota.ends_with("(quota_exceeded)"),
        "{quota}"
    );

    let path = format!(
        "/v1/connections/{}",
        physical_id.split('@').next().unwrap_or_default()
    );
    tenant.patch(&path, &json!({"default": true})).await;
    let inactive = merged(first.clone(), json!({"Active": "false"}));
    let answer = stack.update(&physical_id, &first, &inactive).await;
    assert!(reason(&answer).ends_with("(default_in_use)"), "{answer}");
    assert_eq!(answer["PhysicalResourceId"], physical_id);
    let both = merged(inactive, json!({"Default": "true"}));
    let answer = stack.update(&physical_id, &first, &both).await;
    assert!(
        reason(&answer).starts_with("Default: an inactive connection"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_secret_that_holds_no_password_is_told_without_what_it_holds() {
    let stack = Stack::start().await;
    let json = stack
        .secret("json", &json!({"other": CANARY, "number": 7}).to_string())
        .await;
    let plain = stack.secret("plain", &format!("{CANARY}{{")).await;
    let long = stack.secret("long", &CANARY.repeat(200)).await;
    let lines = stack.secret("lines", &format!("{CANARY}\r\nQUIT")).await;
    let nowhere = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:nowhere-AbCdEf".to_owned();
    let key = |key| json!({ "PasswordSecretKey": key });
    for (arn, more, words) in [
        (&nowhere, json!({}), "no such secret"),
        (&json, key("smtp"), "no field"),
        (&json, key("number"), "no text"),
        (&plain, key("smtp"), "no JSON object"),
        (&long, json!({}), "at most 1024 bytes"),
        (&lines, json!({}), "control character"),
    ] {
        let given = properties(merged(login(arn), more));
        let reason = reason(&stack.create(&given).await);
        assert!(
            reason.starts_with("PasswordSecretArn: ") && reason.contains(words),
            "{words}: {reason}"
        );
    }
    let list = stack.world.tenant("acme").get("/v1/connections").await.body;
    assert_eq!(list["connections"], json!([]));
}

#[tokio::test]
async fn the_password_of_another_connection_is_not_read() {
    let stack = Stack::start().await;
    let arn = stack.secret("system-mail", "s3cr3t").await;
    let victim = stack.created(&properties(login(&arn))).await;
    let (_, name) = stack.password(&victim).await;
    let described = stack
        .world
        .embedded
        .secrets
        .describe_secret()
        .secret_id(&name);
    let arn = described
        .send()
        .await
        .expect("a secret")
        .arn
        .expect("an ARN");
    let stolen = properties(merged(
        login(&arn),
        json!({"Name": "Thief", "Host": "smtp.evil.example"}),
    ));
    let reason = reason(&stack.create(&stolen).await);
    assert!(
        reason.starts_with("PasswordSecretArn: is a secret that Mittente keeps"),
        "{reason}"
    );
}

/// Secrets Manager that does this with each call.
fn secrets(call: fn(HttpRequest) -> HttpConnectorFuture) -> PasswordSource {
    #[derive(Debug)]
    struct Calls(fn(HttpRequest) -> HttpConnectorFuture);
    impl aws_smithy_runtime_api::client::http::HttpConnector for Calls {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            (self.0)(request)
        }
    }
    let http: SharedHttpClient = http_client_fn(move |_, _| SharedHttpConnector::new(Calls(call)));
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-3"))
        .credentials_provider(Credentials::from_keys(
            "AKIALOCALLOCALLOCAL0",
            "local",
            None,
        ))
        .http_client(http)
        .build();
    PasswordSource::new(
        aws_sdk_secretsmanager::Client::from_conf(config),
        "mittente",
    )
}

#[tokio::test]
async fn a_panic_is_answered() {
    let stack = Stack::start()
        .await
        .reading(secrets(|_| panic!("a fault of ours")));
    let arn = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:x-AbCdEf";
    let answer = stack.create(&properties(login(arn))).await;
    assert!(
        reason(&answer).starts_with("the request broke off"),
        "{answer}"
    );
    assert_eq!(answer["PhysicalResourceId"], "request-0@acme");
}

#[tokio::test]
async fn what_takes_too_long_is_answered_while_there_is_time() {
    let silent = secrets(|_| HttpConnectorFuture::new(std::future::pending()));
    let stack = Stack::start().await.reading(silent);
    let arn = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:x-AbCdEf";
    let request = stack.request("Create", &properties(login(arn)));
    let request: Request = serde_json::from_value(request).expect("a request");
    // Less than sending the answer may take: there is no time for anything else.
    let until = Instant::now() + Duration::from_secs(20);
    handle(&stack.state, request, until)
        .await
        .expect("answered");
    let answer = stack.puts().pop().expect("an answer").body;
    assert_eq!(reason(&answer), "the request took too long: try again");
    assert!(Instant::now() < until);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_answered_if_it_says_where() {
    let stack = Stack::start().await;
    for change in [
        json!({"RequestType": "Destroy"}),
        json!({"RequestType": 7}),
        json!({"ResourceProperties": "none"}),
        json!({"ResourceProperties": null}),
        json!({"RequestType": "Update", "OldResourceProperties": 7, "ResourceProperties": {}}),
    ] {
        let request = merged(stack.request("Create", &json!({})), change);
        assert!(!reason(&stack.answer(&request).await).is_empty());
    }
    for field in ["ResponseURL", "StackId", "RequestId", "LogicalResourceId"] {
        let mut request = stack.request("Create", &json!({}));
        request.as_object_mut().expect("an object").remove(field);
        assert!(serde_json::from_value::<Request>(request).is_err());
    }
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_sent_again_and_then_the_request_fails() {
    let stack = Stack::start().await;
    let request = stack.request("Create", &properties(json!({})));
    stack.answers([503]);
    stack.answer(&request).await;
    let puts = stack.puts();
    assert!(puts.len() == 2 && puts[0].body == puts[1].body);
    stack.answers([500, 403, 500, 500]);
    assert_eq!(stack.handle(&request).await, Err(NotAnswered::NotTaken));
    assert_eq!(stack.puts().len(), 6);
}

#[tokio::test]
async fn nothing_is_done_for_somebody_who_is_not_to_be_answered() {
    let stack = Stack::start().await;
    let other = Stack::start().await;
    let mut request = stack.request("Create", &properties(json!({})));
    request["ResponseURL"] = other.request("Create", &json!({}))["ResponseURL"].take();
    assert_eq!(stack.handle(&request).await, Err(NotAnswered::Elsewhere));
    assert!(stack.puts().is_empty() && other.puts().is_empty());
    let list = stack.world.tenant("acme").get("/v1/connections").await.body;
    assert_eq!(list["connections"], json!([]));
    let printed = format!("{:?}", serde_json::from_value::<Request>(request));
    assert!(!printed.contains("s1gnature"), "{printed}");
}
