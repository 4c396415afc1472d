//! Nobody reaches the inside of the network through the API, however an address is written or a name resolves.

use std::time::Duration;

use serde_json::{Value, json};
use shared::model::host::Host;
use shared::model::network::DialPolicy;
use tests::canaries::Canaries;
use tests::mail_server::{MailServer, Script, dialer};
use tests::name_server::{NameServer, Zone};
use tests::world::{Answer, Client, World, connection};

use crate::support::{DRAFT, problem, sent};

/// What can be written where a name belongs, for what some program or other takes as an address. The canaries listen on
/// 127.0.0.1, 127.0.0.2 and `::1`.
#[rustfmt::skip]
const SPELLINGS: &[&str] = &[
    // As usual.
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1",
    "100.64.0.1",
    // One number, as inet_aton(3) reads it.
    "2130706433", "0x7f000001", "0X7F000001", "017700000001", "4294967297", "1", "0",
    // Short forms.
    "127.1", "127.0.1", "10.1", "0x7f.1", "0177.1", "127.65535",
    // Octal, hexadecimal and mixed parts.
    "0177.0.0.1", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "0177.0x0.0.1", "127.0.0.0x1", "0x7F.00.0.01",
    // Leading zeros.
    "127.000.000.001", "0127.0.0.1", "00000177.0.0.1", "127.0.0.01",
    // Parts that overflow, or too many.
    "383.0.0.1", "127.0.0.257", "127.0.0.1.0", "127.0.0.4294967297",
    // Trailing and doubled dots.
    "127.0.0.1.", "127.0.0.1..", "127..0.0.1", "2130706433.", ".127.0.0.1",
    // IPv6 loopback.
    "::1", "[::1]", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "[0::1]", "::0.0.0.1", "::",
    "[::]",
    // Brackets that don't fit.
    "[::1", "::1]", "[[::1]]", "[127.0.0.1]", "[localhost]",
    // IPv4 mapped into IPv6 (RFC 4291).
    "::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "::ffff:7f00:1", "0:0:0:0:0:FFFF:7F00:0001",
    "::ffff:0:127.0.0.1",
    // The IPv4-compatible form (RFC 4291).
    "::127.0.0.1", "::7f00:1",
    // NAT64 (RFC 6052, RFC 8215).
    "64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
    // 6to4 and Teredo.
    "2002:7f00:1::", "2002:7f00:1::1", "2001:0:7f00:1::80ff:fffe",
    // Unique and site local.
    "fc00::1", "fd00::1", "[fd12:3456:789a::1]", "fec0::1",
    // Link-local, with its zone.
    "fe80::1", "fe80::1%lo", "[fe80::1%lo]", "fe80::1%25lo", "::1%lo", "fe80::1%1",
    // Metadata services.
    "169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "::ffff:169.254.169.254", "fd00:ec2::254",
    "100.100.100.200",
    // Multicast and broadcast.
    "224.0.0.1", "255.255.255.255", "ff02::1",
    // Digits of other scripts.
    "１２７.０.０.１", "①②⑦.⓪.⓪.①", "𝟏𝟐𝟕.𝟎.𝟎.𝟏", "١٢٧.٠.٠.١", "२१३०७०६४३३", "127.0.0.¹", "０x7f.1",
    // Full stops of other scripts.
    "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "１２７。０。０。１", "localhost。",
    // Invisible characters.
    "127.0.0.1\u{ad}", "127\u{200b}.0.0.1", "loc\u{ad}alhost", "\u{feff}localhost", "\u{a0}127.0.0.1\u{3000}",
    "127.0.0.1\u{2060}",
    // Percent-encoded.
    "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "127.0.0.1%00", "localhost%2500", "%6cocalhost",
    // With a user, a port, a scheme or a path.
    "user@127.0.0.1", "example.com@localhost", "127.0.0.1:25", "localhost:25", "[::1]:25", "smtp://127.0.0.1",
    "//127.0.0.1", "\\\\127.0.0.1", "127.0.0.1/8", "127.0.0.1#.example.com", "example.com?@127.0.0.1",
    // Spaces and control characters.
    " 127.0.0.1 ", "127.0.0.1\t", "\n127.0.0.1", "127.0.0.1\0", "127.0.0.1\0.example.com",
    "127.0.0.1 example.com", "localhost\r\nQUIT", " localhost",
    // Localhost (RFC 6761).
    "localhost", "LOCALHOST.", "LocalHost", "sub.localhost", "a.b.localhost.", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ",
    "localhost.localdomain", "ip6-localhost",
    // Names that a resolver knows by itself.
    "1.0.0.127.in-addr.arpa", "127.in-addr.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", "printer.local",
    "hidden.onion", "x.invalid",
];

/// Names that lead inside.
const NAMES: &[(&str, &[&str])] = &[
    ("loopback.test", &["127.0.0.1"]),
    ("127.0.0.1.nip.test", &["127.0.0.1"]),
    ("other-loopback.test", &["127.0.0.2"]),
    ("private.test", &["10.0.0.1", "172.16.0.1", "192.168.0.1"]),
    ("this-network.test", &["0.0.0.0"]),
    ("carrier.test", &["100.64.0.1"]),
    ("link-local.test", &["169.254.0.1", "fe80::1"]),
    ("metadata.test", &["169.254.169.254", "fd00:ec2::254"]),
    ("broadcast.test", &["255.255.255.255", "224.0.0.1"]),
    ("loopback6.test", &["::1", "::"]),
    ("mapped.test", &["::ffff:127.0.0.1"]),
    ("compatible.test", &["::127.0.0.1"]),
    ("nat64.test", &["64:ff9b::7f00:1", "64:ff9b:1::7f00:1"]),
    (
        "tunnel.test",
        &["2002:7f00:1::1", "2001:0:7f00:1::80ff:fffe"],
    ),
    ("unique-local.test", &["fd00::1", "fc00::1"]),
    (
        "everything.test",
        &["10.0.0.1", "127.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"],
    ),
    ("xn--bcher-kva.test", &["127.0.0.1"]),
];

/// A world that may dial public addresses at the canaries' port, so that only what the address is stands in the way.
struct Inside {
    world: World,
    canaries: Canaries,
    names: NameServer,
    strangers: usize,
    unknown: Value,
}

impl Inside {
    async fn start(zone: Zone) -> Self {
        let (canaries, names) = (Canaries::start().await, NameServer::start(zone).await);
        let mut dialer = dialer();
        dialer.policy = DialPolicy::default().with_ports([canaries.port()]);
        dialer.resolver = names.resolver();
        dialer.ipv6 = true;
        let mut inside = Self {
            world: World::with(dialer).await,
            canaries,
            names,
            strangers: 0,
            unknown: Value::Null,
        };
        let host = "nowhere.example.test";
        let answer = inside.stranger().post(DRAFT, &inside.settings(host)).await;
        inside.unknown = blank(&answer, host);
        let failure = &inside.unknown["failure"];
        assert_eq!(failure["stage"], "resolve", "{}", inside.unknown);
        assert_eq!(failure["code"], "name_not_resolved");
        inside
    }

    /// A tenant who has not called before, a minute after the last call: nothing is limited.
    fn stranger(&mut self) -> Client {
        self.strangers += 1;
        self.world.clock.advance(Duration::from_mins(1));
        self.world.tenant(&format!("t{}", self.strangers))
    }

    fn settings(&self, host: &str) -> Value {
        connection(
            json!({"host": host, "port": self.canaries.port(), "encryption": "none", "default": true}),
        )
    }

    /// Verifies, saves, verifies as saved and sends: each time the host is refused, or is as unknown as any other. Whether it was
    /// saved.
    async fn refuses(&mut self, host: &str) -> bool {
        let refused = problem(422, "validation", &["/host"]);
        let draft = self.stranger().post(DRAFT, &self.settings(host)).await;
        let tenant = self.stranger();
        let saved = tenant.post("/v1/connections", &self.settings(host)).await;
        if draft.status == 422 {
            assert_eq!(draft.problem(), refused, "{host:?}");
            assert_eq!(saved.problem(), refused, "{host:?}");
            return false;
        }
        assert_eq!(blank(&draft, host), self.unknown, "{host:?}");
        assert_eq!(saved.status, 201, "{host:?}: {}", saved.text);
        let verify = format!("/v1/connections/{}/verify", saved.id());
        let as_saved = tenant.post(&verify, &json!({})).await;
        assert_eq!(blank(&as_saved, host), self.unknown, "{host:?}");
        self.does_not_send(&tenant, host).await;
        true
    }

    async fn does_not_send(&self, tenant: &Client, host: &str) {
        let message = sent(&self.world, tenant, json!({})).await;
        assert_eq!(message["status"], "retrying", "{host:?}: {message}");
        let attempt = &message["attempts"][0];
        assert_eq!(attempt["outcome"], "not_sent", "{host:?}: {message}");
        assert_eq!(attempt["reason"], "name_not_resolved", "{host:?}");
    }
}

/// A report without what differs between two hosts that are the same to us: times, and the host where a text quotes it.
fn blank(answer: &Answer, host: &str) -> Value {
    assert_eq!(answer.status, 200, "{host:?}: {}", answer.text);
    let name = Host::parse(host).expect("a host").to_string();
    without(answer.body.clone(), &name)
}

fn without(report: Value, name: &str) -> Value {
    match report {
        Value::String(text) => text.replace(name, "<host>").into(),
        Value::Array(items) => items.into_iter().map(|it| without(it, name)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(key, _)| !["duration_ms", "checked_at"].contains(&key.as_str()))
            .map(|(key, value)| (key, without(value, name)))
            .collect(),
        other => other,
    }
}

#[tokio::test]
async fn no_spelling_of_an_internal_address_reaches_anybody() {
    let mut inside = Inside::start(Zone::new()).await;
    for host in SPELLINGS {
        inside.refuses(host).await;
    }
    assert_eq!(inside.canaries.intruders().await, []);
    // No number becomes a question: a resolver might take it for an address and answer by itself.
    for (name, _) in inside.names.questions() {
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_number = last.chars().all(|it| it == 'x' || it.is_ascii_hexdigit());
        assert!(!is_number, "{name}");
    }
}

#[tokio::test]
async fn no_name_that_leads_inside_reaches_anybody() {
    let mut zone = Zone::new();
    let mut hosts = Vec::new();
    for (name, addresses) in NAMES {
        let (v6, v4): (Vec<&str>, Vec<&str>) = addresses.iter().partition(|it| it.contains(':'));
        let alias = format!("alias-of-{name}");
        zone = zone.a(name, v4).aaaa(name, v6).cname(&alias, name);
        hosts.extend([(*name).to_owned(), alias]);
    }
    zone = zone
        .cname("home.test", "localhost")
        .cname("far.test", "alias-of-loopback.test")
        .turns(
            "turns.test",
            &[&["10.0.0.1"], &["127.0.0.1"], &["::1", "169.254.169.254"]],
        )
        .cname("alias-of-turns.test", "more-turns.test")
        .turns(
            "more-turns.test",
            &[&["::ffff:127.0.0.1"], &[], &["127.0.0.1", "::1"]],
        );
    let others = ["home.test", "far.test", "turns.test", "alias-of-turns.test"];
    hosts.extend(others.map(str::to_owned));
    hosts.extend(["LOOPBACK.test.", "bücher.test", "ｌｏｏｐｂａｃｋ。test"].map(str::to_owned));
    let mut inside = Inside::start(zone).await;
    for host in &hosts {
        assert!(inside.refuses(host).await, "{host} is a name");
    }
    assert_eq!(inside.canaries.intruders().await, []);
    let asked = inside.names.questions();
    let turns = asked.iter().filter(|(name, _)| name == "turns.test");
    assert_eq!(turns.count(), 6, "once a dial for each kind of address");
}

#[tokio::test]
async fn a_name_that_moves_inside_once_it_is_verified_is_not_followed() {
    // 127.0.0.1 stands in for a public address.
    let server = MailServer::start(Script::new()).await;
    let zone = Zone::new().turns("rebind.test", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let names = NameServer::start(zone).await;
    let mut dialer = dialer();
    dialer.policy = DialPolicy::default().allowing("127.0.0.1/32".parse().expect("one"), None);
    dialer.resolver = names.resolver();
    let world = World::with(dialer).await;
    let tenant = world.tenant("acme");
    let port = server.address().port();
    let settings =
        json!({"host": "rebind.test", "port": port, "encryption": "none", "default": true});
    let draft = tenant.post(DRAFT, &connection(settings.clone())).await;
    assert_eq!(draft.body["ok"], true, "{}", draft.text);
    let path = tenant.connection(settings).await;
    let report = tenant.post(&format!("{path}/verify"), &json!({})).await;
    assert_eq!(report.body["failure"]["code"], "name_not_resolved");
    let message = sent(&world, &tenant, json!({})).await;
    assert_eq!(message["attempts"][0]["reason"], "name_not_resolved");
    assert_eq!(server.connections().await, 1);
}
