//! One reply of a server (RFC 5321 §4.2), as it is shown and kept.

pub use crate::model::reply::Reply;

impl Reply {
    /// The most characters of text that are kept.
    pub const MAX_TEXT: usize = 1000;

    /// The command was carried out: 2xx.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.code / 100 == 2
    }

    /// "Not this connection now": 421 (the service is closing) and 432 (a password change is needed first).
    #[must_use]
    pub const fn is_not_now(&self) -> bool {
        matches!(self.code, 421 | 432)
    }

    /// Worth another attempt: 4xx, and 503, which says that the dialogue lost its step, not that the message is bad.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.code / 100 == 4 || self.code == 503
    }

    /// Not worth another attempt: 5xx but 503.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        self.code / 100 == 5 && self.code != 503
    }

    /// Builds the reply from its lines, less their codes.
    pub(crate) fn from_lines(code: u16, lines: &[String]) -> Self {
        let mut enhanced: Option<&str> = None;
        let mut text = String::new();
        for line in lines {
            let rest = match split_enhanced(code, line) {
                Some((found, rest)) if enhanced.is_none_or(|known| known == found) => {
                    enhanced = Some(found);
                    rest
                }
                _ => line,
            };
            let rest = rest.trim();
            if !text.is_empty() && !rest.is_empty() {
                text.push(' ');
            }
            text.push_str(rest);
        }
        Self {
            code,
            enhanced: enhanced.map(str::to_owned),
            text: cut(text),
        }
    }

    /// The same reply without its text.
    pub(crate) fn without_text(mut self) -> Self {
        self.text.clear();
        self
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(Reply::MAX_TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Splits `class.subject.detail` (RFC 3463 §2) off the front of a line. The class must be the code's own (RFC 2034 §4).
fn split_enhanced(code: u16, line: &str) -> Option<(&str, &str)> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut parts = word.split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let number =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let own_class = matches!(class, "2" | "4" | "5") && class.parse() == Ok(code / 100);
    (parts.next().is_none() && own_class && number(subject) && number(detail))
        .then_some((word, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, lines: &[&str]) -> Reply {
        Reply::from_lines(
            code,
            &lines
                .iter()
                .map(|&line| line.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_enhanced_status_code_is_taken_off_every_line() {
        let reply = reply(550, &["5.1.1 No such", "5.1.1 mailbox"]);
        assert_eq!(reply.enhanced.as_deref(), Some("5.1.1"));
        assert_eq!(reply.text, "No such mailbox");
    }

    #[test]
    fn what_only_looks_like_an_enhanced_status_code_stays_text() {
        for text in [
            "4.1.1 x",
            "5.1 x",
            "5.1.1.1 x",
            "5.1234.1 x",
            "5..1 x",
            "10.0.0 x",
        ] {
            let reply = reply(550, &[text]);
            assert_eq!((reply.enhanced, reply.text.as_str()), (None, text));
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(reply(250, &[&"è".repeat(1500)]).text.chars().count(), 1001);
    }

    #[test]
    fn replies_fall_into_classes_by_their_code() {
        let class = |code| {
            let reply = reply(code, &[""]);
            [
                reply.is_accepted(),
                reply.is_not_now(),
                reply.is_transient(),
                reply.is_permanent(),
            ]
        };
        assert_eq!(class(250), [true, false, false, false]);
        assert_eq!(class(354), [false; 4]);
        assert_eq!(class(421), [false, true, true, false]);
        assert_eq!(class(451), [false, false, true, false]);
        assert_eq!(class(503), [false, false, true, false]);
        assert_eq!(class(550), [false, false, false, true]);
    }
}
