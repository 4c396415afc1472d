//! What can be wrong with a field of a request, and the list that collects every such error before anything is answered.

use std::fmt::Write as _;

use serde::Serialize;
use utoipa::ToSchema;

/// The closed set of things that can be wrong with one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldCode {
    /// The field must be there and must not be empty or null.
    Required,
    /// This operation has no such field.
    UnknownField,
    /// The field exists, but only the service writes it.
    ReadOnly,
    /// Another JSON type was expected.
    WrongType,
    /// Longer than the field may be.
    TooLong,
    /// More elements than the list may hold.
    TooMany,
    /// A number outside the field's range.
    OutOfRange,
    /// Holds a control character, a line break or NUL.
    ControlCharacter,
    /// Not an address of the form `local@domain`.
    NotAnEmail,
    /// Neither a DNS name nor an IP address.
    NotAHostname,
    /// An IP address that is not public.
    NotPublic,
    /// Not one of the values that the field may have.
    NotAllowed,
    /// Not an identifier of this kind.
    NotAnId,
    /// Not standard base64 (RFC 4648 §4).
    NotBase64,
    /// Not a `type/subtype` media type.
    NotAMediaType,
    /// A password needs an encrypted connection.
    PasswordNeedsEncryption,
    /// Host, port, encryption or username changed, so the password must be given again.
    RequiredAfterChange,
    /// An inactive connection can't be the default.
    MustBeActive,
    /// Nothing with this identifier exists.
    NotFound,
    /// The same thing is given twice.
    Duplicate,
}

/// One error, at the place in the request that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, as a JSON Pointer (RFC 6901); empty for the whole body.
    pub pointer: String,
    /// What, for programs.
    pub code: FieldCode,
    /// What, and what to do, for people.
    pub detail: String,
}

/// Every field error of one request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Notes an error at `pointer`.
    pub fn push(&mut self, pointer: impl Into<String>, code: FieldCode, detail: impl Into<String>) {
        self.0.push(FieldError {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        });
    }

    /// Keeps the value of `result`, or notes its error at `pointer`.
    pub fn keep<T>(&mut self, pointer: &str, result: Result<T, Invalid>) -> Option<T> {
        result
            .map_err(|invalid| self.push(pointer, invalid.code, invalid.detail))
            .ok()
    }

    /// Refuses each key left over in `unknown`.
    pub fn refuse_unknown<'a>(
        &mut self,
        parent: &str,
        unknown: impl IntoIterator<Item = &'a String>,
    ) {
        for key in unknown {
            self.push(
                child(parent, key),
                FieldCode::UnknownField,
                "this operation has no such field: check the spelling or leave it out",
            );
        }
    }

    /// `value`, if nothing was noted.
    ///
    /// # Errors
    /// All that was noted.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, FieldErrors> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The errors, in the order they were found.
    #[must_use]
    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
}

impl From<FieldError> for FieldErrors {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

/// Why one value was refused, before it is known where it stood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// What, for programs.
    pub code: FieldCode,
    /// What, and what to do, for people.
    pub detail: String,
}

impl Invalid {
    /// An error with this code and sentence.
    pub fn new(code: FieldCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

/// The pointer of `key` inside `parent`, escaped as RFC 6901 §3 asks.
#[must_use]
pub fn child(parent: &str, key: &str) -> String {
    let mut pointer = String::with_capacity(parent.len() + key.len() + 1);
    pointer.push_str(parent);
    pointer.push('/');
    for character in key.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
    pointer
}

/// The pointer of the element `index` of the list at `parent`.
#[must_use]
pub fn element(parent: &str, index: usize) -> String {
    let mut pointer = parent.to_owned();
    let _ = write!(pointer, "/{index}");
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_tilde_and_slash() {
        assert_eq!(child("/headers", "a/b~c"), "/headers/a~1b~0c");
    }
}
