use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn options(flags: &[&str]) -> Options {
    let ports = ["mittente", "--listen=127.0.0.1:0", "--inbox=0,0"];
    Options::parse([&ports, flags].concat()).expect("options")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server is this test's own, on loopback"
)]
async fn get(running: &Running, host: &str, path: &str) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(running.api).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await.ok()?;
    Some(response)
}

#[tokio::test]
async fn everything_is_served_under_this_machines_names_alone() {
    let running = start(options(&[])).await.expect("starts");
    for (host, path, status) in [
        ("localhost:1", "/inbox", "200"),
        ("[::1]", "/v1/connections", "200"),
        ("127.0.0.1", "/events", "200"),
        ("127.0.0.1", "/other", "404"),
        ("evil.example", "/inbox", "403"),
        ("evil.example", "/v1/connections", "403"),
        ("evil.example", "/events", "403"),
        ("evil.example", "/other", "403"),
    ] {
        let response = get(&running, host, path).await.expect("an answer");
        let expected = format!("HTTP/1.1 {status}");
        assert!(response.starts_with(&expected), "{host}{path}: {response}");
    }
    running.stop().await;
}

#[tokio::test]
async fn it_answers_on_the_port_that_it_names_until_it_is_stopped() {
    let running = start(options(&[])).await.expect("starts");
    let response = get(&running, "localhost", "/inbox")
        .await
        .expect("an answer");
    assert!(response.ends_with(r#"{"messages":[]}"#), "{response}");
    let api = running.api;
    running.stop().await;
    assert!(TcpListener::bind(api).await.is_ok());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_flag_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let taken = taken.local_addr().map(|address| (taken, address));
    let (_taken, address) = taken.expect("address");

    let mut asked = options(&[]);
    asked.listen = address;
    let error = start(asked).await.expect_err("taken").to_string();
    assert!(error.contains(&address.to_string()) && error.contains("--listen"));

    let mut asked = options(&[]);
    asked.inbox.1 = address.port();
    let error = start(asked).await.expect_err("taken").to_string();
    assert!(error.contains(&address.to_string()) && error.contains("--inbox"));
}

#[test]
fn only_the_inbox_and_what_was_allowed_may_be_dialled_on_private_networks() {
    let ip = |text: &str| text.parse().expect("an address");
    let allowed = ["10.0.0.0/8".parse().expect("a network")];
    let policy = policy(&[1025, 1465], &allowed);
    assert!(policy.permits(ip("127.0.0.1"), 1025) && policy.permits(ip("::1"), 1465));
    assert!(!policy.permits(ip("127.0.0.1"), 587));
    assert!(policy.permits(ip("10.1.2.3"), 2626));
    assert!(!policy.permits(ip("192.168.1.1"), 1025));
}

#[tokio::test]
async fn authorities_come_from_a_file_that_must_hold_some() {
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("ca.pem");
    let flag = format!("--ca={}", file.display());
    for content in [None, Some(""), Some("no certificate")] {
        if let Some(content) = content {
            std::fs::write(&file, content).expect("written");
        }
        let error = start(options(&[&flag])).await.expect_err("refused");
        assert!(matches!(error, StartError::Ca { .. }), "{content:?}");
    }
    let key = rcgen::KeyPair::generate().expect("key");
    let params = rcgen::CertificateParams::new([]).expect("params");
    let certificate = params.self_signed(&key).expect("certificate");
    std::fs::write(&file, certificate.pem()).expect("written");
    let running = start(options(&[&flag])).await.expect("starts");
    running.stop().await;
}

#[tokio::test]
async fn the_guide_has_the_ports_that_were_taken() {
    let running = start(options(&["--inbox-login=user:canary"]))
        .await
        .expect("starts");
    let guide = crate::guide(&running);
    let port = running.inbox_starttls.port();
    assert!(guide.contains(&format!("api=http://{}\n", running.api)));
    assert!(guide.contains(&format!(r#""host": "localhost", "port": {port}"#)));
    assert!(guide.contains("--inbox-login") && !guide.contains("canary"));
    running.stop().await;
}

#[tokio::test]
async fn what_producers_put_into_their_queue_is_taken_and_what_is_wrong_with_it_is_among_the_events()
 {
    let running = start(options(&[])).await.expect("starts");
    let embedded = &running.embedded;
    let send = embedded
        .queue
        .send_message()
        .queue_url(&embedded.requests_url)
        .message_body(
            r#"{"tenant": "local", "message": {"to": ["you@example.com"], "text": "x"}}"#,
        );
    let sent = send.send().await.expect("sent");
    let id = sent.message_id.expect("a name");
    let shown = async {
        loop {
            let events = get(&running, "localhost", "/events").await;
            let events = events.expect("an answer");
            if events.contains(&id) {
                return events;
            }
            tokio::task::yield_now().await;
        }
    };
    let shown = tokio::time::timeout(Duration::from_secs(10), shown).await;
    let shown = shown.expect("in time");
    for part in ["Message Rejected", "no_sender", r#""tenant":"local""#] {
        assert!(shown.contains(part), "{shown}");
    }
    running.stop().await;
}
