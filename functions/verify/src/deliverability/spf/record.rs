//! Reading one SPF record (RFC 7208 §4.5, §4.6, §5 and appendix A), as strictly as receivers do. mail-auth's own parser is lenient:
//! it passes over terms that it doesn't know, like `ipv4:`, and reads `a/33` as `a`. Its types are what its evaluator takes.

use std::net::{Ipv4Addr, Ipv6Addr};

use mail_auth::Version;
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::spf::{Directive, Macro, Mechanism, Qualifier, Spf, Variable};

/// What every record begins with.
const VERSION: &[u8] = b"v=spf1";

/// Whether a text is an SPF record of this version.
pub(super) fn is_spf(text: &[u8]) -> bool {
    text.split_at_checked(VERSION.len())
        .is_some_and(|(version, rest)| {
            version.eq_ignore_ascii_case(VERSION) && matches!(rest.first(), None | Some(b' '))
        })
}

/// Reads a record.
///
/// # Errors
/// The first term that is not one.
pub(super) fn parse(record: &[u8]) -> Result<Spf, &[u8]> {
    let mut spf = Spf {
        version: Version::V1,
        directives: Box::default(),
        exp: None,
        redirect: None,
        ra: None,
        rp: 100,
        rr: u8::MAX,
    };
    let mut directives = Vec::new();
    let terms = record.split(|byte| *byte == b' ');
    for term in terms.skip(1).filter(|term| !term.is_empty()) {
        let text = str::from_utf8(term).ok();
        let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let text = text.ok_or(term)?;
        match modifier(text) {
            Some((name, value)) => {
                let known = match name.to_ascii_lowercase().as_str() {
                    "redirect" => &mut spf.redirect,
                    "exp" => &mut spf.exp,
                    // Whoever does not know a modifier ignores it (§6).
                    _ => continue,
                };
                let given_twice = known.replace(domain_spec(value).ok_or(term)?).is_some();
                if given_twice {
                    return Err(term);
                }
            }
            None => directives.push(directive(text).ok_or(term)?),
        }
    }
    spf.directives = directives.into_boxed_slice();
    Ok(spf)
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
    let (qualifier, rest) = match term.as_bytes().first()? {
        b'+' => (Qualifier::Pass, &term[1..]),
        b'-' => (Qualifier::Fail, &term[1..]),
        b'~' => (Qualifier::SoftFail, &term[1..]),
        b'?' => (Qualifier::Neutral, &term[1..]),
        _ => (Qualifier::Pass, term),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(end);
    let value = argument.strip_prefix(':');
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if argument.is_empty() => Mechanism::All,
        "include" => Mechanism::Include {
            macro_string: domain_spec(value?)?,
        },
        "exists" => Mechanism::Exists {
            macro_string: domain_spec(value?)?,
        },
        "a" => {
            let (macro_string, ip4_mask, ip6_mask) = host(argument)?;
            Mechanism::A {
                macro_string,
                ip4_mask,
                ip6_mask,
            }
        }
        "mx" => {
            let (macro_string, ip4_mask, ip6_mask) = host(argument)?;
            Mechanism::Mx {
                macro_string,
                ip4_mask,
                ip6_mask,
            }
        }
        "ptr" => Mechanism::Ptr {
            macro_string: match value {
                Some(value) => domain_spec(value)?,
                None if argument.is_empty() => Macro::None,
                None => return None,
            },
        },
        "ip4" => {
            let (addr, length) = network(value?);
            Mechanism::Ip4 {
                addr: addr.parse::<Ipv4Addr>().ok()?,
                mask: mask4(length)?,
            }
        }
        "ip6" => {
            let (addr, length) = network(value?);
            Mechanism::Ip6 {
                addr: addr.parse::<Ipv6Addr>().ok()?,
                mask: mask6(length)?,
            }
        }
        _ => return None,
    };
    Some(Directive::new(qualifier, mechanism))
}

/// `[ ":" domain-spec ] [ "/" length ] [ "//" length ]`: whose addresses, and how much of them must be alike.
fn host(argument: &str) -> Option<(Macro, u32, u128)> {
    // A slash inside a macro is a delimiter of that macro.
    let after_macros = argument.rfind('}').map_or(0, |at| at + 1);
    let slash = argument[after_macros..].find('/');
    let (domain, lengths) = argument.split_at(slash.map_or(argument.len(), |at| after_macros + at));
    let domain = match domain.strip_prefix(':') {
        Some(domain) => domain_spec(domain)?,
        None if domain.is_empty() => Macro::None,
        None => return None,
    };
    let (v4, v6) = match lengths.split_once("//") {
        Some((v4, v6)) => (v4, Some(v6)),
        None => (lengths, None),
    };
    let v4 = match v4.strip_prefix('/') {
        Some(length) => Some(length),
        None if v4.is_empty() => None,
        None => return None,
    };
    Some((domain, mask4(v4)?, mask6(v6)?))
}

/// `address [ "/" length ]`
fn network(value: &str) -> (&str, Option<&str>) {
    match value.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (value, None),
    }
}

fn mask4(length: Option<&str>) -> Option<u32> {
    let length = prefix_length(length, 32)?;
    Some(u32::MAX.checked_shl(32 - length).unwrap_or(0))
}

fn mask6(length: Option<&str>) -> Option<u128> {
    let length = prefix_length(length, 128)?;
    Some(u128::MAX.checked_shl(128 - length).unwrap_or(0))
}

fn prefix_length(text: Option<&str>, most: u32) -> Option<u32> {
    let Some(text) = text else {
        return Some(most);
    };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = is_number && (text == "0" || !text.starts_with('0'));
    let length = text.parse().ok().filter(|_| is_number)?;
    (length <= most).then_some(length)
}

/// A domain, with macros to be filled in (§7.1). It ends in a macro or in a top-level domain, which is not a number.
fn domain_spec(text: &str) -> Option<Macro> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let ends_well = text.ends_with('}')
        || name.rsplit_once('.').is_some_and(|(_, top)| {
            top.starts_with(|first: char| first.is_ascii_alphanumeric())
                && top.bytes().any(|byte| !byte.is_ascii_digit())
        });
    let parsed = Macro::parse(text.as_bytes()).ok().filter(|_| ends_well)?;
    let only_in_explanations = variables(&parsed).any(|variable| {
        matches!(
            variable,
            Variable::SmtpIp | Variable::HostDomain | Variable::CurrentTime
        )
    });
    (!only_in_explanations).then_some(parsed)
}

/// What a macro depends on.
pub(super) fn variables(text: &Macro) -> impl Iterator<Item = Variable> {
    let parts = match text {
        Macro::List(parts) => parts,
        single => std::slice::from_ref(single),
    };
    parts.iter().filter_map(|part| match part {
        Macro::Variable { letter, .. } => Some(*letter),
        Macro::Literal(_) | Macro::List(_) | Macro::None => None,
    })
}

#[cfg(test)]
mod tests;
