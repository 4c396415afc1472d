//! Opening the TCP connection: to a permitted address and no other.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::failure::FailureCode;

/// Connects to the first of `addresses` that answers, each with its share of the time that is left. The connection goes to
/// the very address that was judged: there is no second look-up that could give another (DNS rebinding).
///
/// # Errors
/// What the last address answered.
pub(crate) async fn connect(
    addresses: &[SocketAddr],
    until: Instant,
) -> Result<(TcpStream, SocketAddr), FailureCode> {
    let mut failure = FailureCode::ConnectTimedOut;
    for (index, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let left = until.saturating_duration_since(now);
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place: guard permitted the address"
        )]
        let connecting = TcpStream::connect(address);
        match timeout_at(now + share, connecting).await {
            Ok(Ok(stream)) => {
                // A flight is one write; waiting to fill a segment would only delay it.
                if stream.set_nodelay(true).is_ok() {
                    return Ok((stream, *address));
                }
                failure = FailureCode::ConnectionLost;
            }
            Ok(Err(error)) => failure = code(&error),
            Err(_) => failure = FailureCode::ConnectTimedOut,
        }
    }
    Err(failure)
}

fn code(error: &io::Error) -> FailureCode {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureCode::ConnectionRefused,
        io::ErrorKind::TimedOut => FailureCode::ConnectTimedOut,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            FailureCode::ConnectionLost
        }
        _ => FailureCode::Unreachable,
    }
}
