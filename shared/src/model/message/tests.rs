use serde_json::json;
use ulid::Ulid;

use super::super::submission::{MessageInput, Submission};
use super::*;

fn message() -> Message {
    let input: MessageInput = serde_json::from_value(json!({
        "to": ["a@example.com"], "bcc": ["b@example.com"], "subject": "Hello", "text": "Hi",
    }))
    .expect("an object");
    let content = Submission::try_from(input).expect("valid").content;
    let decision = serde_json::from_value(json!({
        "rule": "default", "overrides": [],
        "requested": {"connection_id": null, "from": null, "reply_to": null},
        "effective": {"connection_id": "conn_00000000000000000000000001", "from": {"email": "info@bücher.example", "name": null}, "reply_to": null},
    }))
    .expect("a decision");
    Message::accepted(
        MessageId::new(Ulid::from_parts(0, 7)),
        decision,
        &content,
        BTreeMap::new(),
        Timestamp::from_millis(0),
    )
}

fn result(outcome: Outcome, recipients: &[(&str, RecipientStatus)]) -> AttemptResult {
    AttemptResult {
        attempt: Attempt {
            at: Timestamp::from_millis(0),
            duration_ms: 5,
            outcome,
            reply: None,
            reason: None,
            counted: true,
        },
        recipients: recipients
            .iter()
            .map(|(email, status)| (EmailAddress::parse(email).expect("valid"), *status, None))
            .collect(),
        wait: Duration::ZERO,
        trouble: None,
    }
}

const NOW: Timestamp = Timestamp::from_millis(1000);

fn conclude(message: &mut Message, result: AttemptResult, now: Timestamp) {
    let patience = &mut Patience::default();
    message.conclude(result, patience, Ambiguous::Retry, now, 0);
}

fn statuses(message: &Message) -> Vec<RecipientStatus> {
    message.recipients.iter().map(|it| it.status).collect()
}

#[test]
fn the_message_id_is_of_the_senders_domain_and_fits_in_ascii() {
    assert_eq!(
        message().message_id,
        "<msg.00000000000000000000000007@xn--bcher-kva.example>"
    );
}

#[test]
fn a_message_is_sent_when_every_recipient_was_accepted() {
    let mut message = message();
    conclude(
        &mut message,
        result(
            Outcome::Accepted,
            &[
                ("a@example.com", RecipientStatus::Accepted),
                ("b@example.com", RecipientStatus::Accepted),
            ],
        ),
        NOW,
    );
    assert_eq!(
        (message.status, message.partial, message.next_attempt_at),
        (Status::Sent, false, None)
    );
}

#[test]
fn one_refused_recipient_does_not_lose_the_other() {
    let mut message = message();
    conclude(
        &mut message,
        result(
            Outcome::Accepted,
            &[
                ("a@example.com", RecipientStatus::Accepted),
                ("b@example.com", RecipientStatus::Refused),
            ],
        ),
        NOW,
    );
    assert_eq!((message.status, message.partial), (Status::Sent, true));
}

#[test]
fn only_the_recipients_still_open_are_tried_again() {
    let mut message = message();
    conclude(
        &mut message,
        result(
            Outcome::Accepted,
            &[("a@example.com", RecipientStatus::Accepted)],
        ),
        NOW,
    );
    assert_eq!(message.status, Status::Retrying);
    assert_eq!(
        message.open_recipients(),
        [EmailAddress::parse("b@example.com").expect("valid")]
    );
    assert_eq!(message.next_attempt_at, Some(NOW + Duration::from_secs(48)));
}

#[test]
fn a_message_fails_when_every_recipient_was_refused() {
    let mut message = message();
    let refused = [
        ("a@example.com", RecipientStatus::Refused),
        ("b@example.com", RecipientStatus::Refused),
    ];
    conclude(&mut message, result(Outcome::Permanent, &refused), NOW);
    assert_eq!(
        (message.status, message.next_attempt_at),
        (Status::Failed, None)
    );
}

#[test]
fn a_message_is_given_up_when_the_next_attempt_would_come_too_late() {
    let mut message = message();
    conclude(
        &mut message,
        result(Outcome::NotSent, &[]),
        NOW + retry::GIVE_UP_AFTER,
    );
    assert_eq!(message.status, Status::Failed);
}

#[test]
fn a_parked_message_waits_without_counting_an_attempt() {
    let mut message = message();
    message.park(
        &mut Patience::default(),
        "no sender".to_owned(),
        NOW,
        Duration::from_mins(5),
    );
    assert_eq!(
        (
            message.status,
            message.attempts.len(),
            message.parked.as_deref()
        ),
        (Status::Retrying, 0, Some("no sender"))
    );
    conclude(&mut message, result(Outcome::NotSent, &[]), NOW);
    assert_eq!(message.parked, None);
}

#[test]
fn a_connection_in_trouble_spends_no_attempts() {
    let mut message = message();
    let wait = Duration::from_mins(10);
    for trouble in [
        Trouble::Unwell("timed_out".to_owned()),
        Trouble::Refused("authentication_rejected".to_owned()),
    ] {
        let mut result = result(Outcome::NotSent, &[]);
        (result.wait, result.trouble, result.attempt.counted) = (wait, Some(trouble), false);
        message.conclude(result, &mut Patience::default(), Ambiguous::Retry, NOW, 0);
        assert_eq!(message.next_attempt_at, Some(NOW + wait));
    }
    assert_eq!(message.attempts.len(), 2);
    assert_eq!(message.parked.as_deref(), Some("authentication_rejected"));
    message.conclude(
        result(Outcome::Transient, &[]),
        &mut Patience::default(),
        Ambiguous::Retry,
        NOW,
        0,
    );
    let first_wait = Duration::from_secs(48);
    assert_eq!(message.next_attempt_at, Some(NOW + first_wait));
}

#[test]
fn a_message_that_is_put_off_for_too_long_fails_with_the_reason() {
    let day = Duration::from_hours(24);
    let (mut message, mut patience) = (message(), Patience::default());
    message.wait_for_start(&mut patience, NOW + day * 14, NOW);
    assert_eq!(
        (message.status, message.next_attempt_at),
        (Status::Retrying, Some(NOW + day * 14))
    );
    assert_eq!(message.attempts, []);
    message.wait_for_start(&mut patience, NOW + day * 15, NOW + day * 14);
    assert_eq!(message.status, Status::Failed);
    assert_eq!(message.attempts[0].reason.as_deref(), Some("limit_reached"));
}

#[test]
fn the_three_days_stand_still_for_a_limit_and_go_on_for_a_server_in_trouble() {
    let day = Duration::from_hours(24);
    let (mut message, mut patience) = (message(), Patience::default());
    message.wait_for_start(&mut patience, NOW + day * 4, NOW);
    message.back_off(&mut patience, "timed_out", NOW + day * 6, NOW + day * 4);
    assert_eq!(message.status, Status::Retrying);
    let later = NOW + day * 6;
    message.back_off(&mut patience, "timed_out", later + day * 2, later);
    assert_eq!(message.status, Status::Failed);
    assert_eq!(message.attempts[0].reason.as_deref(), Some("timed_out"));
}

#[test]
fn a_message_that_may_have_succeeded_twice_is_not_tried_a_third_time() {
    let mut message = message();
    conclude(&mut message, result(Outcome::Ambiguous, &[]), NOW);
    conclude(&mut message, result(Outcome::Transient, &[]), NOW);
    assert_eq!(message.status, Status::Retrying);
    conclude(&mut message, result(Outcome::Ambiguous, &[]), NOW);
    assert_eq!(
        (message.status, message.next_attempt_at),
        (Status::Unknown, None)
    );
    assert_eq!(statuses(&message), [RecipientStatus::Unknown; 2]);
}

#[test]
fn an_attempt_that_may_have_succeeded_marks_the_message() {
    let mut message = message();
    conclude(&mut message, result(Outcome::Ambiguous, &[]), NOW);
    assert_eq!(
        (message.status, message.possible_duplicate),
        (Status::Retrying, true)
    );
}

#[test]
fn held_a_message_that_may_have_succeeded_is_unknown_at_once_and_no_duplicate() {
    let mut message = message();
    let patience = &mut Patience::default();
    let lost = result(Outcome::Ambiguous, &[]);
    message.conclude(lost, patience, Ambiguous::Hold, NOW, 0);
    assert_eq!(
        (message.status, message.possible_duplicate),
        (Status::Unknown, false)
    );
}

#[test]
fn held_only_those_who_may_have_it_are_unknown() {
    let mut message = message();
    let patience = &mut Patience::default();
    let lost = result(
        Outcome::Ambiguous,
        &[
            ("a@example.com", RecipientStatus::Unknown),
            ("b@example.com", RecipientStatus::Open),
        ],
    );
    message.conclude(lost, patience, Ambiguous::Hold, NOW, 0);
    assert_eq!(message.status, Status::Retrying);
    assert_eq!(
        statuses(&message),
        [RecipientStatus::Unknown, RecipientStatus::Open]
    );
    let taken = result(
        Outcome::Accepted,
        &[("b@example.com", RecipientStatus::Accepted)],
    );
    message.conclude(taken, patience, Ambiguous::Hold, NOW, 0);
    assert_eq!((message.status, message.partial), (Status::Sent, true));
}

#[test]
fn those_who_may_have_it_are_not_called_refused_when_it_is_given_up() {
    let mut message = message();
    conclude(&mut message, result(Outcome::Ambiguous, &[]), NOW);
    let late = NOW + retry::GIVE_UP_AFTER;
    conclude(&mut message, result(Outcome::NotSent, &[]), late);
    assert_eq!(message.status, Status::Unknown);
    let mut message = self::message();
    conclude(&mut message, result(Outcome::Ambiguous, &[]), late);
    assert_eq!(
        (message.status, message.possible_duplicate),
        (Status::Unknown, false)
    );
}

#[test]
fn a_status_reads_from_its_name_alone() {
    assert_eq!("sent".parse(), Ok(Status::Sent));
    assert!("Sent".parse::<Status>().is_err() && "".parse::<Status>().is_err());
}
