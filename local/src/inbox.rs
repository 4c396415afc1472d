//! A mail server to try things with: it takes mail for anybody, delivers nothing, and shows what it took.
//!
//! One port speaks SMTP with STARTTLS (RFC 3207), the other implicit TLS (RFC 8314). Any login is accepted unless one is
//! demanded. Mail is kept in memory, the newest of it.

mod command;
mod login;
mod message;
mod routes;
mod session;
mod store;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

pub use self::login::Login;
pub use self::message::{Attachment, Header, Mail};
pub use self::routes::routes;
use self::session::{Ended, Session};
pub use self::store::Store;

/// The most octets that a message may have.
pub const MAX_MESSAGE: usize = 10 * 1024 * 1024;
/// The most recipients of a message.
pub const MAX_RECIPIENTS: usize = 100;
/// The most sessions at a time; others wait.
const MAX_SESSIONS: usize = 100;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// The inbox's two listeners and its mail.
#[derive(Debug)]
pub struct Inbox {
    /// Where STARTTLS is spoken.
    pub starttls: SocketAddr,
    /// Where TLS is spoken from the first byte.
    pub tls: SocketAddr,
    /// The mail.
    pub store: Store,
    listeners: [TcpListener; 2],
    config: Arc<ServerConfig>,
    login: Option<Arc<Login>>,
}

impl Inbox {
    /// Binds both ports on 127.0.0.1; 0 is any free port.
    ///
    /// # Errors
    /// The port that could not be bound, and why.
    pub async fn bind(
        ports: (u16, u16),
        config: Arc<ServerConfig>,
        login: Option<Login>,
    ) -> Result<Self, (u16, std::io::Error)> {
        let bind = async |port| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
            let listener = listener.map_err(|error| (port, error))?;
            let address = listener.local_addr().map_err(|error| (port, error))?;
            Ok((listener, address))
        };
        let (plain, starttls) = bind(ports.0).await?;
        let (wrapped, tls) = bind(ports.1).await?;
        Ok(Self {
            starttls,
            tls,
            store: Store::default(),
            listeners: [plain, wrapped],
            config,
            login: login.map(Arc::new),
        })
    }

    /// Serves until `stop` holds true; sessions that are open then are cut.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) {
        let session = Session::new(self.store, self.login);
        let acceptor = TlsAcceptor::from(self.config);
        let places = Arc::new(Semaphore::new(MAX_SESSIONS));
        let mut sessions = JoinSet::new();
        let [plain, wrapped] = &self.listeners;
        loop {
            let place = async {
                // The semaphore is never closed.
                let place = places.clone().acquire_owned().await.ok();
                tokio::select! {
                    accepted = plain.accept() => (accepted, false, place),
                    accepted = wrapped.accept() => (accepted, true, place),
                }
            };
            let (accepted, implicit, place) = tokio::select! {
                () = crate::stopped(&mut stop) => return,
                Some(_) = sessions.join_next(), if !sessions.is_empty() => continue,
                accepted = place => accepted,
            };
            let (stream, _) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, say: others may be freed in the meantime.
                    tracing::warn!(%error, "the inbox could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (session, acceptor) = (session.clone(), acceptor.clone());
            sessions.spawn(async move {
                let _place = place;
                if let Err(error) = speak(stream, session, acceptor, implicit).await {
                    tracing::debug!(%error, "a session with the inbox broke off");
                }
            });
        }
    }
}

async fn speak(
    stream: TcpStream,
    session: Session,
    acceptor: TlsAcceptor,
    implicit: bool,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let handshake = async |stream| {
        tokio::time::timeout(HANDSHAKE, acceptor.accept(stream))
            .await
            .map_err(std::io::Error::from)?
    };
    if implicit {
        let stream = handshake(stream).await?;
        session.greet_in_tls(stream).await?;
    } else if let Ended::StartTls(stream) = session.greet_in_plain(stream).await? {
        let stream = handshake(stream).await?;
        session.resume_in_tls(stream).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
