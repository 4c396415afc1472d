use mail_parser::{MessageParser, MimeHeaders};
use serde_json::{Value, json};
use shared::model::ids::MessageId;
use shared::model::submission::{MessageInput, Submission};
use shared::model::timestamp::Timestamp;

use super::*;

fn accepted(request: Value, reply_to: &str) -> (Message, Content) {
    let input: MessageInput = serde_json::from_value(request).expect("an object");
    let Submission {
        requested,
        content,
        metadata,
    } = Submission::try_from(input).expect("valid");
    let decision = serde_json::from_value(json!({
        "rule": "default", "overrides": [], "requested": requested,
        "effective": {"connection_id": "conn_00000000000000000000000001", "from": {"email": "info@bücher.example", "name": "Però, Srl"},
                      "reply_to": reply_to},
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

pub(super) fn rendered(request: Value) -> Vec<u8> {
    answered_at("replies@example.com", request)
}

/// The message of a sender who wants answers there.
fn answered_at(reply_to: &str, request: Value) -> Vec<u8> {
    let (message, content) = accepted(request, reply_to);
    render(&message, &content).expect("renders")
}

/// The header's lines.
fn header(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let (header, _) = text.split_once("\r\n\r\n").expect("a header");
    header.split("\r\n").map(str::to_owned).collect()
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
        !text.contains("\r\nTo:") && !text.contains("\r\nCc:") && !text.contains("a@example.com")
    );
}

#[test]
fn a_list_of_recipients_is_folded_between_them() {
    let to: Vec<_> = (0..25)
        .map(|n| format!("somebody.{n}@sales.example.com"))
        .collect();
    let cc: Vec<_> = (0..25)
        .map(|n| json!({"email": format!("cc.{n}@example.com"), "name": "Acme.it, \\ \"Sales\""}))
        .collect();
    let bytes = rendered(json!({"to": to, "cc": cc, "text": "x"}));
    for line in header(&bytes) {
        assert!(line.len() <= 78, "{line}");
    }
    let mail = MessageParser::default().parse(&bytes).expect("parses");
    let read = mail.to().expect("to").iter().filter_map(|to| to.address());
    assert_eq!(read.collect::<Vec<_>>(), to);
    let names = mail.cc().expect("cc").iter().filter_map(|cc| cc.name());
    assert_eq!(names.collect::<Vec<_>>(), ["Acme.it, \\ \"Sales\""; 25]);
}

#[test]
fn a_name_is_written_as_atoms_a_quoted_string_or_encoded_words() {
    for (name, written) in [
        ("Mario Rossi", "Mario Rossi"),
        ("O'Neil & Sons", "O'Neil & Sons"),
        // A bare dot is obsolete syntax (RFC 5322 §4.1).
        ("Acme.it", "\"Acme.it\""),
        ("Acme \\ \"x\"", "\"Acme \\\\ \\\"x\\\"\""),
        ("Zoë", "=?utf-8?b?Wm/Dqw==?="),
        ("a  b", "=?utf-8?b?YSAgYg==?="),
        ("=?utf-8?q?x?=", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?="),
    ] {
        let bytes =
            rendered(json!({"to": [{"email": "a@example.com", "name": name}], "text": "x"}));
        let to = format!("To: {written} <a@example.com>");
        assert!(header(&bytes).contains(&to), "{name}: {:?}", header(&bytes));
    }
}

#[test]
fn what_a_reader_would_change_in_a_subject_is_encoded() {
    for subject in [
        "è  è",
        "a   b",
        "=?utf-8?q?x?=",
        "x =?utf-8?b?eA==?= y",
        "già è  e  è",
    ] {
        let bytes = rendered(json!({"to": ["a@example.com"], "subject": subject, "text": "x"}));
        let mail = MessageParser::default().parse(&bytes).expect("parses");
        assert_eq!(mail.subject(), Some(subject));
    }
    let url = "<https://lists.example/?a=?b>";
    let bytes = rendered(
        json!({"to": ["a@example.com"], "headers": {"List-Unsubscribe": url}, "text": "x"}),
    );
    assert!(
        header(&bytes).contains(&format!("List-Unsubscribe: {url}")),
        "not text: left alone"
    );
}

#[test]
fn a_header_needs_smtputf8_only_where_every_transaction_has_it() {
    let polish = json!({"email": "użytkownik@example.com", "name": "U"});
    let alone = rendered(json!({"to": [polish], "text": "x"}));
    assert!(header(&alone).contains(&"To: U <użytkownik@example.com>".to_owned()));
    let mixed = rendered(json!({"to": [polish, "a@example.com"], "text": "x"}));
    assert!(mixed.is_ascii());
    let told = header(&mixed)
        .into_iter()
        .find(|line| line.starts_with("To:"));
    let expected = "To: =?utf-8?b?VSB1xbx5dGtvd25pa0BleGFtcGxlLmNvbQ==?= :;, a@example.com";
    assert_eq!(told.as_deref(), Some(expected));
    let hidden = rendered(json!({"to": ["a@example.com"], "bcc": [polish], "text": "x"}));
    assert!(hidden.is_ascii());
}

#[test]
fn where_to_answer_is_written_as_it_is() {
    let bytes = answered_at(
        "odpowiedź@example.com",
        json!({"to": ["a@example.com"], "text": "x"}),
    );
    assert!(header(&bytes).contains(&"Reply-To: odpowiedź@example.com".to_owned()));
}

#[test]
fn a_file_s_name_is_quoted_or_percent_encoded_in_pieces() {
    let long = "è".repeat(30);
    for (name, written) in [
        (
            "a;b \"c\".pdf",
            "attachment; filename=\"a;b \\\"c\\\".pdf\"",
        ),
        (
            "=?utf-8?q?x?=",
            "attachment;\r\n filename*=utf-8''%3D%3Futf-8%3Fq%3Fx%3F%3D",
        ),
        ("è.pdf", "attachment;\r\n filename*=utf-8''%C3%A8.pdf"),
        (&long, "attachment;\r\n filename*0*=utf-8''%C3%A8"),
    ] {
        let file = json!({"filename": name, "content_type": "application/pdf", "content": ""});
        let bytes = rendered(json!({"to": ["a@example.com"], "text": "x", "attachments": [file]}));
        let text = String::from_utf8(bytes).expect("seven-bit");
        assert!(
            text.contains(&format!("Content-Disposition: {written}")),
            "{text}"
        );
    }
}
