//! Whether the mail server may send for the sender's domain (SPF, RFC 7208).
//!
//! First a walk through the record and all that it includes tells what is wrong with them, and which providers are included. Where
//! that does not settle it, mail-auth evaluates what the walk has read for the server's addresses.

mod record;
mod tree;

use std::net::IpAddr;

use mail_auth::spf::verify::SpfParameters;
use mail_auth::{MessageAuthenticator, Parameters, SpfResult};
use shared::dns::Resolver;

use super::Sending;
use super::dns::Unasked;
use tree::{Stop, Tree};

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The domain has no record.
    Missing,
    /// A record can't be used, and with it the domain's (permerror).
    Invalid {
        /// The domain that has it.
        at: String,
        /// Why.
        why: Invalid,
    },
    /// It takes more look-ups than receivers make (§4.6.4).
    TooManyLookups,
    /// It does not let the server send.
    NotCovered,
}

/// Why a record can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// There are several (§4.5).
    Several,
    /// This term of it is none.
    Term(String),
    /// There is none, and another includes it (§5.2).
    Absent,
    /// It leads to itself.
    Loop,
}

/// Asks for the record of the sender's domain and judges it. With addresses, the server is covered when one of them passes; without,
/// when its provider is included.
///
/// # Errors
/// When it can't be found out.
pub(super) async fn check(
    resolver: &Resolver,
    sending: &Sending<'_>,
    addresses: &[IpAddr],
) -> Result<Option<Flaw>, Unasked> {
    match judge(resolver, sending, addresses).await {
        Ok(()) => Ok(None),
        Err(Stop::Flaw(flaw)) => Ok(Some(flaw)),
        Err(Stop::Unasked(unasked)) => Err(unasked),
    }
}

async fn judge(
    resolver: &Resolver,
    sending: &Sending<'_>,
    addresses: &[IpAddr],
) -> Result<(), Stop> {
    if addresses.is_empty() {
        let tree = tree::walk(resolver, sending, None).await?;
        return match sending.provider.map(|provider| provider.spf) {
            // Where a provider's customers include nothing, it sends in its own name; an unknown address can't be covered or not.
            None | Some([]) => Ok(()),
            Some(_) if tree.depends_on_server => Ok(()),
            Some(domains) if tree.includes(domains) => Ok(()),
            Some(_) => Err(Flaw::NotCovered.into()),
        };
    }
    for address in addresses {
        let tree = tree::walk(resolver, sending, Some(*address)).await?;
        match evaluate(resolver, sending, *address, &tree).await {
            SpfResult::Pass => return Ok(()),
            SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral | SpfResult::None => {}
            SpfResult::TempError if tree.depends_on_server => return Ok(()),
            SpfResult::TempError => return Err(Unasked.into()),
            // What is left after the walk: an `mx` of more than ten servers.
            SpfResult::PermError => return Err(Flaw::TooManyLookups.into()),
        }
    }
    Err(Flaw::NotCovered.into())
}

async fn evaluate(
    resolver: &Resolver,
    sending: &Sending<'_>,
    address: IpAddr,
    tree: &Tree,
) -> SpfResult {
    let (host, sender) = (sending.host.to_ascii(), sending.sender.to_wire());
    let parameters = SpfParameters::verify_mail_from(address, &host, &host, &sender);
    MessageAuthenticator(resolver.client().clone())
        .verify_spf(Parameters::new(parameters).with_txt_cache(tree))
        .await
        .result()
}
