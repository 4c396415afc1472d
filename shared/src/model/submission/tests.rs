use serde_json::{Value, json};

use super::*;

fn submit(body: Value) -> Result<Submission, Vec<(String, FieldCode)>> {
    let input: MessageInput = serde_json::from_value(body).expect("an object");
    Submission::try_from(input).map_err(|errors| {
        errors
            .into_vec()
            .into_iter()
            .map(|error| (error.pointer, error.code))
            .collect()
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut body = json!({"to": ["a@example.com"], "subject": "Hello", "text": "Hi"});
    body[key] = value;
    body
}

fn one(pointer: &str, code: FieldCode) -> Vec<(String, FieldCode)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn an_address_is_a_string_or_an_object() {
    let submission = submit(with(
        "to",
        json!(["a@example.com", {"email": "b@example.com", "name": "B"}]),
    ))
    .expect("valid");
    assert_eq!(submission.content.to.len(), 2);
    assert_eq!(submission.content.to[1].name.as_deref(), Some("B"));
}

#[test]
fn every_bad_field_is_reported_at_its_pointer() {
    let attachment = |key: &str, value: Value| {
        let mut attachment =
            json!({"filename": "a.pdf", "content_type": "application/pdf", "content": "AAAA"});
        attachment[key] = value;
        json!([attachment])
    };
    for (key, value, pointer, code) in [
        ("to", json!("a@example.com"), "/to", FieldCode::WrongType),
        ("to", json!([5]), "/to/0", FieldCode::WrongType),
        (
            "to",
            json!(["a@example.com", "nobody"]),
            "/to/1",
            FieldCode::NotAnEmail,
        ),
        (
            "cc",
            json!([{"email": "x", "name": 1}]),
            "/cc/0/email",
            FieldCode::NotAnEmail,
        ),
        (
            "bcc",
            json!([{"email": "b@example.com", "nmae": "x"}]),
            "/bcc/0/nmae",
            FieldCode::UnknownField,
        ),
        (
            "to",
            json!(["a@example.com\r\nDATA"]),
            "/to/0",
            FieldCode::ControlCharacter,
        ),
        (
            "subject",
            json!("a\r\nBcc: b@example.com"),
            "/subject",
            FieldCode::ControlCharacter,
        ),
        (
            "subject",
            json!("x".repeat(901)),
            "/subject",
            FieldCode::TooLong,
        ),
        (
            "text",
            json!("a\u{0}b"),
            "/text",
            FieldCode::ControlCharacter,
        ),
        ("html", json!(5), "/html", FieldCode::WrongType),
        (
            "headers",
            json!({"From": "x"}),
            "/headers/From",
            FieldCode::NotAllowed,
        ),
        (
            "headers",
            json!({"X-A": "a\r\nb"}),
            "/headers/X-A",
            FieldCode::ControlCharacter,
        ),
        (
            "headers",
            json!({"X-A b": "a"}),
            "/headers/X-A b",
            FieldCode::NotAllowed,
        ),
        (
            "headers",
            json!({"X-A": 5}),
            "/headers/X-A",
            FieldCode::WrongType,
        ),
        (
            "attachments",
            attachment("content", json!("not base64!")),
            "/attachments/0/content",
            FieldCode::NotBase64,
        ),
        (
            "attachments",
            attachment("content_type", json!("pdf")),
            "/attachments/0/content_type",
            FieldCode::NotAMediaType,
        ),
        (
            "attachments",
            attachment("content_type", json!("message/rfc822")),
            "/attachments/0/content_type",
            FieldCode::NotAMediaType,
        ),
        (
            "attachments",
            attachment("filename", json!("a\nb")),
            "/attachments/0/filename",
            FieldCode::ControlCharacter,
        ),
        (
            "attachments",
            attachment("content_id", json!("a b")),
            "/attachments/0/content_id",
            FieldCode::NotAllowed,
        ),
        (
            "attachments",
            attachment("size", json!(1)),
            "/attachments/0/size",
            FieldCode::UnknownField,
        ),
        (
            "from",
            json!("Acme <a@example.com>"),
            "/from",
            FieldCode::NotAnEmail,
        ),
        (
            "reply_to",
            json!({"name": "x"}),
            "/reply_to/email",
            FieldCode::Required,
        ),
        (
            "connection_id",
            json!("nope"),
            "/connection_id",
            FieldCode::NotAnId,
        ),
        (
            "metadata",
            json!({"invoice": 42}),
            "/metadata/invoice",
            FieldCode::WrongType,
        ),
        (
            "tracking",
            json!(true),
            "/tracking",
            FieldCode::UnknownField,
        ),
    ] {
        let refused = submit(with(key, value)).expect_err(pointer);
        assert!(
            refused.contains(&(pointer.to_owned(), code)),
            "{pointer}: {refused:?}"
        );
    }
}

#[test]
fn a_message_needs_a_recipient_and_a_body() {
    let refused = submit(json!({})).expect_err("refused");
    assert_eq!(
        refused,
        [
            one("/to", FieldCode::Required),
            one("/text", FieldCode::Required)
        ]
        .concat()
    );
}

#[test]
fn that_nobody_is_to_get_it_is_told_beside_other_errors() {
    let refused = submit(json!({"txt": "Hi"})).expect_err("refused");
    let expected = [
        one("/txt", FieldCode::UnknownField),
        one("/to", FieldCode::Required),
        one("/text", FieldCode::Required),
    ];
    assert_eq!(refused, expected.concat());
}

#[test]
fn a_message_has_at_most_50_recipients_in_all() {
    let list = |count: usize| {
        json!(
            (0..count)
                .map(|n| format!("u{n}@example.com"))
                .collect::<Vec<_>>()
        )
    };
    let mut body = with("to", list(25));
    body["bcc"] = list(25);
    assert!(submit(body.clone()).is_ok());
    body["cc"] = list(1);
    assert_eq!(
        submit(body).expect_err("refused"),
        one("/to", FieldCode::TooMany)
    );
}

#[test]
fn a_recipient_of_bcc_alone_is_enough() {
    assert!(submit(json!({"bcc": ["a@example.com"], "html": "<p>Hi</p>"})).is_ok());
}

#[test]
fn a_header_given_twice_or_against_its_syntax_is_refused() {
    for (headers, pointer, code) in [
        (
            json!({"X-A": "a", "x-a": "b"}),
            "/headers/x-a",
            FieldCode::Duplicate,
        ),
        (
            json!({"In-Reply-To": "<è@example.com>"}),
            "/headers/In-Reply-To",
            FieldCode::NotAllowed,
        ),
        (
            json!({"List-Id": "Novità <novità.example.com>"}),
            "/headers/List-Id",
            FieldCode::NotAllowed,
        ),
        (
            json!({"References": "x".repeat(901)}),
            "/headers/References",
            FieldCode::TooLong,
        ),
        (
            json!({"In-Reply-To": "<a@example.com> ".repeat(100)}),
            "/headers/In-Reply-To",
            FieldCode::TooLong,
        ),
    ] {
        let refused = submit(with("headers", headers)).expect_err(pointer);
        assert_eq!(refused, one(pointer, code));
    }
}

#[test]
fn the_thread_of_a_message_may_be_long_and_the_name_of_a_list_in_any_script() {
    let headers = json!({"References": "<0123456789abcdef@example.com> ".repeat(250), "List-Id": "Novità <news.example.com>"});
    assert!(submit(with("headers", headers)).is_ok());
}
