//! Warnings of what in the sender domain's DNS keeps mail from arriving.

mod inside;
mod spf;
mod suite;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::dns::Resolver;
use shared::smtp::Dialer;
use tests::mail_server::{HOST, MailServer, Script, dialer};
use tests::name_server::{NameServer, Zone};
use tests::world::{World, connection, merged, reaching};

/// The mail server has this address, and nobody else.
const HERE: &str = "127.0.0.1";

/// A tenant whose mail server works, before this DNS.
struct Office {
    world: World,
    server: MailServer,
    names: NameServer,
}

impl Office {
    async fn with(zone: Zone) -> Self {
        let names = NameServer::start(zone.a(HOST, [HERE])).await;
        let resolver = names.resolver();
        Self::asking(resolver, names).await
    }

    async fn asking(resolver: Resolver, names: NameServer) -> Self {
        Self::impatient(resolver, names, Duration::from_secs(20)).await
    }

    /// Warnings are given up after `within`.
    async fn impatient(resolver: Resolver, names: NameServer, within: Duration) -> Self {
        let mut dialer = dialer();
        dialer.resolver = resolver;
        Self::dialling(dialer, names, within).await
    }

    /// Addresses of these networks may be dialled as well.
    async fn permitting(networks: &[&str], zone: Zone) -> Self {
        let names = NameServer::start(zone.a(HOST, [HERE])).await;
        let mut dialer = dialer();
        dialer.resolver = names.resolver();
        for network in networks {
            let network = network.parse().expect("a network");
            dialer.policy = dialer.policy.allowing(network, None);
        }
        Self::dialling(dialer, names, Duration::from_secs(20)).await
    }

    async fn dialling(dialer: Dialer, names: NameServer, within: Duration) -> Self {
        let world = World::adjusted(dialer, |functions| {
            let verify = Arc::get_mut(&mut functions.verify).expect("nobody shares it yet");
            verify.warnings_within = within;
        });
        Self {
            world: world.await,
            server: MailServer::start(Script::new().starttls()).await,
            names,
        }
    }

    /// The warnings for a sender at this domain, by their codes.
    async fn warned(&self, domain: &str) -> Vec<String> {
        let report = self.report(domain, json!({}), "en").await;
        assert_eq!(report["ok"], true, "{report}");
        codes(&report)
    }

    /// The text of the only warning for a sender at this domain.
    async fn told(&self, domain: &str, language: &str) -> String {
        let report = self.report(domain, json!({}), language).await;
        let warnings = report["warnings"].as_array().expect("warnings");
        assert_eq!(warnings.len(), 1, "{report}");
        warnings[0]["detail"].as_str().expect("a text").to_owned()
    }

    async fn report(&self, domain: &str, changes: Value, language: &str) -> Value {
        let sender = json!({"sender_email": format!("info@{domain}")});
        let draft = connection(reaching(&self.server, merged(sender, changes)));
        let headers = [
            ("content-type", "application/json"),
            ("accept-language", language),
        ];
        let verify = "/v1/connections/verify";
        // Slowly enough for the limits.
        self.world.clock.advance(Duration::from_mins(1));
        let tenant = self.world.tenant("acme");
        let answer = tenant.send("POST", verify, &headers, draft.to_string());
        let answer = answer.await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }
}

fn codes(report: &Value) -> Vec<String> {
    let warnings = report["warnings"].as_array().expect("warnings").iter();
    let codes = warnings.map(|warning| warning["code"].as_str().unwrap_or_default().to_owned());
    codes.collect()
}

/// All that a domain needs but SPF.
fn with_mail(zone: Zone, domain: &str) -> Zone {
    zone.mx(domain, 10, &format!("mx.{domain}"))
        .txt(&format!("_dmarc.{domain}"), "v=DMARC1; p=reject")
}

/// All that a domain needs, with this SPF record.
fn with_spf(zone: Zone, domain: &str, record: &str) -> Zone {
    with_mail(zone, domain).txt(domain, record)
}

#[tokio::test]
async fn a_domain_with_everything_in_order_has_no_warning() {
    let zone = with_spf(Zone::new(), "example.com", "v=spf1 ip4:127.0.0.1 -all")
        .txt("example.com", "some-site-verification=abc");
    let office = Office::with(zone).await;
    let login = json!({"username": "sales@example.com", "password": "s3cr3t"});
    let report = office.report("example.com", login, "en").await;
    assert_eq!(
        (&report["ok"], codes(&report)),
        (&json!(true), Vec::<String>::new())
    );
}

#[tokio::test]
async fn a_domain_with_nothing_in_order_has_a_warning_for_each_thing() {
    let office = Office::with(Zone::new()).await;
    let login = json!({"username": "sales@example.com", "password": "s3cr3t"});
    let report = office.report("nothing.test", login, "en").await;
    assert_eq!(
        codes(&report),
        [
            "no_mx",
            "spf_missing",
            "dmarc_missing",
            "sender_domain_differs"
        ]
    );
    assert_eq!(report["ok"], true, "no warning fails a verification");
}

#[tokio::test]
async fn replies_need_a_server_and_neither_an_address_nor_a_null_mx_is_one() {
    let covered = |zone: Zone, domain: &str| {
        zone.txt(domain, "v=spf1 ip4:127.0.0.1 -all")
            .txt(&format!("_dmarc.{domain}"), "v=DMARC1; p=reject")
    };
    let zone = covered(Zone::new(), "nowhere.test");
    let zone = covered(zone, "address.test").a("address.test", ["1.1.1.1"]);
    let zone = covered(zone, "null.test").mx("null.test", 0, ".");
    let office = Office::with(zone).await;
    for (domain, text) in [
        ("nowhere.test", "nowhere to go"),
        ("address.test", "own address"),
        ("null.test", "takes no mail"),
    ] {
        assert_eq!(office.warned(domain).await, ["no_mx"]);
        let told = office.told(domain, "en").await;
        assert!(told.contains(text) && told.contains(domain), "{told}");
    }
}

#[tokio::test]
async fn a_policy_that_asks_nothing_of_receivers_is_told_from_none_at_all() {
    let spf = "v=spf1 ip4:127.0.0.1 -all";
    let domains = [
        ("none.test", "none.test", "v=DMARC1; p=none", "dmarc_none"),
        ("own.test", "own.test", "v=DMARC1; p=reject; sp=none", ""),
        (
            "a.up.test",
            "up.test",
            "v=DMARC1; p=reject; sp=none",
            "dmarc_none",
        ),
        ("b.over.test", "over.test", "v=DMARC1; p=quarantine", ""),
        (
            "c.far.off.test",
            "off.test",
            "v=DMARC1;p=none;sp=reject",
            "",
        ),
        (
            "d.near.test",
            "d.near.test",
            "v=DMARC1; p=none",
            "dmarc_none",
        ),
        (
            "d.near.test",
            "near.test",
            "v=DMARC1; p=reject",
            "dmarc_none",
        ),
        (
            "bad.test",
            "bad.test",
            "v=DMARC1; p=nothing",
            "dmarc_missing",
        ),
        (
            "lacks.test",
            "lacks.test",
            "v=DMARC1; rua=mailto:a@b.test",
            "dmarc_missing",
        ),
        (
            "other.test",
            "other.test",
            "v=DMARC2; p=reject",
            "dmarc_missing",
        ),
        ("top.test", "test", "v=DMARC1; p=reject", "dmarc_missing"),
        (
            "two.test",
            "two.test",
            "v=DMARC1; p=reject",
            "dmarc_missing",
        ),
        (
            "two.test",
            "two.test",
            "v=DMARC1; p=quarantine",
            "dmarc_missing",
        ),
    ];
    let mut zone = Zone::new();
    for (domain, at, record, _) in domains {
        zone = zone.txt(&format!("_dmarc.{at}"), record);
        zone = match domain {
            "d.near.test" if at != domain => zone,
            "two.test" if record.ends_with('e') => zone,
            _ => zone.mx(domain, 10, "mx.test").txt(domain, spf),
        };
    }
    let office = Office::with(zone).await;
    for (domain, _, record, code) in domains {
        let expected: Vec<_> = Some(code)
            .filter(|code| !code.is_empty())
            .into_iter()
            .collect();
        assert_eq!(office.warned(domain).await, expected, "{domain}: {record}");
    }
    let told = office.told("a.up.test", "en").await;
    assert!(
        told.contains("_dmarc.up.test") && told.contains("sp=quarantine"),
        "{told}"
    );
}

#[tokio::test]
async fn an_internationalised_domain_is_asked_for_in_a_labels_and_shown_as_it_was_written() {
    let zone = with_spf(Zone::new(), "xn--bcher-kva.test", "v=spf1 -all");
    let office = Office::with(zone).await;
    let login = json!({"username": "post@xn--bcher-kva.test", "password": "s3cr3t"});
    let report = office.report("bücher.test", login, "en").await;
    assert_eq!(codes(&report), ["spf_not_covered"]);
    let told = report["warnings"][0]["detail"].as_str().expect("a text");
    assert!(told.contains("of bücher.test"), "{told}");
}

#[tokio::test]
async fn a_login_that_is_no_address_or_is_given_out_says_nothing_of_the_sender() {
    let zone = with_spf(
        Zone::new(),
        "acme.test",
        "v=spf1 ip4:127.0.0.1 include:mailgun.org -all",
    )
    .txt("mailgun.org", "v=spf1 -all")
    .a("smtp.mailgun.org", [HERE]);
    let office = Office::with(zone).await;
    for (host, username, expected) in [
        (HOST, "acme", None),
        (HOST, "acme@", None),
        (HOST, "SALES@ACME.test", None),
        (HOST, "acme@mail.acme.test", Some("sender_domain_differs")),
        ("smtp.mailgun.org", "acme@mg.acme.test", None),
    ] {
        let login = json!({"host": host, "username": username, "password": "s3cr3t"});
        let report = office.report("acme.test", login, "en").await;
        assert_eq!(codes(&report), Vec::from_iter(expected), "{username}");
    }
}

#[tokio::test]
async fn what_dns_does_not_answer_is_told_as_not_checked() {
    let failing = with_spf(Zone::new(), "a.test", "v=spf1 include:failing.test -all");
    let failing = with_spf(failing, "b.test", "v=spf1 a:failing.test -all");
    let failing = with_spf(failing, "d.test", "v=spf1 a:failing.test ptr -all")
        .servfail("failing.test")
        .servfail("c.test")
        .servfail("_dmarc.c.test");
    // What is included after a match may be wrong as well, and is not known; what else comes after it does not matter.
    let failing = with_spf(
        failing,
        "e.test",
        "v=spf1 ip4:127.0.0.1 include:failing.test -all",
    );
    let failing = with_spf(
        failing,
        "covered.test",
        "v=spf1 ip4:127.0.0.1 a:failing.test -all",
    );
    let office = Office::with(failing).await;
    assert_eq!(office.warned("covered.test").await, Vec::<String>::new());
    for (domain, kinds) in [
        ("a.test", ": SPF."),
        ("b.test", ": SPF."),
        ("c.test", ": MX, SPF, DMARC."),
        ("d.test", ": SPF."),
        ("e.test", ": SPF."),
    ] {
        assert_eq!(office.warned(domain).await, ["dns_not_checked"]);
        let told = office.told(domain, "en").await;
        assert!(told.contains(kinds), "{told}");
    }
}

#[tokio::test]
async fn a_silent_name_server_leaves_the_report_in_time() {
    let zone = with_mail(Zone::new(), "quiet.test").silent("quiet.test");
    let names = NameServer::start(zone.a(HOST, [HERE])).await;
    let impatient = Resolver::asking(names.address(), Duration::from_millis(200));
    let office = Office::asking(impatient, names).await;
    assert_eq!(office.warned("quiet.test").await, ["dns_not_checked"]);

    // The report's own time ends before the resolver gives up.
    let patient = Resolver::asking(office.names.address(), Duration::from_mins(1));
    let office = Office::impatient(patient, office.names, Duration::from_millis(500)).await;
    let began = Instant::now();
    assert_eq!(office.warned("quiet.test").await, ["dns_not_checked"]);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn warnings_are_in_the_language_that_is_asked_for() {
    let zone = with_mail(Zone::new(), "acme.test");
    let office = Office::with(zone).await;
    let english = office.told("acme.test", "en").await;
    assert!(english.contains("has no SPF record"), "{english}");
    let italian = office.told("acme.test", "it-IT").await;
    assert!(italian.contains("non ha un record SPF"), "{italian}");
}
