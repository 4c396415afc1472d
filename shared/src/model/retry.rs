//! When to try again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::timestamp::{Timestamp, millis};

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

/// How long a message whose next attempt is in `wait` waits before it is looked at, as what keeps it may have changed: 5 minutes, and up to
/// half an hour where it has hours to wait. So a large backlog doesn't keep everybody busy with looking.
#[must_use]
pub fn look_again(wait: Duration) -> Duration {
    (wait / 8).clamp(5 * MINUTE, 30 * MINUTE)
}

/// What an attempt is followed by that ended without telling whether the server took the message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ambiguous {
    /// One more attempt with the same Message-ID, and the mark that the message may arrive twice. A second such end is not repeated.
    #[default]
    Retry,
    /// Nothing: its recipients stay unknown until somebody decides.
    Hold,
}

/// How long a message has been tried. The time in which nobody could send it is counted on its own: the clock of ordinary retries
/// stands still meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// How many attempts counted.
    #[serde(default)]
    tried: u32,
    /// When it was last retried by hand, which starts both clocks anew.
    #[serde(default)]
    retried_at: Option<Timestamp>,
    /// How long it was parked before now, in milliseconds.
    #[serde(default)]
    parked_ms: u64,
    /// Since when it is parked.
    #[serde(default)]
    parked_since: Option<Timestamp>,
}

impl Patience {
    /// Both clocks start anew.
    #[must_use]
    pub fn renewed(now: Timestamp) -> Self {
        Self {
            retried_at: Some(now),
            ..Self::default()
        }
    }

    /// The number of an attempt that has just been made, from 1: of those that count, and one that doesn't as the next that will.
    pub fn count(&mut self, counted: bool) -> u32 {
        let number = self.tried.saturating_add(1);
        if counted {
            self.tried = number;
        }
        number
    }

    /// Nobody can send the message: its own clock stands still from now on, if it doesn't already.
    pub fn park(&mut self, now: Timestamp) {
        self.parked_since.get_or_insert(now);
    }

    /// Somebody could try to send it: its own clock goes on.
    pub fn unpark(&mut self, now: Timestamp) {
        self.parked_ms = millis(self.parked_until(now));
        self.parked_since = None;
    }

    /// Whether a message accepted at `created_at` is given up rather than tried at `next`.
    #[must_use]
    pub fn gives_up(&self, created_at: Timestamp, next: Timestamp) -> bool {
        self.tried_for(created_at, next) > GIVE_UP_AFTER
    }

    /// How long a message accepted at `created_at` will have been tried by `then`.
    #[must_use]
    pub fn tried_for(&self, created_at: Timestamp, then: Timestamp) -> Duration {
        let since = then.since(self.retried_at.unwrap_or(created_at));
        since.saturating_sub(self.parked_until(then))
    }

    /// Whether it would have waited too long for a sender by `next`.
    #[must_use]
    pub fn waits_in_vain(&self, next: Timestamp) -> bool {
        self.parked_until(next) > PARKED_AT_MOST
    }

    fn parked_until(&self, then: Timestamp) -> Duration {
        let now = self
            .parked_since
            .map_or(Duration::ZERO, |since| then.since(since));
        Duration::from_millis(self.parked_ms) + now
    }
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

    const CREATED: Timestamp = Timestamp::from_millis(0);
    const MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn a_message_is_given_up_after_three_days() {
        let patience = Patience::default();
        assert!(!patience.gives_up(CREATED, CREATED + GIVE_UP_AFTER));
        assert!(patience.gives_up(CREATED, CREATED + GIVE_UP_AFTER + MOMENT));
    }

    #[test]
    fn the_time_without_a_sender_does_not_count() {
        let mut patience = Patience::default();
        let week = Duration::from_hours(7 * 24);
        for (parked, unparked) in [(1, 2), (3, 4)] {
            patience.park(CREATED + week * parked);
            // Parked already: looked at in between.
            patience.park(CREATED + week * parked + MINUTE);
            patience.unpark(CREATED + week * unparked);
        }
        let end = CREATED + week * 2 + GIVE_UP_AFTER;
        assert!(!patience.gives_up(CREATED, end));
        assert!(patience.gives_up(CREATED, end + MOMENT));
    }

    #[test]
    fn a_message_waits_fourteen_days_for_a_sender_in_all() {
        let mut patience = Patience::default();
        patience.park(CREATED);
        patience.unpark(CREATED + MINUTE);
        let again = CREATED + GIVE_UP_AFTER;
        patience.park(again);
        let end = again + PARKED_AT_MOST.saturating_sub(MINUTE);
        assert!(!patience.waits_in_vain(end));
        assert!(patience.waits_in_vain(end + MOMENT));
    }

    #[test]
    fn a_retry_by_hand_starts_both_clocks_anew() {
        let now = CREATED + PARKED_AT_MOST + MINUTE;
        let mut patience = Patience::renewed(now);
        assert!(!patience.gives_up(CREATED, now + GIVE_UP_AFTER));
        patience.park(now);
        assert!(!patience.waits_in_vain(now + PARKED_AT_MOST));
    }
}
