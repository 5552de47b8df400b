//! What the store says about itself.

use crate::store::State;
use logweir_base::ids::Position;
use serde::Serialize;
use std::collections::VecDeque;

/// Errors remembered at most; the oldest goes first.
const ERRORS_MAX: usize = 20;

/// Counters that only grow, and the latest errors.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) splits_written: u64,
    pub(crate) splits_removed: u64,
    pub(crate) merges: u64,
    pub(crate) failures: u64,
    errors: VecDeque<String>,
}

/// How the store is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Splits there are.
    pub splits: usize,
    /// Lines in splits.
    pub split_lines: u64,
    /// Bytes of split files.
    pub split_bytes: u64,
    /// Lines in no split yet.
    pub tail_lines: u64,
    /// Memory they take, in bytes.
    pub tail_bytes: usize,
    /// The last position that can be found.
    pub applied: Position,
    /// The last position that is durable here.
    pub committed: Option<Position>,
    /// Splits written since the start, merged ones not counted.
    pub splits_written: u64,
    /// Splits removed by retention since the start.
    pub splits_removed: u64,
    /// Merges since the start.
    pub merges: u64,
    /// Failed attempts to write a split, merge or remove, since the start.
    pub failures: u64,
    /// Merging is put off, as after a full disk, until a split could be written.
    pub merges_paused: bool,
    /// The latest errors, each once: failed writes, damaged parts of splits.
    pub errors: Vec<String>,
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

impl Status {
    pub(crate) fn of(state: &State) -> Self {
        let (splits, counters) = (&state.splits, &state.counters);
        Self {
            splits: splits.len(),
            split_lines: splits.iter().map(|split| split.info.lines).sum(),
            split_bytes: splits.iter().map(|split| split.info.bytes).sum(),
            tail_lines: state.tail.lines(),
            tail_bytes: state.tail.bytes(),
            applied: state.tail.applied(),
            committed: state.committed,
            splits_written: counters.splits_written,
            splits_removed: counters.splits_removed,
            merges: counters.merges,
            failures: counters.failures,
            merges_paused: state.merge_failed,
            errors: state.fatal.iter().chain(&counters.errors).cloned().collect(),
        }
    }
}
