//! From a target to a session that is greeted, encrypted and logged in.

use std::net::IpAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::auth::{self, Credentials};
use super::diagnosis;
use super::dial;
use super::failure::{Failure, FailureCode, Stage};
use super::progress::Progress;
use super::session::Session;
use super::tls::Tls;
use super::wire::Wire;
use crate::dns::Resolver;
use crate::model::encryption::Encryption;
use crate::model::host::Host;
use crate::model::network::DialPolicy;

/// How long each step may take; none goes beyond the session's own deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Resolving and connecting.
    pub connect: Duration,
    /// A TLS handshake, and each reply but the last of a message.
    pub reply: Duration,
    /// Sending a message's body, and then its reply.
    pub final_reply: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            reply: Duration::from_mins(1),
            final_reply: Duration::from_mins(5),
        }
    }
}

impl Deadlines {
    /// The shorter of each.
    #[must_use]
    pub fn at_most(self, other: Self) -> Self {
        Self {
            connect: self.connect.min(other.connect),
            reply: self.reply.min(other.reply),
            final_reply: self.final_reply.min(other.final_reply),
        }
    }
}

/// The server to talk to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name or address.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// How the session is protected.
    pub encryption: Encryption,
    /// What to log in with.
    pub credentials: Option<Credentials>,
}

/// Opens sessions. Built once; everything that differs between a deployment and a test is a field.
#[derive(Debug, Clone)]
pub struct Dialer {
    /// Which addresses may be dialled.
    pub policy: DialPolicy,
    /// Who turns names into addresses.
    pub resolver: Resolver,
    /// Whether the deployment has a way out for IPv6.
    pub ipv6: bool,
    /// The most addresses of one host that are tried.
    pub addresses: usize,
    /// The client's side of TLS.
    pub tls: Tls,
    /// The name that we give in EHLO: a real host name (RFC 5321 §4.1.4).
    pub ehlo_name: Host,
    /// How long each step may take.
    pub deadlines: Deadlines,
}

impl Dialer {
    /// Resolves, connects, greets, encrypts and logs in. `progress` tells how far it came; nothing goes on after `deadline`.
    ///
    /// # Errors
    /// The step that failed, and why. Of a server that has not shown itself to be a mail server, no word is passed on.
    pub async fn open(
        &self,
        target: &Target,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<Session, Failure> {
        let opened = self.stages(target, deadline, progress).await;
        for stage in Stage::opening(target.encryption) {
            progress.skip(stage);
        }
        opened
    }

    /// Opens a TLS stream for something else than mail, guarded as every connection is: autoconfiguration by HTTPS. `port` is
    /// for the program to choose and never for a stranger.
    ///
    /// # Errors
    /// Why there is none: as for the first stages of [`Self::open`].
    pub async fn open_tls(
        &self,
        host: &Host,
        port: u16,
        until: Instant,
    ) -> Result<TlsStream<TcpStream>, FailureCode> {
        // Its port is ours to choose, its address is judged the same.
        let permits = |ip| self.policy.permits_address(ip, port);
        let addresses = self.permitted_addresses(host, port, permits, until);
        let (stream, _) = dial::connect(&addresses.await?, until).await?;
        let secured = self.tls.handshake(stream, host, until).await;
        secured.map_err(|failure| failure.code)
    }

    async fn stages(
        &self,
        target: &Target,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<Session, Failure> {
        let started = Instant::now();
        let until = deadline.min(started + self.deadlines.connect);
        let permits = |ip| self.policy.permits(ip, target.port);
        let resolving = self.permitted_addresses(&target.host, target.port, permits, until);
        let resolved = resolving.await.map_err(at(Stage::Resolve));
        let addresses = progress.observe(Stage::Resolve, started, resolved, |addresses| {
            let ips = addresses.iter().map(|address| address.ip().to_string());
            Some(ips.collect::<Vec<_>>().join(", "))
        })?;

        let started = Instant::now();
        let connected = dial::connect(&addresses, until).await;
        let connected = connected.map_err(at(Stage::Connect));
        let (stream, _) =
            progress.observe(Stage::Connect, started, connected, |(_, address)| {
                Some(address.ip().to_string())
            })?;

        let wire = if target.encryption == Encryption::ImplicitTls {
            let started = Instant::now();
            let until = deadline.min(started + self.deadlines.reply);
            let secured = self.tls.handshake(stream, &target.host, until).await;
            let secured = progress.note_tls(secured).map_err(at(Stage::Tls));
            let version = progress.tls_version();
            let stream = progress.observe(Stage::Tls, started, secured, |_| version)?;
            Wire::tls(stream)
        } else {
            Wire::plain(stream)
        };

        let mut session = Session::new(wire, self.deadlines, deadline);
        let started = Instant::now();
        let greeted = session
            .greet(&self.hello_name(), target.port, progress)
            .await;
        progress.observe(Stage::Greeting, started, greeted, |()| None)?;

        if target.encryption == Encryption::Starttls {
            let started = Instant::now();
            let secured = self.start_tls(session, target, progress).await;
            let version = progress.tls_version();
            session = progress.observe(Stage::Tls, started, secured, |_| version)?;
        }

        if let Some(credentials) = &target.credentials {
            let started = Instant::now();
            let authenticated = auth::log_in(&mut session, credentials).await;
            progress.observe(Stage::Auth, started, authenticated, |mechanism| {
                Some(mechanism.name().to_owned())
            })?;
        }
        Ok(session)
    }

    /// STARTTLS (RFC 3207), then EHLO again: what was offered in plain text counts no more.
    async fn start_tls(
        &self,
        mut session: Session,
        target: &Target,
        progress: &mut Progress,
    ) -> Result<Session, Failure> {
        let failed = |code| Failure::new(Stage::Tls, code);
        if !session.extensions().starttls {
            let greeting = progress.server.greeting.as_deref().unwrap_or_default();
            return Err(failed(
                if diagnosis::is_masked(greeting, session.extensions().lines()) {
                    FailureCode::Intercepted
                } else {
                    FailureCode::StarttlsNotOffered
                },
            ));
        }
        let answer = session
            .command(b"STARTTLS\r\n")
            .await
            .map_err(|broken| broken.at(Stage::Tls))?;
        if answer.code != 220 {
            let reply = answer.to_reply();
            let code = match answer.code {
                400..=599 => FailureCode::StarttlsRefused,
                _ => FailureCode::ProtocolError,
            };
            return Err(failed(code).with_reply(reply));
        }
        // Whatever came after the 220 was put there by someone without the certificate (CVE-2011-0411).
        let quiet = session.wire.expect_quiet();
        quiet.map_err(|broken| broken.at(Stage::Tls))?;
        let deadline = session.deadline();
        let stream = session
            .into_plain()
            .ok_or(failed(FailureCode::ConnectionLost))?;
        let until = deadline.min(Instant::now() + self.deadlines.reply);
        let secured = self.tls.handshake(stream, &target.host, until).await;
        let stream = progress.note_tls(secured).map_err(|code| {
            failed(match code {
                // It offered to, so this is no matter of the wrong port.
                FailureCode::TlsNotSpoken => FailureCode::TlsFailed,
                other => other,
            })
        })?;
        let mut session = Session::new(Wire::tls(stream), self.deadlines, deadline);
        session
            .say_hello(&self.hello_name(), Stage::Tls, progress)
            .await?;
        Ok(session)
    }

    /// The name, or the address as a literal (RFC 5321 §4.1.3).
    fn hello_name(&self) -> String {
        match &self.ehlo_name {
            Host::Name(_) => self.ehlo_name.to_ascii(),
            Host::Ip(IpAddr::V4(ip)) => format!("[{ip}]"),
            Host::Ip(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        }
    }
}

fn at(stage: Stage) -> impl Fn(FailureCode) -> Failure {
    move |code| Failure::new(stage, code)
}
