//! Messages: submit (also by events), look at, retry, cancel, and explain who would send. This function knows no passwords and speaks to
//! no mail server.

mod cancel;
mod change;
mod config;
pub mod events;
mod explain_sender;
mod get;
mod list;
mod retry;
mod submit;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use shared::aws::connections::ConnectionsTable;
use shared::aws::content::ContentStore;
use shared::aws::messages::MessagesTable;
use shared::aws::places::Places;
use shared::aws::queue::DeliveryQueue;
use shared::clock::Clock;
use shared::metrics::Metrics;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use config::Config;

/// What this function may use.
#[derive(Debug)]
pub struct State {
    /// The table of connections, to read.
    pub connections: ConnectionsTable,
    /// The table of messages.
    pub messages: MessagesTable,
    /// The content of messages, to write.
    pub content: ContentStore,
    /// The queue of deliveries, to fill.
    pub queue: DeliveryQueue,
    /// How many messages of a tenant may be on their way.
    pub places: Places,
    /// Time and chance.
    pub clock: Clock,
    /// What is counted and measured.
    pub metrics: Metrics,
}

/// How many messages of a tenant may be on their way, where the deployment says nothing.
pub const QUEUED_PER_TENANT: u32 = 10_000;

/// The largest request: a message with its attachments.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// The operations, and their description.
#[must_use]
pub fn operations() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(list::list_messages, submit::submit_message))
        .routes(routes!(get::get_message))
        .routes(routes!(retry::retry_message))
        .routes(routes!(cancel::cancel_message))
        .routes(routes!(explain_sender::explain_sender))
}

/// The routes of this function: those of [`operations`], which would build their description at each start, to throw it away.
pub fn routes(state: Arc<State>) -> Router {
    Router::new()
        .route(
            "/v1/messages",
            get(list::list_messages).post(submit::submit_message),
        )
        .route("/v1/messages/{id}", get(get::get_message))
        .route("/v1/messages/{id}/retry", post(retry::retry_message))
        .route("/v1/messages/{id}/cancel", post(cancel::cancel_message))
        .route("/v1/sender", post(explain_sender::explain_sender))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
}
