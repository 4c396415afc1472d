//! Servers that don't protect a session: by their own doing, or by somebody's in between. All are dialled with a login, which
//! none is given.

use std::time::Duration;

use shared::model::encryption::Encryption::{ImplicitTls, None as NoTls, Starttls};
use shared::smtp::FailureCode::{
    AuthNeedsEncryption, CertificateExpired, CertificateInvalid, CertificateNotYetValid,
    CertificateSelfSigned, CertificateUnknownIssuer, CertificateWrongName, ConnectionLost,
    EhloRefused, ImapServer, Intercepted, NotAMailServer, ProtocolError, StarttlsNotOffered,
    StarttlsRefused, TemporarilyUnavailable, TimedOut, TlsFailed, TlsNotSpoken, TlsTooOld,
};
use shared::smtp::Stage::{Auth, Greeting, Tls};
use tests::mail_server::{Answer, Certificate, Script};

use super::scenario::{Scenario, scenario};

pub(super) fn scenarios() -> Vec<Scenario> {
    let scenarios = [certificates(), handshakes(), starttls(), crossed()].concat();
    scenarios.into_iter().map(Scenario::with_login).collect()
}

fn certificates() -> Vec<Scenario> {
    let certificates = [
        ("has expired", Certificate::Expired, CertificateExpired),
        (
            "is not valid yet",
            Certificate::NotYetValid,
            CertificateNotYetValid,
        ),
        ("is another's", Certificate::WrongName, CertificateWrongName),
        (
            "is nobody's we know",
            Certificate::UnknownAuthority,
            CertificateUnknownIssuer,
        ),
        (
            "vouches for itself",
            Certificate::SelfSigned,
            CertificateSelfSigned,
        ),
        (
            "is not for servers",
            Certificate::WrongPurpose,
            CertificateInvalid,
        ),
        ("has a chain of 90 KB", Certificate::HugeChain, TlsFailed),
        (
            "stands before a maze",
            Certificate::Maze,
            CertificateUnknownIssuer,
        ),
        (
            "stands before a maze with exits",
            Certificate::MazeWithExits,
            CertificateInvalid,
        ),
    ];
    let mut scenarios = Vec::new();
    for (what, certificate, code) in certificates {
        for (how, script) in [
            ("under TLS", Script::new().implicit_tls()),
            ("after STARTTLS", Script::new().starttls()),
        ] {
            let script = script.certificate(certificate);
            let scenario = scenario(format!("has a certificate that {what} {how}"), script);
            scenarios.push(scenario.fails(Tls, code));
        }
    }
    scenarios
}

/// A `ServerHello` of this version of TLS, for a suite of that time.
fn server_hello(minor: u8) -> Answer {
    let hello = [
        &[0x02, 0, 0, 38, 3, minor][..],
        &[0x5a; 32],
        &[0, 0xc0, 0x13, 0],
    ]
    .concat();
    Answer::raw(&[&[0x16, 3, minor, 0, 42][..], &hello].concat())
}

/// What is said in place of a handshake, and what comes of it: after STARTTLS a server that speaks plain text is not on the wrong
/// port, as it has offered TLS.
fn handshakes() -> Vec<Scenario> {
    let alert = |description: u8| Answer::raw(&[0x15, 3, 3, 0, 2, 2, description]);
    // A record of a handshake of 16 KB, as far as it comes.
    let drip = Answer::drip(
        &format!("\x16\x03\x03\x40\0\x02{}", "\0".repeat(500)),
        Duration::from_millis(20),
    );
    let rows = [
        ("says nothing", Answer::silence(), TimedOut),
        ("drips", drip, TimedOut),
        ("hangs up", Answer::close(), ConnectionLost),
        (
            "hangs up in the middle of a record",
            Answer::raw(b"\x16\x03\x03\x40").then_close(),
            ConnectionLost,
        ),
        ("says that our versions are too new", alert(70), TlsTooOld),
        ("says that our suites are too good", alert(71), TlsTooOld),
        ("says that the handshake failed", alert(40), TlsFailed),
        ("says that it knows no such name", alert(112), TlsFailed),
        ("speaks TLS 1.0", server_hello(1), TlsTooOld),
        ("speaks TLS 1.1", server_hello(2), TlsTooOld),
        (
            "chooses a suite that was not offered",
            server_hello(3),
            TlsFailed,
        ),
        (
            "sends a record that is too long",
            Answer::raw(b"\x16\x03\x03\xff\xff"),
            TlsFailed,
        ),
        (
            "sends a message of 16 MB",
            Answer::endless(b"\x16\x03\x03\x00\x04\x02\xff\xff\xff"),
            TlsFailed,
        ),
        (
            "sends empty records without end",
            Answer::endless(b"\x16\x03\x03\x00\x00"),
            TlsFailed,
        ),
        (
            "sends warnings without end",
            Answer::endless(b"\x15\x03\x03\x00\x02\x01\x5a"),
            TlsFailed,
        ),
        (
            "changes its cipher without end",
            Answer::endless(b"\x14\x03\x03\x00\x01\x01"),
            TlsFailed,
        ),
        (
            "sends data before the handshake",
            Answer::endless(b"\x17\x03\x03\x00\x01\x01"),
            TlsFailed,
        ),
        (
            "says 0xff without end",
            Answer::endless(b"\xff"),
            TlsNotSpoken,
        ),
        (
            "speaks plain text",
            Answer::lines("220 mail.example.test ESMTP"),
            TlsNotSpoken,
        ),
        (
            "speaks HTTP",
            Answer::lines("HTTP/1.1 400 Bad Request"),
            TlsNotSpoken,
        ),
    ];
    let mut scenarios = Vec::new();
    for (what, answer, code) in rows {
        let at_once = scenario(
            format!("{what} in place of a TLS handshake"),
            Script::new().greeting(Answer::listen().then(answer.clone())),
        );
        scenarios.push(at_once.dialled(ImplicitTls).fails(Tls, code));
        let go = Answer::lines("220 2.0.0 go ahead").then(Answer::listen());
        let script = Script::new().starttls().on("STARTTLS", go.then(answer));
        let after = scenario(
            format!("{what} in place of the handshake after STARTTLS"),
            script,
        );
        scenarios.push(after.fails(
            Tls,
            match code {
                TlsNotSpoken => TlsFailed,
                code => code,
            },
        ));
    }
    scenarios
}

fn starttls() -> Vec<Scenario> {
    let answers = |answer: &str| {
        let script = Script::new().starttls().on("STARTTLS", answer);
        scenario(format!("answers STARTTLS with {answer:?}"), script)
    };
    let again = |answer: &str| {
        let script = Script::new().starttls().under_tls("EHLO", answer);
        scenario(format!("answers EHLO under TLS with {answer:?}"), script)
    };
    let record = Answer::raw(b"220 go\r\n\x16\x03\x03\x00\x05\x02\x00\x00\x01\x0a");
    vec![
        scenario("has its STARTTLS cut out", Script::new())
            .dialled(Starttls)
            .fails(Tls, StarttlsNotOffered),
        scenario(
            "has its STARTTLS blanked",
            Script::new().offering("XXXXXXXA"),
        )
        .dialled(Starttls)
        .fails(Tls, Intercepted),
        scenario(
            "has its greeting blanked",
            Script::new().greeting("220 ********************2*****0*"),
        )
        .dialled(Starttls)
        .fails(Tls, Intercepted),
        scenario(
            "knows HELO alone, and so no STARTTLS",
            Script::new().starttls().on("EHLO", "502 what?"),
        )
        .fails(Tls, StarttlsNotOffered),
        answers("454 4.7.0 TLS not available").refuses(Tls, StarttlsRefused, 454),
        answers("502 5.5.1 what?").refuses(Tls, StarttlsRefused, 502),
        answers("421 4.7.0 closing").refuses(Tls, StarttlsRefused, 421),
        answers("250 ok").refuses(Tls, ProtocolError, 250),
        answers("334 go on").refuses(Tls, ProtocolError, 334),
        answers("220 go\n250-evil\n250 AUTH PLAIN").fails(Tls, ProtocolError),
        answers("220 go\n2").fails(Tls, ProtocolError),
        scenario(
            "begins the handshake that is ours to begin",
            Script::new().starttls().on("STARTTLS", record),
        )
        .fails(Tls, ProtocolError),
        again("220 mail.example.test ESMTP").refuses(Tls, ProtocolError, 220),
        again("421 4.7.0 closing").refuses(Tls, TemporarilyUnavailable, 421),
        scenario(
            "refuses EHLO and HELO under TLS",
            Script::new()
                .starttls()
                .under_tls("EHLO", "550 no")
                .under_tls("HELO", "550 no"),
        )
        .refuses(Tls, EhloRefused, 550),
    ]
}

/// Servers dialled as they are not meant to be, and what TLS does not make good.
fn crossed() -> Vec<Scenario> {
    let tls = || Script::new().implicit_tls();
    vec![
        scenario("is not encrypted", Script::new()).fails(Auth, AuthNeedsEncryption),
        scenario("is dialled without its STARTTLS", Script::new().starttls())
            .dialled(NoTls)
            .fails(Auth, AuthNeedsEncryption),
        scenario("expects TLS and is spoken to in plain text", tls())
            .dialled(NoTls)
            .fails(Greeting, TimedOut),
        scenario("expects TLS and is asked for STARTTLS", tls())
            .dialled(Starttls)
            .fails(Greeting, TimedOut),
        scenario(
            "offers STARTTLS and is spoken to in TLS",
            Script::new().starttls(),
        )
        .dialled(ImplicitTls)
        .fails(Tls, TlsNotSpoken),
        scenario("says nothing under TLS", tls().greeting(Answer::silence()))
            .fails(Greeting, TimedOut),
        scenario("hangs up under TLS", tls().greeting(Answer::close()))
            .fails(Greeting, ConnectionLost),
        scenario(
            "says a line without end under TLS",
            tls().greeting(Answer::endless(b"220 x")),
        )
        .fails(Greeting, NotAMailServer),
        scenario(
            "is for reading mail under TLS",
            tls().greeting("* OK IMAP4rev1 ready"),
        )
        .fails(Greeting, ImapServer),
        scenario(
            "speaks TLS within TLS",
            tls().greeting(Answer::raw(b"\x15\x03\x01\x00\x02\x02\x0a")),
        )
        .fails(Greeting, NotAMailServer),
    ]
}
