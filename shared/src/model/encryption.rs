//! How a session to a server is protected.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::{FieldCode, Invalid};

/// The protection of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// TLS from the first byte (RFC 8314 §3.3); forms call it "SSL". Usually port 465.
    ImplicitTls,
    /// STARTTLS (RFC 3207), mandatory: without it nothing is sent; forms call it "TLS". Usually port 587.
    Starttls,
    /// No protection; refused together with a password. Usually port 25.
    None,
}

impl Encryption {
    /// The port that servers use for this protection.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::ImplicitTls => 465,
            Self::Starttls => 587,
            Self::None => 25,
        }
    }

    /// Reads the value of the field.
    ///
    /// # Errors
    /// When it is none of the three.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "implicit_tls" => Ok(Self::ImplicitTls),
            "starttls" => Ok(Self::Starttls),
            "none" => Ok(Self::None),
            _ => Err(Invalid::new(
                FieldCode::NotAllowed,
                "must be implicit_tls (what forms call SSL, port 465), starttls (what forms call TLS, port 587) or none",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_defaults_by_encryption_to_465_587_and_25() {
        let ports = ["implicit_tls", "starttls", "none"]
            .map(|text| Encryption::parse(text).map(Encryption::default_port));
        assert_eq!(ports, [Ok(465), Ok(587), Ok(25)]);
    }

    #[test]
    fn an_encryption_of_another_name_is_refused() {
        assert!(Encryption::parse("SSL").is_err());
    }
}
