use super::*;

fn read(record: &str) -> Result<Spf, String> {
    parse(record.as_bytes()).map_err(|term| String::from_utf8_lossy(term).into_owned())
}

#[test]
fn a_record_begins_with_its_version_and_a_space_or_nothing() {
    for text in ["v=spf1", "V=SPF1 -all", "v=spf1  "] {
        assert!(is_spf(text.as_bytes()), "{text}");
    }
    for text in [
        "",
        "v=spf",
        "v=spf10 a",
        "v=spf1;a",
        "v=spf2.0/pra a",
        " v=spf1",
    ] {
        assert!(!is_spf(text.as_bytes()), "{text}");
    }
}

#[test]
fn every_kind_of_term_is_read() {
    let record = "v=spf1 +a -mx:mail.example.com ~ip4:192.0.2.0/24 ?ip6:2001:db8::/32 include:_spf.example.com. \
        exists:%{ir}.%{v}.x.%{d2} ptr ptr:example.com A/24//64 a:h.example.com//0 ip4:0.0.0.0/0 unknown=x:y exp=e.%{d} -all";
    let spf = read(record).expect("a record");
    assert_eq!(spf.directives.len(), 12);
    assert!(spf.exp.is_some() && spf.redirect.is_none());
    let [.., a, named, every, all] = &*spf.directives else {
        panic!("twelve");
    };
    assert_eq!(
        a.mechanism,
        Mechanism::A {
            macro_string: Macro::None,
            ip4_mask: 0xffff_ff00,
            ip6_mask: u128::MAX << 64
        }
    );
    assert!(matches!(
        named.mechanism,
        Mechanism::A {
            ip4_mask: u32::MAX,
            ip6_mask: 0,
            ..
        }
    ));
    assert!(matches!(every.mechanism, Mechanism::Ip4 { mask: 0, .. }));
    assert_eq!(*all, Directive::new(Qualifier::Fail, Mechanism::All));
}

#[test]
fn the_first_term_that_is_none_is_named() {
    for (record, term) in [
        ("v=spf1 mx ipv4:192.0.2.1 -all", "ipv4:192.0.2.1"),
        ("v=spf1 ip4:192.0.2 -all", "ip4:192.0.2"),
        ("v=spf1 ip4:192.0.2.1/33", "ip4:192.0.2.1/33"),
        ("v=spf1 ip4:192.0.2.1/", "ip4:192.0.2.1/"),
        ("v=spf1 ip4:192.0.2.1/024", "ip4:192.0.2.1/024"),
        ("v=spf1 ip4:192.0.2.1/+8", "ip4:192.0.2.1/+8"),
        ("v=spf1 ip6:192.0.2.1", "ip6:192.0.2.1"),
        ("v=spf1 ip6:2001:db8::/129", "ip6:2001:db8::/129"),
        ("v=spf1 include _spf.example.com", "include"),
        ("v=spf1 include:", "include:"),
        ("v=spf1 include:localhost", "include:localhost"),
        ("v=spf1 a:192.0.2.1", "a:192.0.2.1"),
        ("v=spf1 a/33", "a/33"),
        ("v=spf1 a/24/64", "a/24/64"),
        ("v=spf1 all:x", "all:x"),
        ("v=spf1 ptr/24", "ptr/24"),
        (
            "v=spf1 -all redirect=a.example redirect=b.example",
            "redirect=b.example",
        ),
        ("v=spf1 redirect=", "redirect="),
        ("v=spf1 -redirect=a.example", "-redirect=a.example"),
        ("v=spf1 exists:%{x}.example.com", "exists:%{x}.example.com"),
        ("v=spf1 exists:%{c}.example.com", "exists:%{c}.example.com"),
        ("v=spf1 exists:%a.example.com", "exists:%a.example.com"),
        ("v=spf1 a\t-all", "a\t-all"),
        ("v=spf1 include:bücher.example", "include:bücher.example"),
        ("v=spf1 -", "-"),
        ("v=spf1 –all", "–all"),
    ] {
        assert_eq!(read(record), Err(term.to_owned()), "{record}");
    }
}
