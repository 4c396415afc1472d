//! Pages of a list.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::query::Parameters;
use crate::model::field::FieldCode;

/// The most elements of a page, and the number when none is asked for.
pub const MAX_LIMIT: usize = 100;

/// Where the next page begins: after this key. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub String);

impl Cursor {
    /// The cursor as callers see it.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }
}

/// The text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotACursor)?;
        String::from_utf8(bytes).map(Self).map_err(|_| NotACursor)
    }
}

/// Which page is asked for.
#[derive(Debug)]
pub struct PageRequest {
    /// How many elements at most.
    pub limit: usize,
    /// After which one.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// Takes `limit` and `cursor` from the query; what is wrong is noted there.
    #[must_use]
    pub fn take(parameters: &mut Parameters) -> Self {
        const RANGE: &str = "must be a whole number from 1 to 100";
        let limit = parameters
            .take("limit", FieldCode::OutOfRange, RANGE)
            .unwrap_or(MAX_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            parameters.refuse("limit", FieldCode::OutOfRange, RANGE);
        }
        let after = parameters.take(
            "cursor",
            FieldCode::NotAllowed,
            "must be the next_cursor of an earlier page",
        );
        Self { limit, after }
    }
}
