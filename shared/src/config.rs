//! Configuration: read once, at start, from the environment; a variable that is missing or malformed names itself.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use crate::dns::{Resolver, ResolverError};
use crate::model::host::Host;
use crate::model::network::DialPolicy;
use crate::model::retry::Ambiguous;
use crate::smtp::{Deadlines, Dialer, Tls};

/// Why a function can't start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A required variable is not set, or empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// A variable doesn't hold what it should.
    #[error("the environment variable {name} is not valid: {reason}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// What is wrong with it. Never the value: it may be a credential.
        reason: String,
    },
    /// The machine's name servers can't be found.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
}

/// A required variable.
///
/// # Errors
/// When it is not set, or empty.
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    optional(name).ok_or(ConfigError::Missing(name))
}

/// An optional variable; empty is as good as not set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `CONTENT_BUCKET`: the bucket with what messages contain. Its name is a part of a host's, and AWS's certificates are for one without dots:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
///
/// # Errors
/// When it is not set, or is no such name.
pub fn content_bucket() -> Result<String, ConfigError> {
    const NAME: &str = "CONTENT_BUCKET";
    let name = required(NAME)?;
    let ours = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    if (3..=63).contains(&name.len()) && name.bytes().all(ours) {
        return Ok(name);
    }
    Err(ConfigError::Malformed {
        name: NAME,
        reason: "it must be 3 to 63 of the letters a to z, digits and hyphens".to_owned(),
    })
}

/// An optional list, its elements separated by commas.
///
/// # Errors
/// When an element can't be read.
pub fn list<T: FromStr<Err: std::fmt::Display>>(name: &'static str) -> Result<Vec<T>, ConfigError> {
    optional(name)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .map(|element| {
            element
                .parse()
                .map_err(|error: T::Err| ConfigError::Malformed {
                    name,
                    reason: error.to_string(),
                })
        })
        .collect()
}

/// An optional whole number from 1 on; `usual` where it is not set.
///
/// # Errors
/// When it is no such number.
pub fn number(name: &'static str, usual: u32) -> Result<u32, ConfigError> {
    let Some(value) = optional(name) else {
        return Ok(usual);
    };
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| ConfigError::Malformed {
        name,
        reason: "it must be a whole number from 1 on".to_owned(),
    })
}

/// `AMBIGUOUS`: what follows an attempt that ended without telling whether the message was taken, `retry` (as when it is not set) or
/// `hold`.
///
/// # Errors
/// When it is neither.
pub fn ambiguous() -> Result<Ambiguous, ConfigError> {
    const NAME: &str = "AMBIGUOUS";
    match optional(NAME).as_deref() {
        None | Some("retry") => Ok(Ambiguous::Retry),
        Some("hold") => Ok(Ambiguous::Hold),
        Some(_) => Err(ConfigError::Malformed {
            name: NAME,
            reason: "it must be retry or hold".to_owned(),
        }),
    }
}

/// Which servers may be dialled: the mail ports and those in `EXTRA_PORTS`, on public addresses but for `DENIED_NETWORKS`.
///
/// # Errors
/// Names the variable that is malformed.
pub fn dial_policy() -> Result<DialPolicy, ConfigError> {
    let policy = DialPolicy::default().with_ports(list("EXTRA_PORTS")?);
    let denied: Vec<IpNet> = list("DENIED_NETWORKS")?;
    Ok(denied.into_iter().fold(policy, DialPolicy::denying))
}

/// TLS for mail servers: it trusts the web's roots, and beside them the authorities in `PRIVATE_CA`. Each is the base64 of its certificate,
/// which is PEM without BEGIN, END and line ends: one line, as `sam deploy --guided` asks for.
///
/// # Errors
/// When one is no certificate.
fn tls() -> Result<Tls, ConfigError> {
    const NAME: &str = "PRIVATE_CA";
    let malformed = || ConfigError::Malformed {
        name: NAME,
        reason: "it must be certificates in base64, without BEGIN and END, separated by commas"
            .to_owned(),
    };
    let given: Vec<String> = list(NAME)?;
    let authorities: Result<Vec<_>, _> = given.iter().map(|it| STANDARD.decode(it)).collect();
    Tls::new(&authorities.map_err(|_| malformed())?).map_err(|_| malformed())
}

/// The way to mail servers: `EHLO_NAME` is the host name that this deployment gives in EHLO, and `PRIVATE_CA` holds authorities that vouch for
/// servers beside the web's; see also [`dial_policy`].
///
/// # Errors
/// Names the variable that is missing or malformed.
pub fn dialer() -> Result<Dialer, ConfigError> {
    let malformed = |name, reason: String| ConfigError::Malformed { name, reason };
    let ehlo_name = required("EHLO_NAME")?;
    Ok(Dialer {
        policy: dial_policy()?,
        resolver: Resolver::system()?,
        ipv6: false,
        addresses: 8,
        tls: tls()?,
        ehlo_name: Host::parse(&ehlo_name)
            .map_err(|error| malformed("EHLO_NAME", error.to_string()))?,
        deadlines: Deadlines::default(),
    })
}
