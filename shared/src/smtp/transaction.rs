//! One message through one session: with PIPELINING in two round trips (RFC 2920), else by the classic dialogue.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::{Failure, FailureCode, Stage};
use super::flight::{Body, Flight};
use super::opening::{After, Opening, closes};
use super::session::Session;
use super::verdict::{Command, Envelope, RecipientOutcome, Transaction, Verdict, refusal};
use super::wire::Broken;

/// How long a server that hung up on us in the middle of the body may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Session {
    /// Sends `message` (CRLF line ends, not dot-stuffed). `fence` runs while the server thinks about the commands, and must
    /// have completed before the first byte of the body leaves.
    ///
    /// # Errors
    /// The fence's own: then no byte of the body has left, and the session is ready for another transaction or closed.
    pub async fn send<E>(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        fence: impl Future<Output = Result<(), E>>,
    ) -> Result<Transaction, E> {
        let mut outcomes = vec![RecipientOutcome::Open; envelope.to.len()];
        let (plan, body) = match self.plan(envelope, message, &mut outcomes) {
            Ok(planned) => planned,
            Err(verdict) => return Ok(self.end(outcomes, verdict)),
        };
        let (opening, fenced) = if self.extensions().pipelining {
            let flight = plan.rcpts(plan.mail()).data();
            if let Err(broken) = self.fly(flight.as_bytes()).await {
                return Ok(self.lost(outcomes, broken));
            }
            tokio::join!(self.hear_opening(&plan, &mut outcomes), fence)
        } else {
            match self.talk_to_data(&plan, &mut outcomes).await {
                Ok(None) => tokio::join!(self.say_data(), fence),
                Ok(Some((verdict, after))) => (Ok(Opening::Over(verdict, after)), Ok(())),
                Err(broken) => (Err(broken), Ok(())),
            }
        };
        let verdict = match (opening, fenced) {
            (Ok(Opening::Go), Ok(())) => self.send_body(&body).await,
            (Ok(Opening::Go), Err(error)) => {
                // After a 354 there is no way back but this: any dot would deliver what came before it.
                self.hang_up();
                return Err(error);
            }
            (Ok(Opening::Over(verdict, after)), fenced) => {
                self.tidy(after).await;
                fenced?;
                verdict
            }
            (Err(broken), fenced) => {
                self.hang_up();
                fenced?;
                Verdict::NotSent(broken.at(Stage::Message))
            }
        };
        Ok(self.end(outcomes, verdict))
    }

    /// The body, its final dot, and the reply that judges it.
    async fn send_body(&mut self, body: &Body) -> Verdict {
        self.clean = false;
        // A reply that nobody asked for would be taken for the one to the dot, and the message for accepted.
        if let Err(broken) = self.wire.expect_quiet() {
            self.hang_up();
            return Verdict::NotSent(broken.at(Stage::Message));
        }
        let until = self.final_until();
        if let Err(broken) = self.wire.send(body.as_bytes(), until).await {
            let until = until.min(Instant::now() + LAST_WORDS);
            let said = self.hear_until(until).await;
            self.hang_up();
            return said
                .ok()
                .and_then(|lines| refusal(Command::Dot, lines.to_reply()))
                .unwrap_or_else(|| Verdict::NotSent(broken.at(Stage::Message)));
        }
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
    async fn tidy(&mut self, after: After) {
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

    fn hang_up(&mut self) {
        self.clean = false;
        self.wire.close();
    }

    fn lost(&mut self, outcomes: Vec<RecipientOutcome>, broken: Broken) -> Transaction {
        self.hang_up();
        self.end(outcomes, Verdict::NotSent(broken.at(Stage::Message)))
    }

    fn end(&mut self, recipients: Vec<RecipientOutcome>, verdict: Verdict) -> Transaction {
        self.clean = self.clean && self.wire.is_quiet();
        Transaction {
            recipients,
            verdict,
            reusable: self.clean,
        }
    }
}
