//! `GET /v1/egress-ips`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use serde::Serialize;
use shared::web::caller::Caller;
use shared::web::query::NoParameters;
use utoipa::ToSchema;

use crate::State;

/// The addresses that mail is sent from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EgressIps {
    /// Every address that a mail server with a firewall must let in.
    #[schema(value_type = Vec<String>, example = json!(["13.38.96.228"]))]
    ips: Vec<IpAddr>,
}

/// List egress IPs
///
/// The fixed public addresses of this deployment, for the allowlist of a customer's mail server.
#[utoipa::path(get, path = "/v1/egress-ips", tag = "connections", responses((status = 200, body = EgressIps)))]
pub(crate) async fn list_egress_ips(
    Shared(state): Shared<Arc<State>>,
    _: Caller,
    _: NoParameters,
) -> Json<EgressIps> {
    Json(EgressIps {
        ips: state.egress_ips.clone(),
    })
}
