//! What the SPF record of a domain says of a server, with all that it includes: `check_host()` of RFC 7208 §4.

use std::net::IpAddr;

use shared::smtp::Dialer;

use super::hosts::{Hosts, Unknown, Verdict};
use super::macros::{MAX_NAME, Mail};
use super::record::{Directive, Kind, LookUp, Mechanism, is_spf, parse};
use super::{Flaw, Invalid};
use crate::deliverability::Sending;
use crate::dns::{Unasked, texts};

/// The most look-ups that a receiver makes after the first (RFC 7208 §4.6.4).
const MAX_LOOKUPS: usize = 10;
/// The most servers of one `mx` term (§4.6.4).
const MAX_EXCHANGES: usize = 10;
/// The most characters of a term that are shown.
const MAX_TERM: usize = 64;

/// Why there is no evaluation.
#[derive(Debug)]
pub(super) enum Stop {
    Flaw(Flaw),
    Unasked(Unasked),
}

impl From<Flaw> for Stop {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl From<Unasked> for Stop {
    fn from(unasked: Unasked) -> Self {
        Self::Unasked(unasked)
    }
}

/// What the records say.
#[derive(Debug)]
pub(super) struct Evaluation {
    /// Whether the server may send. Not known without its address, nor where that hangs on a term of which it is not known whether it
    /// matches.
    pub(super) passes: Verdict,
    /// Whether a term by which servers may send means another thing for each of them.
    pub(super) is_incomplete: bool,
    /// The domains whose servers may send.
    records: Vec<String>,
}

impl Evaluation {
    /// Whether the record of one of these domains is included.
    pub(super) fn includes(&self, domains: &[&str]) -> bool {
        let mut keys = domains.iter().map(|domain| key(domain));
        keys.any(|key| self.records.contains(&key))
    }
}

/// Evaluates the record of the sender's domain, as a receiver does to whom a mail comes from `server`; without that, only the records
/// are read. All of them are, those after a term that matches as well, as any may be wrong; what else comes after it is not asked for. It ends
/// by itself: every record but the first costs one of the ten look-ups.
///
/// # Errors
/// What is wrong with the records, the first in their order; or that one of them could not be had.
pub(super) async fn evaluate(
    dialer: &Dialer,
    sending: &Sending<'_>,
    server: Option<IpAddr>,
) -> Result<Evaluation, Stop> {
    let sender = sending.sender.to_wire();
    let mut evaluator = Evaluator {
        dialer,
        mail: Mail {
            sender: &sender,
            server,
        },
        hosts: Hosts::new(dialer, sending.port, server),
        path: Vec::new(),
        lookups: 0,
        is_incomplete: false,
        records: Vec::new(),
        denied: Vec::new(),
    };
    let passes = evaluator.check_host(key(&sending.domain), false).await?;
    Ok(Evaluation {
        passes: passes.ok_or(Flaw::Missing)?,
        is_incomplete: evaluator.is_incomplete,
        records: evaluator.records,
    })
}

#[derive(Debug)]
struct Evaluator<'a> {
    dialer: &'a Dialer,
    mail: Mail<'a>,
    hosts: Hosts<'a>,
    /// The domains whose records lead to where we are.
    path: Vec<String>,
    lookups: usize,
    is_incomplete: bool,
    records: Vec<String>,
    /// The domains of whose servers a term says first that they may not send.
    denied: Vec<String>,
}

impl Evaluator<'_> {
    /// Whether the record of a domain, if it has one, lets the server send; where that is `decided` before it, only what the record leads
    /// to is read.
    async fn check_host(&mut self, domain: String, decided: bool) -> Result<Option<Verdict>, Stop> {
        let Some(directives) = self.record(&domain).await? else {
            return Ok(None);
        };
        if !self.denied.contains(&domain) {
            self.records.push(domain.clone());
        }
        self.path.push(domain);
        let mut passes = None;
        for Directive { is_pass, mechanism } in &directives {
            let before = (self.records.len(), self.is_incomplete);
            let matches = self.matches(mechanism, decided || passes.is_some()).await?;
            if !is_pass {
                self.denied.extend(self.records.split_off(before.0));
                self.is_incomplete = before.1;
            }
            let verdict = match matches {
                Ok(true) => Some(Ok(*is_pass)),
                Ok(false) => None,
                Err(unknown) => Some(Err(unknown)),
            };
            passes = passes.or(verdict);
            // Nothing after it is looked at (§5.1).
            if matches!(mechanism, Mechanism::All) {
                break;
            }
        }
        self.path.pop();
        Ok(Some(passes.unwrap_or(Ok(false))))
    }

    async fn record(&self, domain: &str) -> Result<Option<Vec<Directive>>, Stop> {
        let texts = texts(&self.dialer.resolver, domain).await?;
        let mut records = texts.iter().filter(|text| is_spf(text));
        let Some(record) = records.next() else {
            return Ok(None);
        };
        if records.next().is_some() {
            return Err(invalid(domain, Invalid::Several));
        }
        match parse(record) {
            Ok(directives) => Ok(Some(directives)),
            // Nothing in it can act on a terminal; a page escapes it, as it does all texts.
            Err(term) => {
                let term = legible(term, |it| (' '..='~').contains(&it), MAX_TERM);
                Err(invalid(domain, Invalid::Term(term)))
            }
        }
    }

    /// Whether a term of the record where we are matches the server. Where the verdict is `decided`, nothing is asked for but records.
    async fn matches(&mut self, mechanism: &Mechanism, decided: bool) -> Result<Verdict, Stop> {
        let LookUp { kind, domain } = match mechanism {
            Mechanism::All => return Ok(Ok(true)),
            Mechanism::Network(network) => {
                let matches = self.mail.server.map(|ip| network.contains(&ip));
                return Ok(matches.ok_or(Unknown::Unjudged));
            }
            Mechanism::LookUp(look_up) => look_up,
        };
        self.lookups += 1;
        if self.lookups > MAX_LOOKUPS {
            return Err(Flaw::TooManyLookups.into());
        }
        let here = self.path.last().map_or("", |domain| shown(domain));
        let name = match domain {
            // A term with a local part that is not ASCII matches nothing (RFC 8616 §4).
            Some(domain) if domain.has_local_part() && !self.mail.sender.is_ascii() => {
                return Ok(Ok(false));
            }
            Some(domain) => domain.expand(self.mail, here),
            None => Some(here.to_owned()),
        };
        let Some(name) = name.map(|name| key(&name)) else {
            return Ok(self.differs());
        };
        match kind {
            Kind::Record => Box::pin(self.include(name, decided)).await,
            // It is for receivers to find a name of the server's address.
            Kind::Pointer => Ok(self.differs()),
            _ if decided => Ok(Ok(false)),
            Kind::Host(lengths) => Ok(self.hosts.cover(&[name], *lengths).await),
            Kind::Exchanges(lengths) => match self.hosts.exchanges(&name).await {
                Ok(names) if names.len() > MAX_EXCHANGES => Err(Flaw::TooManyLookups.into()),
                Ok(names) => Ok(self.hosts.cover(&names, *lengths).await),
                Err(unknown) => Ok(Err(unknown)),
            },
            Kind::Exists => Ok(self.hosts.exists(&name).await),
        }
    }

    async fn include(&mut self, domain: String, decided: bool) -> Result<Verdict, Stop> {
        if self.path.contains(&domain) {
            return Err(invalid(&domain, Invalid::Loop));
        }
        let absent = invalid(&domain, Invalid::Absent);
        self.check_host(domain, decided).await?.ok_or(absent)
    }

    /// A term that means another thing for each server that sends.
    fn differs(&mut self) -> Verdict {
        self.is_incomplete = true;
        Err(Unknown::Unjudged)
    }
}

fn invalid(name: &str, why: Invalid) -> Stop {
    // A name may hold anything; what no host has is not repeated.
    let fit = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
    let at = legible(shown(name).as_bytes(), fit, MAX_NAME);
    Stop::Flaw(Flaw::Invalid { at, why })
}

fn key(name: &str) -> String {
    format!("{}.", shown(name).to_ascii_lowercase())
}

fn shown(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// What a stranger wrote, of these characters and no longer than that.
fn legible(text: &[u8], fit: impl Fn(char) -> bool, most: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let fitted = text.chars().map(|it| match it {
        it if fit(it) => it,
        _ => char::REPLACEMENT_CHARACTER,
    });
    let mut shown: String = fitted.take(most).collect();
    if text.chars().count() > most {
        shown.push('…');
    }
    shown
}
