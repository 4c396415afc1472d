//! Mittente in one process: the functions on embedded AWS services, and an inbox to send to.

pub mod certificate;
pub mod cli;
pub mod embedded;
mod events;
mod functions;
mod guide;
mod host;
pub mod inbox;
pub mod poller;
mod start;

use tokio::sync::watch;

pub use self::functions::{Functions, openapi};
pub use self::guide::guide;
pub use self::start::{Running, StartError, start};

/// Waits until `stop` holds true, or nobody is left to say so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
