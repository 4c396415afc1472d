use proptest::prelude::*;

use super::*;

/// The mail of RFC 7208 §7.4.
fn expanded(text: &str, server: &str) -> Option<String> {
    let mail = Mail {
        sender: "strong-bad@email.example.com",
        server: Some(server.parse().expect("an address")),
    };
    DomainSpec::parse(text)
        .expect(text)
        .expand(mail, "email.example.com")
}

#[test]
fn macros_stand_for_what_the_rfc_says_in_its_examples() {
    for (text, name) in [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        (
            "%{ir}.%{v}._spf.%{d2}",
            "3.2.0.192.in-addr._spf.example.com",
        ),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        (
            "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
            "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
        ),
        (
            "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
            "3.2.0.192.in-addr.strong.lp._spf.example.com",
        ),
        (
            "%{d2}.trusted-domains.example.net",
            "example.com.trusted-domains.example.net",
        ),
    ] {
        assert_eq!(expanded(text, "192.0.2.3").as_deref(), Some(name), "{text}");
    }
    assert_eq!(
        expanded("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01").as_deref(),
        Some(
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
        )
    );
}

#[test]
fn capital_letters_escape_and_the_other_specials_are_text() {
    for (text, name) in [
        ("%{S}", "strong-bad%40email.example.com"),
        ("%{L}.%{D1R}", "strong-bad.email"),
        ("a%%b%_c%-d.example.com", "a%b c%20d.example.com"),
        ("mail.example.com.", "mail.example.com"),
    ] {
        assert_eq!(expanded(text, "192.0.2.3").as_deref(), Some(name), "{text}");
    }
}

#[test]
fn what_only_the_receiver_knows_has_no_name_here() {
    for text in ["%{h}", "a.%{p2}", "%{H}.example.com"] {
        assert_eq!(expanded(text, "192.0.2.3"), None, "{text}");
    }
    let nameless = Mail {
        sender: "a@example.com",
        server: None,
    };
    for (text, name) in [
        ("%{i}.example.com", None),
        ("%{v}.example.com", None),
        ("%{l}.%{d}", Some("a.example.org")),
    ] {
        let spec = DomainSpec::parse(text).expect(text);
        assert_eq!(
            spec.expand(nameless, "example.org").as_deref(),
            name,
            "{text}"
        );
    }
}

#[test]
fn of_a_name_that_is_too_long_the_last_labels_stay() {
    let label = "a".repeat(60);
    let long = format!("x.{label}.{label}.{label}.{label}.%{{d2}}");
    let kept = format!("{label}.{label}.{label}.example.com");
    assert_eq!(expanded(&long, "192.0.2.3"), Some(kept));
    // One more character than a name may have, and then as many.
    for (first, stays) in [(59, false), (58, true)] {
        let name = format!("{}.{label}.{label}.{label}.example.com.", "b".repeat(first));
        let shown = expanded(&name, "192.0.2.3").expect("known");
        assert_eq!(shown.starts_with('b'), stays, "{first}");
    }
}

#[test]
fn a_domain_ends_in_a_macro_or_a_top_level_domain() {
    for text in [
        "a.b",
        "a.b.",
        "_spf.example.xn--p1ai",
        "a.%{d}",
        "%{d}.b2",
        "a.b%%",
    ] {
        assert!(DomainSpec::parse(text).is_some(), "{text}");
    }
    for text in [
        "",
        ".",
        "a",
        "a.",
        "a.1",
        "a.-b",
        "a.b-",
        "a.b_c",
        "a}",
        "192.0.2.1",
        "a.%{d}b",
        "%",
        "%{",
        "%{}",
        "%{d",
        "%a",
        "%{x}",
        "%{c}",
        "%{r}",
        "%{t}",
        "%{d0}",
        "%{d-2}",
        "%{dr2}",
        "%{d:}",
        "%{dé}",
        "%{é}",
    ] {
        assert!(DomainSpec::parse(text).is_none(), "{text}");
    }
}

#[test]
fn thousands_of_macros_make_no_more_than_a_name() {
    let many = format!("{}.example.com", "%{S}".repeat(16_000));
    let name = expanded(&many, "192.0.2.3").expect("known");
    let sender = "strong-bad%40email.example.com";
    assert_eq!(name, format!("example.com{}.example.com", sender.repeat(7)));
}

proptest! {
    #[test]
    fn any_text_is_read_and_expanded_without_a_panic(
        text in "([%{}a-z0-9.:/-]|%\\{[slodipvhSL][0-9]{0,2}r?[-.+/_=,]{0,2}\\}|\\PC){0,40}(\\.com)?",
        sender in "\\PC{0,20}@[a-z.]{0,20}",
    ) {
        let mail = Mail { sender: &sender, server: None };
        if let Some(name) = DomainSpec::parse(&text).and_then(|it| it.expand(mail, "example.com")) {
            prop_assert!(name.len() <= MAX_NAME || !name.contains('.'), "{name}");
        }
    }
}
