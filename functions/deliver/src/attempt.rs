//! What a transaction means for the message and its recipients.

use std::time::Duration;

use shared::model::email::EmailAddress;
use shared::model::message::{Attempt, AttemptResult, Outcome, RecipientStatus};
use shared::model::reply::Reply;
use shared::model::timestamp::Timestamp;
use shared::smtp::{
    ConnectionVerdict, Envelope, Impossible, RecipientOutcome, Transaction, Verdict,
};

use crate::health;

type Known = (EmailAddress, RecipientStatus, Option<Reply>);

/// The result of a transaction. When and how long is filled in by the caller.
pub(crate) fn result(envelope: &Envelope, transaction: &Transaction) -> AttemptResult {
    let (outcome, reply, reason) = match &transaction.verdict {
        Verdict::Accepted(reply) => (Outcome::Accepted, Some(reply.clone()), None),
        Verdict::Transient(reply) => (Outcome::Transient, Some(reply.clone()), None),
        Verdict::Permanent(reply) => (Outcome::Permanent, Some(reply.clone()), None),
        Verdict::Impossible(why) => (Outcome::Permanent, None, Some(impossible(*why).to_owned())),
        Verdict::NoRecipient => no_recipient(&transaction.recipients),
        Verdict::Connection(ConnectionVerdict::Unavailable(reply)) => (
            Outcome::NotSent,
            Some(reply.clone()),
            Some("temporarily_unavailable".to_owned()),
        ),
        Verdict::Connection(ConnectionVerdict::SenderRefused(reply)) => (
            Outcome::NotSent,
            Some(reply.clone()),
            Some("sender_refused".to_owned()),
        ),
        Verdict::Connection(ConnectionVerdict::LoginNeeded(reply)) => (
            Outcome::NotSent,
            Some(reply.clone()),
            Some("login_needed".to_owned()),
        ),
        Verdict::NotSent(failure) => (
            Outcome::NotSent,
            failure.reply.clone(),
            Some(failure.code.to_string()),
        ),
        Verdict::Ambiguous(failure) => (
            Outcome::Ambiguous,
            failure.reply.clone(),
            Some(failure.code.to_string()),
        ),
    };
    let trouble = health::of_verdict(&transaction.verdict);
    let recipients = envelope
        .to
        .iter()
        .zip(&transaction.recipients)
        .filter_map(|(to, known)| recipient(to, known, &transaction.verdict))
        .collect();
    let attempt = Attempt {
        at: Timestamp::from_millis(0),
        duration_ms: 0,
        outcome,
        reply,
        reason,
        counted: trouble.is_none(),
    };
    AttemptResult {
        attempt,
        recipients,
        wait: Duration::ZERO,
        trouble,
    }
}

/// What is known of a recipient now; `None` where nothing is, and it stays open.
fn recipient(to: &EmailAddress, outcome: &RecipientOutcome, verdict: &Verdict) -> Option<Known> {
    let known = |status, reply: Option<&Reply>| Some((to.clone(), status, reply.cloned()));
    match (outcome, verdict) {
        (RecipientOutcome::Permanent(reply), _)
        // A server takes a recipient for good only with the message.
        | (RecipientOutcome::Accepted(_) | RecipientOutcome::Open, Verdict::Permanent(reply)) => {
            known(RecipientStatus::Refused, Some(reply))
        }
        (RecipientOutcome::NeedsSmtputf8, _) | (_, Verdict::Impossible(_)) => {
            known(RecipientStatus::Refused, None)
        }
        (RecipientOutcome::Transient(reply) | RecipientOutcome::Postponed(reply), _)
        | (RecipientOutcome::Accepted(_), Verdict::Transient(reply)) => {
            known(RecipientStatus::Open, Some(reply))
        }
        (RecipientOutcome::Accepted(reply), Verdict::Accepted(_)) => {
            known(RecipientStatus::Accepted, Some(reply))
        }
        (RecipientOutcome::Accepted(_) | RecipientOutcome::Open, Verdict::Ambiguous(_)) => {
            known(RecipientStatus::Unknown, None)
        }
        (RecipientOutcome::Accepted(_) | RecipientOutcome::Open, _) => None,
    }
}

fn no_recipient(recipients: &[RecipientOutcome]) -> (Outcome, Option<Reply>, Option<String>) {
    let reply = recipients.iter().find_map(|outcome| match outcome {
        RecipientOutcome::Transient(reply)
        | RecipientOutcome::Postponed(reply)
        | RecipientOutcome::Permanent(reply) => Some(reply.clone()),
        RecipientOutcome::Accepted(_)
        | RecipientOutcome::NeedsSmtputf8
        | RecipientOutcome::Open => None,
    });
    let permanent = recipients.iter().all(|outcome| {
        matches!(
            outcome,
            RecipientOutcome::Permanent(_) | RecipientOutcome::NeedsSmtputf8
        )
    });
    (
        if permanent {
            Outcome::Permanent
        } else {
            Outcome::Transient
        },
        reply,
        Some("no_recipient_accepted".to_owned()),
    )
}

fn impossible(why: Impossible) -> &'static str {
    match why {
        Impossible::MessageTooLarge { .. } => "message_too_large",
        Impossible::Smtputf8NotOffered => "smtputf8_not_offered",
        Impossible::EightBitMimeNotOffered => "eight_bit_mime_not_offered",
        Impossible::Malformed => "message_malformed",
    }
}

/// Two transactions of one attempt: an ambiguity in either is one, and so is, after it, an acceptance.
pub(crate) fn combine(first: Option<AttemptResult>, second: AttemptResult) -> AttemptResult {
    let Some(mut whole) = first else {
        return second;
    };
    let counts = |outcome| match outcome {
        Outcome::Ambiguous => 2,
        Outcome::Accepted => 1,
        Outcome::Transient | Outcome::Permanent | Outcome::NotSent => 0,
    };
    if counts(second.attempt.outcome) > counts(whole.attempt.outcome) {
        whole.attempt = second.attempt;
    }
    whole.trouble = second.trouble.or(whole.trouble);
    // What the second says of a recipient replaces what the first said of it.
    whole
        .recipients
        .retain(|(to, ..)| !second.recipients.iter().any(|(other, ..)| other == to));
    whole.recipients.extend(second.recipients);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16) -> Reply {
        Reply {
            code,
            enhanced: None,
            text: String::new(),
        }
    }

    fn to(count: usize) -> Envelope {
        let address = |n| EmailAddress::parse(&format!("r{n}@example.com")).expect("valid");
        Envelope {
            from: EmailAddress::parse("info@example.com").expect("valid"),
            to: (0..count).map(address).collect(),
        }
    }

    fn statuses(
        recipients: Vec<RecipientOutcome>,
        verdict: Verdict,
    ) -> (Outcome, Vec<RecipientStatus>) {
        let envelope = to(recipients.len());
        let result = result(
            &envelope,
            &Transaction {
                recipients,
                verdict,
                reusable: true,
            },
        );
        (
            result.attempt.outcome,
            result
                .recipients
                .into_iter()
                .map(|(_, status, _)| status)
                .collect(),
        )
    }

    #[test]
    fn a_recipient_is_accepted_only_with_the_message() {
        let accepted = || vec![RecipientOutcome::Accepted(reply(250))];
        assert_eq!(
            statuses(accepted(), Verdict::Accepted(reply(250))),
            (Outcome::Accepted, vec![RecipientStatus::Accepted])
        );
        assert_eq!(
            statuses(accepted(), Verdict::Permanent(reply(554))),
            (Outcome::Permanent, vec![RecipientStatus::Refused])
        );
        assert_eq!(
            statuses(accepted(), Verdict::Transient(reply(451))),
            (Outcome::Transient, vec![RecipientStatus::Open])
        );
    }

    #[test]
    fn a_refused_recipient_is_refused_whatever_becomes_of_the_message() {
        let mixed = vec![
            RecipientOutcome::Accepted(reply(250)),
            RecipientOutcome::Permanent(reply(550)),
        ];
        let expected = vec![RecipientStatus::Accepted, RecipientStatus::Refused];
        assert_eq!(
            statuses(mixed, Verdict::Accepted(reply(250))),
            (Outcome::Accepted, expected)
        );
    }

    #[test]
    fn what_judges_the_connection_says_nothing_about_the_recipients() {
        let verdict = Verdict::Connection(ConnectionVerdict::SenderRefused(reply(550)));
        assert_eq!(
            statuses(vec![RecipientOutcome::Open], verdict),
            (Outcome::NotSent, vec![])
        );
    }

    #[test]
    fn an_acceptance_in_either_transaction_is_the_attempts() {
        let outcome = |verdict| {
            let recipients = vec![RecipientOutcome::Accepted(reply(250))];
            let transaction = Transaction {
                recipients,
                verdict,
                reusable: true,
            };
            result(&to(1), &transaction)
        };
        let refused = || outcome(Verdict::Permanent(reply(554)));
        let accepted = || outcome(Verdict::Accepted(reply(250)));
        for (first, second) in [(refused(), accepted()), (accepted(), refused())] {
            let whole = combine(Some(first), second);
            assert_eq!(whole.attempt.outcome, Outcome::Accepted);
        }
    }

    #[test]
    fn a_second_transaction_completes_the_first() {
        let mixed = vec![
            RecipientOutcome::Accepted(reply(250)),
            RecipientOutcome::Postponed(reply(452)),
        ];
        let envelope = to(2);
        let first = result(
            &envelope,
            &Transaction {
                recipients: mixed,
                verdict: Verdict::Accepted(reply(250)),
                reusable: true,
            },
        );
        let rest = Envelope {
            to: vec![envelope.to[1].clone()],
            ..envelope
        };
        let accepted = vec![RecipientOutcome::Accepted(reply(250))];
        let second = result(
            &rest,
            &Transaction {
                recipients: accepted,
                verdict: Verdict::Accepted(reply(250)),
                reusable: true,
            },
        );
        let whole = combine(Some(first), second);
        assert!(
            whole.recipients.len() == 2
                && whole
                    .recipients
                    .iter()
                    .all(|(_, status, _)| *status == RecipientStatus::Accepted)
        );
    }
}
