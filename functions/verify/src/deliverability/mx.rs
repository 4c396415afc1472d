//! Whether mail to the sender has somewhere to go.

use hickory_resolver::proto::rr::{RData, RecordType};
use shared::dns::Resolver;

use super::dns::{Unasked, addresses, records};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Neither an MX record nor an address.
    Nowhere,
    /// No MX record, so that mail goes to the domain's own address (RFC 5321 §5.1), which is seldom meant.
    ByAddress,
    /// The domain says that it takes no mail (null MX, RFC 7505).
    Refused,
}

/// Asks for the servers that take mail for `domain` (A-labels).
///
/// # Errors
/// When they can't be found out.
pub(super) async fn check(resolver: &Resolver, domain: &str) -> Result<Option<Flaw>, Unasked> {
    let found = records(resolver, domain, RecordType::MX).await?;
    let exchanges = found.iter().filter_map(|record| match record {
        RData::MX(mx) => Some(&mx.exchange),
        _ => None,
    });
    let (null, servers): (Vec<_>, Vec<_>) = exchanges.partition(|exchange| exchange.is_root());
    if !servers.is_empty() {
        return Ok(None);
    }
    if !null.is_empty() {
        return Ok(Some(Flaw::Refused));
    }
    let fallback = addresses(resolver, domain).await?;
    Ok(Some(if fallback.is_empty() {
        Flaw::Nowhere
    } else {
        Flaw::ByAddress
    }))
}
