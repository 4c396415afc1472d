//! A transaction up to its body: MAIL, RCPT and DATA, and what their replies add up to.

use std::borrow::Cow;

use super::failure::{Failure, FailureCode, Stage};
use super::flight::{Body, Flight, MailParameters};
use super::replies::Lines;
use super::reply::Reply;
use super::session::Session;
use super::verdict::{
    Command, ConnectionVerdict, Envelope, Impossible, RecipientOutcome, Verdict, recipient, refusal,
};
use super::wire::Broken;
use crate::model::email::EmailAddress;

/// A transaction as it goes to the server: all that can be known before a byte leaves.
pub(super) struct Plan<'a> {
    envelope: Cow<'a, Envelope>,
    parameters: MailParameters,
    /// The recipients that the server is asked about, by their place in the envelope.
    asked: Vec<usize>,
}

/// How far the commands before the body came.
pub(super) enum Opening {
    /// At least one recipient is taken and the 354 is here: the body may leave.
    Go,
    /// It ends here.
    Over(Verdict, After),
}

/// What has to be done to leave the session ready for another transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// RSET, as MAIL was accepted.
    Reset,
    /// A lone dot, as the server said 354 though nobody is to get the message (RFC 2920 §3.1).
    Dot,
    /// Nothing can: the connection closes.
    Close,
}

impl Session {
    /// Judges what needs no server to be judged.
    pub(super) fn plan<'a>(
        &self,
        envelope: Cow<'a, Envelope>,
        message: Cow<'a, [u8]>,
        outcomes: &mut [RecipientOutcome],
    ) -> Result<(Plan<'a>, Body<'a>), Verdict> {
        let extensions = self.extensions();
        let size = u64::try_from(message.len()).unwrap_or(u64::MAX);
        if let Some(limit) = extensions.max_size.filter(|limit| size > *limit) {
            return Err(Verdict::Impossible(Impossible::MessageTooLarge {
                size,
                limit,
            }));
        }
        if envelope.from.needs_smtputf8() && !extensions.smtputf8 {
            return Err(Verdict::Impossible(Impossible::Smtputf8NotOffered));
        }
        let body = Body::new(message).map_err(|_| Verdict::Impossible(Impossible::Malformed))?;
        if body.is_eight_bit() && !extensions.eight_bit_mime {
            return Err(Verdict::Impossible(Impossible::EightBitMimeNotOffered));
        }
        let mut asked = Vec::with_capacity(envelope.to.len());
        for (index, to) in envelope.to.iter().enumerate() {
            if to.needs_smtputf8() && !extensions.smtputf8 {
                outcomes[index] = RecipientOutcome::NeedsSmtputf8;
            } else {
                asked.push(index);
            }
        }
        if asked.is_empty() {
            return Err(Verdict::NoRecipient);
        }
        let parameters = MailParameters {
            size: extensions.size.then_some(body.size()),
            eight_bit: body.is_eight_bit(),
            smtputf8: extensions.smtputf8
                && (envelope.from.needs_smtputf8()
                    || envelope.to.iter().any(EmailAddress::needs_smtputf8)
                    || body.has_utf8_header()),
        };
        let plan = Plan {
            envelope,
            parameters,
            asked,
        };
        Ok((plan, body))
    }

    /// The replies to MAIL, every RCPT and DATA, when all left in one flight.
    pub(super) async fn hear_opening(
        &mut self,
        plan: &Plan<'_>,
        outcomes: &mut [RecipientOutcome],
    ) -> Result<Opening, Broken> {
        let mail = self.hear().await?.to_reply();
        let mut refused = None;
        if !mail.is_accepted() {
            let Some(verdict) = refusal(Command::Mail, mail) else {
                return Ok(Opening::protocol_error());
            };
            if closes(&verdict) {
                return Ok(Opening::Over(verdict, After::Close));
            }
            refused = Some(verdict);
        }
        for index in &plan.asked {
            let reply = self.hear().await?.to_reply();
            // Without a sender, what is said of recipients is noise.
            if refused.is_none()
                && let Some(over) = note_recipient(reply, *index, outcomes)
            {
                return Ok(over);
            }
        }
        let data = self.hear().await?;
        let taken = outcomes.iter().any(RecipientOutcome::is_accepted);
        match refused {
            None if taken => Ok(data_answer(&data)),
            refused => {
                let after = match (data.code, &refused) {
                    (354, _) => After::Dot,
                    (421 | 200..=399, _) => After::Close,
                    _ => After::Reset,
                };
                Ok(Opening::Over(
                    refused.unwrap_or(Verdict::NoRecipient),
                    after,
                ))
            }
        }
    }

    /// MAIL and every RCPT, each with its reply; `None` when it is DATA's turn.
    pub(super) async fn talk_to_data(
        &mut self,
        plan: &Plan<'_>,
        outcomes: &mut [RecipientOutcome],
    ) -> Result<Option<(Verdict, After)>, Broken> {
        let mail = self.exchange(plan.mail().as_bytes()).await?.to_reply();
        if !mail.is_accepted() {
            return Ok(Some(match refusal(Command::Mail, mail) {
                Some(verdict) if closes(&verdict) => (verdict, After::Close),
                Some(verdict) => (verdict, After::Reset),
                None => (protocol_error(), After::Close),
            }));
        }
        for index in &plan.asked {
            let flight = Flight::new().rcpt(&plan.envelope.to[*index]);
            let reply = self.exchange(flight.as_bytes()).await?.to_reply();
            if let Some(Opening::Over(verdict, after)) = note_recipient(reply, *index, outcomes) {
                return Ok(Some((verdict, after)));
            }
        }
        let taken = outcomes.iter().any(RecipientOutcome::is_accepted);
        Ok((!taken).then_some((Verdict::NoRecipient, After::Reset)))
    }

    pub(super) async fn say_data(&mut self) -> Result<Opening, Broken> {
        let data = self.exchange(Flight::new().data().as_bytes()).await?;
        Ok(data_answer(&data))
    }
}

impl Plan<'_> {
    fn mail(&self) -> Flight {
        Flight::new().mail(&self.envelope.from, self.parameters)
    }

    /// MAIL, every RCPT and DATA.
    pub(super) fn commands(&self) -> Flight {
        let rcpt = |flight: Flight, index: &usize| flight.rcpt(&self.envelope.to[*index]);
        self.asked.iter().fold(self.mail(), rcpt).data()
    }
}

impl Opening {
    fn protocol_error() -> Self {
        Self::Over(protocol_error(), After::Close)
    }
}

fn protocol_error() -> Verdict {
    Verdict::NotSent(Failure::new(Stage::Message, FailureCode::ProtocolError))
}

/// Verdicts after which the session is of no use: the server is leaving, or wants a login that only a new session gives.
pub(super) fn closes(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Connection(ConnectionVerdict::Unavailable(_) | ConnectionVerdict::LoginNeeded(_))
    )
}

/// Notes the answer about one recipient, or ends the transaction.
fn note_recipient(
    reply: Reply,
    index: usize,
    outcomes: &mut [RecipientOutcome],
) -> Option<Opening> {
    if reply.is_not_now() {
        let verdict = Verdict::Connection(ConnectionVerdict::Unavailable(reply));
        return Some(Opening::Over(verdict, After::Close));
    }
    if reply.code == 530 {
        let verdict = Verdict::Connection(ConnectionVerdict::LoginNeeded(reply));
        return Some(Opening::Over(verdict, After::Close));
    }
    let others = outcomes.iter().any(RecipientOutcome::is_accepted);
    match recipient(reply, others) {
        Some(outcome) => {
            outcomes[index] = outcome;
            None
        }
        None => Some(Opening::protocol_error()),
    }
}

fn data_answer(data: &Lines) -> Opening {
    if data.code == 354 {
        return Opening::Go;
    }
    match refusal(Command::Data, data.to_reply()) {
        Some(verdict) if closes(&verdict) => Opening::Over(verdict, After::Close),
        Some(verdict) => Opening::Over(verdict, After::Reset),
        None => Opening::protocol_error(),
    }
}
