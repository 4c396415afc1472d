use proptest::prelude::*;

use super::*;

fn read(record: &str) -> Result<Vec<Directive>, String> {
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
    let terms = read(record).expect("a record");
    let kinds = terms.iter().map(|term| match &term.mechanism {
        Mechanism::All => "all".to_owned(),
        Mechanism::Network(network) => network.to_string(),
        Mechanism::LookUp(LookUp { kind, domain }) => {
            format!(
                "{kind:?} {}",
                if domain.is_some() { "named" } else { "own" }
            )
        }
    });
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            "Host(Lengths { v4: 32, v6: 128 }) own",
            "Exchanges(Lengths { v4: 32, v6: 128 }) named",
            "192.0.2.0/24",
            "2001:db8::/32",
            "Record named",
            "Exists named",
            "Pointer own",
            "Pointer named",
            "Host(Lengths { v4: 24, v6: 64 }) own",
            "Host(Lengths { v4: 32, v6: 0 }) named",
            "0.0.0.0/0",
            "all",
        ]
    );
    let letting: Vec<_> = terms.iter().map(|term| term.is_pass).collect();
    assert_eq!(letting[..5], [true, false, false, false, true]);
    assert!(!letting[11]);
}

#[test]
fn a_redirect_stands_last_unless_all_leaves_nothing_to_it() {
    for (record, terms) in [
        ("v=spf1 redirect=a.example mx", 2),
        ("v=spf1 redirect=a.example -all", 1),
        ("v=spf1 -all redirect=a.example", 1),
    ] {
        let read = read(record).expect(record);
        assert_eq!(read.len(), terms, "{record}");
        let last = &read[terms - 1];
        let leads =
            matches!(&last.mechanism, Mechanism::LookUp(it) if matches!(it.kind, Kind::Record));
        assert_eq!((leads, last.is_pass), (terms == 2, terms == 2), "{record}");
    }
}

#[test]
fn addresses_are_alike_to_the_length_of_their_kind() {
    let lengths = Lengths { v4: 24, v6: 64 };
    for (one, other, alike) in [
        ("192.0.2.1", "192.0.2.254", true),
        ("192.0.2.1", "192.0.3.1", false),
        ("2001:db8::1", "2001:db8::ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("192.0.2.1", "2001:db8::1", false),
    ] {
        let [a, b] = [one, other].map(|it| it.parse().expect("an address"));
        assert_eq!(lengths.alike(a, b), alike, "{one} {other}");
    }
}

#[test]
fn a_domain_may_have_slashes_and_colons_in_it() {
    for (term, lengths) in [
        ("a:foo:bar/baz.example.com", (32, 128)),
        ("mx:foo/8.example.com/8//64", (8, 64)),
        ("a:%{l/}.example.com/24", (24, 128)),
        ("a:%{d}//64", (32, 64)),
        ("a:a//8.example.com", (32, 128)),
    ] {
        let read = read(&format!("v=spf1 {term}")).expect(term);
        let Mechanism::LookUp(LookUp {
            kind: Kind::Host(found) | Kind::Exchanges(found),
            domain: Some(_),
        }) = &read[0].mechanism
        else {
            panic!("{term}: {read:?}");
        };
        assert_eq!((found.v4, found.v6), lengths, "{term}");
    }
    read("v=spf1 exists:a/8.example.com").expect("a record");
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
        ("v=spf1 include:a.b_c", "include:a.b_c"),
        ("v=spf1 a:192.0.2.1", "a:192.0.2.1"),
        ("v=spf1 a/33", "a/33"),
        ("v=spf1 a/24/64", "a/24/64"),
        ("v=spf1 a:x.example/", "a:x.example/"),
        ("v=spf1 a//", "a//"),
        ("v=spf1 a///8", "a///8"),
        ("v=spf1 a/8//129", "a/8//129"),
        ("v=spf1 foo=%{c}%{r}%{t} foo=%abc", "foo=%abc"),
        ("v=spf1 exp=%{t}.example.com", "exp=%{t}.example.com"),
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
        assert_eq!(read(record).err().as_deref(), Some(term), "{record}");
    }
}

proptest! {
    #[test]
    fn any_octets_are_read_and_a_wrong_term_is_one_of_theirs(text in proptest::collection::vec(any::<u8>(), 0..60)) {
        let record = [b"v=spf1 ".as_slice(), &text].concat();
        if let Err(term) = parse(&record) {
            prop_assert!(text.split(|byte| *byte == b' ').any(|it| it == term));
        }
    }

    #[test]
    fn pieces_of_records_are_read_without_a_panic(
        text in "( |[-+~?]?(a|mx|ptr|ip4|ip6|include|exists|all|redirect|exp|x)[:=/]{0,2}(%\\{[a-z][0-9]?r?\\}|[a-z0-9.:/%-]{0,9}){0,3}){0,9}",
    ) {
        let _ = parse(format!("v=spf1 {text}").as_bytes());
    }
}
