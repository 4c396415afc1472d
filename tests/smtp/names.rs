//! The guard against a name server that works for the attacker.

use std::time::Duration;

use shared::model::encryption::Encryption;
use shared::model::host::Host;
use shared::model::network::DialPolicy;
use shared::smtp::{Dialer, Failure, FailureCode, Progress, Session, Stage, Target};
use tests::canaries::Canaries;
use tests::mail_server::{HOST, MailServer, Script, dialer};
use tests::name_server::{NameServer, RecordType, Zone};
use tokio::time::Instant;

use crate::support::{short, soon, told};

/// What every name that leads nowhere comes to.
const UNKNOWN: (Stage, FailureCode, Option<u16>) =
    (Stage::Resolve, FailureCode::NameNotResolved, None);

/// A session with what `name` leads to, or why there is none; and the addresses that were found to be permitted.
async fn dial(dialer: &Dialer, name: &str, port: u16) -> (Result<Session, Failure>, String) {
    let target = Target {
        host: Host::parse(name).expect("a host"),
        port,
        encryption: Encryption::None,
        credentials: None,
    };
    let mut progress = Progress::default();
    let session = dialer.open(&target, soon(), &mut progress).await;
    let addresses = progress.stages[0].detail.clone();
    (session, addresses.unwrap_or_default())
}

async fn failure(dialer: &Dialer, name: &str, port: u16) -> (Stage, FailureCode, Option<u16>) {
    let (session, _) = dial(dialer, name, port).await;
    told(&session.expect_err(name))
}

/// A dialer that asks `names` and dials what `policy` permits.
fn asking(names: &NameServer, policy: DialPolicy) -> Dialer {
    Dialer {
        policy,
        resolver: names.resolver(),
        ..dialer()
    }
}

fn allowing(network: &str) -> DialPolicy {
    DialPolicy::default().allowing(network.parse().expect("a network"), None)
}

#[tokio::test]
async fn what_was_judged_is_dialled_and_the_next_dial_judges_anew() {
    let canary = MailServer::start(Script::new()).await;
    // 127.0.0.2 stands in for a public address, at which nobody answers; 127.0.0.1 is internal.
    let zone = Zone::new().turns(HOST, &[&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.2"]]);
    let names = NameServer::start(zone).await;
    let dialer = asking(&names, allowing("127.0.0.2/32"));
    let refused = (Stage::Connect, FailureCode::ConnectionRefused, None);
    for (dials, expected) in [(1, refused), (2, UNKNOWN), (3, refused)] {
        assert_eq!(
            failure(&dialer, HOST, canary.address().port()).await,
            expected
        );
        assert_eq!(
            names.questions(),
            vec![(HOST.to_owned(), RecordType::A); dials]
        );
    }
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn nothing_is_remembered_of_a_name_from_one_dial_to_the_next() {
    let canary = MailServer::start(Script::new()).await;
    let names = NameServer::start(Zone::new().a(HOST, ["127.0.0.1"])).await;
    let mut dialer = asking(&names, allowing("127.0.0.0/8"));
    let (session, _) = dial(&dialer, HOST, canary.address().port()).await;
    session.expect("a session").quit().await;
    dialer.policy = allowing("127.0.0.2/32");
    assert_eq!(
        failure(&dialer, HOST, canary.address().port()).await,
        UNKNOWN
    );
    assert_eq!(names.questions().len(), 2);
    assert_eq!(canary.connections().await, 1);
}

#[tokio::test]
async fn an_alias_is_followed_and_what_it_leads_to_is_judged() {
    let server = MailServer::start(Script::new()).await;
    let zone = Zone::new()
        .cname("out.test", "out-1.test")
        .cname("out-1.test", "out-2.test")
        .a("out-2.test", ["127.0.0.1"])
        .cname("in.test", "in-1.test")
        .cname("in-1.test", "in-2.test")
        .a("in-2.test", ["127.0.0.2"])
        .cname("home.test", "localhost")
        .cname("nowhere.test", "unknown.test");
    let names = NameServer::start(zone).await;
    let dialer = asking(&names, allowing("127.0.0.1/32"));
    let (session, addresses) = dial(&dialer, "out.test", server.address().port()).await;
    session.expect("a session").quit().await;
    assert_eq!(addresses, "127.0.0.1");
    let dialer = asking(&names, allowing("127.0.0.3/32"));
    for name in ["out.test", "in.test", "home.test", "nowhere.test"] {
        assert_eq!(
            failure(&dialer, name, server.address().port()).await,
            UNKNOWN,
            "{name}"
        );
    }
    assert_eq!(server.connections().await, 1);
}

#[tokio::test]
async fn aliases_without_end_are_given_up() {
    let canary = MailServer::start(Script::new()).await;
    let mut zone = Zone::new()
        .cname("self.test", "self.test")
        .cname("loop.test", "pool.test")
        .cname("pool.test", "loop.test")
        .a("link-300.test", ["127.0.0.1"]);
    for link in 0..300 {
        let next = format!("link-{}.test", link + 1);
        zone = zone.cname(&format!("link-{link}.test"), &next);
    }
    let names = NameServer::start(zone).await;
    let dialer = asking(&names, allowing("127.0.0.0/8"));
    for name in ["self.test", "loop.test", "link-0.test"] {
        let (started, before) = (Instant::now(), names.questions().len());
        assert_eq!(
            failure(&dialer, name, canary.address().port()).await,
            UNKNOWN,
            "{name}"
        );
        assert!(started.elapsed() < Duration::from_secs(5), "{name}");
        assert!(names.questions().len() - before <= 20, "{name}");
    }
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn every_way_to_have_no_address_fails_alike_and_in_time() {
    let canary = MailServer::start(Script::new()).await;
    let zone = Zone::new()
        .empty("empty.test")
        .mx("mail-only.test", 10, HOST)
        .txt("text-only.test", &"127.0.0.1 ".repeat(100))
        .servfail("broken.test")
        .garbage("garbage.test")
        .silent("silent.test")
        .a("forged.test", ["127.0.0.1"])
        .wrong_id("forged.test")
        .a(HOST, ["127.0.0.1"]);
    let names = NameServer::start(zone).await;
    let mut dialer = asking(&names, allowing("127.0.0.0/8"));
    let (session, _) = dial(&dialer, HOST, canary.address().port()).await;
    session.expect("the server answers").quit().await;
    dialer.deadlines = short();
    for name in [
        "unknown.test",
        "empty.test",
        "mail-only.test",
        "text-only.test",
        "broken.test",
        "garbage.test",
        "silent.test",
        "forged.test",
    ] {
        let started = Instant::now();
        assert_eq!(
            failure(&dialer, name, canary.address().port()).await,
            UNKNOWN,
            "{name}"
        );
        assert!(started.elapsed() < Duration::from_secs(3), "{name}");
        let asked = names.questions();
        assert!(asked.contains(&(name.to_owned(), RecordType::A)), "{name}");
    }
    assert_eq!(canary.connections().await, 1);
}

#[tokio::test]
async fn of_a_huge_answer_a_few_addresses_are_tried() {
    let canary = MailServer::start(Script::new()).await;
    let addresses = |network| (0..2000).map(move |n| format!("{network}.{}.{}", n / 250, n % 250));
    let zone = Zone::new()
        .a("huge.test", addresses("127.1"))
        .a("inside.test", addresses("10.0"));
    let names = NameServer::start(zone).await;
    let dialer = asking(&names, allowing("127.1.0.0/16"));
    let started = Instant::now();
    let (session, tried) = dial(&dialer, "huge.test", canary.address().port()).await;
    assert_eq!(
        told(&session.expect_err("nobody listens")),
        (Stage::Connect, FailureCode::ConnectionRefused, None)
    );
    assert_eq!(tried.split(", ").count(), 8, "{tried}");
    assert_eq!(
        failure(&dialer, "inside.test", canary.address().port()).await,
        UNKNOWN
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    // Each was asked for by UDP, and then by TCP.
    assert_eq!(names.questions().len(), 4);
}

#[tokio::test]
async fn of_an_answer_that_mixes_networks_only_permitted_addresses_are_dialled() {
    let server = MailServer::start(Script::new()).await;
    let mixed = ["10.0.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0"];
    let zone = Zone::new().a(HOST, mixed).aaaa(HOST, ["::1", "fd00::1"]);
    let names = NameServer::start(zone).await;
    let mut dialer = asking(&names, allowing("127.0.0.0/8"));
    dialer.ipv6 = true;
    let (session, addresses) = dial(&dialer, HOST, server.address().port()).await;
    session.expect("a session").quit().await;
    assert_eq!(addresses, "127.0.0.1");
}

#[tokio::test]
async fn an_ipv6_address_that_is_not_public_reaches_nobody() {
    let canaries = Canaries::start().await;
    let addresses = [
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::80ff:fffe",
        "fd00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ];
    let mut zone = Zone::new();
    for (n, address) in addresses.iter().enumerate() {
        zone = zone.aaaa(&format!("n{n}.test"), [address]);
    }
    let names = NameServer::start(zone.aaaa("all.test", addresses)).await;
    let mut dialer = asking(&names, DialPolicy::default().with_ports([canaries.port()]));
    let hosts = (0..addresses.len()).map(|n| format!("n{n}.test"));
    let hosts: Vec<_> = hosts.chain(["all.test".to_owned()]).collect();
    for (ipv6, questions) in [(false, 0), (true, hosts.len())] {
        dialer.ipv6 = ipv6;
        for host in &hosts {
            assert_eq!(
                failure(&dialer, host, canaries.port()).await,
                UNKNOWN,
                "{host}"
            );
        }
        let asked = names.questions();
        let for_v6 = asked.iter().filter(|(_, kind)| *kind == RecordType::AAAA);
        assert_eq!(for_v6.count(), questions, "asked where there is a way out");
    }
    assert_eq!(canaries.intruders().await, []);
}

#[tokio::test]
async fn records_besides_addresses_can_be_asked_for() {
    let text = format!("v=spf1 {}-all", "ip4:192.0.2.1 ".repeat(200));
    let zone = Zone::new()
        .mx("example.com", 10, "mx.example.com")
        .txt("example.com", "first")
        .txt("example.com", &text)
        .srv("_smtp._tcp.example.com", 0, 1, 465, "mx.example.com")
        .cname("alias.example.com", "example.com");
    let names = NameServer::start(zone).await;
    let resolver = names.resolver();
    let ask = async |name: &str, kind| {
        let found = resolver.client().lookup(name, kind).await.expect("records");
        let data = found.answers().iter().map(|record| record.data.to_string());
        data.collect::<Vec<_>>()
    };
    let direct = ask("Example.COM.", RecordType::MX).await;
    assert_eq!(direct, ["10 mx.example.com."]);
    let by_alias = ask("alias.example.com.", RecordType::MX).await;
    assert_eq!(by_alias, ["example.com.", "10 mx.example.com."]);
    let texts = ["first", text.as_str()];
    assert_eq!(ask("example.com.", RecordType::TXT).await, texts);
    let service = ask("_smtp._tcp.example.com.", RecordType::SRV);
    assert_eq!(service.await, ["0 1 465 mx.example.com."]);
    for (name, kind) in [
        ("example.com.", RecordType::A),
        ("x.example.com.", RecordType::MX),
    ] {
        let missing = resolver.client().lookup(name, kind).await;
        assert!(
            missing.is_err_and(|error| error.is_no_records_found()),
            "{name}"
        );
    }
}
