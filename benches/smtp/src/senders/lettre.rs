//! lettre, by its pool of one connection and by a connection alone.

use std::fs::read;
use std::net::SocketAddr;

use lettre::address::Envelope;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use shared::model::encryption::Encryption;
use tokio::net::TcpSocket;
use tokio::task::yield_now;

use crate::job::{Job, Report};
use crate::meter::Meter;

type Pool = AsyncSmtpTransport<Tokio1Executor>;

pub(super) async fn send_by_pool(job: &Job) -> Report {
    let (pool, envelope) = (pool(job), envelope(job));
    let message = read(&job.message).expect("a message");
    through(&pool, &envelope, &message, job.warm_up).await;
    let meter = Meter::start();
    through(&pool, &envelope, &message, job.messages).await;
    meter.stop(version())
}

pub(super) async fn send_by_connection(job: &Job) -> Report {
    let (mut connection, envelope) = (connect(job).await, envelope(job));
    let message = read(&job.message).expect("a message");
    for _ in 0..job.warm_up {
        let sent = connection.send(&envelope, &message).await;
        sent.expect("accepted");
    }
    let meter = Meter::start();
    for _ in 0..job.messages {
        let sent = connection.send(&envelope, &message).await;
        sent.expect("accepted");
    }
    meter.stop(version())
}

fn envelope(job: &Job) -> Envelope {
    let address = |text: &String| text.parse().expect("an address");
    let to = job.to.iter().map(address).collect();
    Envelope::new(Some(address(&job.from)), to).expect("an envelope")
}

fn parameters(job: &Job) -> TlsParameters {
    let authority = read(&job.authority).expect("an authority");
    let authority = Certificate::from_der(authority).expect("a certificate");
    let builder = TlsParameters::builder(job.host.to_string());
    let builder = builder.add_root_certificate(authority);
    builder.build_rustls().expect("parameters")
}

fn login(job: &Job) -> Option<(Credentials, [Mechanism; 1])> {
    let login = job.login.clone()?;
    let credentials = Credentials::new(login.username, login.password);
    Some((credentials, [Mechanism::Plain]))
}

fn pool(job: &Job) -> Pool {
    let tls = match job.encryption {
        Encryption::None => Tls::None,
        Encryption::Starttls => Tls::Required(parameters(job)),
        Encryption::ImplicitTls => Tls::Wrapper(parameters(job)),
    };
    let builder = Pool::builder_dangerous(job.host.to_string())
        .port(job.port)
        .tls(tls)
        .pool_config(PoolConfig::new().max_size(1));
    match login(job) {
        Some((credentials, mechanisms)) => builder
            .credentials(credentials)
            .authentication(mechanisms.to_vec())
            .build(),
        None => builder.build(),
    }
}

/// Sends as many messages, one after the other.
async fn through(pool: &Pool, envelope: &Envelope, message: &[u8], count: usize) {
    for _ in 0..count {
        let sent = pool.send_raw(envelope, message).await;
        sent.expect("accepted");
        // A task of the pool's own takes the connection back. Whoever does not wait for it gets a new one.
        for _ in 0..10 {
            yield_now().await;
        }
    }
}

async fn connect(job: &Job) -> AsyncSmtpConnection {
    let name = ClientId::Domain("client.example.test".to_owned());
    let address = SocketAddr::new(job.host, job.port);
    let mut connection = if job.encryption == Encryption::ImplicitTls {
        // It takes no socket of ours here. How often it waits does not depend on that.
        let parameters = Some(parameters(job));
        let connecting =
            AsyncSmtpConnection::connect_tokio1(address, None, &name, parameters, None);
        connecting.await.expect("a connection")
    } else {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_nodelay(true).expect("an option");
        let stream = socket.connect(address).await.expect("a connection");
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &name);
        greeted.await.expect("a greeting")
    };
    if job.encryption == Encryption::Starttls {
        let secured = connection.starttls(parameters(job), &name).await;
        secured.expect("TLS");
    }
    if let Some((credentials, mechanisms)) = login(job) {
        let authenticated = connection.auth(&mechanisms, &credentials).await;
        authenticated.expect("a login");
    }
    connection
}

/// The one that this was built with.
fn version() -> &'static str {
    let locked = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"));
    let (_, after) = locked
        .split_once("name = \"lettre\"\nversion = \"")
        .expect("lettre");
    after.split_once('"').map_or("", |(version, _)| version)
}
