//! What the terms of SPF records say of addresses: asked for as a receiver would, within bounds, and without those that may not be
//! dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_resolver::proto::rr::RecordType;
use mail_auth::{MX, RecordSet};
use shared::smtp::Dialer;

use super::answers::Answers;
use crate::dns::{self, Unasked};

/// The most look-ups that may find nothing (RFC 7208 §4.6.4).
const MAX_VOID: usize = 2;
/// The most servers of one `mx` term (§4.6.4).
const MAX_EXCHANGES: usize = 10;
/// The most questions of one walk. Receivers have no such limit: ten `mx` terms of ten servers make 110.
const MAX_QUESTIONS: usize = 40;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    Unasked(Unasked),
    /// Too many questions were asked before.
    Exhausted,
    /// Too many look-ups found nothing.
    TooManyVoid,
    /// The domain has more servers than receivers look at.
    TooManyExchanges,
}

impl From<Unasked> for NoAnswer {
    fn from(unasked: Unasked) -> Self {
        Self::Unasked(unasked)
    }
}

/// What is known, for a server with a certain address: the addresses of others are of its kind.
#[derive(Debug)]
pub(super) struct Hosts<'a> {
    dialer: &'a Dialer,
    port: u16,
    kind: RecordType,
    questions: usize,
    void: usize,
    pub(super) exchanges: Answers<RecordSet<MX>>,
    pub(super) v4: Answers<RecordSet<Ipv4Addr>>,
    pub(super) v6: Answers<RecordSet<Ipv6Addr>>,
}

impl<'a> Hosts<'a> {
    /// Nothing is known yet. `port` is the one at which addresses would be dialled.
    pub(super) fn new(dialer: &'a Dialer, port: u16, server: IpAddr) -> Self {
        let kind = match server {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::AAAA,
        };
        Self {
            dialer,
            port,
            kind,
            questions: 0,
            void: 0,
            exchanges: Answers::default(),
            v4: Answers::default(),
            v6: Answers::default(),
        }
    }

    /// Reads the addresses that an `a` term means.
    ///
    /// # Errors
    /// Why they can't be known.
    pub(super) async fn read(&mut self, name: &str) -> Result<(), NoAnswer> {
        let is_void = self.read_addresses(name).await?;
        self.count(is_void)
    }

    /// Reads the servers that an `mx` term means, and their addresses.
    ///
    /// # Errors
    /// Why they can't be known.
    pub(super) async fn read_exchanges(&mut self, domain: &str) -> Result<(), NoAnswer> {
        self.ask()?;
        let found = dns::exchanges(&self.dialer.resolver, domain).await?;
        let found = found.into_iter().filter(|it| !it.exchange.is_root());
        let records: Vec<_> = found
            .map(|record| MX {
                exchanges: [record.exchange.to_lowercase().to_ascii().into()].into(),
                preference: record.preference,
            })
            .collect();
        if records.len() > MAX_EXCHANGES {
            return Err(NoAnswer::TooManyExchanges);
        }
        let mut is_void = true;
        for exchange in records.iter().flat_map(|record| &record.exchanges) {
            is_void &= self.read_addresses(exchange).await?;
        }
        self.exchanges.keep(domain, set(records));
        self.count(is_void)
    }

    /// Whether the name of an `exists` term has an address: of IPv4, whatever the server has (§5.7). Lists that are asked in this way
    /// mostly answer with one of 127.0.0.0/8, which looks like none here, so that "no" may be wrong and is not counted as void.
    ///
    /// # Errors
    /// Why it can't be known.
    pub(super) async fn exists(&mut self, name: &str) -> Result<bool, NoAnswer> {
        self.ask()?;
        let found = dns::addresses_of(self.dialer, name, RecordType::A, self.port).await?;
        Ok(!found.is_empty())
    }

    /// Whether there are none.
    async fn read_addresses(&mut self, name: &str) -> Result<bool, NoAnswer> {
        self.ask()?;
        let found = dns::addresses_of(self.dialer, name, self.kind, self.port).await?;
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for address in &found {
            match address {
                IpAddr::V4(ip) => v4.push(*ip),
                IpAddr::V6(ip) => v6.push(*ip),
            }
        }
        self.v4.keep(name, set(v4));
        self.v6.keep(name, set(v6));
        Ok(found.is_empty())
    }

    fn ask(&mut self) -> Result<(), NoAnswer> {
        if self.void > MAX_VOID {
            return Err(NoAnswer::TooManyVoid);
        }
        if self.questions == MAX_QUESTIONS {
            return Err(NoAnswer::Exhausted);
        }
        self.questions += 1;
        Ok(())
    }

    fn count(&mut self, is_void: bool) -> Result<(), NoAnswer> {
        self.void += usize::from(is_void);
        if self.void > MAX_VOID {
            return Err(NoAnswer::TooManyVoid);
        }
        Ok(())
    }
}

fn set<T>(records: Vec<T>) -> RecordSet<T> {
    RecordSet {
        rrset: records.into(),
        dnssec_status: mail_auth::DnssecStatus::default(),
    }
}
