//! Mail addresses.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::field::{FieldCode, Invalid};
use super::host::{domain_to_ascii, ends_in_a_number};
use super::text::no_control_characters;

/// An address `local@domain` (RFC 5321 §4.1.2, with UTF-8 by RFC 6531): a dot-atom and a domain of at least two labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    address: String,
    at: usize,
}

impl EmailAddress {
    /// The most octets that an address may have on the wire (RFC 5321 §4.5.3.1.3, less the angle brackets).
    pub const MAX_OCTETS: usize = 254;

    /// Reads an address; surrounding spaces don't matter.
    ///
    /// # Errors
    /// When it is empty, too long, or not an address. Quoted local parts and address literals are refused.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        no_control_characters(text)?;
        let address = text.trim();
        if address.is_empty() {
            return Err(Invalid::new(
                FieldCode::Required,
                "must not be empty: give an address like name@example.com",
            ));
        }
        let not_an_email = |detail| Invalid::new(FieldCode::NotAnEmail, detail);
        let Some((local, domain)) = address.rsplit_once('@') else {
            return Err(not_an_email(
                "has no @: give an address like name@example.com",
            ));
        };
        if !is_dot_atom(local) {
            return Err(not_an_email(
                "the part before the @ is not valid: give an address like name@example.com, without a display name",
            ));
        }
        let Some(ascii) =
            domain_to_ascii(domain).filter(|ascii| ascii.contains('.') && !ends_in_a_number(ascii))
        else {
            return Err(not_an_email(
                "the part after the @ is not a domain: give an address like name@example.com",
            ));
        };
        if local.len() > 64 {
            return Err(Invalid::new(
                FieldCode::TooLong,
                "must have at most 64 octets before the @",
            ));
        }
        if local.len() + 1 + ascii.len() > Self::MAX_OCTETS {
            return Err(Invalid::new(
                FieldCode::TooLong,
                format!("must have at most {} octets", Self::MAX_OCTETS),
            ));
        }
        Ok(Self {
            at: local.len(),
            address: address.to_owned(),
        })
    }

    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        &self.address[..self.at]
    }

    /// The domain in A-labels, as SMTP without SMTPUTF8 takes it.
    #[must_use]
    pub fn ascii_domain(&self) -> String {
        let domain = &self.address[self.at + 1..];
        domain_to_ascii(domain).map_or_else(|| domain.to_owned(), std::borrow::Cow::into_owned)
    }

    /// The address for the wire: the local part as it is, the domain in A-labels.
    #[must_use]
    pub fn to_wire(&self) -> String {
        format!("{}@{}", self.local_part(), self.ascii_domain())
    }

    /// Whether the address can only be sent where SMTPUTF8 (RFC 6531) is offered.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.local_part().is_ascii()
    }

    /// Whether two addresses name the same mailbox here: compared without regard to case, and the domain by its A-labels.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.local_part().to_lowercase() == other.local_part().to_lowercase()
            && self.ascii_domain() == other.ascii_domain()
    }
}

/// RFC 5322 §3.2.3 `dot-atom-text`, with UTF-8 as RFC 6531 §3.3 adds it.
fn is_dot_atom(local: &str) -> bool {
    local.split('.').all(|atom| {
        !atom.is_empty()
            && atom.chars().all(|character| {
                character.is_ascii_alphanumeric()
                    || "!#$%&'*+-/=?^_`{|}~".contains(character)
                    || (!character.is_ascii()
                        && !character.is_control()
                        && !character.is_whitespace())
            })
    })
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.address
    }
}

/// An address with the name to show for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mailbox {
    /// The address.
    #[schema(value_type = String, format = Email)]
    pub email: EmailAddress,
    /// The display name.
    pub name: Option<String>,
}

impl Mailbox {
    /// The most characters that a display name may have.
    pub const MAX_NAME: usize = 200;
}

impl From<EmailAddress> for Mailbox {
    fn from(email: EmailAddress) -> Self {
        Self { email, name: None }
    }
}

/// Reads an optional mailbox that is written as a plain address where it has no name.
pub(super) fn string_or_object<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Mailbox>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Email(EmailAddress),
        Mailbox(Mailbox),
    }
    Ok(
        Option::deserialize(deserializer)?.map(|written| match written {
            Written::Email(email) => email.into(),
            Written::Mailbox(mailbox) => mailbox,
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Result<String, FieldCode> {
        EmailAddress::parse(text)
            .map(String::from)
            .map_err(|invalid| invalid.code)
    }

    #[test]
    fn ordinary_tagged_and_internationalised_addresses_are_accepted() {
        for text in [
            "info@example.com",
            "o'neil+tag@sub.example.co.uk",
            "info@bücher.example",
            "użytkownik@example.com",
            "a@xn--bcher-kva.example",
        ] {
            assert_eq!(code(text), Ok(text.to_owned()), "{text}");
        }
        assert_eq!(
            code(" info@example.com "),
            Ok("info@example.com".to_owned())
        );
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "info",
            "@example.com",
            "info@",
            "a b@example.com",
            "a@b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a@example..com",
            "a@localhost",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "Acme <a@example.com>",
            "\"a b\"@example.com",
            "a@exa mple.com",
            "a@-x.com",
            "a,b@example.com",
        ] {
            assert_eq!(code(text), Err(FieldCode::NotAnEmail), "{text}");
        }
        assert_eq!(code(""), Err(FieldCode::Required));
        assert_eq!(
            code("a@example.com\r\nRCPT TO:<b@example.com>"),
            Err(FieldCode::ControlCharacter)
        );
    }

    #[test]
    fn an_address_has_at_most_64_octets_before_the_at_and_254_in_all() {
        assert_eq!(
            code(&format!("{}@example.com", "a".repeat(65))),
            Err(FieldCode::TooLong)
        );
        let domain = format!("{}.example.com", ["a".repeat(60).as_str(); 3].join("."));
        assert!(code(&format!("{}@{domain}", "b".repeat(254 - 1 - domain.len()))).is_ok());
        assert_eq!(
            code(&format!("{}@{domain}", "b".repeat(254 - domain.len()))),
            Err(FieldCode::TooLong)
        );
    }

    #[test]
    fn an_idn_domain_goes_on_the_wire_as_a_labels() {
        let address = EmailAddress::parse("info@BÜCHER.example").expect("valid");
        assert_eq!(address.to_wire(), "info@xn--bcher-kva.example");
        assert!(!address.needs_smtputf8());
        assert!(
            EmailAddress::parse("è@example.com")
                .expect("valid")
                .needs_smtputf8()
        );
    }

    #[test]
    fn addresses_are_matched_without_regard_to_case() {
        let address = |text| EmailAddress::parse(text).expect("valid");
        assert!(address("Info@Example.com").same_as(&address("info@example.COM")));
        assert!(address("info@bücher.example").same_as(&address("info@xn--bcher-kva.example")));
        assert!(!address("info@example.com").same_as(&address("info@example.org")));
    }
}
