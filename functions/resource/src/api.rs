//! The operations of the API, asked within the process.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use serde_json::Value;
use shared::model::tenant::Tenant;
use shared::web::caller::Caller;
use shared::web::problem::{Problem, ProblemType};
use tokio::time::sleep;
use tower::ServiceExt as _;

/// The largest answer of an operation: a connection.
const MAX_ANSWER: usize = 64 * 1024;
/// What is waited before an operation is asked again that is not available for now, one after the other.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// The operations, and who asks.
#[derive(Debug)]
pub(crate) struct Api<'a> {
    pub(crate) connections: &'a Arc<connections::State>,
    /// Kept as `updated_by` of what is changed.
    pub(crate) subject: String,
}

impl Api<'_> {
    /// Asks an operation of the API, for the tenant in the name of the subject; again when it is not available for now. What is
    /// created has a key, and all else may be done twice.
    pub(crate) async fn call(
        &self,
        tenant: &Tenant,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Value,
    ) -> Result<Value, Problem> {
        let mut waits = WAITS.iter();
        loop {
            match self.ask(tenant, &method, path, key, &body).await {
                Err(problem) if problem.kind() == ProblemType::Unavailable => {
                    sleep(*waits.next().ok_or(problem)?).await;
                }
                answer => return answer,
            }
        }
    }

    async fn ask(
        &self,
        tenant: &Tenant,
        method: &Method,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Result<Value, Problem> {
        let fault = || Problem::new(ProblemType::Internal, "the operation gave no answer");
        let caller: Result<Caller, Problem> = Ok(Caller {
            tenant: tenant.clone(),
            subject: Some(self.subject.clone()),
        });
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .extension(caller);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        let request = request.body(body).map_err(|_| fault())?;
        let routes = connections::routes(Arc::clone(self.connections));
        let Ok(answer) = routes.oneshot(request).await;
        let (mut parts, body) = answer.into_parts();
        // Not yet written out, as no gateway's layer is around these routes.
        if let Some(problem) = parts.extensions.remove::<Problem>() {
            return Err(problem);
        }
        let bytes = to_bytes(body, MAX_ANSWER).await.map_err(|_| fault())?;
        if bytes.is_empty() && parts.status.is_success() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| fault())
    }
}
