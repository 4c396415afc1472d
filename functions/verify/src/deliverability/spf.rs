//! Whether the mail server may send for the sender's domain (SPF, RFC 7208).
//!
//! What is wrong with the records and which providers are included matters as much as the verdict, and what is asked of DNS is bounded
//! and kept apart from what is internal; so the evaluator is our own (`docs/decisions/0007-dns-and-spf.md`).

mod evaluation;
mod hosts;
mod macros;
mod record;

use std::net::IpAddr;

use shared::smtp::Dialer;

use super::Sending;
use crate::dns::Unasked;
use evaluation::{Stop, evaluate};
use hosts::Unknown;

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
    let evaluation = evaluate(dialer, sending, address).await?;
    if address.is_none() {
        // Of some providers it is not known what their customers include; an unknown address can't be covered or not.
        let is_known = sending.provider.is_some_and(|it| !it.spf.is_empty());
        if is_known && !evaluation.covers_provider && !evaluation.is_incomplete {
            return Err(Flaw::NotCovered.into());
        }
        return Ok(());
    }
    match evaluation.passes {
        Ok(true) | Err(Unknown::Unjudged) => Ok(()),
        Ok(false) => Err(Flaw::NotCovered.into()),
        Err(Unknown::TooManyVoid) => Err(Flaw::Invalid {
            at: sending.domain.clone(),
            why: Invalid::Void,
        }
        .into()),
        Err(Unknown::Unasked) => Err(Unasked.into()),
    }
}
