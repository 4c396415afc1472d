//! How many messages go through a connection within a minute and within a day.
//!
//! A message over a limit is given a time of its own to start at, once. In no stretch of time as long as the limit's are there more
//! starts than the limit: the bucket that leaks (GCRA) would let nearly twice as many through after a rest, and servers count.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::connection::Limits;
use super::timestamp::{Timestamp, millis};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// How many groups of starts are remembered: what a window costs to keep. A group's starts are as old as its last one.
const GROUPS: u32 = 30;

/// The starts reserved so far, and the limits that they were reserved by.
///
/// Where the limits have changed since, the starts to come are given up, and what has begun is counted by the new ones: the messages that
/// hold a start reserve another when they come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservations {
    /// [`super::connection::Connection::limits_version`] of the limits.
    #[serde(default)]
    version: u64,
    #[serde(default)]
    limits: Limits,
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

/// A start that was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// When.
    pub at: Timestamp,
    /// By which version of the limits.
    pub version: u64,
}

impl Limits {
    /// Whether messages through the connection are counted.
    #[must_use]
    pub fn count_messages(&self) -> bool {
        self.per_minute.is_some() || self.per_day.is_some()
    }

    /// Whether the two limit the starts of messages alike.
    #[must_use]
    pub fn same_starts_as(&self, other: &Self) -> bool {
        (self.per_minute, self.per_day) == (other.per_minute, other.per_day)
    }
}

impl Reservations {
    /// Reserves the first start from `now` on that `limits` permit, for a message to so many recipients; never before one that is
    /// reserved already. Where newer limits are known than those of this `version`, they count.
    pub fn reserve(
        &mut self,
        limits: &Limits,
        version: u64,
        recipients: u32,
        now: Timestamp,
    ) -> Start {
        if version > self.version {
            let old = self.limits;
            self.per_minute
                .change(old.per_minute, limits.per_minute, MINUTE, now);
            self.per_day.change(old.per_day, limits.per_day, DAY, now);
            (self.version, self.limits) = (version, *limits);
        }
        let Limits {
            per_minute,
            per_day,
            ..
        } = self.limits;
        let mut windows = [
            (&mut self.per_minute, per_minute, MINUTE, 1),
            (&mut self.per_day, per_day, DAY, recipients),
        ];
        let mut start = now;
        for (window, limit, within, count) in &windows {
            if let Some(limit) = limit {
                let limit = (*limit).max(1);
                start = window.earliest_for(*count, limit, *within, start);
            }
        }
        for (window, limit, _, count) in &mut windows {
            if let Some(limit) = limit {
                window.take((*limit).max(1), start, *count);
            }
        }
        Start {
            at: start,
            version: self.version,
        }
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
        // The number that leaves out the fewest: groups are of one size.
        let most = (1..=limit.min(GROUPS)).max_by_key(|groups| groups * (limit / groups));
        let groups = most.unwrap_or(1);
        (
            usize::try_from(groups).unwrap_or(usize::MAX),
            limit / groups,
        )
    }

    /// The first time from `start` on at which there is room for so many at once. More than the limit have room where nothing else does.
    fn earliest_for(
        &self,
        count: u32,
        limit: u32,
        within: Duration,
        mut start: Timestamp,
    ) -> Timestamp {
        let mut filled = self.clone();
        for _ in 0..count.min(limit) {
            start = start.max(filled.earliest(limit, within));
            filled.take(limit, start, 1);
        }
        start
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

    fn take(&mut self, limit: u32, start: Timestamp, count: u32) {
        let (groups, size) = Self::shape(limit);
        let mut left = count.min(limit);
        while left > 0 {
            if self.lasts.is_empty() || self.used >= size {
                self.lasts.push_back(start.as_millis());
                self.used = 0;
            } else if let Some(last) = self.lasts.back_mut() {
                *last = start.as_millis();
            }
            let now = left.min(size - self.used);
            self.used += now;
            left -= now;
        }
        while self.lasts.len() > groups {
            self.lasts.pop_front();
        }
    }

    /// Counts by the limit `after` what was counted by `before`, but for the starts to come. When exactly the others were is not always
    /// known: each is as late as it may have been, so that there are never too many.
    fn change(
        &mut self,
        before: Option<u32>,
        after: Option<u32>,
        within: Duration,
        now: Timestamp,
    ) {
        let old = std::mem::take(self);
        let (Some(before), Some(after)) = (before, after) else {
            return;
        };
        let after = after.max(1);
        let (groups, size) = Self::shape(before.max(1));
        if old.lasts.len() == groups
            && let Some(first) = old.lasts.front()
        {
            // Those that were forgotten for others: each was a whole window before the one that came in its place.
            let within = i64::try_from(millis(within)).unwrap_or(i64::MAX);
            for last in &old.lasts {
                let latest = (last - within).min(*first).min(now.as_millis());
                self.take(after, Timestamp::from_millis(latest), size);
            }
        }
        let newest = old.lasts.len();
        for (index, last) in old.lasts.into_iter().enumerate() {
            let last = Timestamp::from_millis(last);
            let count = if index + 1 == newest { old.used } else { size };
            if last > now {
                // The first of a larger group may have begun.
                if count > 1 {
                    self.take(after, now, count - 1);
                }
                break;
            }
            self.take(after, last, count);
        }
        let (groups, size) = Self::shape(after);
        if self.lasts.len() == groups {
            // There was not room for all of the newest group when it was begun.
            self.used = size;
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
        let mut next = || {
            reservations
                .reserve(limits, 1, 1, NOW)
                .at
                .since(NOW)
                .as_secs()
        };
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
            reservations.reserve(&limits, 1, 1, NOW);
        }
        let kept = serde_json::to_string(&reservations).expect("serialises");
        assert!(kept.len() < 1200, "{} bytes", kept.len());
    }

    #[test]
    fn a_day_counts_recipients_and_a_minute_messages() {
        let limits = limits(Some(2), Some(10));
        let mut reservations = Reservations::default();
        let starts = [4, 4, 2, 1, 50, 1].map(|recipients| {
            let start = reservations.reserve(&limits, 1, recipients, NOW);
            start.at.since(NOW).as_secs()
        });
        // One to more than all recipients of a day goes alone.
        assert_eq!(starts, [0, 0, 60, 86_400, 172_800, 259_200]);
    }

    #[test]
    fn a_change_gives_up_the_starts_to_come_and_counts_those_that_began() {
        let later = NOW + Duration::from_secs(10);
        let next = |from, to, count: u32| {
            let mut reservations = Reservations::default();
            for _ in 0..6 {
                reservations.reserve(&limits(Some(from), None), 1, 1, NOW);
            }
            let mut at = || {
                reservations
                    .reserve(&limits(Some(to), None), 2, 1, later)
                    .at
            };
            (0..count)
                .map(|_| at().since(NOW).as_secs())
                .collect::<Vec<_>>()
        };
        // Two have begun, and may have done so just now, as those to come were remembered in their place.
        assert_eq!(next(2, 4, 5), [10, 10, 70, 70, 70]);
        assert_eq!(next(2, 1, 2), [70, 130]);
        // All six have, and are known.
        assert_eq!(next(6, 2, 3), [60, 60, 120]);
    }

    #[test]
    fn who_knows_older_limits_reserves_by_the_newer_ones() {
        let mut reservations = Reservations::default();
        reservations.reserve(&limits(Some(1), None), 2, 1, NOW);
        let start = reservations.reserve(&limits(Some(100), None), 1, 1, NOW);
        assert_eq!((start.at.since(NOW).as_secs(), start.version), (60, 2));
    }

    proptest! {
        #[test]
        fn no_minute_has_more_starts_than_the_limit_after_it_changed(
            (from, to) in (1_u32..200, 1_u32..200), before in 1_usize..400, pause in 0_u64..90_000, after in 1_usize..300,
        ) {
            let mut reservations = Reservations::default();
            let reserve = |reservations: &mut Reservations, limit, version, now| {
                reservations.reserve(&limits(Some(limit), None), version, 1, now).at
            };
            let change = NOW + Duration::from_millis(pause);
            let mut starts: Vec<_> = (0..before).map(|_| reserve(&mut reservations, from, 1, NOW)).collect();
            // Those that have not begun hold another start.
            starts.retain(|start| *start <= change);
            let begun = starts.len();
            starts.extend((0..after).map(|_| reserve(&mut reservations, to, 2, change)));
            let most = usize::try_from(to).expect("small");
            for last in begun.max(most)..starts.len() {
                prop_assert!(starts[last].since(starts[last - most]) >= Duration::from_mins(1));
            }
        }

        #[test]
        fn no_minute_has_more_starts_than_the_limit(limit in 1_u32..100, pauses in prop::collection::vec(0_u64..20_000, 1..300)) {
            let (mut reservations, mut now, mut starts) = (Reservations::default(), NOW, Vec::new());
            for pause in pauses {
                now = now + Duration::from_millis(pause);
                let start = reservations.reserve(&limits(Some(limit), None), 1, 1, now).at;
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
