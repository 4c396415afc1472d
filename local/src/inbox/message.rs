//! A mail as it is shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::parsers::MessageStream;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use serde::Serialize;
use shared::clock::Clock;
use shared::model::timestamp::Timestamp;

/// A mail that was taken.
#[derive(Debug, Serialize)]
pub struct Mail {
    /// Its name here: `mail_` and a ULID.
    pub id: String,
    /// When its last byte came.
    pub received_at: Timestamp,
    /// The sender of the envelope; empty for a bounce.
    pub from: String,
    /// The recipients of the envelope, in order.
    pub recipients: Vec<String>,
    /// The subject, decoded.
    pub subject: Option<String>,
    /// All headers in order, unfolded and decoded.
    pub headers: Vec<Header>,
    /// The first plain text.
    pub text: Option<String>,
    /// The first HTML.
    pub html: Option<String>,
    /// Everything else.
    pub attachments: Vec<Attachment>,
    /// The message as it came, without stuffed dots; what is not UTF-8 in it is replaced.
    pub raw: String,
}

/// A header.
#[derive(Debug, Serialize)]
pub struct Header {
    /// Its name, as it was written.
    pub name: String,
    /// Its value, unfolded and decoded (RFC 2047).
    pub value: String,
}

/// An attachment or an inline part.
#[derive(Debug, Serialize)]
pub struct Attachment {
    /// Its name, decoded.
    pub filename: Option<String>,
    /// Its media type, in small letters.
    pub content_type: String,
    /// Octets, decoded.
    pub size: usize,
    /// Its Content-ID, without angle brackets.
    pub content_id: Option<String>,
    /// In base64.
    pub content: String,
}

impl Mail {
    /// Reads a message. There is none that can't be shown: what can't be understood is in `raw`.
    pub(super) fn read(clock: &Clock, from: String, recipients: Vec<String>, raw: &[u8]) -> Self {
        let message = MessageParser::default().parse(raw);
        let message = message.as_ref();
        Self {
            id: format!("mail_{}", clock.ulid()),
            received_at: clock.now(),
            from,
            recipients,
            subject: message.and_then(|message| Some(message.subject()?.to_owned())),
            headers: message
                .map(|message| headers(message, raw))
                .unwrap_or_default(),
            // Asked for by part: asked for by body, a text is made up from the HTML, and the other way round.
            text: message.and_then(|message| {
                message.text_bodies().find_map(|part| match &part.body {
                    PartType::Text(text) => Some(text.clone().into_owned()),
                    _ => None,
                })
            }),
            html: message.and_then(|message| {
                message.html_bodies().find_map(|part| match &part.body {
                    PartType::Html(html) => Some(html.clone().into_owned()),
                    _ => None,
                })
            }),
            attachments: message
                .map(|message| message.attachments().map(attachment).collect())
                .unwrap_or_default(),
            raw: String::from_utf8_lossy(raw).into_owned(),
        }
    }
}

fn headers(message: &Message<'_>, raw: &[u8]) -> Vec<Header> {
    message
        .headers()
        .iter()
        .map(|header| {
            let (start, end) = (header.offset_start() as usize, header.offset_end() as usize);
            let mut value = raw.get(start..end).unwrap_or_default().to_vec();
            value.push(b'\n');
            let name = raw.get(header.offset_field() as usize..start);
            let name = String::from_utf8_lossy(name.unwrap_or_default());
            Header {
                name: name.trim_end_matches([':', ' ', '\t']).to_owned(),
                // As unstructured text, whatever the header: what is shown is what was written.
                value: MessageStream::new(&value)
                    .parse_unstructured()
                    .into_text()
                    .unwrap_or_default()
                    .into_owned(),
            }
        })
        .collect()
}

fn attachment(part: &MessagePart<'_>) -> Attachment {
    let content_type = part.content_type().map_or_else(
        || "text/plain".to_owned(),
        |kind| {
            let subtype = kind.subtype().unwrap_or_default();
            format!("{}/{subtype}", kind.ctype()).to_ascii_lowercase()
        },
    );
    Attachment {
        filename: part.attachment_name().map(str::to_owned),
        content_type,
        size: part.contents().len(),
        content_id: part.content_id().map(str::to_owned),
        content: STANDARD.encode(part.contents()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "From: =?utf-8?q?Acm=C3=A9?= <info@example.com>\r\n\
        To: b@example.com,\r\n c@example.com\r\n\
        Subject: =?utf-8?q?Perch=C3=A9?=\r\n =?utf-8?q?_no?=\r\n\
        Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n\
        X-Campaign: one: two\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=m\r\n\r\n\
        --m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
        --a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nY2nDoG8=\r\n\
        --a\r\nContent-Type: text/html\r\n\r\n<p>ciao</p>\r\n--a--\r\n\
        --m\r\nContent-Type: Application/PDF; name=\"=?utf-8?q?fattura_=C3=A8.pdf?=\"\r\n\
        Content-Disposition: attachment; filename*=utf-8''fattura%20%C3%A8.pdf\r\nContent-ID: <one@x>\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--m--\r\n";

    fn read(raw: &[u8]) -> Mail {
        Mail::read(&Clock::system(), String::new(), Vec::new(), raw)
    }

    #[test]
    fn what_was_encoded_is_shown_decoded() {
        let mail = read(MESSAGE.as_bytes());
        assert_eq!(mail.subject.as_deref(), Some("Perché no"));
        assert_eq!(mail.text.as_deref(), Some("ciào"));
        assert_eq!(mail.html.as_deref(), Some("<p>ciao</p>"));
        let headers: Vec<_> = mail
            .headers
            .iter()
            .map(|header| (header.name.as_str(), header.value.as_str()))
            .collect();
        assert_eq!(
            headers[..5],
            [
                ("From", "Acmé <info@example.com>"),
                ("To", "b@example.com, c@example.com"),
                ("Subject", "Perché no"),
                ("Date", "Tue, 24 Nov 2026 10:00:00 +0000"),
                ("X-Campaign", "one: two"),
            ]
        );
        let [attachment] = mail.attachments.as_slice() else {
            panic!("one attachment")
        };
        assert_eq!(attachment.filename.as_deref(), Some("fattura è.pdf"));
        assert_eq!(attachment.content_type, "application/pdf");
        assert_eq!(attachment.content_id.as_deref(), Some("one@x"));
        assert_eq!(
            (attachment.size, attachment.content.as_str()),
            (4, "AAECAw==")
        );
        assert_eq!(mail.raw, MESSAGE);
    }

    #[test]
    fn a_text_is_not_made_up_from_html() {
        let mail = read(b"Content-Type: text/html\r\n\r\n<p>x</p>");
        assert_eq!((mail.text, mail.html.as_deref()), (None, Some("<p>x</p>")));
        let mail = read(b"Subject: x\r\n\r\nplain");
        assert_eq!((mail.text.as_deref(), mail.html), (Some("plain"), None));
    }

    #[test]
    fn anything_can_be_shown() {
        for raw in [&b""[..], b"\xff\xfe", b"\r\n\r\n", b":\r\n", b"Subject"] {
            assert_eq!(read(raw).raw, String::from_utf8_lossy(raw));
        }
    }
}
