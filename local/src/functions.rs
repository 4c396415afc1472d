//! The functions, on the embedded services: the same libraries that Lambda runs.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use shared::aws::connections::ConnectionsTable;
use shared::aws::content::ContentStore;
use shared::aws::messages::MessagesTable;
use shared::aws::places::Places;
use shared::aws::queue::DeliveryQueue;
use shared::aws::rates::Rates;
use shared::aws::s3;
use shared::aws::secrets::{SecretReader, SecretWriter};
use shared::clock::Clock;
use shared::metrics::Metrics;
use shared::model::retry::Ambiguous;
use shared::smtp::Dialer;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{OpenApi, RefOr, Schema};
use verify::Way;

use crate::embedded::{CONNECTIONS_TABLE, Embedded, MESSAGES_TABLE};

/// What the names of secrets begin with.
const SECRET_PREFIX: &str = "mittente";

/// The state of every function.
#[derive(Debug, Clone)]
pub struct Functions {
    /// Connections.
    pub connections: Arc<connections::State>,
    /// Verification.
    pub verify: Arc<verify::State>,
    /// Messages.
    pub submit: Arc<submit::State>,
    /// Deliveries.
    pub deliver: Arc<deliver::State>,
    /// What is due.
    pub sweep: Arc<sweep::State>,
    clock: Clock,
}

impl Functions {
    /// The functions, reaching mail servers by `dialer`, whose connections come from `egress_ips`.
    #[must_use]
    pub fn new(
        embedded: &Embedded,
        dialer: &Dialer,
        egress_ips: Vec<IpAddr>,
        clock: &Clock,
    ) -> Self {
        let connections = ConnectionsTable {
            client: embedded.dynamodb.clone(),
            name: CONNECTIONS_TABLE.to_owned(),
        };
        let messages = MessagesTable {
            client: embedded.dynamodb.clone(),
            name: MESSAGES_TABLE.to_owned(),
        };
        let content = ContentStore::new(s3::Client::new(&embedded.content()));
        let queue = DeliveryQueue::new(embedded.queue.clone(), &embedded.queue_url);
        let reader = || SecretReader::new(embedded.secrets.clone(), clock.clone());
        Self {
            connections: Arc::new(connections::State {
                connections: connections.clone(),
                secrets: SecretWriter::new(embedded.secrets.clone(), SECRET_PREFIX),
                policy: dialer.policy.clone(),
                at_most: connections::CONNECTIONS_PER_TENANT,
                egress_ips: egress_ips.clone(),
                clock: clock.clone(),
            }),
            verify: Arc::new(verify::State {
                egress_ips,
                ..verify::State::new(connections.clone(), reader(), dialer.clone(), clock.clone())
            }),
            submit: Arc::new(submit::State {
                connections: connections.clone(),
                messages: messages.clone(),
                content: content.clone(),
                queue: queue.clone(),
                places: Places::new(submit::QUEUED_PER_TENANT),
                clock: clock.clone(),
                metrics: Metrics::off(),
            }),
            deliver: Arc::new(deliver::State {
                connections: connections.clone(),
                messages: messages.clone(),
                content,
                queue: queue.clone(),
                rates: Rates::default(),
                logins: deliver::Logins::default(),
                secrets: reader(),
                dialer: dialer.clone(),
                decided_for: deliver::DECIDED_FOR,
                ambiguous: Ambiguous::default(),
                sessions: deliver::Sessions::new(clock.clone()),
                clock: clock.clone(),
                metrics: Metrics::off(),
            }),
            sweep: Arc::new(sweep::State {
                connections,
                messages,
                queue,
                secrets: embedded.secrets.clone(),
                clock: clock.clone(),
                metrics: Metrics::off(),
            }),
            clock: clock.clone(),
        }
    }

    /// Has these ways tried before the usual ones where a verification fails.
    ///
    /// # Panics
    /// When the state is in use already.
    #[must_use]
    pub fn trying(mut self, ways: impl IntoIterator<Item = Way>) -> Self {
        let verify = Arc::get_mut(&mut self.verify).expect("nobody uses the state yet");
        verify.usual.splice(0..0, ways);
        self
    }

    /// The whole API. Each request needs its caller, a `Result<Caller, Problem>`, in its extensions.
    pub fn routes(&self) -> Router {
        let routes = connections::routes(Arc::clone(&self.connections))
            .merge(verify::routes(Arc::clone(&self.verify)))
            .merge(submit::routes(Arc::clone(&self.submit)));
        shared::web::app::finish(routes, self.clock.clone())
    }
}

/// The description of the whole API, from the functions' own.
#[must_use]
pub fn openapi() -> OpenApi {
    use utoipa::OpenApi as _;

    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(
            title = "Mittente",
            version = env!("CARGO_PKG_VERSION"),
            description = "SMTP connections of a SaaS's customers: kept, verified, and used for all the SaaS's mail.",
            license(name = "MIT"),
        ),
        tags(
            (name = "connections", description = "A tenant's own mail servers"),
            (name = "verification", description = "Proof that a connection works, or what is wrong with it"),
            (name = "messages", description = "Mail, and who sends it"),
            (name = "description", description = "This document"),
        ),
        security(("jwt" = [])),
        modifiers(&Jwt),
    )]
    struct Whole;

    struct Jwt;
    impl utoipa::Modify for Jwt {
        fn modify(&self, openapi: &mut OpenApi) {
            use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
            let scheme = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .build();
            let components = openapi.components.get_or_insert_default();
            components.add_security_scheme("jwt", SecurityScheme::Http(scheme));
        }
    }

    let mut whole = Whole::openapi();
    whole.merge(connections::operations().into_openapi());
    whole.merge(verify::operations().into_openapi());
    whole.merge(submit::operations().into_openapi());
    refuse_unknown_fields(&mut whole);
    verify::describe_codes(&mut whole);
    whole
}

/// What the doors do with a field they don't know.
fn refuse_unknown_fields(openapi: &mut OpenApi) {
    let schemas = openapi.components.iter_mut().flat_map(|c| &mut c.schemas);
    for (name, schema) in schemas {
        if let RefOr::T(Schema::Object(object)) = schema
            && name.ends_with("Input")
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}
