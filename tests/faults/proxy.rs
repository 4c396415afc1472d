//! What stands between a worker and its mail server: counts what passes as steps, or cuts it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::steps::{Dead, Steps};

/// After this long, a connection that should be over will not be.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Both ends are told that the other has hung up.
    Close,
    /// Both ends are told that the connection is broken.
    Reset,
    /// Nothing more passes in this direction, and nobody is told.
    Silence,
}

/// What happens to the connections.
#[derive(Debug, Clone, Default)]
pub(crate) enum Passage {
    /// Nothing.
    #[default]
    Free,
    /// What passes is counted as steps of the worker's process, and ends with it.
    Counted(Arc<Steps>),
    /// The next connection is cut after this many bytes of this direction; those after it are free.
    CutOnce(Direction, usize, Cut),
}

/// The proxy. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    passage: Arc<Mutex<Passage>>,
    open: watch::Receiver<usize>,
    passed: Arc<Mutex<[usize; 2]>>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// A proxy to `server`.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let passage = Arc::new(Mutex::new(Passage::Free));
        let passed = Arc::new(Mutex::new([0, 0]));
        let (count, open) = watch::channel(0);
        let (passages, counts) = (Arc::clone(&passage), Arc::clone(&passed));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let passage = next(&passages);
                count.send_modify(|open| *open += 1);
                let (count, counts) = (count.clone(), Arc::clone(&counts));
                tokio::spawn(async move {
                    // A connection that breaks is what this is for.
                    let _ = pass(client, server, &passage, &counts).await;
                    count.send_modify(|open| *open -= 1);
                });
            }
        });
        Self {
            port,
            passage,
            open,
            passed,
            accepting,
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What happens to the connections that are opened from now on.
    pub(crate) fn set(&self, passage: Passage) {
        *self.passage.lock().unwrap_or_else(PoisonError::into_inner) = passage;
    }

    /// How many bytes have passed, in all, to the server and to the client.
    pub(crate) fn passed(&self) -> [usize; 2] {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until no connection is open.
    pub(crate) async fn quiet(&self) {
        let mut open = self.open.clone();
        let quiet = tokio::time::timeout(PATIENCE, open.wait_for(|open| *open == 0)).await;
        let _ = quiet.expect("every connection ends");
    }
}

fn next(passage: &Mutex<Passage>) -> Passage {
    let mut passage = passage.lock().unwrap_or_else(PoisonError::into_inner);
    match &*passage {
        Passage::CutOnce(..) => std::mem::take(&mut *passage),
        other => other.clone(),
    }
}

async fn pass(
    client: TcpStream,
    server: SocketAddr,
    passage: &Passage,
    passed: &Mutex<[usize; 2]>,
) -> io::Result<()> {
    let server = TcpSocket::new_v4()?.connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let is_reset = matches!(passage, Passage::CutOnce(_, _, Cut::Reset));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let count = |direction: Direction| {
        move |bytes| {
            passed.lock().unwrap_or_else(PoisonError::into_inner)[direction as usize] += bytes;
        }
    };
    let mut there = Half {
        from: from_client,
        to: to_server,
        direction: Direction::ToServer,
    };
    let mut back = Half {
        from: from_server,
        to: to_client,
        direction: Direction::ToClient,
    };
    let broken = {
        let there = there.pass(passage, count(Direction::ToServer));
        let back = back.pass(passage, count(Direction::ToClient));
        tokio::pin!(there, back);
        tokio::select! {
            end = &mut there => if end { true } else { back.await },
            end = &mut back => if end { true } else { there.await },
        }
    };
    if broken && is_reset {
        there.from.as_ref().set_zero_linger()?;
        back.from.as_ref().set_zero_linger()?;
        return Ok(());
    }
    // Both are heard to their ends, or closing would reset the connection and take from them what they have not read yet.
    let _ = tokio::join!(back.to.shutdown(), there.to.shutdown());
    let _ = tokio::join!(drain(&mut there.from), drain(&mut back.from));
    Ok(())
}

async fn drain(from: &mut OwnedReadHalf) -> io::Result<u64> {
    tokio::io::copy(from, &mut tokio::io::sink()).await
}

struct Half {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    direction: Direction,
}

impl Half {
    /// Passes bytes on until there are no more. Whether the connection is to be broken off as a whole.
    async fn pass(&mut self, passage: &Passage, count: impl Fn(usize)) -> bool {
        let mut left = match passage {
            Passage::CutOnce(direction, after, _) if *direction == self.direction => Some(*after),
            _ => None,
        };
        let mut chunk = vec![0; 64 * 1024];
        loop {
            if left == Some(0) {
                return self.cut(passage).await;
            }
            let most = left.unwrap_or(usize::MAX).min(chunk.len());
            let read = match self.from.read(&mut chunk[..most]).await {
                Ok(read) if read > 0 => read,
                // The other end learns of it; it may have something to say yet.
                _ => return self.to.shutdown().await.is_err(),
            };
            count(read);
            let passed = match passage {
                Passage::Counted(steps) => self.pass_in_steps(&chunk[..read], steps).await,
                _ => self.to.write_all(&chunk[..read]).await.map_err(|_| Dead),
            };
            if passed.is_err() {
                return true;
            }
            left = left.map(|left| left - read);
        }
    }

    async fn pass_in_steps(&mut self, chunk: &[u8], steps: &Steps) -> Result<(), Dead> {
        let word = word(chunk);
        if self.direction == Direction::ToClient {
            steps.reach(|| format!("{word} is about to come")).await?;
            self.to.write_all(chunk).await.map_err(|_| Dead)?;
            return steps.reach(|| format!("{word} has come")).await;
        }
        let (half, rest) = chunk.split_at(chunk.len() / 2);
        steps.reach(|| format!("{word} is about to leave")).await?;
        self.to.write_all(half).await.map_err(|_| Dead)?;
        steps.reach(|| format!("half of {word} has left")).await?;
        self.to.write_all(rest).await.map_err(|_| Dead)?;
        steps.reach(|| format!("{word} has left")).await
    }

    /// Nothing more passes. Silence lasts until whoever speaks hangs up.
    async fn cut(&mut self, passage: &Passage) -> bool {
        if let Passage::CutOnce(_, _, Cut::Silence) = passage {
            let _ = drain(&mut self.from).await;
        }
        true
    }
}

/// The first word of what passes, where it can be read.
fn word(chunk: &[u8]) -> String {
    let end = chunk.iter().position(|byte| !byte.is_ascii_alphanumeric());
    let word = &chunk[..end.unwrap_or(0)];
    if word.is_empty() {
        format!("{} bytes", chunk.len())
    } else {
        String::from_utf8_lossy(word).into_owned()
    }
}
