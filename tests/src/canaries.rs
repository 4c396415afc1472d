//! Listeners that nobody may reach.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Listeners on the loopback addresses of this machine, at one port. `0.0.0.0` and `::` lead to them too.
#[derive(Debug)]
pub struct Canaries(Vec<TcpListener>);

impl Canaries {
    /// On 127.0.0.1, and on 127.0.0.2 and `::1` where the machine has them.
    ///
    /// # Panics
    /// When loopback can't be listened on.
    pub async fn start() -> Self {
        loop {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let mut listeners = vec![first.expect("a free port")];
            let port = listeners[0].local_addr().expect("an address").port();
            let others: [IpAddr; 2] = [
                Ipv4Addr::new(127, 0, 0, 2).into(),
                Ipv6Addr::LOCALHOST.into(),
            ];
            let mut is_free = true;
            for ip in others {
                match TcpListener::bind((ip, port)).await {
                    Ok(listener) => listeners.push(listener),
                    // A port that is free on one address may be taken on another.
                    Err(error) => is_free &= error.kind() != io::ErrorKind::AddrInUse,
                }
            }
            if is_free {
                return Self(listeners);
            }
        }
    }

    /// The port of all of them.
    ///
    /// # Panics
    /// Never: they listen.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0[0].local_addr().expect("an address").port()
    }

    /// Who connected to them, and where. Connections are accepted in their order, so once one of our own is there, none before
    /// it was missed.
    ///
    /// # Panics
    /// When they can't be connected to.
    pub async fn intruders(&self) -> Vec<(SocketAddr, SocketAddr)> {
        let mut intruders = Vec::new();
        for listener in &self.0 {
            let address = listener.local_addr().expect("an address");
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4(),
                SocketAddr::V6(_) => TcpSocket::new_v6(),
            };
            let ours = socket.expect("a socket").connect(address).await;
            let ours = ours.expect("a connection").local_addr().expect("one");
            loop {
                let (_, peer) = listener.accept().await.expect("a connection");
                if peer == ours {
                    break;
                }
                intruders.push((peer, address));
            }
        }
        intruders
    }
}
