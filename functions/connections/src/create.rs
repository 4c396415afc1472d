//! `POST /v1/connections`

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use shared::aws::attempts::Attempts;
use shared::aws::connections::{
    below_quota, connection_key, default_key, idempotency_key, name_key, quota_key, secret_note,
    secret_note_key, still_noted,
};
use shared::aws::event;
use shared::aws::item::{self, Item, number, string};
use shared::aws::transaction::{Condition, Ended, Transaction};
use shared::model::connection::{Connection, ConnectionResource, Health, Verification};
use shared::model::event::Event;
use shared::model::ids::ConnectionId;
use shared::model::password::Password;
use shared::model::settings::{ConnectionInput, NewConnection, PasswordChange};
use shared::model::timestamp::Timestamp;
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::idempotency::{Answer, IdempotencyKey, Remembered};
use shared::web::problem::{Problem, ProblemBody, ProblemType};
use shared::web::query::NoParameters;

use crate::State;
use crate::resource::name_taken;

/// Create a connection
///
/// `name`, `sender_email`, `host` and `encryption` are required. With `Idempotency-Key` a repeated request gets the first one's
/// answer for 24 hours; the password is left out of the comparison. A tenant may have as many connections as
/// the deployment lets it (100 unless set otherwise): one more is `quota_exceeded`.
#[utoipa::path(
    post, path = "/v1/connections", tag = "connections", request_body = NewConnection,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, remembered for 24 hours")),
    responses(
        (status = 201, body = ConnectionResource, headers(("ETag" = String), ("Location" = String))),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_connection(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let key = IdempotencyKey::from_headers(&headers)?;
    let accepted = body.read::<ConnectionInput>()?.create(&state.policy)?;
    let now = state.clock.now();
    let id = ConnectionId::new(state.clock.ulid());
    let request = Request {
        state: &state,
        caller: &caller,
        key: key.as_ref(),
        fingerprint: body.fingerprint(Some("password")),
        now,
    };

    let secret = match accepted.password {
        PasswordChange::Set(password) => match request
            .keep_password(id, &accepted.settings.name, &password)
            .await?
        {
            Step::Done(name) => Some(name),
            Step::Answered(answer) => return Ok(answer),
        },
        PasswordChange::Keep | PasswordChange::Remove => None,
    };
    let connection = Connection {
        id,
        settings: accepted.settings,
        secret,
        verification: Verification::NEVER,
        health: Health::ok(now),
        version: 1,
        limits_version: 1,
        created_at: now,
        updated_at: now,
        updated_by: caller.subject.clone(),
    };
    request
        .save(connection, accepted.default == Some(true))
        .await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Connection,
    Name,
    Quota,
    Note,
    Default,
    Key,
}

struct Request<'a> {
    state: &'a State,
    caller: &'a Caller,
    key: Option<&'a IdempotencyKey>,
    fingerprint: String,
    now: Timestamp,
}

enum Step<T> {
    Done(T),
    /// An earlier request with the same key did it.
    Answered(Answer),
}

impl Request<'_> {
    /// Creates the secret, noted for collection first: whatever happens next, no secret is left that nobody knows of. A name that
    /// is taken, a quota that is reached and a key that is known end it here, before a secret is created.
    async fn keep_password(
        &self,
        id: ConnectionId,
        name: &str,
        password: &Password,
    ) -> Result<Step<String>, Problem> {
        let State {
            connections,
            secrets,
            clock,
            ..
        } = self.state;
        let tenant = &self.caller.tenant;
        let secret = secrets.new_name(tenant, id, clock);
        let mut attempts = Attempts::default();
        loop {
            let mut transaction = Transaction::new(&connections.client, &connections.name)
                .put(
                    Write::Note,
                    secret_note(tenant, &secret, self.now),
                    Condition::none(),
                )
                .check(
                    Write::Name,
                    name_key(tenant, name),
                    Condition::new("attribute_not_exists(pk)"),
                )
                .check(
                    Write::Quota,
                    quota_key(tenant),
                    below_quota(self.state.at_most),
                );
            if let Some(key) = self.key {
                transaction = transaction.check(
                    Write::Key,
                    idempotency_key(tenant, key.digest()),
                    Remembered::forgotten(self.now),
                );
            }
            match transaction.write().await? {
                Ended::Written => break,
                Ended::Refused(refused) => return self.refusal(refused).map(Step::Answered),
                Ended::Conflict => attempts.another("note a secret").await?,
            }
        }
        secrets.create(&secret, password).await?;
        Ok(Step::Done(secret))
    }

    async fn save(&self, connection: Connection, default: bool) -> Result<Answer, Problem> {
        let State { connections, .. } = self.state;
        let tenant = &self.caller.tenant;
        let answer = Answer::new(
            StatusCode::CREATED,
            format!("/v1/connections/{}", connection.id),
            Some(connection.etag(default)),
            &ConnectionResource::new(connection.clone(), default),
        )?;
        let by = self.caller.subject.as_deref();
        let mut item = item::write(connection_key(tenant, connection.id), &connection)?;
        event::carry(&mut item, &Event::created(tenant, &connection, default, by))?;
        let mut attempts = Attempts::default();
        loop {
            let free = || Condition::new("attribute_not_exists(pk)");
            let holder = |key: Item| item_with_id(key, connection.id);
            let mut transaction = Transaction::new(&connections.client, &connections.name)
                .put(Write::Connection, item.clone(), free())
                .put(
                    Write::Name,
                    holder(name_key(tenant, &connection.settings.name)),
                    free(),
                )
                .update(
                    Write::Quota,
                    quota_key(tenant),
                    "ADD held :one",
                    below_quota(self.state.at_most).with(":one", number(1)),
                );
            if let Some(secret) = &connection.secret {
                // If the note is gone, the secret was collected: this request has slept for too long.
                transaction =
                    transaction.delete(Write::Note, secret_note_key(tenant, secret), still_noted());
            }
            if default {
                transaction = transaction.put(
                    Write::Default,
                    holder(default_key(tenant)),
                    Condition::none(),
                );
            }
            if let Some(key) = self.key {
                let key = idempotency_key(tenant, key.digest());
                let remembered = Remembered::new(&self.fingerprint, &answer, self.now);
                transaction = transaction.put(
                    Write::Key,
                    item::write(key, &remembered)?,
                    Remembered::forgotten(self.now),
                );
            }
            match transaction.write().await? {
                Ended::Written => return Ok(answer),
                Ended::Refused(refused) => return self.refusal(refused),
                Ended::Conflict => attempts.another("create a connection").await?,
            }
        }
    }

    /// What the failed conditions mean: a known key is answered from memory, before anything else is looked at.
    fn refusal(&self, refused: Vec<(Write, Option<Item>)>) -> Result<Answer, Problem> {
        let mut refused: HashMap<_, _> = refused
            .into_iter()
            .map(|(write, item)| (write as u8, item))
            .collect();
        if let Some(item) = refused.remove(&(Write::Key as u8)) {
            let remembered: Remembered = item::read(item.unwrap_or_default())?;
            return remembered.answer_to(&self.fingerprint);
        }
        if refused.contains_key(&(Write::Name as u8)) {
            return Err(name_taken());
        }
        if refused.contains_key(&(Write::Quota as u8)) {
            return Err(Problem::new(
                ProblemType::QuotaExceeded,
                format!(
                    "a tenant may have {} connections: delete one that is no longer used",
                    self.state.at_most
                ),
            ));
        }
        Err(Problem::new(
            ProblemType::Unavailable,
            "the request took too long to be carried out safely: try again",
        )
        .retry_after(1))
    }
}

/// An item that says which connection has the thing its key names.
pub(crate) fn item_with_id(mut key: Item, id: ConnectionId) -> Item {
    key.insert("connection_id".to_owned(), string(id.to_string()));
    key
}
