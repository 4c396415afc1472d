//! What a verification is asked for: a connection's settings, and who gets a test message.

use serde::Deserialize;
use shared::model::connection::Connection;
use shared::model::email::EmailAddress;
use shared::model::field::FieldErrors;
use shared::model::input::Input;
use shared::model::network::DialPolicy;
use shared::model::settings::{Accepted, ConnectionInput, NewConnection};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The settings to verify, or a merge patch (RFC 7396) of saved ones.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct VerificationInput {
    #[serde(default)]
    send_to: Input<String>,
    #[serde(flatten)]
    settings: ConnectionInput,
}

impl PartialSchema for VerificationInput {
    /// A connection's fields, and one more: a schema that allows no other fields can't be added to by reference.
    fn schema() -> RefOr<Schema> {
        let mut schema = ConnectionInput::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            let send_to = ObjectBuilder::new()
                .schema_type(utoipa::openapi::schema::SchemaType::from_iter([Type::String, Type::Null]))
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
                .max_length(Some(254))
                .description(Some(
                    "Who gets one real test message, when all stages have passed; none is sent without it.",
                ));
            object
                .properties
                .insert("send_to".to_owned(), send_to.into());
        }
        schema
    }
}

impl ToSchema for VerificationInput {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ConnectionInput::schemas(schemas);
    }
}

/// The description of what verifying a draft takes: a [`VerificationInput`] with the fields that have no default.
#[derive(Debug)]
pub(crate) enum NewVerification {}

impl PartialSchema for NewVerification {
    fn schema() -> RefOr<Schema> {
        NewConnection::complete(VerificationInput::name())
    }
}

impl ToSchema for NewVerification {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let input = (
            VerificationInput::name().into_owned(),
            VerificationInput::schema(),
        );
        schemas.push(input);
        VerificationInput::schemas(schemas);
    }
}

/// What a request asks for, all of it valid.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) accepted: Accepted,
    pub(crate) send_to: Option<EmailAddress>,
}

impl VerificationInput {
    /// The settings of a draft.
    ///
    /// # Errors
    /// Every field error.
    pub(crate) fn draft(self, policy: &DialPolicy) -> Result<Request, FieldErrors> {
        join(self.send_to, self.settings.create(policy))
    }

    /// The settings of `stored` after this merge patch.
    ///
    /// # Errors
    /// Every field error.
    pub(crate) fn patch(
        self,
        stored: &Connection,
        policy: &DialPolicy,
    ) -> Result<Request, FieldErrors> {
        join(self.send_to, self.settings.patch(stored, policy))
    }
}

fn join(
    send_to: Input<String>,
    accepted: Result<Accepted, FieldErrors>,
) -> Result<Request, FieldErrors> {
    let (accepted, mut errors) = match accepted {
        Ok(accepted) => (Some(accepted), FieldErrors::default()),
        Err(errors) => (None, errors),
    };
    let send_to = send_to
        .optional("/send_to", &mut errors)
        .and_then(|text| errors.keep("/send_to", EmailAddress::parse(&text)));
    errors.into_result(accepted.map(|accepted| Request { accepted, send_to }))
}
