//! Identifiers: a prefix that says of what, and a ULID, which sorts by time of creation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use super::field::{FieldCode, Invalid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// The identifier made of this ULID.
            #[must_use]
            pub const fn new(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// The part of the identifier that is chance, for spreading things evenly.
            #[must_use]
            pub fn random_part(self) -> u128 {
                self.0.random()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                text.strip_prefix($prefix)
                    .and_then(|ulid| Ulid::from_string(ulid).ok())
                    .map(Self)
                    // A ULID reads in lower case and with look-alikes too; one thing has one name here.
                    .filter(|id| id.to_string() == text)
                    .ok_or_else(|| Invalid::new(FieldCode::NotAnId, concat!("is not an identifier of the form ", $prefix, "…")))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Names a connection of a tenant.
    ConnectionId,
    "conn_"
);
id!(
    /// Names a message of a tenant.
    MessageId,
    "msg_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = ConnectionId::new(Ulid::from_parts(1, 2));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_or_in_another_spelling_is_refused() {
        let id = ConnectionId::new(Ulid::from_parts(1_700_000_000_000, 12_345)).to_string();
        for text in [
            id.replace("conn_", "msg_"),
            id.to_lowercase(),
            id[..id.len() - 1].to_owned(),
            String::new(),
        ] {
            assert!(text.parse::<ConnectionId>().is_err(), "{text}");
        }
    }
}
