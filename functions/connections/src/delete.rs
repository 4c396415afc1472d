//! `DELETE /v1/connections/{id}`

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use shared::aws::attempts::Attempts;
use shared::aws::connections::{connection_key, default_key, name_key, quota_key, secret_note};
use shared::aws::event;
use shared::aws::item::number;
use shared::aws::transaction::{Condition, Ended, Transaction};
use shared::model::event::Event;
use shared::model::field::FieldCode;
use shared::model::ids::ConnectionId;
use shared::web::caller::Caller;
use shared::web::path::PathId;
use shared::web::problem::{Problem, ProblemBody, ProblemType};
use shared::web::query::Parameters;

use crate::State;
use crate::create::item_with_id;
use crate::resource::{check_if_match, id, missing};
use crate::update::{is_the_default, not_the_default};

/// Delete a connection
///
/// The default is deleted only if it hands its role over to an active connection, named by `replacement`.
#[utoipa::path(
    delete, path = "/v1/connections/{id}", tag = "connections",
    params(
        ("id" = String, Path, description = "The connection"),
        ("replacement" = Option<String>, Query, description = "The connection that takes the default role over"),
        ("If-Match" = Option<String>, Header, description = "The ETag that is to be deleted; another one is answered 412"),
    ),
    responses(
        (status = 204),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete_connection(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    PathId(path): PathId,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let id = id(&path)?;
    let replacement: Option<ConnectionId> = parameters.take(
        "replacement",
        FieldCode::NotAnId,
        "must be the id of the connection that becomes the default",
    );
    if replacement == Some(id) {
        parameters.refuse(
            "replacement",
            FieldCode::NotAllowed,
            "must be another connection than the one that is deleted",
        );
    }
    parameters.finish()?;

    let State {
        connections, clock, ..
    } = &*state;
    let tenant = &caller.tenant;
    let mut attempts = Attempts::default();
    loop {
        let (stored, is_default) = connections.find(tenant, id).await?.ok_or_else(missing)?;
        check_if_match(&headers, &stored, is_default)?;
        if is_default && replacement.is_none() {
            return Err(Problem::new(
                ProblemType::DefaultInUse,
                "all mail is sent through the default connection: hand the role over with ?replacement=<id>, or give it up first with \"default\": false",
            ));
        }
        let by = caller.subject.as_deref();
        let event = Event::deleted(tenant, &stored, is_default, replacement, by);
        let mut transaction = Transaction::new(&connections.client, &connections.name)
            .delete(
                Write::Connection,
                connection_key(tenant, id),
                Condition::new("version = :version").with(":version", number(stored.version)),
            )
            .delete(
                Write::Name,
                name_key(tenant, &stored.settings.name),
                Condition::none(),
            )
            .update(
                Write::Quota,
                quota_key(tenant),
                "ADD held :less",
                Condition::none().with(":less", number(-1)),
            )
            .put(
                Write::Event,
                event::alone(tenant, clock.ulid(), &event, clock.now())?,
                Condition::none(),
            );
        if let Some(secret) = &stored.secret {
            transaction = transaction.put(
                Write::Secret,
                secret_note(tenant, secret, clock.now()),
                Condition::none(),
            );
        }
        if let Some(replacement) = replacement {
            let (successor, _) = connections
                .find(tenant, replacement)
                .await?
                .ok_or_else(no_replacement)?;
            if !successor.settings.active {
                return Err(inactive_replacement());
            }
            let as_read =
                Condition::new("version = :version").with(":version", number(successor.version));
            transaction = transaction.check(
                Write::Replacement,
                connection_key(tenant, replacement),
                as_read,
            );
        }
        transaction = match replacement {
            Some(replacement) if is_default => transaction.put(
                Write::Default,
                item_with_id(default_key(tenant), replacement),
                is_the_default(id),
            ),
            _ => transaction.check(Write::Default, default_key(tenant), not_the_default(id)),
        };
        match transaction.write().await? {
            Ended::Written => return Ok(StatusCode::NO_CONTENT),
            // Read again: if the connection is another one by now, `If-Match` says so.
            Ended::Refused(_) | Ended::Conflict => attempts.another("delete a connection").await?,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Write {
    Connection,
    Name,
    Quota,
    Event,
    Secret,
    Replacement,
    Default,
}

fn no_replacement() -> Problem {
    Problem::not_found("there is no connection with the id that replacement names")
        .at("/replacement", FieldCode::NotFound)
}

fn inactive_replacement() -> Problem {
    Problem::new(
        ProblemType::ConnectionInactive,
        "an inactive connection can't become the default: activate it first, or name another",
    )
    .at("/replacement", FieldCode::MustBeActive)
}
