//! What is said in place of a greeting or of an answer to EHLO, by mail servers and by others.

use shared::smtp::FailureCode::{
    BlockedByPolicy, EhloRefused, GreetingRefused, HttpServer, ImapServer, NotAMailServer,
    Pop3Server, ProtocolError, TemporarilyUnavailable, TimedOut, TlsExpected, TooManyConnections,
};
use shared::smtp::Stage::{Greeting, Sender};
use tests::mail_server::{Answer, Script};

use super::scenario::{Scenario, scenario};

pub(super) fn scenarios() -> Vec<Scenario> {
    [strangers(), refusals(), curious(), hellos()].concat()
}

/// Servers for something else: not a word of theirs is passed on.
fn strangers() -> Vec<Scenario> {
    let banners = [
        ("HTTP/1.1 400 Bad Request\nServer: internal", HttpServer),
        ("<!DOCTYPE html>\n<html>", HttpServer),
        ("<html><head><title>Router login</title>", HttpServer),
        ("* OK [CAPABILITY IMAP4rev1] Dovecot ready.", ImapServer),
        ("* BYE Too many connections", ImapServer),
        ("+OK POP3 ready", Pop3Server),
        ("-ERR locked", Pop3Server),
        ("SSH-2.0-OpenSSH_9.6", NotAMailServer),
        ("RFB 003.008", NotAMailServer),
        ("", NotAMailServer),
        ("22", NotAMailServer),
        ("220x", NotAMailServer),
        ("２２０ mail.example.test", NotAMailServer),
        ("250 hello", NotAMailServer),
        ("354 hello", NotAMailServer),
    ];
    let banners = banners.map(|(banner, code)| {
        let script = Script::new().greeting(banner);
        scenario(format!("greets with {banner:?}"), script).fails(Greeting, code)
    });
    // Each ends in the byte of a line's end, as a reply would.
    let records = [
        ("an alert", &b"\x15\x03\x01\x00\x02\x02\x0a"[..]),
        ("a handshake", b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x0a"),
    ];
    let records = records.map(|(record, bytes)| {
        let script = Script::new().greeting(Answer::raw(bytes));
        scenario(format!("greets with {record} of TLS"), script).fails(Greeting, TlsExpected)
    });
    [Vec::from(banners), Vec::from(records)].concat()
}

/// Mail servers that don't want us: their words are not passed on either, as they have not been heard to say 220.
fn refusals() -> Vec<Scenario> {
    let refusals = [
        ("421 4.3.2 internal-host-7 is busy", TemporarilyUnavailable),
        (
            "421 4.7.0 Too many connections from your address",
            TooManyConnections,
        ),
        ("450 4.3.2 later", TemporarilyUnavailable),
        (
            "450 4.7.1 Client host blocked, try again later",
            BlockedByPolicy,
        ),
        ("554 no SMTP service here", GreetingRefused),
        (
            "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org",
            BlockedByPolicy,
        ),
        ("550 your address has a poor reputation", BlockedByPolicy),
        ("521 5.3.2 this host never takes mail", GreetingRefused),
        ("503 5.5.1 bad sequence", GreetingRefused),
    ];
    let refusals = refusals.map(|(greeting, code)| {
        let script = Script::new().greeting(greeting);
        scenario(format!("greets with {greeting:?}"), script).fails(Greeting, code)
    });
    refusals.to_vec()
}

/// Greetings at the edge of what is allowed.
fn curious() -> Vec<Scenario> {
    let greets = |how: &str, with: &[u8]| {
        let script = Script::new().greeting(Answer::raw(with));
        scenario(format!("greets {how}"), script)
    };
    let longest = format!("220 {}\r\n", "x".repeat(2048 - 6));
    let most_lines = format!("{}220 x\r\n", "220-x\r\n".repeat(127));
    let unended = Answer::raw(b"220 x\r").then(Answer::silence());
    vec![
        greets("with its code alone", b"220\r\n"),
        greets("with LF alone at its end", b"220 mail.example.test\n"),
        greets("with a line of 2,048 bytes", longest.as_bytes()),
        greets("with 128 lines", most_lines.as_bytes()),
        greets("with bytes above 127", b"220 \xff\xfe\x80\r\n"),
        greets(
            "with NUL and an escape sequence",
            b"220 \0\x1b[2J\x1b[31mred\r\n",
        ),
        greets(
            "with text turned around",
            "220 \u{202e}tset.elpmaxe\u{200b}\r\n".as_bytes(),
        ),
        greets("twice", b"220 one\r\n220 two\r\n").fails(Greeting, ProtocolError),
        greets("and begins another reply", b"220 one\r\n2").fails(Greeting, ProtocolError),
        scenario(
            "greets with CR alone at its end",
            Script::new().greeting(unended),
        )
        .fails(Greeting, TimedOut),
    ]
}

/// Answers to EHLO and HELO.
fn hellos() -> Vec<Scenario> {
    let ehlo = |answer: &str| {
        scenario(
            format!("answers EHLO with {answer:?}"),
            Script::new().on("EHLO", answer),
        )
    };
    let both = |ehlo: &str, helo: &str| {
        let script = Script::new().on("EHLO", ehlo).on("HELO", helo);
        scenario(
            format!("answers EHLO with {ehlo:?}, HELO with {helo:?}"),
            script,
        )
    };
    let nul = Answer::raw(b"250-\0\r\n250-SI\0ZE \x1b[1m\r\n250-\xff\r\n250 \r\n");
    vec![
        ehlo("250 mail.example.test"),
        ehlo("250"),
        ehlo("250-mail.example.test\n250-pipelining\n250 size 99"),
        ehlo("250-mail.example.test\n250-SIZE 99999999999999999999999\n250-AUTH=\n250 SIZE x"),
        scenario(
            "offers NUL and bytes above 127",
            Script::new().on("EHLO", nul),
        ),
        scenario(
            "knows HELO alone",
            Script::new().on("EHLO", "502 5.5.1 what?"),
        ),
        ehlo("220 mail.example.test").refuses(Greeting, ProtocolError, 220),
        ehlo("354 go on").refuses(Greeting, ProtocolError, 354),
        ehlo("421 4.7.0 later").refuses(Greeting, TemporarilyUnavailable, 421),
        ehlo("450 4.7.0 connection limit").refuses(Greeting, TooManyConnections, 450),
        both("550 no", "550 5.7.1 go away").refuses(Greeting, EhloRefused, 550),
        both("500 what?", "421 4.7.0 later").refuses(Greeting, TemporarilyUnavailable, 421),
        both("500 what?", "354 go on").refuses(Greeting, ProtocolError, 354),
        // The second would be taken for the answer to whatever is said next.
        ehlo("250 mail.example.test\n250 AUTH PLAIN").fails(Sender, ProtocolError),
    ]
}
