//! A name server that follows a script and remembers what it was asked. It listens on a free port of 127.0.0.1, UDP and TCP,
//! and ends with its test.
//!
//! ```ignore
//! let zone = Zone::new().a("mail.example.test", ["127.0.0.1"]).cname("smtp.example.test", "mail.example.test");
//! let names = NameServer::start(zone).await;
//! dialer.resolver = names.resolver();
//! // …
//! assert_eq!(names.questions(), [("smtp.example.test".to_owned(), RecordType::A)]);
//! ```

mod zone;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Metadata, Query, ResponseCode};
use shared::dns::Resolver;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::{JoinHandle, JoinSet};

pub use hickory_proto::rr::RecordType;
pub use zone::Zone;

use zone::{Manner, key};

/// How long [`NameServer::resolver`] waits for an answer: longer than a busy machine takes to give one.
const ANSWER: Duration = Duration::from_secs(5);

/// The server. It stops when it is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    play: Arc<Mutex<Play>>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Play {
    zone: Zone,
    played: Vec<Played>,
}

/// A question and its answer. A client that does not hear soon asks again with the same id: that is the same question.
#[derive(Debug)]
struct Played {
    id: u16,
    query: Query,
    most: usize,
    answer: Option<Vec<u8>>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl NameServer {
    /// Starts a server that knows `zone`.
    ///
    /// # Panics
    /// When loopback can't be listened on.
    pub async fn start(zone: Zone) -> Self {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let tcp = tcp.expect("a free port");
            // A port that is free for one protocol may be taken for the other.
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().expect("an address")).await {
                break (udp, tcp);
            }
        };
        let address = tcp.local_addr().expect("an address");
        let played = Vec::new();
        let play = Arc::new(Mutex::new(Play { zone, played }));
        let (datagrams, streams) = (serve_udp(udp, play.clone()), serve_tcp(tcp, play.clone()));
        let serving = tokio::spawn(async move {
            tokio::join!(datagrams, streams);
        });
        Self {
            address,
            play,
            serving,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A resolver that asks this server alone, and is patient: what never answers is best waited for with
    /// [`Resolver::asking`] and less time.
    #[must_use]
    pub fn resolver(&self) -> Resolver {
        Resolver::asking(self.address, ANSWER)
    }

    /// What was asked, in lower case and without a final dot. A question that is repeated over TCP counts again.
    #[must_use]
    pub fn questions(&self) -> Vec<(String, RecordType)> {
        let play = lock(&self.play);
        let queries = play.played.iter().map(|played| &played.query);
        let questions = queries.map(|query| (key(query.name()), query.query_type()));
        questions.collect()
    }
}

impl Play {
    /// What the client hears; `None` is nothing.
    fn answer(&mut self, request: &[u8], datagram: bool) -> Option<Vec<u8>> {
        let request = Message::from_vec(request).ok()?;
        let query = request.queries.first()?.clone();
        let most = usize::from(if datagram {
            request.max_payload()
        } else {
            u16::MAX
        });
        let mut played = self.played.iter();
        let same =
            |it: &&Played| (it.id, it.most, &it.query) == (request.metadata.id, most, &query);
        if let Some(played) = played.find(same) {
            return played.answer.clone();
        }
        let answer = self.compose(&request, &query, most);
        self.played.push(Played {
            id: request.metadata.id,
            query,
            most,
            answer: answer.clone(),
        });
        answer
    }

    fn compose(&mut self, request: &Message, query: &Query, most: usize) -> Option<Vec<u8>> {
        let manner = self.zone.manner(query.name());
        let (code, records) = match manner {
            Manner::Plain | Manner::WrongId => self.zone.find(query),
            Manner::Servfail => (ResponseCode::ServFail, Vec::new()),
            Manner::Silent => return None,
            Manner::Garbage => {
                let mut bytes = vec![0xff; 40];
                bytes[..2].copy_from_slice(&request.metadata.id.to_be_bytes());
                return Some(bytes);
            }
        };
        let mut message = Message::response(request.metadata.id, request.metadata.op_code);
        message.metadata = Metadata::response_from_request(&request.metadata);
        message.metadata.authoritative = true;
        message.metadata.recursion_available = true;
        message.metadata.response_code = code;
        if manner == Manner::WrongId {
            message.metadata.id = !request.metadata.id;
        }
        message.add_query(query.clone()).add_answers(records);
        if request.edns.is_some() {
            message.set_edns(Edns::new());
        }
        let whole = message.to_vec().expect("a message");
        if whole.len() > most {
            return Some(message.truncate().to_vec().expect("a message"));
        }
        Some(whole)
    }
}

async fn serve_udp(socket: UdpSocket, play: Arc<Mutex<Play>>) {
    let mut bytes = vec![0; usize::from(u16::MAX)];
    while let Ok((length, peer)) = socket.recv_from(&mut bytes).await {
        let answer = lock(&play).answer(&bytes[..length], true);
        if let Some(answer) = answer {
            // A client that is gone by now is part of many plays.
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, play: Arc<Mutex<Play>>) {
    // They end with it.
    let mut clients = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        clients.spawn(serve_client(stream, play.clone()));
    }
}

/// Answers until the client hangs up.
async fn serve_client(mut stream: TcpStream, play: Arc<Mutex<Play>>) -> std::io::Result<()> {
    loop {
        let mut request = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut request).await?;
        let answer = lock(&play).answer(&request, false);
        if let Some(answer) = answer {
            let length = u16::try_from(answer.len()).expect("a message");
            stream
                .write_all(&[&length.to_be_bytes()[..], &answer].concat())
                .await?;
        }
    }
}

fn lock(play: &Mutex<Play>) -> MutexGuard<'_, Play> {
    play.lock().unwrap_or_else(PoisonError::into_inner)
}
