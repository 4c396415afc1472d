//! Passwords in the secrets that templates name.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use serde_json::{Map, Value};
use shared::model::password::{Password, PasswordInput};

/// Where a template says that the password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretPlace {
    /// The secret.
    pub(crate) arn: String,
    /// The field of its JSON; without one, all of it is the password.
    pub(crate) key: Option<String>,
}

/// Reads the secrets that templates name; those of this deployment's tenants it refuses, as the function's role does.
#[derive(Debug, Clone)]
pub struct PasswordSource {
    client: Client,
    own_prefix: String,
}

impl PasswordSource {
    /// A source in a deployment whose own secrets' names begin with `own_prefix`.
    #[must_use]
    pub fn new(client: Client, own_prefix: &str) -> Self {
        Self {
            client,
            own_prefix: own_prefix.to_owned(),
        }
    }

    /// What the names of the deployment's own secrets begin with.
    pub(crate) fn own_prefix(&self) -> &str {
        &self.own_prefix
    }

    /// The password at this place.
    ///
    /// # Errors
    /// Says why not, and never what the secret holds.
    pub(crate) async fn read(&self, place: &SecretPlace) -> Result<Password, String> {
        check(&place.arn, &self.own_prefix)?;
        let request = self.client.get_secret_value().secret_id(&place.arn);
        let output = request.send().await.map_err(|error| {
            let code = error.code().unwrap_or("no answer").to_owned();
            tracing::warn!(code, "the secret of a template could not be read");
            match code.as_str() {
                "ResourceNotFoundException" => "there is no such secret, or no value in it".to_owned(),
                "AccessDeniedException" => "this deployment may not read this secret: is it tagged as docs/connections-as-code.md says?".to_owned(),
                _ => format!("the secret could not be read: {code}"),
            }
        })?;
        let text = output
            .secret_string
            .ok_or("the secret holds no text, but binary data")?;
        let text = match &place.key {
            None => text,
            Some(key) => field(&text, key)?,
        };
        Password::parse(PasswordInput::from(text)).map_err(|invalid| invalid.detail)
    }
}

/// Checks that `arn` may be a secret to read: `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME`, and none of a deployment's own,
/// whose names begin with `own_prefix`.
///
/// # Errors
/// Says what it must be.
pub(crate) fn check(arn: &str, own_prefix: &str) -> Result<(), &'static str> {
    let parts: Vec<_> = arn.splitn(7, ':').collect();
    let &["arn", _, "secretsmanager", _, _, "secret", name] = &parts[..] else {
        return Err("must be the ARN of a secret in Secrets Manager");
    };
    let ours = name.strip_prefix(own_prefix);
    if ours.is_some_and(|rest| rest.starts_with('/')) {
        return Err("is a secret that Mittente keeps for a tenant: name one of your own");
    }
    Ok(())
}

fn field(text: &str, key: &str) -> Result<String, &'static str> {
    // serde's own message would quote the text.
    let mut fields: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| "the secret holds no JSON object, so leave PasswordSecretKey out")?;
    match fields.remove(key) {
        Some(Value::String(value)) => Ok(value),
        Some(_) => Err("the secret's field that PasswordSecretKey names is no text"),
        None => Err("the secret has no field with the name in PasswordSecretKey"),
    }
}
