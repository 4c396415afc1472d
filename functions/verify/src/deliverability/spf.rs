//! Whether the mail server may send for the sender's domain (SPF, RFC 7208).
//!
//! First a walk through the record and all that it names tells what is wrong with them, and which providers are included. Where that
//! does not settle it, mail-auth evaluates what the walk has read for the server's address. It asks nobody itself: what it got from
//! DNS would not be bounded, nor kept apart from what is internal.

mod answers;
mod hosts;
mod record;
mod tree;

use std::collections::HashMap;
use std::net::IpAddr;

use mail_auth::spf::verify::SpfParameters;
use mail_auth::{MessageAuthenticator, Parameters, SpfResult};
use shared::dns::Resolver;
use shared::smtp::Dialer;

use super::Sending;
use crate::dns::Unasked;
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
    /// Of the names that it looks up, more do not exist than receivers put up with (§4.6.4).
    Void,
}

/// Asks for the record of the sender's domain and judges it. With an address, the server is covered when that passes; without, when
/// its provider is included.
///
/// # Errors
/// When it can't be found out.
pub(super) async fn check(
    dialer: &Dialer,
    sending: &Sending<'_>,
    address: Option<IpAddr>,
) -> Result<Option<Flaw>, Unasked> {
    match judge(dialer, sending, address).await {
        Ok(()) => Ok(None),
        Err(Stop::Flaw(flaw)) => Ok(Some(flaw)),
        Err(Stop::Unasked(unasked)) => Err(unasked),
    }
}

async fn judge(
    dialer: &Dialer,
    sending: &Sending<'_>,
    address: Option<IpAddr>,
) -> Result<(), Stop> {
    let tree = tree::walk(dialer, sending, address).await?;
    let Some(address) = address else {
        return match sending.provider.map(|provider| provider.spf) {
            // Of some providers it is not known what their customers include; an unknown address can't be covered or not.
            None | Some([]) => Ok(()),
            Some(_) if tree.is_incomplete => Ok(()),
            Some(domains) if tree.includes(domains) => Ok(()),
            Some(_) => Err(Flaw::NotCovered.into()),
        };
    };
    match evaluate(sending, address, &tree).await {
        SpfResult::Pass => Ok(()),
        SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral | SpfResult::None => {
            Err(Flaw::NotCovered.into())
        }
        SpfResult::TempError | SpfResult::PermError if tree.is_incomplete => Ok(()),
        SpfResult::TempError | SpfResult::PermError if tree.has_too_many_void => {
            Err(Flaw::Invalid {
                at: sending.domain.clone(),
                why: Invalid::Void,
            }
            .into())
        }
        SpfResult::TempError | SpfResult::PermError => Err(Unasked.into()),
    }
}

async fn evaluate(sending: &Sending<'_>, address: IpAddr, tree: &Tree<'_>) -> SpfResult {
    let Some(hosts) = &tree.hosts else {
        return SpfResult::TempError;
    };
    let (host, sender) = (sending.host.to_ascii(), sending.sender.to_wire());
    let parameters = SpfParameters::verify_mail_from(address, &host, &host, &sender);
    let records = tree.records();
    let parameters = Parameters::new(parameters)
        .with_txt_cache(&records)
        .with_mx_cache(&hosts.exchanges)
        .with_ipv4_cache(&hosts.v4)
        .with_ipv6_cache(&hosts.v6);
    let nobody = Resolver::fixed(&HashMap::new());
    MessageAuthenticator(nobody.client().clone())
        .verify_spf(parameters)
        .await
        .result()
}
