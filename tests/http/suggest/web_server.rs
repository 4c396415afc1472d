//! A web server by HTTPS that has a few pages and remembers what it was asked. It listens on a free port of 127.0.0.1 and ends with
//! its test.

use std::collections::HashMap;
use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tests::mail_server::server_config_for;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What is at a place.
#[derive(Debug, Clone)]
pub(crate) enum Page {
    /// A file.
    File(String),
    /// A file, and no word on its length.
    Stream(String),
    /// The way to another place.
    MovedTo(&'static str),
    /// This status, with a file.
    Status(u16, String),
    /// Nothing, and the connection stays open.
    Silence,
}

/// The server.
#[derive(Debug)]
pub(crate) struct WebServer {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl WebServer {
    /// Starts a server whose certificate is for `names` and that has these pages, each by its host and path; 404 for all others.
    pub(crate) async fn start(
        names: &[&str],
        pages: impl IntoIterator<Item = (&'static str, Page)>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = TlsAcceptor::from(server_config_for(names));
        let pages: Arc<HashMap<_, _>> = Arc::new(pages.into_iter().collect());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = requests.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, pages, seen) = (acceptor.clone(), pages.clone(), seen.clone());
                tokio::spawn(async move {
                    // A client that hangs up is part of many plays.
                    let _ = serve(stream, &acceptor, &pages, &seen).await;
                });
            }
        });
        Self {
            port,
            requests,
            accepting,
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The host and path of each request so far.
    pub(crate) fn places(&self) -> Vec<String> {
        self.requests().iter().map(|head| place(head)).collect()
    }
}

fn place(head: &str) -> String {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let host = head.lines().find_map(|line| line.strip_prefix("host: "));
    format!("{}{path}", host.unwrap_or_default())
}

async fn serve(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    pages: &HashMap<&'static str, Page>,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let page = pages.get(place(&head).as_str()).cloned();
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(head);
    let with_length = |status, body: String| {
        format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let answer = match page {
        Some(Page::File(body)) => with_length(200, body),
        Some(Page::Stream(body)) => format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
        Some(Page::MovedTo(place)) => {
            format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n")
        }
        Some(Page::Status(status, body)) => with_length(status, body),
        Some(Page::Silence) => pending().await,
        None => with_length(404, String::new()),
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
