//! How often a group came, hour by hour, for eight weeks: its trend, and what is far more than usual.
//!
//! Only hours in which it came are kept, at most [`HOURS_MAX`]; 12 bytes each in memory.

use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hours that are remembered: eight weeks.
pub const HOURS_MAX: i64 = 8 * 7 * 24;
/// Less than this in an hour is never far more than usual.
const RISE_MIN: u64 = 10;
/// So many times the second busiest hour of the week before is far more.
const RISE_FACTOR: u64 = 3;
/// What is compared with: the week before.
const WEEK: i64 = 7 * 24;
const HOUR_NANOS: i64 = 3_600_000_000_000;

/// Number of the hour, since 1970, of a time.
pub fn hour_of(time: Timestamp) -> i64 {
    time.0.div_euclid(HOUR_NANOS)
}

/// Occurrences by hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hours(BTreeMap<i64, u64>);

impl Hours {
    /// It came. Later than eight weeks after the latest hour it is not remembered.
    pub fn add(&mut self, time: Timestamp) {
        let hour = hour_of(time);
        let latest = self.0.last_key_value().map_or(hour, |(latest, _)| *latest);
        if hour <= latest - HOURS_MAX {
            return;
        }
        *self.0.entry(hour).or_default() += 1;
        let oldest = hour.max(latest) - HOURS_MAX;
        while self.0.first_key_value().is_some_and(|(hour, _)| *hour <= oldest) {
            self.0.pop_first();
        }
    }

    /// Occurrences in hours from the one up to, and without, the other.
    pub fn count(&self, from: i64, to: i64) -> u64 {
        if from >= to { 0 } else { self.0.range(from..to).map(|(_, count)| count).sum() }
    }

    /// Occurrences of the last `len` stretches of `hours` each, the oldest first; the last one holds the hour of `now`.
    pub fn trend(&self, now: Timestamp, hours: i64, len: usize) -> Vec<u64> {
        let end = hour_of(now) + 1;
        (0..len as i64).rev().map(|back| self.count(end - (back + 1) * hours, end - back * hours)).collect()
    }

    /// Whether the hour of `now`, as far as it has come, holds far more than any hour of the week before used to. The second
    /// busiest hour is the measure: one burst does not make the next one usual.
    pub fn rises(&self, now: Timestamp) -> bool {
        let hour = hour_of(now);
        let (mut most, mut second) = (0, 0);
        for (_, &count) in self.0.range(hour - WEEK..hour) {
            (most, second) = if count > most { (count, most) } else { (most, second.max(count)) };
        }
        self.count(hour, hour + 1) >= RISE_MIN.max(RISE_FACTOR * second + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp(hour * HOUR_NANOS + 5)
    }

    fn hours(counts: &[(i64, u64)]) -> Hours {
        let mut hours = Hours::default();
        counts.iter().for_each(|&(hour, count)| (0..count).for_each(|_| hours.add(at(hour))));
        hours
    }

    #[test]
    fn far_more_than_usual() {
        let check = |counts: &[(i64, u64)], rises: bool| {
            assert_eq!(hours(counts).rises(at(200)), rises, "{counts:?}")
        };
        check(&[(200, 9)], false);
        check(&[(200, 10)], true);
        check(&[(100, 1), (200, 10)], true);
        check(&[(100, 50), (101, 5), (200, 16)], true);
        check(&[(100, 50), (101, 5), (200, 15)], false);
        check(&[(100, 50), (101, 50), (200, 60)], false);
        // What is older than a week does not count.
        check(&[(30, 50), (31, 50), (200, 60)], true);
    }

    #[test]
    fn the_trend_ends_with_the_hour_of_now() {
        assert_eq!(hours(&[(10, 1), (12, 2), (13, 4)]).trend(at(13), 1, 4), [1, 0, 2, 4]);
        assert_eq!(hours(&[(10, 1), (12, 2), (13, 4)]).trend(at(13), 2, 2), [1, 6]);
    }

    proptest! {
        #[test]
        fn hours_are_bounded_and_count_all_that_are_not_too_old(at_hours in prop::collection::vec(0..4000_i64, 1..300)) {
            let mut hours = Hours::default();
            at_hours.iter().for_each(|&hour| hours.add(at(hour)));
            let latest = *at_hours.iter().max().expect("one at least");
            let recent = at_hours.iter().filter(|&&hour| hour > latest - HOURS_MAX).count() as u64;
            prop_assert_eq!(hours.count(0, 5000), recent);
        }
    }
}
