//! An SMTP client session (RFC 5321) against servers that strangers name: small, strict, and owned, so that it is known whether
//! the last byte of a message had left when a connection was lost.
//!
//! `guard` says which addresses may be dialled, `dial` opens the socket and `tls` protects it, as `dialer` asks them to; `wire`
//! carries flights out and replies in; `session` keeps them in step; `auth` logs in; `sender` asks about a sender;
//! `batch` sends messages one after the other, by `opening` and `transaction`, and `verdict` says what became of each; `diagnosis`
//! tells what a refusal is about.

pub mod auth;
pub mod batch;
mod certificate;
mod diagnosis;
mod dial;
pub mod dialer;
pub mod extensions;
pub mod failure;
pub mod flight;
pub mod guard;
mod opening;
pub mod progress;
mod replies;
pub mod reply;
mod sender;
pub mod session;
pub mod tls;
pub mod transaction;
pub mod verdict;
mod wire;

pub use auth::Credentials;
pub use batch::Outgoing;
pub use certificate::Certificate;
pub use dialer::{Deadlines, Dialer, Target};
pub use failure::{Failure, FailureCode, Stage};
pub use progress::{Progress, Reached, ServerFacts, StageReport, StageStatus};
pub use reply::Reply;
pub use session::Session;
pub use tls::{Tls, TlsFacts};
pub use verdict::{
    ConnectionVerdict, Envelope, Impossible, RecipientOutcome, Transaction, Verdict,
};
