//! What the fake mail server does: well-behaved unless a test says otherwise.

use std::sync::Arc;
use std::time::Duration;

use shared::model::encryption::Encryption;
use tokio::sync::Semaphore;

use super::authority::Certificate;

/// One thing that a server does in answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Sends these bytes.
    Say(Vec<u8>),
    /// Sends these bytes one by one.
    Drip(Vec<u8>, Duration),
    /// Sends these bytes again and again, until the client hangs up.
    Endless(&'static [u8]),
    /// Waits until the client says something.
    Listen,
    /// Says nothing until the test opens the gate.
    Wait(Gate),
    /// Says nothing until the client hangs up.
    Silence,
    /// Hangs up.
    Close,
}

/// What a server waits for until its test opens it.
#[derive(Debug, Clone)]
pub struct Gate(pub(super) Arc<Semaphore>);

impl Gate {
    /// A closed one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "closed is what it says")]
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.close();
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Gate {}

/// What a server does in answer to a command, step by step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer(pub(super) Vec<Step>);

impl Answer {
    /// These lines, separated by `\n`.
    #[must_use]
    pub fn lines(text: &str) -> Self {
        let bytes = text
            .split('\n')
            .flat_map(|line| [line, "\r\n"])
            .collect::<String>();
        Self(vec![Step::Say(bytes.into_bytes())])
    }

    /// Exactly these bytes.
    #[must_use]
    pub fn raw(bytes: &[u8]) -> Self {
        Self(vec![Step::Say(bytes.to_vec())])
    }

    /// This line, a byte at a time.
    #[must_use]
    pub fn drip(line: &str, every: Duration) -> Self {
        Self(vec![Step::Drip(format!("{line}\r\n").into_bytes(), every)])
    }

    /// These bytes without end.
    #[must_use]
    pub fn endless(bytes: &'static [u8]) -> Self {
        Self(vec![Step::Endless(bytes)])
    }

    /// Nothing at all.
    #[must_use]
    pub fn silence() -> Self {
        Self(vec![Step::Silence])
    }

    /// The end of the connection.
    #[must_use]
    pub fn close() -> Self {
        Self(vec![Step::Close])
    }

    /// Nothing until the client says something.
    #[must_use]
    pub fn listen() -> Self {
        Self(vec![Step::Listen])
    }

    /// Nothing until the test opens the gate.
    #[must_use]
    pub fn wait(gate: &Gate) -> Self {
        Self(vec![Step::Wait(gate.clone())])
    }

    /// And then that.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    /// Hangs up after that.
    #[must_use]
    pub fn then_close(self) -> Self {
        self.then(Self::close())
    }

    /// The first thing said, for the code in it.
    pub(super) fn first(&self) -> String {
        match self.0.first() {
            Some(Step::Say(bytes) | Step::Drip(bytes, _)) => {
                String::from_utf8_lossy(bytes).trim_end().to_owned()
            }
            _ => String::new(),
        }
    }
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::lines(text)
    }
}

/// How a command is answered.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// What the command starts with.
    prefix: String,
    /// Whether it applies under TLS alone.
    encrypted: bool,
    /// The only message of a session that it applies to, counted from 1.
    message: Option<usize>,
    answer: Answer,
}

/// A server's part in the play.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) greeting: Answer,
    pub(super) extensions: Vec<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) encryption: Encryption,
    pub(super) certificate: Certificate,
    pub(super) hang_up_in_body: Option<(usize, Answer)>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A well-behaved server without encryption: everything is accepted, PIPELINING and its usual companions are offered.
    #[must_use]
    pub fn new() -> Self {
        let extensions = [
            "PIPELINING",
            "SIZE 10000000",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "AUTH PLAIN LOGIN",
        ];
        Self {
            greeting: Answer::lines("220 mail.example.test ESMTP"),
            extensions: extensions.map(str::to_owned).to_vec(),
            rules: Vec::new(),
            encryption: Encryption::None,
            certificate: Certificate::Good,
            hang_up_in_body: None,
        }
    }

    /// TLS from the first byte.
    #[must_use]
    pub fn implicit_tls(mut self) -> Self {
        self.encryption = Encryption::ImplicitTls;
        self
    }

    /// STARTTLS, offered until it is used.
    #[must_use]
    pub fn starttls(mut self) -> Self {
        self.encryption = Encryption::Starttls;
        self
    }

    /// How the server protects its sessions.
    #[must_use]
    pub const fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// What the server shows for itself.
    #[must_use]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = certificate;
        self
    }

    /// Greets like this.
    #[must_use]
    pub fn greeting(mut self, answer: impl Into<Answer>) -> Self {
        self.greeting = answer.into();
        self
    }

    /// Offers this too.
    #[must_use]
    pub fn offering(mut self, extension: &str) -> Self {
        self.extensions.push(extension.to_owned());
        self
    }

    /// Does not offer what starts with this.
    #[must_use]
    pub fn without(mut self, keyword: &str) -> Self {
        self.extensions.retain(|line| !line.starts_with(keyword));
        self
    }

    /// Answers each command that starts with `command` like this; `"."` is the final dot, `"USERNAME"` and `"PASSWORD"` are the
    /// lines of AUTH LOGIN. The first rule that fits is taken.
    #[must_use]
    pub fn on(self, command: &str, answer: impl Into<Answer>) -> Self {
        self.rule(command, false, answer.into())
    }

    /// As [`Self::on`], but only once the session is encrypted.
    #[must_use]
    pub fn under_tls(self, command: &str, answer: impl Into<Answer>) -> Self {
        self.rule(command, true, answer.into())
    }

    fn rule(mut self, command: &str, encrypted: bool, answer: Answer) -> Self {
        self.rules.push(Rule {
            prefix: command.to_ascii_uppercase(),
            encrypted,
            message: None,
            answer,
        });
        self
    }

    /// Limits the rule before to the session's nth message, counted from 1 by its MAIL.
    #[must_use]
    pub fn in_message(mut self, nth: usize) -> Self {
        if let Some(rule) = self.rules.last_mut() {
            rule.message = Some(nth);
        }
        self
    }

    /// Says this and hangs up after this many bytes of a message's body.
    #[must_use]
    pub fn hang_up_in_body(mut self, after: usize, last_words: impl Into<Answer>) -> Self {
        self.hang_up_in_body = Some((after, last_words.into()));
        self
    }

    pub(super) fn answer(&self, command: &str, encrypted: bool, message: usize) -> Option<Answer> {
        let command = command.to_ascii_uppercase();
        self.rules
            .iter()
            .filter(|rule| encrypted || !rule.encrypted)
            .filter(|rule| rule.message.is_none_or(|only| only == message))
            .find(|rule| {
                if rule.prefix == "." {
                    command == "."
                } else {
                    command.starts_with(rule.prefix.as_str())
                }
            })
            .map(|rule| rule.answer.clone())
    }
}
