//! The properties of a `Custom::SmtpConnection`: the fields of a connection in CloudFormation's spelling, its tenant, and where its
//! password is. They are checked by the door that the API's requests go through, and all errors are told at once.

use serde_json::{Map, Value, json};
use shared::model::field::FieldError;
use shared::model::host::Host;
use shared::model::network::DialPolicy;
use shared::model::provider::Provider;
use shared::model::settings::ConnectionInput;
use shared::model::tenant::Tenant;

use crate::password::{self, SecretPlace};
use crate::request::Given;

/// What a field holds. CloudFormation writes numbers and flags as strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    /// True or false; a merge patch can't remove it, so this is what it is without being given.
    Flag(bool),
}

/// The properties that are fields of a connection, each with the field's name.
const FIELDS: [(&str, &str, Kind); 10] = [
    ("Name", "name", Kind::Text),
    ("SenderEmail", "sender_email", Kind::Text),
    ("SenderName", "sender_name", Kind::Text),
    ("ReplyTo", "reply_to", Kind::Text),
    ("Host", "host", Kind::Text),
    ("Port", "port", Kind::Number),
    ("Encryption", "encryption", Kind::Text),
    ("Username", "username", Kind::Text),
    ("Active", "active", Kind::Flag(true)),
    ("Default", "default", Kind::Flag(false)),
];

/// The fields of the property `Limits`.
const LIMITS: [(&str, &str); 3] = [
    ("PerMinute", "per_minute"),
    ("PerDay", "per_day"),
    ("Concurrency", "concurrency"),
];

const TENANT: &str = "Tenant";
const LIMITS_PROPERTY: &str = "Limits";
const SECRET_ARN: &str = "PasswordSecretArn";
const SECRET_KEY: &str = "PasswordSecretKey";
const VERSION: &str = "PasswordVersion";
/// What CloudFormation itself reads, and passes on.
const CLOUD_FORMATION: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// Properties that describe a connection whole, all of them valid.
#[derive(Debug)]
pub(crate) struct Properties {
    /// Whose connection it is.
    pub(crate) tenant: Tenant,
    /// Where its password is, if it has one.
    pub(crate) secret: Option<SecretPlace>,
    given: Given,
    /// The body of a request that creates it, but for the password.
    fields: Map<String, Value>,
}

/// The tenant among the properties, if it can be one.
pub(crate) fn tenant(given: &Given) -> Option<Tenant> {
    Tenant::new(given.get(TENANT)?.as_str()?).ok()
}

impl Properties {
    /// Reads and checks what a template gives to a deployment whose own secrets' names begin with `own_prefix`.
    ///
    /// # Errors
    /// Everything that is wrong, each with its property.
    pub(crate) fn read(
        given: &Given,
        policy: &DialPolicy,
        own_prefix: &str,
    ) -> Result<Self, Vec<String>> {
        // Without a condition's value CloudFormation leaves a property out; somebody else may say null.
        let mut given = given.clone();
        given.retain(|_, value| !value.is_null());
        let mut wrong = unknown(&given);
        let tenant = tenant(&given);
        if tenant.is_none() {
            wrong.push(format!(
                "{TENANT}: is required: name the tenant in 1 to {} bytes",
                Tenant::MAX_BYTES
            ));
        }
        let secret = secret(&given, own_prefix, &mut wrong);
        let fields = fields(&given);

        let mut whole = fields.clone();
        if given.contains_key(SECRET_ARN) {
            // The secret is read when all else is right.
            whole.insert("password".to_owned(), json!("in a secret"));
        }
        let input = serde_json::from_value::<ConnectionInput>(Value::Object(whole));
        match input.map(|input| input.create(policy)) {
            Ok(Ok(_)) => {}
            Ok(Err(errors)) => wrong.extend(errors.into_vec().iter().map(explain)),
            Err(_) => wrong.push("the properties could not be read".to_owned()),
        }
        match tenant {
            Some(tenant) if wrong.is_empty() => Ok(Self {
                tenant,
                secret,
                given,
                fields,
            }),
            _ => Err(wrong),
        }
    }

    /// The body of a request that creates the connection, but for the password.
    pub(crate) fn creation(&self) -> Map<String, Value> {
        self.fields.clone()
    }

    /// The merge patch after which a connection with the properties `old` has these: what a template no longer says goes back to
    /// what it is without being said, and what it never said stays as it is. Without `old`, all of it is said. The
    /// password is in it only where it is to be removed.
    pub(crate) fn patch(&self, old: Option<&Given>) -> Map<String, Value> {
        let removed = |property: &str| {
            !self.given.contains_key(property) && old.is_none_or(|old| old.contains_key(property))
        };
        let mut patch = self.fields.clone();
        for (property, field, kind) in FIELDS {
            if removed(property) {
                let usual = match kind {
                    Kind::Text | Kind::Number => Value::Null,
                    Kind::Flag(usual) => json!(usual),
                };
                patch.insert(field.to_owned(), usual);
            }
        }
        if removed(LIMITS_PROPERTY) {
            patch.insert("limits".to_owned(), Value::Null);
        } else if let Some(Value::Object(limits)) = patch.get_mut("limits") {
            // In a patch a limit that isn't mentioned would stay.
            for (name, usual) in self.usual_limits() {
                limits.entry(name).or_insert(usual);
            }
        }
        if removed(SECRET_ARN) {
            patch.insert("password".to_owned(), Value::Null);
        }
        patch
    }

    /// Whether the password is another one than with the properties `old`, as far as they tell: its place, or its version.
    pub(crate) fn has_another_password_than(&self, old: &Given) -> bool {
        [SECRET_ARN, SECRET_KEY, VERSION]
            .iter()
            .any(|property| self.given.get(*property) != old.get(*property))
    }

    fn usual_limits(&self) -> [(&'static str, Value); 3] {
        let host = self.fields.get("host").and_then(Value::as_str);
        let limits = host
            .and_then(|host| Host::parse(host).ok())
            .and_then(|host| Provider::of_host(&host))
            .map(|provider| provider.limits)
            .unwrap_or_default();
        [
            ("per_minute", json!(limits.per_minute)),
            ("per_day", json!(limits.per_day)),
            ("concurrency", json!(limits.concurrency)),
        ]
    }
}

/// What a field error says, with the property instead of the pointer.
pub(crate) fn explain(error: &FieldError) -> String {
    let pointer = error.pointer.as_str();
    let field = pointer.strip_prefix('/').unwrap_or(pointer);
    let property = match field.strip_prefix("limits/") {
        Some(limit) => LIMITS
            .iter()
            .find(|(_, name)| *name == limit)
            .map(|(property, _)| format!("{LIMITS_PROPERTY}.{property}")),
        None if field == "limits" => Some(LIMITS_PROPERTY.to_owned()),
        None if field == "password" => Some(SECRET_ARN.to_owned()),
        None => FIELDS
            .iter()
            .find(|(_, name, _)| *name == field)
            .map(|(property, ..)| (*property).to_owned()),
    };
    let property = property.unwrap_or_else(|| field.to_owned());
    format!("{property}: {}", error.detail)
}

fn unknown(given: &Given) -> Vec<String> {
    let known = |name: &str| {
        let others = [TENANT, LIMITS_PROPERTY, SECRET_ARN, SECRET_KEY, VERSION];
        FIELDS.iter().any(|(property, ..)| *property == name)
            || others.contains(&name)
            || CLOUD_FORMATION.contains(&name)
    };
    let mut names: Vec<_> = given
        .keys()
        .filter(|name| !known(name))
        .map(Clone::clone)
        .collect();
    if let Some(Value::Object(limits)) = given.get(LIMITS_PROPERTY) {
        let unknown = limits
            .keys()
            .filter(|name| !LIMITS.iter().any(|(property, _)| property == name));
        names.extend(unknown.map(|name| format!("{LIMITS_PROPERTY}.{name}")));
    }
    let refused =
        |name| format!("{name}: there is no such property: check the spelling or leave it out");
    names.into_iter().map(refused).collect()
}

/// A property that is text, or nothing where it isn't there or, which is noted, isn't text.
fn text(given: &Given, property: &str, wrong: &mut Vec<String>) -> Option<String> {
    match given.get(property)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => {
            wrong.push(format!("{property}: must be a string that is not empty"));
            None
        }
    }
}

fn secret(given: &Given, own_prefix: &str, wrong: &mut Vec<String>) -> Option<SecretPlace> {
    let arn = text(given, SECRET_ARN, wrong);
    let key = text(given, SECRET_KEY, wrong);
    let checked = arn.as_deref().map(|arn| password::check(arn, own_prefix));
    if let Some(Err(refusal)) = checked {
        wrong.push(format!("{SECRET_ARN}: {refusal}"));
    }
    if !given.contains_key(SECRET_ARN) {
        for property in [SECRET_KEY, VERSION] {
            if given.contains_key(property) {
                wrong.push(format!("{property}: says nothing without {SECRET_ARN}"));
            }
        }
    }
    Some(SecretPlace { arn: arn?, key })
}

/// The fields as the API has them. What isn't of its kind is left as it came, for the door to refuse.
fn fields(given: &Given) -> Map<String, Value> {
    let mut fields = Map::new();
    for (property, field, kind) in FIELDS {
        if let Some(value) = given.get(property) {
            fields.insert(field.to_owned(), read_as(kind, value));
        }
    }
    if let Some(value) = given.get(LIMITS_PROPERTY) {
        let limits = match value {
            Value::Object(given) => LIMITS
                .iter()
                .filter_map(|(property, name)| {
                    let value = given.get(*property).filter(|value| !value.is_null())?;
                    Some(((*name).to_owned(), read_as(Kind::Number, value)))
                })
                .collect(),
            other => other.clone(),
        };
        fields.insert("limits".to_owned(), limits);
    }
    fields
}

fn read_as(kind: Kind, value: &Value) -> Value {
    let Value::String(text) = value else {
        return value.clone();
    };
    match kind {
        Kind::Text => None,
        Kind::Number => text.trim().parse::<i64>().ok().map(Value::from),
        Kind::Flag(_) => text.trim().parse::<bool>().ok().map(Value::from),
    }
    .unwrap_or_else(|| value.clone())
}

#[cfg(test)]
mod tests;
