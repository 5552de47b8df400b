//! What the store says about itself.

use crate::live::Live;
use crate::rules::Refused;
use logweir_base::ids::Position;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Errors remembered at most; the oldest goes first.
const ERRORS_MAX: usize = 20;

/// Counters that only grow, and the latest errors.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) points: PointCounts,
    pub(crate) refused_numbers: Refused,
    pub(crate) flushes: u64,
    pub(crate) merges: u64,
    pub(crate) failures: u64,
    errors: VecDeque<String>,
}

/// What became of points since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PointCounts {
    /// Taken.
    pub taken: u64,
    /// Of those, earlier than one of their series that was taken before.
    pub late: u64,
    /// Dropped: the same was there. Samples whose first is in a file already count as taken until they are to be written.
    pub duplicates: u64,
    /// Dropped: another value was there for the time, or for a part of the interval.
    pub conflicts: u64,
    /// Refused: older than samples are kept.
    pub too_old: u64,
    /// Refused: too far ahead of the time of receipt.
    pub in_future: u64,
    /// Added to an overflow series, or refused there: see [`RollupStatus::overflows`].
    pub overflowed: u64,
    /// Batches that could not be read, or not to their end.
    pub bad_batches: u64,
    /// Refused: increases and observations that are no finite numbers, or so large that a sum of them might become infinite.
    pub not_finite: u64,
}

/// How the store is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RollupStatus {
    /// Series that are known, in memory or files.
    pub series: usize,
    /// Those that count towards the budgets.
    pub series_active: u32,
    /// What became of points since the start.
    pub points: PointCounts,
    /// Numbers of log records that rules could not take, since the start.
    pub refused_numbers: Refused,
    /// Points beyond a budget, by metric, since the start.
    pub overflows: BTreeMap<String, u64>,
    /// Files there are.
    pub blocks: usize,
    /// Points in files.
    pub block_points: u64,
    /// Bytes of files.
    pub block_bytes: u64,
    /// Memory that points take which are in no file yet, in bytes.
    pub head_bytes: usize,
    /// The last position that can be queried.
    pub applied: Position,
    /// The last position that is durable here.
    pub committed: Option<Position>,
    /// Times that files were written of new points, since the start.
    pub flushes: u64,
    /// Merges of files and steps to the next level, since the start.
    pub merges: u64,
    /// Failed attempts to write, merge or remove files, since the start.
    pub failures: u64,
    /// The latest errors, each once: failed writes, damaged files, metrics that overflow.
    pub errors: Vec<String>,
}

impl PointCounts {
    /// Samples that were taken turned out to be in files already.
    pub(crate) fn resent(&mut self, duplicates: u64, conflicts: u64) {
        self.duplicates += duplicates;
        self.conflicts += conflicts;
        self.taken = self.taken.saturating_sub(duplicates + conflicts);
        self.late = self.late.saturating_sub(duplicates + conflicts);
    }
}

impl Counters {
    /// Remembers an error unless it is remembered.
    pub(crate) fn report(&mut self, error: String) {
        if self.errors.contains(&error) {
            return;
        }
        if self.errors.len() == ERRORS_MAX {
            self.errors.pop_front();
        }
        self.errors.push_back(error);
    }
}

impl RollupStatus {
    pub(crate) fn of(live: &Live) -> Self {
        let (blocks, counters) = (&live.blocks, &live.counters);
        Self {
            series: live.registry.len(),
            series_active: live.budget.active(),
            points: counters.points,
            refused_numbers: counters.refused_numbers,
            overflows: live.budget.overflows().clone(),
            blocks: blocks.len(),
            block_points: blocks.iter().map(|block| block.info.points).sum(),
            block_bytes: blocks.iter().map(|block| block.info.bytes).sum(),
            head_bytes: live.head_bytes,
            applied: live.applied,
            committed: live.committed,
            flushes: counters.flushes,
            merges: counters.merges,
            failures: counters.failures,
            errors: live.fatal.iter().chain(&counters.errors).cloned().collect(),
        }
    }
}
