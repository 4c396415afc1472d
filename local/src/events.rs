//! `GET /events`: what EventBridge Pipes would have forwarded, on this machine alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::embedded::{Forwarded, Streams};

/// How many events are shown; older ones are forgotten.
const KEPT: usize = 200;

/// Shows the last events of `streams`, newest first. They are read when somebody looks.
pub(crate) fn routes(streams: Streams) -> Router {
    let seen = Seen {
        streams,
        events: VecDeque::new(),
    };
    Router::new()
        .route("/events", get(show))
        .with_state(Arc::new(Mutex::new(seen)))
}

struct Seen {
    streams: Streams,
    events: VecDeque<Forwarded>,
}

#[derive(Debug, Serialize)]
struct Shown {
    events: Vec<Forwarded>,
}

async fn show(State(seen): State<Arc<Mutex<Seen>>>) -> Result<Json<Shown>, StatusCode> {
    let read = tokio::task::spawn_blocking(move || {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for event in seen.streams.read()? {
            seen.events.push_front(event);
        }
        seen.events.truncate(KEPT);
        Ok::<_, dynoxide::errors::DynoxideError>(seen.events.iter().cloned().collect())
    });
    match read.await {
        Ok(Ok(events)) => Ok(Json(Shown { events })),
        Ok(Err(error)) => {
            tracing::error!(%error, "the streams can't be read");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
