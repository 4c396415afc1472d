//! Who calls: the tenant and the subject of the verified token, never anything else of the request.

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::{Problem, ProblemType};
use crate::model::tenant::Tenant;

/// The caller of an operation.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose data is meant.
    pub tenant: Tenant,
    /// Who acts: `sub` of the token.
    pub subject: Option<String>,
}

impl Caller {
    /// The caller that the claims of a verified token name.
    ///
    /// # Errors
    /// `unauthenticated` without claims, `forbidden` when `tenant_claim` is missing or can't name a tenant.
    pub fn from_claims(
        claims: Option<&HashMap<String, String>>,
        tenant_claim: &str,
    ) -> Result<Self, Problem> {
        let claims = claims.ok_or_else(|| {
            Problem::new(
                ProblemType::Unauthenticated,
                "send a token as Authorization: Bearer …",
            )
        })?;
        let tenant = claims
            .get(tenant_claim)
            .and_then(|claim| Tenant::new(claim).ok())
            .ok_or_else(|| {
                Problem::new(
                    ProblemType::Forbidden,
                    format!(
                        "the token's claim {tenant_claim} must name the tenant in 1 to {} bytes",
                        Tenant::MAX_BYTES
                    ),
                )
            })?;
        Ok(Self {
            tenant,
            subject: claims.get("sub").cloned(),
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// The runtime's adapter put the caller, or why there is none, into the request's extensions.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Result<Self, Problem>>()
            .cloned()
            .unwrap_or_else(|| Self::from_claims(None, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(claims: &[(&str, &str)]) -> Result<Caller, ProblemType> {
        let claims = claims
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Caller::from_claims(Some(&claims), "tenant_id").map_err(|problem| problem.kind())
    }

    #[test]
    fn the_tenant_is_the_configured_claim_alone() {
        let caller = caller(&[
            ("tenant_id", "acme"),
            ("sub", "user-1"),
            ("tenant", "other"),
        ])
        .expect("a caller");
        assert_eq!(
            (caller.tenant.as_str(), caller.subject.as_deref()),
            ("acme", Some("user-1"))
        );
    }

    #[test]
    fn no_token_is_unauthenticated_and_a_token_without_a_tenant_is_forbidden() {
        assert_eq!(
            Caller::from_claims(None, "tenant_id")
                .map_err(|p| p.kind())
                .err(),
            Some(ProblemType::Unauthenticated)
        );
        assert_eq!(
            caller(&[("sub", "user-1")]).err(),
            Some(ProblemType::Forbidden)
        );
        assert_eq!(
            caller(&[("tenant_id", "")]).err(),
            Some(ProblemType::Forbidden)
        );
    }
}
