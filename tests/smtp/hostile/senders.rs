//! Servers that don't take a sender, or a message.

use shared::smtp::FailureCode::{
    AuthenticationRequired, ConnectionLost, MessageRefused, ProtocolError, RecipientRefused,
    SenderNotOwned, SenderRefused, Smtputf8NotOffered, TemporarilyUnavailable, TooManyConnections,
};
use shared::smtp::Stage::{Message, Sender};
use tests::mail_server::{Answer, Script};

use super::scenario::{Scenario, scenario};

pub(super) fn scenarios() -> Vec<Scenario> {
    [senders(), resets(), messages()].concat()
}

fn senders() -> Vec<Scenario> {
    let answers = [
        (
            "550 5.1.8 Sender address rejected: Domain not found",
            SenderRefused,
        ),
        ("550 5.7.1 no", SenderRefused),
        ("552 5.3.4 too big", SenderRefused),
        (
            "553 5.7.1 Sender address rejected: not owned by user a",
            SenderNotOwned,
        ),
        (
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            SenderNotOwned,
        ),
        ("554 5.2.252 SendAsDenied", SenderNotOwned),
        (
            "554 Message rejected: Email address is not verified.",
            SenderNotOwned,
        ),
        ("530 5.7.0 log in first", AuthenticationRequired),
        ("421 4.7.0 closing", TemporarilyUnavailable),
        ("432 4.7.12 change it", TemporarilyUnavailable),
        ("450 4.7.1 too many concurrent sessions", TooManyConnections),
        ("451 4.3.0 later", TemporarilyUnavailable),
        ("503 5.5.1 bad sequence", TemporarilyUnavailable),
        ("354 go on", ProtocolError),
        ("334 go on", ProtocolError),
    ];
    let mut scenarios = Vec::new();
    for (answer, code) in answers {
        let number = answer[..3].parse().expect("a code");
        for (how, script) in [
            ("", Script::new()),
            (", without PIPELINING", Script::new().without("PIPELINING")),
        ] {
            let scenario = scenario(
                format!("answers MAIL with {answer:?}{how}"),
                script.on("MAIL", answer),
            );
            scenarios.push(scenario.refuses(Sender, code, number));
        }
    }
    let sender = "unità@example.com";
    scenarios.extend([
        scenario("has SMTPUTF8 for a sender that needs it", Script::new()).with_sender(sender),
        scenario(
            "has no SMTPUTF8 for a sender that needs it",
            Script::new().without("SMTPUTF8"),
        )
        .with_sender(sender)
        .fails(Sender, Smtputf8NotOffered),
    ]);
    scenarios
}

/// A sender that was taken stays so, whatever comes of RSET; but no test message follows a dialogue that lost its step.
fn resets() -> Vec<Scenario> {
    let reset = |answer: &str| {
        scenario(
            format!("answers RSET with {answer:?}"),
            Script::new().on("RSET", answer),
        )
    };
    vec![
        reset("550 5.5.1 no"),
        reset("421 4.7.0 closing"),
        reset("354 go on"),
        reset("250 ok\n250 ok"),
        reset("250 ok\n250 ok")
            .with_test_message()
            .fails(Message, ProtocolError),
        reset("what?")
            .with_test_message()
            .fails(Message, ProtocolError),
        scenario(
            "hangs up on RSET",
            Script::new().on("RSET", Answer::close()),
        )
        .with_test_message()
        .fails(Message, ConnectionLost),
        scenario(
            "says a reply to MAIL too many",
            Script::new().on("MAIL", "250 ok\n550 no"),
        ),
    ]
}

fn messages() -> Vec<Scenario> {
    let answers = [
        (
            "MAIL FROM:<info@example.com> ",
            "550 5.7.1 not with that",
            SenderRefused,
        ),
        ("RCPT", "550 5.1.1 no such user", RecipientRefused),
        (
            "RCPT",
            "553 5.7.1 Sender address rejected: not owned by user a",
            SenderNotOwned,
        ),
        ("RCPT", "450 4.7.1 greylisted", TemporarilyUnavailable),
        ("RCPT", "530 5.7.0 log in first", AuthenticationRequired),
        ("DATA", "554 5.7.1 no", MessageRefused),
        ("DATA", "451 4.3.0 later", TemporarilyUnavailable),
        (".", "554 5.6.0 spam", MessageRefused),
        (".", "554 5.2.252 SendAsDenied", SenderNotOwned),
        (".", "421 4.7.0 too many connections", TooManyConnections),
        (".", "451 4.7.1 later", TemporarilyUnavailable),
    ];
    let refused = answers.map(|(command, answer, code)| {
        let number = answer[..3].parse().expect("a code");
        let script = Script::new().on(command, answer);
        scenario(format!("answers {command} with {answer:?}"), script)
            .with_test_message()
            .refuses(Message, code, number)
    });
    let odd = [("RCPT", "354 go on"), ("DATA", "250 ok"), (".", "354 more")];
    let odd = odd.map(|(command, answer)| {
        let script = Script::new().on(command, answer);
        scenario(format!("answers {command} with {answer:?}"), script)
            .with_test_message()
            .fails(Message, ProtocolError)
    });
    [refused.to_vec(), odd.to_vec()].concat()
}
