//! What a metric query gets to work on: series that match, each with its points, whether they come from memory or from files.
//!
//! Times are milliseconds since 1970. A series has either *samples*, values at times as they were received, or *windows*, what
//! happened in fixed intervals. Windows are what deltas, log-derived metrics and histograms are kept as, and what older samples
//! become.

use logweir_base::metric::{Histogram, Labels};
use regex::Regex;
use std::sync::Arc;

/// A series of windows goes on, unchanged, for so long after its last window: a counter that counts nothing for a while is
/// still there. Whoever selects windows for a time gets those from so long before.
pub const WINDOWS_LOOKBACK_MS: i64 = 3_600_000;

/// A condition on a label; a label that a series does not have is empty.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// The condition.
    pub op: MatchOp,
}

/// How a label's value is judged.
#[derive(Clone, Debug)]
pub enum MatchOp {
    /// Is this.
    Equal(String),
    /// Is not this.
    NotEqual(String),
    /// The whole value matches.
    Matches(Regex),
    /// The whole value does not match.
    NotMatches(Regex),
}

impl Matcher {
    /// Whether a value of the label passes.
    pub fn passes(&self, value: &str) -> bool {
        match &self.op {
            MatchOp::Equal(wanted) => value == wanted,
            MatchOp::NotEqual(unwanted) => value != unwanted,
            MatchOp::Matches(regex) => regex.is_match(value),
            MatchOp::NotMatches(regex) => !regex.is_match(value),
        }
    }
}

/// A span of time, both ends included, in ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first ms.
    pub start: i64,
    /// The last ms.
    pub end: i64,
}

/// A series that was selected.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its labels, `__name__` included.
    pub labels: Arc<Labels>,
    /// What it has in the span asked for.
    pub points: SeriesPoints,
}

/// The points of a series.
#[derive(Clone, Debug)]
pub enum SeriesPoints {
    /// Values at times.
    Samples(Samples),
    /// What happened in fixed intervals.
    Windows(Windows),
}

/// Values at times, ascending, no time twice. A value may be [`is_stale`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// When, in ms.
    pub times: Vec<i64>,
    /// What; as long as `times`.
    pub values: Vec<f64>,
}

/// What a series of windows is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowsOf {
    /// Something counted: `increase` tells. Shown as a counter that never resets.
    Counter,
    /// Values: `last`, `min`, `max`, `sum` and `count` tell.
    Gauge,
    /// Observations: `histogram` tells.
    Histogram,
}

/// What happened in fixed intervals, ascending by end. Where there is no window nothing happened.
#[derive(Clone, Debug)]
pub struct Windows {
    /// What they are of.
    pub of: WindowsOf,
    /// Length of each, in ms; a window is (end - step, end].
    pub step_ms: i64,
    /// The windows.
    pub rows: Vec<Window>,
    /// Sum of all increases before the first row: a counter's value there.
    pub before: f64,
}

/// One window. For a counter `count`, `min`, `max` and `last` have no meaning of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Its end, in ms, inclusive.
    pub end: i64,
    /// Samples or observations in it.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The latest.
    pub last: f64,
    /// How much a counter grew, resets resolved.
    pub increase: f64,
    /// The observations.
    pub histogram: Option<Arc<Histogram>>,
}

/// What a query reads from.
pub trait Source {
    /// The series that pass all `matchers`, in any order, with their points in `span` (of windows also those in
    /// [`WINDOWS_LOOKBACK_MS`] before it). Series without any point there are left out.
    fn select(&self, matchers: &[Matcher], span: Span) -> Result<Answer, SelectError>;
}

/// What [`Source::select`] found.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The series.
    pub series: Vec<Selected>,
    /// What the asker should know: `answered from windows of 1m`.
    pub warnings: Vec<String>,
}

/// Why a source cannot answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectError {
    /// More than a query may load; the text says what to do.
    TooMuch(String),
    /// The asker has gone, or time is up.
    Stopped,
    /// Files cannot be read: where and why.
    Failed(String),
}

impl std::fmt::Display for SelectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooMuch(why) | Self::Failed(why) => f.write_str(why),
            Self::Stopped => f.write_str("the query was stopped: it took too long, or its asker left"),
        }
    }
}

impl std::error::Error for SelectError {}

/// Prometheus' mark for a series that ended: a NaN of these very bits.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether a value is the mark [`STALE_BITS`].
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}
