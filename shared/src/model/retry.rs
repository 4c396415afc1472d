//! When to try again.

use std::time::Duration;

use super::timestamp::Timestamp;

const MINUTE: Duration = Duration::from_mins(1);

/// How long a message is tried before it is given up.
pub const GIVE_UP_AFTER: Duration = Duration::from_hours(72);

/// How long a message that nobody can send is kept waiting for a sender.
pub const PARKED_AT_MOST: Duration = Duration::from_hours(14 * 24);

/// The wait after the attempt of this number (from 1): 1, 5, 15, 30 minutes, 1, 2, 4, then 8 hours, each with up to a fifth
/// more or less, so that messages that failed together don't return together. `chance` is any random number.
#[must_use]
pub fn backoff(attempt: u32, chance: u16) -> Duration {
    let minutes = match attempt {
        0 | 1 => 1,
        2 => 5,
        3 => 15,
        4 => 30,
        5 => 60,
        6 => 120,
        7 => 240,
        _ => 480,
    };
    let spread = f64::from(chance) / f64::from(u16::MAX) * 0.4 + 0.8;
    (MINUTE * minutes).mul_f64(spread)
}

/// Whether a message accepted at `created_at` is given up rather than tried at `next`.
#[must_use]
pub fn gives_up(created_at: Timestamp, next: Timestamp) -> bool {
    next.since(created_at) > GIVE_UP_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_minute_to_eight_hours_and_stay_within_a_fifth() {
        let hours = |attempt| backoff(attempt, u16::MAX / 2).as_secs_f64() / 3600.0;
        assert!((hours(1) - 1.0 / 60.0).abs() < 0.001);
        assert!((hours(8) - 8.0).abs() < 0.001 && (hours(50) - 8.0).abs() < 0.001);
        assert_eq!(
            (backoff(1, 0), backoff(1, u16::MAX)),
            (Duration::from_secs(48), Duration::from_secs(72))
        );
    }

    #[test]
    fn a_message_is_given_up_after_three_days() {
        let created = Timestamp::from_millis(0);
        assert!(!gives_up(created, created + GIVE_UP_AFTER));
        assert!(gives_up(
            created,
            created + GIVE_UP_AFTER + Duration::from_millis(1)
        ));
    }
}
