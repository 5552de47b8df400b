//! PromQL: a query's text in, values out. The grammar is `promql-parser`'s, the meaning is Prometheus 3's, as its own test
//! scripts fix it (`rollup/tests/promqltest.rs` runs them); what is said here of samples holds there too.
//!
//! ```text
//! text --parse.rs--> expression --eval.rs--> series, each a value per step --mod.rs--> Outcome
//!                                  |
//!   selector.rs  a value per step   range.rs  what lies in a range, per step   windows.rs  the same of windows
//!   aggregate.rs over series        binary.rs between series                   function.rs, labels.rs, classic.rs  of a value
//! ```
//! A range query is evaluated series by series, all steps of one at once, and aggregations take series as they come; so most
//! queries hold few of them. A name that an operation drops is dropped at the end, as Prometheus does with
//! `promql-delayed-name-removal`.
//!
//! Absent, and said so where asked for: native histograms as Prometheus has them, duration expressions, `anchored`, `smoothed`,
//! `info()`, `fill`, and remarks on names (`might not be a counter`), which would be noise on OpenTelemetry's.

mod aggregate;
mod binary;
mod calendar;
mod classic;
mod eval;
mod function;
mod labels;
mod matching;
mod math;
mod parse;
mod range;
mod rank;
mod selector;
mod series;
#[cfg(test)]
mod tests;
mod windows;

use crate::select::{Matcher, SelectError, Source};
use eval::{Engine, Evaluated, Steps};
use logweir_base::metric::{Histogram, Labels};
use parse::Kind;
use series::Series;
use std::fmt;
use std::sync::Arc;

/// What a query may take, and what it takes for granted.
pub struct Limits<'a> {
    /// A sample counts for so long; Prometheus' default is five minutes.
    pub lookback_ms: i64,
    /// Points that may be loaded or computed; a point takes 16 bytes.
    pub samples_max: usize,
    /// Series that one selector may give.
    pub series_max: usize,
    /// Steps of a range query; Prometheus' bound is 11,000 between the first and the last.
    pub steps_max: usize,
    /// Whether to stop: time is up, or the asker has gone. Asked often.
    pub stop: &'a dyn Fn() -> bool,
}

impl<'a> Limits<'a> {
    /// The usual ones.
    pub fn with_stop(stop: &'a dyn Fn() -> bool) -> Self {
        Self { lookback_ms: 300_000, samples_max: 50_000_000, series_max: 1_000_000, steps_max: 11_001, stop }
    }
}

/// Why there is no answer; each is one of Prometheus' kinds of error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// The query or its times make no sense: `bad_data`.
    BadData(String),
    /// The query cannot be answered with what is there: `execution`.
    Execution(String),
    /// Time was up, or the asker had gone: `timeout`.
    Timeout,
    /// More than [`Limits`] allow; the text says of what: `execution`.
    TooMuch(String),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadData(why) | Self::Execution(why) | Self::TooMuch(why) => f.write_str(why),
            Self::Timeout => f.write_str("query timed out in expression evaluation"),
        }
    }
}

impl std::error::Error for QueryError {}

impl From<SelectError> for QueryError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::TooMuch(why) => Self::TooMuch(why),
            SelectError::Stopped => Self::Timeout,
            SelectError::Failed(why) => Self::Execution(why),
        }
    }
}

/// A histogram, and what its counts and sum are multiplied with: a rate is the increase by a factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaled {
    /// The observations.
    pub histogram: Arc<Histogram>,
    /// For counts and sum.
    pub factor: f64,
}

impl Scaled {
    /// Observations.
    pub fn count(&self) -> f64 {
        self.histogram.count as f64 * self.factor
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.histogram.sum * self.factor
    }
}

/// What a series is at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// A number.
    Float(f64),
    /// Observations.
    Histogram(Scaled),
}

/// A series at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Instant {
    /// Which.
    pub labels: Arc<Labels>,
    /// When, in ms.
    pub time: i64,
    /// What.
    pub sample: Sample,
}

/// A series over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which.
    pub labels: Arc<Labels>,
    /// When, in ms, ascending, and what; never empty.
    pub points: Vec<(i64, Sample)>,
}

/// What a query gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number.
    Scalar {
        /// When, in ms.
        time: i64,
        /// What.
        value: f64,
    },
    /// A text.
    String {
        /// When, in ms.
        time: i64,
        /// What.
        value: String,
    },
    /// Series at one time; in the order asked for, else by labels.
    Vector(Vec<Instant>),
    /// Series over time, by labels.
    Matrix(Vec<Row>),
}

/// What a query gives, and what its asker should know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The answer.
    pub value: Value,
    /// Where it may be wrong.
    pub warnings: Vec<String>,
    /// Where it may surprise.
    pub infos: Vec<String>,
}

/// Answers a query at one time.
pub fn instant(
    query: &str,
    time_ms: i64,
    source: &dyn Source,
    limits: &Limits<'_>,
) -> Result<Outcome, QueryError> {
    let expr = parse::parse(query)?;
    let steps = Steps { start: time_ms, step: 0, count: 1 };
    let engine = Engine::new(source, limits, steps);
    let value = match parse::kind(&expr) {
        Kind::Matrix => Value::Matrix(rows(engine.matrix(&expr, steps)?, limits)?),
        _ => match engine.evaluate(&expr, steps)? {
            Evaluated::Scalar(values) => Value::Scalar { time: time_ms, value: values[0] },
            Evaluated::String(value) => Value::String { time: time_ms, value },
            Evaluated::Vector(found) => {
                let mut found = series::merge(series::without_dropped_names(found)?, series::SAME_LABELS)?;
                if !parse::is_ordered(&expr) {
                    found.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                }
                Value::Vector(found.iter().filter_map(|one| instant_of(one, time_ms)).collect())
            }
        },
    };
    Ok(engine.outcome(value))
}

/// Answers a query at `start_ms`, and each `step_ms` later, up to `end_ms`.
pub fn range(
    query: &str,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    source: &dyn Source,
    limits: &Limits<'_>,
) -> Result<Outcome, QueryError> {
    let steps = Steps::over(start_ms, end_ms, step_ms, limits)?;
    let expr = parse::parse(query)?;
    let engine = Engine::new(source, limits, steps);
    let found = match parse::kind(&expr) {
        Kind::Scalar => vec![Series::of(Arc::new(Labels::default()), engine.scalar(&expr, steps)?)],
        Kind::Vector => {
            let found = engine.vector(&expr, steps)?;
            series::merge(series::without_dropped_names(found)?, series::SAME_LABELS)?
        }
        other => {
            let why = "for range query, must be Scalar or instant Vector";
            return Err(QueryError::BadData(format!("invalid expression type {:?} {why}", other.text())));
        }
    };
    let mut matrix: Vec<Row> = found.iter().filter_map(|one| row_of(one, steps)).collect();
    matrix.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
    Ok(engine.outcome(Value::Matrix(matrix)))
}

/// Whether a text is a query.
pub fn check(query: &str) -> Result<(), QueryError> {
    parse::parse(query).map(drop)
}

/// The matchers of selectors, as `match[]` has them: `up`, `{job="a"}`.
pub fn selectors(text: &str) -> Result<Vec<Vec<Matcher>>, QueryError> {
    parse::selectors(text)
}

fn instant_of(one: &Series, time: i64) -> Option<Instant> {
    Some(Instant { labels: one.labels.clone(), time, sample: one.sample(0)? })
}

fn row_of(one: &Series, steps: Steps) -> Option<Row> {
    let points: Vec<_> = (0..steps.count).filter_map(|i| Some((steps.time(i), one.sample(i)?))).collect();
    (!points.is_empty()).then(|| Row { labels: one.labels.clone(), points })
}

/// The points of a range as they are, for a query that is nothing but a range.
fn rows(found: Vec<range::Ranged>, limits: &Limits<'_>) -> Result<Vec<Row>, QueryError> {
    let mut rows = Vec::new();
    for one in found {
        if (limits.stop)() {
            return Err(QueryError::Timeout);
        }
        let points = one.points.all();
        if !points.is_empty() {
            rows.push(Row { labels: one.labels, points });
        }
    }
    rows.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
    Ok(rows)
}
