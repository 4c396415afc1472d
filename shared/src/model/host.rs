//! The name or address of a mail server.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

use super::field::{FieldCode, Invalid};
use super::text::no_control_characters;

/// A DNS name or an IP address, spelled in its one canonical way. Its text reads back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Host {
    /// A DNS name, in lower case; an internationalised one in Unicode.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

impl Host {
    /// Reads a host as people paste it: surrounding spaces, capitals and a final dot don't matter.
    ///
    /// # Errors
    /// When it holds a scheme, a port or a path, or is neither a DNS name (RFC 1123, IDN by UTS 46) nor an address in the
    /// usual notation: `0x7f.1`, `2130706433` and their kind are refused, as resolvers turn them into addresses.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        no_control_characters(text)?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid::new(
                FieldCode::Required,
                "must not be empty: give the mail server's name, like smtp.example.com",
            ));
        }
        if text.contains("://") || text.contains('/') {
            return Err(not_a_hostname(
                "give the name alone, without https:// or a path",
            ));
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(IpAddr::V4(ip)));
        }
        if let Ok(ip) = text
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<Ipv6Addr>()
        {
            return Ok(Self::Ip(IpAddr::V6(ip)));
        }
        if text.contains(':') {
            return Err(not_a_hostname(
                "give the name alone; the port has its own field",
            ));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let ascii = domain_to_ascii(name).ok_or_else(|| {
            not_a_hostname("give a DNS name, like smtp.example.com, or an IP address")
        })?;
        if ends_in_a_number(&ascii) {
            return Err(not_a_hostname(
                "looks like a number: give a DNS name or an address in the usual notation, like 192.0.2.1",
            ));
        }
        let (unicode, _) = Uts46::new().to_unicode(
            ascii.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
        );
        Ok(Self::Name(unicode.into_owned()))
    }

    /// The name as DNS and TLS take it (A-labels), or the address.
    #[must_use]
    pub fn to_ascii(&self) -> String {
        match self {
            Self::Name(name) => domain_to_ascii(name)
                .unwrap_or(Cow::Borrowed(name))
                .into_owned(),
            Self::Ip(ip) => ip.to_string(),
        }
    }
}

fn not_a_hostname(detail: &str) -> Invalid {
    Invalid::new(FieldCode::NotAHostname, detail)
}

/// The A-label form of a domain, in lower case; `None` where it isn't one: labels of letters, digits and inner hyphens, at
/// most 63 octets each and 253 in all.
#[must_use]
pub fn domain_to_ascii(domain: &str) -> Option<Cow<'_, str>> {
    Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .ok()
}

/// Whether the last label is a number, in which case no resolver may see it (WHATWG URL, "ends in a number").
#[must_use]
pub fn ends_in_a_number(ascii: &str) -> bool {
    let last = ascii.rsplit('.').next().unwrap_or(ascii);
    let hex = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

impl TryFrom<String> for Host {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(input: &str) -> Result<String, FieldCode> {
        Host::parse(input)
            .map(|host| host.to_string())
            .map_err(|invalid| invalid.code)
    }

    #[test]
    fn a_host_is_trimmed_and_put_in_lower_case_without_its_final_dot() {
        assert_eq!(
            text("  SMTP.Office365.com.  "),
            Ok("smtp.office365.com".to_owned())
        );
        assert_eq!(text("localhost"), Ok("localhost".to_owned()));
    }

    #[test]
    fn an_internationalised_name_is_kept_in_unicode_and_dialled_in_a_labels() {
        let host = Host::parse("smtp.BÜCHER.example").expect("a host");
        assert_eq!(host.to_string(), "smtp.bücher.example");
        assert_eq!(host.to_ascii(), "smtp.xn--bcher-kva.example");
        assert_eq!(Host::parse("smtp.xn--bcher-kva.example"), Ok(host));
    }

    #[test]
    fn an_address_in_the_usual_notation_is_an_address() {
        assert_eq!(text("13.38.96.228"), Ok("13.38.96.228".to_owned()));
        assert_eq!(text("[2606:4700::1111]"), Ok("2606:4700::1111".to_owned()));
    }

    #[test]
    fn a_scheme_a_path_a_port_or_other_text_is_refused() {
        for input in [
            "smtps://smtp.example.com",
            "smtp.example.com/x",
            "smtp.example.com:587",
            "user@smtp.example.com",
            "smtp example.com",
            "-smtp.example.com",
            "smtp..example.com",
            "smtp_1.example.com",
            ".",
            "*.example.com",
            "a,b",
            &"a".repeat(64),
            &format!("{}.com", "a.".repeat(125)),
        ] {
            assert_eq!(text(input), Err(FieldCode::NotAHostname), "{input}");
        }
        assert_eq!(text("   "), Err(FieldCode::Required));
        assert_eq!(
            text("smtp.example.com\r\nQUIT"),
            Err(FieldCode::ControlCharacter)
        );
    }

    #[test]
    fn numbers_that_resolvers_read_as_addresses_are_refused() {
        for input in [
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "127.0.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.0x1",
            "1.2.3.4.5",
            "256.1.1.1",
            "127。0。0。1",
            "１２７.０.０.１",
            "127.0.0.1.",
            "①②⑦.⓪.⓪.①",
            "0x",
            "a.1",
        ] {
            assert_eq!(text(input), Err(FieldCode::NotAHostname), "{input}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back_as_itself(input in "\\PC{0,40}") {
            if let Ok(host) = Host::parse(&input) {
                prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
            }
        }
    }
}
