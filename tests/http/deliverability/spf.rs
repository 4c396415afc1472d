//! Whether the sender domain's SPF record lets the mail server send.

use serde_json::json;
use tests::name_server::{RecordType, Zone};

use super::{HERE, Office, codes, with_mail, with_spf};

/// Domains `0.test`, `1.test` and so on, with these SPF records.
fn with_each(zone: Zone, records: &[&str]) -> Zone {
    let numbered = records.iter().enumerate();
    numbered.fold(zone, |zone, (n, record)| {
        with_spf(zone, &format!("{n}.test"), record)
    })
}

async fn assert_each(zone: Zone, records: &[&str], expected: &[&str]) {
    let office = Office::with(with_each(zone, records)).await;
    for (n, record) in records.iter().enumerate() {
        let warned = office.warned(&format!("{n}.test")).await;
        assert_eq!(warned, expected, "{record}");
    }
}

#[tokio::test]
async fn a_server_is_covered_by_its_address_or_by_what_has_it() {
    let zone = Zone::new()
        .a("0.test", [HERE])
        .a("1.test", ["1.1.1.1"])
        .a("host.test", [HERE])
        .mx("other.test", 5, "host.test")
        .mx("half.test", 5, "host.test")
        .mx("half.test", 10, "failing.test")
        .servfail("failing.test")
        .txt("deep.test", "v=spf1 include:deeper.test -all")
        .txt("deeper.test", "v=spf1 ip4:127.0.0.0/8 -all")
        .a("1.0.0.127.in-addr.exists.test", ["127.0.0.2"])
        .txt("info.who.test", "v=spf1 a:host.test -all")
        .txt("127.0.0.1.where.test", "v=spf1 a:host.test -all");
    let records = [
        "v=spf1 a -all",
        "v=spf1 a:host.test -all",
        "v=spf1 mx:other.test/24 -all",
        "v=spf1 mx:half.test -all",
        "v=spf1 include:deep.test -all",
        "v=spf1 redirect=deep.test",
        "V=SPF1  IP4:127.0.0.1  -ALL",
        "v=spf1 ip4:0.0.0.0/0",
        "v=spf1 exists:%{ir}.%{v}.exists.test -all",
        "v=spf1 include:%{l}.who.test -all",
        "v=spf1 include:%{i}.where.test -all",
        "v=spf1 include:deep.test ip4:127.0.0.1 include:deep.test -all unknown=x",
    ];
    assert_each(zone, &records, &[]).await;
}

#[tokio::test]
async fn of_a_servers_addresses_the_lowest_is_judged_in_whatever_order_they_come() {
    let zone = with_spf(Zone::new(), "acme.test", "v=spf1 ip4:127.0.0.1 -all")
        .a("two.test", ["127.0.0.2", "127.0.0.1"])
        .a("one.test", ["127.0.0.2"]);
    let office = Office::with(zone).await;
    for (host, expected) in [("two.test", None), ("one.test", Some("spf_not_covered"))] {
        let report = office
            .report("acme.test", json!({"host": host}), "en")
            .await;
        assert_eq!(codes(&report), Vec::from_iter(expected), "{host}");
    }
}

#[tokio::test]
async fn a_server_that_the_record_does_not_let_pass_is_not_covered() {
    let zone = Zone::new()
        .txt("strict.test", "v=spf1 ip4:192.0.2.0/24 -all")
        .txt("open.test", "v=spf1 ?ip4:127.0.0.1 -all")
        .txt("deep.test", "v=spf1 include:deeper.test -all")
        .txt("deeper.test", "v=spf1 +all")
        .a("1.0.0.127.in-addr.exists.test", ["1.1.1.1"])
        .a("info.in-addr.exists.test", ["1.1.1.1"])
        .txt("info.who.test", "v=spf1 +all")
        .txt("127.0.0.1.closed.test", "v=spf1 -all");
    let records = [
        "v=spf1 -all",
        "v=spf1",
        "v=spf1 ~ip4:127.0.0.1 -all",
        "v=spf1 ip4:192.0.2.1 ?all",
        "v=spf1 include:strict.test ~all",
        "v=spf1 include:open.test -all",
        "v=spf1 include:%{i}.closed.test -all",
        "v=spf1 -ip4:127.0.0.1 +all",
        "v=spf1 -all ip4:127.0.0.1",
        "v=spf1 a mx ip6:::1 -all",
        // All of IPv6 has no address of IPv4.
        "v=spf1 ip6:::/0 -all",
        // That what is included lets the server send makes the term match, and no more.
        "v=spf1 ~include:deep.test +all",
        // What these match is refused: that they match is seen by it.
        "v=spf1 -exists:%{ir}.%{v}.exists.test +all",
        "v=spf1 -exists:%{l1r+}.%{v}.exists.test +all",
        "v=spf1 -include:%{l}.who.test +all",
    ];
    assert_each(zone, &records, &["spf_not_covered"]).await;
}

#[tokio::test]
async fn a_record_that_receivers_can_not_use_is_invalid() {
    let zone = Zone::new()
        .txt("broken.test", "v=spf1 ipv4:127.0.0.1")
        .txt("twice.test", "v=spf1 a")
        .txt("twice.test", "v=spf1 mx")
        .txt("round.test", "v=spf1 include:About.test")
        .txt("about.test", "v=spf1 redirect=ROUND.test")
        .txt("text.test", "hello");
    let records = [
        "v=spf1 ip4:127.0.0.1 ipv4:192.0.2.1 -all",
        "v=spf1 ip4:127.0.0.1/40 -all",
        "v=spf1 include:broken.test ip4:127.0.0.1 -all",
        "v=spf1 include:twice.test ip4:127.0.0.1 -all",
        "v=spf1 include:round.test ip4:127.0.0.1 -all",
        "v=spf1 include:nowhere.test ip4:127.0.0.1 -all",
        "v=spf1 include:text.test ip4:127.0.0.1 -all",
        "v=spf1 redirect=nowhere.test",
        "v=spf1 include:8.test ip4:127.0.0.1 -all",
        "v=spf1 ip4:127.0.0.1 \u{2013}all",
    ];
    assert_each(zone, &records, &["spf_invalid"]).await;
    let two = with_spf(Zone::new(), "two.test", "v=spf1 ip4:127.0.0.1 -all")
        .txt("two.test", "v=spf1 -all");
    let office = Office::with(two).await;
    assert_eq!(office.warned("two.test").await, ["spf_invalid"]);
    let told = office.told("two.test", "en").await;
    assert!(told.contains("more than one SPF record"), "{told}");
}

#[tokio::test]
async fn a_server_is_judged_by_its_ipv6_address_where_it_has_no_other() {
    let zone = Zone::new()
        .aaaa("six.test", ["2001:db8::1"])
        .aaaa("near.test", ["2001:db8::2"])
        .a("four.test", ["1.1.1.1"])
        .a(
            &format!("1.{}8.b.d.0.1.0.0.2.ip6.list.test", "0.".repeat(23)),
            ["1.1.1.1"],
        );
    let records = [
        ("v=spf1 ip6:2001:db8::/32 -all", None),
        ("v=spf1 a:six.test -all", None),
        ("v=spf1 a:near.test/32//64 -all", None),
        ("v=spf1 exists:%{ir}.%{v}.list.test -all", None),
        ("v=spf1 a:near.test//128 -all", Some("spf_not_covered")),
        (
            "v=spf1 ip4:0.0.0.0/0 a:four.test/0 -all",
            Some("spf_not_covered"),
        ),
    ];
    let zone = with_each(zone, &records.map(|(record, _)| record));
    // The tests dial no IPv6, so that nobody is called.
    let office = Office::permitting(&["2001:db8::/32"], zone).await;
    for (n, (record, expected)) in records.into_iter().enumerate() {
        let report = office
            .report(&format!("{n}.test"), json!({"host": "six.test"}), "en")
            .await;
        assert_eq!(codes(&report), Vec::from_iter(expected), "{record}");
    }
}

#[tokio::test]
async fn what_no_receiver_looks_at_is_not_asked_for() {
    let zone = Zone::new()
        .a("host.test", [HERE])
        .txt(
            "voids.test",
            "v=spf1 ?ip4:127.0.0.1 a:x1.no.test mx:x2.no.test exists:x3.no.test a:x4.no.test",
        )
        .txt("more.test", "v=spf1 a:x5.no.test -all");
    let records = [
        "v=spf1 include:voids.test a:host.test -all",
        "v=spf1 ip4:127.0.0.1 include:more.test a:x6.no.test -all",
    ];
    let office = Office::with(with_each(zone, &records)).await;
    for (n, record) in records.iter().enumerate() {
        let warned = office.warned(&format!("{n}.test")).await;
        assert_eq!(warned, Vec::<String>::new(), "{record}");
    }
    let asked = office.names.questions();
    let needless = asked.iter().filter(|(name, _)| name.ends_with(".no.test"));
    assert_eq!(needless.count(), 0, "{asked:?}");
}

#[tokio::test]
async fn what_stands_before_the_at_sign_is_asked_for_as_it_is() {
    let zone = with_spf(
        Zone::new(),
        "acme.test",
        "v=spf1 include:%{l}.who.test -all",
    )
    .txt("info+tag.who.test", "v=spf1 ip4:127.0.0.1 -all");
    let office = Office::with(zone).await;
    for (sender, expected) in [
        ("info+tag@acme.test", None),
        ("info+other@acme.test", Some("spf_invalid")),
        // Such a one matches nothing.
        ("posté@acme.test", Some("spf_not_covered")),
    ] {
        let report = office
            .report("acme.test", json!({"sender_email": sender}), "en")
            .await;
        assert_eq!(codes(&report), Vec::from_iter(expected), "{sender}");
    }
}

#[tokio::test]
async fn what_is_wrong_in_a_record_is_shown_without_what_could_act_on_a_page() {
    let term = format!("x\u{202e}\u{7f}{}", "y".repeat(100));
    let zone = with_spf(Zone::new(), "odd.test", &format!("v=spf1 {term} -all"));
    let told = Office::with(zone).await.told("odd.test", "en").await;
    let shown = format!("\"x\u{fffd}\u{fffd}{}…\"", "y".repeat(61));
    assert!(told.contains(&shown), "{told}");

    let sentence = "v=spf1 include:call%_me%_now<b>.example.com -all";
    let zone = with_spf(Zone::new(), "odd.test", sentence);
    let told = Office::with(zone).await.told("odd.test", "en").await;
    let shown = "because call\u{fffd}me\u{fffd}now\u{fffd}b\u{fffd}.example.com has no SPF";
    assert!(told.contains(shown), "{told}");
}

#[tokio::test]
async fn a_long_domain_is_told_from_what_it_leads_to() {
    let domain = format!("{}.{}.test", "a".repeat(60), "b".repeat(60));
    let zone = with_spf(Zone::new(), &domain, "v=spf1 ipv4:127.0.0.1 -all");
    let told = Office::with(zone).await.told(&domain, "en").await;
    assert!(told.contains("Correct or remove that part"), "{told}");
}

#[tokio::test]
async fn more_than_ten_look_ups_are_too_many_wherever_they_are_needed() {
    let hosts = |count: usize| "a:host.test ".repeat(count);
    let zone = Zone::new()
        .a("host.test", ["1.1.1.1"])
        .txt("five.test", &format!("v=spf1 {} ?all", hosts(5)));
    let zone = (0..11).fold(zone, |zone, n| {
        zone.mx("crowd.test", n, &format!("m{n}.crowd.test"))
    });
    let nested = format!("v=spf1 include:five.test {} ip4:127.0.0.1 -all", hosts(5));
    let after = format!("v=spf1 ip4:127.0.0.1 {} -all", hosts(11));
    let redirected = format!("v=spf1 {} redirect=five.test", hosts(5));
    let records = [&nested, &after, &redirected, "v=spf1 mx:crowd.test -all"];
    assert_each(zone, &records, &["spf_too_many_lookups"]).await;

    let zone = Zone::new()
        .a("host.test", ["1.1.1.1"])
        .txt("five.test", &format!("v=spf1 {} ?all", hosts(5)));
    let ten = format!("v=spf1 include:five.test {} ip4:127.0.0.1 -all", hosts(4));
    let unused = format!("v=spf1 ip4:127.0.0.1 -all {}", hosts(11));
    assert_each(zone, &[&ten, &unused], &[]).await;
}

#[tokio::test]
async fn a_long_chain_of_records_is_not_followed_beyond_ten() {
    let zone = with_spf(Zone::new(), "0.test", "v=spf1 include:1.test -all");
    let zone = (1..40).fold(zone, |zone, n| {
        let record = format!("v=spf1 include:{}.test -all", n + 1);
        zone.txt(&format!("{n}.test"), &record)
    });
    let office = Office::with(zone).await;
    assert_eq!(office.warned("0.test").await, ["spf_too_many_lookups"]);
    let asked = office.names.questions();
    let texts = asked
        .iter()
        .filter(|(name, kind)| *kind == RecordType::TXT && !name.starts_with("_dmarc"));
    let mut names: Vec<_> = texts.map(|(name, _)| name).collect();
    names.dedup();
    assert_eq!(names.len(), 11, "{names:?}");
}

#[tokio::test]
async fn a_known_providers_server_is_covered_by_its_include_however_deep() {
    let zone = with_each(
        Zone::new()
            .txt("ours.test", "v=spf1 include:deeper.test ?all")
            .txt("deeper.test", "v=spf1 redirect=_spf.Google.com")
            .txt("_spf.google.com", "v=spf1 ip4:192.0.2.0/24 ~all")
            .txt(
                "agency.test",
                "v=spf1 ip4:192.0.2.1 ?include:_spf.google.com -all",
            )
            .txt("any.test", "v=spf1 +all")
            .a("smtp.gmail.com", [HERE]),
        &[
            "v=spf1 include:ours.test -all",
            "v=spf1 redirect=_spf.google.com",
            "v=spf1 include:%{h}.hosted.test -all",
            "v=spf1 ip4:127.0.0.1 -all",
            "v=spf1 ptr -all",
            "v=spf1 -include:_spf.google.com ?include:ours.test +all",
            "v=spf1 -include:_spf.google.com include:ours.test -all",
            "v=spf1 -exists:%{i}.list.test ~ptr -all",
            "v=spf1 +all",
            "v=spf1 a mx ip4:192.0.2.1 +all",
            "v=spf1 include:agency.test include:_spf.google.com -all",
            "v=spf1 ?include:any.test include:_spf.google.com -all",
        ],
    );
    let zone = with_mail(zone, "none.test").txt("_dmarc.gmail.com", "v=DMARC1; p=none");
    let office = Office::with(zone).await;
    let gmail = json!({"host": "smtp.gmail.com"});
    for (domain, expected) in [
        ("0.test", None),
        ("1.test", None),
        // It can't be told what is included for the servers of the provider.
        ("2.test", None),
        // The address at which mail is submitted is not the one it is sent from.
        ("3.test", Some("spf_not_covered")),
        ("4.test", None),
        // It is named, but not as one that may send.
        ("5.test", Some("spf_not_covered")),
        ("6.test", Some("spf_not_covered")),
        ("7.test", Some("spf_not_covered")),
        ("8.test", None),
        ("9.test", None),
        // What is refused within an include is not refused by it.
        ("10.test", None),
        ("11.test", Some("spf_not_covered")),
        ("none.test", Some("spf_missing")),
        // Nobody but Google can change what is in its DNS.
        ("gmail.com", None),
    ] {
        let report = office.report(domain, gmail.clone(), "en").await;
        assert_eq!(codes(&report), Vec::from_iter(expected), "{domain}");
        let text = report["warnings"].to_string();
        let remedy = text.contains("include:_spf.google.com");
        assert_eq!(remedy, expected.is_some(), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_can_not_be_dialled_is_not_judged_by_its_address() {
    let zone = Zone::new().a("inside.test", ["10.0.0.1"]);
    let records = ["v=spf1 ip4:10.0.0.1 -all", "v=spf1 ip4:192.0.2.1 -all"];
    let office = Office::with(with_each(zone, &records)).await;
    for domain in ["0.test", "1.test"] {
        for host in ["inside.test", "nowhere.test"] {
            let report = office.report(domain, json!({"host": host}), "en").await;
            assert_eq!(codes(&report), Vec::<String>::new(), "{host}");
        }
    }
}

#[tokio::test]
async fn what_the_server_can_not_be_judged_by_is_not_warned_of() {
    let records = [
        // Whatever lists answer with, most of it may not be dialled and counts for nothing here.
        "v=spf1 exists:%{i}.list.test -all",
        "v=spf1 exists:%{h}.list.test -all",
        "v=spf1 ptr -all",
        "v=spf1 a:%{p}.list.test -all",
        "v=spf1 redirect=%{h}.list.test",
    ];
    assert_each(Zone::new(), &records, &[]).await;
}

#[tokio::test]
async fn a_record_of_many_thousand_bytes_is_read_to_its_end() {
    let networks = "ip4:192.0.2.1 ".repeat(4000);
    let zone = with_spf(
        Zone::new(),
        "huge.test",
        &format!("v=spf1 {networks}ip4:127.0.0.1 -all"),
    );
    let zone = with_spf(
        zone,
        "long.test",
        &format!("v=spf1 ip4:127.0.0.1 {}", "x".repeat(60_000)),
    );
    let office = Office::with(zone).await;
    assert_eq!(office.warned("huge.test").await, Vec::<String>::new());
    assert_eq!(office.warned("long.test").await, ["spf_invalid"]);
    assert!(office.told("long.test", "en").await.len() < 400);
}
