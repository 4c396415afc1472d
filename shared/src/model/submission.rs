//! The one door from a request to a message that can be accepted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attachment::{Attachment, AttachmentInput, attachment};
use super::email::{EmailAddress, Mailbox};
use super::field::{FieldCode, FieldErrors, Invalid, child, element};
use super::input::{Input, JsonType, Unknown};
use super::sender::Requested;
use super::text;

/// The most recipients of a message, To, Cc and Bcc together.
const MAX_RECIPIENTS: usize = 50;
/// The most attachments, custom headers or metadata entries of a message.
const MAX_ENTRIES: usize = 50;
/// The most characters of a subject or a header's value. A word can't be folded, and with the header's name it must fit into the 998
/// octets of a line (RFC 5322 §2.1.1).
const MAX_LINE: usize = 900;
/// The most characters of References: a long thread has many identifiers, and it can be folded between them.
const MAX_REFERENCES: usize = 8000;
/// The headers that a request may set besides `X-…`; all others belong to the message itself.
const ALLOWED_HEADERS: [&str; 9] = [
    "Auto-Submitted",
    "Feedback-ID",
    "Importance",
    "In-Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Precedence",
    "References",
];

/// A message as a request gives it.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct MessageInput {
    /// Recipients in To.
    #[schema(value_type = Option<Vec<MailboxSchema>>)]
    #[serde(default)]
    to: Input<Vec<Input<MailboxInput>>>,
    /// Recipients in Cc.
    #[schema(value_type = Option<Vec<MailboxSchema>>)]
    #[serde(default)]
    cc: Input<Vec<Input<MailboxInput>>>,
    /// Recipients that no header shows.
    #[schema(value_type = Option<Vec<MailboxSchema>>)]
    #[serde(default)]
    bcc: Input<Vec<Input<MailboxInput>>>,
    /// The subject; may be empty.
    #[schema(value_type = Option<String>, max_length = 900)]
    #[serde(default)]
    subject: Input<String>,
    /// The body as plain text. Text, HTML or both are required.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    text: Input<String>,
    /// The body as HTML.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    html: Input<String>,
    /// Custom headers: `X-…` and a short list.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    #[serde(default)]
    headers: Input<BTreeMap<String, Input<String>>>,
    /// Attached files, at most 50.
    #[schema(value_type = Option<Vec<Attachment>>)]
    #[serde(default)]
    attachments: Input<Vec<Input<AttachmentInput>>>,
    /// The sender wanted; the default connection overrides it.
    #[schema(value_type = Option<MailboxSchema>)]
    #[serde(default)]
    from: Input<MailboxInput>,
    /// Where answers should go; the default connection overrides it.
    #[schema(value_type = Option<MailboxSchema>)]
    #[serde(default)]
    reply_to: Input<MailboxInput>,
    /// The connection wanted; the default connection overrides it.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    connection_id: Input<String>,
    /// The caller's own notes, shown with the message.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    #[serde(default)]
    metadata: Input<BTreeMap<String, Input<String>>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// The sender as a request to explain it gives it.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct SenderInput {
    /// The connection wanted.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    connection_id: Input<String>,
    /// The sender wanted.
    #[schema(value_type = Option<MailboxSchema>)]
    #[serde(default)]
    from: Input<MailboxInput>,
    /// Where answers should go.
    #[schema(value_type = Option<MailboxSchema>)]
    #[serde(default)]
    reply_to: Input<MailboxInput>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// An address: `"a@example.com"` or `{"email": "a@example.com", "name": "A"}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum MailboxInput {
    /// The address alone.
    Email(String),
    /// The address and its display name.
    Object(MailboxObject),
}

/// The long form of an address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MailboxObject {
    email: Input<String>,
    name: Input<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

/// An address, alone or with its display name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum MailboxSchema {
    /// The address alone.
    Email(String),
    /// The address and its display name.
    Object(Mailbox),
}

impl JsonType for MailboxInput {
    const NAME: &'static str = "an address, or an object with email and name";
}

/// A message that can be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The sender it asks for.
    pub requested: Requested,
    /// What is sent.
    pub content: Content,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
}

/// What is sent, apart from who sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Recipients in To.
    pub to: Vec<Mailbox>,
    /// Recipients in Cc.
    pub cc: Vec<Mailbox>,
    /// Recipients that no header shows.
    pub bcc: Vec<Mailbox>,
    /// The subject.
    pub subject: String,
    /// The body as plain text, its line ends as given.
    pub text: Option<String>,
    /// The body as HTML.
    pub html: Option<String>,
    /// Custom headers, already checked.
    pub headers: BTreeMap<String, String>,
    /// Attached files.
    pub attachments: Vec<Attachment>,
}

impl TryFrom<SenderInput> for Requested {
    type Error = FieldErrors;

    fn try_from(input: SenderInput) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.refuse_unknown("", input.unknown.keys());
        let requested = requested(input.connection_id, input.from, input.reply_to, &mut errors);
        errors.into_result(Some(requested))
    }
}

impl TryFrom<MessageInput> for Submission {
    type Error = FieldErrors;

    fn try_from(input: MessageInput) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.refuse_unknown("", input.unknown.keys());
        let nobody = [&input.to, &input.cc, &input.bcc]
            .into_iter()
            .all(|list| match list {
                Input::Absent | Input::Null => true,
                Input::Value(list) => list.is_empty(),
                Input::Wrong => false,
            });
        let to = mailboxes(input.to, "/to", &mut errors);
        let cc = mailboxes(input.cc, "/cc", &mut errors);
        let bcc = mailboxes(input.bcc, "/bcc", &mut errors);
        match to.len() + cc.len() + bcc.len() {
            _ if nobody => errors.push(
                "/to",
                FieldCode::Required,
                "give at least one recipient in to, cc or bcc",
            ),
            count if count > MAX_RECIPIENTS => {
                errors.push(
                    "/to",
                    FieldCode::TooMany,
                    format!(
                        "a message has at most {MAX_RECIPIENTS} recipients, to, cc and bcc together"
                    ),
                );
            }
            _ => {}
        }
        let subject = input
            .subject
            .optional("/subject", &mut errors)
            .unwrap_or_default();
        let subject = errors
            .keep("/subject", text::optional_line(&subject, MAX_LINE))
            .unwrap_or_default();
        let has_body = !matches!(
            (&input.text, &input.html),
            (Input::Absent | Input::Null, Input::Absent | Input::Null)
        );
        if !has_body {
            errors.push(
                "/text",
                FieldCode::Required,
                "give the body as text, as html or as both",
            );
        }
        let text = body(input.text, "/text", &mut errors);
        let html = body(input.html, "/html", &mut errors);
        let headers = headers(input.headers, &mut errors);
        let attachments = attachments(input.attachments, &mut errors);
        let metadata = strings(input.metadata, "/metadata", &mut errors, |key, value| {
            text::line(key, 100)?;
            text::optional_line(value, 1000).map(|_| value.to_owned())
        });
        let requested = requested(input.connection_id, input.from, input.reply_to, &mut errors);
        let content = Content {
            to,
            cc,
            bcc,
            subject,
            text,
            html,
            headers,
            attachments,
        };
        errors.into_result(Some(Self {
            requested,
            content,
            metadata,
        }))
    }
}

fn requested(
    connection_id: Input<String>,
    from: Input<MailboxInput>,
    reply_to: Input<MailboxInput>,
    errors: &mut FieldErrors,
) -> Requested {
    let connection_id = connection_id
        .optional("/connection_id", errors)
        .and_then(|id| errors.keep("/connection_id", id.parse()));
    let from = from
        .optional("/from", errors)
        .and_then(|from| mailbox(from, "/from", errors));
    let reply_to = reply_to
        .optional("/reply_to", errors)
        .and_then(|reply_to| mailbox(reply_to, "/reply_to", errors));
    Requested {
        connection_id,
        from,
        reply_to,
    }
}

fn mailbox(input: MailboxInput, pointer: &str, errors: &mut FieldErrors) -> Option<Mailbox> {
    match input {
        MailboxInput::Email(email) => errors
            .keep(pointer, EmailAddress::parse(&email))
            .map(Mailbox::from),
        MailboxInput::Object(object) => {
            errors.refuse_unknown(pointer, object.unknown.keys());
            let email = child(pointer, "email");
            let email = object
                .email
                .required(&email, errors)
                .and_then(|text| errors.keep(&email, EmailAddress::parse(&text)));
            let name_at = child(pointer, "name");
            let name = object.name.optional(&name_at, errors);
            let name = name.and_then(|name| {
                errors.keep(&name_at, text::optional_line(&name, Mailbox::MAX_NAME))
            });
            Some(Mailbox {
                email: email?,
                name: name.filter(|name| !name.is_empty()),
            })
        }
    }
}

fn mailboxes(
    input: Input<Vec<Input<MailboxInput>>>,
    pointer: &str,
    errors: &mut FieldErrors,
) -> Vec<Mailbox> {
    let list = input.optional(pointer, errors).unwrap_or_default();
    if list.len() > MAX_RECIPIENTS {
        // Not read further: a list of a million wrong addresses isn't worth a million errors.
        errors.push(
            pointer,
            FieldCode::TooMany,
            format!("a message has at most {MAX_RECIPIENTS} recipients, to, cc and bcc together"),
        );
        return Vec::new();
    }
    list.into_iter()
        .enumerate()
        .filter_map(|(index, input)| {
            let pointer = element(pointer, index);
            input
                .required(&pointer, errors)
                .and_then(|input| mailbox(input, &pointer, errors))
        })
        .collect()
}

fn body(input: Input<String>, pointer: &str, errors: &mut FieldErrors) -> Option<String> {
    let body = input.optional(pointer, errors)?;
    if body.contains('\0') {
        errors.push(
            pointer,
            FieldCode::ControlCharacter,
            "must not hold NUL characters",
        );
        return None;
    }
    Some(body)
}

fn headers(
    input: Input<BTreeMap<String, Input<String>>>,
    errors: &mut FieldErrors,
) -> BTreeMap<String, String> {
    let headers = strings(input, "/headers", errors, header);
    let mut names = BTreeSet::new();
    for name in headers.keys() {
        if !names.insert(name.to_ascii_lowercase()) {
            errors.push(
                child("/headers", name),
                FieldCode::Duplicate,
                "is given twice: the names of headers don't differ by case",
            );
        }
    }
    headers
}

fn header(name: &str, value: &str) -> Result<String, Invalid> {
    let token = !name.is_empty()
        && name.len() <= 76
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if token && name.len() > 2 && name[..2].eq_ignore_ascii_case("x-") {
        return text::line(value, MAX_LINE);
    }
    let allowed = ALLOWED_HEADERS
        .iter()
        .find(|allowed| allowed.eq_ignore_ascii_case(name));
    let Some(&allowed) = allowed else {
        return Err(Invalid::new(
            FieldCode::NotAllowed,
            format!(
                "may not be set: use X-… or one of {}",
                ALLOWED_HEADERS.join(", ")
            ),
        ));
    };
    let value = match allowed {
        "References" => text::line(value, MAX_REFERENCES)?,
        _ => text::line(value, MAX_LINE)?,
    };
    if value.split(' ').any(|word| word.len() > MAX_LINE) {
        return Err(Invalid::new(
            FieldCode::TooLong,
            format!("must have at most {MAX_LINE} characters between two spaces"),
        ));
    }
    // Encoded words may stand for the name of a list (RFC 2919 §3), and for nothing in the others.
    let exact = match allowed {
        "List-Id" => value.find('<').map_or("", |at| &value[at..]),
        _ => &value,
    };
    if !exact.is_ascii() {
        return Err(Invalid::new(
            FieldCode::NotAllowed,
            "must be ASCII: this header's syntax has no other characters",
        ));
    }
    Ok(value)
}

/// An object whose values are strings, each checked with its key.
fn strings(
    input: Input<BTreeMap<String, Input<String>>>,
    pointer: &str,
    errors: &mut FieldErrors,
    check: impl Fn(&str, &str) -> Result<String, Invalid>,
) -> BTreeMap<String, String> {
    let map = input.optional(pointer, errors).unwrap_or_default();
    if map.len() > MAX_ENTRIES {
        errors.push(
            pointer,
            FieldCode::TooMany,
            format!("must have at most {MAX_ENTRIES} entries"),
        );
        return BTreeMap::new();
    }
    map.into_iter()
        .filter_map(|(key, value)| {
            let at = child(pointer, &key);
            let value = value.required(&at, errors)?;
            errors
                .keep(&at, check(&key, &value))
                .map(|value| (key, value))
        })
        .collect()
}

fn attachments(
    input: Input<Vec<Input<AttachmentInput>>>,
    errors: &mut FieldErrors,
) -> Vec<Attachment> {
    let list = input.optional("/attachments", errors).unwrap_or_default();
    if list.len() > MAX_ENTRIES {
        errors.push(
            "/attachments",
            FieldCode::TooMany,
            format!("a message has at most {MAX_ENTRIES} attachments"),
        );
        return Vec::new();
    }
    list.into_iter()
        .enumerate()
        .filter_map(|(index, input)| {
            let at = element("/attachments", index);
            input
                .required(&at, errors)
                .and_then(|input| attachment(input, &at, errors))
        })
        .collect()
}

#[cfg(test)]
mod tests;
