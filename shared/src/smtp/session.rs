//! A session: commands and replies in step, each within its deadline.

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::auth::{Echo, Mechanism};
use super::diagnosis;
use super::dialer::Deadlines;
use super::extensions::Extensions;
use super::failure::{Failure, FailureCode, Stage};
use super::progress::Progress;
use super::replies::Lines;
use super::wire::{Broken, Wire};

/// A session that is ready for mail. It is worth keeping only while [`Session::is_reusable`] says so.
#[derive(Debug)]
pub struct Session {
    pub(super) wire: Wire,
    extensions: Extensions,
    deadlines: Deadlines,
    deadline: Instant,
    /// No command is waiting for its reply, and no transaction is open.
    pub(super) clean: bool,
    echo: Option<Echo>,
}

impl Session {
    pub(super) fn new(wire: Wire, deadlines: Deadlines, deadline: Instant) -> Self {
        Self {
            wire,
            extensions: Extensions::default(),
            deadlines,
            deadline,
            clean: true,
            echo: None,
        }
    }

    /// From here on no reply's text is passed on that holds any of this.
    pub(super) fn expect_no(&mut self, echo: Echo) {
        self.echo = Some(echo);
    }

    /// The bare connection, for a TLS handshake.
    pub(super) fn into_plain(self) -> Option<TcpStream> {
        self.wire.into_plain()
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Nothing goes on after `deadline` any more: a session that is used again has the time of its new use.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// What the server offers.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether the session is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.wire.is_encrypted()
    }

    /// Whether the server offers a way to log in that we speak, here and now.
    #[must_use]
    pub fn can_log_in(&self) -> bool {
        self.is_encrypted() && Mechanism::best(&self.extensions).is_some()
    }

    /// Whether another transaction may start: the last one ended cleanly, and the server has neither said anything since
    /// nor gone away. Asked before every reuse.
    pub async fn is_reusable(&mut self) -> bool {
        self.clean && self.wire.is_quiet_now().await
    }

    /// Says QUIT and closes, without waiting for the answer: nothing depends on it, and it would cost a round trip.
    pub async fn quit(mut self) {
        // In the middle of a dialogue there is no telling what QUIT would be taken for.
        if self.clean {
            self.wire.say_goodbye(b"QUIT\r\n").await;
        }
    }

    pub(super) fn reply_until(&self) -> Instant {
        self.deadline.min(Instant::now() + self.deadlines.reply)
    }

    pub(super) fn final_until(&self) -> Instant {
        self.deadline
            .min(Instant::now() + self.deadlines.final_reply)
    }

    /// Sends one flight. A server that spoke before it was asked has lost the step: its next reply would be taken for the
    /// answer to something else.
    pub(super) async fn fly(&mut self, flight: &[u8]) -> Result<(), Broken> {
        self.wire.expect_quiet()?;
        self.clean = false;
        self.wire.send(flight, self.reply_until()).await
    }

    /// Waits for one reply.
    pub(super) async fn hear(&mut self) -> Result<Lines, Broken> {
        self.hear_until(self.reply_until()).await
    }

    /// As [`Self::hear`], with another deadline.
    pub(super) async fn hear_until(&mut self, until: Instant) -> Result<Lines, Broken> {
        let answer = self.wire.reply(until).await?;
        let echoes = self.echo.as_ref().is_some_and(|echo| echo.is_in(&answer));
        Ok(if echoes {
            answer.without_text()
        } else {
            answer
        })
    }

    /// One command and its reply, in the middle of something: until its end the session is not clean, so that a future
    /// dropped half-way never leaves one that looks ready.
    pub(super) async fn exchange(&mut self, line: &[u8]) -> Result<Lines, Broken> {
        self.fly(line).await?;
        self.hear().await
    }

    /// One command that stands alone, and its reply.
    pub(super) async fn command(&mut self, line: &[u8]) -> Result<Lines, Broken> {
        let answer = self.exchange(line).await?;
        self.clean = true;
        Ok(answer)
    }

    /// Waits for the greeting and answers it.
    pub(super) async fn greet(
        &mut self,
        name: &str,
        port: u16,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let failed = |code| Failure::new(Stage::Greeting, code);
        let greeting = match self.hear().await {
            Ok(greeting) => greeting,
            Err(Broken::NotAReply(_)) => {
                let code = diagnosis::stranger(self.wire.unread(), self.is_encrypted());
                return Err(failed(code));
            }
            // On this port a silent server is one that waits for our handshake.
            Err(Broken::TimedOut) if port == 465 && !self.is_encrypted() => {
                return Err(failed(FailureCode::TlsExpected));
            }
            Err(broken) => return Err(broken.at(Stage::Greeting)),
        };
        let greeting = greeting.to_reply();
        // Its words are not passed on: who asks has not been shown a mail server yet.
        if greeting.code != 220 {
            return Err(failed(diagnosis::greeting(&greeting)));
        }
        progress.server.greeting = Some(greeting.text);
        self.say_hello(name, Stage::Greeting, progress).await
    }

    /// EHLO, or HELO for a server that refuses it (RFC 5321 §3.2).
    pub(super) async fn say_hello(
        &mut self,
        name: &str,
        stage: Stage,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let mut answer = self.greet_with("EHLO", name, stage).await?;
        if answer.code == 250 {
            self.extensions = Extensions::parse(answer.lines.get(1..).unwrap_or_default());
            progress.server.note_extensions(&self.extensions);
            return Ok(());
        }
        if answer.code / 100 == 5 {
            answer = self.greet_with("HELO", name, stage).await?;
            if answer.code == 250 {
                return Ok(());
            }
        }
        let reply = answer.to_reply();
        let code = diagnosis::hello(&reply);
        Err(Failure::new(stage, code).with_reply(reply))
    }

    async fn greet_with(&mut self, verb: &str, name: &str, stage: Stage) -> Result<Lines, Failure> {
        self.command(format!("{verb} {name}\r\n").as_bytes())
            .await
            .map_err(|broken| broken.at(stage))
    }
}
