//! Lines and message contents off a stream, within limits.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest line of a command, by what AUTH may need (RFC 4954 §4).
const MAX_LINE: usize = 12_288;
/// After how much of one line or message, all beyond its limit, the session is given up.
const MAX_EXCESS: usize = 64 * 1024 * 1024;
/// How long a client may be silent (RFC 5321 §4.5.3.2.7).
const IDLE: Duration = Duration::from_mins(5);

/// A line of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its CRLF.
    Whole(Vec<u8>),
    /// Over the limit; it was read to its end.
    TooLong,
    /// Ended by a line feed alone.
    BareLineFeed,
    /// The client is gone.
    End,
}

/// What came between the 354 and the lone dot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The message, without the dots that were stuffed.
    Whole(Vec<u8>),
    /// Over the limit; it was read to its end.
    TooLarge,
    /// The client went before the end: nothing was handed over.
    End,
}

/// A stream with what was read ahead of it.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// The stream alone: what the client sent too early is thrown away.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    pub(super) async fn write(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    /// Says, in TLS too, that nothing more follows.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Reads more; false at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(8 * 1024);
        let read = self.stream.read_buf(&mut self.buffer);
        Ok(tokio::time::timeout(IDLE, read).await?? > 0)
    }

    pub(super) async fn line(&mut self) -> io::Result<Line> {
        let mut searched = 0;
        let mut dropped = 0;
        loop {
            let found = self.buffer[searched..].iter().position(|b| *b == b'\n');
            if let Some(at) = found.map(|at| at + searched) {
                let mut line: Vec<u8> = self.buffer.drain(..=at).collect();
                line.pop();
                return Ok(if dropped > 0 || line.len() > MAX_LINE {
                    Line::TooLong
                } else if line.pop_if(|last| *last == b'\r').is_none() {
                    Line::BareLineFeed
                } else {
                    Line::Whole(line)
                });
            }
            searched = self.buffer.len();
            if searched > MAX_LINE {
                dropped += searched;
                self.buffer.clear();
                searched = 0;
            }
            if dropped > MAX_EXCESS {
                return Err(io::Error::other("a line without an end"));
            }
            if !self.fill().await? {
                return Ok(Line::End);
            }
        }
    }

    /// Reads up to `CRLF . CRLF` and nothing else: a bare line feed neither ends the message nor makes a line.
    pub(super) async fn content(&mut self, limit: usize) -> io::Result<Content> {
        let mut content = Vec::new();
        let mut dots = Unstuffing::LineStart;
        let mut size = 0;
        loop {
            let mut ended = None;
            for (at, byte) in self.buffer.iter().enumerate() {
                let before = content.len();
                if dots.take(*byte, &mut content) {
                    ended = Some(at);
                    break;
                }
                size += content.len() - before;
                if size > limit {
                    content.clear();
                }
            }
            if let Some(at) = ended {
                self.buffer.drain(..=at);
                return Ok(if size > limit {
                    Content::TooLarge
                } else {
                    Content::Whole(content)
                });
            }
            self.buffer.clear();
            if size > limit + MAX_EXCESS {
                return Err(io::Error::other("a message without an end"));
            }
            if !self.fill().await? {
                return Ok(Content::End);
            }
        }
    }
}

/// Where in a line the next byte falls (RFC 5321 §4.5.2).
enum Unstuffing {
    LineStart,
    Dot,
    DotReturn,
    Within,
    Return,
}

impl Unstuffing {
    /// Takes one byte; true when it ended the message.
    fn take(&mut self, byte: u8, content: &mut Vec<u8>) -> bool {
        *self = match (&self, byte) {
            (Self::DotReturn, b'\n') => return true,
            (Self::LineStart, b'.') => {
                *self = Self::Dot;
                return false;
            }
            (Self::Dot, b'\r') => {
                *self = Self::DotReturn;
                return false;
            }
            (Self::DotReturn, _) => {
                // The dot was stuffed, but its carriage return belongs to the text.
                content.push(b'\r');
                if byte == b'\r' {
                    Self::Return
                } else {
                    Self::Within
                }
            }
            (Self::Return, b'\n') => Self::LineStart,
            (_, b'\r') => Self::Return,
            _ => Self::Within,
        };
        content.push(byte);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn contents(sent: &[u8], limit: usize) -> (Content, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(sent.len().max(1));
        client.write_all(sent).await.expect("written");
        drop(client);
        let mut wire = Wire::new(server);
        let content = wire.content(limit).await.expect("read");
        (content, wire.buffer)
    }

    #[tokio::test]
    async fn stuffed_dots_are_taken_out_and_what_follows_the_end_is_kept() {
        let sent = b"a\r\n..b\r\n.c\r\n...\r\n.\r\nMAIL";
        let (content, rest) = contents(sent, 100).await;
        assert_eq!(content, Content::Whole(b"a\r\n.b\r\nc\r\n..\r\n".to_vec()));
        assert_eq!(rest, b"MAIL");
    }

    #[tokio::test]
    async fn an_empty_message_ends_at_once() {
        assert_eq!(contents(b".\r\n", 9).await.0, Content::Whole(b"".to_vec()));
    }

    #[tokio::test]
    async fn nothing_but_a_dot_between_two_crlf_ends_a_message() {
        for (smuggled, meant) in [
            ("\n.\n", "\n.\n"),
            ("\n.\r\n", "\n.\r\n"),
            ("\r.\r", "\r.\r"),
            // A dot at the start of a line was stuffed, whatever follows it.
            ("\r\n.\n", "\r\n\n"),
            ("\r\n.\r\r\n", "\r\n\r\r\n"),
        ] {
            let sent = format!("a{smuggled}MAIL\r\n.\r\n");
            let (content, _) = contents(sent.as_bytes(), 100).await;
            let meant = format!("a{meant}MAIL\r\n").into_bytes();
            assert_eq!(content, Content::Whole(meant), "{smuggled:?}");
        }
    }

    #[tokio::test]
    async fn a_message_over_the_limit_is_read_to_its_end() {
        let (content, rest) = contents(b"12345678\r\n.\r\nQUIT", 9).await;
        assert_eq!(
            (content, rest.as_slice()),
            (Content::TooLarge, &b"QUIT"[..])
        );
    }

    #[tokio::test]
    async fn a_message_without_its_dot_was_not_handed_over() {
        assert_eq!(contents(b"text\r\n", 100).await.0, Content::End);
    }

    #[tokio::test]
    async fn lines_end_with_crlf_and_have_a_limit() {
        let long = "x".repeat(MAX_LINE + 1);
        let sent = format!("NOOP\r\nNOOP\n{long}\r\nQUIT\r\n");
        let (mut client, server) = tokio::io::duplex(sent.len());
        client.write_all(sent.as_bytes()).await.expect("written");
        drop(client);
        let mut wire = Wire::new(server);
        let mut lines = Vec::new();
        for _ in 0..5 {
            lines.push(wire.line().await.expect("read"));
        }
        assert_eq!(
            lines,
            [
                Line::Whole(b"NOOP".to_vec()),
                Line::BareLineFeed,
                Line::TooLong,
                Line::Whole(b"QUIT".to_vec()),
                Line::End,
            ]
        );
    }
}
