//! SASL PLAIN (RFC 4616) and LOGIN, and the login that may be demanded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared::model::password::Password;

/// A login: the only one accepted, when there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    username: String,
    password: Password,
}

impl Login {
    /// A login of this username and password.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn new(username: &str, password: &str) -> Result<Self, String> {
        if username.is_empty() || username.chars().any(char::is_control) {
            return Err("the username must be one line, and not empty".to_owned());
        }
        let password = Password::parse(password.to_owned().into())
            .map_err(|invalid| format!("the password {}", invalid.detail))?;
        Ok(Self {
            username: username.to_owned(),
            password,
        })
    }

    /// From `user:password`. The password may hold colons; the username can't.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (username, password) = text.split_once(':').ok_or("must be user:password")?;
        Self::new(username, password)
    }

    /// From the response of PLAIN; `None` when it is not one.
    pub(super) fn from_plain(response: &str) -> Option<Self> {
        let text = decode(response)?;
        let mut parts = text.split('\0');
        // Whom to act for is of no interest: nobody has anything here.
        let (_, username, password) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Self::new(username, password).ok()
    }

    /// From the two responses of LOGIN.
    pub(super) fn from_login(username: &str, password: &str) -> Option<Self> {
        Self::new(&decode(username)?, &decode(password)?).ok()
    }
}

fn decode(response: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(response).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_a_username_and_a_password_that_may_hold_colons() {
        let login = Login::parse("demo@example.com:pass:word").expect("a login");
        assert_eq!(login.username, "demo@example.com");
        assert_eq!(login.password.reveal(), "pass:word");
        for text in ["demo", "demo:", ":password", ""] {
            assert!(Login::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_login_is_not_printed() {
        let login = Login::parse("demo:s3cr3t-canary").expect("a login");
        assert!(!format!("{login:?}").contains("canary"));
    }

    #[test]
    fn plain_and_login_give_the_same() {
        let login = Login::parse("user:pencil").ok();
        assert_eq!(Login::from_plain("AHVzZXIAcGVuY2ls"), login);
        assert_eq!(Login::from_plain("dXNlcgB1c2VyAHBlbmNpbA=="), login);
        assert_eq!(Login::from_login("dXNlcg==", "cGVuY2ls"), login);
        for response in ["", "=", "%%%", "dXNlcg==", "AHVzZXI=", "AHVzZXIA"] {
            assert_eq!(Login::from_plain(response), None, "{response}");
        }
    }
}
