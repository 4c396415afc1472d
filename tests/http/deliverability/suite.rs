//! The test suite of RFC 7208, which `tests/real/spf` fetches. A pass and what is not judged here look the same: neither is warned of.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};

use serde::Deserialize;
use serde_json::{Value, json};
use shared::model::email::EmailAddress;
use tests::name_server::Zone;

use super::{Office, codes};

#[derive(Deserialize)]
struct Scenario {
    records: Vec<(String, String, Value)>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    name: String,
    server: String,
    sender: String,
    results: Vec<String>,
}

impl Scenario {
    fn zone(&self) -> Zone {
        self.records
            .iter()
            .fold(Zone::new(), |zone, (name, kind, value)| {
                let text = value.as_str().unwrap_or_default();
                match kind.as_str() {
                    "A" => zone.a(name, [text]),
                    "AAAA" => zone.aaaa(name, [text]),
                    "CNAME" => zone.cname(name, text),
                    "TXT" => zone.txt(name, text),
                    "TIMEOUT" => zone.servfail(name),
                    "MX" => {
                        let preference = value[0].as_u64().expect("a preference");
                        let preference = preference.try_into().expect("16 bits");
                        zone.mx(name, preference, value[1].as_str().expect("a name"))
                    }
                    other => panic!("unknown type {other}"),
                }
            })
    }
}

/// The warnings that a result may be for us.
fn warnings(result: &str) -> &'static [&'static str] {
    match result {
        "pass" => &[""],
        "fail" | "softfail" | "neutral" => &["spf_not_covered"],
        "none" => &["spf_missing"],
        "permerror" => &["spf_invalid", "spf_too_many_lookups"],
        "temperror" => &["dns_not_checked"],
        other => panic!("unknown result {other}"),
    }
}

/// What of the suite is another thing here, with what is found.
const OTHERS: [(&str, &[&str]); 4] = [
    // No connection can have such a sender.
    (
        "no address",
        &[
            "domain-literal",
            "dorky-sentinel",
            "emptylabel",
            "helo-domain-literal",
            "helo-not-fqdn",
            "mx-empty",
            "nolocalpart",
            "toolonglabel",
        ],
    ),
    // Nor is one dialled at an IPv4 address that is written as one of IPv6.
    (
        "mapped",
        &[
            "a-cidr6-0-ip4mapped",
            "a-colon-domain-ip4mapped",
            "cidr6-ip4",
            "ip4-mapped-ip6",
            "mx-cidr6-0-ip4mapped",
            "mx-colon-domain-ip4mapped",
        ],
    ),
    // `ptr`, the server's name and an `exists` without an address are not judged.
    (
        "",
        &[
            "exists-ip6only",
            "hello-domain-literal",
            "invalid-domain-long-via-macro",
            "invalid-hello-macro",
            "ptr-cname-loop",
            "ptr-nomatch-invalid",
            "require-valid-helo",
        ],
    ),
    // It passes before its eleventh look-up, which is told all the same.
    ("spf_too_many_lookups", &["include-at-limit"]),
];

#[tokio::test]
#[ignore = "tests/real/spf fetches the suite and starts this in a network of its own"]
async fn a_verification_warns_as_the_suite_of_rfc_7208_says() {
    #[expect(
        clippy::disallowed_methods,
        reason = "what tests/real/spf says to the test"
    )]
    let suite = std::env::var("SPF_SUITE").expect("the path of the suite");
    let suite = fs::read(suite).expect("the suite");
    let suite: Vec<Scenario> = serde_json::from_slice(&suite).expect("the suite's JSON");
    let (mut asked, mut others) = (0, BTreeMap::<_, Vec<_>>::new());
    for scenario in suite {
        let office = Office::permitting(&["0.0.0.0/0", "::/0"], scenario.zone()).await;
        for Test {
            name,
            server,
            sender,
            results,
        } in scenario.tests
        {
            let found = found(&office, &server, &sender).await;
            asked += 1;
            let fits = |result: &String| warnings(result).contains(&found.as_str());
            if !results.iter().any(fits) {
                others.entry(found).or_default().push(name);
            }
        }
    }
    assert_eq!(asked, 203);
    for names in others.values_mut() {
        names.sort();
    }
    let expected = OTHERS.map(|(found, names)| {
        (
            found.to_owned(),
            names.iter().map(ToString::to_string).collect(),
        )
    });
    assert_eq!(others, BTreeMap::from(expected));
}

/// The code of the warning of SPF, if there is one.
async fn found(office: &Office, server: &str, sender: &str) -> String {
    if EmailAddress::parse(sender).is_err() {
        return "no address".to_owned();
    }
    if server.starts_with("::FFFF:") {
        return "mapped".to_owned();
    }
    assert!(leads_nowhere(server), "{server} would be called");
    let settings = json!({"host": server, "port": 25, "sender_email": sender});
    let report = office.report("", settings, "en").await;
    let spf = codes(&report)
        .into_iter()
        .filter(|code| code.starts_with("spf_") || code == "dns_not_checked");
    spf.collect::<Vec<_>>().join(" ")
}

/// Whether this network has no way to an address. IPv6 is not dialled by the tests.
fn leads_nowhere(server: &str) -> bool {
    let server: IpAddr = server.parse().expect("an address");
    // This sends no packet.
    let way = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect((server, 25)));
    server.is_ipv6() || way.is_err_and(|error| error.kind() == ErrorKind::NetworkUnreachable)
}
