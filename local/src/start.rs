//! Everything at once.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::{Router, middleware};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::Value;
use shared::aws::batch::Batch;
use shared::clock::Clock;
use shared::dns::{Resolver, ResolverError};
use shared::model::encryption::Encryption;
use shared::model::host::Host;
use shared::model::network::DialPolicy;
use shared::model::tenant::Tenant;
use shared::smtp::{Deadlines, Dialer, Tls};
use shared::web::caller::Caller;
use shared::web::problem::Problem;
use submit::events::Incoming;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use verify::Way;

use crate::certificate::{Certificate, CertificateError};
use crate::cli::Options;
use crate::embedded::{Embedded, EmbeddedError, Streams};
use crate::events;
use crate::functions::Functions;
use crate::host;
use crate::inbox::{self, Inbox};
use crate::poller::Poller;

/// How long requests and deliveries may take to end when everything stops.
const GRACE: Duration = Duration::from_secs(10);

/// How often the sweeper looks for what is due; Lambda's schedule knows nothing shorter than a minute.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How long an entry that failed is out of sight.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long a batch may take: the timeout of the function.
const INVOCATION: Duration = Duration::from_mins(7);

/// Everything, running.
#[derive(Debug)]
pub struct Running {
    /// Where the API listens.
    pub api: SocketAddr,
    /// Where the inbox speaks STARTTLS.
    pub inbox_starttls: SocketAddr,
    /// Where the inbox speaks implicit TLS.
    pub inbox_tls: SocketAddr,
    /// Who every request is from.
    pub tenant: Tenant,
    embedded: Embedded,
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
    /// TLS with the authorities to trust.
    #[error("cannot set up TLS")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// The machine's name servers.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
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

    let trusted: Vec<_> = trusted
        .iter()
        .map(|certificate| certificate.to_vec())
        .collect();
    let dialer = Dialer {
        policy: policy(
            &[inbox_starttls.port(), inbox_tls.port()],
            &options.allow_hosts,
        ),
        resolver: Resolver::system()?,
        ipv6: true,
        addresses: 8,
        tls: Tls::new(&trusted)?,
        ehlo_name: Host::Name("localhost".to_owned()),
        deadlines: Deadlines::default(),
    };
    let embedded = Embedded::start(options.data.as_deref()).await?;
    // Connections to the inbox come from this very address.
    let functions = Functions::new(&embedded, &dialer, vec![api.ip()], &Clock::system()).trying([
        Way {
            port: inbox_tls.port(),
            encryption: Encryption::ImplicitTls,
        },
        Way {
            port: inbox_starttls.port(),
            encryption: Encryption::Starttls,
        },
    ]);

    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let streams = embedded.streams().await?;
    let app = app(
        &functions,
        options.tenant.clone(),
        inbox.store.clone(),
        streams,
    );
    tasks.spawn(inbox.serve(stopped.clone()));
    tasks.spawn(Poller::new(&embedded, RETRY_AFTER).run(worker(&functions), stopped.clone()));
    tasks.spawn(
        Poller::of_requests(&embedded, RETRY_AFTER).run(requests(&functions), stopped.clone()),
    );
    tasks.spawn(sweeper(functions, stopped.clone()));
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
        tenant: options.tenant,
        embedded,
        login_demanded,
        stop,
        tasks,
    })
}

/// All that is served over HTTP. There is no authorizer: every request is the tenant's.
fn app(functions: &Functions, tenant: Tenant, inbox: inbox::Store, streams: Streams) -> Router {
    let caller = Caller {
        tenant,
        subject: None,
    };
    let routes = functions
        .routes()
        .layer(middleware::map_request(move |mut request: Request| {
            let caller: Result<Caller, Problem> = Ok(caller.clone());
            request.extensions_mut().insert(caller);
            std::future::ready(request)
        }));
    inbox::routes(inbox)
        .merge(events::routes(streams))
        .fallback_service(routes)
        .layer(middleware::from_fn(host::only_this_machine))
}

/// What Lambda runs for each batch of the queue.
fn worker(
    functions: &Functions,
) -> impl Fn(Value) -> BoxFuture<Result<Value, serde_json::Error>> + use<> {
    let state = Arc::clone(&functions.deliver);
    move |event| {
        let state = Arc::clone(&state);
        Box::pin(async move {
            let batch: Batch = serde_json::from_value(event)?;
            let deadline = tokio::time::Instant::now() + INVOCATION;
            serde_json::to_value(deliver::handle(&state, batch, deadline).await)
        })
    }
}

/// What Lambda runs for each batch of the producers' queue.
fn requests(
    functions: &Functions,
) -> impl Fn(Value) -> BoxFuture<Result<Value, Box<dyn Error + Send + Sync>>> + use<> {
    let state = Arc::clone(&functions.submit);
    move |event| {
        let state = Arc::clone(&state);
        Box::pin(async move {
            let batch: Batch = serde_json::from_value(event)?;
            let outcome = submit::events::handle(&state, Incoming::Batch(batch)).await?;
            Ok(serde_json::to_value(outcome)?)
        })
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What EventBridge Scheduler does.
async fn sweeper(functions: Functions, mut stopped: watch::Receiver<bool>) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            () = crate::stopped(&mut stopped) => return,
            _ = every.tick() => {
                if let Err(error) = sweep::run(&functions.sweep).await {
                    tracing::error!(operation = error.operation(), cause = error.cause(), "a sweep failed");
                }
            }
        }
    }
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
        self.embedded.stop().await;
    }
}

#[cfg(test)]
mod tests;
