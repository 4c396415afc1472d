//! A mail server that follows a script and keeps a ledger. It listens on a free port of 127.0.0.1 and ends with its test.
//!
//! ```ignore
//! let server = MailServer::start(Script::new().starttls().on("RCPT TO:<b@", "550 5.1.1 no such user")).await;
//! let session = server.dialer().open(&server.target(), deadline, &mut Progress::default()).await?;
//! // …
//! assert_eq!(server.session().await.messages.len(), 1);
//! ```

mod authority;
mod dialogue;
mod ledger;
mod script;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use shared::dns::Resolver;
use shared::model::encryption::Encryption;
use shared::model::host::Host;
use shared::model::network::DialPolicy;
use shared::model::password::Password;
use shared::smtp::{Credentials, Deadlines, Dialer, Target, Tls};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use authority::{Certificate, limited_root, root, server_config_for};
pub use ledger::{Ledger, SeenMessage, SeenSession};
pub use script::{Answer, Gate, Script};

use dialogue::Dialogue;

/// The name of the server, to which the tests' resolver gives 127.0.0.1.
pub const HOST: &str = "mail.example.test";

/// After this long, what a test waits for will not happen any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// A dialer that may reach every server of the tests and trusts their authority, with deadlines that a test never meets unless it
/// waits for them.
///
/// # Panics
/// Never: all its parts are known to be good.
#[must_use]
pub fn dialer() -> Dialer {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Dialer {
        policy: DialPolicy::default().allowing("127.0.0.0/8".parse().expect("a network"), None),
        resolver: Resolver::fixed(&HashMap::from([(HOST.to_owned(), vec![here])])),
        ipv6: false,
        addresses: 8,
        tls: Tls::new(&[root()]).expect("an authority"),
        ehlo_name: Host::parse("client.example.test").expect("a host"),
        deadlines: Deadlines {
            connect: PATIENCE,
            reply: PATIENCE,
            final_reply: PATIENCE,
        },
    }
}

/// The server. It stops when it is dropped.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    encryption: Encryption,
    ledger: watch::Receiver<Ledger>,
    accepting: JoinHandle<()>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl MailServer {
    /// Starts a server that follows `script` with each client.
    ///
    /// # Panics
    /// When loopback can't be listened on.
    pub async fn start(script: Script) -> Self {
        Self::start_at(0, script).await
    }

    /// Starts a server in the place of one that listened on this port and is dropped.
    ///
    /// # Panics
    /// When the port is taken.
    pub async fn start_at(port: u16, script: Script) -> Self {
        let mut patience = 1000;
        // The one before frees it once its task has ended.
        let listener = loop {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(listener) => break listener,
                Err(_) if patience > 0 => tokio::task::yield_now().await,
                Err(error) => panic!("the port is not free: {error}"),
            }
            patience -= 1;
        };
        let address = listener.local_addr().expect("an address");
        let encryption = script.encryption;
        let acceptor = TlsAcceptor::from(authority::server_config(script.certificate));
        let script = Arc::new(script);
        let (ledger, receiver) = watch::channel(Ledger::default());
        let ledger = Arc::new(ledger);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let mut index = 0;
                ledger.send_modify(|ledger| {
                    index = ledger.sessions.len();
                    ledger.sessions.push(SeenSession {
                        peer: Some(peer),
                        ..SeenSession::default()
                    });
                });
                let (script, acceptor) = (script.clone(), acceptor.clone());
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    let dialogue = Dialogue::new(script, ledger.clone(), index);
                    // A client that hangs up is part of many plays.
                    let _ = dialogue.play(stream, acceptor).await;
                    ledger.send_modify(|ledger| ledger.sessions[index].ended = true);
                });
            }
        });
        Self {
            address,
            encryption,
            ledger: receiver,
            accepting,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The settings that fit it, without a login.
    ///
    /// # Panics
    /// Never: the name is a host.
    #[must_use]
    pub fn target(&self) -> Target {
        Target {
            host: Host::parse(HOST).expect("a host"),
            port: self.address.port(),
            encryption: self.encryption,
            credentials: None,
        }
    }

    /// The settings that fit it, with this login.
    ///
    /// # Panics
    /// When the password could not be one.
    #[must_use]
    pub fn target_as(&self, username: &str, password: &str) -> Target {
        Target {
            credentials: Some(Credentials {
                username: username.to_owned(),
                password: Password::parse(password.to_owned().into()).expect("a password"),
            }),
            ..self.target()
        }
    }

    /// [`dialer`], as it reads best in a test.
    #[must_use]
    pub fn dialer(&self) -> Dialer {
        dialer()
    }

    /// Waits until the ledger shows this.
    ///
    /// # Panics
    /// When it does not come to that.
    pub async fn until(&self, shows: impl FnMut(&Ledger) -> bool) -> Ledger {
        let mut ledger = self.ledger.clone();
        let waiting = tokio::time::timeout(PATIENCE, ledger.wait_for(shows)).await;
        waiting
            .expect("the ledger shows it in time")
            .expect("the server is there")
            .clone()
    }

    /// The only session, once it is over.
    ///
    /// # Panics
    /// When there is none, or another.
    pub async fn session(&self) -> SeenSession {
        let mut ledger = self.until(|ledger| ledger.ended() > 0).await;
        assert_eq!(ledger.sessions.len(), 1, "one session");
        ledger.sessions.remove(0)
    }

    /// How many connections there have been. They are accepted in their order, so once one of our own is there, none
    /// before it was missed.
    ///
    /// # Panics
    /// When it can't be connected to.
    pub async fn connections(&self) -> usize {
        let socket = TcpSocket::new_v4().expect("a socket");
        let stream = socket.connect(self.address).await.expect("a connection");
        let ours = stream.local_addr().ok();
        let ledger = self
            .until(|ledger| ledger.sessions.iter().any(|session| session.peer == ours))
            .await;
        ledger.sessions.len() - 1
    }
}
