//! Which addresses may be dialled: global unicast, and what a deployment allows by name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What strangers may name as a mail server: any global unicast address on a mail port, plus the deployment's own list.
#[derive(Debug, Clone)]
pub struct DialPolicy {
    ports: Vec<u16>,
    allowed: Vec<Allowed>,
    denied: Vec<IpNet>,
}

#[derive(Debug, Clone)]
struct Allowed {
    network: IpNet,
    /// `None` is any port.
    ports: Option<Vec<u16>>,
}

/// The ports on which mail is submitted: implicit TLS, STARTTLS, its usual alternative, and plain SMTP.
const MAIL_PORTS: [u16; 4] = [465, 587, 2525, 25];

impl Default for DialPolicy {
    fn default() -> Self {
        Self {
            ports: MAIL_PORTS.to_vec(),
            allowed: Vec::new(),
            denied: Vec::new(),
        }
    }
}

impl DialPolicy {
    /// Also allows these ports on public addresses.
    #[must_use]
    pub fn with_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports.extend(ports);
        self
    }

    /// Also allows this network, public or not, on `ports` (`None`: on any port). For tests and local use.
    #[must_use]
    pub fn allowing(mut self, network: IpNet, ports: Option<Vec<u16>>) -> Self {
        self.allowed.push(Allowed { network, ports });
        self
    }

    /// Never dials this network, though it is public: the deployment's own ranges.
    #[must_use]
    pub fn denying(mut self, network: IpNet) -> Self {
        self.denied.push(network);
        self
    }

    /// Whether a connection to this socket address may be opened. Asked at every dial, for every resolved address.
    #[must_use]
    pub fn permits(&self, ip: IpAddr, port: u16) -> bool {
        (self.ports.contains(&port) && self.is_public(ip)) || self.allows(ip, port)
    }

    /// As [`Self::permits`], for what is no mail server and so has a port of its own, which we and no stranger choose.
    #[must_use]
    pub fn permits_address(&self, ip: IpAddr, port: u16) -> bool {
        self.is_public(ip) || self.allows(ip, port)
    }

    fn is_public(&self, ip: IpAddr) -> bool {
        is_global_unicast(ip) && !self.denied.iter().any(|network| network.contains(&ip))
    }

    fn allows(&self, ip: IpAddr, port: u16) -> bool {
        self.allowed.iter().any(|allowed| {
            allowed.network.contains(&ip)
                && allowed
                    .ports
                    .as_ref()
                    .is_none_or(|ports| ports.contains(&port))
        })
    }

    /// Whether a connection may name this port, before it is known which address its host has.
    #[must_use]
    pub fn permits_port(&self, port: u16) -> bool {
        port != 0
            && (self.ports.contains(&port)
                || self.allowed.iter().any(|allowed| {
                    allowed
                        .ports
                        .as_ref()
                        .is_none_or(|ports| ports.contains(&port))
                }))
    }

    /// The ports for an error message.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }
}

/// Whether an address is global unicast: routed on the public Internet and leading to one host, by the IANA special-purpose
/// registries for [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry/) and
/// [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry/). IPv6 addresses that carry an IPv4 one (mapped,
/// compatible, NAT64, 6to4, Teredo) are refused whatever they carry: no mail server needs to be named that way.
#[must_use]
pub fn is_global_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127 | 224..=255, _, _) // this network, private, loopback, multicast, reserved, broadcast
        | (100, 64..=127, _)             // shared by carriers, RFC 6598
        | (169, 254, _)                  // link-local, the metadata services among them
        | (172, 16..=31, _)              // private
        | (192, 0, 0 | 2)                // protocol assignments, documentation
        | (192, 31, 196)                 // AS112, RFC 7535
        | (192, 52, 193)                 // AMT, RFC 7450
        | (192, 88, 99)                  // 6to4 relays, withdrawn
        | (192, 168, _)                  // private
        | (192, 175, 48)                 // AS112, RFC 7534
        | (198, 18..=19, _)              // benchmarks, RFC 2544
        | (198, 51, 100)                 // documentation
        | (203, 0, 113) => true,         // documentation
        _ => false,
    };
    !special
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // Only 2000::/3 is allotted as global unicast; everything outside it (loopback, mapped, NAT64, unique local, link-local,
    // multicast) falls away here at once.
    let allotted = a & 0xe000 == 0x2000;
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) // protocol assignments (Teredo, benchmarks, ORCHID), documentation
        || a == 0x2002                        // 6to4
        || (a == 0x2620 && b == 0x004f)       // AS112 (2620:4f:8000::/48 and its neighbours)
        || (a == 0x3fff && b < 0x1000); // documentation, RFC 9637
    allotted && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn public_addresses_are_global_unicast() {
        for text in [
            "1.1.1.1",
            "13.38.96.228",
            "52.97.201.226",
            "100.63.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "2a00:1450:4001::1",
            "2606:4700::1111",
        ] {
            assert!(is_global_unicast(ip(text)), "{text}");
        }
    }

    #[test]
    fn internal_and_special_addresses_are_not() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.99.1",
            "192.168.1.1",
            "192.175.48.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2620:4f:8000::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_global_unicast(ip(text)), "{text}");
        }
    }

    #[test]
    fn only_mail_ports_of_public_addresses_are_dialled_by_default() {
        let policy = DialPolicy::default();
        assert!(
            [465, 587, 2525, 25]
                .iter()
                .all(|port| policy.permits(ip("1.1.1.1"), *port))
        );
        assert!(!policy.permits(ip("1.1.1.1"), 80));
        assert!(!policy.permits(ip("127.0.0.1"), 587));
    }

    #[test]
    fn an_allowed_network_opens_its_own_ports_alone() {
        let policy = DialPolicy::default()
            .allowing("127.0.0.0/8".parse().expect("network"), Some(vec![1025]));
        assert!(policy.permits(ip("127.0.0.1"), 1025));
        assert!(!policy.permits(ip("127.0.0.1"), 587));
        assert!(!policy.permits(ip("1.1.1.1"), 1025));
        assert!(policy.permits_port(1025) && !policy.permits_port(1026));
    }

    #[test]
    fn a_denied_network_is_not_dialled_though_it_is_public() {
        let policy = DialPolicy::default().denying("13.38.96.0/24".parse().expect("network"));
        assert!(!policy.permits(ip("13.38.96.228"), 587));
    }

    #[test]
    fn what_is_no_mail_server_is_reached_at_public_and_allowed_addresses_alone() {
        let policy = DialPolicy::default()
            .denying("13.38.96.0/24".parse().expect("network"))
            .allowing("10.0.0.0/8".parse().expect("network"), Some(vec![443]));
        assert!(policy.permits_address(ip("1.1.1.1"), 443));
        assert!(policy.permits_address(ip("10.0.0.1"), 443));
        for refused in ["13.38.96.228", "127.0.0.1", "169.254.169.254", "::1"] {
            assert!(!policy.permits_address(ip(refused), 443), "{refused}");
        }
        assert!(!policy.permits_address(ip("10.0.0.1"), 8443));
        assert!(!policy.permits(ip("1.1.1.1"), 443));
    }
}
