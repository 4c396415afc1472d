//! A mail server's reply, as it is kept and shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A reply (RFC 5321 §4.2), cleaned and capped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reply {
    /// The three-digit code.
    #[schema(example = 550)]
    pub code: u16,
    /// The enhanced status code (RFC 3463), where there is one.
    #[schema(example = "5.1.1")]
    pub enhanced: Option<String>,
    /// What it says, without codes, its lines joined by spaces.
    pub text: String,
}
