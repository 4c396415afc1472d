//! A tenant's connections: create, list, get, update, delete; and the addresses that mail is sent from.
//!
//! This function writes passwords and can't read them: its state has a [`SecretWriter`] and nothing else for secrets.

mod config;
mod create;
mod delete;
mod egress_ips;
mod get;
mod list;
mod openapi;
mod resource;
mod update;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use shared::aws::connections::ConnectionsTable;
use shared::aws::secrets::SecretWriter;
use shared::clock::Clock;
use shared::model::network::DialPolicy;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use config::Config;

/// What this function may use.
#[derive(Debug)]
pub struct State {
    /// The table of connections.
    pub connections: ConnectionsTable,
    /// Where passwords go.
    pub secrets: SecretWriter,
    /// Which servers may be named.
    pub policy: DialPolicy,
    /// How many connections a tenant may have.
    pub at_most: u32,
    /// The addresses that this deployment sends from.
    pub egress_ips: Vec<IpAddr>,
    /// Time and chance.
    pub clock: Clock,
}

/// How many connections a tenant may have, where the deployment says nothing: all of them are read whenever a message is accepted or sent.
pub const CONNECTIONS_PER_TENANT: u32 = 100;

/// The largest body: every field at its limit, written in JSON's longest escapes, and room to spare.
const MAX_BODY: usize = 64 * 1024;

/// The operations, and their description.
#[must_use]
pub fn operations() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(list::list_connections, create::create_connection))
        .routes(routes!(
            get::get_connection,
            update::update_connection,
            delete::delete_connection
        ))
        .routes(routes!(egress_ips::list_egress_ips))
        .routes(routes!(openapi::get_openapi))
}

/// The routes of this function: those of [`operations`], which would build their description at each start, to throw it away.
pub fn routes(state: Arc<State>) -> Router {
    Router::new()
        .route(
            "/v1/connections",
            get(list::list_connections).post(create::create_connection),
        )
        .route(
            "/v1/connections/{id}",
            get(get::get_connection)
                .patch(update::update_connection)
                .delete(delete::delete_connection),
        )
        .route("/v1/egress-ips", get(egress_ips::list_egress_ips))
        .route("/v1/openapi.json", get(openapi::get_openapi))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
}
