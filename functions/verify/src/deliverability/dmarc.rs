//! What the domain asks receivers to do with mail that is not proven to be its own (RFC 7489).

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
        let mut records = texts.iter().filter_map(|text| tags(text));
        let Some(record) = records.next() else {
            continue;
        };
        if records.next().is_some() {
            return Ok(Some(Flaw::Several { at }));
        }
        let inherited = level > 0;
        return Ok(match policy(&record, inherited) {
            Some(Policy::None) => Some(Flaw::None { at, inherited }),
            Some(Policy::Quarantine | Policy::Reject) => None,
            None => Some(Flaw::Unreadable { at }),
        });
    }
    Ok(Some(Flaw::Missing))
}

/// What a record asks receivers to do with a mail that fails (§6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    None,
    Quarantine,
    Reject,
}

/// The tags of a DMARC record, each with its value; nothing where the text is none. Its version comes first (§6.3).
fn tags(text: &[u8]) -> Option<Vec<(String, String)>> {
    let text = String::from_utf8_lossy(text);
    let (version, rest) = text.split_once(';').unwrap_or((&text, ""));
    if tag(version)? != ("v".to_owned(), "DMARC1".to_owned()) {
        return None;
    }
    Some(rest.split(';').filter_map(tag).collect())
}

/// `name=value`, with blanks around each (§6.4).
fn tag(text: &str) -> Option<(String, String)> {
    let blank = [' ', '\t'];
    let (name, value) = text.split_once('=')?;
    let name = name.trim_matches(blank).to_ascii_lowercase();
    Some((name, value.trim_matches(blank).to_owned()))
}

/// The record's policy for its own domain, or for the domains below. None where `p` is missing or wrong, or `sp` is wrong (§6.6.3): what
/// receivers then do, "nothing" or "nothing but reports", is no policy either.
fn policy(tags: &[(String, String)], inherited: bool) -> Option<Policy> {
    let read = |name: &str| {
        let mut values = tags.iter().filter(|(it, _)| it == name);
        let value = values.next().map(|(_, value)| value.to_ascii_lowercase());
        match (value.as_deref(), values.next()) {
            (Some("none"), None) => Ok(Some(Policy::None)),
            (Some("quarantine"), None) => Ok(Some(Policy::Quarantine)),
            (Some("reject"), None) => Ok(Some(Policy::Reject)),
            (None, _) => Ok(None),
            (Some(_), _) => Err(()),
        }
    };
    let (own, below) = (read("p").ok()??, read("sp").ok()?);
    Some(if inherited { below.unwrap_or(own) } else { own })
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
    fn a_record_begins_with_its_version() {
        for text in ["v=DMARC1", "v=DMARC1;p=none", " V = DMARC1 ; p=none"] {
            assert!(tags(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "",
            "v=DMARC2; p=none",
            "v=dmarc1; p=none",
            "p=none; v=DMARC1",
            "v=spf1 -all",
            ";v=DMARC1; p=none",
            "x; v=DMARC1; p=none",
            "v=DMARC1 p=none",
        ] {
            assert!(tags(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_policy_is_for_the_domain_and_those_below_unless_they_have_their_own() {
        for (record, own, below) in [
            ("p=none", Some(Policy::None), Some(Policy::None)),
            (
                "P = Reject ; rua=mailto:a@b.test;",
                Some(Policy::Reject),
                Some(Policy::Reject),
            ),
            (
                "p=quarantine; sp=none",
                Some(Policy::Quarantine),
                Some(Policy::None),
            ),
            (
                "rua=mailto:p=none@b.test; pct=50; sp=REJECT; p=none",
                Some(Policy::None),
                Some(Policy::Reject),
            ),
            (
                "adkim=x; p=reject; ruf",
                Some(Policy::Reject),
                Some(Policy::Reject),
            ),
            ("", None, None),
            ("p=", None, None),
            ("p=rejected", None, None),
            ("p=reject, sp=none", None, None),
            ("sp=reject", None, None),
            ("p=reject; sp=all", None, None),
            ("p=none; p=none", None, None),
        ] {
            let tags = tags(format!("v=DMARC1; {record}").as_bytes()).expect("a record");
            assert_eq!(
                (policy(&tags, false), policy(&tags, true)),
                (own, below),
                "{record}"
            );
        }
    }

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

    proptest::proptest! {
        #[test]
        fn any_octets_are_read_without_a_panic(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
            if let Some(tags) = tags(&[b"v=DMARC1;".as_slice(), &text].concat()) {
                let _ = policy(&tags, true);
            }
        }
    }
}
