//! `POST /v1/messages`

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use shared::aws::error::StorageError;
use shared::aws::item;
use shared::aws::messages::{Record, TAKEN_WITHIN, idempotency_key};
use shared::aws::transaction::{Condition, Ended, Transaction};
use shared::model::ids::MessageId;
use shared::model::message::Message;
use shared::model::submission::{MessageInput, Submission};
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::idempotency::{Answer, IdempotencyKey, Remembered};
use shared::web::problem::{Problem, ProblemBody, ProblemType};
use shared::web::query::NoParameters;

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
    _: NoParameters,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let key = IdempotencyKey::from_headers(&headers)?;
    accept(&state, &caller.tenant, key.as_ref(), &body).await
}

/// Accepts a message of `tenant`, whichever way it came: the body is a [`MessageInput`].
///
/// # Errors
/// Why not.
pub(crate) async fn accept(
    state: &State,
    tenant: &Tenant,
    key: Option<&IdempotencyKey>,
    body: &JsonBody,
) -> Result<Answer, Problem> {
    let submission = Submission::try_from(body.read::<MessageInput>()?)?;
    let request = Request {
        state,
        tenant,
        key,
        fingerprint: body.fingerprint(None),
        now: state.clock.now(),
    };

    let senders = state.connections.senders(tenant).await?;
    let (decision, limits) = match senders.decide(submission.requested) {
        Ok((decision, connection)) => (decision, connection.settings.limits),
        // The same request may have been accepted while there still was a sender.
        Err(reason) => return request.earlier_answer().await?.ok_or_else(|| reason.into()),
    };
    let id = MessageId::new(state.clock.ulid());
    let message = Message::accepted(
        id,
        decision,
        &submission.content,
        submission.metadata,
        request.now,
    );
    let mut record = Record::new(tenant.clone(), message);
    record.concurrency = limits.concurrency;

    // Content first: a record without content could not be sent, content without a record is only garbage, and expires.
    state.content.put(tenant, id, &submission.content).await?;
    let answer = Answer::new(
        StatusCode::ACCEPTED,
        format!("/v1/messages/{id}"),
        None,
        &record.message,
    )?;
    if let Some(earlier) = request.accept(&record, &answer).await? {
        return Ok(earlier);
    }
    // The message is accepted. If its entry doesn't reach the queue, the sweeper finds the record when it is due.
    if let Err(error) = state.queue.push(&record).await {
        tracing::error!(message_id = %id, cause = error.cause(), "accepted, but not queued: the sweeper will");
    }
    Ok(answer)
}

struct Request<'a> {
    state: &'a State,
    tenant: &'a Tenant,
    key: Option<&'a IdempotencyKey>,
    fingerprint: String,
    now: Timestamp,
}

#[derive(Debug, Clone, Copy)]
enum Write {
    Message,
    Key,
}

impl Request<'_> {
    /// Writes the record, and with it what the idempotency key stands for. An earlier request's answer, if the key has one.
    async fn accept(&self, record: &Record, answer: &Answer) -> Result<Option<Answer>, Problem> {
        let State { messages, .. } = self.state;
        let item = record.to_item(Some(self.now + TAKEN_WITHIN))?;
        let Some(key) = self.key else {
            let put = messages.client.put_item().table_name(&messages.name);
            put.set_item(Some(item))
                .send()
                .await
                .map_err(|error| StorageError::sdk("accept a message", error))?;
            return Ok(None);
        };
        let remembered = Remembered::new(&self.fingerprint, answer, self.now);
        let key = idempotency_key(self.tenant, key.digest());
        let ended = Transaction::new(&messages.client, &messages.name)
            .put(Write::Message, item, Condition::none())
            .put(
                Write::Key,
                item::write(key, &remembered)?,
                Remembered::forgotten(self.now),
            )
            .write()
            .await?;
        match ended {
            Ended::Written => Ok(None),
            Ended::Conflict => Err(in_progress().retry_after(1)),
            Ended::Refused(refused) => {
                let known = refused.into_iter().find_map(|(_, item)| item);
                let known: Remembered = item::read(known.ok_or_else(in_progress)?)?;
                known.answer_to(&self.fingerprint).map(Some)
            }
        }
    }

    async fn earlier_answer(&self) -> Result<Option<Answer>, Problem> {
        let State { messages, .. } = self.state;
        let Some(key) = self.key else { return Ok(None) };
        let get = messages
            .client
            .get_item()
            .table_name(&messages.name)
            .consistent_read(true);
        let get = get.set_key(Some(idempotency_key(self.tenant, key.digest())));
        let output = get
            .send()
            .await
            .map_err(|error| StorageError::sdk("read an idempotency key", error))?;
        let known = output.item.map(item::read::<Remembered>).transpose()?;
        known
            .filter(|known| !known.is_forgotten(self.now))
            .map(|known| known.answer_to(&self.fingerprint))
            .transpose()
    }
}

fn in_progress() -> Problem {
    Problem::new(
        ProblemType::InProgress,
        "a request with this Idempotency-Key is being worked on: repeat it in a moment",
    )
}
