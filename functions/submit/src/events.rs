//! Messages asked for by events: `Email Requested` from EventBridge, and entries of the producers' queue whose body is the detail of
//! such an event: `{"tenant": "…", "idempotency_key": "…", "message": {…}}`.
//!
//! Whoever may put events on the bus or into the queue is trusted to name the tenant. Everything else is checked as for
//! `POST /v1/messages`, by the same code. Both deliver an event at least once. So each has an idempotency key: its own, which also
//! recognises what a producer sends twice, or else one derived from the event's `id` or the entry's `MessageId`, by which an event that
//! comes again is known. Keys given here and in the header are the same keys; the message's JSON is compared as it was written.
//!
//! What is refused fails each time it comes, and so ends in the dead-letter queue. The first time, `Message Rejected` is written with
//! the reason. Should what was missing be there later (a connection, or room below the tenant's quota), the message is accepted after all. What fails
//! for now, because storage does or because the same key is being worked on, fails without that event and is to come again.

mod incoming;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::aws::batch::{Failure, Outcome};
use shared::metrics::Metric;
use shared::model::event::{Event, Rejected, Source};
use shared::model::field::{FieldCode, FieldErrors};
use shared::model::input::Input;
use shared::model::tenant::Tenant;
use shared::web::body::JsonBody;
use shared::web::idempotency::IdempotencyKey;
use shared::web::problem::{Problem, ProblemType};
use tokio::task::JoinSet;
use tracing::{Instrument as _, Span};

pub use self::incoming::{Incoming, Requested};
use crate::submit::accept;
use crate::{MAX_BODY, State};

/// EventBridge's detail type of an event that asks for a message.
pub const EMAIL_REQUESTED: &str = "Email Requested";

/// Why an event asked for nothing that was accepted. EventBridge's invocation ends with it, so that Lambda tries again and then hands
/// the event to where failures go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// It is wrong; the event `Message Rejected` says how.
    #[error("the event is refused: {0}")]
    Refused(&'static str),
    /// It may be accepted when it comes again.
    #[error("the event could not be taken for now: {0}")]
    Later(&'static str),
    /// A fault of ours broke it off.
    #[error("the event broke off")]
    BrokeOff,
}

/// Takes what Lambda hands over. Of a batch each entry is taken in a task of its own, and those that failed are named.
///
/// # Errors
/// When an EventBridge event was not accepted. A batch never fails as a whole.
pub async fn handle(state: &Arc<State>, incoming: Incoming) -> Result<Outcome, NotAccepted> {
    let mut outcome = Outcome::default();
    match incoming {
        Incoming::Event(event) => {
            let state = Arc::clone(state);
            let taking = async move {
                let detail = right_type(&event).map(|()| event.detail.get());
                take(&state, Source::EventBridge, &event.id, detail).await
            };
            let task = tokio::spawn(taking.in_current_span());
            task.await.unwrap_or(Err(NotAccepted::BrokeOff))?;
        }
        Incoming::Batch(batch) => {
            let mut tasks = JoinSet::new();
            for entry in batch.records {
                let state = Arc::clone(state);
                let item_identifier = entry.message_id.clone();
                let taking = async move {
                    take(&state, Source::Queue, &entry.message_id, Ok(&entry.body)).await
                };
                let task = tokio::spawn(taking.in_current_span());
                tasks.spawn(async move {
                    let taken = task.await.unwrap_or(Err(NotAccepted::BrokeOff));
                    taken.err().map(|_| Failure { item_identifier })
                });
            }
            outcome.batch_item_failures = tasks.join_all().await.into_iter().flatten().collect();
        }
    }
    Ok(outcome)
}

/// A rule that matches more than it should is no reason to send mail.
fn right_type(event: &Requested) -> Result<(), Problem> {
    if event.detail_type == EMAIL_REQUESTED {
        return Ok(());
    }
    Err(Problem::field(
        "/detail-type",
        FieldCode::NotAllowed,
        format!("must be {EMAIL_REQUESTED}"),
    ))
}

#[tracing::instrument(name = "event", skip_all, fields(source = source.name(), event_id = id, tenant))]
async fn take(
    state: &State,
    source: Source,
    id: &str,
    detail: Result<&str, Problem>,
) -> Result<(), NotAccepted> {
    let mut tenant = None;
    let taken = match detail {
        Ok(detail) => submit(state, source, id, detail, &mut tenant).await,
        Err(problem) => Err(problem),
    };
    let Err(problem) = taken else { return Ok(()) };
    let kind = problem.kind();
    if is_passing(kind) {
        tracing::warn!(problem = kind.name(), "not taken for now");
        return Err(NotAccepted::Later(kind.name()));
    }
    state.metrics.count(Metric::Rejected);
    tracing::warn!(problem = kind.name(), "refused");
    let rejected = Rejected {
        tenant,
        source,
        event_id: id.to_owned(),
        problem: kind.name().to_owned(),
        detail: problem.detail().to_owned(),
        errors: problem.errors().to_vec(),
        rejected_at: state.clock.now(),
    };
    let digest = URL_SAFE_NO_PAD.encode(digest(&SHA256, named(source, id).as_bytes()));
    let event = Event::rejected(rejected);
    if let Err(error) = state
        .messages
        .reject(&digest, &event, state.clock.now())
        .await
    {
        // The entry comes again, and with it another chance to write it.
        tracing::error!(
            operation = error.operation(),
            cause = error.cause(),
            "a rejection was not written"
        );
    }
    Err(NotAccepted::Refused(kind.name()))
}

/// Whether the same event or request may be accepted when nothing but time has passed.
pub(crate) fn is_passing(kind: ProblemType) -> bool {
    matches!(
        kind,
        ProblemType::Unavailable
            | ProblemType::Internal
            | ProblemType::InProgress
            | ProblemType::RateLimited
    )
}

/// Holds a NUL, which no key that is given can hold: nobody can choose a key that is derived from another event.
fn named(source: Source, id: &str) -> String {
    format!("{}\0{id}", source.name())
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(default)]
    tenant: Input<String>,
    #[serde(default)]
    idempotency_key: Input<String>,
    #[serde(default, borrow)]
    message: Option<&'a RawValue>,
}

const FIELDS: [&str; 3] = ["tenant", "idempotency_key", "message"];

/// Submits the message of an event. `tenant` is set as soon as it is known.
async fn submit(
    state: &State,
    source: Source,
    id: &str,
    detail: &str,
    tenant: &mut Option<Tenant>,
) -> Result<(), Problem> {
    if detail.len() > MAX_BODY {
        return Err(Problem::new(
            ProblemType::TooLarge,
            "the event is larger than a request may be",
        ));
    }
    let body = JsonBody::from(detail);
    // Twice: what borrows its message from the text can't also gather the fields it doesn't know.
    let fields: BTreeMap<String, &RawValue> = body.read()?;
    let Detail {
        tenant: named_tenant,
        idempotency_key,
        message,
    } = body.read()?;
    let mut errors = FieldErrors::default();
    let unknown = fields
        .keys()
        .filter(|name| !FIELDS.contains(&name.as_str()));
    errors.refuse_unknown("", unknown);
    let named_tenant = named_tenant.required("/tenant", &mut errors);
    if let Some(name) = named_tenant {
        match Tenant::new(name) {
            Ok(known) => {
                Span::current().record("tenant", known.as_str());
                *tenant = Some(known);
            }
            Err(error) => errors.push("/tenant", FieldCode::NotAllowed, error.to_string()),
        }
    }
    let key = match idempotency_key.optional("/idempotency_key", &mut errors) {
        Some(text) => errors.keep("/idempotency_key", IdempotencyKey::parse(&text)),
        None => Some(IdempotencyKey::of_event(&named(source, id))),
    };
    if message.is_none() {
        errors.push(
            "/message",
            FieldCode::Required,
            "is required: give the message",
        );
    }
    let found = tenant.as_ref().zip(key).zip(message);
    let ((tenant, key), message) = errors.into_result(found)?;
    accept(state, tenant, Some(&key), &JsonBody::from(message.get()))
        .await
        .map(|_| ())
        .map_err(|problem| problem.within("/message"))
}
