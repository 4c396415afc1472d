//! Several messages through one session. With PIPELINING a body, its final dot and the next message's MAIL, RCPT and DATA leave in
//! one write: one message costs two round trips, ten cost eleven, the least that RFC 2920 allows. Else by the classic dialogue.

use std::borrow::Cow;

use super::failure::{Failure, FailureCode, Stage};
use super::flight::Body;
use super::opening::{After, Opening, Plan};
use super::session::Session;
use super::verdict::{ConnectionVerdict, Envelope, RecipientOutcome, Transaction, Verdict};
use super::wire::Broken;

/// A message that is to leave.
#[derive(Debug)]
pub struct Outgoing<'a, F> {
    /// Who sends it to whom.
    pub envelope: Cow<'a, Envelope>,
    /// The message, with CRLF line ends and not dot-stuffed.
    pub message: Cow<'a, [u8]>,
    /// Runs while the server thinks about the commands, and is complete before the first byte of this body leaves.
    pub fence: F,
}

/// A message of which all is known that can be known before a byte leaves.
struct Planned<'a, F> {
    plan: Plan<'a>,
    body: Body<'a>,
    outcomes: Vec<RecipientOutcome>,
    fence: F,
}

/// A message whose body has left and whose reply has not come.
struct Sent {
    outcomes: Vec<RecipientOutcome>,
    /// What came after it and can't be offered here: told in its turn.
    unoffered: Vec<Unoffered>,
}

type Unoffered = (Vec<RecipientOutcome>, Verdict);

impl Session {
    /// Sends what `next` gives until it gives nothing, and tells `ended` what became of each, in their order. `next` is asked
    /// whenever a flight is about to leave, and must not wait: what comes later goes with a later flight.
    ///
    /// Where the session is lost, it ends there: `next` is not asked again, and what was not asked for is still the caller's to
    /// send. A fence's error is its message's outcome: no byte of that body has left. Without PIPELINING `next` is asked once a
    /// message is over.
    pub async fn send_batch<'a, F, E>(
        &mut self,
        mut next: impl FnMut() -> Option<Outgoing<'a, F>>,
        mut ended: impl FnMut(Result<Transaction, E>),
    ) where
        F: Future<Output = Result<(), E>>,
    {
        let mut flown: Option<(Sent, Planned<'a, F>)> = None;
        loop {
            let (sent, planned) = if let Some((sent, planned)) = flown.take() {
                (Some(sent), planned)
            } else {
                let (planned, unoffered) = self.pull(&mut next);
                for (outcomes, verdict) in unoffered {
                    ended(Ok(self.end(outcomes, verdict)));
                }
                let Some(planned) = planned else { return };
                (None, planned)
            };
            let Planned {
                plan,
                body,
                mut outcomes,
                fence,
            } = planned;
            let (opening, fenced) = match sent {
                Some(sent) => {
                    let opening = self.hear_across(sent, &plan, &mut outcomes, &mut ended);
                    tokio::join!(opening, fence)
                }
                None => self.open(&plan, &mut outcomes, fence).await,
            };
            let opening = match opening {
                // A reply that nobody asked for would be taken for the one to the dot, and the message for accepted.
                Ok(Opening::Go) => self.wire.expect_quiet().map(|()| Opening::Go),
                other => other,
            };
            let verdict = match (opening, fenced) {
                (Ok(Opening::Go), Ok(())) => {
                    flown = self.go(body, outcomes, &mut next, &mut ended).await;
                    if flown.is_some() || self.clean {
                        continue;
                    }
                    return;
                }
                (Ok(Opening::Go), Err(error)) => {
                    // After a 354 there is no way back but this: any dot would deliver what came before it.
                    self.hang_up();
                    Err(error)
                }
                (Ok(Opening::Over(verdict, after)), fenced) => {
                    self.tidy(after).await;
                    match verdict {
                        // It matters to more than this message.
                        Verdict::Connection(_) => Ok(verdict),
                        _ => fenced.map(|()| verdict),
                    }
                }
                (Err(broken), fenced) => {
                    self.hang_up();
                    fenced.map(|()| Verdict::NotSent(broken.at(Stage::Message)))
                }
            };
            ended(verdict.map(|verdict| self.end(outcomes, verdict)));
            if !self.clean {
                return;
            }
        }
    }

    /// The commands of a message that follows no other in flight, their replies, and meanwhile its fence.
    async fn open<E>(
        &mut self,
        plan: &Plan<'_>,
        outcomes: &mut [RecipientOutcome],
        fence: impl Future<Output = Result<(), E>>,
    ) -> (Result<Opening, Broken>, Result<(), E>) {
        if self.extensions().pipelining {
            return match self.fly(plan.commands().as_bytes()).await {
                Ok(()) => tokio::join!(self.hear_opening(plan, outcomes), fence),
                Err(broken) => (Err(broken), Ok(())),
            };
        }
        match self.talk_to_data(plan, outcomes).await {
            Ok(None) => tokio::join!(self.say_data(), fence),
            Ok(Some((verdict, after))) => (Ok(Opening::Over(verdict, after)), Ok(())),
            Err(broken) => (Err(broken), Ok(())),
        }
    }

    /// The body leaves, and with it the commands of the next message, if there is one by now: then both are given back, and what the
    /// server says is still to be heard.
    async fn go<'a, F, E>(
        &mut self,
        body: Body<'a>,
        outcomes: Vec<RecipientOutcome>,
        next: &mut impl FnMut() -> Option<Outgoing<'a, F>>,
        ended: &mut impl FnMut(Result<Transaction, E>),
    ) -> Option<(Sent, Planned<'a, F>)> {
        let (following, unoffered) = if self.extensions().pipelining {
            self.pull(next)
        } else {
            (None, Vec::new())
        };
        let commands = following.as_ref().map(|planned| planned.plan.commands());
        let gone = self.send_body(body, commands).await;
        let (verdict, following) = match (gone, following) {
            (Ok(()), Some(planned)) => {
                let sent = Sent {
                    outcomes,
                    unoffered,
                };
                return Some((sent, planned));
            }
            (Ok(()), None) => (self.hear_dot().await, None),
            (Err(verdict), following) => (verdict, following),
        };
        let left_behind = left_behind(&verdict);
        ended(Ok(self.end(outcomes, verdict)));
        let following = following.map(|planned| (planned.outcomes, left_behind));
        for (outcomes, verdict) in unoffered.into_iter().chain(following) {
            ended(Ok(self.end(outcomes, verdict)));
        }
        None
    }

    /// The next message that this server can be offered, and what came before it and can't be.
    fn pull<'a, F>(
        &self,
        next: &mut impl FnMut() -> Option<Outgoing<'a, F>>,
    ) -> (Option<Planned<'a, F>>, Vec<Unoffered>) {
        let mut unoffered = Vec::new();
        while let Some(outgoing) = next() {
            let mut outcomes = vec![RecipientOutcome::Open; outgoing.envelope.to.len()];
            match self.plan(outgoing.envelope, outgoing.message, &mut outcomes) {
                Ok((plan, body)) => {
                    let planned = Planned {
                        plan,
                        body,
                        outcomes,
                        fence: outgoing.fence,
                    };
                    return (Some(planned), unoffered);
                }
                Err(verdict) => unoffered.push((outcomes, verdict)),
            }
        }
        (None, unoffered)
    }

    /// The reply to the message before, then those to the commands that left with its body.
    async fn hear_across<E>(
        &mut self,
        sent: Sent,
        plan: &Plan<'_>,
        outcomes: &mut [RecipientOutcome],
        ended: &mut impl FnMut(Result<Transaction, E>),
    ) -> Result<Opening, Broken> {
        let verdict = self.hear_dot().await;
        let goes_on = self.clean;
        // The commands that left are still to be answered.
        self.clean = false;
        let left_behind = left_behind(&verdict);
        for (recipients, verdict) in [(sent.outcomes, verdict)].into_iter().chain(sent.unoffered) {
            ended(Ok(Transaction {
                recipients,
                verdict,
                reusable: goes_on,
            }));
        }
        if goes_on {
            self.hear_opening(plan, outcomes).await
        } else {
            Ok(Opening::Over(left_behind, After::Close))
        }
    }
}

/// What the end of a session in the message before means for one whose commands had left: its body had not.
fn left_behind(verdict: &Verdict) -> Verdict {
    let failed = |code| Failure::new(Stage::Message, code);
    Verdict::NotSent(match verdict {
        Verdict::Connection(ConnectionVerdict::Unavailable(reply)) => {
            failed(FailureCode::TemporarilyUnavailable).with_reply(reply.clone())
        }
        Verdict::Connection(ConnectionVerdict::LoginNeeded(reply)) => {
            failed(FailureCode::AuthenticationRequired).with_reply(reply.clone())
        }
        Verdict::NotSent(failure) | Verdict::Ambiguous(failure) => failure.clone(),
        _ => failed(FailureCode::ConnectionLost),
    })
}
