//! Reading one SPF record (RFC 7208 §4.5, §4.6, §5 and §12), as strictly as receivers do: a warning that an administrator acts on has
//! to name the term that is wrong.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::macros::{DomainSpec, is_macro_string};

/// A term that may match a server.
#[derive(Debug)]
pub(super) struct Directive {
    /// Whether a server that it matches may send (`+`). Of `-`, `~` and `?`, none lets it.
    pub(super) is_pass: bool,
    pub(super) mechanism: Mechanism,
}

/// Which servers a term matches.
#[derive(Debug)]
pub(super) enum Mechanism {
    All,
    /// `ip4` and `ip6`
    Network(IpNet),
    LookUp(LookUp),
}

/// What is to be asked of DNS for a term.
#[derive(Debug)]
pub(super) struct LookUp {
    pub(super) kind: Kind,
    /// Of which domain; without one, of the record's own.
    pub(super) domain: Option<DomainSpec>,
}

/// The kinds of terms that take a look-up (§4.6.4).
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `include` and `redirect`
    Record,
    /// `a`
    Host(Lengths),
    /// `mx`
    Exchanges(Lengths),
    /// `exists`
    Exists,
    /// `ptr`
    Pointer,
}

/// How many bits of two addresses must be alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    v4: u8,
    v6: u8,
}

impl Lengths {
    /// Whether two addresses are alike, to their kind's length.
    pub(super) fn alike(self, one: IpAddr, other: IpAddr) -> bool {
        let length = match one {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        };
        IpNet::new_assert(one, length).contains(&other)
    }
}

/// What every record begins with.
const VERSION: &[u8] = b"v=spf1";

/// Whether a text is an SPF record of this version.
pub(super) fn is_spf(text: &[u8]) -> bool {
    text.split_at_checked(VERSION.len())
        .is_some_and(|(version, rest)| {
            version.eq_ignore_ascii_case(VERSION) && matches!(rest.first(), None | Some(b' '))
        })
}

/// The terms of a record, in their order. A `redirect` that counts stands last, as an `include`: what it refuses is refused there as
/// well, for nothing comes after it.
///
/// # Errors
/// The first term that is not one.
pub(super) fn parse(record: &[u8]) -> Result<Vec<Directive>, &[u8]> {
    let mut directives = Vec::new();
    let (mut redirect, mut explanation) = (None, None);
    let terms = record.split(|byte| *byte == b' ');
    for term in terms.skip(1).filter(|term| !term.is_empty()) {
        let text = str::from_utf8(term).ok();
        let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let text = text.ok_or(term)?;
        match modifier(text) {
            Some((name, value)) => {
                let known = match name.to_ascii_lowercase().as_str() {
                    "redirect" => &mut redirect,
                    "exp" => &mut explanation,
                    // Whoever does not know a modifier ignores it (§6), but for its syntax.
                    _ if is_macro_string(value) => continue,
                    _ => return Err(term),
                };
                let domain = DomainSpec::parse(value).ok_or(term)?;
                let given_twice = known.replace(domain).is_some();
                if given_twice {
                    return Err(term);
                }
            }
            None => directives.push(directive(text).ok_or(term)?),
        }
    }
    let mut mechanisms = directives.iter().map(|it: &Directive| &it.mechanism);
    let has_all = mechanisms.any(|it| matches!(it, Mechanism::All));
    // Beside `all`, a `redirect` is ignored (§6.1).
    if let (Some(domain), false) = (redirect, has_all) {
        directives.push(Directive {
            is_pass: true,
            mechanism: look_up(Kind::Record, Some(domain)),
        });
    }
    Ok(directives)
}

/// `name=value`
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name.then_some((name, value))
}

fn directive(term: &str) -> Option<Directive> {
    let (is_pass, rest) = match term.split_at_checked(1)? {
        ("+", rest) => (true, rest),
        ("-" | "~" | "?", rest) => (false, rest),
        _ => (true, term),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(end);
    let value = argument.strip_prefix(':');
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if argument.is_empty() => Mechanism::All,
        "include" => look_up(Kind::Record, Some(DomainSpec::parse(value?)?)),
        "exists" => look_up(Kind::Exists, Some(DomainSpec::parse(value?)?)),
        "a" => {
            let (domain, lengths) = host(argument)?;
            look_up(Kind::Host(lengths), domain)
        }
        "mx" => {
            let (domain, lengths) = host(argument)?;
            look_up(Kind::Exchanges(lengths), domain)
        }
        "ptr" => match value {
            Some(value) => look_up(Kind::Pointer, Some(DomainSpec::parse(value)?)),
            None if argument.is_empty() => look_up(Kind::Pointer, None),
            None => return None,
        },
        "ip4" => {
            let (address, length) = network(value?);
            let address = address.parse::<Ipv4Addr>().ok()?;
            Mechanism::Network(Ipv4Net::new_assert(address, prefix_length(length, 32)?).into())
        }
        "ip6" => {
            let (address, length) = network(value?);
            let address = address.parse::<Ipv6Addr>().ok()?;
            Mechanism::Network(Ipv6Net::new_assert(address, prefix_length(length, 128)?).into())
        }
        _ => return None,
    };
    Some(Directive { is_pass, mechanism })
}

fn look_up(kind: Kind, domain: Option<DomainSpec>) -> Mechanism {
    Mechanism::LookUp(LookUp { kind, domain })
}

/// `[ ":" domain-spec ] [ "/" length ] [ "//" length ]`: whose addresses, and how much of them must be alike. A domain may have slashes in
/// it, so that lengths are read from the end.
fn host(argument: &str) -> Option<(Option<DomainSpec>, Lengths)> {
    let (rest, v6) = split_length(argument, "//");
    let (domain, v4) = split_length(rest, "/");
    let lengths = Lengths {
        v4: prefix_length(v4, 32)?,
        v6: prefix_length(v6, 128)?,
    };
    let domain = match domain.strip_prefix(':') {
        Some(domain) => Some(DomainSpec::parse(domain)?),
        None if domain.is_empty() => None,
        None => return None,
    };
    Some((domain, lengths))
}

fn split_length<'a>(text: &'a str, slash: &str) -> (&'a str, Option<&'a str>) {
    match text.rsplit_once(slash) {
        Some((rest, length)) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            (rest, Some(length))
        }
        _ => (text, None),
    }
}

/// `address [ "/" length ]`
fn network(value: &str) -> (&str, Option<&str>) {
    match value.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (value, None),
    }
}

fn prefix_length(text: Option<&str>, most: u8) -> Option<u8> {
    let Some(text) = text else {
        return Some(most);
    };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = is_number && (text == "0" || !text.starts_with('0'));
    let length = text.parse().ok().filter(|_| is_number)?;
    (length <= most).then_some(length)
}

#[cfg(test)]
mod tests;
