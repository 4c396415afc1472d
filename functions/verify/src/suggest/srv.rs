//! The servers that a domain's SRV records name (RFC 6186 §3.1, RFC 8314 §5.1).

use std::cmp::Reverse;

use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use shared::dns::Resolver;
use shared::model::email::EmailAddress;
use shared::model::encryption::Encryption;
use shared::model::host::Host;
use tokio::time::{Instant, timeout_at};

use super::{Source, SuggestedSettings};

/// The servers by their records' priority. Of the same priority, those with implicit TLS come first, as RFC 8314 §3.3 wants it, and
/// then those of more weight: weights share out load, and here a person chooses.
pub(super) async fn look_up(
    resolver: &Resolver,
    email: &EmailAddress,
    until: Instant,
) -> Vec<SuggestedSettings> {
    let domain = email.ascii_domain();
    let (submissions, submission) = tokio::join!(
        records(resolver, format!("_submissions._tcp.{domain}."), until),
        records(resolver, format!("_submission._tcp.{domain}."), until),
    );
    let submissions = submissions
        .into_iter()
        .map(|it| (Encryption::ImplicitTls, it));
    let submission = submission.into_iter().map(|it| (Encryption::Starttls, it));
    settings(submissions.chain(submission).collect(), email)
}

async fn records(resolver: &Resolver, name: String, until: Instant) -> Vec<SRV> {
    let Ok(name) = Name::from_ascii(name) else {
        return Vec::new();
    };
    let asking = resolver.client().lookup(name, RecordType::SRV);
    let Ok(Ok(found)) = timeout_at(until, asking).await else {
        return Vec::new();
    };
    let records = found.answers().iter().map(|record| &record.data);
    let records = records.filter_map(|data| match data {
        RData::SRV(record) => Some(record.clone()),
        _ => None,
    });
    records.collect()
}

fn settings(mut records: Vec<(Encryption, SRV)>, email: &EmailAddress) -> Vec<SuggestedSettings> {
    records.sort_by_key(|(encryption, record)| {
        let later = *encryption != Encryption::ImplicitTls;
        (record.priority, later, Reverse(record.weight))
    });
    let settings = records.into_iter().filter_map(|(encryption, record)| {
        // The root as the target says that there is no such service (RFC 2782): it is no host, so it falls away too.
        let host = Host::parse(&record.target.to_ascii()).ok()?;
        Some(SuggestedSettings::of_server(
            host,
            record.port,
            encryption,
            Source::Srv,
            email,
        ))
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(records: &[(Encryption, u16, u16, u16, &str)]) -> Vec<String> {
        let records = records
            .iter()
            .map(|&(encryption, priority, weight, port, target)| {
                let target = Name::from_ascii(target).expect("a name");
                (encryption, SRV::new(priority, weight, port, target))
            });
        let email = EmailAddress::parse("info@example.com").expect("an address");
        let settings = settings(records.collect(), &email);
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
