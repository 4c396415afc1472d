//! What the fake name server knows, and how it behaves.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use hickory_proto::op::{Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// How long an answer may be believed, in seconds, unless it takes turns.
const TTL: u32 = 60;
/// The most aliases that are followed for one answer; a client that wants more asks for the last one.
const MAX_LINKS: usize = 16;

/// What the name server knows. A name that is not in here does not exist (NXDOMAIN); one that is has an empty answer for each
/// type that is not given. No negative answer has an SOA record, so that nobody may remember it (RFC 2308 §5).
#[derive(Debug, Default)]
pub struct Zone(HashMap<String, Entry>);

#[derive(Debug, Default)]
struct Entry {
    records: Vec<RData>,
    /// What is answered to each question of a type, the last again and again.
    turns: HashMap<RecordType, VecDeque<Vec<RData>>>,
    manner: Manner,
}

/// How the server behaves towards a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Manner {
    #[default]
    Plain,
    Servfail,
    Silent,
    Garbage,
    WrongId,
}

impl Zone {
    /// Nothing at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This name exists, and has no records unless others say so.
    #[must_use]
    pub fn empty(self, name: &str) -> Self {
        self.with(name, [])
    }

    /// IPv4 addresses.
    #[must_use]
    pub fn a(self, name: &str, addresses: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let addresses = addresses.into_iter().map(|it| parsed(it.as_ref()));
        self.with(name, addresses.map(|ip: Ipv4Addr| RData::A(A(ip))))
    }

    /// IPv6 addresses.
    #[must_use]
    pub fn aaaa(self, name: &str, addresses: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let addresses = addresses.into_iter().map(|it| parsed(it.as_ref()));
        self.with(name, addresses.map(|ip: Ipv6Addr| RData::AAAA(AAAA(ip))))
    }

    /// An alias. As a recursive resolver does, the server answers with what it leads to as well.
    #[must_use]
    pub fn cname(self, name: &str, target: &str) -> Self {
        self.with(name, [RData::CNAME(CNAME(dns_name(target)))])
    }

    /// A server that takes the domain's mail.
    #[must_use]
    pub fn mx(self, name: &str, preference: u16, exchange: &str) -> Self {
        self.with(name, [RData::MX(MX::new(preference, dns_name(exchange)))])
    }

    /// A text, in strings of 255 bytes (RFC 1035 §3.3.14).
    #[must_use]
    pub fn txt(self, name: &str, text: &str) -> Self {
        self.with(
            name,
            [RData::TXT(TXT::from_bytes(
                text.as_bytes().chunks(255).collect(),
            ))],
        )
    }

    /// A server for a service (RFC 2782), `.` for none.
    #[must_use]
    pub fn srv(self, name: &str, priority: u16, weight: u16, port: u16, target: &str) -> Self {
        let target = dns_name(target);
        self.with(name, [RData::SRV(SRV::new(priority, weight, port, target))])
    }

    /// Addresses that change with every question, and may not be remembered; the last ones stay.
    #[must_use]
    pub fn turns(mut self, name: &str, turns: &[&[&str]]) -> Self {
        let entry = self.0.entry(key(&dns_name(name))).or_default();
        for turn in turns {
            let (mut v4, mut v6) = (Vec::new(), Vec::new());
            for address in *turn {
                match parsed(address) {
                    IpAddr::V4(ip) => v4.push(RData::A(A(ip))),
                    IpAddr::V6(ip) => v6.push(RData::AAAA(AAAA(ip))),
                }
            }
            for (kind, records) in [(RecordType::A, v4), (RecordType::AAAA, v6)] {
                entry.turns.entry(kind).or_default().push_back(records);
            }
        }
        self
    }

    /// The server fails to find out (SERVFAIL).
    #[must_use]
    pub fn servfail(self, name: &str) -> Self {
        self.that_is(name, Manner::Servfail)
    }

    /// No answer.
    #[must_use]
    pub fn silent(self, name: &str) -> Self {
        self.that_is(name, Manner::Silent)
    }

    /// An answer that is no DNS message.
    #[must_use]
    pub fn garbage(self, name: &str) -> Self {
        self.that_is(name, Manner::Garbage)
    }

    /// The records of this name are given in an answer to another question.
    #[must_use]
    pub fn wrong_id(self, name: &str) -> Self {
        self.that_is(name, Manner::WrongId)
    }

    fn with(mut self, name: &str, records: impl IntoIterator<Item = RData>) -> Self {
        let entry = self.0.entry(key(&dns_name(name))).or_default();
        entry.records.extend(records);
        self
    }

    fn that_is(mut self, name: &str, manner: Manner) -> Self {
        self.0.entry(key(&dns_name(name))).or_default().manner = manner;
        self
    }

    pub(super) fn manner(&self, name: &Name) -> Manner {
        self.0
            .get(&key(name))
            .map_or(Manner::Plain, |entry| entry.manner)
    }

    /// The records for a question, with the aliases before them.
    pub(super) fn find(&mut self, query: &Query) -> (ResponseCode, Vec<Record>) {
        let kind = query.query_type();
        let mut name = query.name().clone();
        let mut found: Vec<Record> = Vec::new();
        loop {
            let Some(entry) = self.0.get_mut(&key(&name)) else {
                return (ResponseCode::NXDomain, found);
            };
            let (ttl, records) = entry.next(kind);
            let target = records.iter().find_map(|record| match record {
                RData::CNAME(CNAME(target)) if kind != RecordType::CNAME => Some(target.clone()),
                _ => None,
            });
            let is_known = found.iter().any(|record| record.name == name);
            if target.is_some() && (is_known || found.len() == MAX_LINKS) {
                return (ResponseCode::NoError, found);
            }
            let records = records.into_iter();
            found.extend(records.map(|record| Record::from_rdata(name.clone(), ttl, record)));
            match target {
                Some(target) => name = target,
                None => return (ResponseCode::NoError, found),
            }
        }
    }
}

impl Entry {
    /// What there is of a type, or else the alias.
    fn next(&mut self, kind: RecordType) -> (u32, Vec<RData>) {
        if let Some(turns) = self.turns.get_mut(&kind) {
            let last = turns.len() == 1;
            let turn = turns.front().cloned().unwrap_or_default();
            if !last {
                turns.pop_front();
            }
            return (0, turn);
        }
        let of = |kind| {
            let records = self.records.iter();
            records.filter(move |record| record.record_type() == kind)
        };
        let found: Vec<_> = of(kind).cloned().collect();
        if found.is_empty() {
            return (TTL, of(RecordType::CNAME).cloned().collect());
        }
        (TTL, found)
    }
}

/// Of any octets but dots; `.` is the root.
fn dns_name(text: &str) -> Name {
    let labels = text.split('.').filter(|label| !label.is_empty());
    Name::from_labels(labels.map(str::as_bytes)).expect("a name")
}

/// How a name is looked up: in lower case, without its final dot.
pub(super) fn key(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

fn parsed<T: FromStr>(text: &str) -> T {
    let Ok(value) = text.parse() else {
        panic!("not an address: {text}");
    };
    value
}
