//! The servers that a domain's SRV records name (RFC 6186 §3.1, RFC 8314 §5.1).

use std::cmp::Reverse;

use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{RData, RecordType};
use shared::dns::Resolver;
use shared::model::email::EmailAddress;
use shared::model::encryption::Encryption;
use shared::model::host::Host;
use shared::smtp::Dialer;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{MAX_SUGGESTIONS, Source, SuggestedSettings};
use crate::dns;

/// The servers by their records' priority. Of the same priority, those with implicit TLS come first, as RFC 8314 §3.3 wants it, and
/// then those of more weight: weights share out load, and here a person chooses. Only servers that could be dialled: the name of one
/// inside, which only the deployment's own resolver knows, is told to nobody.
pub(super) async fn look_up(
    dialer: &Dialer,
    email: &EmailAddress,
    until: Instant,
) -> Vec<SuggestedSettings> {
    let domain = email.ascii_domain();
    let named = async |service: &str, encryption| {
        let records = records(&dialer.resolver, &format!("{service}.{domain}"), until).await;
        // Which of them can be reached is asked at once: the other service may never answer.
        reachable(dialer, servers(records, encryption, email), until).await
    };
    let (submissions, submission) = tokio::join!(
        named("_submissions._tcp", Encryption::ImplicitTls),
        named("_submission._tcp", Encryption::Starttls),
    );
    ordered(submissions.into_iter().chain(submission).collect())
}

/// What decides which of two servers comes first: priority, whether it is without implicit TLS, weight.
type Rank = (u16, bool, Reverse<u16>);

async fn records(resolver: &Resolver, name: &str, until: Instant) -> Vec<SRV> {
    let asking = dns::records(resolver, name, RecordType::SRV);
    let Ok(Ok(found)) = timeout_at(until, asking).await else {
        return Vec::new();
    };
    let records = found.into_iter().filter_map(|data| match data {
        RData::SRV(record) => Some(record),
        _ => None,
    });
    records.collect()
}

fn servers(
    records: Vec<SRV>,
    encryption: Encryption,
    email: &EmailAddress,
) -> Vec<(Rank, SuggestedSettings)> {
    let servers = records.into_iter().filter_map(|record| {
        // The root as the target says that there is no such service (RFC 2782): it is no host, so it falls away too.
        let host = Host::parse(&record.target.to_ascii()).ok()?;
        let later = encryption != Encryption::ImplicitTls;
        let rank = (record.priority, later, Reverse(record.weight));
        let port = record.port;
        let settings = SuggestedSettings::of_server(host, port, encryption, Source::Srv, email);
        Some((rank, settings))
    });
    servers.collect()
}

/// The first of them that have an address that may be dialled. All are asked for at the same time.
async fn reachable(
    dialer: &Dialer,
    mut servers: Vec<(Rank, SuggestedSettings)>,
    until: Instant,
) -> Vec<(Rank, SuggestedSettings)> {
    servers.retain(|(_, settings)| settings.is_usable(&dialer.policy));
    servers.sort_by_key(|(rank, _)| *rank);
    servers.truncate(MAX_SUGGESTIONS);
    let mut asking = JoinSet::new();
    for (rank, settings) in servers {
        let dialer = dialer.clone();
        asking.spawn(async move {
            let name = settings.host.to_ascii();
            let addresses = timeout_at(until, dns::addresses(&dialer, &name, settings.port)).await;
            let is_reachable = matches!(addresses, Ok(Ok(addresses)) if !addresses.is_empty());
            is_reachable.then_some((rank, settings))
        });
    }
    asking.join_all().await.into_iter().flatten().collect()
}

fn ordered(mut servers: Vec<(Rank, SuggestedSettings)>) -> Vec<SuggestedSettings> {
    // Of the same rank by name, so that the order is the same each time.
    servers.sort_by_cached_key(|(rank, settings)| (*rank, settings.host.to_ascii()));
    servers.into_iter().map(|(_, settings)| settings).collect()
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::Name;

    use super::*;

    fn told(records: &[(Encryption, u16, u16, u16, &str)]) -> Vec<String> {
        let email = EmailAddress::parse("info@example.com").expect("an address");
        let records = records.iter();
        let found = records.flat_map(|&(encryption, priority, weight, port, target)| {
            let target = Name::from_ascii(target).expect("a name");
            let record = SRV::new(priority, weight, port, target);
            servers(vec![record], encryption, &email)
        });
        let settings = ordered(found.collect());
        let told = settings
            .iter()
            .map(|it| format!("{} {} {:?}", it.host, it.port, it.encryption));
        told.collect()
    }

    #[test]
    fn records_come_by_priority_then_implicit_tls_first_then_by_weight() {
        use Encryption::{ImplicitTls, Starttls};
        let told = told(&[
            (ImplicitTls, 20, 0, 465, "late.example.com."),
            (ImplicitTls, 10, 1, 465, "light.example.com."),
            (ImplicitTls, 10, 9, 465, "heavy.example.com."),
            (Starttls, 10, 90, 587, "upgraded.example.com."),
            (Starttls, 0, 0, 587, "first.example.com."),
        ]);
        assert_eq!(
            told,
            [
                "first.example.com 587 Starttls",
                "heavy.example.com 465 ImplicitTls",
                "light.example.com 465 ImplicitTls",
                "upgraded.example.com 587 Starttls",
                "late.example.com 465 ImplicitTls",
            ]
        );
    }

    #[test]
    fn a_target_that_is_no_host_is_passed_over() {
        let told = told(&[
            (Encryption::ImplicitTls, 0, 0, 465, "."),
            (Encryption::ImplicitTls, 0, 0, 465, "_x.example.com."),
            (Encryption::ImplicitTls, 0, 0, 465, "a\\.b.example.com."),
            (Encryption::ImplicitTls, 0, 0, 465, "2130706433."),
        ]);
        assert!(told.is_empty(), "{told:?}");
    }
}
