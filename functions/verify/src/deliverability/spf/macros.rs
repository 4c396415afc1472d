//! The domains in an SPF record, with macros that each receiver fills in (RFC 7208 §7): `exists:%{ir}.%{v}._spf.example.com`.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::num::NonZeroUsize;

/// The most characters of a name; of a longer one, labels are left out from its beginning (§7.3).
const MAX_NAME: usize = 253;
/// Where a macro's value may be split.
const DELIMITERS: &str = ".-+,/_=";

/// A domain, as a record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainSpec(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Macro(Macro),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Macro {
    value: Value,
    /// How many of the parts stay, from the right.
    kept: Option<NonZeroUsize>,
    is_reversed: bool,
    /// Whether what is special in a URL is written as `%2f`.
    is_escaped: bool,
    delimiters: String,
}

/// What a macro stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Sender,
    LocalPart,
    SenderDomain,
    Domain,
    Address,
    AddressKind,
    /// The server's name, in EHLO or by its address: receivers know it, we don't.
    ServerName,
}

/// What is known of a mail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mail<'a> {
    /// The sender's address, with its domain in A-labels.
    pub(super) sender: &'a str,
    /// The address of the server that sends it.
    pub(super) server: Option<IpAddr>,
}

impl DomainSpec {
    /// Reads a `domain-spec` (§7.1): it ends in a macro or in a top-level domain, which is not a number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, special)) = rest.split_once('%') {
            parts.push(Part::Text(literal.to_owned()));
            let (part, after) = match special.split_at_checked(1)? {
                ("%", after) => (Part::Text("%".to_owned()), after),
                ("_", after) => (Part::Text(" ".to_owned()), after),
                ("-", after) => (Part::Text("%20".to_owned()), after),
                ("{", after) => {
                    let (inside, after) = after.split_once('}')?;
                    (Part::Macro(Macro::parse(inside)?), after)
                }
                _ => return None,
            };
            parts.push(part);
            rest = after;
        }
        let ends_in_macro = rest.is_empty() && !parts.is_empty();
        if !ends_in_macro && !ends_in_top_level(rest) {
            return None;
        }
        parts.push(Part::Text(rest.to_owned()));
        Some(Self(parts))
    }

    /// The name for this mail, in the record of `domain`; none where a macro stands for what is not known.
    pub(super) fn expand(&self, mail: Mail<'_>, domain: &str) -> Option<String> {
        let mut expanded = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => expanded.push_str(text),
                Part::Macro(it) => expanded.push_str(&it.expand(mail, domain)?),
            }
        }
        let mut name = expanded.strip_suffix('.').unwrap_or(&expanded);
        while name.len() > MAX_NAME
            && let Some((_, shorter)) = name.split_once('.')
        {
            name = shorter;
        }
        Some(name.to_owned())
    }
}

fn ends_in_top_level(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    name.rsplit_once('.').is_some_and(|(_, label)| {
        let mut bytes = label.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().any(|byte| !byte.is_ascii_digit())
    })
}

impl Macro {
    /// Reads what is between the braces.
    fn parse(text: &str) -> Option<Self> {
        let (letter, rest) = text.split_at_checked(1)?;
        let value = match letter.to_ascii_lowercase().as_str() {
            "s" => Value::Sender,
            "l" => Value::LocalPart,
            "o" => Value::SenderDomain,
            "d" => Value::Domain,
            "i" => Value::Address,
            "v" => Value::AddressKind,
            "p" | "h" => Value::ServerName,
            // `c`, `r` and `t` are for explanations alone (§7.2).
            _ => return None,
        };
        let digits = rest.find(|it: char| !it.is_ascii_digit());
        let (kept, rest) = rest.split_at(digits.unwrap_or(rest.len()));
        let kept = match kept {
            "" => None,
            number => Some(number.parse().ok()?),
        };
        let reversed = rest.strip_prefix(['r', 'R']);
        let delimiters = reversed.unwrap_or(rest);
        delimiters
            .chars()
            .all(|it| DELIMITERS.contains(it))
            .then(|| Self {
                value,
                kept,
                is_reversed: reversed.is_some(),
                is_escaped: letter.starts_with(|it: char| it.is_ascii_uppercase()),
                delimiters: match delimiters {
                    "" => ".".to_owned(),
                    given => given.to_owned(),
                },
            })
    }

    fn expand(&self, mail: Mail<'_>, domain: &str) -> Option<String> {
        let value = self.value.of(mail, domain)?;
        let mut parts: Vec<_> = value.split(|it| self.delimiters.contains(it)).collect();
        if self.is_reversed {
            parts.reverse();
        }
        let kept = self.kept.map_or(parts.len(), NonZeroUsize::get);
        let kept = parts[parts.len().saturating_sub(kept)..].join(".");
        Some(if self.is_escaped {
            escaped(&kept)
        } else {
            kept
        })
    }
}

impl Value {
    fn of(self, mail: Mail<'_>, domain: &str) -> Option<String> {
        let (local_part, sender_domain) = mail.sender.rsplit_once('@')?;
        Some(match self {
            Self::Sender => mail.sender.to_owned(),
            Self::LocalPart => local_part.to_owned(),
            Self::SenderDomain => sender_domain.to_owned(),
            Self::Domain => domain.to_owned(),
            Self::Address => match mail.server? {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => {
                    let nibbles = ip.octets().into_iter().flat_map(|it| [it >> 4, it & 0xf]);
                    let digits: Vec<_> = nibbles.map(|it| format!("{it:x}")).collect();
                    digits.join(".")
                }
            },
            Self::AddressKind => match mail.server? {
                IpAddr::V4(_) => "in-addr".to_owned(),
                IpAddr::V6(_) => "ip6".to_owned(),
            },
            Self::ServerName => return None,
        })
    }
}

/// All but what RFC 3986 §2.3 calls unreserved as `%2f`.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
