//! Servers that don't let us in, as the big providers and others say it.

use shared::smtp::FailureCode::{
    AppPasswordRequired, AuthenticationRejected, AuthenticationTemporarilyFailed,
    EncryptionRequired, NoAuthOffered, NoCommonMechanism, PasswordLoginDisabled, ProtocolError,
    TemporarilyUnavailable, TooManyConnections, TooManyLogins,
};
use shared::smtp::Stage::{Auth, Sender};
use tests::mail_server::Script;

use super::scenario::{Scenario, scenario};
use crate::support::{BLOB, LOGIN, LOGIN_BASE64, PASSWORD, PASSWORD_BASE64};

pub(super) fn scenarios() -> Vec<Scenario> {
    let scenarios = [offers(), refusals(), out_of_step(), echoes()].concat();
    scenarios.into_iter().map(Scenario::with_login).collect()
}

fn tls() -> Script {
    Script::new().implicit_tls()
}

/// A server that offers AUTH like this, or not at all.
fn offering(offer: Option<&str>) -> Script {
    let script = tls().without("AUTH");
    offer.into_iter().fold(script, Script::offering)
}

fn offers() -> Vec<Scenario> {
    let offers = |offer: &str| scenario(format!("offers {offer}"), offering(Some(offer)));
    vec![
        offers("AUTH PLAIN"),
        offers("AUTH LOGIN XOAUTH2"),
        offers("auth=plain"),
        offers("AUTH=LOGIN"),
        offers("Auth Login Plain"),
        offers("AUTH").fails(Auth, NoAuthOffered),
        offers("AUTH=").fails(Auth, NoAuthOffered),
        offers("AUTHPLAIN").fails(Auth, NoAuthOffered),
        offers("AUTH CRAM-MD5 DIGEST-MD5").fails(Auth, NoCommonMechanism),
        offers("AUTH XOAUTH2 OAUTHBEARER").fails(Auth, NoCommonMechanism),
        offers("AUTH PLAINX \u{ff30}\u{ff2c}\u{ff21}\u{ff29}\u{ff2e}")
            .fails(Auth, NoCommonMechanism),
        scenario("offers no AUTH", offering(None)).fails(Auth, NoAuthOffered),
        scenario(
            "offers AUTH in plain text alone",
            Script::new()
                .starttls()
                .under_tls("EHLO", "250-mail.example.test\n250 PIPELINING"),
        )
        .fails(Auth, NoAuthOffered),
        scenario(
            "knows HELO alone under TLS",
            tls().on("EHLO", "502 5.5.1 what?"),
        )
        .fails(Auth, NoAuthOffered),
    ]
}

fn refusals() -> Vec<Scenario> {
    [
        // Microsoft 365 and Outlook.com
        ("535 5.7.3 Authentication unsuccessful", AuthenticationRejected),
        ("535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", AuthenticationRejected),
        ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", PasswordLoginDisabled),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", PasswordLoginDisabled),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", PasswordLoginDisabled),
        ("432 4.3.2 Concurrent connections limit exceeded.", TooManyConnections),
        ("504 5.7.4 Unrecognized authentication type", NoCommonMechanism),
        // Google
        ("535 5.7.8 Username and Password not accepted.", AuthenticationRejected),
        ("534 5.7.9 Application-specific password required.", AppPasswordRequired),
        ("534 5.7.14 Please log in via your web browser and then try again.", AppPasswordRequired),
        ("454 4.7.0 Too many login attempts, please try again later.", TooManyLogins),
        // Yahoo
        ("535 5.7.0 (#AUTH005) Too many bad auth attempts.", TooManyLogins),
        ("535 authentication failed (#5.7.1)", AuthenticationRejected),
        // Others
        ("535", AuthenticationRejected),
        ("550 5.7.1 no", AuthenticationRejected),
        ("538 5.7.11 Encryption required", EncryptionRequired),
        ("502 5.5.1 what?", NoCommonMechanism),
        ("421 4.7.0 closing", TemporarilyUnavailable),
        ("432 4.7.12 change it", TemporarilyUnavailable),
        ("454 4.7.0 later", AuthenticationTemporarilyFailed),
        ("503 5.5.1 bad sequence", AuthenticationTemporarilyFailed),
    ]
    .into_iter()
    .flat_map(|(answer, code)| {
        let number = answer[..3].parse().expect("a code");
        let login = offering(Some("AUTH LOGIN"));
        [
            ("AUTH PLAIN", tls().on("AUTH", answer)),
            ("AUTH LOGIN", login.clone().on("AUTH", answer)),
            ("the password", login.on("PASSWORD", answer)),
        ]
        .map(|(what, script)| {
            scenario(format!("answers {what} with {answer:?}"), script).refuses(Auth, code, number)
        })
    })
    .collect()
}

/// Only 235, and only to the last line, is a success.
fn out_of_step() -> Vec<Scenario> {
    let plain = |answer: &str| {
        scenario(
            format!("answers AUTH PLAIN with {answer:?}"),
            tls().on("AUTH", answer),
        )
    };
    let login = |what: &str, command: &str, answer: &str| {
        let script = offering(Some("AUTH LOGIN")).on(command, answer);
        scenario(format!("answers {what} with {answer:?}"), script)
    };
    vec![
        plain("250 2.0.0 ok").refuses(Auth, ProtocolError, 250),
        plain("220 ok").refuses(Auth, ProtocolError, 220),
        plain("334 dGVsbCBtZSBtb3Jl").refuses(Auth, ProtocolError, 334),
        plain("354 go on").refuses(Auth, ProtocolError, 354),
        login("AUTH LOGIN", "AUTH", "235 ok").fails(Auth, ProtocolError),
        login("the user name", "USERNAME", "235 ok").fails(Auth, ProtocolError),
        login("the user name", "USERNAME", "535 5.7.8 no").refuses(
            Auth,
            AuthenticationRejected,
            535,
        ),
        login("the password", "PASSWORD", "334 more").refuses(Auth, ProtocolError, 334),
        login("the password", "PASSWORD", "250 ok").refuses(Auth, ProtocolError, 250),
        // The second would be taken for the answer to MAIL.
        plain("235 2.7.0 welcome\n250 ok").fails(Sender, ProtocolError),
    ]
}

/// What is said stays out of the reply; that is for `harmless` to see. The code comes through.
fn echoes() -> Vec<Scenario> {
    [LOGIN, PASSWORD, LOGIN_BASE64, PASSWORD_BASE64, BLOB]
        .map(|echo| {
            let script = tls().on("AUTH", format!("535-5.7.8 {echo}\n535 5.7.8 no").as_str());
            scenario(format!("echoes {echo}"), script).refuses(Auth, AuthenticationRejected, 535)
        })
        .to_vec()
}
