//! Everything at once.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::{Router, middleware};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use shared::model::network::DialPolicy;
use shared::model::tenant::Tenant;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::certificate::{Certificate, CertificateError};
use crate::cli::Options;
use crate::embedded::{Embedded, EmbeddedError};
use crate::host;
use crate::inbox::{self, Inbox};

/// How long requests and deliveries may take to end when everything stops.
const GRACE: Duration = Duration::from_secs(10);

/// What the functions are composed of.
#[derive(Debug)]
pub struct Parts {
    /// The AWS services.
    pub embedded: Embedded,
    /// Who every request is from.
    pub tenant: Tenant,
    /// What may be dialled: public mail servers, the inbox, and what the command line allows.
    pub policy: DialPolicy,
    /// Whom to trust besides the public authorities: the inbox's, and those of the command line.
    pub trusted: Vec<CertificateDer<'static>>,
    /// The mail that came.
    pub inbox: inbox::Store,
}

/// Everything, running.
#[derive(Debug)]
pub struct Running {
    /// Where the API listens.
    pub api: SocketAddr,
    /// Where the inbox speaks STARTTLS.
    pub inbox_starttls: SocketAddr,
    /// Where the inbox speaks implicit TLS.
    pub inbox_tls: SocketAddr,
    /// What the functions are composed of.
    pub parts: Parts,
    /// Whether the inbox accepts one login alone.
    pub login_demanded: bool,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Something could not start. The cause, where there is one, is the source.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API's address.
    #[error("cannot listen on {address} (choose another with --listen)")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// One of the inbox's ports.
    #[error("cannot listen on 127.0.0.1:{port} (choose other ports with --inbox)")]
    Inbox {
        /// The port that was asked for.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The file of `--ca`.
    #[error("cannot read certificates from {}", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The inbox's certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// An embedded service, or the data directory.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

/// Starts everything.
///
/// # Errors
/// When a port is taken, or a file or directory can't be used.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let address = options.listen;
    let refused = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let api = listener.local_addr().map_err(refused)?;

    let certificate = Certificate::for_localhost()?;
    let mut trusted = vec![certificate.authority];
    if let Some(path) = options.ca {
        trusted.extend(authorities(&path).map_err(|source| StartError::Ca { path, source })?);
    }
    let login_demanded = options.inbox_login.is_some();
    let inbox = Inbox::bind(options.inbox, certificate.server, options.inbox_login)
        .await
        .map_err(|(port, source)| StartError::Inbox { port, source })?;
    let (inbox_starttls, inbox_tls) = (inbox.starttls, inbox.tls);

    let parts = Parts {
        embedded: Embedded::start(options.data.as_deref()).await?,
        tenant: options.tenant,
        policy: policy(
            &[inbox_starttls.port(), inbox_tls.port()],
            &options.allow_hosts,
        ),
        trusted,
        inbox: inbox.store.clone(),
    };
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(inbox.serve(stopped.clone()));
    let app = app(&parts);
    tasks.spawn(async move {
        let mut stopped = stopped;
        let stop = async move { crate::stopped(&mut stopped).await };
        let served = axum::serve(listener, app).with_graceful_shutdown(stop);
        if let Err(error) = served.await {
            tracing::error!(%error, "the API has stopped");
        }
    });
    Ok(Running {
        api,
        inbox_starttls,
        inbox_tls,
        parts,
        login_demanded,
        stop,
        tasks,
    })
}

/// All that is served over HTTP.
pub fn app(parts: &Parts) -> Router {
    Router::new()
        .merge(inbox::routes(parts.inbox.clone()))
        .layer(middleware::from_fn(host::only_this_machine))
}

fn policy(inbox: &[u16], allowed: &[IpNet]) -> DialPolicy {
    let loopback = [
        IpNet::V4(Ipv4Net::new_assert([127, 0, 0, 0].into(), 8)),
        IpNet::V6(Ipv6Net::new_assert(std::net::Ipv6Addr::LOCALHOST, 128)),
    ];
    let policy = loopback
        .into_iter()
        .fold(DialPolicy::default(), |policy, network| {
            policy.allowing(network, Some(inbox.to_vec()))
        });
    allowed
        .iter()
        .fold(policy, |policy, network| policy.allowing(*network, None))
}

/// The certificates of a PEM file, each fit to be trusted.
fn authorities(
    path: &std::path::Path,
) -> Result<Vec<CertificateDer<'static>>, Box<dyn std::error::Error + Send + Sync>> {
    let certificates = CertificateDer::pem_file_iter(path)?
        .collect::<Result<Vec<CertificateDer<'static>>, _>>()?;
    if certificates.is_empty() {
        return Err("it holds no certificate in PEM".into());
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone())?;
    }
    Ok(certificates)
}

impl Running {
    /// Ends everything: what is under way may finish, for ten seconds.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("something took too long to end and was cut off");
        }
        self.tasks.shutdown().await;
        self.parts.embedded.stop().await;
    }
}

#[cfg(test)]
mod tests;
