//! What can be set about the metrics store.

use crate::level::Level;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Retention, budgets, sizes and ages of the metrics store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupConfig {
    /// How long samples are kept as they were received. Default 7 days. Then they become windows of the next level that is kept
    /// longer. What is older when it arrives is refused.
    pub samples: Duration,
    /// How long windows of 10 s are kept. Default 7 days.
    pub windows_10s: Duration,
    /// How long windows of 1 min are kept. Default 30 days.
    pub windows_1m: Duration,
    /// How long windows of 10 min are kept. Default 180 days.
    pub windows_10m: Duration,
    /// How long windows of 1 h are kept. Default 3 years.
    pub windows_1h: Duration,
    /// Points that are ahead of their receive time by more are refused. Default 1 day and 10 s: records are at most a day ahead,
    /// and so the windows that they count in are taken.
    pub future_max: Duration,
    /// Series of one metric that are active at a time; what is beyond goes to the metric's overflow series. Default 50,000.
    pub series_per_metric_max: u32,
    /// Series of one source that are active at a time; all HTTP receivers together are one source. Default 200,000.
    pub series_per_source_max: u32,
    /// Series that are active at a time. Default 500,000; each takes about 1 KiB of memory.
    pub series_max: u32,
    /// A series without points for so long is not active any more. Default 1 day.
    pub series_age: Duration,
    /// Memory for what is in no file yet, in bytes; when it is full files are written. Default 256 MiB.
    pub head_bytes_max: usize,
    /// Age of the oldest point outside of files after which files are written. Default 5 minutes.
    pub flush_age: Duration,
    /// Bytes of the journal that may be held back until files are written. Default 256 MiB.
    pub journal_bytes_max: u64,
    /// Samples that one query may load; a window counts as six, a histogram by its size. Default 50 million: 800 MB.
    pub query_points_max: u64,
    /// Points that one merge of files may take in. Default 100 million. Merges of more are left out.
    pub merge_points_max: u64,
    /// Threads that merge files. Default 1; more are not used. With 0 the caller merges: slow, but a function of the input alone,
    /// as tests want it.
    pub workers: usize,
}

impl Default for RollupConfig {
    fn default() -> Self {
        Self {
            samples: 7 * DAY,
            windows_10s: 7 * DAY,
            windows_1m: 30 * DAY,
            windows_10m: 180 * DAY,
            windows_1h: 3 * 365 * DAY,
            future_max: DAY.saturating_add(Duration::from_secs(10)),
            series_per_metric_max: 50_000,
            series_per_source_max: 200_000,
            series_max: 500_000,
            series_age: 24 * HOUR,
            head_bytes_max: 256 << 20,
            flush_age: Duration::from_secs(300),
            journal_bytes_max: 256 << 20,
            query_points_max: 50_000_000,
            merge_points_max: 100_000_000,
            workers: 1,
        }
    }
}

impl RollupConfig {
    /// How long a level is kept, in ms.
    pub(crate) fn kept_ms(&self, level: Level) -> i64 {
        let kept = match level {
            Level::Samples => self.samples,
            Level::Windows10s => self.windows_10s,
            Level::Windows1m => self.windows_1m,
            Level::Windows10m => self.windows_10m,
            Level::Windows1h => self.windows_1h,
        };
        millis(kept)
    }

    /// Where a level's points go when they are too old for it: the next one that is kept longer.
    pub(crate) fn next(&self, level: Level) -> Option<Level> {
        let longer = |next: &&Level| **next > level && self.kept_ms(**next) > self.kept_ms(level);
        Level::ALL.iter().find(longer).copied()
    }
}

/// As ms, as long as there are.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
