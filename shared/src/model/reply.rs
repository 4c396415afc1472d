//! A mail server's reply, as it is kept and shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A reply (RFC 5321 §4.2), cleaned: what a server wrote, without anything that could act on a terminal, a page or a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reply {
    /// The three-digit code, 200–599.
    #[schema(minimum = 200, maximum = 599, example = 550)]
    pub code: u16,
    /// The enhanced status code (RFC 3463), where the server gave one of the code's own class.
    #[schema(example = "5.1.1")]
    pub enhanced: Option<String>,
    /// What it says, without codes: all lines, cleaned and capped.
    #[schema(example = "User unknown")]
    pub text: String,
}

impl Reply {
    /// The most characters that a message's record has of each reply.
    const MAX_KEPT: usize = 500;

    /// The reply with no more text than a record has room for: one has up to a hundred of them, and an item may have 400 KB.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        if let Some((end, _)) = self.text.char_indices().nth(Self::MAX_KEPT) {
            self.text.truncate(end);
            self.text.push('…');
        }
        self
    }
}
