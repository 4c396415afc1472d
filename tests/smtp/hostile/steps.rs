//! Everything that can be wrong with a reply, at every step of a session.

use std::time::Duration;

use shared::smtp::FailureCode::{ConnectionLost, NotAMailServer, ProtocolError, TimedOut};
use shared::smtp::Stage::{Auth, Greeting, Message, Sender, Tls};
use shared::smtp::{FailureCode, Stage};
use tests::mail_server::{Answer, Script};

use super::scenario::{Scenario, scenario};

/// What is no reply, or none in time, and what comes of it.
fn misdeeds() -> Vec<(&'static str, Answer, FailureCode)> {
    let drip = Answer::drip(&"2".repeat(1000), Duration::from_millis(20));
    let long_line = format!("250 {}\r\n", "x".repeat(2049 - 6));
    let many_lines = format!("{}250 x\r\n", "250-x\r\n".repeat(128));
    let long_reply = format!("250-{}\r\n", "x".repeat(2000)).repeat(9);
    let raw = |text: &str| Answer::raw(text.as_bytes());
    vec![
        ("says nothing", Answer::silence(), TimedOut),
        ("drips", drip, TimedOut),
        ("hangs up", Answer::close(), ConnectionLost),
        (
            "says half a line and hangs up",
            raw("250 2.0").then_close(),
            ConnectionLost,
        ),
        (
            "says half a reply and hangs up",
            raw("250-x\r\n").then_close(),
            ConnectionLost,
        ),
        (
            "says a line without end",
            Answer::endless(b"250 x"),
            ProtocolError,
        ),
        (
            "says a reply without end",
            Answer::endless(b"250-x\r\n"),
            ProtocolError,
        ),
        (
            "says NUL without end",
            Answer::endless(b"\0"),
            ProtocolError,
        ),
        (
            "says empty lines without end",
            Answer::endless(b"\r\n"),
            ProtocolError,
        ),
        ("says a line of 2,049 bytes", raw(&long_line), ProtocolError),
        ("says 129 lines", raw(&many_lines), ProtocolError),
        ("says a reply of 18 KB", raw(&long_reply), ProtocolError),
        (
            "says two codes in one reply",
            raw("250-x\r\n251 x\r\n"),
            ProtocolError,
        ),
        ("says words without a code", raw("what?\r\n"), ProtocolError),
        (
            "says a code of four digits",
            raw("2500 x\r\n"),
            ProtocolError,
        ),
        ("says a code below 200", raw("199 x\r\n"), ProtocolError),
        ("says a code above 599", raw("600 x\r\n"), ProtocolError),
        (
            "says bytes above 127",
            Answer::raw(b"\xff\xfe\x80\r\n"),
            ProtocolError,
        ),
    ]
}

/// `answer` in place of each reply of a session, and where the session ends by it.
fn steps(answer: &Answer) -> Vec<(&'static str, Script, Stage)> {
    let plain = Script::new;
    let tls = || Script::new().implicit_tls();
    let starttls = || Script::new().starttls();
    let login = || tls().without("AUTH").offering("AUTH LOGIN");
    let to = |script: Script, command| script.on(command, answer.clone());
    vec![
        (
            "in place of a greeting",
            plain().greeting(answer.clone()),
            Greeting,
        ),
        ("to EHLO", to(plain(), "EHLO"), Greeting),
        (
            "to HELO",
            to(plain().on("EHLO", "502 5.5.1 what?"), "HELO"),
            Greeting,
        ),
        ("to STARTTLS", to(starttls(), "STARTTLS"), Tls),
        (
            "to EHLO under TLS",
            starttls().under_tls("EHLO", answer.clone()),
            Tls,
        ),
        ("to AUTH PLAIN", to(tls(), "AUTH"), Auth),
        ("to AUTH LOGIN", to(login(), "AUTH"), Auth),
        ("to the user name", to(login(), "USERNAME"), Auth),
        ("to the password", to(login(), "PASSWORD"), Auth),
        ("to MAIL", to(tls(), "MAIL"), Sender),
        ("to RCPT", to(tls(), "RCPT"), Message),
        ("to DATA", to(tls(), "DATA"), Message),
        ("to the dot", to(tls(), "."), Message),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (misdeed, answer, code) in misdeeds() {
        for (step, script, stage) in steps(&answer) {
            let code = match (step, code) {
                // What has not greeted has not shown itself to be a mail server.
                ("in place of a greeting", ProtocolError) => NotAMailServer,
                _ => code,
            };
            let scenario = scenario(format!("{misdeed} {step}"), script);
            let scenario = scenario.with_login().with_test_message();
            scenarios.push(scenario.fails(stage, code));
        }
        // A sender that was taken stays so; the session ends there anyway.
        let script = Script::new().implicit_tls().on("RSET", answer);
        let scenario = scenario(format!("{misdeed} to RSET"), script);
        scenarios.push(match code {
            TimedOut => scenario.slow(),
            _ => scenario,
        });
    }
    scenarios
}
