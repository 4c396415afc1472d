//! `POST /v1/messages`

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use shared::aws::error::StorageError;
use shared::aws::item::{self, Item, number, string};
use shared::aws::messages::{Record, TAKEN_WITHIN, idempotency_key};
use shared::aws::transaction::{Condition, Ended, Transaction};
use shared::model::ids::MessageId;
use shared::model::message::Message;
use shared::model::submission::{MessageInput, Submission};
use shared::model::timestamp::Timestamp;
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::idempotency::{self, IdempotencyKey, Remembered};
use shared::web::problem::{Problem, ProblemBody, ProblemType};

use crate::State;

/// Submit a message
///
/// The tenant's default connection sends it, whatever sender it asks for; without a default, the connection it names, else the one whose
/// sender address is its `from`, else the only active one. It is delivered in the background: follow it by its id. At most 4 MiB. With
/// `Idempotency-Key` a repeated request gets the first one's answer for 24 hours, and nothing is sent twice.
#[utoipa::path(
    post, path = "/v1/messages", tag = "messages", request_body = MessageInput,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, remembered for 24 hours")),
    responses(
        (status = 202, body = Message, headers(("Location" = String))),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn submit_message(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, Problem> {
    let key = IdempotencyKey::from_headers(&headers)?;
    let submission = Submission::try_from(body.read::<MessageInput>()?)?;
    let request = Request {
        state: &state,
        caller: &caller,
        key: key.as_ref(),
        fingerprint: body.fingerprint(None),
        now: state.clock.now(),
    };

    let senders = state.connections.senders(&caller.tenant).await?;
    let decision = match senders.decide(submission.requested) {
        Ok((decision, _)) => decision,
        // The same request may have been accepted while there still was a sender.
        Err(reason) => return request.earlier_answer().await?.ok_or_else(|| reason.into()),
    };
    let connection = decision.effective.connection_id;
    let id = MessageId::new(state.clock.ulid());
    let message = Message::accepted(
        id,
        decision,
        &submission.content,
        submission.metadata,
        request.now,
    );
    let record = Record::new(caller.tenant.clone(), message);

    // Content first: a record without content could not be sent, content without a record is only garbage, and expires.
    state
        .content
        .put(&caller.tenant, id, &submission.content)
        .await?;
    if let Some(answer) = request.accept(&record).await? {
        return Ok(answer);
    }
    // The message is accepted. If its entry doesn't reach the queue, the sweeper finds the record when it is due.
    if let Err(error) = state
        .queue
        .push(&record.delivery(), connection, record.enqueued)
        .await
    {
        tracing::error!(message_id = %id, cause = error.cause(), "accepted, but not queued: the sweeper will");
    }
    Ok(accepted(json!(record.message)))
}

struct Request<'a> {
    state: &'a State,
    caller: &'a Caller,
    key: Option<&'a IdempotencyKey>,
    fingerprint: String,
    now: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Message,
    Key,
}

impl Request<'_> {
    /// Writes the record, and with it what the idempotency key stands for. An earlier request's answer, if the key has one.
    async fn accept(&self, record: &Record) -> Result<Option<Response>, Problem> {
        let State { messages, .. } = self.state;
        let item = record.to_item(Some(self.now + TAKEN_WITHIN))?;
        let new = "attribute_not_exists(pk)";
        let Some(key) = self.key else {
            let put = messages
                .client
                .put_item()
                .table_name(&messages.name)
                .set_item(Some(item))
                .condition_expression(new);
            put.send()
                .await
                .map_err(|error| StorageError::sdk("accept a message", error))?;
            return Ok(None);
        };
        let expires_at = self.now + idempotency::KEPT;
        let remembered = Remembered {
            fingerprint: self.fingerprint.clone(),
            answer: json!(record.message),
            etag: None,
            expires_at,
        };
        let mut remembered = item::write(
            idempotency_key(&self.caller.tenant, key.digest()),
            &remembered,
        )?;
        remembered.insert("expires".to_owned(), number(expires_at.as_secs()));
        let unused = Condition::new("attribute_not_exists(pk) OR expires_at <= :now")
            .with(":now", string(self.now.to_string()));
        let ended = Transaction::new(&messages.client, &messages.name)
            .put(Write::Message, item, Condition::new(new))
            .put(Write::Key, remembered, unused)
            .write()
            .await?;
        match ended {
            Ended::Written => Ok(None),
            Ended::Conflict => Err(in_progress()),
            Ended::Refused(refused) => {
                let known = refused
                    .into_iter()
                    .find(|(write, _)| *write == Write::Key)
                    .and_then(|(_, item)| item);
                self.answer_from(known.ok_or_else(in_progress)?).map(Some)
            }
        }
    }

    async fn earlier_answer(&self) -> Result<Option<Response>, Problem> {
        let State { messages, .. } = self.state;
        let Some(key) = self.key else { return Ok(None) };
        let get = messages
            .client
            .get_item()
            .table_name(&messages.name)
            .consistent_read(true);
        let get = get.set_key(Some(idempotency_key(&self.caller.tenant, key.digest())));
        let output = get
            .send()
            .await
            .map_err(|error| StorageError::sdk("read an idempotency key", error))?;
        let Some(item) = output.item else {
            return Ok(None);
        };
        let remembered: Remembered = item::read(item)?;
        if remembered.expires_at <= self.now {
            return Ok(None);
        }
        let answer = remembered.for_request(&self.fingerprint)?.answer;
        Ok(Some(accepted(answer)))
    }

    fn answer_from(&self, item: Item) -> Result<Response, Problem> {
        let remembered: Remembered = item::read(item)?;
        Ok(accepted(remembered.for_request(&self.fingerprint)?.answer))
    }
}

fn in_progress() -> Problem {
    Problem::new(
        ProblemType::InProgress,
        "a request with this Idempotency-Key is being worked on: repeat it in a moment",
    )
}

fn accepted(message: Value) -> Response {
    let location = format!(
        "/v1/messages/{}",
        message["id"].as_str().unwrap_or_default()
    );
    let location = HeaderValue::from_str(&location)
        .unwrap_or_else(|_| HeaderValue::from_static("/v1/messages"));
    (
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(message),
    )
        .into_response()
}
