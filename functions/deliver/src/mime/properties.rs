//! What holds for every message that the door of submission lets through, read back by a parser that is not lettre's.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Addr, Address, HeaderForm, HeaderValue, MessageParser, MimeHeaders};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::rendered;

/// Text in one line, with all that trips up writers of headers.
fn line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        3 => "[a-z]{1,12}",
        1 => "[!-~]{1,90}",
        1 => "\\PC{1,8}",
        1 => "[èßЖ漢👍\u{301}]{1,40}",
        1 => Just(String::new()),
        1 => Just("=?utf-8?q?x?=".to_owned()),
        1 => Just("a.b".to_owned()),
    ];
    vec(word, 0..14).prop_map(|words| words.join(" ").trim().to_owned())
}

fn address() -> impl Strategy<Value = String> {
    let local = "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\\.[a-z0-9]{1,8}){0,2}";
    let domain = prop_oneof![
        Just("example.com"),
        Just("bücher.example"),
        Just("例え.テスト")
    ];
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

fn mailbox() -> impl Strategy<Value = Value> {
    let name = line().prop_map(|name| {
        let name: String = name.chars().take(200).collect();
        name.trim().to_owned()
    });
    (address(), option::of(name)).prop_map(|(email, name)| json!({"email": email, "name": name}))
}

fn body() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[ -~]{0,100}",
        1 => "[ -~]{900,1200}",
        1 => "[èßЖ漢👍\u{85}\u{2028}\u{feff}]{0,50}",
        1 => "[\u{1}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{7f}\t]{0,5}",
        1 => "[ \t.]{0,3}",
        1 => Just("From me".to_owned()),
        3 => prop_oneof![Just("\n"), Just("\r"), Just("\r\n")].prop_map(str::to_owned),
    ];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn file() -> impl Strategy<Value = Value> {
    let name = prop_oneof![line(), "[ -~]{1,250}", "[èßЖ漢👍'%*;\" .a-z]{1,250}"];
    let name = name.prop_map(|name| {
        let name: String = name.chars().take(250).collect();
        format!("f{}", name.trim_end())
    });
    let bytes = vec(any::<u8>(), 0..300).prop_map(|bytes| STANDARD.encode(bytes));
    let media_type = "[a-z0-9][a-z0-9!#$&^_.+-]{0,30}/[a-z0-9][a-z0-9!#$&^_.+-]{0,30}"
        .prop_filter("can't be encoded", |kind| {
            !kind.starts_with("message/") && !kind.starts_with("multipart/")
        });
    let id = option::of("[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,60}@[a-z0-9.-]{1,100}");
    (name, media_type, bytes, id).prop_map(|(filename, content_type, content, content_id)| {
        json!({"filename": filename, "content_type": content_type, "content": content, "content_id": content_id})
    })
}

fn message() -> impl Strategy<Value = Value> {
    let recipients = (
        vec(mailbox(), 1..20),
        vec(mailbox(), 0..20),
        vec(address(), 0..3),
    );
    let bodies = prop_oneof![
        body().prop_map(|text| (Some(text), None)),
        body().prop_map(|html| (None, Some(html))),
        (body(), body()).prop_map(|(text, html)| (Some(text), Some(html))),
    ];
    let headers = btree_map(
        "X-[A-Z][a-z]{0,60}",
        line().prop_filter("a value", |v| !v.is_empty()),
        0..4,
    );
    (recipients, line(), bodies, headers, vec(file(), 0..4)).prop_map(
        |((to, cc, bcc), subject, (text, html), headers, attachments)| {
            json!({"to": to, "cc": cc, "bcc": bcc, "subject": subject, "text": text, "html": html, "headers": headers,
                   "attachments": attachments})
        },
    )
}

/// The names and addresses given in a list of recipients, as they should come out.
fn given(list: &Value) -> Vec<(Option<String>, String)> {
    let list: Vec<BTreeMap<String, Option<String>>> =
        serde_json::from_value(list.clone()).expect("mailboxes");
    let wire = |email: &str| {
        let email = shared::model::email::EmailAddress::parse(email).expect("valid");
        email.to_wire()
    };
    list.into_iter()
        .map(|mut mailbox| {
            let name = mailbox.remove("name").flatten();
            let email = mailbox.remove("email").flatten().expect("an address");
            (name.filter(|name| !name.is_empty()), wire(&email))
        })
        .collect()
}

fn read(address: Option<&Address<'_>>) -> Vec<(Option<String>, String)> {
    let own = |addr: &Addr<'_>| {
        let name = addr.name.as_deref().map(str::to_owned);
        (name, addr.address.as_deref().unwrap_or_default().to_owned())
    };
    address.map_or_else(Vec::new, |list| list.iter().map(own).collect())
}

/// Every line end as one line feed, and the last one gone: a message has it whether the text did or not.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_wire_gets_ascii_lines_of_at_most_998_octets_that_end_in_crlf(message in message()) {
        let bytes = rendered(message);
        prop_assert!(bytes.is_ascii());
        prop_assert!(bytes.ends_with(b"\r\n"));
        let text = String::from_utf8(bytes).expect("ASCII");
        for line in text.split_inclusive("\r\n").map(|line| line.trim_end_matches("\r\n")) {
            prop_assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
            prop_assert!(line.len() <= 998, "{line:?}");
        }
        let (header, _) = text.split_once("\r\n\r\n").expect("a header");
        for line in header.split("\r\n") {
            prop_assert!(!line.trim().is_empty(), "{header:?}");
        }
    }

    #[test]
    fn what_was_accepted_comes_out_again(message in message()) {
        let bytes = rendered(message.clone());
        let mail = MessageParser::default().parse(&bytes).expect("parses");
        let shown = String::from_utf8_lossy(&bytes);
        prop_assert_eq!(mail.subject().unwrap_or_default(), message["subject"].as_str().expect("one"), "{}", shown);
        prop_assert_eq!(read(mail.to()), given(&message["to"]), "{}", shown);
        prop_assert_eq!(read(mail.cc()), given(&message["cc"]), "{}", shown);
        for (name, value) in message["headers"].as_object().expect("an object") {
            let read = mail.header_as(name.as_str(), HeaderForm::Text);
            let read: Vec<_> = read.iter().map(HeaderValue::as_text).collect();
            prop_assert_eq!(read, [value.as_str()], "{}", shown);
        }
        for (kind, read) in [("text", mail.text_bodies().next()), ("html", mail.html_bodies().next())] {
            if let Some(given) = message[kind].as_str() {
                let read = read.and_then(|part| part.text_contents()).expect(kind);
                prop_assert_eq!(lines(read), lines(given), "{}", shown);
            }
        }
        let files = message["attachments"].as_array().expect("a list");
        let mut left: Vec<_> = mail.attachments().collect();
        for file in files {
            let at = left.iter().position(|part| {
                part.attachment_name() == file["filename"].as_str() && part.content_id() == file["content_id"].as_str()
                    && STANDARD.encode(part.contents()) == file["content"].as_str().expect("base64")
            });
            prop_assert!(at.is_some(), "{file} in {shown}");
            left.swap_remove(at.expect("found"));
        }
        prop_assert!(left.is_empty());
    }
}
