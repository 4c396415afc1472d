//! A mail server that is as far away as most are, and knows how many sessions it has and when each message came.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// How long the server takes for each answer, the way there and back included.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// A server, and what it has seen.
#[derive(Debug, Default)]
pub(crate) struct Server {
    sessions: AtomicU32,
    most_sessions: AtomicU32,
    accepted: Mutex<Vec<Instant>>,
}

impl Server {
    /// Starts one: its port.
    pub(crate) async fn start() -> (Arc<Self>, u16) {
        let server = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&serving);
                tokio::spawn(async move {
                    let sessions = server.sessions.fetch_add(1, Ordering::SeqCst) + 1;
                    server.most_sessions.fetch_max(sessions, Ordering::SeqCst);
                    // A client that hangs up has said QUIT or not: both are the end.
                    let _ = server.serve(stream).await;
                    server.sessions.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        (server, port)
    }

    /// The most sessions that were open at once.
    pub(crate) fn most_sessions(&self) -> u32 {
        self.most_sessions.load(Ordering::SeqCst)
    }

    /// How many messages came.
    pub(crate) fn accepted(&self) -> usize {
        self.times().len()
    }

    /// The most messages that came within any minute.
    pub(crate) fn most_in_a_minute(&self) -> usize {
        let times = self.times();
        let within = |start: usize| {
            let end = times[start] + Duration::from_mins(1);
            times[start..]
                .iter()
                .take_while(|time| **time < end)
                .count()
        };
        (0..times.len()).map(within).max().unwrap_or(0)
    }

    fn times(&self) -> Vec<Instant> {
        let accepted = self.accepted.lock();
        accepted.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut input, mut in_body) = (Vec::new(), false);
        let mut output = b"220 sink.example.test ESMTP\r\n".to_vec();
        let mut bytes = vec![0; 16_384];
        loop {
            if !output.is_empty() {
                tokio::time::sleep(ROUND_TRIP).await;
                stream.write_all(&output).await?;
                output.clear();
            }
            let read = stream.read(&mut bytes).await?;
            if read == 0 {
                return Ok(());
            }
            input.extend_from_slice(&bytes[..read]);
            let mut start = 0;
            while let Some(end) = input[start..].iter().position(|byte| *byte == b'\n') {
                let line = &input[start..=start + end];
                start += end + 1;
                if in_body {
                    in_body = line != b".\r\n";
                    if !in_body {
                        let mut accepted = self.accepted.lock();
                        let accepted = accepted.as_mut().expect("nobody panics with it");
                        accepted.push(Instant::now());
                        output.extend_from_slice(b"250 2.0.0 queued\r\n");
                    }
                    continue;
                }
                in_body = line == b"DATA\r\n";
                output.extend_from_slice(match line {
                    b"DATA\r\n" => b"354 go\r\n",
                    b"QUIT\r\n" => return Ok(()),
                    [b'E', b'H', ..] => b"250-sink.example.test\r\n250 PIPELINING\r\n",
                    _ => b"250 2.0.0 ok\r\n",
                });
            }
            input.drain(..start);
        }
    }
}
