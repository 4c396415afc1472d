//! Connections that a CloudFormation stack brings and takes away: the same checks as over HTTP, and an answer whatever happens.

mod failures;
pub(crate) mod stack;

use serde_json::{Value, json};
use tests::world::{at_once, merged};

use self::stack::{STACK, Stack, text};

/// Properties that describe a connection without a login, with `changes` merged into them.
pub(crate) fn properties(changes: Value) -> Value {
    let base = json!({
        "ServiceToken": "arn:aws:lambda:eu-west-3:123456789012:function:mittente-resource",
        "Tenant": "acme", "Name": "System", "SenderEmail": "info@example.com", "Host": "smtp.example.com", "Encryption": "starttls",
    });
    merged(base, changes)
}

/// The properties of a login whose password is in a secret.
pub(crate) fn login(arn: &str) -> Value {
    json!({"Username": "info@example.com", "PasswordSecretArn": arn})
}

#[tokio::test]
async fn a_stack_brings_its_connection_and_takes_it_away() {
    let stack = Stack::start().await;
    let arn = stack.secret("system-mail", "s3cr3t").await;
    let given = properties(merged(
        login(&arn),
        json!({
            "SenderName": "Acme", "ReplyTo": "help@example.com", "Port": "2525", "Active": "true", "Default": "true",
            "Limits": {"PerMinute": "30", "PerDay": "1000", "Concurrency": "2"}, "ServiceTimeout": "120",
        }),
    ));
    let answer = stack.create(&given).await;
    let physical_id = text(&answer["PhysicalResourceId"]);
    let (id, _) = physical_id.split_once('@').expect("a tenant's");
    assert_eq!(
        answer,
        json!({
            "Status": "SUCCESS", "PhysicalResourceId": format!("{id}@acme"), "StackId": STACK, "RequestId": "request-0",
            "LogicalResourceId": "SystemConnection", "NoEcho": false, "Data": {"ConnectionId": id},
        })
    );
    let head = stack.puts().remove(0).head;
    assert!(head.starts_with("PUT /answers/0?X-Amz-Signature=s1gnature HTTP/1.1\r\n"));
    assert!(head.contains("content-type: \r\n"), "{head}");

    let connection = stack.connection(&physical_id).await;
    for (field, value) in [
        ("name", json!("System")),
        ("sender_email", json!("info@example.com")),
        ("sender_name", json!("Acme")),
        ("reply_to", json!("help@example.com")),
        ("host", json!("smtp.example.com")),
        ("port", json!(2525)),
        ("encryption", json!("starttls")),
        ("username", json!("info@example.com")),
        ("has_password", json!(true)),
        ("active", json!(true)),
        ("default", json!(true)),
        (
            "limits",
            json!({"per_minute": 30, "per_day": 1000, "concurrency": 2}),
        ),
    ] {
        assert_eq!(connection[field], value, "{field}");
    }
    assert_eq!(stack.password(&physical_id).await.0, "s3cr3t");

    let deleted = stack.delete(&physical_id, &given).await;
    assert_eq!(
        (&deleted["Status"], &deleted["Data"]),
        (&json!("SUCCESS"), &Value::Null)
    );
    assert_eq!(deleted["PhysicalResourceId"], physical_id);
    assert_eq!(stack.connection(&physical_id).await["status"], 404);
}

#[tokio::test]
async fn a_request_that_comes_again_makes_no_second_connection() {
    let stack = Stack::start().await;
    let arn = stack.secret("system-mail", "s3cr3t").await;
    let request = stack.request("Create", &properties(login(&arn)));
    let event = serde_json::to_string(&request).expect("JSON");
    at_once(4, |_| {
        let (state, event) = (stack.state.clone(), event.clone());
        async move {
            let request = serde_json::from_str(&event).expect("a request");
            let until = tokio::time::Instant::now() + std::time::Duration::from_mins(2);
            resource::handle(&state, request, until)
                .await
                .expect("answered");
        }
    })
    .await;
    let answers: Vec<_> = stack.puts().into_iter().map(|put| put.body).collect();
    assert_eq!(answers.len(), 4);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(answers[0]["Status"], "SUCCESS");
    let list = stack.world.tenant("acme").get("/v1/connections").await.body;
    assert_eq!(list["connections"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["connections"][0]["version"], 1);
}

#[tokio::test]
async fn an_update_changes_each_property_in_place_and_back() {
    let stack = Stack::start().await;
    let arn = stack.secret("system-mail", "s3cr3t").await;
    let first = properties(login(&arn));
    let physical_id = stack.created(&first).await;
    let before = stack.connection(&physical_id).await;
    for (change, field, value) in [
        (json!({"Name": "Other"}), "name", json!("Other")),
        (
            json!({"SenderEmail": "i@example.com"}),
            "sender_email",
            json!("i@example.com"),
        ),
        (json!({"SenderName": "Acme"}), "sender_name", json!("Acme")),
        (
            json!({"ReplyTo": "r@example.com"}),
            "reply_to",
            json!("r@example.com"),
        ),
        (
            json!({"Host": "smtp.example.net"}),
            "host",
            json!("smtp.example.net"),
        ),
        (json!({"Port": "465"}), "port", json!(465)),
        (
            json!({"Encryption": "implicit_tls"}),
            "encryption",
            json!("implicit_tls"),
        ),
        (json!({"Username": "u"}), "username", json!("u")),
        (json!({"Active": "false"}), "active", json!(false)),
        (json!({"Default": "true"}), "default", json!(true)),
        (
            json!({"Limits": {"PerDay": "9"}}),
            "limits",
            json!({"per_minute": null, "per_day": 9, "concurrency": null}),
        ),
    ] {
        let second = merged(first.clone(), change);
        let answer = stack.update(&physical_id, &first, &second).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        assert_eq!(answer["PhysicalResourceId"], physical_id);
        assert_eq!(stack.connection(&physical_id).await[field], value);
        let answer = stack.update(&physical_id, &second, &first).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        let after = stack.connection(&physical_id).await;
        assert_eq!(after[field], before[field]);
    }
    assert_eq!(stack.password(&physical_id).await.0, "s3cr3t");
}

#[tokio::test]
async fn what_the_template_never_said_is_left_to_those_who_changed_it() {
    let stack = Stack::start().await;
    let first = properties(json!({}));
    let physical_id = stack.created(&first).await;
    let path = format!(
        "/v1/connections/{}",
        physical_id.split('@').next().unwrap_or_default()
    );
    let by_hand = json!({"sender_name": "By hand", "default": true});
    assert_eq!(
        stack
            .world
            .tenant("acme")
            .patch(&path, &by_hand)
            .await
            .status,
        200
    );
    let second = merged(first.clone(), json!({"Port": "2525"}));
    stack.update(&physical_id, &first, &second).await;
    let connection = stack.connection(&physical_id).await;
    assert_eq!(
        [
            &connection["port"],
            &connection["sender_name"],
            &connection["default"]
        ],
        [&json!(2525), &json!("By hand"), &json!(true)]
    );
}

#[tokio::test]
async fn the_password_is_read_again_when_its_version_or_its_server_changes_and_not_otherwise() {
    let stack = Stack::start().await;
    let arn = stack.secret("system-mail", "first").await;
    let first = properties(login(&arn));
    let physical_id = stack.created(&first).await;
    let secret = stack.password(&physical_id).await;
    let put = stack.world.embedded.secrets.put_secret_value();
    put.secret_id(&arn)
        .secret_string("second")
        .send()
        .await
        .expect("a value");

    let renamed = merged(first.clone(), json!({"SenderName": "Acme"}));
    stack.update(&physical_id, &first, &renamed).await;
    assert_eq!(stack.password(&physical_id).await, secret);

    let version = merged(renamed.clone(), json!({"PasswordVersion": "2"}));
    stack.update(&physical_id, &renamed, &version).await;
    let (password, name) = stack.password(&physical_id).await;
    assert_eq!(password, "second");

    let moved = merged(version.clone(), json!({"Host": "smtp.example.net"}));
    let answer = stack.update(&physical_id, &version, &moved).await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    let moved_to = stack.password(&physical_id).await;
    assert!(moved_to.0 == "second" && moved_to.1 != name);

    let json = stack
        .secret("all-mail", r#"{"user": "u", "smtp": "third"}"#)
        .await;
    let field = json!({"PasswordSecretArn": json, "PasswordSecretKey": "smtp"});
    let third = merged(moved.clone(), field);
    stack.update(&physical_id, &moved, &third).await;
    assert_eq!(stack.password(&physical_id).await.0, "third");

    let answer = stack
        .update(&physical_id, &third, &properties(json!({})))
        .await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(stack.connection(&physical_id).await["has_password"], false);
}

#[tokio::test]
async fn another_tenant_is_a_replacement_that_can_be_rolled_back() {
    let stack = Stack::start().await;
    let arn = stack.secret("system-mail", "s3cr3t").await;
    let first = properties(login(&arn));
    let physical_id = stack.created(&first).await;
    let second = merged(first.clone(), json!({"Tenant": "other@example.com"}));
    let answer = stack.update(&physical_id, &first, &second).await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    let replacement = text(&answer["PhysicalResourceId"]);
    assert!(replacement.ends_with("@other@example.com"), "{replacement}");
    assert_eq!(stack.connection(&replacement).await["name"], "System");

    // Something else in the stack fails: the connection before, which nobody has deleted yet, is the resource again.
    let answer = stack.update(&replacement, &second, &first).await;
    assert_eq!(
        (&answer["Status"], &answer["PhysicalResourceId"]),
        (&json!("SUCCESS"), &json!(physical_id))
    );
    // Whatever properties come with it, what is deleted is what the physical id names.
    stack.delete(&replacement, &first).await;
    assert_eq!(stack.connection(&replacement).await["status"], 404);
    assert_eq!(stack.connection(&physical_id).await["name"], "System");
}

#[tokio::test]
async fn an_update_makes_anew_what_somebody_deleted() {
    let stack = Stack::start().await;
    let first = properties(json!({}));
    let physical_id = stack.created(&first).await;
    let path = format!(
        "/v1/connections/{}",
        physical_id.split('@').next().unwrap_or_default()
    );
    assert_eq!(stack.world.tenant("acme").delete(&path).await.status, 204);
    let second = merged(first.clone(), json!({"SenderName": "Acme"}));
    let answer = stack.update(&physical_id, &first, &second).await;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    let anew = text(&answer["PhysicalResourceId"]);
    assert_ne!(anew, physical_id);
    assert_eq!(stack.connection(&anew).await["sender_name"], "Acme");
    assert_eq!(
        stack.delete(&physical_id, &first).await["Status"],
        "SUCCESS"
    );
}

#[tokio::test]
async fn a_default_takes_the_role_and_gives_it_up_when_it_is_deleted() {
    let stack = Stack::start().await;
    let tenant = stack.world.tenant("acme");
    let before = json!({"name": "Before", "default": true});
    let before = tenant.connection(before).await;
    let given = properties(json!({"Default": "true"}));
    let physical_id = stack.created(&given).await;
    assert_eq!(tenant.get(&before).await.body["default"], false);
    assert_eq!(
        stack.delete(&physical_id, &given).await["Status"],
        "SUCCESS"
    );
    assert_eq!(stack.connection(&physical_id).await["status"], 404);
    assert_eq!(tenant.get(&before).await.body["default"], false);
}

#[tokio::test]
async fn deleting_what_is_gone_or_never_was_succeeds_and_deletes_nothing_else() {
    let stack = Stack::start().await;
    let given = properties(json!({}));
    let request = stack.request("Create", &given);
    let physical_id = text(&stack.answer(&request).await["PhysicalResourceId"]);
    let other = stack.create(&properties(json!({"Port": "no"}))).await;
    assert_eq!(other["Status"], "FAILED");
    let never_made = text(&other["PhysicalResourceId"]);
    for gone in [
        never_made.as_str(),
        "conn_01KAX3M9Y8Q2W5R7T0V4N6B1ZC@acme",
        "app-SystemConnection-1ABC",
        "request-77@acme",
        "@",
        "x@",
    ] {
        let answer = stack.delete(gone, &given).await;
        assert_eq!(
            (&answer["Status"], &answer["PhysicalResourceId"]),
            (&json!("SUCCESS"), &json!(gone))
        );
    }
    assert_eq!(stack.connection(&physical_id).await["name"], "System");
    // A creation that was reported as failed may have come to its end all the same: then its deletion finds it.
    let failed = format!("{}@acme", text(&request["RequestId"]));
    assert_eq!(stack.delete(&failed, &given).await["Status"], "SUCCESS");
    assert_eq!(stack.connection(&physical_id).await["status"], 404);
}
