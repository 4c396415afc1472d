//! `POST /v1/messages`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use shared::aws::attempts::Attempts;
use shared::aws::error::StorageError;
use shared::aws::item::{self, Item};
use shared::aws::messages::{Record, TAKEN_WITHIN, idempotency_key};
use shared::aws::places::Full;
use shared::aws::transaction::{Condition, Ended, Transaction};
use shared::clock::random;
use shared::metrics::Metric;
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
use crate::events::is_passing;

/// Submit a message
///
/// The tenant's default connection sends it, whatever sender it asks for; without a default, the connection it names, else the one whose
/// sender address is its `from`, else the only active one. It is delivered in the background: follow it by its id. At most 4 MiB. With
/// `Idempotency-Key` a repeated request gets the first one's answer for 24 hours, and nothing is sent twice. A tenant may have as many
/// messages on their way as the deployment lets it (10,000 unless set otherwise): one more is `quota_exceeded`, with `Retry-After`.
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
    let accepted = accept(&state, &caller.tenant, key.as_ref(), &body).await;
    if accepted
        .as_ref()
        .is_err_and(|problem| !is_passing(problem.kind()))
    {
        state.metrics.count(Metric::Rejected);
    }
    accepted
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
    if let Some(earlier) = request.accept(record.clone(), &answer).await? {
        return Ok(earlier);
    }
    state.metrics.count(Metric::Accepted);
    let connection_id = record.message.decision.effective.connection_id;
    tracing::info!(message_id = %id, %connection_id, "accepted");
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Message,
    Place,
    Key,
}

/// How many shelves are asked for a place: they fill evenly.
const SHELVES_ASKED: u32 = 3;

impl Request<'_> {
    /// Writes the record, and with it the place that it takes and what the idempotency key stands for. An earlier request's answer, if
    /// the key has one.
    async fn accept(&self, mut record: Record, answer: &Answer) -> Result<Option<Answer>, Problem> {
        let State {
            messages, places, ..
        } = self.state;
        let (shelves, first) = (places.shelves(), u32::from_be_bytes(random()));
        let mut turned_away = 0;
        let mut attempts = Attempts::default();
        loop {
            record.shelf = first.wrapping_add(turned_away) % shelves;
            let taking = places.take(self.tenant, record.shelf, self.now);
            let mut transaction = Transaction::new(&messages.client, &messages.name)
                .put(
                    Write::Message,
                    record.to_item(Some(self.now + TAKEN_WITHIN))?,
                    Condition::none(),
                )
                .update(
                    Write::Place,
                    taking.key,
                    taking.expression,
                    taking.condition,
                );
            if let Some(key) = self.key {
                let remembered = Remembered::new(&self.fingerprint, answer, self.now);
                transaction = transaction.put(
                    Write::Key,
                    item::write(idempotency_key(self.tenant, key.digest()), &remembered)?,
                    Remembered::forgotten(self.now),
                );
            }
            let refused = match transaction.write().await? {
                Ended::Written => return Ok(None),
                Ended::Conflict => {
                    attempts.another("accept a message").await?;
                    continue;
                }
                Ended::Refused(refused) => refused,
            };
            let met = |it| {
                move |(write, item): &(Write, Option<Item>)| (*write == it).then(|| item.clone())
            };
            if let Some(known) = refused.iter().find_map(met(Write::Key)) {
                let known: Remembered = item::read(known.ok_or_else(in_progress)?)?;
                return known.answer_to(&self.fingerprint).map(Some);
            }
            let full = refused.iter().find_map(met(Write::Place)).flatten();
            let full: Full = item::read(full.unwrap_or_default())?;
            if full.until() <= self.now {
                let counting = messages.count_places(self.tenant, record.shelf, &full, self.now);
                counting.await?;
                attempts.another("accept a message").await?;
            } else if turned_away + 1 < shelves.min(SHELVES_ASKED) {
                turned_away += 1;
            } else {
                return Err(no_place(places.at_most(), full.until().since(self.now)));
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

fn no_place(at_most: u32, wait: Duration) -> Problem {
    Problem::new(
        ProblemType::QuotaExceeded,
        format!(
            "a tenant may have {at_most} messages on their way: wait until some are sent, or cancel some"
        ),
    )
    .retry_after(wait.as_secs() + 1)
}

fn in_progress() -> Problem {
    Problem::new(
        ProblemType::InProgress,
        "a request with this Idempotency-Key is being worked on: repeat it in a moment",
    )
}
