//! Whether the server works in another way than the one that was asked for. Nobody logs in for that: what a password is given for
//! is for its owner to say.

use std::time::Duration;

use serde::Serialize;
use shared::model::encryption::Encryption;
use shared::model::host::Host;
use shared::smtp::{Deadlines, Dialer, Progress, Target};
use tokio::task::JoinSet;
use tokio::time::Instant;
use utoipa::ToSchema;

/// How long one try may take.
const TRY: Duration = Duration::from_secs(8);
/// The most names of a certificate that are tried in place of the host.
const MOST_NAMES: usize = 2;

/// A way to submit mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The port.
    pub port: u16,
    /// How the session is protected.
    pub encryption: Encryption,
}

/// The usual ways, the best first (RFC 8314 §3.3 and §7.3).
pub const USUAL: [Way; 3] = [
    Way {
        port: 465,
        encryption: Encryption::ImplicitTls,
    },
    Way {
        port: 587,
        encryption: Encryption::Starttls,
    },
    Way {
        port: 2525,
        encryption: Encryption::Starttls,
    },
];

/// Settings that work where the ones that were asked for don't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Suggestion {
    /// The mail server.
    #[schema(value_type = String, format = Hostname)]
    pub(crate) host: Host,
    /// Its port.
    pub(crate) port: u16,
    /// How the session is protected.
    pub(crate) encryption: Encryption,
}

/// Tries the other ways to `target`, and the servers that `names` (of its certificate) point to, at once; gives the best that
/// works, which is the one that changes the least.
pub(crate) async fn find_another_way(
    dialer: &Dialer,
    target: &Target,
    names: &[String],
    usual: &[Way],
    until: Instant,
) -> Option<Suggestion> {
    let until = until.min(Instant::now() + TRY);
    let dialer = Dialer {
        deadlines: dialer.deadlines.at_most(Deadlines {
            connect: TRY,
            reply: TRY,
            final_reply: TRY,
        }),
        addresses: 1,
        ..dialer.clone()
    };
    let mut candidates = candidates(target, names, usual);
    candidates.retain(|candidate| dialer.policy.permits_port(candidate.port));
    let mut tries = JoinSet::new();
    for (rank, candidate) in candidates.iter().cloned().enumerate() {
        let (dialer, wants_login) = (dialer.clone(), target.credentials.is_some());
        tries.spawn(async move { (rank, works(&dialer, candidate, wants_login, until).await) });
    }
    let mut outcomes = vec![None; candidates.len()];
    while let Some(tried) = tries.join_next().await {
        let Ok((rank, works)) = tried else {
            continue;
        };
        outcomes[rank] = Some(works);
        // It is found once everything better is known not to work.
        let open = outcomes.iter().position(|outcome| *outcome != Some(false));
        if open.is_none_or(|rank| outcomes[rank] == Some(true)) {
            break;
        }
    }
    let best = outcomes.iter().position(|outcome| *outcome == Some(true))?;
    candidates.into_iter().nth(best)
}

/// What to try, the best first: the right name, the same port, the usual ways.
fn candidates(target: &Target, names: &[String], usual: &[Way]) -> Vec<Suggestion> {
    let asked = Way {
        port: target.port,
        encryption: target.encryption,
    };
    let other = match target.encryption {
        Encryption::ImplicitTls => Encryption::Starttls,
        Encryption::Starttls | Encryption::None => Encryption::ImplicitTls,
    };
    let turned = Way {
        port: target.port,
        encryption: other,
    };
    let right_names = right_names(&target.host, names);
    let right_names = right_names.iter().flat_map(|host| {
        let ways = std::iter::once(&asked).chain(usual);
        ways.map(move |way| (host, *way))
    });
    let same_name = std::iter::once(&turned)
        .chain(usual)
        .map(|way| (&target.host, *way))
        .filter(|(_, way)| *way != asked);
    let mut candidates = Vec::new();
    for (host, Way { port, encryption }) in right_names.chain(same_name) {
        let candidate = Suggestion {
            host: host.clone(),
            port,
            encryption,
        };
        if !candidates.contains(&candidate) && encryption != Encryption::None {
            candidates.push(candidate);
        }
    }
    candidates
}

/// The names of a certificate that may stand for `host`: other ones of the same domain, as anybody may put anything else into a
/// certificate.
fn right_names(host: &Host, names: &[String]) -> Vec<Host> {
    let Host::Name(_) = host else {
        return Vec::new();
    };
    let host = host.to_ascii();
    let domain = domain(&host);
    let is_of_domain = |name: &str| {
        name.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    names
        .iter()
        .filter_map(|name| Host::parse(name).ok())
        .filter(|name| matches!(name, Host::Name(_)))
        .filter(|name| name.to_ascii() != host && is_of_domain(&name.to_ascii()))
        .take(MOST_NAMES)
        .collect()
}

/// The domain whose other names may stand for `host`: the one above it, where the host is named as servers are and what is above
/// can't be a public suffix (`co.uk`, `mi.it`), under which everybody has names; else the host itself.
fn domain(host: &str) -> &str {
    const SERVERS: [&str; 12] = [
        "smtp", "mail", "mx", "out", "email", "posta", "relay", "webmail", "imap", "pop", "pop3",
        "server",
    ];
    let Some((first, above)) = host.split_once('.') else {
        return host;
    };
    let is_server = SERVERS.contains(&first.trim_end_matches(|digit: char| digit.is_ascii_digit()));
    // Public suffixes of two labels have a short first one; longer ones are not recognised, but for the server's name.
    let is_wide = match above.split_once('.') {
        Some((label, rest)) => !rest.contains('.') && label.len() <= 3,
        None => true,
    };
    if is_server && !is_wide { above } else { host }
}

/// Whether a session can be opened this way, and offers a login where one is wanted.
async fn works(dialer: &Dialer, way: Suggestion, wants_login: bool, until: Instant) -> bool {
    let target = Target {
        host: way.host,
        port: way.port,
        encryption: way.encryption,
        credentials: None,
    };
    let opened = dialer.open(&target, until, &mut Progress::brief()).await;
    let Ok(session) = opened else {
        return false;
    };
    let works = !wants_login || session.can_log_in();
    session.quit().await;
    works
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16, encryption: Encryption) -> Target {
        Target {
            host: Host::parse(host).expect("a host"),
            port,
            encryption,
            credentials: None,
        }
    }

    fn told(target: &Target, names: &[&str]) -> Vec<String> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let candidates = candidates(target, &names, &USUAL);
        let told = candidates
            .iter()
            .map(|it| format!("{} {} {:?}", it.host, it.port, it.encryption));
        told.collect()
    }

    #[test]
    fn the_same_port_in_another_way_comes_first_and_what_failed_is_not_tried_again() {
        assert_eq!(
            told(
                &target("smtp.example.com", 587, Encryption::ImplicitTls),
                &[]
            ),
            [
                "smtp.example.com 587 Starttls",
                "smtp.example.com 465 ImplicitTls",
                "smtp.example.com 2525 Starttls"
            ]
        );
        assert_eq!(
            told(&target("smtp.example.com", 25, Encryption::None), &[]).len(),
            4
        );
    }

    #[test]
    fn the_right_name_is_one_of_the_same_domain() {
        let right = |host: &str, names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            let right = right_names(&Host::parse(host).expect("a host"), &names);
            right.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let names = [
            "*.example.com",
            "evil-example.com",
            "example.com.evil.test",
            "127.0.0.1",
            "MX.Example.com",
            "mail.example.com",
            "a.example.com",
        ];
        assert_eq!(
            right("mail.example.com", &names),
            ["mx.example.com", "a.example.com"]
        );
        assert_eq!(
            right("example.com", &["mail.example.com", "other.test"]),
            ["mail.example.com"]
        );
        assert_eq!(
            right(
                "mail.example.co.uk",
                &["smtp.other.co.uk", "smtp.example.co.uk"]
            ),
            ["smtp.example.co.uk"]
        );
        for (host, name) in [
            ("example.co.uk", "evil.co.uk"),
            ("mail.co.uk", "evil.co.uk"),
            ("mail.mi.it", "evil.mi.it"),
            ("shop.example.com", "evil.example.com"),
            ("mail.com", "evil.com"),
        ] {
            assert!(right(host, &[name]).is_empty(), "{host} {name}");
        }
        assert!(right("13.38.96.228", &["mail.example.com"]).is_empty());
    }
}
