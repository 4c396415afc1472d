//! From a host to the socket addresses that may be dialled.

use std::net::SocketAddr;

use tokio::time::{Instant, timeout_at};

use super::failure::FailureCode;
use crate::dns::Resolver;
use crate::model::host::Host;
use crate::model::network::DialPolicy;

/// The most addresses of one host that are tried.
const MAX_ADDRESSES: usize = 8;

/// The addresses of `host` that `policy` permits on `port`, in the resolver's order. IPv6 ones only where the deployment has
/// a way out for them.
///
/// # Errors
/// One and the same when the name does not exist, has no address, or has none that may be dialled: a stranger must not learn
/// which names exist inside.
pub(crate) async fn permitted_addresses(
    host: &Host,
    port: u16,
    policy: &DialPolicy,
    resolver: &Resolver,
    ipv6: bool,
    until: Instant,
) -> Result<Vec<SocketAddr>, FailureCode> {
    let addresses = match host {
        Host::Ip(ip) => vec![*ip],
        Host::Name(_) => timeout_at(until, resolver.addresses(&host.to_ascii(), ipv6))
            .await
            .unwrap_or_default(),
    };
    let mut permitted: Vec<SocketAddr> = Vec::new();
    for ip in addresses {
        let address = SocketAddr::new(ip, port);
        if (ip.is_ipv4() || ipv6) && policy.permits(ip, port) && !permitted.contains(&address) {
            permitted.push(address);
        }
        // An answer may hold thousands.
        if permitted.len() == MAX_ADDRESSES {
            break;
        }
    }
    if permitted.is_empty() {
        return Err(FailureCode::NameNotResolved);
    }
    Ok(permitted)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;

    async fn addresses(host: &str, port: u16, ipv6: bool) -> Result<Vec<String>, FailureCode> {
        let ips = |texts: &[&str]| texts.iter().filter_map(|text| text.parse().ok()).collect();
        let resolver = Resolver::fixed(&HashMap::from([
            (
                "mixed.example.com".to_owned(),
                ips(&["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111", "1.1.1.1"]),
            ),
            (
                "inside.example.com".to_owned(),
                ips(&["169.254.169.254", "127.0.0.1"]),
            ),
            ("xn--bcher-kva.example".to_owned(), ips(&["1.0.0.1"])),
        ]));
        let until = Instant::now() + Duration::from_secs(1);
        let host = Host::parse(host).expect("a host");
        permitted_addresses(&host, port, &DialPolicy::default(), &resolver, ipv6, until)
            .await
            .map(|found| found.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn of_a_hosts_addresses_only_the_permitted_ones_are_dialled() {
        let found = addresses("mixed.example.com", 587, false).await;
        assert_eq!(found, Ok(vec!["1.1.1.1:587".to_owned()]));
        let found = addresses("mixed.example.com", 587, true).await;
        assert_eq!(found.map(|found| found.len()), Ok(2));
        let found = addresses("bücher.example", 465, false).await;
        assert_eq!(found, Ok(vec!["1.0.0.1:465".to_owned()]));
    }

    #[tokio::test]
    async fn an_internal_host_a_closed_port_and_an_unknown_name_fail_alike() {
        for (host, port) in [
            ("inside.example.com", 587),
            ("127.0.0.1", 25),
            ("169.254.169.254", 587),
            ("nowhere.example.com", 587),
            ("mixed.example.com", 80),
        ] {
            let found = addresses(host, port, true).await;
            assert_eq!(found, Err(FailureCode::NameNotResolved), "{host}");
        }
    }
}
