//! Proves that a connection works, or says why it doesn't: a draft before it is saved, or a saved one; and suggests settings that
//! may work.
//!
//! This function reads passwords and can't write them: its state has a [`SecretReader`] and nothing else for secrets.

mod config;
mod deliverability;
mod dns;
mod draft;
mod findings;
mod language;
mod limits;
mod probe;
mod refused_logins;
mod report;
mod request;
mod saved;
mod suggest;
mod test_message;
mod verification;
mod words;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use shared::aws::connections::ConnectionsTable;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::smtp::Dialer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use config::Config;
pub use limits::Limits;
pub use probe::{USUAL, Way};
pub use refused_logins::RefusedLogins;
pub use suggest::LookUps;
pub use words::{describe_codes, failure_table};

/// What this function may use.
#[derive(Debug)]
pub struct State {
    /// The table of connections: to read, and to keep outcomes and limits in.
    pub connections: ConnectionsTable,
    /// Where passwords come from.
    pub secrets: SecretReader,
    /// The way to mail servers.
    pub dialer: Dialer,
    /// Time.
    pub clock: Clock,
    /// What is counted and measured.
    pub metrics: Metrics,
    /// Where our connections come from, for hints.
    pub egress_ips: Vec<IpAddr>,
    /// How often may be verified.
    pub limits: Limits,
    /// The ways that are tried where the one that was asked for fails, the best first.
    pub usual: Vec<Way>,
    /// How long a verification may take in all.
    pub within: Duration,
    /// After how long other ways are tried while the one that was asked for still may work.
    pub patience: Duration,
    /// How long DNS may take to be asked for warnings: who waits for a report does not wait longer for them.
    pub warnings_within: Duration,
    /// The logins that were refused of late.
    pub refused_logins: RefusedLogins,
    /// How settings are looked for that fit an address.
    pub look_ups: LookUps,
}

impl State {
    /// The usual limits and times, and nothing is measured. API Gateway gives up after 30 s: the answer must be on its way before.
    #[must_use]
    pub fn new(
        connections: ConnectionsTable,
        secrets: SecretReader,
        dialer: Dialer,
        clock: Clock,
    ) -> Self {
        Self {
            connections,
            secrets,
            dialer,
            clock,
            metrics: Metrics::off(),
            egress_ips: Vec::new(),
            limits: Limits::default(),
            usual: USUAL.to_vec(),
            within: Duration::from_secs(25),
            patience: Duration::from_secs(4),
            warnings_within: Duration::from_secs(6),
            refused_logins: RefusedLogins::default(),
            look_ups: LookUps::default(),
        }
    }
}

/// The largest body, as for creating a connection.
const MAX_BODY: usize = 64 * 1024;

/// The operations, and their description.
#[must_use]
pub fn operations() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(draft::verify_draft))
        .routes(routes!(saved::verify_connection))
        .routes(routes!(suggest::suggest_settings))
}

/// The routes of this function: those of [`operations`], which would build their description at each start, to throw it away.
pub fn routes(state: Arc<State>) -> Router {
    Router::new()
        .route("/v1/connections/verify", post(draft::verify_draft))
        .route(
            "/v1/connections/{id}/verify",
            post(saved::verify_connection),
        )
        .route("/v1/connections/suggest", post(suggest::suggest_settings))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
}
