//! The message as bytes (RFC 5322, MIME), by lettre. Everything that could differ between two attempts (Message-ID, Date, the
//! boundaries) comes from the record, so the same sender always yields the same bytes.

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as Part, Body, Mailbox as Address, MultiPart, SinglePart};
use lettre::{Message as Mime, address::AddressError};
use shared::model::attachment::Attachment;
use shared::model::email::Mailbox;
use shared::model::message::Message;
use shared::model::submission::Content;

/// Why a message can't be written: what the door of submission let through should never meet this.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// An address that lettre doesn't take.
    #[error("an address can't be written")]
    Address(#[from] AddressError),
    /// A media type that lettre doesn't take.
    #[error("a media type can't be written")]
    ContentType(#[from] lettre::message::header::ContentTypeErr),
    /// A header's name that lettre doesn't take.
    #[error("a header can't be written")]
    Header(#[from] lettre::message::header::InvalidHeaderName),
    /// Anything else.
    #[error("the message can't be put together")]
    Message(#[from] lettre::error::Error),
}

/// Renders `content` as `message`'s effective sender sends it: seven-bit, CRLF line ends, without a Bcc header.
pub(crate) fn render(message: &Message, content: &Content) -> Result<Vec<u8>, RenderError> {
    let sender = &message.decision.effective;
    let from = address(&sender.from)?;
    // lettre wants an envelope; the real one is the session's, as a transaction may be for some of the recipients only.
    let envelope =
        lettre::address::Envelope::new(Some(from.email.clone()), vec![from.email.clone()])?;
    let mut builder = Mime::builder()
        .from(from)
        .envelope(envelope)
        .date(message.created_at.into())
        .message_id(Some(message.message_id.clone()));
    if let Some(reply_to) = &sender.reply_to {
        builder = builder.reply_to(address(reply_to)?);
    }
    for to in &content.to {
        builder = builder.to(address(to)?);
    }
    for cc in &content.cc {
        builder = builder.cc(address(cc)?);
    }
    builder = builder.subject(content.subject.clone());
    for (name, value) in &content.headers {
        builder = builder.raw_header(HeaderValue::new(
            HeaderName::new_from_ascii(name.clone())?,
            value.clone(),
        ));
    }
    let boundaries = Boundaries(message.id.to_string());
    let (inline, attached): (Vec<_>, Vec<_>) = content
        .attachments
        .iter()
        .partition(|file| file.content_id.is_some());
    let body = body(content, &inline, &boundaries)?;
    let multipart = matches!(body, Node::Multi(_)) || !attached.is_empty();
    let mime = match (body, attached.is_empty()) {
        (Node::Single(part), true) => builder.singlepart(part)?,
        (Node::Multi(parts), true) => builder.multipart(parts)?,
        (node, false) => {
            let mixed = node.inside(MultiPart::mixed().boundary(boundaries.named("mixed")));
            builder.multipart(attached.into_iter().try_fold(mixed, |mixed, file| {
                Ok::<_, RenderError>(mixed.singlepart(part(file)?))
            })?)?
        }
    };
    let mut bytes = mime.formatted();
    // lettre ends the last line of a message without parts, also where the text has ended it.
    if !multipart && bytes.ends_with(b"\r\n\r\n") {
        bytes.truncate(bytes.len() - 2);
    }
    Ok(bytes)
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
        Some(id) => Part::new_inline_with_name(id.clone(), file.filename.clone()),
        None => Part::new(file.filename.clone()),
    };
    // Base64 whatever it holds: a text file's line ends are its own.
    let bytes = Body::new_with_encoding(file.bytes(), ContentTransferEncoding::Base64)
        .unwrap_or_else(Body::new);
    Ok(part.body(bytes, content_type))
}

/// The address with its domain in A-labels, so that no server needs SMTPUTF8 for a domain's sake.
fn address(mailbox: &Mailbox) -> Result<Address, AddressError> {
    let email = lettre::Address::new(mailbox.email.local_part(), mailbox.email.ascii_domain())?;
    Ok(Address::new(mailbox.name.clone(), email))
}

/// Every line end as CRLF, bare CR and LF included (RFC 5322 §2.3).
fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use shared::model::ids::MessageId;
    use shared::model::submission::{MessageInput, Submission};
    use shared::model::timestamp::Timestamp;

    use super::*;

    fn accepted(request: Value) -> (Message, Content) {
        let input: MessageInput = serde_json::from_value(request).expect("an object");
        let Submission {
            requested,
            content,
            metadata,
        } = Submission::try_from(input).expect("valid");
        let decision = serde_json::from_value(json!({
            "rule": "default", "overrides": [], "requested": requested,
            "effective": {"connection_id": "conn_00000000000000000000000001", "from": {"email": "info@bücher.example", "name": "Però, Srl"},
                          "reply_to": "replies@example.com"},
        }))
        .expect("a decision");
        let id: MessageId = "msg_00000000000000000000000007".parse().expect("an id");
        (
            Message::accepted(
                id,
                decision,
                &content,
                metadata,
                Timestamp::from_millis(1_700_000_000_000),
            ),
            content,
        )
    }

    fn rendered(request: Value) -> Vec<u8> {
        let (message, content) = accepted(request);
        render(&message, &content).expect("renders")
    }

    #[test]
    fn headers_carry_the_effective_sender_and_never_bcc() {
        let bytes = rendered(json!({
            "to": [{"email": "a@example.com", "name": "Zoë"}], "cc": ["c@example.com"], "bcc": ["secret@example.com"], "from": "forms@third.test",
            "subject": "Perché no? 👍", "text": "ciao", "headers": {"X-Campaign": "été"},
        }));
        let text = String::from_utf8(bytes.clone()).expect("seven-bit");
        assert!(text.is_ascii());
        assert!(!text.contains("secret@example.com") && !text.contains("third.test"));
        let mail = MessageParser::default().parse(&bytes).expect("parses");
        assert_eq!(mail.subject(), Some("Perché no? 👍"));
        let from = mail.from().and_then(|from| from.first()).expect("from");
        assert_eq!(
            (from.name(), from.address()),
            (Some("Però, Srl"), Some("info@xn--bcher-kva.example"))
        );
        assert_eq!(
            mail.message_id(),
            Some("msg.00000000000000000000000007@xn--bcher-kva.example")
        );
        assert_eq!(
            mail.date().map(mail_parser::DateTime::to_timestamp),
            Some(1_700_000_000)
        );
        assert_eq!(
            mail.header_raw("X-Campaign").map(str::trim),
            Some("=?utf-8?b?w6l0w6k=?="),
            "an encoded word (RFC 2047) of été"
        );
        assert_eq!(
            mail.reply_to()
                .and_then(|to| to.first())
                .and_then(|to| to.address()),
            Some("replies@example.com")
        );
    }

    #[test]
    fn headers_about_lists_threads_and_automatic_mail_come_out_as_they_were_given() {
        let url = format!("https://lists.example/u/{}", "a1b2c3d4".repeat(90));
        let references = (0..20)
            .map(|n| format!("<{n}.0123456789abcdef@example.com>"))
            .collect::<Vec<_>>()
            .join(" ");
        let given = [
            (
                "List-Unsubscribe",
                format!("<mailto:leave@example.com>, <{url}>"),
            ),
            (
                "List-Unsubscribe-Post",
                "List-Unsubscribe=One-Click".to_owned(),
            ),
            ("List-Id", "News <news.example.com>".to_owned()),
            ("In-Reply-To", "<1.0123456789abcdef@example.com>".to_owned()),
            ("References", references),
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("Precedence", "bulk".to_owned()),
        ];
        let headers: std::collections::BTreeMap<_, _> = given.iter().cloned().collect();
        let bytes = rendered(json!({"to": ["a@example.com"], "text": "x", "headers": headers}));
        let mail = MessageParser::default().parse(&bytes).expect("parses");
        for (name, value) in &given {
            let raw = mail.header_raw(*name).expect(name);
            // Unfolded (RFC 5322 §2.2.3): nothing may be encoded here, and no word broken.
            let unfolded = raw.replace("\r\n", "");
            assert_eq!(unfolded.trim(), value, "{name}");
        }
        let text = String::from_utf8(bytes).expect("seven-bit");
        assert!(text.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn a_text_gets_no_line_that_it_did_not_have() {
        for (text, ends) in [
            ("a", "\r\n\r\na\r\n"),
            ("a\n", "\r\n\r\na\r\n"),
            ("a\n\n", "a\r\n\r\n"),
        ] {
            let bytes = rendered(json!({"to": ["a@example.com"], "text": text}));
            let rendered = String::from_utf8(bytes).expect("seven-bit");
            assert!(rendered.ends_with(ends), "{text:?}: {rendered:?}");
        }
    }

    #[test]
    fn every_attempt_renders_the_same_bytes() {
        let request = json!({"to": ["a@example.com"], "text": "a", "html": "<p>a</p>",
            "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content": "AAAA"}]});
        assert_eq!(rendered(request.clone()), rendered(request));
    }

    #[test]
    fn text_html_an_inline_image_and_a_file_come_out_as_they_went_in() {
        let bytes = rendered(json!({
            "to": ["a@example.com"], "text": "è un testo", "html": "<img src=\"cid:logo@example.com\">",
            "attachments": [
                {"filename": "fattura n° 1.pdf", "content_type": "application/pdf", "content": "JVBERi0xLjcKAP8="},
                {"filename": "logo.png", "content_type": "image/png", "content": "iVBORw0KGgo=", "content_id": "logo@example.com"},
                {"filename": "unix.txt", "content_type": "text/plain", "content": "YQpiCg=="},
            ],
        }));
        let mail = MessageParser::default().parse(&bytes).expect("parses");
        assert_eq!(mail.body_text(0).as_deref(), Some("è un testo"));
        assert!(
            mail.body_html(0)
                .is_some_and(|html| html.contains("cid:logo@example.com"))
        );
        let files: Vec<_> = mail
            .attachments()
            .map(|part| (part.attachment_name(), part.contents().to_vec()))
            .collect();
        assert!(files.contains(&(Some("fattura n° 1.pdf"), b"%PDF-1.7\n\0\xff".to_vec())));
        assert!(files.contains(&(Some("unix.txt"), b"a\nb\n".to_vec())));
        let inline = mail
            .parts
            .iter()
            .find(|part| part.content_id() == Some("logo@example.com"))
            .expect("inline");
        assert!(inline.contents().starts_with(b"\x89PNG"));
        assert!(
            inline
                .content_disposition()
                .is_some_and(mail_parser::ContentType::is_inline)
        );
    }

    #[test]
    fn a_message_for_bcc_alone_has_neither_to_nor_cc() {
        let text = String::from_utf8(rendered(json!({"bcc": ["a@example.com"], "text": "x"})))
            .expect("seven-bit");
        assert!(
            !text.contains("\r\nTo:")
                && !text.contains("\r\nCc:")
                && !text.contains("a@example.com")
        );
    }

    proptest! {
        #[test]
        fn no_text_puts_a_bare_cr_lf_or_a_long_line_on_the_wire(text in "[ -~\\r\\n\u{e8}\u{1f600}.]{0,3000}", subject in "\\PC{0,200}") {
            let bytes = rendered(json!({"to": ["a@example.com"], "subject": subject, "text": text, "html": text}));
            prop_assert!(bytes.is_ascii());
            for line in bytes.split(|byte| *byte == b'\n') {
                prop_assert!(line.len() <= 999, "a line of {} octets", line.len());
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                prop_assert!(!line.contains(&b'\r') && !line.contains(&0));
            }
        }
    }
}
