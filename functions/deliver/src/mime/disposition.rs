//! Content-Disposition (RFC 2183). lettre's own quotes a name that only looks like an encoded word, and readers decode it.

use std::fmt::Write as _;

use email_encoding::headers::rfc2231;
use email_encoding::headers::writer::EmailWriter;
use lettre::message::header::{ContentDisposition, Header, HeaderName, HeaderValue};

/// Where a line is folded, in octets without its end (RFC 5322 §2.1.1 asks for 78 at most).
const FOLD: usize = 76;

/// How a file is shown, and its name.
#[derive(Debug, Clone)]
pub(super) struct Disposition {
    kind: &'static str,
    filename: String,
}

impl Disposition {
    /// Where the HTML refers to it.
    pub(super) fn inline(filename: &str) -> Self {
        Self {
            kind: "inline",
            filename: filename.to_owned(),
        }
    }

    /// Beside the text.
    pub(super) fn attachment(filename: &str) -> Self {
        Self {
            kind: "attachment",
            filename: filename.to_owned(),
        }
    }
}

impl Header for Disposition {
    fn name() -> HeaderName {
        ContentDisposition::name()
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Err("is only written".into())
    }

    fn display(&self) -> HeaderValue {
        let name = Self::name();
        let mut value = format!("{};", self.kind);
        let printable = self
            .filename
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~'));
        if printable && !self.filename.contains("=?") {
            let used = name.len() + ": ".len() + value.len();
            let mut line = EmailWriter::new(&mut value, used, 0, true);
            line.space();
            rfc2231::encode("filename", &self.filename, &mut line)
                .expect("a String takes everything");
        } else {
            value.push_str(&encoded(&self.filename));
        }
        HeaderValue::dangerous_new_pre_encoded(name, String::new(), value)
    }
}

/// The parameter in UTF-8 (RFC 2231 §4), in as many pieces as it needs lines (§3); no character is cut in two.
fn encoded(filename: &str) -> String {
    let mut pieces = vec!["utf-8''".to_owned()];
    for character in filename.chars() {
        let mut octets = [0; 4];
        let mut written = String::new();
        for octet in character.encode_utf8(&mut octets).bytes() {
            if octet.is_ascii_alphanumeric() || b"-._".contains(&octet) {
                written.push(char::from(octet));
            } else {
                write!(written, "%{octet:02X}").expect("a String takes everything");
            }
        }
        let room = FOLD - " filename*999*=;".len();
        match pieces.last_mut() {
            Some(piece) if piece.len() + written.len() <= room => piece.push_str(&written),
            _ => pieces.push(written),
        }
    }
    if let [piece] = &pieces[..] {
        return format!("\r\n filename*={piece}");
    }
    let numbered = pieces.iter().enumerate();
    let lines = numbered.map(|(number, piece)| format!("\r\n filename*{number}*={piece}"));
    lines.collect::<Vec<_>>().join(";")
}
