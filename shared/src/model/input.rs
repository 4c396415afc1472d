//! A field of a request as it came: absent, null, of the wrong type or a value. Reading it never fails, so one bad field
//! can't hide the others; the door that makes the domain type reports them all.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::field::{FieldCode, FieldErrors};

/// What a request says of one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Input<T> {
    /// Not mentioned: in a merge patch, "leave as it is".
    #[default]
    Absent,
    /// `null`: in a merge patch (RFC 7396), "remove".
    Null,
    /// Of another JSON type.
    Wrong,
    /// A value of the right type.
    Value(T),
}

/// The fields that a request holds and its operation doesn't know.
pub type Unknown = BTreeMap<String, serde_json::Value>;

/// A JSON type that a field may have, with its name in an error message.
pub trait JsonType {
    /// Completes "must be …".
    const NAME: &'static str;
}

impl JsonType for String {
    const NAME: &'static str = "a string";
}
impl JsonType for bool {
    const NAME: &'static str = "true or false";
}
impl JsonType for i64 {
    const NAME: &'static str = "a whole number";
}
impl<T> JsonType for Vec<T> {
    const NAME: &'static str = "an array";
}
impl<T> JsonType for BTreeMap<String, T> {
    const NAME: &'static str = "an object";
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of `Value`, so that a wrong type is a state of the field and not the end of the reading. serde's own message
        // is dropped on purpose: it quotes the value, which may be a password.
        let value = serde_json::Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Self::Null);
        }
        Ok(deserialize_owned(value).map_or(Self::Wrong, Self::Value))
    }
}

fn deserialize_owned<'de, T: Deserialize<'de>>(value: serde_json::Value) -> Option<T> {
    T::deserialize(value).ok()
}

impl<T: JsonType> Input<T> {
    /// The value; `None` where it is absent, null or wrong (which is noted).
    pub fn optional(self, pointer: &str, errors: &mut FieldErrors) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
            Self::Wrong => {
                errors.push(
                    pointer,
                    FieldCode::WrongType,
                    format!("must be {}", T::NAME),
                );
                None
            }
        }
    }

    /// The value; absent and null are errors too.
    pub fn required(self, pointer: &str, errors: &mut FieldErrors) -> Option<T> {
        if matches!(self, Self::Absent | Self::Null) {
            errors.push(
                pointer,
                FieldCode::Required,
                format!("is required: give {}", T::NAME),
            );
        }
        self.optional(pointer, errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        name: Input<String>,
        #[serde(default)]
        port: Input<i64>,
        #[serde(flatten)]
        unknown: Unknown,
    }

    #[test]
    fn absent_null_wrong_and_value_are_told_apart() {
        let read = |json: &str| serde_json::from_str::<Request>(json).map(|r| (r.name, r.port));
        assert_eq!(read("{}").ok(), Some((Input::Absent, Input::Absent)));
        assert_eq!(
            read(r#"{"name": null, "port": "x"}"#).ok(),
            Some((Input::Null, Input::Wrong))
        );
        assert_eq!(
            read(r#"{"name": "a", "port": 25}"#).ok(),
            Some((Input::Value("a".to_owned()), Input::Value(25)))
        );
        assert_eq!(
            read(r#"{"port": 25.5}"#).ok(),
            Some((Input::Absent, Input::Wrong))
        );
    }

    #[test]
    fn unknown_fields_are_kept_for_the_door_to_refuse() {
        let request: Request = serde_json::from_str(r#"{"nmae": 1, "name": "a"}"#).expect("reads");
        assert!(request.unknown.contains_key("nmae"));
    }
}
