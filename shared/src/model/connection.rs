//! A connection as it is kept, and as a tenant sees it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::email::EmailAddress;
use super::encryption::Encryption;
use super::host::Host;
use super::ids::ConnectionId;
use super::timestamp::Timestamp;

/// What a tenant sets of a connection; only [`super::settings::ConnectionInput`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The tenant's name for it, unique among its connections (case-folded).
    pub name: String,
    /// The address in From and in MAIL FROM.
    pub sender_email: EmailAddress,
    /// The display name in From.
    pub sender_name: Option<String>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<EmailAddress>,
    /// The mail server.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// How the session is protected.
    pub encryption: Encryption,
    /// The login; there is a password exactly when there is a login.
    pub username: Option<String>,
    /// Whether mail may be sent through it.
    pub active: bool,
    /// How much may be sent through it.
    pub limits: Limits,
}

impl Settings {
    /// Whether a password given for `other` may be shown to this server: host, port, encryption and login are the same.
    #[must_use]
    pub fn same_login_as(&self, other: &Self) -> bool {
        self.host == other.host
            && self.port == other.port
            && self.encryption == other.encryption
            && self.username == other.username
    }
}

/// Limits of a connection; `None` is no limit.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Messages a minute.
    pub per_minute: Option<u32>,
    /// Recipients a day, as providers count them: a message counts once for each of its recipients.
    pub per_day: Option<u32>,
    /// Sessions at once.
    pub concurrency: Option<u32>,
}

/// A connection as it is kept. The password isn't here: only the name of the secret that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its identifier.
    pub id: ConnectionId,
    /// What the tenant set.
    #[serde(flatten)]
    pub settings: Settings,
    /// The name of the secret with the password: one immutable secret per revision.
    pub secret: Option<String>,
    /// The outcome of the last verification of these settings.
    pub verification: Verification,
    /// Whether deliveries go through.
    pub health: Health,
    /// Counts the changes of the settings, from 1.
    pub version: u64,
    /// The version that last changed how many messages may start (`per_minute`, `per_day`).
    #[serde(default = "first")]
    pub limits_version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings were last changed.
    pub updated_at: Timestamp,
    /// Who changed them: `sub` of the token.
    pub updated_by: Option<String>,
}

const fn first() -> u64 {
    1
}

impl Connection {
    /// The entity tag (RFC 9110 §8.8.3) of the settings and the default role; verification and health don't change it.
    #[must_use]
    pub fn etag(&self, default: bool) -> String {
        format!("\"{}{}\"", self.version, if default { "d" } else { "" })
    }
}

/// The outcome of verifying a connection as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// Whether it was verified, and how that went.
    pub status: VerificationStatus,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub checked_at: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<VerificationFailure>,
}

impl Verification {
    /// No verification of the current settings.
    pub const NEVER: Self = Self {
        status: VerificationStatus::Never,
        checked_at: None,
        failure: None,
    };
}

/// Whether a connection was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerificationStatus {
    /// Not since host, port, encryption, username or password changed.
    Never,
    /// Every stage passed.
    Passed,
    /// A stage failed.
    Failed,
}

/// Where and why a verification failed; the report says more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerificationFailure {
    /// The stage that failed.
    pub stage: String,
    /// The failure's code.
    pub code: String,
}

/// Whether deliveries go through a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The state.
    pub status: HealthStatus,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Why, when it isn't `ok`.
    pub reason: Option<String>,
    /// When the next delivery is tried, when it isn't `ok`.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
}

impl Health {
    /// Nothing speaks against sending.
    #[must_use]
    pub const fn ok(since: Timestamp) -> Self {
        Self {
            status: HealthStatus::Ok,
            since,
            reason: None,
            next_attempt_at: None,
        }
    }
}

/// The state of a connection's deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Mail goes through.
    Ok,
    /// The server asks for patience.
    BackingOff,
    /// The server refused the login.
    Suspended,
}

/// A connection as its tenant sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConnectionResource {
    /// Its identifier.
    #[schema(value_type = String, example = "conn_01KAX3M9Y8Q2W5R7T0V4N6B1ZC")]
    pub id: ConnectionId,
    /// The tenant's name for it.
    pub name: String,
    /// The address in From.
    #[schema(value_type = String, format = Email)]
    pub sender_email: EmailAddress,
    /// The display name in From.
    pub sender_name: Option<String>,
    /// Where answers go, if not to the sender.
    #[schema(value_type = Option<String>, format = Email)]
    pub reply_to: Option<EmailAddress>,
    /// The mail server.
    #[schema(value_type = String, format = Hostname)]
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// How the session is protected.
    pub encryption: Encryption,
    /// The login.
    pub username: Option<String>,
    /// Whether a password is kept; it is never shown.
    pub has_password: bool,
    /// Whether mail may be sent through it.
    pub active: bool,
    /// Whether all the tenant's mail is sent through it.
    pub default: bool,
    /// How much may be sent through it.
    pub limits: Limits,
    /// The outcome of the last verification of these settings.
    pub verification: Verification,
    /// Whether deliveries go through.
    pub health: Health,
    /// Counts the changes of the settings, from 1.
    pub version: u64,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its settings were last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl ConnectionResource {
    /// What the tenant sees of `connection`, which has the default role or not.
    #[must_use]
    pub fn new(connection: Connection, default: bool) -> Self {
        let Connection {
            id,
            settings,
            secret,
            verification,
            health,
            version,
            limits_version: _,
            created_at,
            updated_at,
            updated_by: _,
        } = connection;
        let Settings {
            name,
            sender_email,
            sender_name,
            reply_to,
            host,
            port,
            encryption,
            username,
            active,
            limits,
        } = settings;
        Self {
            id,
            name,
            sender_email,
            sender_name,
            reply_to,
            host,
            port,
            encryption,
            username,
            has_password: secret.is_some(),
            active,
            default,
            limits,
            verification,
            health,
            version,
            created_at,
            updated_at,
        }
    }
}
