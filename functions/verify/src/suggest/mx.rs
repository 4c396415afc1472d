//! The provider that takes a domain's mail mostly sends it too.

use shared::dns::Resolver;
use shared::model::email::EmailAddress;
use shared::model::provider::Provider;
use tokio::time::{Instant, timeout_at};

use super::{Source, SuggestedSettings};
use crate::dns::exchanges;

/// The servers of the known provider that the domain's MX records lead to: by the most preferred of those that lead to one, as a
/// filter of somebody else's may stand before it.
pub(super) async fn look_up(
    resolver: &Resolver,
    email: &EmailAddress,
    until: Instant,
) -> Vec<SuggestedSettings> {
    let domain = email.ascii_domain();
    let Ok(Ok(records)) = timeout_at(until, exchanges(resolver, &domain)).await else {
        return Vec::new();
    };
    let provider = records
        .iter()
        .find_map(|record| Provider::of_exchange(&record.exchange.to_ascii()));
    let settings = provider.map(|it| SuggestedSettings::of_provider(it, Source::Mx, email));
    settings.into_iter().flatten().collect()
}
