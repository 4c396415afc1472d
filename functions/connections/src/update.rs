//! `PATCH /v1/connections/{id}`

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Response;
use shared::aws::attempts::Attempts;
use shared::aws::connections::{
    connection_key, default_key, name_key, secret_note, secret_note_key, still_noted,
};
use shared::aws::event;
use shared::aws::health::as_read;
use shared::aws::item::{self, number, string};
use shared::aws::transaction::{Condition, Ended, Transaction};
use shared::model::connection::{Connection, ConnectionResource, Verification};
use shared::model::event::Event;
use shared::model::ids::ConnectionId;
use shared::model::password::Password;
use shared::model::settings::{Accepted, ConnectionInput, PasswordChange};
use shared::model::text;
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody, ProblemType};
use shared::web::query::NoParameters;

use crate::State;
use crate::create::item_with_id;
use crate::resource::{answer, check_if_match, id, missing, name_taken};

/// Update a connection
///
/// A merge patch (RFC 7396): what is left out stays, `null` removes. A change of host, port, encryption or username needs the
/// password again. `"default": true` takes the default role from the connection that has it, in one step.
#[utoipa::path(
    patch, path = "/v1/connections/{id}", tag = "connections",
    request_body(content((ConnectionInput = "application/merge-patch+json"), (ConnectionInput = "application/json"))),
    params(
        ("id" = String, Path, description = "The connection"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on; another one is answered 412"),
    ),
    responses(
        (status = 200, body = ConnectionResource, headers(("ETag" = String))),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn update_connection(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    PathId(path): PathId,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, Problem> {
    let id = id(&path)?;
    body.read::<ConnectionInput>()?;
    let mut attempts = Attempts::default();
    let mut kept = None;
    loop {
        let (stored, is_default) = state
            .connections
            .find(&caller.tenant, id)
            .await?
            .ok_or_else(missing)?;
        check_if_match(&headers, &stored, is_default)?;
        let accepted = body
            .read::<ConnectionInput>()?
            .patch(&stored, &state.policy)?;
        let role = Role::after(&accepted, is_default)?;
        let default = role.held(is_default);

        let settings_change = accepted.settings != stored.settings;
        let password_changes = match accepted.password {
            PasswordChange::Keep => false,
            PasswordChange::Remove => stored.secret.is_some(),
            PasswordChange::Set(_) => true,
        };
        if !settings_change && !password_changes && role == Role::Unchanged {
            return Ok(answer(stored, is_default));
        }
        let change = Change {
            state: &state,
            caller: &caller,
            stored,
            is_default,
            role,
            kept: &mut kept,
        };
        let ended = if settings_change || password_changes {
            change.write(accepted).await?
        } else {
            // The role alone: the connection's own item stays as it is, so that those who switch don't get in each other's way.
            change.write_role().await?
        };
        match ended {
            Written::Done(connection) => return Ok(answer(*connection, default)),
            Written::NameTaken => return Err(name_taken()),
            // Read again: if the connection is another one by now, `If-Match` says so.
            Written::Outrun => attempts.another("update a connection").await?,
        }
    }
}

/// What an update does to the default role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Unchanged,
    Take,
    GiveUp,
}

impl Role {
    fn after(accepted: &Accepted, is_default: bool) -> Result<Self, Problem> {
        match (accepted.default, is_default, accepted.settings.active) {
            (Some(true), _, false) => Err(Problem::new(
                ProblemType::ConnectionInactive,
                "an inactive connection can't be the default: activate it first, or in the same request",
            )),
            (None, true, false) => Err(default_in_use()),
            (Some(true), false, true) => Ok(Self::Take),
            (Some(false), true, _) => Ok(Self::GiveUp),
            _ => Ok(Self::Unchanged),
        }
    }

    fn held(self, before: bool) -> bool {
        match self {
            Self::Unchanged => before,
            Self::Take => true,
            Self::GiveUp => false,
        }
    }
}

fn default_in_use() -> Problem {
    Problem::new(
        ProblemType::DefaultInUse,
        "all mail is sent through the default connection: make another one the default first, or give the role up with \"default\": false in the same request",
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Connection,
    Name,
    OldName,
    Note,
    OldSecret,
    Default,
    Event,
}

enum Written {
    Done(Box<Connection>),
    NameTaken,
    /// Something changed since the connection was read.
    Outrun,
}

struct Change<'a> {
    state: &'a State,
    caller: &'a Caller,
    stored: Connection,
    is_default: bool,
    role: Role,
    /// The secret with the new password, once it is created: one is enough for all attempts.
    kept: &'a mut Option<String>,
}

impl Change<'_> {
    /// Writes the settings, the role and the password's secret: together or not at all, and only on the version that was read.
    async fn write(mut self, accepted: Accepted) -> Result<Written, Problem> {
        let State {
            connections, clock, ..
        } = self.state;
        let (tenant, id, now) = (&self.caller.tenant, self.stored.id, clock.now());
        let secret = match &accepted.password {
            PasswordChange::Keep => self.stored.secret.clone(),
            PasswordChange::Remove => None,
            PasswordChange::Set(password) => Some(self.keep_password(id, password).await?),
        };
        let verified_login =
            accepted.settings.same_login_as(&self.stored.settings) && secret == self.stored.secret;
        let same_sender = accepted
            .settings
            .sender_email
            .same_as(&self.stored.settings.sender_email);
        let limits = &self.stored.settings.limits;
        let version = self.stored.version + 1;
        let connection = Connection {
            limits_version: if accepted.settings.limits.same_starts_as(limits) {
                self.stored.limits_version
            } else {
                version
            },
            health: self
                .stored
                .health
                .after_change(!verified_login, !same_sender, now),
            verification: if verified_login {
                self.stored.verification.clone()
            } else {
                Verification::NEVER
            },
            version,
            updated_at: now,
            updated_by: self.caller.subject.clone(),
            settings: accepted.settings,
            secret,
            ..self.stored.clone()
        };

        let mut item = item::write(connection_key(tenant, id), &connection)?;
        event::carry(&mut item, &self.event(&connection))?;
        let mut transaction = Transaction::new(&connections.client, &connections.name).put(
            Write::Connection,
            item,
            as_read(&self.stored)?,
        );
        let (old_name, new_name) = (&self.stored.settings.name, &connection.settings.name);
        if text::fold(old_name) != text::fold(new_name) {
            transaction = transaction
                .put(
                    Write::Name,
                    item_with_id(name_key(tenant, new_name), id),
                    Condition::new("attribute_not_exists(pk)"),
                )
                .delete(
                    Write::OldName,
                    name_key(tenant, old_name),
                    Condition::none(),
                );
        }
        if connection.secret != self.stored.secret {
            if let Some(secret) = &connection.secret {
                transaction =
                    transaction.delete(Write::Note, secret_note_key(tenant, secret), still_noted());
            }
            if let Some(secret) = &self.stored.secret {
                transaction = transaction.put(
                    Write::OldSecret,
                    secret_note(tenant, secret, now),
                    Condition::none(),
                );
            }
        }
        transaction = match self.role {
            Role::Unchanged if self.stored.settings.active && !connection.settings.active => {
                transaction.check(Write::Default, default_key(tenant), not_the_default(id))
            }
            Role::Unchanged => transaction,
            Role::Take | Role::GiveUp => self.switch(transaction),
        };
        match transaction.write().await? {
            Ended::Written => Ok(Written::Done(Box::new(connection))),
            Ended::Refused(refused) if refused.iter().all(|(write, _)| *write == Write::Name) => {
                Ok(Written::NameTaken)
            }
            Ended::Refused(_) | Ended::Conflict => Ok(Written::Outrun),
        }
    }

    /// Writes the role alone, on the version that was read. Its event is an item of its own, as the pointer may be gone afterwards.
    async fn write_role(self) -> Result<Written, Problem> {
        let State {
            connections, clock, ..
        } = self.state;
        let unchanged =
            Condition::new("version = :version").with(":version", number(self.stored.version));
        let transaction = Transaction::new(&connections.client, &connections.name).check(
            Write::Connection,
            connection_key(&self.caller.tenant, self.stored.id),
            unchanged,
        );
        let transaction = transaction.put(
            Write::Event,
            event::alone(
                &self.caller.tenant,
                clock.ulid(),
                &self.event(&self.stored),
                clock.now(),
            )?,
            Condition::none(),
        );
        match self.switch(transaction).write().await? {
            Ended::Written => Ok(Written::Done(Box::new(self.stored))),
            Ended::Refused(_) | Ended::Conflict => Ok(Written::Outrun),
        }
    }

    /// What the change to `after` tells.
    fn event(&self, after: &Connection) -> Event {
        Event::updated(
            &self.caller.tenant,
            (&self.stored, self.is_default),
            (after, self.role.held(self.is_default)),
            self.caller.subject.as_deref(),
        )
    }

    fn switch<'t>(&self, transaction: Transaction<'t, Write>) -> Transaction<'t, Write> {
        let (key, id) = (default_key(&self.caller.tenant), self.stored.id);
        match self.role {
            Role::Unchanged => transaction,
            // The version that was read is active, or becomes so by this very write.
            Role::Take => transaction.put(Write::Default, item_with_id(key, id), Condition::none()),
            Role::GiveUp => transaction.delete(Write::Default, key, is_the_default(id)),
        }
    }

    async fn keep_password(
        &mut self,
        id: ConnectionId,
        password: &Password,
    ) -> Result<String, Problem> {
        if let Some(name) = &self.kept {
            return Ok(name.clone());
        }
        let State {
            connections,
            secrets,
            clock,
            ..
        } = self.state;
        let name = secrets.new_name(&self.caller.tenant, id, clock);
        connections
            .note_secret(&self.caller.tenant, &name, clock.now())
            .await?;
        secrets.create(&name, password).await?;
        *self.kept = Some(name.clone());
        Ok(name)
    }
}

/// Holds while the connection doesn't have the default role: what deactivating and deleting need.
pub(crate) fn not_the_default(id: ConnectionId) -> Condition {
    Condition::new("attribute_not_exists(pk) OR connection_id <> :id")
        .with(":id", string(id.to_string()))
}

/// Holds while the connection has the default role: what handing it on needs.
pub(crate) fn is_the_default(id: ConnectionId) -> Condition {
    Condition::new("connection_id = :id").with(":id", string(id.to_string()))
}
