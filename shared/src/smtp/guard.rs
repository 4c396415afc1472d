//! From a host to the socket addresses that may be dialled.

use std::net::{IpAddr, SocketAddr};

use tokio::time::{Instant, timeout_at};

use super::dialer::Dialer;
use super::failure::FailureCode;
use crate::model::host::Host;

impl Dialer {
    /// The addresses of `host` that `permits` lets through, in the resolver's order and no more than are tried. IPv6 ones only where
    /// the deployment has a way out for them.
    ///
    /// # Errors
    /// One and the same when the name does not exist, has no address, or has none that may be dialled: a stranger must not learn
    /// which names exist inside.
    pub(super) async fn permitted_addresses(
        &self,
        host: &Host,
        port: u16,
        permits: impl Fn(IpAddr) -> bool,
        until: Instant,
    ) -> Result<Vec<SocketAddr>, FailureCode> {
        let addresses = match host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(_) => {
                let name = host.to_ascii();
                let looking_up = self.resolver.addresses(&name, self.ipv6);
                timeout_at(until, looking_up).await.unwrap_or_default()
            }
        };
        let mut permitted: Vec<SocketAddr> = Vec::new();
        for ip in addresses {
            let address = SocketAddr::new(ip, port);
            if (ip.is_ipv4() || self.ipv6) && permits(ip) && !permitted.contains(&address) {
                permitted.push(address);
            }
            // An answer may hold thousands.
            if permitted.len() >= self.addresses {
                break;
            }
        }
        if permitted.is_empty() {
            return Err(FailureCode::NameNotResolved);
        }
        Ok(permitted)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;
    use crate::dns::Resolver;
    use crate::model::network::DialPolicy;
    use crate::smtp::{Deadlines, Tls};

    fn resolver() -> Resolver {
        let ips = |texts: &[&str]| texts.iter().filter_map(|text| text.parse().ok()).collect();
        Resolver::fixed(&HashMap::from([
            (
                "mixed.example.com".to_owned(),
                ips(&["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111", "1.1.1.1"]),
            ),
            (
                "inside.example.com".to_owned(),
                ips(&["169.254.169.254", "127.0.0.1"]),
            ),
            ("xn--bcher-kva.example".to_owned(), ips(&["1.0.0.1"])),
        ]))
    }

    fn dialer(ipv6: bool) -> Dialer {
        Dialer {
            policy: DialPolicy::default(),
            resolver: resolver(),
            ipv6,
            addresses: 8,
            tls: Tls::new(&[]).expect("roots"),
            ehlo_name: Host::parse("client.example.com").expect("a host"),
            deadlines: Deadlines::default(),
        }
    }

    async fn addresses(host: &str, port: u16, ipv6: bool) -> Result<Vec<String>, FailureCode> {
        let dialer = dialer(ipv6);
        let permits = |ip| dialer.policy.permits(ip, port);
        told(&dialer, host, port, permits).await
    }

    async fn told(
        dialer: &Dialer,
        host: &str,
        port: u16,
        permits: impl Fn(IpAddr) -> bool,
    ) -> Result<Vec<String>, FailureCode> {
        let until = Instant::now() + Duration::from_secs(1);
        let host = Host::parse(host).expect("a host");
        let found = dialer
            .permitted_addresses(&host, port, permits, until)
            .await;
        found.map(|found| found.iter().map(ToString::to_string).collect())
    }

    async fn web_addresses(host: &str) -> Result<Vec<String>, FailureCode> {
        let dialer = dialer(false);
        let permits = |ip| dialer.policy.permits_address(ip, 443);
        told(&dialer, host, 443, permits).await
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

    #[tokio::test]
    async fn a_web_server_is_reached_at_public_addresses_alone() {
        let found = web_addresses("mixed.example.com").await;
        assert_eq!(found, Ok(vec!["1.1.1.1:443".to_owned()]));
        for host in [
            "inside.example.com",
            "127.0.0.1",
            "169.254.169.254",
            "nowhere.example.com",
        ] {
            let found = web_addresses(host).await;
            assert_eq!(found, Err(FailureCode::NameNotResolved), "{host}");
        }
    }
}
