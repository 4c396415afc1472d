use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower::ServiceExt;

use super::*;
use crate::certificate::Certificate;

struct Running {
    starttls: SocketAddr,
    tls: SocketAddr,
    store: Store,
    certificate: Certificate,
    _stop: watch::Sender<bool>,
}

async fn start(login: Option<&str>) -> Running {
    let certificate = Certificate::for_localhost().expect("certificate");
    let login = login.map(|login| Login::parse(login).expect("login"));
    let inbox = Inbox::bind((0, 0), certificate.server.clone(), login)
        .await
        .expect("bound");
    let (starttls, tls, store) = (inbox.starttls, inbox.tls, inbox.store.clone());
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(inbox.serve(stopped));
    Running {
        starttls,
        tls,
        store,
        certificate,
        _stop: stop,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server is this test's own, on loopback"
)]
async fn dial(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("connected")
}

impl Running {
    async fn plain(&self) -> Client<TcpStream> {
        let mut client = Client(BufReader::new(dial(self.starttls).await));
        assert_eq!(client.replies(1).await, ["220"]);
        client
    }

    async fn handshake(&self, stream: TcpStream) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.authority.clone())
            .expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
            .connect("localhost".try_into().expect("a name"), stream)
            .await
            .expect("handshake")
    }

    /// A session over implicit TLS that has said EHLO.
    async fn encrypted(&self) -> Client<TlsStream<TcpStream>> {
        let stream = self.handshake(dial(self.tls).await).await;
        let mut client = Client(BufReader::new(stream));
        assert_eq!(client.replies(1).await, ["220"]);
        client.say("EHLO client.example", "250").await;
        client
    }
}

struct Client<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("written");
        self.0.flush().await.expect("flushed");
    }

    async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).await.expect("a line");
            reply += &line;
            if read == 0 || line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// The codes of the next replies.
    async fn replies(&mut self, count: usize) -> Vec<String> {
        let mut codes = Vec::new();
        for _ in 0..count {
            codes.push(self.reply().await.chars().take(3).collect());
        }
        codes
    }

    async fn say(&mut self, command: &str, expected: &str) -> String {
        self.write(&format!("{command}\r\n")).await;
        let reply = self.reply().await;
        assert!(
            reply.starts_with(expected),
            "{command}: {reply:?}, not {expected}"
        );
        reply
    }
}

const MAIL: &str = "MAIL FROM:<info@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n";

#[tokio::test]
async fn a_mail_sent_after_starttls_is_shown() {
    let inbox = start(None).await;
    let mut client = inbox.plain().await;
    let offered = client.say("EHLO client.example", "250").await;
    assert!(offered.contains("STARTTLS") && !offered.contains("AUTH"));
    client.say("AUTH PLAIN AGEAYg==", "538").await;
    client.say("STARTTLS", "220").await;

    let stream = inbox.handshake(client.0.into_inner()).await;
    let mut client = Client(BufReader::new(stream));
    client.say("MAIL FROM:<a@example.com>", "503").await;
    let offered = client.say("EHLO client.example", "250").await;
    for extension in [
        "AUTH PLAIN LOGIN",
        "PIPELINING",
        "SIZE 10485760",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
    ] {
        assert!(offered.contains(extension), "{extension}: {offered}");
    }
    assert!(!offered.contains("STARTTLS"));
    client.say("STARTTLS", "503").await;
    client.say("AUTH PLAIN AGEAYg==", "235").await;
    client.say("AUTH PLAIN AGEAYg==", "503").await;
    client
        .say("MAIL FROM:<info@example.com> SIZE=20 BODY=8BITMIME", "250")
        .await;
    client.say("RCPT TO:<a@example.com>", "250").await;
    client.say("RCPT TO:<b@example.com>", "250").await;
    client.say("DATA", "354").await;
    client
        .say("Subject: Perché\r\n\r\n..dot\r\n.", "250 2.0.0")
        .await;
    client.say("QUIT", "221").await;
    assert_eq!(client.reply().await, "", "the session is closed");

    let response = routes(inbox.store.clone())
        .oneshot(Request::get("/inbox").body(Body::empty()).expect("request"))
        .await
        .expect("response");
    let body = to_bytes(response.into_body(), usize::MAX)
        .await
        .expect("body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let message = &body["messages"][0];
    assert_eq!(message["from"], "info@example.com");
    assert_eq!(
        message["recipients"],
        serde_json::json!(["a@example.com", "b@example.com"])
    );
    assert_eq!(message["subject"], "Perché");
    assert_eq!(message["text"], ".dot\r\n");

    let response = routes(inbox.store.clone())
        .oneshot(
            Request::delete("/inbox")
                .body(Body::empty())
                .expect("request"),
        )
        .await
        .expect("response");
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert!(inbox.store.newest_first().is_empty());
}

#[tokio::test]
async fn what_is_sent_before_the_handshake_is_not_obeyed_after_it() {
    let inbox = start(None).await;
    let mut client = inbox.plain().await;
    client.say("EHLO client.example", "250").await;
    client.write("STARTTLS\r\nNOOP\r\nNOOP\r\n").await;
    assert_eq!(client.replies(1).await, ["220"]);
    let stream = inbox.handshake(client.0.into_inner()).await;
    let mut client = Client(BufReader::new(stream));
    client.say("EHLO client.example", "250-localhost").await;
    client.say("QUIT", "221").await;
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order_and_the_next_mail_may_follow_the_dot() {
    let inbox = start(None).await;
    let mut client = inbox.encrypted().await;
    client.write(MAIL).await;
    assert_eq!(client.replies(3).await, ["250", "250", "354"]);
    client.write(&format!("Subject: 1\r\n.\r\n{MAIL}")).await;
    assert_eq!(client.replies(4).await, ["250", "250", "250", "354"]);
    client.write("Subject: 2\r\n.\r\nQUIT\r\n").await;
    assert_eq!(client.replies(2).await, ["250", "221"]);
    let subjects: Vec<_> = inbox
        .store
        .newest_first()
        .iter()
        .map(|mail| mail.subject.clone().unwrap_or_default())
        .collect();
    assert_eq!(subjects, ["2", "1"]);
}

#[tokio::test]
async fn commands_out_of_sequence_are_refused() {
    let inbox = start(None).await;
    let mut client = inbox.encrypted().await;
    client.say("RCPT TO:<a@example.com>", "503").await;
    client.say("DATA", "503").await;
    client.say("MAIL FROM:<a@example.com>", "250").await;
    client.say("MAIL FROM:<a@example.com>", "503").await;
    client.say("AUTH PLAIN AGEAYg==", "503").await;
    client.say("DATA", "503").await;
    client.say("RCPT TO:<è@example.com>", "553").await;
    client.say("RSET", "250").await;
    client.say("RCPT TO:<a@example.com>", "503").await;
    client.say("VRFY a", "252").await;
    client.say("NOOP x", "250").await;
    let mut client = inbox.plain().await;
    client.say("STARTTLS", "503").await;
    client.say("MAIL FROM:<a@example.com>", "503").await;
    client.say("HELO client.example", "250 localhost").await;
    client.say("MAIL FROM:<a@example.com>", "250").await;
}

#[tokio::test]
async fn a_demanded_login_is_the_only_one() {
    let inbox = start(Some("user:pencil")).await;
    let mut client = inbox.plain().await;
    client.say("EHLO client.example", "250").await;
    client.say("MAIL FROM:<a@example.com>", "530 5.7.0").await;

    let mut client = inbox.encrypted().await;
    client.say("MAIL FROM:<a@example.com>", "530 5.7.0").await;
    client.say("AUTH PLAIN AGEAYg==", "535 5.7.8").await;
    client.say("AUTH CRAM-MD5", "504").await;
    client.say("AUTH PLAIN", "334").await;
    client.say("*", "501").await;
    client.say("AUTH PLAIN", "334").await;
    client.say("AHVzZXIAcGVuY2ls", "235 2.7.0").await;
    client.say("MAIL FROM:<a@example.com>", "250").await;

    for initial in [true, false] {
        let mut client = inbox.encrypted().await;
        if initial {
            client.say("AUTH LOGIN dXNlcg==", "334 UGFzc3dvcmQ6").await;
        } else {
            client.say("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
            client.say("dXNlcg==", "334 UGFzc3dvcmQ6").await;
        }
        client.say("cGVuY2ls", "235").await;
    }
}

#[tokio::test]
async fn guessing_at_the_login_ends_the_session() {
    let inbox = start(Some("user:pencil")).await;
    let mut client = inbox.encrypted().await;
    for _ in 0..3 {
        client.say("AUTH PLAIN AGEAYg==", "535").await;
    }
    assert_eq!(client.replies(1).await, ["421"]);
    assert_eq!(client.reply().await, "");
}

#[tokio::test]
async fn endless_mistakes_end_the_session() {
    let inbox = start(None).await;
    let mut client = inbox.plain().await;
    for _ in 0..=20 {
        client.say("WHAT", "500").await;
    }
    assert_eq!(client.replies(1).await, ["421"]);
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_the_session_goes_on() {
    let inbox = start(None).await;
    let mut client = inbox.encrypted().await;
    client
        .say("MAIL FROM:<a@example.com> SIZE=10485761", "552 5.3.4")
        .await;
    client.write(MAIL).await;
    assert_eq!(client.replies(3).await, ["250", "250", "354"]);
    let line = "x".repeat(1022) + "\r\n";
    for _ in 0..=10 * 1024 {
        client.write(&line).await;
    }
    client.say(".", "552 5.3.4").await;
    assert!(inbox.store.newest_first().is_empty());
    client.write(MAIL).await;
    assert_eq!(client.replies(3).await, ["250", "250", "354"]);
    client.say(".", "250").await;
}

#[tokio::test]
async fn the_hundred_and_first_recipient_is_put_off() {
    let inbox = start(None).await;
    let mut client = inbox.encrypted().await;
    client.say("MAIL FROM:<>", "250").await;
    for number in 0..MAX_RECIPIENTS {
        client
            .say(&format!("RCPT TO:<{number}@example.com>"), "250")
            .await;
    }
    client.say("RCPT TO:<more@example.com>", "452 4.5.3").await;
    client.say("DATA", "354").await;
    client.say(".", "250").await;
    assert_eq!(
        inbox.store.newest_first()[0].recipients.len(),
        MAX_RECIPIENTS
    );
}
