//! The SPF record of a domain with all that it includes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use mail_auth::Txt;
use mail_auth::spf::{Macro, Mechanism, Spf, Variable, Variables};
use shared::smtp::Dialer;

use super::answers::Answers;
use super::hosts::{Hosts, NoAnswer};
use super::record::{is_spf, parse, variables};
use super::{Flaw, Invalid};
use crate::deliverability::Sending;
use crate::dns::{Unasked, texts};

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

/// What the walk has read.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    records: HashMap<Box<str>, Record>,
    /// What the records' other terms say, where the server's address is known.
    pub(super) hosts: Option<Hosts<'a>>,
    /// Whether some of it can't be judged: it is another for each server that sends, or an `exists` that found nothing that may be
    /// known, or more than is asked for.
    pub(super) is_incomplete: bool,
    /// Whether more look-ups found nothing than receivers put up with. The terms after those were not read.
    pub(super) has_too_many_void: bool,
}

/// A record as its domain has it, and as the evaluator shall see it.
#[derive(Debug)]
struct Record {
    written: Spf,
    settled: Spf,
}

/// A record, and where in it the walk is.
struct Visit {
    name: String,
    /// Whether the record's own terms are known already.
    again: bool,
    ahead: std::vec::IntoIter<LookUp>,
}

/// What takes a look-up in a record: the term at this place, or its `redirect`.
struct LookUp {
    place: Option<usize>,
    kind: Kind,
    target: Macro,
}

enum Kind {
    /// `include` and `redirect`
    Record,
    Host,
    Exchanges,
    Exists,
    Pointer,
}

/// Reads the record of the sender's domain and all that it names, as a receiver does to whom a mail comes from `address`; without
/// that, only the records. It ends by itself: every record but the first costs one of the ten look-ups.
///
/// # Errors
/// What is wrong with the records, the first in their order; or that DNS did not answer.
pub(super) async fn walk<'a>(
    dialer: &'a Dialer,
    sending: &Sending<'_>,
    address: Option<IpAddr>,
) -> Result<Tree<'a>, Stop> {
    let sender = sending.sender.to_wire();
    let mut known = Variables::new();
    known.set_sender(sender.as_bytes());
    if let Some(address) = &address {
        known.set_ip(address);
    }
    let mut tree = Tree {
        records: HashMap::new(),
        hosts: address.map(|address| Hosts::new(dialer, sending.port, address)),
        is_incomplete: false,
        has_too_many_void: false,
    };
    let name = key(&sending.domain);
    let Some(first) = tree.visit(dialer, &name).await? else {
        return Err(Flaw::Missing.into());
    };
    let mut path = vec![first];
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
        let is_known = variables(&lookup.target).all(|variable| is_known(variable, address));
        if !is_known || matches!(lookup.kind, Kind::Pointer) {
            tree.is_incomplete = true;
            tree.settle(&visit.name, lookup.place, unknown());
            continue;
        }
        known.set_domain(shown(&visit.name).as_bytes().to_vec());
        let name = key(&lookup.target.eval(&known, &visit.name, true));
        if !matches!(lookup.kind, Kind::Record) {
            if !visit.again {
                tree.look_up(&visit.name, &lookup, &name).await?;
            }
            continue;
        }
        if path.iter().any(|visit| visit.name == name) {
            return Err(invalid(&name, Invalid::Loop));
        }
        let Some(next) = tree.visit(dialer, &name).await? else {
            return Err(invalid(&name, Invalid::Absent));
        };
        path.push(next);
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

/// The look-ups of a record, as far as they are looked at: `all` ends the record, and its `redirect` as well (§5.1).
fn lookups(record: &Spf) -> Vec<LookUp> {
    let mut lookups = Vec::new();
    for (place, directive) in record.directives.iter().enumerate() {
        let (kind, target) = match &directive.mechanism {
            Mechanism::All => return lookups,
            Mechanism::Ip4 { .. } | Mechanism::Ip6 { .. } => continue,
            Mechanism::Include { macro_string } => (Kind::Record, macro_string),
            Mechanism::A { macro_string, .. } => (Kind::Host, macro_string),
            Mechanism::Mx { macro_string, .. } => (Kind::Exchanges, macro_string),
            Mechanism::Exists { macro_string } => (Kind::Exists, macro_string),
            Mechanism::Ptr { macro_string } => (Kind::Pointer, macro_string),
        };
        lookups.push(LookUp {
            place: Some(place),
            kind,
            target: target.clone(),
        });
    }
    lookups.extend(record.redirect.clone().map(|target| LookUp {
        place: None,
        kind: Kind::Record,
        target,
    }));
    lookups
}

impl Tree<'_> {
    /// Whether one of these domains is included.
    pub(super) fn includes(&self, domains: &[&str]) -> bool {
        domains
            .iter()
            .any(|domain| self.records.contains_key(key(domain).as_str()))
    }

    /// The records, for the evaluator.
    pub(super) fn records(&self) -> Answers<Txt> {
        let records = self.records.iter();
        let texts =
            records.map(|(name, it)| (name.clone(), Txt::Spf(Arc::new(it.settled.clone()))));
        texts.collect()
    }

    /// The record of a name, if it has one, read from its beginning.
    async fn visit(&mut self, dialer: &Dialer, name: &str) -> Result<Option<Visit>, Stop> {
        let visit = |again, record: &Record| Visit {
            name: name.to_owned(),
            again,
            ahead: lookups(&record.written).into_iter(),
        };
        if let Some(known) = self.records.get(name) {
            return Ok(Some(visit(true, known)));
        }
        let texts = texts(&dialer.resolver, name).await?;
        let mut records = texts.iter().filter(|text| is_spf(text));
        let Some(record) = records.next() else {
            return Ok(None);
        };
        if records.next().is_some() {
            return Err(invalid(name, Invalid::Several));
        }
        let written = parse(record).map_err(|term| invalid(name, Invalid::Term(legible(term))))?;
        let settled = Spf {
            // What it says to the refused sender does not matter, and would be asked for.
            exp: None,
            ..written.clone()
        };
        let record = Record { written, settled };
        let first = visit(false, &record);
        self.records.insert(name.into(), record);
        Ok(Some(first))
    }

    /// Finds out what a term means whose name is known.
    async fn look_up(&mut self, at: &str, lookup: &LookUp, name: &str) -> Result<(), Stop> {
        let Some(hosts) = &mut self.hosts else {
            return Ok(());
        };
        let outcome = match lookup.kind {
            Kind::Host => hosts.read(name).await,
            Kind::Exchanges => hosts.read_exchanges(name).await,
            Kind::Exists => match hosts.exists(name).await {
                Ok(true) => {
                    self.settle(at, lookup.place, Mechanism::All);
                    return Ok(());
                }
                Ok(false) => {
                    self.is_incomplete = true;
                    Ok(())
                }
                Err(no) => Err(no),
            },
            Kind::Record | Kind::Pointer => return Ok(()),
        };
        match outcome {
            Ok(()) if !matches!(lookup.kind, Kind::Exists) => return Ok(()),
            Ok(()) | Err(NoAnswer::Unasked(Unasked)) => {}
            Err(NoAnswer::TooManyExchanges) => return Err(Flaw::TooManyLookups.into()),
            Err(NoAnswer::Exhausted) => self.is_incomplete = true,
            Err(NoAnswer::TooManyVoid) => self.has_too_many_void = true,
        }
        self.settle(at, lookup.place, unknown());
        Ok(())
    }

    /// Puts what is known of a term, or of the `redirect`, in its place.
    fn settle(&mut self, at: &str, place: Option<usize>, mechanism: Mechanism) {
        let Some(Record { settled, .. }) = self.records.get_mut(at) else {
            return;
        };
        match (place, mechanism) {
            (Some(place), mechanism) => settled.directives[place].mechanism = mechanism,
            (None, Mechanism::Include { macro_string }) => settled.redirect = Some(macro_string),
            (None, _) => {}
        }
    }
}

/// What can't be judged: the evaluator knows nothing of this name and can ask nobody, so it ends there with an error.
fn unknown() -> Mechanism {
    Mechanism::Include {
        macro_string: Macro::Literal(b"unknown.".as_slice().into()),
    }
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
