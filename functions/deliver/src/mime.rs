//! The message as bytes (RFC 5322, MIME), by lettre. Everything that could differ between two attempts (Message-ID, Date, the
//! boundaries) comes from the record, so the same sender always yields the same bytes.

mod disposition;
mod fields;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use lettre::message::header::{
    self, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers,
};
use lettre::message::{Body, MultiPart, SinglePart};
use shared::model::attachment::Attachment;
use shared::model::email::Mailbox;
use shared::model::message::Message;
use shared::model::submission::Content;

use self::disposition::Disposition;

/// Why a message can't be written: what the door of submission let through should never meet this.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// A media type that lettre doesn't take.
    #[error("a media type can't be written")]
    ContentType(#[from] header::ContentTypeErr),
    /// A header's name that lettre doesn't take.
    #[error("a header can't be written")]
    Header(#[from] header::InvalidHeaderName),
}

/// Renders `content` as `message`'s effective sender sends it: CRLF line ends, no Bcc header, and seven-bit but for an address in a
/// header that only UTF-8 can write.
pub(crate) fn render(message: &Message, content: &Content) -> Result<Vec<u8>, RenderError> {
    let headers = headers(message, content)?.to_string();
    let boundaries = Boundaries(message.id.to_string());
    let (inline, attached): (Vec<_>, Vec<_>) = content
        .attachments
        .iter()
        .partition(|file| file.content_id.is_some());
    let mut body = body(content, &inline, &boundaries)?;
    if !attached.is_empty() {
        let mixed = body.inside(MultiPart::mixed().boundary(boundaries.named("mixed")));
        body = Node::Multi(attached.into_iter().try_fold(mixed, |mixed, file| {
            Ok::<_, RenderError>(mixed.singlepart(part(file)?))
        })?);
    }
    let mut bytes = match body {
        Node::Single(part) => {
            let mut bytes = part.formatted();
            // lettre ends the last line of a part, also where the text has ended it.
            if bytes.ends_with(b"\r\n\r\n") {
                bytes.truncate(bytes.len() - 2);
            }
            bytes
        }
        Node::Multi(parts) => parts.formatted(),
    };
    // Into the same vector, as a body may be large.
    bytes.splice(..0, headers.into_bytes());
    Ok(bytes)
}

/// The header but for what describes the body.
fn headers(message: &Message, content: &Content) -> Result<Headers, RenderError> {
    let sender = &message.decision.effective;
    let utf8 = only_by_smtputf8(&sender.from, content);
    let mut headers = Headers::new();
    let mut mailboxes = |name, list: &[Mailbox], utf8| {
        if !list.is_empty() {
            let name = HeaderName::new_from_ascii_str(name);
            headers.insert_raw(fields::mailboxes(name, list, utf8));
        }
    };
    mailboxes("From", std::slice::from_ref(&sender.from), true);
    // No answer could come to what RFC 6857 would write in its place.
    mailboxes("Reply-To", sender.reply_to.as_slice(), true);
    mailboxes("To", &content.to, utf8);
    mailboxes("Cc", &content.cc, utf8);
    headers.set(header::Date::from(std::time::SystemTime::from(
        message.created_at,
    )));
    headers.set(header::MessageId::from(message.message_id.clone()));
    let subject = HeaderName::new_from_ascii_str("Subject");
    headers.insert_raw(fields::text(subject, &content.subject));
    for (name, value) in &content.headers {
        let header = HeaderName::new_from_ascii(name.clone())?;
        headers.insert_raw(custom(header, value));
    }
    headers.set(header::MIME_VERSION_1_0);
    Ok(headers)
}

/// Whether every transaction for this message is one with SMTPUTF8 (RFC 6531), whoever of its recipients is still open. Otherwise a
/// header that needs it would keep the message from recipients who don't.
fn only_by_smtputf8(from: &Mailbox, content: &Content) -> bool {
    let needs = |mailbox: &Mailbox| mailbox.email.needs_smtputf8();
    let recipients = [&content.to, &content.cc, &content.bcc];
    needs(from) || recipients.into_iter().flatten().all(needs)
}

/// A header of the request: `X-…` is text, all others have a syntax, in which nothing may be encoded but words.
fn custom(name: HeaderName, value: &str) -> HeaderValue {
    if name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-")) {
        return fields::text(name, value);
    }
    let words: Vec<_> = value.split(' ').filter(|word| !word.is_empty()).collect();
    let value = words.join(" ");
    if value.is_ascii() {
        return HeaderValue::new(name, value);
    }
    fields::text(name, &value)
}

enum Node {
    Single(SinglePart),
    Multi(MultiPart),
}

impl Node {
    fn inside(self, outer: lettre::message::MultiPartBuilder) -> MultiPart {
        match self {
            Self::Single(part) => outer.singlepart(part),
            Self::Multi(parts) => outer.multipart(parts),
        }
    }
}

struct Boundaries(String);

impl Boundaries {
    /// Holds the message's identifier, which is chance: nobody who writes a body can know it and break out of its part.
    fn named(&self, part: &str) -> String {
        format!("=_{}_{part}", self.0)
    }
}

/// Text, HTML or both; the files that the HTML shows inline are beside it.
fn body(
    content: &Content,
    inline: &[&Attachment],
    boundaries: &Boundaries,
) -> Result<Node, RenderError> {
    let text = content
        .text
        .as_deref()
        .map(|text| SinglePart::plain(crlf(text)));
    let html = content
        .html
        .as_deref()
        .map(|html| Node::Single(SinglePart::html(crlf(html))));
    let rich = html
        .map(|html| related(html, inline, boundaries))
        .transpose()?;
    Ok(match (text, rich) {
        (Some(text), Some(rich)) => {
            let alternative = MultiPart::alternative()
                .boundary(boundaries.named("alternative"))
                .singlepart(text);
            Node::Multi(match rich {
                Node::Single(part) => alternative.singlepart(part),
                Node::Multi(parts) => alternative.multipart(parts),
            })
        }
        (Some(text), None) => related(Node::Single(text), inline, boundaries)?,
        (None, Some(rich)) => rich,
        (None, None) => Node::Single(SinglePart::plain(String::new())),
    })
}

fn related(
    node: Node,
    inline: &[&Attachment],
    boundaries: &Boundaries,
) -> Result<Node, RenderError> {
    if inline.is_empty() {
        return Ok(node);
    }
    let related = node.inside(MultiPart::related().boundary(boundaries.named("related")));
    let related = inline.iter().try_fold(related, |related, file| {
        Ok::<_, RenderError>(related.singlepart(part(file)?))
    })?;
    Ok(Node::Multi(related))
}

fn part(file: &Attachment) -> Result<SinglePart, RenderError> {
    let content_type = ContentType::parse(&file.content_type)?;
    let part = match &file.content_id {
        Some(id) => SinglePart::builder()
            .header(header::ContentId::from(format!("<{id}>")))
            .header(Disposition::inline(&file.filename)),
        None => SinglePart::builder().header(Disposition::attachment(&file.filename)),
    };
    // Base64 whatever it holds: a text file's line ends are its own.
    let bytes = Body::new_with_encoding(file.bytes(), ContentTransferEncoding::Base64)
        .unwrap_or_else(Body::new);
    Ok(part.header(content_type).body(bytes))
}

/// Every line end as CRLF, bare CR and LF included (RFC 5322 §2.3).
fn crlf(text: &str) -> String {
    if text.contains('\r') {
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        return lines.replace('\n', "\r\n");
    }
    text.replace('\n', "\r\n")
}
