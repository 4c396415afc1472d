//! What this deployment asks of DNS: one stub resolver (RFC 1034 §5.3.1) for addresses and for records.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};

/// How long one name server may take to answer one question; it is asked twice.
const ANSWER: Duration = Duration::from_secs(3);

/// Asks name servers, and remembers nothing: the name servers do that, an administrator who corrects a record wants to see it
/// corrected, and strangers choose what is asked. Cheap to clone.
#[derive(Clone)]
pub struct Resolver(TokioResolver);

/// The machine does not say which name servers to ask.
#[derive(Debug, thiserror::Error)]
#[error("the machine's name servers are not known")]
pub struct ResolverError(#[from] NetError);

impl Resolver {
    /// Asks the machine's name servers, after its hosts file. Its search domains are left out: a name means the same everywhere.
    ///
    /// # Errors
    /// When the machine's configuration can't be read.
    pub fn system() -> Result<Self, ResolverError> {
        let (config, _) = system_conf::read_system_conf()?;
        let (_, _, servers) = config.into_parts();
        Ok(build(servers, ANSWER, ResolveHosts::Always))
    }

    /// Asks this name server alone, which has `answer` for each of its answers.
    #[must_use]
    pub fn asking(server: SocketAddr, answer: Duration) -> Self {
        let connections =
            [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
        let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
        build(vec![server], answer, ResolveHosts::Never)
    }

    /// Asks nobody: these names have these addresses, and no others exist.
    #[must_use]
    pub fn fixed(addresses: &HashMap<String, Vec<IpAddr>>) -> Self {
        let Self(mut resolver) = build(Vec::new(), ANSWER, ResolveHosts::Never);
        let mut file = String::new();
        for (name, addresses) in addresses {
            for address in addresses {
                let _ = writeln!(file, "{address} {name}");
            }
        }
        let mut hosts = Hosts::default();
        hosts
            .read_hosts_conf(file.as_bytes())
            .expect("reading from memory does not fail");
        resolver.set_hosts(Arc::new(hosts));
        Self(resolver)
    }

    /// The addresses of a name (A-labels), those of IPv4 first. None where it has none, does not exist or can't be found out:
    /// whoever wants to dial it can do no more with one than with another.
    pub(crate) async fn addresses(&self, name: &str, ipv6: bool) -> Vec<IpAddr> {
        let Ok(mut name) = Name::from_ascii(name) else {
            return Vec::new();
        };
        name.set_fqdn(true);
        let ask = async |record| match self.0.lookup(name.clone(), record).await {
            Ok(found) => found
                .answers()
                .iter()
                .filter_map(|it| it.data.ip_addr())
                .collect(),
            Err(_) => Vec::new(),
        };
        let (mut v4, v6) = tokio::join!(ask(RecordType::A), async {
            if ipv6 {
                ask(RecordType::AAAA).await
            } else {
                Vec::new()
            }
        });
        v4.extend(v6);
        v4
    }

    /// The resolver itself, for other records than addresses.
    #[must_use]
    pub fn client(&self) -> &TokioResolver {
        &self.0
    }
}

fn build(servers: Vec<NameServerConfig>, answer: Duration, hosts: ResolveHosts) -> Resolver {
    let mut options = ResolverOpts::default();
    options.timeout = answer;
    options.attempts = 2;
    options.use_hosts_file = hosts;
    options.cache_size = 0;
    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
    let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .expect("nothing that can fail is asked of it");
    Resolver(resolver)
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
