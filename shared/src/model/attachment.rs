//! A file attached to a message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::{FieldCode, FieldErrors, Invalid, child};
use super::input::{Input, JsonType, Unknown};
use super::text;

/// An attached file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attachment {
    /// Its name.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// Its bytes in base64 (RFC 4648 §4).
    pub content: String,
    /// The name by which HTML refers to it (`cid:`): the file is shown inline.
    pub content_id: Option<String>,
}

impl Attachment {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.content).unwrap_or_default()
    }
}

/// An attachment as a request gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AttachmentInput {
    filename: Input<String>,
    content_type: Input<String>,
    content: Input<String>,
    content_id: Input<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl JsonType for AttachmentInput {
    const NAME: &'static str = "an object with filename, content_type and content";
}

/// The attachment at the pointer `at`.
pub(super) fn attachment(
    input: AttachmentInput,
    at: &str,
    errors: &mut FieldErrors,
) -> Option<Attachment> {
    errors.refuse_unknown(at, input.unknown.keys());
    let filename_at = child(at, "filename");
    let filename = input
        .filename
        .required(&filename_at, errors)
        .and_then(|name| errors.keep(&filename_at, text::line(&name, 255)));
    let type_at = child(at, "content_type");
    let content_type = input
        .content_type
        .required(&type_at, errors)
        .and_then(|text| errors.keep(&type_at, media_type(&text)));
    let content_at = child(at, "content");
    let content = input
        .content
        .required(&content_at, errors)
        .and_then(|text| errors.keep(&content_at, base64(text)));
    let id_at = child(at, "content_id");
    let content_id = match input.content_id {
        Input::Absent | Input::Null => Some(None),
        given => given
            .optional(&id_at, errors)
            .and_then(|id| errors.keep(&id_at, reference(&id)))
            .map(Some),
    };
    Some(Attachment {
        filename: filename?,
        content_type: content_type?,
        content: content?,
        content_id: content_id?,
    })
}

/// A media type without parameters (RFC 6838 §4.2). `message/*` and `multipart/*` are refused: they must not be encoded
/// (RFC 2045 §6.4), and an attachment always is.
fn media_type(text: &str) -> Result<String, Invalid> {
    let name = |part: &str| {
        !part.is_empty()
            && part.len() <= 127
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match text.split_once('/') {
        Some((kind, subtype))
            if name(kind)
                && name(subtype)
                && !matches!(kind.to_ascii_lowercase().as_str(), "message" | "multipart") =>
        {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err(Invalid::new(
            FieldCode::NotAMediaType,
            "must be a media type without parameters, like application/pdf",
        )),
    }
}

fn base64(text: String) -> Result<String, Invalid> {
    match STANDARD.decode(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Invalid::new(
            FieldCode::NotBase64,
            "must be the file's bytes in standard base64, padded and without line breaks",
        )),
    }
}

/// A content id, without the angle brackets.
fn reference(text: &str) -> Result<String, Invalid> {
    let id = text.trim_start_matches('<').trim_end_matches('>');
    if id.is_empty()
        || id.len() > 200
        || !id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.@".contains(&b))
    {
        return Err(Invalid::new(
            FieldCode::NotAllowed,
            "must be 1 to 200 letters, digits, dots, dashes, underscores or @, like logo@example.com",
        ));
    }
    Ok(id.to_owned())
}
