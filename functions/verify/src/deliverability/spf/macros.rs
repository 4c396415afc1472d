//! The domains in an SPF record, with macros that each receiver fills in (RFC 7208 §7): `exists:%{ir}.%{v}._spf.example.com`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::num::NonZeroUsize;

/// The most characters of a name; of a longer one, labels are left out from its beginning (§7.3).
pub(super) const MAX_NAME: usize = 253;
/// Where a macro's value may be split.
const DELIMITERS: &str = ".-+,/_=";

/// A domain, as a record has it.
#[derive(Debug)]
pub(super) struct DomainSpec(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    /// What `%%`, `%_` and `%-` stand for.
    Special(&'static str),
    Macro(Macro),
}

#[derive(Debug)]
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
#[derive(Debug, Clone, Copy)]
enum Value {
    Sender,
    LocalPart,
    SenderDomain,
    Domain,
    Address,
    AddressKind,
    /// The server's name, in EHLO or by its address: receivers know it, we don't.
    ServerName,
    /// What only an explanation may have in it (§7.2).
    Explaining,
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
        let spec = Self(macro_string(text)?);
        let ends_well = match spec.0.last()? {
            Part::Text(end) => ends_in_top_level(end),
            Part::Special(_) | Part::Macro(_) => true,
        };
        let explains = spec.values().any(|it| matches!(it, Value::Explaining));
        (ends_well && !explains).then_some(spec)
    }

    /// Whether the local part of the sender's address is in it.
    pub(super) fn has_local_part(&self) -> bool {
        self.values()
            .any(|it| matches!(it, Value::Sender | Value::LocalPart))
    }

    fn values(&self) -> impl Iterator<Item = Value> {
        self.0.iter().filter_map(|part| match part {
            Part::Macro(it) => Some(it.value),
            Part::Text(_) | Part::Special(_) => None,
        })
    }

    /// The name for this mail, in the record of `domain`; none where a macro stands for what is not known.
    pub(super) fn expand(&self, mail: Mail<'_>, domain: &str) -> Option<String> {
        // From its end, as a record may have thousands of macros and a name has an end.
        let (mut parts, mut length) = (Vec::new(), 0);
        for part in self.0.iter().rev() {
            let part = match part {
                Part::Text(text) => Cow::Borrowed(text.as_str()),
                Part::Special(text) => Cow::Borrowed(*text),
                Part::Macro(it) => Cow::Owned(it.expand(mail, domain)?),
            };
            length += part.len();
            parts.push(part);
            if length > MAX_NAME + ".".len() {
                break;
            }
        }
        parts.reverse();
        let expanded = parts.concat();
        let mut name = expanded.strip_suffix('.').unwrap_or(&expanded);
        while name.len() > MAX_NAME
            && let Some((_, shorter)) = name.split_once('.')
        {
            name = shorter;
        }
        Some(name.to_owned())
    }
}

/// Whether a text could stand in a record, as the value of a modifier that nobody knows.
pub(super) fn is_macro_string(text: &str) -> bool {
    macro_string(text).is_some()
}

/// Reads a `macro-string` (§7.1).
fn macro_string(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, special)) = rest.split_once('%') {
        if !literal.is_empty() {
            parts.push(Part::Text(literal.to_owned()));
        }
        let (part, after) = match special.split_at_checked(1)? {
            ("%", after) => (Part::Special("%"), after),
            ("_", after) => (Part::Special(" "), after),
            ("-", after) => (Part::Special("%20"), after),
            ("{", after) => {
                let (inside, after) = after.split_once('}')?;
                (Part::Macro(Macro::parse(inside)?), after)
            }
            _ => return None,
        };
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Some(parts)
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
            "c" | "r" | "t" => Value::Explaining,
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
            Self::ServerName | Self::Explaining => return None,
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
