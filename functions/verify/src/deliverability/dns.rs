//! Asking DNS, where "there is none" and "nobody answered" are two things.

use std::net::IpAddr;

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use shared::dns::Resolver;

/// Nobody answered, or with an error (SERVFAIL and its kind): it is not known whether there is such a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unasked;

/// The records of a name (A-labels), with the aliases that lead to them; none where the name does not exist.
///
/// # Errors
/// When it can't be found out.
pub(super) async fn records(
    resolver: &Resolver,
    name: &str,
    kind: RecordType,
) -> Result<Vec<RData>, Unasked> {
    // What can't be a name does not exist.
    let Ok(mut name) = Name::from_ascii(name) else {
        return Ok(Vec::new());
    };
    name.set_fqdn(true);
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
pub(super) async fn texts(resolver: &Resolver, name: &str) -> Result<Vec<Vec<u8>>, Unasked> {
    let found = records(resolver, name, RecordType::TXT).await?;
    let texts = found.iter().filter_map(|record| match record {
        RData::TXT(text) => Some(text.txt_data.concat()),
        _ => None,
    });
    Ok(texts.collect())
}

/// The addresses of a name, those of IPv4 first.
///
/// # Errors
/// When they can't be found out.
pub(super) async fn addresses(resolver: &Resolver, name: &str) -> Result<Vec<IpAddr>, Unasked> {
    let (v4, v6) = tokio::join!(
        records(resolver, name, RecordType::A),
        records(resolver, name, RecordType::AAAA)
    );
    // One kind is enough to know of.
    let found = match (v4, v6) {
        (Err(Unasked), Err(Unasked)) => return Err(Unasked),
        (v4, v6) => [v4.unwrap_or_default(), v6.unwrap_or_default()].concat(),
    };
    Ok(found.iter().filter_map(RData::ip_addr).collect())
}
