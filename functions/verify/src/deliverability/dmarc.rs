//! What the domain asks receivers to do with mail that is not proven to be its own (RFC 7489).

use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::dmarc::{Dmarc, Policy};
use mail_auth::{DnsError, Error};
use shared::dns::Resolver;

use crate::dns::{Unasked, texts};

/// The most names that are asked. A record is at the domain or at its organization, which is seldom far.
const MAX_NAMES: usize = 5;

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// There is no record.
    Missing,
    /// There are several, so that none counts (§6.6.3).
    Several {
        /// The name that has them.
        at: String,
    },
    /// The record has no policy that could be followed.
    Unreadable {
        /// The name that has it.
        at: String,
    },
    /// The policy is to do nothing.
    None {
        /// The name of the record.
        at: String,
        /// Whether it is the one for the organization's subdomains.
        inherited: bool,
    },
}

/// Asks for the record of `domain` (A-labels), or else of the nearest domain above it that has one. Which of those is the
/// organization's would take a list of public suffixes to tell; records of suffixes themselves are rare, and then meant for all.
///
/// # Errors
/// When it can't be found out.
pub(super) async fn check(resolver: &Resolver, domain: &str) -> Result<Option<Flaw>, Unasked> {
    for (level, owner) in owners(domain).into_iter().enumerate() {
        let at = format!("_dmarc.{owner}");
        let texts = texts(resolver, &at).await?;
        let records = texts.iter().map(|text| Dmarc::parse(text));
        let mut records =
            records.filter(|it| !matches!(it, Err(Error::Dns(DnsError::InvalidRecordType))));
        let Some(record) = records.next() else {
            continue;
        };
        if records.next().is_some() {
            return Ok(Some(Flaw::Several { at }));
        }
        let inherited = level > 0;
        // Without a policy for subdomains, the parser has put the domain's own there.
        let policy = record.map(|it| if inherited { it.sp } else { it.p });
        return Ok(match policy {
            Ok(Policy::Quarantine | Policy::Reject) => None,
            Ok(Policy::None) => Some(Flaw::None { at, inherited }),
            Ok(Policy::Unspecified) | Err(_) => Some(Flaw::Unreadable { at }),
        });
    }
    Ok(Some(Flaw::Missing))
}

/// The domain and those above it that have at least two labels; of many, the ends.
fn owners(domain: &str) -> Vec<&str> {
    let mut owners: Vec<_> = std::iter::successors(Some(domain), |it| Some(it.split_once('.')?.1))
        .filter(|owner| owner.contains('.'))
        .collect();
    if owners.len() > MAX_NAMES {
        owners.drain(1..=owners.len() - MAX_NAMES);
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_looked_for_from_the_domain_up_and_never_at_a_single_label() {
        assert_eq!(owners("example.com"), ["example.com"]);
        assert_eq!(
            owners("a.b.example.com"),
            ["a.b.example.com", "b.example.com", "example.com"]
        );
        assert_eq!(
            owners("a.b.c.d.e.f.example.com"),
            [
                "a.b.c.d.e.f.example.com",
                "d.e.f.example.com",
                "e.f.example.com",
                "f.example.com",
                "example.com"
            ]
        );
    }
}
