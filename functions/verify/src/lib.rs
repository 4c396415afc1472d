//! Proves that a connection works, or says why it doesn't: a draft before it is saved, or a saved one.
//!
//! This function reads passwords and can't write them: its state has a [`SecretReader`] and nothing else for secrets.

mod config;
mod draft;
mod language;
mod report;
mod saved;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use shared::aws::connections::ConnectionsTable;
use shared::aws::secrets::SecretReader;
use shared::clock::Clock;
use shared::smtp::Dialer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use config::Config;
pub use words::failure_table;

/// What this function may use.
#[derive(Debug)]
pub struct State {
    /// The table of connections: to read, and to keep outcomes in.
    pub connections: ConnectionsTable,
    /// Where passwords come from.
    pub secrets: SecretReader,
    /// The way to mail servers.
    pub dialer: Dialer,
    /// Time.
    pub clock: Clock,
}

/// The largest body, as for creating a connection.
const MAX_BODY: usize = 64 * 1024;

/// The operations, and their description.
#[must_use]
pub fn operations() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(draft::verify_draft))
        .routes(routes!(saved::verify_connection))
}

/// The routes of this function.
pub fn routes(state: Arc<State>) -> Router {
    let (routes, _) = operations().split_for_parts();
    routes
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
}
