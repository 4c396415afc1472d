//! Whether mail to the sender has somewhere to go.

use shared::smtp::Dialer;

use crate::dns::{Unasked, addresses, exchanges};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Neither an MX record nor an address that mail could go to.
    Nowhere,
    /// No MX record, so that mail goes to the domain's own address (RFC 5321 §5.1), which is seldom meant.
    ByAddress,
    /// The domain says that it takes no mail (null MX, RFC 7505).
    Refused,
}

/// Where servers take mail from each other.
const PORT: u16 = 25;

/// Asks for the servers that take mail for `domain` (A-labels).
///
/// # Errors
/// When they can't be found out.
pub(super) async fn check(dialer: &Dialer, domain: &str) -> Result<Option<Flaw>, Unasked> {
    let found = exchanges(&dialer.resolver, domain).await?;
    if found.iter().any(|record| !record.exchange.is_root()) {
        return Ok(None);
    }
    if !found.is_empty() {
        return Ok(Some(Flaw::Refused));
    }
    let fallback = addresses(dialer, domain, PORT).await?;
    Ok(Some(if fallback.is_empty() {
        Flaw::Nowhere
    } else {
        Flaw::ByAddress
    }))
}
