//! The connection itself: flights go out, replies come in, each with its deadline.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::client::TlsStream;

use super::failure::{Failure, FailureCode, Stage};
use super::replies::{Lines, NotAReply, ReplyReader};

/// How long a goodbye may take to leave.
const GOODBYE: Duration = Duration::from_millis(500);

/// The most octets of one TLS record (RFC 8446 §5.1): nobody reads a part of one.
pub(super) const RECORD: usize = 16 * 1024;

/// What ends a session without a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the server did not answer in time")]
    TimedOut,
    #[error("the connection was lost")]
    Lost,
    #[error("the server spoke out of turn")]
    Unasked,
    #[error(transparent)]
    NotAReply(#[from] NotAReply),
}

impl Broken {
    pub(crate) fn at(self, stage: Stage) -> Failure {
        let code = match self {
            Self::TimedOut => FailureCode::TimedOut,
            Self::Lost => FailureCode::ConnectionLost,
            Self::Unasked | Self::NotAReply(_) => FailureCode::ProtocolError,
        };
        Failure::new(stage, code)
    }
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

/// A flight that did not leave as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) broken: Broken,
    /// Whether the server may have read it up to the mark.
    pub(crate) passed: bool,
}

trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Closed,
}

/// The connection and the replies that came over it.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    replies: ReplyReader,
    /// Whether something came in since the last flight left.
    heard: bool,
}

impl Wire {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self::over(Stream::Plain(stream))
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self::over(Stream::Tls(Box::new(stream)))
    }

    fn over(stream: Stream) -> Self {
        Self {
            stream,
            replies: ReplyReader::default(),
            heard: false,
        }
    }

    fn io(&mut self) -> Result<&mut dyn Io, Broken> {
        match &mut self.stream {
            Stream::Plain(stream) => Ok(stream),
            Stream::Tls(stream) => Ok(stream.as_mut()),
            Stream::Closed => Err(Broken::Lost),
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// The bare connection, for a TLS handshake. Bytes that arrived early don't survive it.
    pub(crate) fn into_plain(self) -> Option<TcpStream> {
        match self.stream {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(_) | Stream::Closed => None,
        }
    }

    /// Sends one flight. When this fails, the last byte of the flight has not left: neither TCP nor TLS takes part of a
    /// write and then reports an error for what it took.
    pub(crate) async fn send(&mut self, flight: &[u8], until: Instant) -> Result<(), Broken> {
        self.heard = false;
        let io = self.io()?;
        let sending = async {
            io.write_all(flight).await?;
            io.flush().await
        };
        timeout_at(until, sending)
            .await
            .map_err(|_| Broken::TimedOut)?
            .map_err(Broken::from)
    }

    /// Sends one flight, and tells where it failed whether the octets before `mark` may have arrived. The octet before `mark` and all
    /// after it are in one record where TLS carries them and they fit, so that there it is known that they have not.
    pub(crate) async fn send_past(
        &mut self,
        flight: &[u8],
        mark: usize,
        until: Instant,
    ) -> Result<(), Cut> {
        let cut = |broken, passed| Cut { broken, passed };
        if !self.is_encrypted() {
            let mut left = 0;
            let sent = self.send_counting(flight, &mut left, until).await;
            return sent.map_err(|broken| cut(broken, left >= mark));
        }
        let start_of_last = flight.len().saturating_sub(RECORD);
        let (first, last) = flight.split_at(start_of_last.min(mark));
        // Nothing is left in TLS's buffer when the last record is made, or it would be made in two.
        if !first.is_empty() {
            let sent = self.send(first, until).await;
            sent.map_err(|broken| cut(broken, false))?;
        }
        let passed = first.len() == mark;
        let sent = self.send(last, until).await;
        sent.map_err(|broken| cut(broken, passed))
    }

    /// As [`Self::send`], with the number of octets that the network took.
    async fn send_counting(
        &mut self,
        flight: &[u8],
        left: &mut usize,
        until: Instant,
    ) -> Result<(), Broken> {
        self.heard = false;
        let io = self.io()?;
        let sending = async {
            while *left < flight.len() {
                match io.write(&flight[*left..]).await? {
                    0 => return Err(Broken::Lost),
                    taken => *left += taken,
                }
            }
            Ok(())
        };
        timeout_at(until, sending)
            .await
            .map_err(|_| Broken::TimedOut)?
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self, until: Instant) -> Result<Lines, Broken> {
        timeout_at(until, self.next_reply())
            .await
            .map_err(|_| Broken::TimedOut)?
    }

    async fn next_reply(&mut self) -> Result<Lines, Broken> {
        loop {
            if let Some(lines) = self.replies.next()? {
                return Ok(lines);
            }
            if self.heard {
                self.acknowledge();
            }
            let mut bytes = [0; 4096];
            match self.io()?.read(&mut bytes).await? {
                0 => return Err(Broken::Lost),
                read => self.replies.push(&bytes[..read]),
            }
            self.heard = true;
        }
    }

    /// Acknowledges what came in. A server that answers in pieces, each once the one before is acknowledged (Nagle's algorithm),
    /// would else wait for our kernel's delayed ACK: 40 ms and more, a message. One that answers a flight as a whole costs nothing
    /// here: our next flight is the ACK.
    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        if let Some(stream) = self.tcp() {
            // The kernel forgets it (tcp(7)), so it is said each time. Where it can't be, the dialogue is only slower.
            let _ = stream.set_quickack(true);
        }
    }

    #[cfg(target_os = "linux")]
    fn tcp(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(stream) => Some(stream.get_ref().0),
            Stream::Closed => None,
        }
    }

    /// What came in and was not understood.
    pub(crate) fn unread(&self) -> &[u8] {
        self.replies.unread()
    }

    /// Whether the server has nothing to say and is still there, as far as is known without waiting. What it does say
    /// unasked is kept, so the answer stays no.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.replies.is_empty() && {
            let mut context = Context::from_waker(Waker::noop());
            self.poll_quiet(&mut context)
        }
    }

    /// As [`Self::is_quiet`], for what must not go on otherwise.
    pub(crate) fn expect_quiet(&mut self) -> Result<(), Broken> {
        match (self.is_quiet(), &self.stream) {
            (true, _) => Ok(()),
            (false, Stream::Closed) => Err(Broken::Lost),
            (false, _) => Err(Broken::Unasked),
        }
    }

    fn poll_quiet(&mut self, context: &mut Context<'_>) -> bool {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        let Ok(io) = self.io() else {
            return false;
        };
        match Pin::new(io).poll_read(context, &mut buffer) {
            Poll::Pending => true,
            Poll::Ready(_) => {
                self.replies.push(buffer.filled());
                // An end of stream leaves no byte behind to remember it by.
                if buffer.filled().is_empty() {
                    self.close();
                }
                false
            }
        }
    }

    /// As [`Self::is_quiet`], after the runtime had a chance to see what arrived in the meantime.
    pub(crate) async fn is_quiet_now(&mut self) -> bool {
        if !self.replies.is_empty() || !poll_fn(|cx| Poll::Ready(self.poll_quiet(cx))).await {
            return false;
        }
        tokio::task::yield_now().await;
        poll_fn(|cx| Poll::Ready(self.poll_quiet(cx))).await
    }

    /// Closes the connection at once, without a word.
    pub(crate) fn close(&mut self) {
        self.stream = Stream::Closed;
    }

    /// Sends the last flight and closes, without waiting for an answer.
    pub(crate) async fn say_goodbye(&mut self, flight: &[u8]) {
        if let Ok(io) = self.io() {
            let _ = timeout(GOODBYE, async {
                io.write_all(flight).await?;
                io.shutdown().await
            })
            .await;
        }
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_came_in_is_acknowledged_at_once_when_there_is_more_to_come() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        #[expect(clippy::disallowed_methods, reason = "loopback, in a test")]
        let stream = TcpStream::connect(address).await.expect("a connection");
        let (mut peer, _) = listener.accept().await.expect("a connection");
        let mut wire = Wire::plain(stream);
        let soon = || Instant::now() + Duration::from_millis(10);
        wire.send(b"NOOP\r\n", soon()).await.expect("sent");
        let stream = wire.tcp().expect("a connection");
        stream.set_quickack(false).expect("an option");
        peer.write_all(b"250-half\r\n").await.expect("sent");
        stream.readable().await.expect("it came");
        assert_eq!(wire.reply(soon()).await, Err(Broken::TimedOut));
        // Left to itself the kernel comes to it after 40 ms.
        let stream = wire.tcp().expect("a connection");
        assert!(stream.quickack().expect("an option"));
    }

    #[tokio::test]
    async fn a_flight_that_is_cut_short_tells_whether_its_mark_was_passed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        #[expect(clippy::disallowed_methods, reason = "loopback, in a test")]
        let stream = TcpStream::connect(address).await.expect("a connection");
        let (_peer, _) = listener.accept().await.expect("a connection");
        let mut wire = Wire::plain(stream);
        // More than the sockets hold, for a peer that reads nothing.
        let flight = vec![b'x'; 32 * 1024 * 1024];
        for (mark, passed) in [
            (10, true),
            (flight.len() - 10, false),
            (flight.len(), false),
        ] {
            let until = Instant::now() + Duration::from_millis(50);
            let cut = wire.send_past(&flight, mark, until).await;
            let broken = Broken::TimedOut;
            assert_eq!(cut, Err(Cut { broken, passed }));
        }
    }
}
