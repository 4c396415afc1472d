//! The parts of a transaction: its body, the reply that judges it, and how it is left behind.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::Outgoing;
use super::failure::{Failure, FailureCode, Stage};
use super::flight::{Body, Flight};
use super::opening::{After, closes};
use super::session::Session;
use super::verdict::{Command, Envelope, RecipientOutcome, Transaction, Verdict, refusal};
use super::wire::{Cut, RECORD};

/// How long a server that hung up on us in the middle of the body may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The most octets of a body that are gathered for one write.
const GATHERED: usize = 64 * 1024;

impl Session {
    /// Sends `message` (CRLF line ends, not dot-stuffed): a batch of one. `fence` runs while the server thinks about the commands,
    /// and must have completed before the first byte of the body leaves.
    ///
    /// # Errors
    /// The fence's own: then no byte of the body has left, and the session is ready for another transaction or closed.
    pub async fn send<E>(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        fence: impl Future<Output = Result<(), E>>,
    ) -> Result<Transaction, E> {
        let mut one = Some(Outgoing {
            envelope: Cow::Borrowed(envelope),
            message: Cow::Borrowed(message),
            fence,
        });
        let mut outcome = None;
        self.send_batch(|| one.take(), |ended| outcome = Some(ended))
            .await;
        outcome.expect("every message that was asked for has its outcome")
    }

    /// The body and its final dot, and in the same write the commands of the message after it.
    pub(super) async fn send_body(
        &mut self,
        body: Body<'_>,
        following: Option<Flight>,
    ) -> Result<(), Verdict> {
        self.clean = false;
        let until = self.final_until();
        let Err(cut) = self.let_go(&body, following, until).await else {
            return Ok(());
        };
        let until = until.min(Instant::now() + LAST_WORDS);
        let said = self.hear_until(until).await.map(|lines| lines.to_reply());
        self.hang_up();
        let failure = cut.broken.at(Stage::Message);
        let judged = match said {
            Ok(reply) if cut.passed && reply.is_accepted() => Some(Verdict::Accepted(reply)),
            Ok(reply) => refusal(Command::Dot, reply),
            Err(_) => None,
        };
        Err(judged.unwrap_or(if cut.passed {
            Verdict::Ambiguous(failure)
        } else {
            Verdict::NotSent(failure)
        }))
    }

    /// Small parts of a body are gathered into one write; of a large one, all but its end leaves from where it is.
    async fn let_go(
        &mut self,
        body: &Body<'_>,
        following: Option<Flight>,
        until: Instant,
    ) -> Result<(), Cut> {
        let unfinished = |broken| Cut {
            broken,
            passed: false,
        };
        let mut flight = Vec::with_capacity(GATHERED.min(body.size() + RECORD));
        for part in body.parts() {
            if flight.len() + part.len() > GATHERED {
                let now = part.len().saturating_sub(RECORD);
                for piece in [&flight, &part[..now]] {
                    self.wire.send(piece, until).await.map_err(unfinished)?;
                }
                flight.clear();
                flight.extend_from_slice(&part[now..]);
            } else {
                flight.extend_from_slice(part);
            }
        }
        let dot = flight.len();
        if let Some(following) = following {
            flight.extend_from_slice(following.as_bytes());
        }
        self.wire.send_past(&flight, dot, until).await
    }

    /// The reply to the final dot. The session is clean afterwards, or closed.
    pub(super) async fn hear_dot(&mut self) -> Verdict {
        let until = self.final_until();
        match self.hear_until(until).await {
            Ok(lines) => {
                let reply = lines.to_reply();
                self.clean = true;
                if reply.is_accepted() {
                    return Verdict::Accepted(reply);
                }
                let verdict = refusal(Command::Dot, reply).unwrap_or_else(|| {
                    Verdict::Ambiguous(Failure::new(Stage::Message, FailureCode::ProtocolError))
                });
                if closes(&verdict) || matches!(verdict, Verdict::Ambiguous(_)) {
                    self.hang_up();
                }
                verdict
            }
            Err(broken) => {
                self.hang_up();
                Verdict::Ambiguous(broken.at(Stage::Message))
            }
        }
    }

    /// Leaves no transaction open, or closes.
    pub(super) async fn tidy(&mut self, after: After) {
        let tidied = match after {
            After::Close => false,
            After::Reset => {
                let reset = self.exchange(Flight::new().rset().as_bytes()).await;
                reset.is_ok_and(|lines| lines.code / 100 == 2)
            }
            After::Dot => {
                let dot = self.exchange(b".\r\n").await;
                dot.is_ok_and(|lines| lines.code / 100 == 5)
            }
        };
        self.clean = tidied;
        if !tidied {
            self.hang_up();
        }
    }

    pub(super) fn hang_up(&mut self) {
        self.clean = false;
        self.wire.close();
    }

    pub(super) fn end(
        &mut self,
        recipients: Vec<RecipientOutcome>,
        verdict: Verdict,
    ) -> Transaction {
        self.clean = self.clean && self.wire.is_quiet();
        Transaction {
            recipients,
            verdict,
            reusable: self.clean,
        }
    }
}
