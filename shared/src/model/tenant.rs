//! The tenant, and its one-to-one form for keys and names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A customer of the SaaS, as the verified claim of the token names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tenant(String);

/// The claim can't name a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant has 1 to {} bytes", Tenant::MAX_BYTES)]
pub struct NotATenant;

impl Tenant {
    /// With three bytes for each in a key, a secret's name stays under the 512 characters that Secrets Manager allows.
    pub const MAX_BYTES: usize = 128;

    /// The tenant of this name.
    ///
    /// # Errors
    /// When the name is empty or over [`Self::MAX_BYTES`].
    pub fn new(name: impl Into<String>) -> Result<Self, NotATenant> {
        let name = name.into();
        if name.is_empty() || name.len() > Self::MAX_BYTES {
            Err(NotATenant)
        } else {
            Ok(Self(name))
        }
    }

    /// The name as the token has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for use inside keys, object names and secret names: letters, digits, `-` and `_` stand for themselves, any
    /// other byte is `=` and two hex digits. One-to-one, and free of every separator (`/`, `#`) used around it.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
                key.push(char::from(byte));
            } else {
                key.push('=');
                key.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
                key.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
            }
        }
        key
    }
}

impl TryFrom<String> for Tenant {
    type Error = NotATenant;

    fn try_from(name: String) -> Result<Self, NotATenant> {
        Self::new(name)
    }
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        tenant.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn separators_never_appear_in_a_key() {
        let key = |name: &str| Tenant::new(name).map(|tenant| tenant.key());
        assert_eq!(key("auth0|x"), Ok("auth0=7Cx".to_owned()));
        assert_eq!(key("a#b/c=d"), Ok("a=23b=2Fc=3Dd".to_owned()));
    }

    #[test]
    fn an_empty_or_overlong_name_is_refused() {
        assert_eq!(Tenant::new(""), Err(NotATenant));
        assert_eq!(Tenant::new("x".repeat(129)), Err(NotATenant));
    }

    proptest! {
        #[test]
        fn two_tenants_never_share_a_key(a in ".{1,20}", b in ".{1,20}") {
            if let (Ok(a), Ok(b)) = (Tenant::new(a), Tenant::new(b)) {
                prop_assert_eq!(a == b, a.key() == b.key());
            }
        }
    }
}
