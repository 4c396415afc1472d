//! What a refusal is about, by its code, its enhanced status code (RFC 3463, and what the big providers make of it) and, where
//! these leave it open, by its words. The words are only ever looked at here: what goes out is one of the closed set.

use super::failure::FailureCode;
use super::reply::Reply;

/// What answered in place of a greeting, by its first bytes.
pub(super) fn stranger(bytes: &[u8], encrypted: bool) -> FailureCode {
    let starts = |prefix: &str| {
        bytes
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    match bytes {
        // A TLS record: alert or handshake.
        [0x15 | 0x16, 0x03, ..] if !encrypted => FailureCode::TlsExpected,
        _ if ["HTTP/", "<!DOCTYPE", "<html"].into_iter().any(starts) => FailureCode::HttpServer,
        _ if ["* OK", "* BYE", "* PREAUTH"].into_iter().any(starts) => FailureCode::ImapServer,
        _ if ["+OK", "-ERR"].into_iter().any(starts) => FailureCode::Pop3Server,
        _ => FailureCode::NotAMailServer,
    }
}

/// Why a server greets with something else than 220.
pub(super) fn greeting(reply: &Reply) -> FailureCode {
    match reply.code {
        400..=599 if is_policy(reply) => FailureCode::BlockedByPolicy,
        400..=499 => unavailable(reply),
        500..=599 => FailureCode::GreetingRefused,
        _ => FailureCode::NotAMailServer,
    }
}

/// What a transient refusal asks to wait for.
pub(super) fn unavailable(reply: &Reply) -> FailureCode {
    let says = said(reply);
    if says(&[
        "too many connections",
        "too many concurrent",
        "too many sessions",
        "concurrent connections",
        "connection limit",
        "connections exceeded",
        "number of connections",
        "connection rate",
    ]) {
        FailureCode::TooManyConnections
    } else {
        FailureCode::TemporarilyUnavailable
    }
}

/// Why a login failed: the answer to AUTH, before anything is taken out of it.
pub(super) fn login(reply: &Reply) -> FailureCode {
    let says = said(reply);
    let enhanced = reply.enhanced.as_deref().unwrap_or_default();
    if says(&[
        "too many login",
        "too many failed",
        "too many bad",
        "too many auth",
        "too many invalid",
        "too many unsuccessful",
        "login attempts exceeded",
        "rate limit",
    ]) {
        return FailureCode::TooManyLogins;
    }
    match (reply.code, enhanced) {
        _ if reply.is_not_now() => unavailable(reply),
        _ if reply.is_transient() => FailureCode::AuthenticationTemporarilyFailed,
        // RFC 4954 §6.
        (538, _) => FailureCode::EncryptionRequired,
        // A mechanism that is offered and not there (RFC 5321 §4.2.4), or that the server holds to be too weak (RFC 4954 §6).
        (502 | 504, _) => FailureCode::NoCommonMechanism,
        (534, _) if says(&["too weak"]) => FailureCode::NoCommonMechanism,
        _ if says(&[
            "application-specific",
            "application specific",
            "app-specific",
            "app password",
            "invalidsecondfactor",
        ]) =>
        {
            FailureCode::AppPasswordRequired
        }
        // Microsoft gives 5.7.139 for wrong credentials too, and then says so.
        (_, "5.7.139") if says(&["credentials were incorrect"]) => {
            FailureCode::AuthenticationRejected
        }
        (_, "5.7.139" | "5.7.30") => FailureCode::PasswordLoginDisabled,
        _ if says(&[
            "authentication is disabled",
            "authentication disabled",
            "auth is disabled",
            "basic authentication",
            "password authentication is not",
            "use oauth",
        ]) =>
        {
            FailureCode::PasswordLoginDisabled
        }
        // Google: an app password is needed (5.7.9), or a login in the browser, which an app password saves (5.7.14).
        (534, "5.7.9" | "5.7.14") => FailureCode::AppPasswordRequired,
        (500..=599, _) => FailureCode::AuthenticationRejected,
        _ => FailureCode::ProtocolError,
    }
}

/// Why a server refuses EHLO and HELO.
pub(super) fn hello(reply: &Reply) -> FailureCode {
    match reply.code {
        400..=599 if is_block_list(reply) => FailureCode::BlockedByPolicy,
        400..=499 => unavailable(reply),
        500..=599 => FailureCode::EhloRefused,
        _ => FailureCode::ProtocolError,
    }
}

/// Why a server refuses a sender in answer to MAIL.
pub(super) fn sender(reply: &Reply) -> FailureCode {
    match reply.code {
        200..=399 => FailureCode::ProtocolError,
        _ => message(reply, FailureCode::SenderRefused),
    }
}

/// Why a message was refused, in answer to RCPT, DATA or its final dot. Many servers hold what they think of the sender back
/// until then. `usual` is what a permanent refusal is about, if not the sender.
pub(super) fn message(reply: &Reply, usual: FailureCode) -> FailureCode {
    if let Some(code) = withheld(reply) {
        code
    } else if reply.is_transient() {
        unavailable(reply)
    } else if is_about_ownership(reply) {
        FailureCode::SenderNotOwned
    } else {
        usual
    }
}

/// What a server wants of the session before it judges sender and recipients, or why it wants nothing of us. 503 is for commands out
/// of their order, and some say it for a login that is missing.
fn withheld(reply: &Reply) -> Option<FailureCode> {
    let says = said(reply);
    let refused = matches!(reply.code, 503 | 530 | 550..=554);
    if refused && says(&["starttls"]) {
        Some(FailureCode::EncryptionRequired)
    } else if reply.code == 530
        || refused
            && says(&[
                "authentication required",
                "auth first",
                "authenticate first",
                "must authenticate",
            ])
    {
        Some(FailureCode::AuthenticationRequired)
    } else if is_block_list(reply) {
        Some(FailureCode::BlockedByPolicy)
    } else {
        None
    }
}

/// Whether a greeting and what is offered after it were blanked on their way, as firewalls that "inspect" SMTP do: asterisks for
/// the greeting, `XXXXXXXA` for STARTTLS.
pub(super) fn is_masked(greeting: &str, extensions: &[String]) -> bool {
    let stars = greeting.chars().filter(|&letter| letter == '*').count();
    let starred = stars >= 8 && stars * 2 > greeting.chars().count();
    starred || extensions.iter().any(|line| line.starts_with("XXXX"))
}

fn is_policy(reply: &Reply) -> bool {
    let enhanced = reply.enhanced.as_deref().unwrap_or_default();
    (reply.code == 554 && enhanced.starts_with("5.7."))
        || is_block_list(reply)
        || said(reply)(&["policy", "blocked", "reputation"])
}

fn is_block_list(reply: &Reply) -> bool {
    said(reply)(&[
        "blocked using",
        "block list",
        "blocklist",
        "blacklist",
        "black list",
        "is listed",
        "listed at",
        "listed in",
        "dnsbl",
        "spamhaus",
    ])
}

fn is_about_ownership(reply: &Reply) -> bool {
    // Exchange Online: "not allowed to send as this sender" (5.7.60), SendAsDenied (5.2.252).
    matches!(reply.enhanced.as_deref(), Some("5.7.60" | "5.2.252"))
        || said(reply)(&[
            "not owned",
            "send as",
            "sendas",
            "authorized to send",
            "authorised to send",
            "allowed to send",
            "permitted to send",
            "is not verified",
            "verified sender",
            "sender identity",
            "must match",
            "doesn't match",
            "does not match",
        ])
}

/// Whether the words of a reply hold one of these.
fn said(reply: &Reply) -> impl Fn(&[&str]) -> bool + use<> {
    let text = reply.text.to_lowercase();
    move |phrases| phrases.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests;
