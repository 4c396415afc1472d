//! The password: kept out of sight by its type.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::field::{FieldCode, Invalid};
use super::input::JsonType;
use super::text::no_control_characters;

/// An SMTP password. It can't be serialised, its `Debug` is redacted, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The most bytes that a password may have.
    pub const MAX_BYTES: usize = 1024;

    /// Takes a password as it was given: nothing is trimmed.
    ///
    /// # Errors
    /// When it is empty, over [`Self::MAX_BYTES`] or holds a control character. The error never quotes it.
    pub fn parse(PasswordInput(text): PasswordInput) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new(
                FieldCode::Required,
                "must not be empty: give the password, or null to remove it",
            ));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(Invalid::new(
                FieldCode::TooLong,
                format!("must have at most {} bytes", Self::MAX_BYTES),
            ));
        }
        no_control_characters(&text)?;
        Ok(Self(text))
    }

    /// The password itself: for AUTH and for Secrets Manager, nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// A password as a request or a secret holds it, not yet checked, and just as hard to print.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct PasswordInput(Zeroizing<String>);

impl JsonType for PasswordInput {
    const NAME: &'static str = String::NAME;
}

impl From<String> for PasswordInput {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for PasswordInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordInput(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let password = Password::parse("s3cr3t-canary".to_owned().into()).expect("valid");
        assert_eq!(format!("{password:?}"), "Password(redacted)");
    }

    #[test]
    fn spaces_around_a_password_belong_to_it() {
        assert_eq!(
            Password::parse(" x ".to_owned().into())
                .expect("valid")
                .reveal(),
            " x "
        );
    }

    #[test]
    fn an_empty_an_overlong_and_a_multiline_password_are_refused_without_quoting_them() {
        for (text, code) in [
            (String::new(), FieldCode::Required),
            ("x".repeat(1025), FieldCode::TooLong),
            ("canary\r\nQUIT".to_owned(), FieldCode::ControlCharacter),
        ] {
            let invalid = Password::parse(text.into()).expect_err("refused");
            assert_eq!(invalid.code, code);
            assert!(!invalid.detail.contains("canary"));
        }
    }
}
