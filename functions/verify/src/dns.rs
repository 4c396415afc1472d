//! Asking DNS, where "there is none" and "nobody answered" are two things, and where an internal address is none: the names come from
//! strangers, the resolver is the deployment's own, and no answer of ours may tell what it knows of the network inside.

use std::net::IpAddr;

use hickory_resolver::proto::rr::rdata::MX;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use shared::dns::Resolver;
use shared::smtp::Dialer;

/// Nobody answered, or with an error (SERVFAIL and its kind): it is not known whether there is such a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unasked;

/// The records of a name (A-labels), with the aliases that lead to them; none where the name does not exist.
///
/// # Errors
/// When it can't be found out.
pub(crate) async fn records(
    resolver: &Resolver,
    name: &str,
    kind: RecordType,
) -> Result<Vec<RData>, Unasked> {
    // Any octet may stand in a name, as a `+` in an SPF record's `%{l}` does. What can't be a name does not exist.
    let labels = name.strip_suffix('.').unwrap_or(name).split('.');
    let Ok(name) = Name::from_labels(labels.map(str::as_bytes)) else {
        return Ok(Vec::new());
    };
    match resolver.client().lookup(name, kind).await {
        Ok(found) => Ok(found.answers().iter().map(|it| it.data.clone()).collect()),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(_) => Err(Unasked),
    }
}

/// The texts of a name, each with its strings joined (RFC 7208 §3.3).
///
/// # Errors
/// When they can't be found out.
pub(crate) async fn texts(resolver: &Resolver, name: &str) -> Result<Vec<Vec<u8>>, Unasked> {
    let found = records(resolver, name, RecordType::TXT).await?;
    let texts = found.iter().filter_map(|record| match record {
        RData::TXT(text) => Some(text.txt_data.concat()),
        _ => None,
    });
    Ok(texts.collect())
}

/// The MX records of a domain, the most preferred first.
///
/// # Errors
/// When they can't be found out.
pub(crate) async fn exchanges(resolver: &Resolver, domain: &str) -> Result<Vec<MX>, Unasked> {
    let found = records(resolver, domain, RecordType::MX).await?;
    let exchanges = found.into_iter().filter_map(|record| match record {
        RData::MX(exchange) => Some(exchange),
        _ => None,
    });
    let mut exchanges: Vec<_> = exchanges.collect();
    exchanges.sort_by_key(|exchange| exchange.preference);
    Ok(exchanges)
}

/// The addresses of one kind (A or AAAA) that a name has, of those that a connection to this port may lead to.
///
/// # Errors
/// When they can't be found out.
pub(crate) async fn addresses_of(
    dialer: &Dialer,
    name: &str,
    kind: RecordType,
    port: u16,
) -> Result<Vec<IpAddr>, Unasked> {
    let found = records(&dialer.resolver, name, kind).await?;
    let addresses = found.iter().filter_map(RData::ip_addr);
    let permitted = addresses.filter(|ip| dialer.policy.permits_address(*ip, port));
    Ok(permitted.collect())
}

/// As [`addresses_of`], of both kinds, those of IPv4 first.
///
/// # Errors
/// When neither kind can be found out.
pub(crate) async fn addresses(
    dialer: &Dialer,
    name: &str,
    port: u16,
) -> Result<Vec<IpAddr>, Unasked> {
    let (v4, v6) = tokio::join!(
        addresses_of(dialer, name, RecordType::A, port),
        addresses_of(dialer, name, RecordType::AAAA, port)
    );
    // One kind is enough to know of.
    match (v4, v6) {
        (Err(Unasked), Err(Unasked)) => Err(Unasked),
        (v4, v6) => Ok([v4.unwrap_or_default(), v6.unwrap_or_default()].concat()),
    }
}
