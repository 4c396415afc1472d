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
    /// Whether the servers of the sender's provider may send, as far as its own records are included.
    pub(super) covers_provider: bool,
    /// Whether a term by which servers may send means another thing for each of them.
    pub(super) is_incomplete: bool,
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
    let provider = sending.provider.map_or(&[][..], |provider| provider.spf);
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
        provider: provider.iter().map(|domain| key(domain)).collect(),
    };
    let found = evaluator.check_host(key(&sending.domain), false).await?;
    let found = found.ok_or(Flaw::Missing)?;
    Ok(Evaluation {
        passes: found.server,
        covers_provider: found.provider,
        is_incomplete: evaluator.is_incomplete,
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
    /// The domains that the provider has its customers include.
    provider: Vec<String>,
}

/// Whether a term matches, or a record lets send: the server, and any server of the provider.
struct Answer {
    server: Verdict,
    provider: bool,
}

impl From<Verdict> for Answer {
    /// Of the provider's servers it is told by its includes alone.
    fn from(server: Verdict) -> Self {
        Self {
            server,
            provider: false,
        }
    }
}

impl Evaluator<'_> {
    /// Who may send by the record of a domain, if it has one; where that is `decided` before it, only what the record leads to is read.
    async fn check_host(&mut self, domain: String, decided: bool) -> Result<Option<Answer>, Stop> {
        let Some(directives) = self.record(&domain).await? else {
            return Ok(None);
        };
        self.path.push(domain);
        let (mut server, mut provider) = (None, None);
        for Directive { is_pass, mechanism } in &directives {
            let was_incomplete = self.is_incomplete;
            let matches = self.matches(mechanism, decided || server.is_some()).await?;
            // By a term that refuses, nobody may send.
            self.is_incomplete = was_incomplete || (self.is_incomplete && *is_pass);
            let verdict = match matches.server {
                Ok(true) => Some(Ok(*is_pass)),
                Ok(false) => None,
                Err(unknown) => Some(Err(unknown)),
            };
            server = server.or(verdict);
            provider = provider.or(matches.provider.then_some(*is_pass));
            // Nothing after it is looked at (§5.1).
            if matches!(mechanism, Mechanism::All) {
                break;
            }
        }
        self.path.pop();
        Ok(Some(Answer {
            server: server.unwrap_or(Ok(false)),
            provider: provider.unwrap_or(false),
        }))
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

    /// Whom a term of the record where we are matches. Where the verdict is `decided`, nothing is asked for but records.
    async fn matches(&mut self, mechanism: &Mechanism, decided: bool) -> Result<Answer, Stop> {
        let LookUp { kind, domain } = match mechanism {
            Mechanism::All => {
                return Ok(Answer {
                    server: Ok(true),
                    provider: true,
                });
            }
            Mechanism::Network(network) => {
                let matches = self.mail.server.map(|ip| network.contains(&ip));
                return Ok(matches.ok_or(Unknown::Unjudged).into());
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
                return Ok(Ok(false).into());
            }
            Some(domain) => domain.expand(self.mail, here),
            None => Some(here.to_owned()),
        };
        let Some(name) = name.map(|name| key(&name)) else {
            return Ok(self.differs().into());
        };
        let server = match kind {
            Kind::Record => return Box::pin(self.include(name, decided)).await,
            // It is for receivers to find a name of the server's address.
            Kind::Pointer => self.differs(),
            _ if decided => Ok(false),
            Kind::Host(lengths) => self.hosts.cover(&[name], *lengths).await,
            Kind::Exchanges(lengths) => match self.hosts.exchanges(&name).await {
                Ok(names) if names.len() > MAX_EXCHANGES => {
                    return Err(Flaw::TooManyLookups.into());
                }
                Ok(names) => self.hosts.cover(&names, *lengths).await,
                Err(unknown) => Err(unknown),
            },
            Kind::Exists => self.hosts.exists(&name).await,
        };
        Ok(server.into())
    }

    async fn include(&mut self, domain: String, decided: bool) -> Result<Answer, Stop> {
        if self.path.contains(&domain) {
            return Err(invalid(&domain, Invalid::Loop));
        }
        let absent = invalid(&domain, Invalid::Absent);
        let is_providers = self.provider.contains(&domain);
        let mut found = self.check_host(domain, decided).await?.ok_or(absent)?;
        found.provider |= is_providers;
        Ok(found)
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
