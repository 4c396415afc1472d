//! The strict reader of replies: bytes in, replies out, in linear time and bounded memory, whatever the bytes are.

use super::reply::Reply;

/// The most lines of one reply.
const MAX_LINES: usize = 128;
/// The most bytes of one line, its end included.
const MAX_LINE: usize = 2 * 1024;
/// The most bytes of one reply.
const MAX_REPLY: usize = 16 * 1024;

/// What a server sent that is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAReply {
    #[error("a line of a reply is longer than {MAX_LINE} bytes")]
    LineTooLong,
    #[error("a reply has more than {MAX_LINES} lines")]
    TooManyLines,
    #[error("a reply is longer than {MAX_REPLY} bytes")]
    TooLong,
    #[error("a line does not start with a reply code")]
    NoCode,
    #[error("the lines of one reply have different codes")]
    MixedCodes,
}

/// A reply by its lines, cleaned, without their codes: EHLO's are read one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) code: u16,
    pub(crate) lines: Vec<String>,
}

impl Lines {
    /// The same without a word but its enhanced status code.
    pub(crate) fn without_text(self) -> Self {
        let enhanced = self.to_reply().enhanced;
        Self {
            code: self.code,
            lines: enhanced.into_iter().collect(),
        }
    }

    pub(crate) fn to_reply(&self) -> Reply {
        Reply::from_lines(self.code, &self.lines)
    }
}

/// Collects bytes and gives back whole replies. After an error nothing more can be believed: the session closes.
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    buffer: Vec<u8>,
    /// Where the line that is being read starts.
    start: usize,
    /// Up to where it is known that this line has no end, so that no byte is looked at twice.
    searched: usize,
    /// The reply so far.
    code: Option<u16>,
    lines: Vec<String>,
    bytes: usize,
}

impl ReplyReader {
    /// Takes what came in.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // What was read is dropped at most once for every read, so each byte moves a bounded number of times.
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether there are bytes that belong to no reply read yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.buffer.len() && self.code.is_none()
    }

    /// The first bytes that were not understood: tells TLS records from text.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// The next whole reply, or `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<Lines>, NotAReply> {
        loop {
            let Some(end) = memchr::memchr(b'\n', &self.buffer[self.searched..]) else {
                self.searched = self.buffer.len();
                return if self.searched - self.start >= MAX_LINE {
                    Err(NotAReply::LineTooLong)
                } else {
                    Ok(None)
                };
            };
            let end = self.searched + end + 1;
            let line = &self.buffer[self.start..end];
            if line.len() > MAX_LINE {
                return Err(NotAReply::LineTooLong);
            }
            self.bytes += line.len();
            if self.bytes > MAX_REPLY {
                return Err(NotAReply::TooLong);
            }
            let (code, last, text) = split_line(line)?;
            if self.code.is_some_and(|known| known != code) {
                return Err(NotAReply::MixedCodes);
            }
            if self.lines.len() == MAX_LINES {
                return Err(NotAReply::TooManyLines);
            }
            self.lines.push(clean(text));
            self.start = end;
            self.searched = end;
            if last {
                self.code = None;
                self.bytes = 0;
                let lines = std::mem::take(&mut self.lines);
                return Ok(Some(Lines { code, lines }));
            }
            self.code = Some(code);
        }
    }
}

/// The code, whether the reply ends here, and the text (RFC 5321 §4.2.1). A final line may be its code alone.
fn split_line(line: &[u8]) -> Result<(u16, bool, &[u8]), NotAReply> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(3).ok_or(NotAReply::NoCode)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotAReply::NoCode);
    }
    let code = digits
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    if !(200..=599).contains(&code) {
        return Err(NotAReply::NoCode);
    }
    match rest {
        [] => Ok((code, true, &[])),
        [b' ', text @ ..] => Ok((code, true, text)),
        [b'-', text @ ..] => Ok((code, false, text)),
        _ => Err(NotAReply::NoCode),
    }
}

/// Text that is safe to show: valid UTF-8, no control characters, nothing that turns or hides other text.
pub(super) fn clean(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(
            |character| {
                if is_unsafe(character) { ' ' } else { character }
            },
        )
        .collect()
}

pub(super) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Lines>, NotAReply> {
        let mut reader = ReplyReader::default();
        reader.push(bytes);
        reader.next()
    }

    fn text(bytes: &[u8]) -> Result<Option<Reply>, NotAReply> {
        read(bytes).map(|lines| lines.map(|lines| lines.to_reply()))
    }

    #[test]
    fn a_reply_is_read_to_its_last_line_and_no_further() {
        let mut reader = ReplyReader::default();
        reader.push(b"250-mail.example.com\r\n250-SIZE 1000\r\n250 HELP\r\n220 next\r\n");
        let lines = reader.next().expect("a reply").expect("whole");
        assert_eq!(lines.lines, ["mail.example.com", "SIZE 1000", "HELP"]);
        assert!(!reader.is_empty());
        assert_eq!(reader.next().expect("a reply").expect("whole").code, 220);
        assert!(reader.is_empty());
    }

    #[test]
    fn a_code_alone_is_a_reply() {
        let reply = text(b"250\r\n").expect("a reply").expect("whole");
        assert_eq!((reply.code, reply.text.as_str()), (250, ""));
    }

    #[test]
    fn what_does_not_start_with_a_code_from_200_to_599_is_no_reply() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"* OK IMAP4rev1\r\n",
            b"+OK POP3\r\n",
            b"199 x\r\n",
            b"600 x\r\n",
            b"25 x\r\n",
            b"2500\r\n",
            b"250x\r\n",
            b"\r\n",
        ] {
            assert_eq!(read(bytes), Err(NotAReply::NoCode));
        }
    }

    #[test]
    fn the_codes_of_one_reply_must_be_the_same() {
        assert_eq!(read(b"250-a\r\n251 b\r\n"), Err(NotAReply::MixedCodes));
    }

    #[test]
    fn a_line_a_reply_and_its_lines_are_bounded() {
        let line = |length: usize| [b"250-", "x".repeat(length - 6).as_bytes(), b"\r\n"].concat();
        assert_eq!(read(&line(2048)), Ok(None));
        assert_eq!(read(&line(2049)), Err(NotAReply::LineTooLong));
        assert_eq!(read(&[b'2'; 2048]), Err(NotAReply::LineTooLong));
        assert_eq!(read(&line(2000).repeat(9)), Err(NotAReply::TooLong));
        let lines = b"250-x\r\n".repeat(127);
        let end = &b"250 x\r\n"[..];
        assert!(read(&[&lines, end].concat()).is_ok_and(|lines| lines.is_some()));
        assert_eq!(
            read(&[&lines, &lines[..7], end].concat()),
            Err(NotAReply::TooManyLines)
        );
    }

    #[test]
    fn control_and_direction_characters_are_cleaned_away() {
        let reply = text(b"550 \x1b[31mred\0\xff\xe2\x80\xae\r\n").expect("a reply");
        assert_eq!(reply.expect("whole").text, "[31mred \u{fffd}");
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_replies_or_the_same_error_without_panic(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..300),
                    "(250|354|99|5)[- ]?[a-z]{0,30}(\r\n|\n|\r)?".prop_map(String::into_bytes),
                ],
                0..40,
            )
        ) {
            let drain = |reader: &mut ReplyReader, into: &mut Vec<Lines>| loop {
                match reader.next() {
                    Ok(Some(lines)) => into.push(lines),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let (mut whole, mut all) = (ReplyReader::default(), Vec::new());
            whole.push(&pieces.concat());
            let error = drain(&mut whole, &mut all);
            let (mut split, mut each, mut split_error) = (ReplyReader::default(), Vec::new(), None);
            for piece in &pieces {
                split.push(piece);
                split_error = drain(&mut split, &mut each);
                // Bounded: between pieces nothing but one unfinished line and the lines of one reply is held.
                prop_assert!(split_error.is_some() || split.buffer.len() - split.start < MAX_LINE);
                prop_assert!(split.bytes <= MAX_REPLY + MAX_LINE && split.lines.len() <= MAX_LINES);
                if split_error.is_some() {
                    break;
                }
            }
            prop_assert_eq!(all, each);
            prop_assert_eq!(error, split_error);
        }
    }
}
