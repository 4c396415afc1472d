//! The SPF record of a domain with all that it includes.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use mail_auth::spf::{Macro, Mechanism, Spf, Variable, Variables};
use mail_auth::{Error, ResolverCache, Txt};
use shared::dns::Resolver;

use super::record::{is_spf, parse, variables};
use super::{Flaw, Invalid};
use crate::deliverability::Sending;
use crate::deliverability::dns::{Unasked, texts};

/// The most look-ups that a receiver makes after the first (RFC 7208 §4.6.4).
const MAX_LOOKUPS: usize = 10;
/// The most characters of a term that are shown.
const SHOWN: usize = 64;

/// Why there is no tree.
#[derive(Debug, PartialEq, Eq)]
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

/// The records that are read, by name: in lower case, with a final dot.
#[derive(Debug, Default)]
pub(super) struct Tree {
    records: HashMap<Box<str>, Arc<Spf>>,
    /// Whether some of it is another for each server that sends, and could not be read for this one.
    pub(super) depends_on_server: bool,
}

/// A record, and where in it the walk is.
struct Visit {
    name: String,
    ahead: std::vec::IntoIter<Lookup>,
}

/// A term that takes a look-up.
enum Lookup {
    Host,
    /// `include` and `redirect`
    Record(Macro),
}

/// Reads the record of the sender's domain and all that it includes, as a receiver does to whom a mail comes from `address`. It ends
/// by itself: every record but the first costs one of the ten look-ups.
///
/// # Errors
/// What is wrong with the records, the first in their order; or that DNS did not answer.
pub(super) async fn walk(
    resolver: &Resolver,
    sending: &Sending<'_>,
    address: Option<IpAddr>,
) -> Result<Tree, Stop> {
    let sender = sending.sender.to_wire();
    let mut known = Variables::new();
    known.set_sender(sender.as_bytes());
    if let Some(address) = &address {
        known.set_ip(address);
    }
    let mut tree = Tree::default();
    let name = key(&sending.domain);
    let Some(first) = tree.read(resolver, &name).await? else {
        return Err(Flaw::Missing.into());
    };
    let mut path = vec![Visit::new(name, &first)];
    let mut lookups = 0;
    while let Some(visit) = path.last_mut() {
        let Some(lookup) = visit.ahead.next() else {
            path.pop();
            continue;
        };
        lookups += 1;
        if lookups > MAX_LOOKUPS {
            return Err(Flaw::TooManyLookups.into());
        }
        let Lookup::Record(target) = lookup else {
            continue;
        };
        if !variables(&target).all(|variable| is_known(variable, address)) {
            tree.depends_on_server = true;
            continue;
        }
        known.set_domain(shown(&visit.name).as_bytes().to_vec());
        let name = key(&target.eval(&known, &visit.name, true));
        if path.iter().any(|visit| visit.name == name) {
            return Err(invalid(&name, Invalid::Loop));
        }
        let Some(record) = tree.read(resolver, &name).await? else {
            return Err(invalid(&name, Invalid::Absent));
        };
        path.push(Visit::new(name, &record));
    }
    Ok(tree)
}

/// Whether a macro's variable has the value that it has for receivers. The server's name in EHLO and the name of its address are not
/// known here.
fn is_known(variable: Variable, address: Option<IpAddr>) -> bool {
    match variable {
        Variable::Sender
        | Variable::SenderLocalPart
        | Variable::SenderDomainPart
        | Variable::Domain => true,
        Variable::Ip | Variable::IpVersion => address.is_some(),
        Variable::ValidatedDomain
        | Variable::HeloDomain
        | Variable::SmtpIp
        | Variable::HostDomain
        | Variable::CurrentTime => false,
    }
}

impl Visit {
    fn new(name: String, record: &Spf) -> Self {
        let ahead = lookups(record).into_iter();
        Self { name, ahead }
    }
}

/// The terms that take a look-up, as far as they are looked at: `all` ends the record, and its `redirect` as well (§5.1).
fn lookups(record: &Spf) -> Vec<Lookup> {
    let mut lookups = Vec::new();
    for directive in &record.directives {
        match &directive.mechanism {
            Mechanism::All => return lookups,
            Mechanism::Include { macro_string } => {
                lookups.push(Lookup::Record(macro_string.clone()));
            }
            Mechanism::A { .. }
            | Mechanism::Mx { .. }
            | Mechanism::Ptr { .. }
            | Mechanism::Exists { .. } => lookups.push(Lookup::Host),
            Mechanism::Ip4 { .. } | Mechanism::Ip6 { .. } => {}
        }
    }
    lookups.extend(record.redirect.clone().map(Lookup::Record));
    lookups
}

impl Tree {
    /// Whether one of these domains is included.
    pub(super) fn includes(&self, domains: &[&str]) -> bool {
        domains
            .iter()
            .any(|domain| self.records.contains_key(key(domain).as_str()))
    }

    /// The record of a name, if it has one.
    async fn read(&mut self, resolver: &Resolver, name: &str) -> Result<Option<Arc<Spf>>, Stop> {
        if let Some(known) = self.records.get(name) {
            return Ok(Some(known.clone()));
        }
        let texts = texts(resolver, name).await?;
        let mut records = texts.iter().filter(|text| is_spf(text));
        let Some(record) = records.next() else {
            return Ok(None);
        };
        if records.next().is_some() {
            return Err(invalid(name, Invalid::Several));
        }
        let record = parse(record).map_err(|term| invalid(name, Invalid::Term(legible(term))))?;
        let record = Arc::new(record);
        self.records.insert(name.into(), record.clone());
        Ok(Some(record))
    }
}

/// mail-auth's evaluator gets records from here alone: what the walk has not read can't be judged.
impl ResolverCache<Box<str>, Txt> for Tree {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let record = self.records.get(name).cloned();
        Some(record.map_or(Txt::Error(Error::DnsError(String::new())), Txt::Spf))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

fn invalid(name: &str, why: Invalid) -> Stop {
    let at = legible(shown(name).as_bytes());
    Stop::Flaw(Flaw::Invalid { at, why })
}

fn key(name: &str) -> String {
    format!("{}.", shown(name).to_ascii_lowercase())
}

fn shown(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// What a stranger wrote, fit to be shown: nothing in it can act on a terminal or a page.
fn legible(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let fit = |character: char| match character {
        ' '..='~' => character,
        _ => char::REPLACEMENT_CHARACTER,
    };
    let mut shown: String = text.chars().map(fit).take(SHOWN).collect();
    if text.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}
