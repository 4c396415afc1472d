use serde_json::{Value, json};
use ulid::Ulid;

use super::*;
use crate::model::connection::{Health, Verification};
use crate::model::ids::ConnectionId;
use crate::model::timestamp::Timestamp;

fn complete() -> Value {
    json!({"name": "SMTP Ufficio", "sender_email": "info@example.com", "host": "smtp.example.com", "encryption": "starttls",
           "username": "info@example.com", "password": "s3cr3t"})
}

fn with(changes: &Value) -> Value {
    let mut body = complete();
    for (key, value) in changes.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

fn input(body: Value) -> ConnectionInput {
    serde_json::from_value(body).expect("an object")
}

fn create(body: Value) -> Result<Accepted, Vec<(String, FieldCode)>> {
    input(body).create(&DialPolicy::default()).map_err(codes)
}

fn codes(errors: FieldErrors) -> Vec<(String, FieldCode)> {
    errors
        .into_vec()
        .into_iter()
        .map(|error| (error.pointer, error.code))
        .collect()
}

fn stored() -> Connection {
    let now = Timestamp::from_millis(0);
    Connection {
        id: ConnectionId::new(Ulid::from_parts(0, 1)),
        settings: create(complete()).expect("valid").settings,
        secret: Some("a-secret".to_owned()),
        verification: Verification::NEVER,
        health: Health::ok(now),
        version: 1,
        limits_version: 1,
        created_at: now,
        updated_at: now,
        updated_by: None,
    }
}

fn patch(body: Value) -> Result<Accepted, Vec<(String, FieldCode)>> {
    input(body)
        .patch(&stored(), &DialPolicy::default())
        .map_err(codes)
}

fn one(pointer: &str, code: FieldCode) -> Vec<(String, FieldCode)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn a_complete_connection_is_accepted_active_without_limits_and_not_default() {
    let accepted = create(complete()).expect("valid");
    assert_eq!(accepted.settings.port, 587);
    assert!(accepted.settings.active);
    assert_eq!(accepted.settings.limits, Limits::default());
    assert_eq!(accepted.default, None);
    assert!(matches!(accepted.password, PasswordChange::Set(_)));
}

#[test]
fn name_sender_host_and_encryption_are_required_and_reported_together() {
    let required = |pointer: &str| (pointer.to_owned(), FieldCode::Required);
    let all = ["/name", "/sender_email", "/encryption", "/host"]
        .map(required)
        .to_vec();
    assert_eq!(create(json!({})).expect_err("refused"), all);
    assert_eq!(
        create(json!({"name": null, "sender_email": "", "host": " ", "encryption": null}))
            .expect_err("refused"),
        all
    );
}

#[test]
fn every_field_of_the_wrong_type_is_reported_at_its_pointer() {
    let body = json!({"name": 1, "sender_email": [], "sender_name": {}, "reply_to": 1, "host": true, "port": "587", "encryption": 5, "username": 5,
                      "password": 12345, "active": "yes", "default": 1, "limits": []});
    let mut pointers: Vec<_> = create(body).expect_err("refused");
    pointers.sort_by(|a, b| a.0.cmp(&b.0));
    let wrong = |pointer: &str| (pointer.to_owned(), FieldCode::WrongType);
    let expected = [
        "/active",
        "/default",
        "/encryption",
        "/host",
        "/limits",
        "/name",
        "/password",
        "/port",
        "/reply_to",
        "/sender_email",
        "/sender_name",
        "/username",
    ];
    assert_eq!(pointers, expected.map(wrong).to_vec());
}

#[test]
fn an_unknown_field_and_a_read_only_field_are_refused() {
    assert_eq!(
        create(with(&json!({"nmae": "x"}))).expect_err("refused"),
        one("/nmae", FieldCode::UnknownField)
    );
    assert_eq!(
        create(with(&json!({"version": 3}))).expect_err("refused"),
        one("/version", FieldCode::ReadOnly)
    );
    assert_eq!(
        create(with(&json!({"limits": {"per_hour": 3}}))).expect_err("refused"),
        one("/limits/per_hour", FieldCode::UnknownField)
    );
}

#[test]
fn each_field_keeps_to_its_limit() {
    for (field, value, code) in [
        ("name", json!("x".repeat(101)), FieldCode::TooLong),
        ("sender_name", json!("x".repeat(201)), FieldCode::TooLong),
        ("username", json!("x".repeat(321)), FieldCode::TooLong),
        ("password", json!("x".repeat(1025)), FieldCode::TooLong),
        ("name", json!("a\u{0}b"), FieldCode::ControlCharacter),
        (
            "sender_name",
            json!("a\r\nBcc: b@example.com"),
            FieldCode::ControlCharacter,
        ),
        ("username", json!("a\nb"), FieldCode::ControlCharacter),
        ("password", json!("a\nb"), FieldCode::ControlCharacter),
        ("reply_to", json!("nobody"), FieldCode::NotAnEmail),
        ("encryption", json!("ssl"), FieldCode::NotAllowed),
        ("port", json!(80), FieldCode::NotAllowed),
        ("host", json!("127.0.0.1"), FieldCode::NotPublic),
        (
            "host",
            json!("https://smtp.example.com"),
            FieldCode::NotAHostname,
        ),
    ] {
        assert_eq!(
            create(with(&json!({field: value}))).expect_err("refused"),
            one(&format!("/{field}"), code),
            "{field}"
        );
    }
    for (field, value) in [("per_minute", 0), ("per_day", -1), ("concurrency", 101)] {
        let refused = create(with(&json!({"limits": {field: value}}))).expect_err("refused");
        assert_eq!(
            refused,
            one(&format!("/limits/{field}"), FieldCode::OutOfRange)
        );
    }
}

#[test]
fn a_password_is_refused_without_encryption() {
    let refused = create(with(&json!({"encryption": "none"}))).expect_err("refused");
    assert_eq!(
        refused,
        one("/encryption", FieldCode::PasswordNeedsEncryption)
    );
    let accepted = create(with(
        &json!({"encryption": "none", "username": null, "password": null}),
    ))
    .expect("valid");
    assert_eq!(accepted.settings.port, 25);
}

#[test]
fn username_and_password_come_together_or_not_at_all() {
    assert_eq!(
        create(with(&json!({"password": null}))).expect_err("refused"),
        one("/password", FieldCode::Required)
    );
    assert_eq!(
        create(with(&json!({"username": null}))).expect_err("refused"),
        one("/username", FieldCode::Required)
    );
    assert!(create(with(&json!({"username": null, "password": null}))).is_ok());
}

#[test]
fn a_known_provider_brings_its_limits_and_null_is_no_limit() {
    let office = |limits: Value| {
        create(with(
            &json!({"host": "smtp.office365.com", "limits": limits}),
        ))
        .expect("valid")
        .settings
        .limits
    };
    let published = Limits {
        per_minute: Some(30),
        per_day: Some(10_000),
        concurrency: Some(3),
    };
    assert_eq!(office(Value::Null), published);
    assert_eq!(office(json!({})), published);
    assert_eq!(
        office(json!({"per_day": null})),
        Limits {
            per_day: None,
            ..published
        }
    );
}

#[test]
fn what_a_patch_leaves_out_stays_and_null_removes() {
    let accepted = patch(json!({"sender_name": "Acme"})).expect("valid");
    assert_eq!(
        accepted.settings,
        Settings {
            sender_name: Some("Acme".to_owned()),
            ..stored().settings
        }
    );
    assert_eq!(accepted.password, PasswordChange::Keep);
    let accepted = patch(json!({"username": null, "password": null})).expect("valid");
    assert_eq!(
        (accepted.settings.username, accepted.password),
        (None, PasswordChange::Remove)
    );
    assert_eq!(
        patch(json!({"name": null})).expect_err("refused"),
        one("/name", FieldCode::Required)
    );
}

#[test]
fn the_password_must_be_given_again_when_host_port_encryption_or_username_changes() {
    for change in [
        json!({"host": "evil.example.net"}),
        json!({"port": 2525}),
        json!({"encryption": "implicit_tls"}),
        json!({"username": "other@example.com"}),
        json!({"username": null}),
    ] {
        assert_eq!(
            patch(change.clone()).expect_err("refused"),
            one("/password", FieldCode::RequiredAfterChange),
            "{change}"
        );
    }
    assert!(patch(json!({"host": "new.example.com", "password": "again"})).is_ok());
}

#[test]
fn the_password_rule_is_reported_beside_the_errors_of_other_fields() {
    let refused = patch(json!({"host": "evil.example.net", "name": ""})).expect_err("refused");
    assert_eq!(
        refused,
        [
            one("/name", FieldCode::Required),
            one("/password", FieldCode::RequiredAfterChange)
        ]
        .concat()
    );
    let refused = patch(json!({"host": "not a host"})).expect_err("refused");
    assert_eq!(
        refused,
        [
            one("/host", FieldCode::NotAHostname),
            one("/password", FieldCode::RequiredAfterChange)
        ]
        .concat()
    );
}

#[test]
fn the_same_host_in_another_spelling_is_no_change() {
    assert_eq!(
        patch(json!({"host": " SMTP.example.com. "}))
            .expect("valid")
            .password,
        PasswordChange::Keep
    );
}

#[test]
fn becoming_default_and_being_inactive_exclude_each_other() {
    let both = json!({"active": false, "default": true});
    assert_eq!(
        create(with(&both)).expect_err("refused"),
        one("/default", FieldCode::MustBeActive)
    );
    assert_eq!(
        patch(both).expect_err("refused"),
        one("/default", FieldCode::MustBeActive)
    );
    assert_eq!(
        patch(json!({"active": false, "default": false}))
            .expect("valid")
            .default,
        Some(false)
    );
}

#[test]
fn a_flag_can_not_be_null() {
    assert_eq!(
        patch(json!({"active": null})).expect_err("refused"),
        one("/active", FieldCode::WrongType)
    );
    assert_eq!(
        patch(json!({"default": null})).expect_err("refused"),
        one("/default", FieldCode::WrongType)
    );
}

#[test]
fn a_refused_password_is_not_quoted() {
    let errors = input(with(&json!({"password": "canary\n"})))
        .create(&DialPolicy::default())
        .expect_err("refused");
    assert!(!format!("{errors:?}").contains("canary"));
    assert!(!format!("{:?}", input(with(&json!({"password": "canary"})))).contains("canary"));
}
