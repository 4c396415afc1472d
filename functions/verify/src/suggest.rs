//! `POST /v1/connections/suggest`

mod autoconfig;
mod mx;
mod srv;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use shared::model::email::EmailAddress;
use shared::model::encryption::Encryption;
use shared::model::field::FieldErrors;
use shared::model::host::Host;
use shared::model::input::{Input, Unknown};
use shared::model::network::DialPolicy;
use shared::model::provider::{Login, Provider};
use shared::web::body::JsonBody;
use shared::web::caller::Caller;
use shared::web::problem::{Problem, ProblemBody};
use shared::web::query::NoParameters;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::{State, limits};

/// The most suggestions of an answer: a person reads them.
const MAX_SUGGESTIONS: usize = 10;

/// How settings are looked for outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookUps {
    /// How long each look-up may take; all of them run at the same time.
    pub within: Duration,
    /// The port of HTTPS. Only a test's is another than 443.
    pub https_port: u16,
}

impl Default for LookUps {
    fn default() -> Self {
        Self {
            within: Duration::from_secs(5),
            https_port: 443,
        }
    }
}

/// Whose mail server is looked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SuggestInput {
    /// The address that mail is to be sent from.
    #[schema(value_type = String, required = true, format = Email, max_length = 254, example = "info@example.com")]
    #[serde(default)]
    email: Input<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl TryFrom<SuggestInput> for EmailAddress {
    type Error = FieldErrors;

    fn try_from(input: SuggestInput) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.refuse_unknown("", input.unknown.keys());
        let email = input
            .email
            .required("/email", &mut errors)
            .and_then(|text| errors.keep("/email", Self::parse(&text)));
        errors.into_result(email)
    }
}

/// Settings that fit an address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suggestions)]
pub(crate) struct Suggestions {
    /// The best first, at most 10. None where nothing is known: that is no error.
    suggestions: Vec<SuggestedSettings>,
}

/// Settings, and where they come from. They are claims until they are verified, and whoever owns the domain makes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SuggestedSettings {
    /// The mail server.
    #[schema(value_type = String, example = "smtp.example.com")]
    host: Host,
    /// Its port.
    #[schema(example = 465)]
    port: u16,
    /// How the session is protected; never `none`.
    encryption: Encryption,
    /// What to log in with; null where the provider gives out a login of its own for SMTP.
    #[schema(example = "info@example.com")]
    username: Option<String>,
    /// Where the settings come from.
    source: Source,
    /// The name of the provider that the server belongs to, where it is a known one.
    #[schema(value_type = Option<String>, example = "Aruba")]
    provider: Option<&'static str>,
}

/// Where settings come from, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SuggestionSource)]
pub(crate) enum Source {
    /// Our own knowledge of the provider whose domain it is.
    Provider,
    /// The domain's SRV records (RFC 6186, RFC 8314).
    Srv,
    /// The domain's Mozilla autoconfiguration.
    Autoconfig,
    /// Our own knowledge of the provider that the domain's mail goes to.
    Mx,
}

impl Source {
    /// Every source, the best first.
    pub(crate) const ALL: &[Self] = &[Self::Provider, Self::Srv, Self::Autoconfig, Self::Mx];

    /// What it means, for the documentation: a line without a full stop.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Provider => {
                "Our own table of providers, by the address's domain. Then nobody is asked"
            }
            Self::Srv => {
                "The domain's SRV records `_submissions._tcp` and `_submission._tcp` (RFC 6186, RFC 8314), where their servers have \
                 addresses that may be dialled"
            }
            Self::Autoconfig => {
                "Mozilla's autoconfiguration, by HTTPS from `autoconfig.` and from the well-known path of the domain"
            }
            Self::Mx => "Our own table of providers, by the server that takes the domain's mail",
        }
    }
}

impl SuggestedSettings {
    /// A server that the address's domain names.
    fn of_server(
        host: Host,
        port: u16,
        encryption: Encryption,
        source: Source,
        email: &EmailAddress,
    ) -> Self {
        let provider = Provider::of_host(&host);
        let login = provider.map_or(Login::Address, |provider| provider.login);
        Self {
            host,
            port,
            encryption,
            username: username(login, email),
            source,
            provider: provider.map(|provider| provider.name),
        }
    }

    /// The servers of a known provider.
    fn of_provider(
        provider: &'static Provider,
        source: Source,
        email: &EmailAddress,
    ) -> impl Iterator<Item = Self> {
        provider.servers.iter().filter_map(move |server| {
            Some(Self {
                host: Host::parse(server.host).ok()?,
                port: server.port,
                encryption: server.encryption,
                username: username(provider.login, email),
                source,
                provider: Some(provider.name),
            })
        })
    }

    /// Whether a connection could be made with it here at all.
    fn is_usable(&self, policy: &DialPolicy) -> bool {
        let reachable = match self.host {
            Host::Name(_) => policy.permits_port(self.port),
            Host::Ip(ip) => policy.permits(ip, self.port),
        };
        let takes_passwords =
            Provider::of_host(&self.host).is_none_or(|it| it.login != Login::Never);
        reachable && takes_passwords && self.encryption != Encryption::None
    }

    fn names_the_same_as(&self, other: &Self) -> bool {
        (&self.host, self.port, self.encryption) == (&other.host, other.port, other.encryption)
    }
}

fn username(login: Login, email: &EmailAddress) -> Option<String> {
    match login {
        Login::Address => Some(email.as_str().to_owned()),
        Login::Word(word) => Some(word.to_owned()),
        Login::Credentials | Login::Never => None,
    }
}

/// Suggest settings
///
/// For the mail server of an address, the best first: of a known provider; by the SRV records of the address's domain; by its Mozilla
/// autoconfiguration; of the known provider that its mail goes to. Nothing is saved and nobody is logged in to; the address itself
/// is told to nobody. No suggestions are an answer too: 200.
#[utoipa::path(
    post, path = "/v1/connections/suggest", tag = "verification", request_body = SuggestInput,
    responses(
        (status = 200, body = Suggestions),
        (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn suggest_settings(
    Shared(state): Shared<Arc<State>>,
    caller: Caller,
    _: NoParameters,
    body: JsonBody,
) -> Result<Json<Suggestions>, Problem> {
    let email = EmailAddress::try_from(body.read::<SuggestInput>()?)?;
    limits::count_suggestion(&state, &caller.tenant).await?;
    let suggestions = suggestions(&state, &email).await;
    Ok(Json(Suggestions { suggestions }))
}

async fn suggestions(state: &State, email: &EmailAddress) -> Vec<SuggestedSettings> {
    let (dialer, look_ups) = (&state.dialer, state.look_ups);
    let domain = email.ascii_domain();
    let provider = Provider::of_domain(&domain);
    if let Some(provider) = provider {
        let known = SuggestedSettings::of_provider(provider, Source::Provider, email);
        return best(known, &dialer.policy);
    }
    let until = Instant::now() + look_ups.within;
    let (srv, autoconfig, mx) = tokio::join!(
        srv::look_up(dialer, email, until),
        autoconfig::look_up(dialer, look_ups.https_port, email, until),
        mx::look_up(&dialer.resolver, email, until),
    );
    best([srv, autoconfig, mx].into_iter().flatten(), &dialer.policy)
}

/// Those that can be used, each once: of two the first, which has the better source.
fn best(
    found: impl Iterator<Item = SuggestedSettings>,
    policy: &DialPolicy,
) -> Vec<SuggestedSettings> {
    let mut kept: Vec<SuggestedSettings> = Vec::new();
    for settings in found {
        if kept.len() == MAX_SUGGESTIONS {
            break;
        }
        let is_new = !kept.iter().any(|known| known.names_the_same_as(&settings));
        if is_new && settings.is_usable(policy) {
            kept.push(settings);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
