//! What people are told about a failure, in their language: what happened, and what to do next. Codes are for programs and
//! never change with the language; these words may.

mod english;
mod italian;
mod table;

use std::net::IpAddr;

use shared::model::provider::{Provider, ProviderId};
use shared::model::timestamp::Timestamp;
use shared::smtp::FailureCode;

use crate::language::Language;

pub use table::{describe_codes, failure_table};

/// The most names of a certificate that a hint lists.
const MAX_NAMES: usize = 5;

/// A failure in words.
struct Words {
    /// What happened: one short sentence without a full stop.
    title: &'static str,
    /// What to do next, and whom to ask if it is somebody else's to mend.
    hint: &'static str,
}

const fn words(title: &'static str, hint: &'static str) -> Words {
    Words { title, hint }
}

/// What is added to a hint in certain circumstances.
struct Additions {
    /// A sentence about port 25.
    port_25: &'static str,
    /// The begin of a sentence that ends with addresses.
    egress_ips: &'static str,
    /// The begin of a sentence that ends with names.
    certificate_names: &'static str,
    /// The begin of a sentence that ends with a time.
    not_before: &'static str,
}

/// What a hint may speak of besides the failure itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    /// Whose server it is, if a known provider's.
    pub(crate) provider: Option<&'static Provider>,
    /// The port that was dialled.
    pub(crate) port: u16,
    /// The addresses that we come from; a server's firewall must let them in.
    pub(crate) egress_ips: &'a [IpAddr],
    /// The names that the server's certificate is for, as it gives them.
    pub(crate) certificate_names: &'a [String],
    /// The enhanced status code of the reply (RFC 3463), like `5.7.139`.
    pub(crate) enhanced: Option<&'a str>,
    /// Until when the login is not tried again, where it was not tried this time.
    pub(crate) not_before: Option<Timestamp>,
}

/// What happened, in one short sentence without a full stop.
pub(crate) const fn title(code: FailureCode, language: Language) -> &'static str {
    general(code, language).title
}

/// What to do next, for this provider where it has a way of its own.
pub(crate) fn hint(
    code: FailureCode,
    circumstances: &Circumstances<'_>,
    language: Language,
) -> String {
    let for_provider = circumstances
        .provider
        .and_then(|provider| for_provider(provider.id, code, circumstances.enhanced, language));
    let mut sentences = vec![
        for_provider
            .unwrap_or(general(code, language).hint)
            .to_owned(),
    ];
    let additions = match language {
        Language::English => english::ADDITIONS,
        Language::Italian => italian::ADDITIONS,
    };
    if code == FailureCode::ConnectTimedOut && circumstances.port == 25 {
        sentences.push(additions.port_25.to_owned());
    }
    if is_about_where_we_come_from(code) && !circumstances.egress_ips.is_empty() {
        let ips = circumstances.egress_ips.iter().map(ToString::to_string);
        let ips = ips.collect::<Vec<_>>().join(", ");
        sentences.push(format!("{} {ips}.", additions.egress_ips));
    }
    if code == FailureCode::CertificateWrongName
        && let Some(names) = names(circumstances.certificate_names)
    {
        sentences.push(format!("{} {names}", additions.certificate_names));
    }
    if let Some(time) = circumstances.not_before {
        let minutes = time
            .to_string()
            .chars()
            .take("2026-01-01T00:05".len())
            .collect::<String>();
        let minutes = minutes.replace('T', " ");
        sentences.push(format!("{} {minutes} UTC.", additions.not_before));
    }
    sentences.join(" ")
}

/// Whether a firewall or a rule of the server may be what has to let us in.
const fn is_about_where_we_come_from(code: FailureCode) -> bool {
    matches!(
        code,
        FailureCode::ConnectTimedOut
            | FailureCode::ConnectionRefused
            | FailureCode::GreetingRefused
            | FailureCode::BlockedByPolicy
    )
}

const fn general(code: FailureCode, language: Language) -> Words {
    match language {
        Language::English => english::general(code),
        Language::Italian => italian::general(code),
    }
}

/// The hint that takes the place of the general one for a provider's servers.
fn for_provider(
    provider: ProviderId,
    code: FailureCode,
    enhanced: Option<&str>,
    language: Language,
) -> Option<&'static str> {
    match language {
        Language::English => english::for_provider(provider, code, enhanced),
        Language::Italian => italian::for_provider(provider, code, enhanced),
    }
}

/// A sentence's end with the first names. A certificate is the server's own text: what doesn't look like a name isn't repeated
/// to somebody who trusts the page that it stands on.
fn names(certificate: &[String]) -> Option<String> {
    let mut names = certificate.iter().filter(|name| {
        name.len() <= 253
            && !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte))
    });
    let first: Vec<_> = names.by_ref().take(MAX_NAMES).map(String::as_str).collect();
    if first.is_empty() {
        return None;
    }
    let end = if names.next().is_some() { ", …" } else { "." };
    Some(format!("{}{end}", first.join(", ")))
}

#[cfg(test)]
mod tests;
