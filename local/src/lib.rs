//! Mittente in one process: the functions on embedded AWS services, and an inbox to send to.

pub mod certificate;
pub mod embedded;
pub mod inbox;
pub mod poller;

use tokio::sync::watch;

/// Waits until `stop` holds true, or nobody is left to say so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
