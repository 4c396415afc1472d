//! Autoconfiguration: what is fetched, from where, and what is never reached for it.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use shared::model::network::DialPolicy;
use shared::smtp::Dialer;
use tests::canaries::Canaries;
use tests::mail_server::dialer;
use tests::name_server::{NameServer, Zone};
use tokio::net::{TcpListener, TcpSocket};

use super::web_server::{Page, WebServer};
use super::{EMAIL, PATIENCE, SUBDOMAIN, SUBDOMAIN_FILE, SUGGEST, file, suggested, tenant, told};

const WELL_KNOWN_FILE: &str = "example.test/.well-known/autoconfig/mail/config-v1.1.xml";

/// The line of [`told`] for a server in [`file`].
fn from_file(host: &str) -> String {
    format!("{host} 587 starttls info autoconfig null")
}

#[tokio::test]
async fn autoconfiguration_is_read_at_both_places_and_nobody_is_told_the_address() {
    let pages = [
        (WELL_KNOWN_FILE, Page::Stream(file("second.example.test"))),
        (SUBDOMAIN_FILE, Page::File(file("smtp.%EMAILDOMAIN%"))),
    ];
    let web = WebServer::start(&[SUBDOMAIN, "example.test"], pages).await;
    let both = Zone::new()
        .a("example.test", ["127.0.0.1"])
        .a(SUBDOMAIN, ["127.0.0.1"]);
    assert_eq!(
        suggested(both, &web).await,
        [
            from_file("smtp.example.test"),
            from_file("second.example.test")
        ]
    );
    let one = Zone::new().a("example.test", ["127.0.0.1"]);
    assert_eq!(
        suggested(one, &web).await,
        [from_file("second.example.test")]
    );
    let requests = web.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert!(
            !request.contains("info") && !request.contains('@'),
            "{request}"
        );
        assert!(
            !request.contains('?') && !request.contains("acme"),
            "{request}"
        );
        assert!(request.contains("user-agent: Mittente\r\n"), "{request}");
    }
}

#[tokio::test]
async fn only_the_file_itself_with_status_200_and_a_good_certificate_is_read() {
    let zone = || Zone::new().a(SUBDOMAIN, ["127.0.0.1"]);
    for page in [
        Page::Status(404, file("smtp.example.test")),
        Page::Status(206, file("smtp.example.test")),
        Page::Status(500, file("smtp.example.test")),
        Page::File("<html><body>Welcome</body></html>".to_owned()),
        Page::File(String::new()),
    ] {
        let told = format!("{page:?}");
        let web = WebServer::start(&[SUBDOMAIN], [(SUBDOMAIN_FILE, page)]).await;
        assert!(suggested(zone(), &web).await.is_empty(), "{told}");
        assert_eq!(web.places(), [SUBDOMAIN_FILE]);
    }
    let page = Page::File(file("smtp.example.test"));
    let web = WebServer::start(&["other.example.test"], [(SUBDOMAIN_FILE, page)]).await;
    assert!(suggested(zone(), &web).await.is_empty());
    assert!(web.places().is_empty());
}

/// What is suggested when the file's place leads to `location`, and where the way went.
async fn led_to(location: &'static str) -> (Vec<String>, Vec<String>) {
    let pages = [
        (SUBDOMAIN_FILE, Page::MovedTo(location)),
        ("web.example.test/once", Page::MovedTo("/twice?x=y")),
        (
            "web.example.test/twice?x=y",
            Page::File(file("smtp.example.test")),
        ),
        (
            "web.example.test/thrice",
            Page::MovedTo("https://web.example.test/once"),
        ),
        (
            "autoconfig.example.test/here",
            Page::File(file("smtp.example.test")),
        ),
    ];
    let web = WebServer::start(&[SUBDOMAIN, "web.example.test"], pages).await;
    let zone = Zone::new()
        .a(SUBDOMAIN, ["127.0.0.1"])
        .a("web.example.test", ["127.0.0.1"]);
    (suggested(zone, &web).await, web.places())
}

#[tokio::test]
async fn a_redirection_is_followed_twice_by_https() {
    for (location, steps) in [
        ("/here", 2),
        ("https://web.example.test/twice?x=y", 2),
        ("https://web.example.test/once", 3),
    ] {
        let (suggested, places) = led_to(location).await;
        assert_eq!(suggested, [from_file("smtp.example.test")], "{location}");
        assert_eq!(places.len(), steps, "{places:?}");
    }
    let (suggested, places) = led_to("https://web.example.test/thrice").await;
    assert!(suggested.is_empty());
    assert_eq!(places.len(), 3, "{places:?}");
}

#[tokio::test]
async fn a_redirection_to_plain_http_or_another_port_is_not_followed() {
    for location in [
        "http://web.example.test/twice?x=y",
        "http://autoconfig.example.test/here",
        "https://web.example.test:8443/twice?x=y",
        "https://info@web.example.test/twice?x=y",
        "ftp://web.example.test/twice?x=y",
    ] {
        let (suggested, places) = led_to(location).await;
        assert!(suggested.is_empty(), "{location}");
        assert_eq!(places, [SUBDOMAIN_FILE], "{location}");
    }
}

#[tokio::test]
async fn a_redirection_to_an_internal_host_reaches_nobody() {
    for location in [
        "https://inside.example.test/",
        "https://127.0.0.2/",
        "https://[::ffff:127.0.0.2]/",
    ] {
        let page = Page::MovedTo(location);
        let web = WebServer::start(&[SUBDOMAIN], [(SUBDOMAIN_FILE, page)]).await;
        // Where a machine has no second loopback address, nobody can be reached there either.
        let inside = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), web.port()));
        let canary = TcpListener::bind(inside).await.ok();
        let zone = Zone::new()
            .a(SUBDOMAIN, ["127.0.0.1"])
            .a("inside.example.test", ["127.0.0.2"]);
        assert!(suggested(zone, &web).await.is_empty());
        assert_eq!(web.places(), [SUBDOMAIN_FILE]);
        if let Some(canary) = canary {
            // Connections are accepted in their order: ours is the first.
            let socket = TcpSocket::new_v4().expect("a socket");
            let ours = socket.connect(inside).await.expect("a connection");
            let (_, first) = canary.accept().await.expect("a connection");
            assert_eq!(ours.local_addr().ok(), Some(first), "{location}");
        }
    }
}

#[tokio::test]
async fn a_domain_with_internal_addresses_is_not_asked() {
    let canaries = Canaries::start().await;
    let inside = ["127.0.0.1", "127.0.0.2", "0.0.0.0", "169.254.169.254"];
    let zone = Zone::new()
        .a("example.test", inside)
        .aaaa("example.test", ["::1", "::ffff:127.0.0.1"])
        .cname(SUBDOMAIN, "example.test");
    let names = NameServer::start(zone).await;
    let dialer = Dialer {
        policy: DialPolicy::default(),
        resolver: names.resolver(),
        ipv6: true,
        ..dialer()
    };
    let tenant = tenant(dialer, canaries.port(), PATIENCE).await;
    let answer = tenant.post(SUGGEST, &json!({"email": EMAIL})).await;
    assert!(told(&answer).is_empty());
    assert_eq!(canaries.intruders().await, []);
}

#[tokio::test]
async fn a_file_too_large_is_not_read_to_its_end() {
    let padded = |length: usize| {
        let file = file("smtp.example.test");
        let padding = " ".repeat(length - file.len());
        file + &padding
    };
    let zone = || Zone::new().a(SUBDOMAIN, ["127.0.0.1"]);
    for (page, is_read) in [
        (Page::File(padded(64 * 1024)), true),
        (Page::Stream(padded(64 * 1024)), true),
        (Page::File(padded(64 * 1024 + 1)), false),
        (Page::Stream(padded(64 * 1024 + 1)), false),
        (Page::Stream(padded(16 * 1024 * 1024)), false),
    ] {
        let web = WebServer::start(&[SUBDOMAIN], [(SUBDOMAIN_FILE, page)]).await;
        assert_eq!(suggested(zone(), &web).await.len(), usize::from(is_read));
    }
}
