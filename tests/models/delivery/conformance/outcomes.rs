//! `verdict` against what the code makes of every outcome of an attempt.

use std::time::Duration;

use shared::clock::Clock;
use shared::model::ids::MessageId;
use shared::model::message::{self, AttemptResult, Message, RecipientStatus};
use shared::model::retry::{Ambiguous, GIVE_UP_AFTER, PARKED_AT_MOST, Patience};
use shared::model::timestamp::Timestamp;

use super::super::record::{Outcome, Status, Verdict, verdict};
use super::super::tests::POLICIES;
use super::concrete::{A_MINUTE, NOW, attempt, model_status, new_message};

/// A message that may be tried again, or has been tried for too long, and how long that was.
fn aged(marked: bool, again: bool) -> (Message, Patience) {
    let (age, parked_for) = if again {
        (Duration::ZERO, Duration::ZERO)
    } else {
        (GIVE_UP_AFTER + PARKED_AT_MOST, PARKED_AT_MOST)
    };
    let before = |age: Duration| {
        let age = i64::try_from(age.as_millis()).expect("a few days");
        Timestamp::from_millis(NOW.as_millis() - age)
    };
    let mut patience = Patience::default();
    patience.park(before(parked_for));
    let id = MessageId::new(Clock::manual(NOW).ulid());
    let mut message = new_message(id, before(age));
    message.possible_duplicate = marked;
    (message, patience)
}

fn assert_is(message: &Message, expected: Verdict, case: &str) {
    let verdict = Verdict {
        status: model_status(message.status),
        marked: message.possible_duplicate,
    };
    assert_eq!(verdict, expected, "{case}");
    let again = expected.status == Status::Retrying;
    assert_eq!(message.next_attempt_at.is_some(), again, "{case}");
}

#[test]
fn every_outcome_makes_of_a_message_what_the_model_says() {
    let outcomes = [
        (Outcome::Accepted, message::Outcome::Accepted),
        (Outcome::Transient, message::Outcome::Transient),
        (Outcome::Permanent, message::Outcome::Permanent),
        (Outcome::NotSent, message::Outcome::NotSent),
        (Outcome::Ambiguous, message::Outcome::Ambiguous),
    ];
    for (outcome, of_code) in outcomes {
        for policy in POLICIES {
            for (marked, again) in [(false, false), (false, true), (true, false), (true, true)] {
                let (mut message, mut patience) = aged(marked, again);
                let known = match outcome {
                    Outcome::Accepted => Some(RecipientStatus::Accepted),
                    Outcome::Permanent => Some(RecipientStatus::Refused),
                    Outcome::Transient | Outcome::NotSent | Outcome::Ambiguous => None,
                };
                let to = message.recipients[0].email.clone();
                let result = AttemptResult {
                    attempt: attempt(of_code),
                    recipients: known.map(|known| (to, known, None)).into_iter().collect(),
                    wait: Duration::ZERO,
                    trouble: None,
                };
                message.conclude(result, &mut patience, policy, NOW, 0);
                let expected = verdict(outcome, policy, marked, again);
                assert_is(
                    &message,
                    expected,
                    &format!("{outcome:?} {policy:?} {marked} {again}"),
                );
            }
        }
    }
}

#[test]
fn what_is_put_off_was_not_sent() {
    let put_off: [fn(&mut Message, &mut Patience); 3] = [
        |message, patience| message.park(patience, "no_sender".to_owned(), NOW, A_MINUTE),
        |message, patience| message.back_off(patience, "unreachable", NOW + A_MINUTE, NOW),
        |message, patience| message.wait_for_start(patience, NOW + A_MINUTE, NOW),
    ];
    for put_off in put_off {
        for (marked, again) in [(false, false), (false, true), (true, false), (true, true)] {
            let (mut message, mut patience) = aged(marked, again);
            put_off(&mut message, &mut patience);
            let expected = verdict(Outcome::NotSent, Ambiguous::Retry, marked, again);
            assert_is(&message, expected, &format!("{marked} {again}"));
        }
    }
}
