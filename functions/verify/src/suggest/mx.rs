//! The provider that takes a domain's mail mostly sends it too.

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use shared::dns::Resolver;
use shared::model::email::EmailAddress;
use shared::model::provider::Provider;
use tokio::time::{Instant, timeout_at};

use super::{Source, SuggestedSettings};

/// The servers of the known provider that the most preferred of the domain's MX records leads to.
pub(super) async fn look_up(
    resolver: &Resolver,
    email: &EmailAddress,
    until: Instant,
) -> Vec<SuggestedSettings> {
    let Ok(name) = Name::from_ascii(format!("{}.", email.ascii_domain())) else {
        return Vec::new();
    };
    let asking = resolver.client().lookup(name, RecordType::MX);
    let Ok(Ok(found)) = timeout_at(until, asking).await else {
        return Vec::new();
    };
    let records = found.answers().iter().map(|record| &record.data);
    let records = records.filter_map(|data| match data {
        RData::MX(record) => Some(record),
        _ => None,
    });
    let mut records: Vec<_> = records.collect();
    records.sort_by_key(|record| record.preference);
    let provider = records
        .iter()
        .find_map(|record| Provider::of_exchange(&record.exchange.to_ascii()));
    let settings = provider.map(|it| SuggestedSettings::of_provider(it, Source::Mx, email));
    settings.into_iter().flatten().collect()
}
