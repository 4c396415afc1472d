//! How many messages go through a connection within a minute and within a day.
//!
//! A message over a limit is given a time of its own to start at, once. In no stretch of time as long as the limit's are there more
//! starts than the limit: the bucket that leaks (GCRA) would let nearly twice as many through after a rest, and servers count.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::connection::Limits;
use super::timestamp::Timestamp;

/// How many groups of starts are remembered: what a window costs to keep. A group's starts are as old as its last one.
const GROUPS: u32 = 30;

/// The starts reserved so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservations {
    per_minute: Window,
    per_day: Window,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    /// The last start of each group, in milliseconds since 1970, the newest group last.
    lasts: VecDeque<i64>,
    /// How many starts the newest group has.
    used: u32,
}

impl Limits {
    /// Whether messages through the connection are counted.
    #[must_use]
    pub fn count_messages(&self) -> bool {
        self.per_minute.is_some() || self.per_day.is_some()
    }
}

impl Reservations {
    /// Reserves the first start from `now` on that the limits permit; never before one that is reserved already.
    pub fn reserve(&mut self, limits: &Limits, now: Timestamp) -> Timestamp {
        let mut windows = [
            (
                &mut self.per_minute,
                limits.per_minute,
                Duration::from_mins(1),
            ),
            (&mut self.per_day, limits.per_day, Duration::from_hours(24)),
        ];
        let mut start = now;
        for (window, limit, within) in &windows {
            if let Some(limit) = limit {
                start = start.max(window.earliest((*limit).max(1), *within));
            }
        }
        for (window, limit, _) in &mut windows {
            match limit {
                Some(limit) => window.take((*limit).max(1), start),
                None => **window = Window::default(),
            }
        }
        start
    }

    /// The last start that is reserved.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        let last = |window: &Window| window.lasts.back().copied();
        last(&self.per_minute)
            .max(last(&self.per_day))
            .map(Timestamp::from_millis)
    }
}

impl Window {
    /// How many groups may be within the time, and how many starts in each.
    fn shape(limit: u32) -> (usize, u32) {
        let groups = limit.min(GROUPS);
        (
            usize::try_from(groups).unwrap_or(usize::MAX),
            limit / groups,
        )
    }

    fn earliest(&self, limit: u32, within: Duration) -> Timestamp {
        let (groups, size) = Self::shape(limit);
        let at = |index: Option<usize>| {
            let last = index.and_then(|index| self.lasts.get(index));
            last.map(|last| Timestamp::from_millis(*last))
        };
        let newest = at(self.lasts.len().checked_sub(1));
        let freed = if self.used < size {
            None
        } else {
            at(self.lasts.len().checked_sub(groups))
        };
        newest
            .max(freed.map(|last| last + within))
            .unwrap_or(Timestamp::from_millis(0))
    }

    fn take(&mut self, limit: u32, start: Timestamp) {
        let (groups, size) = Self::shape(limit);
        if self.used < size
            && let Some(last) = self.lasts.back_mut()
        {
            *last = start.as_millis();
            self.used += 1;
        } else {
            self.lasts.push_back(start.as_millis());
            self.used = 1;
        }
        while self.lasts.len() > groups {
            self.lasts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn limits(per_minute: Option<u32>, per_day: Option<u32>) -> Limits {
        Limits {
            per_minute,
            per_day,
            concurrency: None,
        }
    }

    fn seconds(limits: &Limits, count: usize) -> Vec<u64> {
        let mut reservations = Reservations::default();
        let mut next = || reservations.reserve(limits, NOW).since(NOW).as_secs();
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn those_over_the_limit_start_as_soon_as_there_is_room() {
        assert_eq!(seconds(&limits(Some(2), None), 5), [0, 0, 60, 60, 120]);
        assert_eq!(seconds(&limits(Some(1), None), 3), [0, 60, 120]);
        assert_eq!(seconds(&limits(None, Some(2)), 3), [0, 0, 86_400]);
        assert_eq!(
            seconds(&limits(Some(2), Some(3)), 5),
            [0, 0, 60, 86_400, 86_400]
        );
    }

    #[test]
    fn what_is_kept_does_not_grow_with_the_limit() {
        let mut reservations = Reservations::default();
        let limits = limits(Some(1000), Some(10_000));
        for _ in 0..20_000 {
            reservations.reserve(&limits, NOW);
        }
        let kept = serde_json::to_string(&reservations).expect("serialises");
        assert!(kept.len() < 1100, "{} bytes", kept.len());
    }

    proptest! {
        #[test]
        fn no_minute_has_more_starts_than_the_limit(limit in 1_u32..100, pauses in prop::collection::vec(0_u64..20_000, 1..300)) {
            let (mut reservations, mut now, mut starts) = (Reservations::default(), NOW, Vec::new());
            for pause in pauses {
                now = now + Duration::from_millis(pause);
                let start = reservations.reserve(&limits(Some(limit), None), now);
                prop_assert!(start >= now && starts.last().is_none_or(|last| start >= *last));
                starts.push(start);
            }
            let most = usize::try_from(limit).expect("small");
            for window in starts.windows(most + 1) {
                prop_assert!(window[most].since(window[0]) >= Duration::from_mins(1));
            }
        }
    }
}
