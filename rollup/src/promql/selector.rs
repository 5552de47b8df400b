//! Instant selectors: the newest value of a series at each step, not older than the lookback.

use super::eval::{Engine, Sink, Steps};
use super::series::{ABSENT, Series};
use super::{QueryError, windows};
use crate::select::{Samples, SeriesPoints, Span, is_stale};
use promql_parser::parser::VectorSelector;

/// What of a sample is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// What it is.
    Value,
    /// When it was, in seconds.
    Time,
}

/// Hands on the series of a selector.
pub(super) fn each(
    engine: &Engine<'_>,
    one: &VectorSelector,
    steps: Steps,
    read: Read,
    sink: Sink<'_>,
) -> Result<(), QueryError> {
    let times = steps.moved(one.at.as_ref(), one.offset.as_ref(), engine.query);
    let lookback = engine.limits.lookback_ms;
    let span = Span { start: times.start - lookback + 1, end: times.end() };
    for found in engine.select(one, span)? {
        engine.charge(steps.count)?;
        let series = match &found.points {
            SeriesPoints::Samples(samples) => {
                Series::of(found.labels, of_samples(samples, times, lookback, read))
            }
            SeriesPoints::Windows(of) => windows::at(of, found.labels, times, lookback, read),
        };
        sink(series)?;
    }
    Ok(())
}

/// The newest sample at each step.
fn of_samples(samples: &Samples, times: Steps, lookback: i64, read: Read) -> Vec<f64> {
    let mut after = 0;
    let mut at = |step: usize| {
        let time = times.time(step);
        while after < samples.times.len() && samples.times[after] <= time {
            after += 1;
        }
        let newest = after.checked_sub(1).filter(|&i| samples.times[i] > time - lookback);
        match newest {
            Some(i) if !is_stale(samples.values[i]) => match read {
                Read::Value => samples.values[i],
                Read::Time => samples.times[i] as f64 / 1000.0,
            },
            _ => ABSENT,
        }
    };
    (0..times.count).map(&mut at).collect()
}
