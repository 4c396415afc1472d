//! Nothing of what the deployment's own resolver knows of the network inside is to be read from a warning.

use serde_json::{Value, json};
use tests::name_server::Zone;

use super::{Office, with_mail, with_spf};

/// What names inside lead to.
const INSIDE: &str = "10.0.0.7";

/// The warnings, with the name of the sender's domain taken out.
async fn warnings(office: &Office, domain: &str) -> Value {
    let report = office.report(domain, json!({}), "en").await;
    let warnings = report["warnings"].to_string().replace(domain, "X");
    serde_json::from_str(&warnings).expect("the same JSON")
}

#[tokio::test]
async fn a_senders_domain_that_leads_inside_looks_like_one_that_does_not_exist() {
    let zone = Zone::new()
        .a("inside.test", [INSIDE])
        .aaaa("inside6.test", ["fd00::7"])
        .cname("alias.test", "inside.test")
        .a("public.test", ["1.1.1.1"]);
    let office = Office::with(zone).await;
    let nowhere = warnings(&office, "nowhere.test").await;
    for domain in ["inside.test", "inside6.test", "alias.test"] {
        assert_eq!(warnings(&office, domain).await, nowhere, "{domain}");
    }
    // It is told where it leads when that is no secret.
    assert_ne!(warnings(&office, "public.test").await, nowhere);
}

#[tokio::test]
async fn an_spf_record_does_not_tell_a_name_inside_from_one_that_does_not_exist() {
    let terms = [
        "exists:NAME -all",
        "exists:%{l}.NAME -all",
        "-exists:NAME +all",
        "a:NAME/0 -all",
        "a:NAME//0 -all",
        "-a:NAME/0 +all",
        "mx:mx.NAME/0 -all",
        "-mx:mx.NAME/0 +all",
        "a:NAME a:NAME a:NAME ip4:127.0.0.1 -all",
        "ip4:127.0.0.1 exists:NAME exists:NAME exists:NAME -all",
    ];
    // An MX record is there or not; it is where it leads that is kept.
    let mut zone = Zone::new()
        .mx("mx.inside.corp.test", 10, "inside.corp.test")
        .mx("mx.nowhere.corp.test", 10, "nowhere.corp.test")
        .mx("mx.public.corp.test", 10, "public.corp.test");
    for (name, address) in [
        ("inside.corp.test", INSIDE),
        ("public.corp.test", "1.1.1.1"),
    ] {
        zone = zone
            .a(name, [address])
            .a(&format!("info.{name}"), [address]);
    }
    for (n, term) in terms.iter().enumerate() {
        for name in ["inside", "nowhere", "public"] {
            let record = format!(
                "v=spf1 {}",
                term.replace("NAME", &format!("{name}.corp.test"))
            );
            zone = with_spf(zone, &format!("{name}-{n}.test"), &record);
        }
    }
    let office = Office::with(zone).await;
    let mut told = 0;
    for (n, term) in terms.iter().enumerate() {
        let seen = async |name| warnings(&office, &format!("{name}-{n}.test")).await;
        let nowhere = seen("nowhere").await;
        assert_eq!(seen("inside").await, nowhere, "{term}");
        told += usize::from(seen("public").await != nowhere);
    }
    // These can tell what is no secret, and so would tell what is.
    assert!(told >= 5, "{told}");
}

#[tokio::test]
async fn what_is_looked_up_for_an_spf_record_is_bounded() {
    let mut zone = with_mail(Zone::new(), "wide.test")
        .txt("wide.test", "v=spf1 mx:0.test mx:1.test mx:2.test mx:3.test mx:4.test mx:5.test mx:6.test mx:7.test mx:8.test mx:9.test -all");
    for n in 0..10 {
        for m in 0..10 {
            let host = format!("h{m}.{n}.test");
            zone = zone
                .mx(&format!("{n}.test"), m, &host)
                .a(&host, ["1.1.1.1"]);
        }
    }
    let zone = with_spf(
        zone,
        "void.test",
        "v=spf1 a:a.void.test a:b.void.test a:c.void.test a:d.void.test a:e.void.test -all",
    );
    let office = Office::with(zone).await;
    let asked = |office: &Office| office.names.questions().len();
    // Beyond the bound nothing is judged.
    assert_eq!(office.warned("wide.test").await, Vec::<String>::new());
    assert!(asked(&office) < 60, "{}", asked(&office));

    let before = asked(&office);
    assert_eq!(office.warned("void.test").await, ["spf_invalid"]);
    let questions = &office.names.questions()[before..];
    let void = questions
        .iter()
        .filter(|(name, _)| name.ends_with(".void.test"));
    assert_eq!(
        void.filter(|(name, _)| name.len() == "a.void.test".len())
            .count(),
        3
    );
}

#[tokio::test]
async fn only_the_third_look_up_that_finds_nothing_breaks_a_record_and_only_before_a_match() {
    let zone = with_spf(
        Zone::new(),
        "two.test",
        "v=spf1 a:a.no.test mx:b.no.test ip4:127.0.0.1 -all",
    );
    let zone = with_spf(
        zone,
        "three.test",
        "v=spf1 a:a.no.test mx:b.no.test a:c.no.test ip4:127.0.0.1 -all",
    );
    let zone = with_spf(
        zone,
        "after.test",
        "v=spf1 ip4:127.0.0.1 a:a.no.test mx:b.no.test a:c.no.test -all",
    );
    let zone = with_spf(
        zone,
        "judged.test",
        "v=spf1 a:a.no.test mx:b.no.test a:c.no.test ptr -all",
    );
    let office = Office::with(zone).await;
    assert_eq!(office.warned("judged.test").await, ["spf_invalid"]);
    assert_eq!(office.warned("two.test").await, Vec::<String>::new());
    assert_eq!(office.warned("three.test").await, ["spf_invalid"]);
    assert_eq!(office.warned("after.test").await, Vec::<String>::new());
}
