//! Header fields that hold people's words and addresses (RFC 5322 §3.4, RFC 2047). lettre's own would leave a list of addresses on one
//! line, however long, lose the spaces between encoded words, and send a phrase with a bare dot or what only looks like an encoded
//! word as it is.

use std::fmt::{Result, Write as _};

use email_encoding::headers::rfc2047;
use email_encoding::headers::writer::EmailWriter;
use lettre::message::header::{HeaderName, HeaderValue};
use shared::model::email::Mailbox;

/// Where a line is folded, in octets without its end (RFC 5322 §2.1.1 asks for 78 at most).
const FOLD: usize = 76;
/// The longest quoted string, quotes included: it is never folded, as some readers keep the fold.
const LONGEST_QUOTED: usize = 62;

/// A field of text (RFC 5322 §2.2.1). From the first to the last word that can't stand as it is, all is in encoded words.
pub(super) fn text(name: HeaderName, text: &str) -> HeaderValue {
    field(name, |line| {
        let Some((start, end)) = encoded(text) else {
            return line.folding().write_str(text);
        };
        line.folding().write_str(&text[..start])?;
        encode(&text[start..end], start > 0, line)?;
        line.folding().write_str(&text[end..])
    })
}

/// A field of addresses, domains in A-labels. A local part that only UTF-8 can write is written so where `utf8` says that it may;
/// else the mailbox becomes a group of nobody that tells its address (RFC 6857 §3.1).
pub(super) fn mailboxes(name: HeaderName, list: &[Mailbox], utf8: bool) -> HeaderValue {
    field(name, |line| {
        for (index, mailbox) in list.iter().enumerate() {
            let comma = if index + 1 < list.len() { "," } else { "" };
            if index > 0 {
                line.space();
            }
            let email = mailbox.email.to_wire();
            if mailbox.email.needs_smtputf8() && !utf8 {
                let name = mailbox.name.iter().flat_map(|name| [name, " "]);
                let told: String = name.chain([email.as_str()]).collect();
                encode(&told, index > 0, line)?;
                line.space();
                line.folding().write_str(&format!(":;{comma}"))?;
            } else if let Some(name) = &mailbox.name {
                phrase(name, index > 0, line)?;
                line.space();
                line.folding().write_str(&format!("<{email}>{comma}"))?;
            } else {
                line.folding().write_str(&format!("{email}{comma}"))?;
            }
        }
        Ok(())
    })
}

fn field(name: HeaderName, write: impl FnOnce(&mut EmailWriter<'_>) -> Result) -> HeaderValue {
    let mut value = String::new();
    let mut line = EmailWriter::new(&mut value, name.len() + ": ".len(), 0, false);
    write(&mut line).expect("a String takes everything");
    drop(line);
    HeaderValue::dangerous_new_pre_encoded(name, String::new(), value)
}

/// Where the words that must be encoded begin and end: all of it where spaces are beside each other, as readers make one of them.
fn encoded(text: &str) -> Option<(usize, usize)> {
    if text.contains("  ") {
        return Some((0, text.len()));
    }
    let mut words = text.split(' ').scan(0, |at, word| {
        let start = *at;
        *at += word.len() + 1;
        Some((start, start + word.len(), word))
    });
    let (start, end, _) = words.find(|(.., word)| must_be_encoded(word))?;
    let last = words.filter(|(.., word)| must_be_encoded(word)).last();
    Some((start, last.map_or(end, |(_, end, _)| end)))
}

/// What isn't printable ASCII, and what a reader would take for an encoded word.
fn must_be_encoded(word: &str) -> bool {
    word.contains("=?") || !word.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A display name: atoms, a quoted string or encoded words, whichever is the least that holds it.
fn phrase(name: &str, after_space: bool, line: &mut EmailWriter<'_>) -> Result {
    if must_be_encoded(name) || name.contains("  ") {
        return encode(name, after_space, line);
    }
    if name.split(' ').all(is_atom) {
        return line.folding().write_str(name);
    }
    let quoted = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    if quoted.len() > LONGEST_QUOTED {
        return encode(name, after_space, line);
    }
    if after_space && line.projected_line_len() + quoted.len() > FOLD {
        line.new_line()?;
    }
    line.write_str(&quoted)
}

/// One encoded word where it fits into a line of its own: some readers (Python before 3.13) show a space between two.
fn encode(text: &str, after_space: bool, line: &mut EmailWriter<'_>) -> Result {
    let whole = "=?utf-8?b?".len() + text.len().div_ceil(3) * 4 + "?=".len();
    let fits_after = |used: usize| used + whole + "\r\n".len() <= FOLD;
    if after_space && !fits_after(line.projected_line_len()) && fits_after(" ".len()) {
        line.new_line()?;
    }
    rfc2047::encode(text, line)
}

/// RFC 5322 §3.2.3 `atom`, less the signs that encoded words are made of.
fn is_atom(word: &str) -> bool {
    let sign = |byte| b"!#$%&'*+-/^_`{|}~".contains(&byte);
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || sign(byte))
}
