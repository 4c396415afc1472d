//! The one door from a request to a connection's settings: create, update and verify all pass through it, and it reports
//! every field error at once.

use serde::Deserialize;
use utoipa::openapi::{AllOfBuilder, ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::connection::{Connection, Limits, Settings};
use super::email::{EmailAddress, Mailbox};
use super::encryption::Encryption;
use super::field::{FieldCode, FieldErrors, Invalid, child};
use super::host::Host;
use super::input::{Input, JsonType, Unknown};
use super::network::{DialPolicy, is_global_unicast};
use super::password::{Password, PasswordInput};
use super::provider::Provider;
use super::{port, text};

/// The most characters of a connection's name.
const MAX_NAME: usize = 100;
/// The most characters of a login.
const MAX_USERNAME: usize = 320;

/// A connection as a request gives it. In an update it is a merge patch (RFC 7396): what is left out stays, `null` removes.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ConnectionInput {
    /// The tenant's name for it, unique among its connections (case-folded).
    #[schema(value_type = Option<String>, max_length = 100, example = "SMTP Ufficio")]
    #[serde(default)]
    name: Input<String>,
    /// The address in From and in MAIL FROM.
    #[schema(value_type = Option<String>, format = Email, max_length = 254, example = "info@example.com")]
    #[serde(default)]
    sender_email: Input<String>,
    /// The display name in From.
    #[schema(value_type = Option<String>, max_length = 200, example = "Acme")]
    #[serde(default)]
    sender_name: Input<String>,
    /// Where answers go, if not to the sender.
    #[schema(value_type = Option<String>, format = Email, max_length = 254)]
    #[serde(default)]
    reply_to: Input<String>,
    /// The mail server: a DNS name or a public IP address, without scheme, path or port.
    #[schema(value_type = Option<String>, max_length = 253, example = "smtp.office365.com")]
    #[serde(default)]
    host: Input<String>,
    /// The server's port: 465, 587, 2525, 25 or one of the deployment's own. Default by encryption: 465, 587, 25.
    #[schema(value_type = Option<u16>, example = 587)]
    #[serde(default)]
    port: Input<i64>,
    /// How the session is protected.
    #[schema(value_type = Option<Encryption>)]
    #[serde(default)]
    encryption: Input<String>,
    /// The login. Comes with a password or not at all.
    #[schema(value_type = Option<String>, max_length = 320, example = "info@example.com")]
    #[serde(default)]
    username: Input<String>,
    /// The password; write-only, at most 1,024 bytes. Left out of an update, the stored one is kept while host, port,
    /// encryption and username stay as they are; else it must be given again. `null` removes it.
    #[schema(value_type = Option<String>, write_only, max_length = 1024)]
    #[serde(default)]
    password: Input<PasswordInput>,
    /// Whether mail may be sent through it. Default true.
    #[schema(value_type = bool, required = false)]
    #[serde(default)]
    active: Input<bool>,
    /// Whether all the tenant's mail is sent through it; only one connection of a tenant has this role. Default false.
    #[schema(value_type = bool, required = false)]
    #[serde(default)]
    default: Input<bool>,
    /// How much may be sent through it. The default is no limit, but for hosts of known providers.
    #[schema(value_type = Option<Limits>)]
    #[serde(default)]
    limits: Input<LimitsInput>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// The description of what creating a connection takes: a [`ConnectionInput`] with the fields that have no default.
#[derive(Debug)]
pub enum NewConnection {}

impl PartialSchema for NewConnection {
    fn schema() -> RefOr<Schema> {
        let given = ["name", "sender_email", "host", "encryption"];
        let given = given
            .into_iter()
            .fold(ObjectBuilder::new(), ObjectBuilder::required);
        let input = Ref::from_schema_name(ConnectionInput::name());
        AllOfBuilder::new().item(input).item(given).into()
    }
}

impl ToSchema for NewConnection {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((
            ConnectionInput::name().into_owned(),
            ConnectionInput::schema(),
        ));
        ConnectionInput::schemas(schemas);
    }
}

/// Limits as a request gives them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LimitsInput {
    per_minute: Input<i64>,
    per_day: Input<i64>,
    concurrency: Input<i64>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl JsonType for LimitsInput {
    const NAME: &'static str = "an object with per_minute, per_day and concurrency";
}

/// What a request asks for, all of it valid.
#[derive(Debug)]
pub struct Accepted {
    /// The settings to save or verify.
    pub settings: Settings,
    /// What happens to the password.
    pub password: PasswordChange,
    /// Whether the default role is asked for or given up.
    pub default: Option<bool>,
}

/// What a request does with the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordChange {
    /// Keep the stored one, or none.
    Keep,
    /// Have none.
    Remove,
    /// Have this one.
    Set(Password),
}

impl ConnectionInput {
    /// The settings of a new connection.
    ///
    /// # Errors
    /// Every field error.
    pub fn create(self, policy: &DialPolicy) -> Result<Accepted, FieldErrors> {
        self.accept(None, policy)
    }

    /// The settings of `stored` after this merge patch.
    ///
    /// # Errors
    /// Every field error.
    pub fn patch(self, stored: &Connection, policy: &DialPolicy) -> Result<Accepted, FieldErrors> {
        self.accept(Some(stored), policy)
    }

    fn accept(
        self,
        stored: Option<&Connection>,
        policy: &DialPolicy,
    ) -> Result<Accepted, FieldErrors> {
        let mut errors = FieldErrors::default();
        let base = stored.map(|connection| &connection.settings);
        refuse_unknown(&self.unknown, &mut errors);

        let name = required(
            self.name,
            "/name",
            base.map(|b| &b.name),
            &mut errors,
            |name| text::line(name, MAX_NAME),
        );
        let sender_email = required(
            self.sender_email,
            "/sender_email",
            base.map(|b| &b.sender_email),
            &mut errors,
            EmailAddress::parse,
        );
        let sender_name = optional(
            self.sender_name,
            "/sender_name",
            base.map(|b| &b.sender_name),
            &mut errors,
            |name| text::optional_line(name, Mailbox::MAX_NAME),
        )
        .map(|name| name.filter(|name| !name.is_empty()));
        let reply_to = optional(
            self.reply_to,
            "/reply_to",
            base.map(|b| &b.reply_to),
            &mut errors,
            EmailAddress::parse,
        );
        let encryption = required(
            self.encryption,
            "/encryption",
            base.map(|b| &b.encryption),
            &mut errors,
            Encryption::parse,
        );
        let port = match (self.port, base) {
            (Input::Absent, Some(base)) => Some(base.port),
            (Input::Absent | Input::Null, _) => encryption.map(Encryption::default_port),
            (given, _) => given
                .optional("/port", &mut errors)
                .and_then(|number| errors.keep("/port", port::parse(number, policy))),
        };
        let host = required(
            self.host,
            "/host",
            base.map(|b| &b.host),
            &mut errors,
            Host::parse,
        );
        let host = host.and_then(|host| errors.keep("/host", dialable(host, port, policy)));
        let username = optional(
            self.username,
            "/username",
            base.map(|b| &b.username),
            &mut errors,
            |username| text::line(username, MAX_USERNAME),
        );

        if (&self.active, &self.default) == (&Input::Value(false), &Input::Value(true)) {
            errors.push(
                "/default",
                FieldCode::MustBeActive,
                "an inactive connection can't be the default: leave one of the two out",
            );
        }
        let active = flag(
            self.active,
            "/active",
            base.is_none_or(|b| b.active),
            &mut errors,
        );
        let gains_or_loses_default = !matches!(self.default, Input::Absent);
        let default =
            flag(self.default, "/default", false, &mut errors).filter(|_| gains_or_loses_default);
        let limits = limits(self.limits, base, host.as_ref(), &mut errors);

        // A field that didn't parse was at least meant to change.
        let same_login = base.is_some_and(|base| {
            host.as_ref() == Some(&base.host)
                && port == Some(base.port)
                && encryption == Some(base.encryption)
                && username.as_ref() == Some(&base.username)
        });
        let has_password = stored.is_some_and(|connection| connection.secret.is_some());
        let password = password(
            self.password,
            username.as_ref(),
            has_password.then_some(same_login),
            &mut errors,
        );
        let sends_password = match &password {
            Some(PasswordChange::Set(_)) => true,
            Some(PasswordChange::Keep) => has_password,
            Some(PasswordChange::Remove) | None => false,
        };
        if encryption == Some(Encryption::None) && sends_password {
            errors.push(
                "/encryption",
                FieldCode::PasswordNeedsEncryption,
                "a password is never sent unencrypted: choose starttls or implicit_tls, or remove username and password",
            );
        }

        let settings = (|| {
            Some(Settings {
                name: name?,
                sender_email: sender_email?,
                sender_name: sender_name?,
                reply_to: reply_to?,
                host: host?,
                port: port?,
                encryption: encryption?,
                username: username?,
                active: active?,
                limits: limits?,
            })
        })();
        let accepted = settings.zip(password).map(|(settings, password)| Accepted {
            settings,
            password,
            default,
        });
        errors.into_result(accepted)
    }
}

fn refuse_unknown(unknown: &Unknown, errors: &mut FieldErrors) {
    const WRITTEN_BY_US: [&str; 7] = [
        "id",
        "has_password",
        "verification",
        "health",
        "version",
        "created_at",
        "updated_at",
    ];
    let (ours, unknown): (Vec<_>, Vec<_>) = unknown
        .keys()
        .partition(|key| WRITTEN_BY_US.contains(&key.as_str()));
    for key in ours {
        errors.push(
            child("", key),
            FieldCode::ReadOnly,
            "is written by the service alone: leave it out",
        );
    }
    errors.refuse_unknown("", unknown);
}

fn required<T: Clone>(
    input: Input<String>,
    pointer: &str,
    base: Option<&T>,
    errors: &mut FieldErrors,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Option<T> {
    match (input, base) {
        (Input::Absent, Some(base)) => Some(base.clone()),
        (input, _) => input
            .required(pointer, errors)
            .and_then(|text| errors.keep(pointer, parse(&text))),
    }
}

/// The outer `None` is an error (noted), the inner one is "no value".
fn optional<T: Clone>(
    input: Input<String>,
    pointer: &str,
    base: Option<&Option<T>>,
    errors: &mut FieldErrors,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Option<Option<T>> {
    match input {
        Input::Absent => Some(base.cloned().flatten()),
        Input::Null => Some(None),
        input => input
            .optional(pointer, errors)
            .and_then(|text| errors.keep(pointer, parse(&text)))
            .map(Some),
    }
}

/// A flag has no "removed": `null` is refused.
fn flag(input: Input<bool>, pointer: &str, base: bool, errors: &mut FieldErrors) -> Option<bool> {
    match input {
        Input::Absent => Some(base),
        Input::Null => Input::Wrong.optional(pointer, errors),
        input => input.optional(pointer, errors),
    }
}

fn dialable(host: Host, port: Option<u16>, policy: &DialPolicy) -> Result<Host, Invalid> {
    match (&host, port) {
        (Host::Ip(ip), port)
            if !port.map_or_else(|| is_global_unicast(*ip), |port| policy.permits(*ip, port)) =>
        {
            Err(Invalid::new(
                FieldCode::NotPublic,
                "is not a public address: give a mail server on the Internet",
            ))
        }
        _ => Ok(host),
    }
}

fn limits(
    input: Input<LimitsInput>,
    base: Option<&Settings>,
    host: Option<&Host>,
    errors: &mut FieldErrors,
) -> Option<Limits> {
    let usual = || {
        host.and_then(Provider::of_host)
            .map(|provider| provider.limits)
            .unwrap_or_default()
    };
    match input {
        Input::Absent => Some(base.map_or_else(usual, |base| base.limits)),
        Input::Null => Some(usual()),
        input => {
            let before = base.map_or_else(usual, |base| base.limits);
            let given = input.optional("/limits", errors)?;
            errors.refuse_unknown("/limits", given.unknown.keys());
            // All three are read before any is missed, so that each error is told.
            let per_minute = limit(
                given.per_minute,
                "/limits/per_minute",
                before.per_minute,
                100_000,
                errors,
            );
            let per_day = limit(
                given.per_day,
                "/limits/per_day",
                before.per_day,
                10_000_000,
                errors,
            );
            let concurrency = limit(
                given.concurrency,
                "/limits/concurrency",
                before.concurrency,
                100,
                errors,
            );
            Some(Limits {
                per_minute: per_minute?,
                per_day: per_day?,
                concurrency: concurrency?,
            })
        }
    }
}

fn limit(
    input: Input<i64>,
    pointer: &str,
    before: Option<u32>,
    max: u32,
    errors: &mut FieldErrors,
) -> Option<Option<u32>> {
    match input {
        Input::Absent => Some(before),
        Input::Null => Some(None),
        input => {
            let number = u32::try_from(input.optional(pointer, errors)?)
                .ok()
                .filter(|number| (1..=max).contains(number));
            if number.is_none() {
                errors.push(
                    pointer,
                    FieldCode::OutOfRange,
                    format!("must be between 1 and {max}, or null for no limit"),
                );
            }
            number.map(Some)
        }
    }
}

/// `stored` is whether the login stays the same, when there is a stored password. The password came with a host, a port, an
/// encryption and a login; it is never shown to another server, or another's name, without being given again.
fn password(
    input: Input<PasswordInput>,
    username: Option<&Option<String>>,
    stored: Option<bool>,
    errors: &mut FieldErrors,
) -> Option<PasswordChange> {
    let has_username = username.is_some_and(Option::is_some);
    let without_username = username.is_some_and(Option::is_none);
    match input {
        Input::Absent if stored == Some(false) => {
            let detail = "host, port, encryption or username changed: give the password again, or null to remove it";
            errors.push("/password", FieldCode::RequiredAfterChange, detail);
            None
        }
        Input::Absent if stored == Some(true) => Some(PasswordChange::Keep),
        Input::Absent | Input::Null if has_username => {
            errors.push(
                "/password",
                FieldCode::Required,
                "username and password come together: give both, or null for both",
            );
            None
        }
        Input::Absent => Some(PasswordChange::Keep),
        Input::Null => Some(PasswordChange::Remove),
        input => {
            let password = input
                .optional("/password", errors)
                .and_then(|given| errors.keep("/password", Password::parse(given)));
            if without_username {
                errors.push(
                    "/username",
                    FieldCode::Required,
                    "username and password come together: give both, or null for both",
                );
            }
            password.map(PasswordChange::Set)
        }
    }
}

#[cfg(test)]
mod tests;
