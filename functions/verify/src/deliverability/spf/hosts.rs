//! What the terms of SPF records say of a server's address: asked for as a receiver would, within bounds, and without addresses that
//! may not be dialled.

use std::net::IpAddr;

use hickory_resolver::proto::rr::RecordType;
use shared::smtp::Dialer;

use super::record::Lengths;
use crate::dns::{self, Unasked};

/// The most look-ups that may find nothing (RFC 7208 §4.6.4).
const MAX_VOID: usize = 2;
/// The most questions for one sender's records, beside those for the records. Receivers have no such limit: ten `mx` terms of ten servers make 110.
const MAX_QUESTIONS: usize = 40;

/// Why it is not known whether a term matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// DNS did not answer.
    Unasked,
    /// It can't be told here, or would take more questions than are asked.
    Unjudged,
    /// More look-ups have found nothing than receivers put up with.
    TooManyVoid,
}

/// Whether a term matches the server, or a record lets it send.
pub(super) type Verdict = Result<bool, Unknown>;

impl From<Unasked> for Unknown {
    fn from(Unasked: Unasked) -> Self {
        Self::Unasked
    }
}

/// Asks about one server; where its address is not known, nothing.
#[derive(Debug)]
pub(super) struct Hosts<'a> {
    dialer: &'a Dialer,
    port: u16,
    server: Option<IpAddr>,
    questions: usize,
    void: usize,
}

impl<'a> Hosts<'a> {
    /// `port` is the one at which addresses would be dialled.
    pub(super) fn new(dialer: &'a Dialer, port: u16, server: Option<IpAddr>) -> Self {
        Self {
            dialer,
            port,
            server,
            questions: 0,
            void: 0,
        }
    }

    /// Whether the server's address is one of those that an `a` or `mx` term means: alike, to these lengths, with one of these hosts'.
    ///
    /// # Errors
    /// Why it can't be known.
    pub(super) async fn cover(&mut self, names: &[String], lengths: Lengths) -> Verdict {
        let server = self.server.ok_or(Unknown::Unjudged)?;
        let kind = match server {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::AAAA,
        };
        let mut is_void = true;
        for name in names {
            let found = self.addresses(name, kind).await?;
            if found.iter().any(|host| lengths.alike(*host, server)) {
                return Ok(true);
            }
            is_void &= found.is_empty();
        }
        self.void += usize::from(is_void);
        if self.void > MAX_VOID {
            return Err(Unknown::TooManyVoid);
        }
        Ok(false)
    }

    /// The servers that an `mx` term means.
    ///
    /// # Errors
    /// Why they can't be known.
    pub(super) async fn exchanges(&mut self, domain: &str) -> Result<Vec<String>, Unknown> {
        self.ask()?;
        let found = dns::exchanges(&self.dialer.resolver, domain).await?;
        let found = found.into_iter().filter(|it| !it.exchange.is_root());
        // Not as a zone's file has them, where what is special is escaped.
        let names = found.map(|it| {
            let labels: Vec<_> = it.exchange.iter().map(String::from_utf8_lossy).collect();
            labels.join(".")
        });
        Ok(names.collect())
    }

    /// Whether the name of an `exists` term has an address: of IPv4, whatever the server has (§5.7). Lists that are asked in this way
    /// mostly answer with one of 127.0.0.0/8, which looks like none here, so that "no" may be wrong: it is not told, nor counted as void.
    ///
    /// # Errors
    /// Why it can't be known.
    pub(super) async fn exists(&mut self, name: &str) -> Verdict {
        let found = self.addresses(name, RecordType::A).await?;
        if found.is_empty() {
            return Err(Unknown::Unjudged);
        }
        Ok(true)
    }

    async fn addresses(&mut self, name: &str, kind: RecordType) -> Result<Vec<IpAddr>, Unknown> {
        self.ask()?;
        Ok(dns::addresses_of(self.dialer, name, kind, self.port).await?)
    }

    fn ask(&mut self) -> Result<(), Unknown> {
        if self.void > MAX_VOID {
            return Err(Unknown::TooManyVoid);
        }
        if self.server.is_none() || self.questions == MAX_QUESTIONS {
            return Err(Unknown::Unjudged);
        }
        self.questions += 1;
        Ok(())
    }
}
