//! The levels of detail. Each moment's data are in one of them: the finest until they are older than its retention, then the
//! next, and so on; so nothing is kept twice, and what a level lacks never has to be guessed.
//!
//! A level's time is cut into partitions, each of which goes to the next level as a whole: a block is of one partition. A block's
//! time is cut into stripes: a chunk, one series' points that are coded together, is of one stripe.

use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A level of detail, the finest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
pub(crate) enum Level {
    /// Values at times, as received.
    Samples,
    /// Windows of 10 s: the finest of what comes as increases or observations.
    Windows10s,
    /// Windows of 1 min.
    Windows1m,
    /// Windows of 10 min.
    Windows10m,
    /// Windows of 1 h.
    Windows1h,
}

impl Level {
    /// All, the finest first.
    pub(crate) const ALL: [Self; 5] =
        [Self::Samples, Self::Windows10s, Self::Windows1m, Self::Windows10m, Self::Windows1h];

    /// Length of its windows; 0 for samples.
    pub(crate) fn step_ms(self) -> i64 {
        [0, 10_000, MINUTE, 10 * MINUTE, HOUR][self as usize]
    }

    /// Length of a stripe.
    pub(crate) fn stripe_ms(self) -> i64 {
        [HOUR, 2 * HOUR, 12 * HOUR, 5 * DAY, 30 * DAY][self as usize]
    }

    /// Length of a partition: whole stripes.
    pub(crate) fn partition_ms(self) -> i64 {
        [DAY, DAY, DAY, 30 * DAY, 180 * DAY][self as usize]
    }

    /// As people say it.
    pub(crate) fn name(self) -> &'static str {
        ["samples", "windows of 10s", "windows of 1m", "windows of 10m", "windows of 1h"][self as usize]
    }

    /// The start of the partition that a point is in: like windows, partitions are without their start and with their end.
    pub(crate) fn partition_of(self, time: i64) -> i64 {
        floor(time.saturating_sub(1), self.partition_ms())
    }

    /// The start of the stripe that a point is in.
    pub(crate) fn stripe_of(self, time: i64) -> i64 {
        floor(time.saturating_sub(1), self.stripe_ms())
    }
}

fn floor(time: i64, length: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(length))
}
