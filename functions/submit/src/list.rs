//! `GET /v1/messages`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use serde::Serialize;
use shared::aws::error::StorageError;
use shared::aws::message_list::{Filter, MessagePage as Found};
use shared::model::field::FieldCode;
use shared::model::ids::MessageId;
use shared::model::message::{Message, Status};
use shared::web::caller::Caller;
use shared::web::page::{Cursor, PageRequest};
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::Parameters;
use utoipa::ToSchema;

use crate::State;

/// The most bytes of messages in one answer, but for a single message that has more: Lambda's answers end at 6 MB.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessagePage {
    /// The newest first.
    messages: Vec<Message>,
    /// The `cursor` of the next page; null on the last.
    next_cursor: Option<String>,
}

/// List messages
///
/// The newest first. With a filter at most 1,000 messages are looked at for one page: it may then hold few or none and still have a
/// `next_cursor`. A message just accepted, or just changed, may take a moment to be found here.
#[utoipa::path(
    get, path = "/v1/messages", tag = "messages",
    params(
        ("status" = Option<Status>, Query, description = "Only messages in this state"),
        ("connection_id" = Option<String>, Query, description = "Only messages that this connection sends or sent"),
        ("limit" = Option<u8>, Query, description = "The most messages of a page, 1 to 100 (default 100)"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, body = MessagePage),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list_messages(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    mut parameters: Parameters,
) -> Result<Json<MessagePage>, Problem> {
    let filter = Filter {
        status: parameters.take("status", FieldCode::NotAllowed, Status::NAMES),
        connection_id: parameters.take(
            "connection_id",
            FieldCode::NotAnId,
            "is not an identifier of the form conn_…",
        ),
    };
    let page = PageRequest::take(&mut parameters);
    let after = page.after.map(|Cursor(id)| id.parse::<MessageId>());
    if let Some(Err(_)) = after {
        let detail = "must be the next_cursor of an earlier page";
        parameters.refuse("cursor", FieldCode::NotAllowed, detail);
    }
    parameters.finish()?;

    let after = after.and_then(Result::ok);
    let found = state
        .messages
        .list(&caller.tenant, &filter, after, page.limit)
        .await?;
    let Found { messages, next } = fitting(found)?;
    Ok(Json(MessagePage {
        messages,
        next_cursor: next.map(|id| Cursor(id.to_string()).encode()),
    }))
}

/// The page without what makes the answer too large; that is on the next.
fn fitting(page: Found) -> Result<Found, StorageError> {
    let Found {
        mut messages,
        mut next,
    } = page;
    let mut bytes = 0;
    for (index, message) in messages.iter().enumerate() {
        let json = serde_json::to_vec(message)
            .map_err(|error| StorageError::corrupt("write a page", error))?;
        bytes += json.len();
        if bytes > MAX_BYTES && index > 0 {
            next = Some(messages[index - 1].id);
            messages.truncate(index);
            break;
        }
    }
    Ok(Found { messages, next })
}
