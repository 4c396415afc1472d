//! The peers that are of this program's language.

mod lettre;
mod mittente;

use crate::job::{Job, Report};
use crate::peers::Peer;

/// Does a job in this process.
pub(crate) async fn send(peer: Peer, job: Job) -> Report {
    match peer {
        Peer::Mittente => mittente::send(job).await,
        Peer::Lettre => lettre::send_by_pool(&job).await,
        Peer::LettreNodelay => lettre::send_by_connection(&job).await,
        Peer::Nodemailer | Peer::Aiosmtplib => panic!("{} is another program", peer.name()),
    }
}
