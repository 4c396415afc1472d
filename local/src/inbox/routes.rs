//! `GET /inbox` and `DELETE /inbox`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Serialize, Serializer};

use super::message::Mail;
use super::store::Store;

/// Shows the mail in `store`, newest first, and empties it.
pub fn routes(store: Store) -> Router {
    Router::new()
        .route("/inbox", get(show).delete(empty))
        .with_state(store)
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(serialize_with = "each")]
    messages: Vec<Arc<Mail>>,
}

fn each<S: Serializer>(mails: &[Arc<Mail>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(mails.iter().map(Arc::as_ref))
}

async fn show(State(store): State<Store>) -> Json<Shown> {
    Json(Shown {
        messages: store.newest_first(),
    })
}

async fn empty(State(store): State<Store>) -> StatusCode {
    store.clear();
    StatusCode::NO_CONTENT
}
