//! What the router says of itself: counters, latencies, sources; and the failure that ends it.

use crate::feed::Progress;
use crossbeam::channel::{Receiver, Sender, bounded};
use hdrhistogram::Histogram;
use logweir_base::ids::{JournalId, Offset, Position, SourceId};
use logweir_base::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Errors that are kept for people to read.
const ERRORS_MAX: usize = 32;
/// Longest latency that is told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;

/// The router as it is now.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The journal's id.
    pub journal: JournalId,
    /// All up to here is durable.
    pub durable: Position,
    /// Oldest position that is kept.
    pub oldest: Position,
    /// Segments on disk.
    pub segments: usize,
    /// Their bytes, reserved space included.
    pub journal_bytes: u64,
    /// Why acknowledgements have stopped, when they have: a full disk, or the journal's cap.
    pub full: Option<String>,
    /// Every source that was ever opened.
    pub sources: Vec<SourceStatus>,
    /// Shippers that are connected.
    pub connections: Vec<ConnectionStatus>,
    /// Followers by name.
    pub followers: BTreeMap<String, Progress>,
    /// What happened how often since the start, by name.
    pub counters: BTreeMap<&'static str, u64>,
    /// The last errors, oldest first.
    pub errors: Vec<ErrorStatus>,
    /// Time a group took to become durable.
    pub sync: Latency,
}

/// One source.
#[derive(Debug, Clone, Serialize)]
pub struct SourceStatus {
    /// Its id.
    pub source: SourceId,
    /// Whose.
    pub shipper: String,
    /// Host it is on.
    pub host: String,
    /// Path when it was opened.
    pub path: String,
    /// All before this offset is in the journal.
    pub hwm: Offset,
    /// Nothing more will come.
    pub closed: bool,
    /// When its last record was received.
    pub last_received: Timestamp,
}

/// One connected shipper.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectionStatus {
    /// Its name.
    pub shipper: String,
    /// When a frame of it was last read.
    pub heard: Timestamp,
}

/// An error and when it was met.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorStatus {
    /// When.
    pub time: Timestamp,
    /// What.
    pub text: String,
}

/// Quantiles in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// How often.
    pub count: u64,
    /// Median.
    pub p50_us: u64,
    /// 99 of 100 were faster.
    pub p99_us: u64,
    /// The slowest.
    pub max_us: u64,
    /// All together.
    pub sum_us: u64,
}

/// How long something took, each time it was done.
#[derive(Debug)]
pub struct Stopwatch(Mutex<(Histogram<u64>, u64)>);

impl Default for Stopwatch {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MAX_US, 2).expect("bounds are sound");
        Self(Mutex::new((histogram, 0)))
    }
}

impl Stopwatch {
    /// It was done once more.
    pub fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut kept = lock(&self.0);
        kept.0.saturating_record(us);
        kept.1 = kept.1.saturating_add(us);
    }

    /// All so far.
    pub fn latency(&self) -> Latency {
        let kept = lock(&self.0);
        let (histogram, sum_us) = &*kept;
        Latency {
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            max_us: histogram.max(),
            sum_us: *sum_us,
        }
    }
}

/// The failure after which the process must end: nothing may be acknowledged any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fatal {
    /// Which part.
    pub at: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}

impl std::error::Error for Fatal {}

/// Where parts report it; the first one counts.
#[derive(Debug, Clone)]
pub(crate) struct FatalSender(Sender<Fatal>);

impl FatalSender {
    pub fn new() -> (Self, Receiver<Fatal>) {
        let (sender, receiver) = bounded(1);
        (Self(sender), receiver)
    }

    pub fn send(&self, fatal: Fatal) {
        // Full: the process is already ending for an earlier reason.
        let _ = self.0.try_send(fatal);
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Batches,
    Lines,
    TextBytes,
    Duplicates,
    Trimmed,
    Nacks,
    UnknownSources,
    OldEpochs,
    Quarantined,
    Gaps,
    GapBytes,
    LostBytes,
    BadFrames,
    Timeouts,
    Refused,
    Connections,
    OverCap,
    Syncs,
    DiskFull,
    TornTails,
    CorruptRanges,
    PositionsLost,
    SampleBatches,
}

const COUNTS: [(Count, &str); 23] = [
    (Count::Batches, "batches"),
    (Count::Lines, "lines"),
    (Count::TextBytes, "text_bytes"),
    (Count::Duplicates, "duplicate_batches"),
    (Count::Trimmed, "trimmed_batches"),
    (Count::Nacks, "nacks"),
    (Count::UnknownSources, "batches_of_unknown_sources"),
    (Count::OldEpochs, "frames_of_old_sessions"),
    (Count::Quarantined, "impossible_batches"),
    (Count::Gaps, "gaps"),
    (Count::GapBytes, "gap_bytes"),
    (Count::LostBytes, "lost_bytes"),
    (Count::BadFrames, "bad_frames"),
    (Count::Timeouts, "connection_timeouts"),
    (Count::Refused, "connections_refused"),
    (Count::Connections, "connections"),
    (Count::OverCap, "connections_over_cap"),
    (Count::Syncs, "syncs"),
    (Count::DiskFull, "times_full"),
    (Count::TornTails, "torn_tails"),
    (Count::CorruptRanges, "corrupt_ranges"),
    (Count::PositionsLost, "positions_lost"),
    (Count::SampleBatches, "sample_batches"),
];

/// Counters, errors and latencies; shared by all parts.
pub(crate) struct Tally {
    counts: [AtomicU64; COUNTS.len()],
    errors: Mutex<VecDeque<ErrorStatus>>,
    sync: Stopwatch,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; COUNTS.len()],
            errors: Mutex::default(),
            sync: Stopwatch::default(),
        }
    }

    pub fn add(&self, what: Count, n: u64) {
        self.counts[what as usize].fetch_add(n, Ordering::Relaxed);
    }

    pub fn one(&self, what: Count) {
        self.add(what, 1);
    }

    pub fn get(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    pub fn all(&self) -> BTreeMap<&'static str, u64> {
        COUNTS.into_iter().map(|(what, name)| (name, self.get(what))).collect()
    }

    /// Keeps an error for the status; the oldest goes.
    pub fn error(&self, time: Timestamp, text: String) {
        let mut errors = lock(&self.errors);
        if errors.len() == ERRORS_MAX {
            errors.pop_front();
        }
        errors.push_back(ErrorStatus { time, text });
    }

    pub fn errors(&self) -> Vec<ErrorStatus> {
        lock(&self.errors).iter().cloned().collect()
    }

    pub fn synced_in(&self, took: Duration) {
        self.sync.record(took);
    }

    pub fn sync(&self) -> Latency {
        self.sync.latency()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_its_name_at_its_place() {
        for (i, (what, _)) in COUNTS.into_iter().enumerate() {
            assert_eq!(what as usize, i);
        }
    }
}
