use proptest::prelude::*;

use super::*;

fn email() -> EmailAddress {
    EmailAddress::parse("info@example.com").expect("an address")
}

/// A file with these elements in its `emailProvider`.
fn file(servers: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1"><emailProvider id="example.com"><domain>example.com</domain>{servers}</emailProvider></clientConfig>"#
    )
}

fn server(fields: &str) -> String {
    file(&format!(
        r#"<outgoingServer type="smtp">{fields}</outgoingServer>"#
    ))
}

/// The servers, one a line.
fn told(file: impl AsRef<[u8]>) -> String {
    let servers = servers(file.as_ref(), &email());
    let told = servers.iter().map(|it| {
        let username = it.username.as_deref().unwrap_or("-");
        format!("{} {} {:?} {username}", it.host, it.port, it.encryption)
    });
    told.collect::<Vec<_>>().join("\n")
}

const GOOD: &str =
    "<hostname>smtp.example.com</hostname><port>465</port><socketType>SSL</socketType>";

#[test]
fn outgoing_servers_come_in_their_order_with_the_address_filled_in() {
    let read = told(file(
        r#"
        <incomingServer type="imap">
          <hostname>imap.example.com</hostname><port>993</port><socketType>SSL</socketType>
          <username>%EMAILADDRESS%</username>
        </incomingServer>
        <outgoingServer type="smtp">
          <hostname>smtp.%EMAILDOMAIN%</hostname>
          <port>587</port>
          <socketType>STARTTLS</socketType>
          <authentication>OAuth2</authentication>
          <authentication>password-cleartext</authentication>
          <username>%EMAILADDRESS%</username>
        </outgoingServer>
        <outgoingServer type="smtp">
          <hostname> SMTP.example.net </hostname>
          <port> 465 </port>
          <socketType>SSL</socketType>
          <username>u.%EMAILLOCALPART%.%EMAILDOMAIN%%</username>
        </outgoingServer>
        <outgoingServer type="smtp">
          <hostname>smtp.example.org</hostname><port>465</port><socketType>SSL</socketType>
        </outgoingServer>"#,
    ));
    assert_eq!(
        read,
        "smtp.example.com 587 Starttls info@example.com\n\
         smtp.example.net 465 ImplicitTls u.info.example.com%\n\
         smtp.example.org 465 ImplicitTls -"
    );
}

#[test]
fn a_local_part_that_looks_like_a_placeholder_is_none() {
    let odd = EmailAddress::parse("%EMAILADDRESS%@example.com").expect("an address");
    assert_eq!(
        fill("%EMAILLOCALPART%@%EMAILDOMAIN%", &odd),
        "%EMAILADDRESS%@example.com"
    );
}

#[test]
fn a_server_without_encryption_or_without_login_by_password_is_passed_over() {
    assert_eq!(told(server(GOOD)), "smtp.example.com 465 ImplicitTls -");
    for fields in [
        "<hostname>a.example.com</hostname><port>25</port><socketType>plain</socketType>",
        "<hostname>a.example.com</hostname><port>465</port>",
        "<hostname>a.example.com</hostname><socketType>SSL</socketType>",
        "<port>465</port><socketType>SSL</socketType>",
        "<hostname>a b</hostname><port>465</port><socketType>SSL</socketType>",
        "<hostname>0x7f.1</hostname><port>465</port><socketType>SSL</socketType>",
        "<hostname/><port>465</port><socketType>SSL</socketType>",
        "<hostname>a.example.com</hostname><port>65536</port><socketType>SSL</socketType>",
        &format!("{GOOD}<authentication>OAuth2</authentication>"),
        &format!(
            "{GOOD}<authentication>OAuth2</authentication><authentication>GSSAPI</authentication>"
        ),
    ] {
        assert_eq!(told(server(fields)), "", "{fields}");
    }
    let exchange = format!(r#"<outgoingServer type="exchange">{GOOD}</outgoingServer>"#);
    assert_eq!(told(file(&exchange)), "");
    assert_eq!(
        told(file(&format!("<outgoingServer>{GOOD}</outgoingServer>"))),
        ""
    );
}

#[test]
fn of_an_element_that_stands_there_twice_the_first_counts() {
    let twice = format!(
        "{GOOD}<hostname>b.example.com</hostname><port>1</port><socketType>plain</socketType>"
    );
    assert_eq!(told(server(&twice)), "smtp.example.com 465 ImplicitTls -");
}

#[test]
fn only_xmls_own_entities_are_resolved() {
    let named = |username: &str| told(server(&format!("{GOOD}<username>{username}</username>")));
    assert_eq!(
        named("a&amp;b&#x41;&#66;<![CDATA[<c>]]>"),
        "smtp.example.com 465 ImplicitTls a&bAB<c>"
    );
    for unknown in ["a&other;b", "a&#0;b", "a&#xD800;b", "a&#10;b"] {
        assert_eq!(
            named(unknown),
            "smtp.example.com 465 ImplicitTls -",
            "{unknown}"
        );
    }
}

#[test]
fn a_file_that_declares_entities_is_not_read() {
    let bomb =
        r#"<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>"#;
    let outside = r#"<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>"#;
    for declared in [bomb, outside] {
        let file = server(&format!("{GOOD}<username>&a;</username>"));
        assert_eq!(
            told(file.replacen("<clientConfig", &format!("{declared}<clientConfig"), 1)),
            ""
        );
    }
}

#[test]
fn what_is_not_such_a_file_has_no_servers() {
    let good = server(GOOD);
    assert_ne!(told(&good), "");
    let deep = format!("{}{}", "<a>".repeat(17), "</a>".repeat(17));
    let broken_off = good.trim_end_matches("</clientConfig>");
    let crossed = good.replace(
        "</emailProvider></clientConfig>",
        "</clientConfig></emailProvider>",
    );
    for file in [
        "",
        "not found",
        "<!doctype html><html><body>Welcome</body></html>",
        broken_off,
        &crossed,
        &good.replace("emailProvider", "provider"),
        &file(&deep),
        &"<a>".repeat(20_000),
    ] {
        assert_eq!(told(file), "", "{file}");
    }
    assert_eq!(told(good.replace("info", "è").into_bytes()), told(&good));
    let latin_1: Vec<_> = good.bytes().chain([b'<', b'!', b'-', b'-', 0xe8]).collect();
    assert_eq!(told(latin_1), "");
}

#[test]
fn a_value_too_long_is_none() {
    let long = "a".repeat(MAX_VALUE + 1);
    let fields = format!("{GOOD}<username>{long}</username>");
    assert_eq!(told(server(&fields)), "smtp.example.com 465 ImplicitTls -");
    let grown = "%EMAILADDRESS%".repeat(30);
    let fields = format!("{GOOD}<username>{grown}</username>");
    assert_eq!(told(server(&fields)), "smtp.example.com 465 ImplicitTls -");
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = servers(&octets, &email());
    }

    #[test]
    fn any_pieces_of_such_a_file_are_read_and_only_encrypted_servers_come_out(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("<clientConfig>"), Just("<emailProvider>"), Just("<outgoingServer type='smtp'>"), Just("</outgoingServer>"),
                Just("</emailProvider>"), Just("</clientConfig>"), Just(GOOD), Just("<username>%EMAILADDRESS%</username>"), Just("<hostname>"),
                Just("</hostname>"), Just("&amp;"), Just("&x;"), Just("<!DOCTYPE a>"), Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("-->"), Just("%"),
                Just("è"), Just("<a b=\"c\" b='d'/>"), Just("<?xml version='1.0'?>"),
            ],
            0..40,
        ),
    ) {
        for server in servers(pieces.concat().as_bytes(), &email()) {
            prop_assert!(server.encryption != Encryption::None);
        }
    }
}
