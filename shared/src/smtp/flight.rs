//! What leaves in one write. Building is apart from sending, so that one message's body and the next one's commands go into the
//! same flight (RFC 2920).

use std::borrow::Cow;

use crate::model::email::EmailAddress;

/// A message that may leave: checked. Its dots are stuffed as it leaves (RFC 5321 §4.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<'a> {
    message: Cow<'a, [u8]>,
    eight_bit: bool,
    utf8_header: bool,
}

/// A message that can't leave: it holds a CR or LF that is not part of a CRLF, or a NUL (RFC 5321 §4.1.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message holds a bare CR, a bare LF or a NUL")]
pub struct Malformed;

impl<'a> Body<'a> {
    /// Reads a message with CRLF line ends.
    ///
    /// # Errors
    /// When a server could read the message's end where it is not: smuggling lives on bare CR and LF (CVE-2023-51764).
    pub fn new(message: Cow<'a, [u8]>) -> Result<Self, Malformed> {
        let mut start = 0;
        while start < message.len() {
            let (line, end) = match memchr::memchr(b'\n', &message[start..]) {
                Some(length) => {
                    let line = &message[start..start + length];
                    (
                        line.strip_suffix(b"\r").ok_or(Malformed)?,
                        start + length + 1,
                    )
                }
                None => (&message[start..], message.len()),
            };
            if memchr::memchr2(b'\r', 0, line).is_some() {
                return Err(Malformed);
            }
            start = end;
        }
        Ok(Self {
            eight_bit: !message.is_ascii(),
            utf8_header: !header(&message).is_ascii(),
            message,
        })
    }

    /// The octets to announce with SIZE (RFC 1870 §5: without stuffing and the final dot).
    #[must_use]
    pub fn size(&self) -> usize {
        self.message.len()
    }

    /// Whether it holds octets above 127, and so needs 8BITMIME.
    #[must_use]
    pub fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    /// Whether its header holds octets above 127, and so needs SMTPUTF8 (RFC 6532 §3).
    #[must_use]
    pub fn has_utf8_header(&self) -> bool {
        self.utf8_header
    }

    /// The octets that leave, one part after the other. The last ends the message, with the end of line that it may lack.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let message = &*self.message;
        let end: &[u8] = if message.is_empty() || message.ends_with(b"\n") {
            b".\r\n"
        } else {
            b"\r\n.\r\n"
        };
        let first = message.starts_with(b".").then_some(0);
        let lines = memchr::memmem::find_iter(message, b"\r\n.").map(|at| at + b"\r\n".len());
        let stops = first.into_iter().chain(lines).chain([message.len()]);
        let mut left = 0;
        stops.flat_map(move |stop| {
            let part = &message[std::mem::replace(&mut left, stop)..stop];
            [part, if stop == message.len() { end } else { b"." }]
        })
    }
}

/// What is before the empty line.
fn header(message: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(message, b"\r\n\r\n");
    &message[..end.unwrap_or(message.len())]
}

/// The parameters of MAIL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// `SIZE=` (RFC 1870), where it is offered.
    pub size: Option<usize>,
    /// `BODY=8BITMIME` (RFC 6152).
    pub eight_bit: bool,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
}

/// The commands of one flight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flight(Vec<u8>);

impl Flight {
    /// An empty flight.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `MAIL FROM` with its parameters.
    #[must_use]
    pub fn mail(mut self, from: &EmailAddress, parameters: MailParameters) -> Self {
        self.add("MAIL FROM:<");
        self.add(&from.to_wire());
        self.add(">");
        if let Some(size) = parameters.size {
            self.add(&format!(" SIZE={size}"));
        }
        if parameters.eight_bit {
            self.add(" BODY=8BITMIME");
        }
        if parameters.smtputf8 {
            self.add(" SMTPUTF8");
        }
        self.end()
    }

    /// `RCPT TO`.
    #[must_use]
    pub fn rcpt(mut self, to: &EmailAddress) -> Self {
        self.add("RCPT TO:<");
        self.add(&to.to_wire());
        self.add(">");
        self.end()
    }

    /// `DATA`: the last command of its flight, unless a body goes before it.
    #[must_use]
    pub fn data(mut self) -> Self {
        self.add("DATA");
        self.end()
    }

    /// `RSET`.
    #[must_use]
    pub fn rset(mut self) -> Self {
        self.add("RSET");
        self.end()
    }

    /// The octets that leave.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn add(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn end(mut self) -> Self {
        self.add("\r\n");
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaving(body: &Body<'_>) -> String {
        let octets = body.parts().collect::<Vec<_>>().concat();
        String::from_utf8_lossy(&octets).into_owned()
    }

    fn stuffed(message: &str) -> Result<String, Malformed> {
        Body::new(Cow::Borrowed(message.as_bytes())).map(|body| leaving(&body))
    }

    #[test]
    fn a_dot_that_starts_a_line_is_doubled_and_the_end_is_marked() {
        assert_eq!(
            stuffed(".a\r\nb.\r\n..\r\n"),
            Ok("..a\r\nb.\r\n...\r\n.\r\n".to_owned())
        );
        assert_eq!(stuffed("a"), Ok("a\r\n.\r\n".to_owned()));
        assert_eq!(stuffed(""), Ok(".\r\n".to_owned()));
    }

    #[test]
    fn a_bare_cr_a_bare_lf_and_a_nul_are_refused() {
        for message in [
            "a\nb\r\n", "a\rb\r\n", "a\r\r\n", "\n.\r\n", "a\r", "a\0b\r\n", "\r\n\n",
        ] {
            assert_eq!(stuffed(message), Err(Malformed), "{message:?}");
        }
    }

    #[test]
    fn commands_are_written_as_rfc_5321_has_them() {
        let address = |text| EmailAddress::parse(text).expect("an address");
        let parameters = MailParameters {
            size: Some(12),
            eight_bit: true,
            smtputf8: true,
        };
        let flight = Flight::new()
            .mail(&address("info@bücher.example"), parameters)
            .rcpt(&address("a@example.com"))
            .data()
            .rset();
        assert_eq!(
            String::from_utf8_lossy(flight.as_bytes()),
            "MAIL FROM:<info@xn--bcher-kva.example> SIZE=12 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<a@example.com>\r\nDATA\r\nRSET\r\n"
        );
    }

    proptest! {
        #[test]
        fn what_leaves_ends_once_and_reads_back_as_the_message(message in "([.a\\x00-]|\r\n|\r|\n){0,40}") {
            if let Ok(text) = stuffed(&message) {
                let lines: Vec<&str> = text.split_inclusive("\r\n").collect();
                let (last, lines) = lines.split_last().expect("a final dot");
                prop_assert_eq!(*last, ".\r\n");
                prop_assert!(!lines.contains(&".\r\n"));
                let back: String = lines.iter().map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
                let missing = if message.is_empty() || message.ends_with('\n') { "" } else { "\r\n" };
                prop_assert_eq!(back, message + missing);
            }
        }
    }
}
