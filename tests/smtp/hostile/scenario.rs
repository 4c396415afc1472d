//! One server, the way it is dialled, and what is to come of it.

use std::time::Duration;

use shared::model::encryption::Encryption;
use shared::smtp::FailureCode::{self, AuthNeedsEncryption, NoAuthOffered, NoCommonMechanism};
use shared::smtp::{Deadlines, Stage};
use tests::mail_server::Script;

use crate::support::short;

/// Where a verification failed, why, and the code of the reply that is passed on.
type Failed = (Stage, FailureCode, Option<u16>);

#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// What the server does, after "a server that".
    pub(super) name: String,
    pub(super) script: Script,
    pub(super) encryption: Encryption,
    pub(super) has_login: bool,
    pub(super) sender: &'static str,
    pub(super) has_test_message: bool,
    is_slow: bool,
    expected: Result<(), Failed>,
}

/// A server that passes, dialled without a login.
pub(super) fn scenario(name: impl Into<String>, script: Script) -> Scenario {
    Scenario {
        name: name.into(),
        encryption: script.encryption(),
        script,
        has_login: false,
        sender: "info@example.com",
        has_test_message: false,
        is_slow: false,
        expected: Ok(()),
    }
}

impl Scenario {
    /// Dialled with another encryption than the server's own.
    pub(super) fn dialled(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    pub(super) fn with_login(mut self) -> Self {
        self.has_login = true;
        self
    }

    pub(super) fn with_test_message(mut self) -> Self {
        self.has_test_message = true;
        self
    }

    pub(super) fn with_sender(mut self, sender: &'static str) -> Self {
        self.sender = sender;
        self
    }

    /// The client waits for this server until a deadline, so the deadlines are short. The others' are such that a busy machine
    /// meets them.
    pub(super) fn slow(mut self) -> Self {
        self.is_slow = true;
        self
    }

    /// Fails, and no word of the server is passed on.
    pub(super) fn fails(mut self, stage: Stage, code: FailureCode) -> Self {
        self.expected = Err((stage, code, None));
        self.is_slow |= code == FailureCode::TimedOut;
        self
    }

    /// Fails by a reply, which is passed on.
    pub(super) fn refuses(mut self, stage: Stage, code: FailureCode, reply: u16) -> Self {
        self.expected = Err((stage, code, Some(reply)));
        self
    }

    pub(super) fn deadlines(&self) -> Deadlines {
        if self.is_slow {
            short()
        } else {
            let patience = self.deadline();
            Deadlines {
                connect: patience,
                reply: patience,
                final_reply: patience,
            }
        }
    }

    /// Of the whole.
    pub(super) fn deadline(&self) -> Duration {
        Duration::from_secs(if self.is_slow { 1 } else { 5 })
    }

    /// What is to come of it, in words.
    pub(super) fn outcome(&self) -> String {
        outcome(self.expected)
    }

    pub(super) fn code(&self) -> Option<FailureCode> {
        self.expected.err().map(|(_, code, _)| code)
    }

    /// Whether it ends before the login is sent.
    pub(super) fn ends_before_login(&self) -> bool {
        self.expected
            .is_err_and(|(stage, code, reply)| match stage {
                Stage::Resolve | Stage::Connect | Stage::Tls | Stage::Greeting => true,
                // A server may say the like too.
                Stage::Auth if reply.is_none() => {
                    matches!(
                        code,
                        AuthNeedsEncryption | NoAuthOffered | NoCommonMechanism
                    )
                }
                Stage::Auth | Stage::Sender | Stage::Message => false,
            })
    }
}

/// How a verification ended, in words.
pub(super) fn outcome(ended: Result<(), Failed>) -> String {
    match ended {
        Ok(()) => "passed".to_owned(),
        Err((stage, code, None)) => format!("{stage}: {code}"),
        Err((stage, code, Some(reply))) => format!("{stage}: {code} by {reply}"),
    }
}
