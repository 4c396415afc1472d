//! Create, update and delete, each as a request to the operations of the API.

use axum::http::Method;
use serde_json::{Map, Value, json};
use shared::model::ids::ConnectionId;
use shared::model::input::Input;
use shared::model::tenant::Tenant;
use shared::model::text;
use shared::web::problem::{Problem, ProblemType};

use crate::State;
use crate::api::Api;
use crate::properties::{Properties, explain};
use crate::request::{Given, PhysicalId, Request};

/// How often a connection is deleted that becomes the default again in between.
const DELETIONS: usize = 5;

/// Why a request failed, in words for the stack's events. No secret is in them.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A fault of ours ended it.
    pub(crate) fn broke_off() -> Self {
        Self("the request broke off by a fault of ours: the function's log says more".to_owned())
    }

    /// It was not carried out in time.
    pub(crate) fn too_late() -> Self {
        Self("the request took too long: try again".to_owned())
    }

    pub(crate) fn into_reason(self) -> String {
        self.0
    }
}

impl From<Vec<String>> for Failure {
    fn from(lines: Vec<String>) -> Self {
        Self(lines.join("; "))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let lines: Vec<_> = problem.errors().iter().map(explain).collect();
        if lines.is_empty() {
            Self(format!("{} ({})", problem.detail(), problem.kind().name()))
        } else {
            lines.into()
        }
    }
}

/// Does what is asked, and gives what the resource is called from now on.
pub(crate) async fn carry_out(
    state: &State,
    request: &Request,
) -> Result<Option<PhysicalId>, Failure> {
    let operation = Operation {
        state,
        request,
        api: Api {
            connections: &state.connections,
            subject: request.subject(),
        },
    };
    let kind = match &request.kind {
        Input::Value(kind) => kind.as_str(),
        _ => "",
    };
    match kind {
        "Create" => operation.create(&operation.properties()?).await.map(Some),
        "Update" => operation.update(&operation.properties()?).await.map(Some),
        "Delete" => operation.delete().await.map(|()| None),
        _ => Err(Failure(
            "RequestType: must be Create, Update or Delete".to_owned(),
        )),
    }
}

struct Operation<'a> {
    state: &'a State,
    request: &'a Request,
    api: Api<'a>,
}

impl Operation<'_> {
    fn properties(&self) -> Result<Properties, Failure> {
        let State {
            connections,
            passwords,
            ..
        } = self.state;
        let empty = Given::new();
        let given = match &self.request.resource_properties {
            Input::Value(given) => given,
            _ => &empty,
        };
        Ok(Properties::read(
            given,
            &connections.policy,
            passwords.own_prefix(),
        )?)
    }

    async fn create(&self, properties: &Properties) -> Result<PhysicalId, Failure> {
        let tenant = &properties.tenant;
        let body = self
            .with_password(properties, properties.creation())
            .await?;
        let key = self.request.idempotency_key();
        let path = "/v1/connections";
        match self
            .api
            .call(tenant, Method::POST, path, Some(&key), body)
            .await
        {
            Ok(resource) => {
                let id = resource["id"].as_str().and_then(|id| id.parse().ok());
                let id = id.ok_or_else(Failure::broke_off)?;
                Ok(PhysicalId::Connection(id, tenant.clone()))
            }
            Err(problem) if problem.kind() == ProblemType::NameTaken => {
                let id = self.made_before(properties).await?.ok_or(problem)?;
                self.patch(id, properties, None).await?;
                Ok(PhysicalId::Connection(id, tenant.clone()))
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// The connection that has the name already, if this very resource made it or changed it last. When an update to another tenant is
    /// rolled back, the connection of the tenant before is still there: its deletion would have come at the end.
    async fn made_before(&self, properties: &Properties) -> Result<Option<ConnectionId>, Failure> {
        let creation = properties.creation();
        let name = text::fold(creation["name"].as_str().unwrap_or_default().trim());
        let subjects = self.request.subjects();
        self.find(&properties.tenant, |by, its_name| {
            by.starts_with(&subjects) && text::fold(its_name) == name
        })
        .await
    }

    /// A connection of the tenant by who changed it last, and its name.
    async fn find(
        &self,
        tenant: &Tenant,
        is_it: impl Fn(&str, &str) -> bool,
    ) -> Result<Option<ConnectionId>, Failure> {
        let table = &self.state.connections.connections;
        let senders = table.senders(tenant).await.map_err(Problem::from)?;
        let found = senders.connections.iter().find(|connection| {
            let by = connection.updated_by.as_deref();
            by.is_some_and(|by| is_it(by, &connection.settings.name))
        });
        Ok(found.map(|connection| connection.id))
    }

    /// A connection that is gone, or another tenant's, is made anew. The resource then has another name, and CloudFormation has the one
    /// before deleted when all has gone well.
    async fn update(&self, properties: &Properties) -> Result<PhysicalId, Failure> {
        let physical_id = self.request.physical_id().and_then(PhysicalId::parse);
        match physical_id {
            Some(PhysicalId::Connection(id, tenant)) if tenant == properties.tenant => {
                let old = self.request.old_properties();
                match self.patch(id, properties, Some(&old)).await {
                    Ok(()) => Ok(PhysicalId::Connection(id, tenant)),
                    Err(Refused::Gone) => self.create(properties).await,
                    Err(Refused::For(failure)) => Err(failure),
                }
            }
            _ => self.create(properties).await,
        }
    }

    async fn patch(
        &self,
        id: ConnectionId,
        properties: &Properties,
        old: Option<&Given>,
    ) -> Result<(), Refused> {
        let patch = properties.patch(old);
        let path = path_of(id);
        let another = old.is_none_or(|old| properties.has_another_password_than(old));
        if !another {
            let patch = Value::Object(patch.clone());
            let patched = self
                .api
                .call(&properties.tenant, Method::PATCH, &path, None, patch);
            match patched.await {
                // The same password, for another server or login than it was given for: the template says both.
                Err(problem) if asks_for_password(&problem) && properties.secret.is_some() => {}
                answer => return answer.map(|_| ()).map_err(Refused::from),
            }
        }
        let patch = self.with_password(properties, patch).await?;
        self.api
            .call(&properties.tenant, Method::PATCH, &path, None, patch)
            .await?;
        Ok(())
    }

    async fn with_password(
        &self,
        properties: &Properties,
        mut body: Map<String, Value>,
    ) -> Result<Value, Failure> {
        if let Some(secret) = &properties.secret {
            let password = self.state.passwords.read(secret).await;
            let password = password.map_err(|why| Failure(format!("PasswordSecretArn: {why}")))?;
            body.insert("password".to_owned(), json!(password.reveal()));
        }
        Ok(Value::Object(body))
    }

    async fn delete(&self) -> Result<(), Failure> {
        match self.request.physical_id().and_then(PhysicalId::parse) {
            Some(PhysicalId::Connection(id, tenant)) => self.remove(&tenant, id).await,
            Some(PhysicalId::Failed(request_id, tenant)) => {
                let subject = self.request.subject_of(&request_id);
                match self.find(&tenant, |by, _| by == subject).await? {
                    Some(id) => self.remove(&tenant, id).await,
                    None => Ok(()),
                }
            }
            None => Ok(()),
        }
    }

    /// A default gives its role up first, as nobody is there to hand it to.
    async fn remove(&self, tenant: &Tenant, id: ConnectionId) -> Result<(), Failure> {
        let path = path_of(id);
        for _ in 0..DELETIONS {
            let deleted = self
                .api
                .call(tenant, Method::DELETE, &path, None, Value::Null);
            match deleted.await {
                Ok(_) => return Ok(()),
                Err(problem) if problem.kind() == ProblemType::NotFound => return Ok(()),
                Err(problem) if problem.kind() == ProblemType::DefaultInUse => {}
                Err(problem) => return Err(problem.into()),
            }
            let give_up = json!({"default": false});
            let given_up = self
                .api
                .call(tenant, Method::PATCH, &path, None, give_up)
                .await;
            match given_up {
                Ok(_) => {}
                Err(problem) if problem.kind() == ProblemType::NotFound => return Ok(()),
                Err(problem) => return Err(problem.into()),
            }
        }
        Err(Failure(
            "the connection becomes the tenant's default again and again: who makes it so?"
                .to_owned(),
        ))
    }
}

/// Why a connection was not changed.
enum Refused {
    /// It isn't there.
    Gone,
    For(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::For(failure)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        match problem.kind() {
            ProblemType::NotFound => Self::Gone,
            _ => Self::For(problem.into()),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Gone => Self("the connection was deleted meanwhile: try again".to_owned()),
            Refused::For(failure) => failure,
        }
    }
}

fn path_of(id: ConnectionId) -> String {
    format!("/v1/connections/{id}")
}

fn asks_for_password(problem: &Problem) -> bool {
    let errors = problem.errors();
    errors.iter().any(|error| error.pointer == "/password")
}
