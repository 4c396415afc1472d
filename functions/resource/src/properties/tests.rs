//! What templates give, and what the API is asked for.

use super::*;

const SECRET: &str = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:system-mail-AbCdEf";

fn given(changes: Value) -> Given {
    let base = json!({
        "ServiceToken": "arn:aws:lambda:eu-west-3:123456789012:function:mittente-resource",
        "Tenant": "acme", "Name": "System", "SenderEmail": "info@example.com", "Host": "smtp.example.com", "Encryption": "starttls",
    });
    let (Value::Object(mut base), Value::Object(changes)) = (base, changes) else {
        unreachable!()
    };
    base.extend(changes);
    base.into_iter().collect()
}

fn read(changes: Value) -> Result<Properties, Vec<String>> {
    Properties::read(&given(changes), &DialPolicy::default(), "mittente")
}

/// The names before the colons.
fn named(wrong: &[String]) -> Vec<&str> {
    wrong
        .iter()
        .map(|line| line.split(": ").next().unwrap_or_default())
        .collect()
}

#[test]
fn numbers_and_flags_are_read_as_such_and_as_strings() {
    let strings = json!({"Port": "2525", "Active": "true", "Default": "false", "Limits": {"PerMinute": "30", "PerDay": "9"}});
    let others = json!({"Port": 2525, "Active": true, "Default": false, "Limits": {"PerMinute": 30, "PerDay": 9}});
    let creation = |changes| read(changes).expect("valid").creation();
    assert_eq!(creation(strings), creation(others.clone()));
    let fields = Value::Object(creation(others));
    assert_eq!(
        fields,
        json!({
            "name": "System", "sender_email": "info@example.com", "host": "smtp.example.com", "encryption": "starttls",
            "port": 2525, "active": true, "default": false, "limits": {"per_minute": 30, "per_day": 9},
        })
    );
}

#[test]
fn a_name_that_looks_like_a_number_stays_text() {
    let fields = read(json!({"Name": "42", "SenderName": "true"})).expect("valid");
    let fields = fields.creation();
    assert_eq!(
        (&fields["name"], &fields["sender_name"]),
        (&json!("42"), &json!("true"))
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once_by_the_property() {
    let wrong = read(json!({
        "Tenant": "", "Name": "", "SenderEmail": "nobody", "Port": "smtp", "Active": "yes", "host": "smtp.other.example.com",
        "Password": "c4n4ry", "Limits": {"PerMinute": "0", "PerHour": "1", "per_day": "1"}, "PasswordSecretArn": "c4n4ry", "PasswordSecretKey": {},
        "Verify": "true",
    }))
    .expect_err("refused");
    assert_eq!(
        named(&wrong),
        [
            "Password",
            "Verify",
            "host",
            "Limits.PerHour",
            "Limits.per_day",
            "Tenant",
            "PasswordSecretKey",
            "PasswordSecretArn",
            "Name",
            "SenderEmail",
            "Port",
            "Active",
            "Limits.PerMinute",
            "Username",
        ]
    );
    assert!(!wrong.concat().contains("c4n4ry"));
}

#[test]
fn nothing_at_all_says_what_is_needed() {
    let wrong = Properties::read(&Given::new(), &DialPolicy::default(), "mittente");
    let wrong = wrong.expect_err("refused");
    assert_eq!(
        named(&wrong),
        ["Tenant", "Name", "SenderEmail", "Encryption", "Host"]
    );
}

#[test]
fn a_secret_is_named_by_its_arn_and_is_none_of_a_tenant() {
    let login = |arn: &str| json!({"Username": "info@example.com", "PasswordSecretArn": arn});
    let own = SECRET.replace("system-mail", "mittente/acme/conn_01/x");
    for arn in ["system-mail", "arn:aws:s3:::bucket", "", &own] {
        let wrong = read(login(arn)).expect_err("refused");
        assert_eq!(named(&wrong), ["PasswordSecretArn"], "{arn}");
    }
    let alike = SECRET.replace("system-mail", "mittente-system");
    for arn in [SECRET, &alike] {
        assert_eq!(
            read(login(arn))
                .expect("valid")
                .secret
                .expect("a place")
                .arn,
            arn
        );
    }
    let wrong =
        read(json!({"PasswordSecretKey": "k", "PasswordVersion": "2"})).expect_err("refused");
    assert_eq!(named(&wrong), ["PasswordSecretKey", "PasswordVersion"]);
}

#[test]
fn what_a_template_no_longer_says_goes_back_and_what_it_never_said_stays() {
    let old = given(json!({
        "SenderName": "Acme", "ReplyTo": "help@example.com", "Port": "2525", "Active": "false", "Default": "true",
        "Username": "u", "PasswordSecretArn": SECRET, "Limits": {"PerDay": "9"},
    }));
    let new = read(json!({"Name": "Other"})).expect("valid");
    let said = json!({"name": "Other", "sender_email": "info@example.com", "host": "smtp.example.com", "encryption": "starttls"});
    assert_eq!(Value::Object(new.patch(Some(&given(json!({}))))), said);
    let mut back = said.as_object().expect("an object").clone();
    for (field, value) in [
        ("sender_name", Value::Null),
        ("reply_to", Value::Null),
        ("port", Value::Null),
        ("username", Value::Null),
        ("password", Value::Null),
        ("limits", Value::Null),
        ("active", json!(true)),
        ("default", json!(false)),
    ] {
        back.insert(field.to_owned(), value);
    }
    assert_eq!(new.patch(Some(&old)), back);
    assert_eq!(new.patch(None), back);
}

#[test]
fn a_limit_that_is_no_longer_given_is_what_the_provider_allows() {
    let limits = |host: &str| {
        let properties = read(json!({"Host": host, "Limits": {"PerMinute": "5"}})).expect("valid");
        properties
            .patch(Some(&given(json!({}))))
            .remove("limits")
            .expect("limits")
    };
    let none = json!({"per_minute": 5, "per_day": null, "concurrency": null});
    assert_eq!(limits("smtp.example.com"), none);
    let microsoft = limits("smtp.office365.com");
    assert_eq!(microsoft["per_minute"], 5);
    assert_ne!(microsoft, none);
}
