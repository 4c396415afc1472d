//! Connections as code: the provider of the CloudFormation custom resource `Custom::SmtpConnection`, which creates, updates and deletes a
//! tenant's connection as the API does, with the password from a secret that the template names.
//!
//! It is a caller of the operations in `connections`, within the process (decision 10): same checks, same writes. It writes the secrets of
//! tenants as they do and can't read them; what it reads are the secrets of templates.

mod api;
mod config;
mod operation;
mod password;
mod properties;
mod request;
mod response;

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;
use tracing::field::Empty;

pub use self::config::Config;
pub use self::password::PasswordSource;
pub use self::request::Request;
pub use self::response::{NotAnswered, Responses};

use self::operation::{Failure, carry_out};
use self::request::PhysicalId;
use self::response::{Data, Response, SENDING, Status};

/// What this function may use.
#[derive(Debug)]
pub struct State {
    /// Connections, by the API's own operations.
    pub connections: Arc<connections::State>,
    /// Where the passwords are that templates name.
    pub passwords: PasswordSource,
    /// The way back to CloudFormation.
    pub responses: Responses,
}

/// Carries out a request, and answers it whatever happens: CloudFormation would wait for an hour. It all ends by `until`.
///
/// # Errors
/// When there is nobody to answer, and then nothing is done; or when the answer was not taken. The request may come again: nothing is done
/// twice.
pub async fn handle(
    state: &Arc<State>,
    request: Request,
    until: Instant,
) -> Result<(), NotAnswered> {
    state.responses.check(&request.response_url)?;
    let request = Arc::new(request);
    let span = tracing::info_span!("request", request_id = request.id, tenant = Empty);
    if let Some(tenant) = request.tenant() {
        span.record("tenant", tenant.as_str());
    }
    let work = {
        let (state, request) = (Arc::clone(state), Arc::clone(&request));
        async move { carry_out(&state, &request).await }
    };
    // A task of its own, so that a panic in it is an outcome here.
    let mut task = tokio::spawn(work.instrument(span.clone()));
    let work_until = until.checked_sub(SENDING).unwrap_or(until);
    let outcome = match timeout_at(work_until, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Failure::broke_off()),
        Err(_) => {
            task.abort();
            Err(Failure::too_late())
        }
    };
    answer(state, &request, outcome).instrument(span).await
}

async fn answer(
    state: &State,
    request: &Request,
    outcome: Result<Option<PhysicalId>, Failure>,
) -> Result<(), NotAnswered> {
    let (status, made, reason) = match outcome {
        Ok(made) => (Status::Success, made, None),
        Err(failure) => (Status::Failed, None, Some(failure.into_reason())),
    };
    tracing::info!(
        stack_id = request.stack_id,
        resource = request.logical_resource_id,
        failed = reason.is_some(),
        "carried out"
    );
    let data = match &made {
        Some(PhysicalId::Connection(id, _)) => Some(Data {
            connection_id: id.to_string(),
        }),
        _ => None,
    };
    let named = made.map(|made| made.to_string());
    // What failed keeps its name; what was never made gets one by which its deletion knows.
    let physical_resource_id = named
        .or_else(|| request.physical_id().map(str::to_owned))
        .unwrap_or_else(|| match request.tenant() {
            Some(tenant) => PhysicalId::Failed(request.id.clone(), tenant).to_string(),
            None => request.id.clone(),
        });
    let response = Response {
        status,
        reason,
        physical_resource_id,
        stack_id: &request.stack_id,
        request_id: &request.id,
        logical_resource_id: &request.logical_resource_id,
        no_echo: false,
        data,
    };
    state.responses.send(&request.response_url, response).await
}
