//! Logging in (RFC 4954): PLAIN (RFC 4616) with its initial response, else LOGIN.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

use super::diagnosis;
use super::extensions::Extensions;
use super::failure::{Failure, FailureCode, Stage};
use super::replies::{Lines, is_unsafe};
use super::session::Session;
use crate::model::password::Password;

/// What a session logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The login, usually an address.
    pub username: String,
    /// The password.
    pub password: Password,
}

/// The mechanisms that we speak, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    Login,
}

impl Mechanism {
    /// The best that the server offers.
    pub(crate) fn best(extensions: &Extensions) -> Option<Self> {
        [Self::Plain, Self::Login]
            .into_iter()
            .find(|mechanism| extensions.offers_auth(mechanism.name()))
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

/// Logs in; only 235 is success.
pub(crate) async fn log_in(
    session: &mut Session,
    credentials: &Credentials,
) -> Result<Mechanism, Failure> {
    let failed = |code| Failure::new(Stage::Auth, code);
    if !session.is_encrypted() {
        return Err(failed(FailureCode::AuthNeedsEncryption));
    }
    let extensions = session.extensions();
    if extensions.mechanisms().is_empty() {
        return Err(failed(FailureCode::NoAuthOffered));
    }
    let mechanism =
        Mechanism::best(extensions).ok_or_else(|| failed(FailureCode::NoCommonMechanism))?;
    let answer = match mechanism {
        Mechanism::Plain => {
            let command = encoded(b"AUTH PLAIN ", &plain_response(credentials));
            say(session, &command).await?
        }
        Mechanism::Login => login(session, credentials).await?,
    };
    if answer.code == 235 {
        // One that short is in every other sentence.
        if credentials.password.reveal().len() >= 4 {
            session.expect_no(Echo::of_password(credentials));
        }
        return Ok(mechanism);
    }
    let reply = answer.to_reply();
    let code = diagnosis::login(&reply);
    let reply = if Echo::of_login(credentials).is_in(&answer) {
        reply.without_text()
    } else {
        reply
    };
    Err(failed(code).with_reply(reply))
}

/// The two prompts of LOGIN. What they ask is not looked at: servers write them as they please.
async fn login(session: &mut Session, credentials: &Credentials) -> Result<Lines, Failure> {
    let mut answer = say(session, b"AUTH LOGIN\r\n").await?;
    for secret in [&credentials.username, credentials.password.reveal()] {
        if answer.code != 334 {
            // 235 before the password was asked for is no login.
            if answer.code / 100 < 4 {
                return Err(Failure::new(Stage::Auth, FailureCode::ProtocolError));
            }
            return Ok(answer);
        }
        answer = say(session, &encoded(b"", secret.as_bytes())).await?;
    }
    Ok(answer)
}

async fn say(session: &mut Session, line: &[u8]) -> Result<Lines, Failure> {
    session
        .command(line)
        .await
        .map_err(|broken| broken.at(Stage::Auth))
}

fn plain_response(credentials: &Credentials) -> Zeroizing<Vec<u8>> {
    let (username, password) = (&credentials.username, credentials.password.reveal());
    // To its full size at once: a vector that grows leaves copies behind that are not wiped.
    let mut response = Zeroizing::new(Vec::with_capacity(username.len() + password.len() + 2));
    response.push(0);
    response.extend_from_slice(username.as_bytes());
    response.push(0);
    response.extend_from_slice(password.as_bytes());
    response
}

/// `command`, then `secret` in base64, then the line's end; wiped when it is dropped.
fn encoded(command: &[u8], secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = secret.len().div_ceil(3) * 4;
    let mut line = Zeroizing::new(vec![0; command.len() + length + 2]);
    line[..command.len()].copy_from_slice(command);
    let written = STANDARD.encode_slice(secret, &mut line[command.len()..]);
    debug_assert_eq!(written, Ok(length));
    line[command.len() + length..].copy_from_slice(b"\r\n");
    line
}

/// What must not come back in a server's words: servers do echo what they are sent, and a hostile one would, to have it written into
/// records.
pub(super) struct Echo {
    /// As it is, and as it is compared.
    secrets: Vec<Zeroizing<String>>,
    /// The ways to write it, folded.
    forms: Vec<Zeroizing<String>>,
}

impl Echo {
    /// The login and the password: what a reply to AUTH must not hold.
    fn of_login(credentials: &Credentials) -> Self {
        let (username, password) = (&credentials.username, credentials.password.reveal());
        Self::of(&[username, password], credentials)
    }

    /// The password alone: what no later reply must hold. They name the login for good reasons.
    fn of_password(credentials: &Credentials) -> Self {
        Self::of(&[credentials.password.reveal()], credentials)
    }

    fn of(secrets: &[&str], credentials: &Credentials) -> Self {
        let unpadded = |secret: &[u8]| {
            let encoded = Zeroizing::new(STANDARD.encode(secret));
            folded(encoded.trim_end_matches('='))
        };
        let plain = secrets.iter().map(|secret| folded(secret));
        let encoded = secrets.iter().map(|secret| unpadded(secret.as_bytes()));
        let forms = plain.chain(encoded);
        let forms = forms.chain([unpadded(&plain_response(credentials))]);
        Self {
            secrets: secrets
                .iter()
                .map(|&secret| Zeroizing::new(secret.to_owned()))
                .collect(),
            forms: forms.filter(|form| !form.is_empty()).collect(),
        }
    }

    /// Whether a reply holds any of it. Its lines are looked at run together, so that nothing can hide across a line's end, also as
    /// they are kept: taking the enhanced status codes off may join what they kept apart.
    pub(super) fn is_in(&self, answer: &Lines) -> bool {
        let kept = answer.to_reply().text;
        self.is_written(&answer.lines.concat()) || self.is_written(&kept) || {
            answer.lines.iter().any(|line| self.is_encoded(line)) || self.is_encoded(&kept)
        }
    }

    fn is_written(&self, text: &str) -> bool {
        let text = folded(text);
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    /// Whether any word decodes from base64 to something that holds a secret.
    fn is_encoded(&self, text: &str) -> bool {
        text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/'))
            .filter_map(|word| LENIENT.decode(word).ok())
            .map(Zeroizing::new)
            .any(|bytes| {
                self.secrets
                    .iter()
                    .any(|secret| memchr::memmem::find(&bytes, secret.as_bytes()).is_some())
            })
    }
}

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Echo")
    }
}

/// Reads base64 however its padding was written, and whatever bits were left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Text as it is compared: as a reply is cleaned, without spaces and case.
fn folded(text: &str) -> Zeroizing<String> {
    let mut folded = Zeroizing::new(String::with_capacity(text.len() * 3));
    folded.extend(
        text.chars()
            .filter(|character| !character.is_whitespace() && !is_unsafe(*character))
            .flat_map(char::to_lowercase),
    );
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            username: "info@example.com".to_owned(),
            password: Password::parse("Canary 42!".to_owned().into()).expect("valid"),
        }
    }

    fn kept(lines: &[&str]) -> bool {
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        !Echo::of_login(&credentials()).is_in(&Lines { code: 535, lines })
    }

    #[test]
    fn a_reply_that_echoes_neither_login_nor_password_keeps_its_text() {
        assert!(kept(&["5.7.8 Authentication credentials invalid"]));
    }

    #[test]
    fn a_reply_that_echoes_login_or_password_in_any_form_loses_its_text() {
        let blob = STANDARD.encode(plain_response(&credentials()));
        let password = STANDARD.encode("Canary 42!");
        for echo in [
            "no user INFO@example.com",
            "bad password Canary 42!",
            "bad password canary42!",
            &STANDARD.encode("info@example.com"),
            &password,
            password.trim_end_matches('='),
            &blob,
            &STANDARD.encode(b"user=info@example.com\x01auth"),
        ] {
            assert!(!kept(&[&format!("5.7.8 <{echo}>")]), "{echo}");
        }
        assert!(!kept(&["bad Cana", "ry 42!"]));
        assert!(!kept(&["5.7.8 bad Cana", "5.7.8 ry 42!"]));
        assert!(!kept(&[&blob[..10], &blob[10..]]));
    }

    #[test]
    fn after_the_login_a_reply_may_name_the_login_and_not_the_password() {
        let echo = Echo::of_password(&credentials());
        let holds = |line: &str| {
            let lines = vec![line.to_owned()];
            echo.is_in(&Lines { code: 550, lines })
        };
        assert!(!holds(
            "5.7.60 info@example.com may not send as this sender"
        ));
        for secret in [
            "Canary 42!",
            "Q2FuYXJ5IDQyIQ==",
            "AGluZm9AZXhhbXBsZS5jb20AQ2FuYXJ5IDQyIQ",
        ] {
            assert!(holds(&format!("5.1.1 <{secret}>")), "{secret}");
        }
    }

    #[test]
    fn credentials_are_encoded_as_rfc_4616_shows() {
        let line = encoded(b"AUTH PLAIN ", &plain_response(&credentials()));
        let expected = "AUTH PLAIN AGluZm9AZXhhbXBsZS5jb20AQ2FuYXJ5IDQyIQ==\r\n";
        assert_eq!(String::from_utf8_lossy(&line), expected);
    }
}
