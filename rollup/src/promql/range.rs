//! Functions of a range: at each step, what a series was in `(t - range, t]`. Two indices slide over its samples; a counter's
//! resets are found once. Windows have functions of their own (`windows.rs`) and use these where they are seen as samples.

use super::eval::{Engine, Sink, Steps};
use super::math::{self, Mean, Sum, Variance};
use super::parse::{Kind, kind};
use super::series::{ABSENT, Series};
use super::{QueryError, Sample, windows};
use crate::select::{Samples, Selected, SeriesPoints, Span, is_stale};
use logweir_base::metric::Labels;
use promql_parser::parser::{Call, Expr};
use std::sync::Arc;

/// Where the ranges of a query lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Where each ends; its `step` is 0 when all are the same.
    pub ends: Steps,
    /// How long each is, in ms.
    pub range: i64,
    /// When each is asked for.
    pub now: Steps,
}

impl Frame {
    /// All of them together.
    pub fn span(&self) -> Span {
        Span { start: self.ends.start - self.range + 1, end: self.ends.end() }
    }
}

/// A series whose ranges are asked for.
pub(super) struct Ranged {
    pub labels: Arc<Labels>,
    pub drop_name: bool,
    pub points: Points,
}

/// What it has.
pub(super) enum Points {
    /// Samples, none of them stale.
    Samples(Samples),
    /// Windows.
    Windows(crate::select::Windows),
}

impl Points {
    /// All as they are.
    pub fn all(&self) -> Vec<(i64, Sample)> {
        match self {
            Self::Samples(samples) => {
                let values = samples.values.iter().map(|&value| Sample::Float(value));
                samples.times.iter().copied().zip(values).collect()
            }
            Self::Windows(of) => windows::points(of),
        }
    }

    /// When they are.
    pub fn times(self) -> Vec<i64> {
        match self {
            Self::Samples(samples) => samples.times,
            Self::Windows(of) => of.rows.iter().map(|row| row.end).collect(),
        }
    }
}

impl Ranged {
    /// Of what was selected.
    pub fn of(one: Selected) -> Self {
        let points = match one.points {
            SeriesPoints::Samples(samples) => Points::Samples(without_stale(samples)),
            SeriesPoints::Windows(of) => Points::Windows(of),
        };
        Self { labels: one.labels, drop_name: false, points }
    }

    /// With the points in the first range only.
    pub fn within(mut self, frame: &Frame) -> Self {
        let (end, start) = (frame.ends.start, frame.ends.start - frame.range);
        match &mut self.points {
            Points::Samples(samples) => {
                let (from, to) = Slide::default().to(&samples.times, start, end);
                *samples = Samples {
                    times: samples.times[from..to].to_vec(),
                    values: samples.values[from..to].to_vec(),
                };
            }
            Points::Windows(of) => windows::keep(of, start, end),
        }
        self
    }
}

fn without_stale(samples: Samples) -> Samples {
    if !samples.values.iter().any(|&value| is_stale(value)) {
        return samples;
    }
    let kept = samples.times.into_iter().zip(samples.values).filter(|(_, value)| !is_stale(*value));
    let (times, values) = kept.unzip();
    Samples { times, values }
}

/// The numbers of a series at the steps of a subquery, as samples.
pub(super) fn of_series(one: &Series, steps: Steps) -> Ranged {
    let points = one
        .values
        .iter()
        .enumerate()
        .filter(|(_, value)| !is_stale(**value))
        .map(|(i, &v)| (steps.time(i), v));
    let (times, values) = points.unzip();
    let points = Points::Samples(Samples { times, values });
    Ranged { labels: one.labels.clone(), drop_name: one.drop_name, points }
}

/// The points of one range; there is at least one.
pub(super) struct Within<'a> {
    pub times: &'a [i64],
    pub values: &'a [f64],
    /// When it is asked for, in ms.
    now: i64,
    /// The function's numbers.
    args: [f64; 2],
}

/// What a function makes of one range; [`ABSENT`] when nothing.
type OfRange = fn(&Within<'_>) -> f64;

/// The functions of a range that look at its samples alone.
const FUNCTIONS: [(&str, OfRange); 24] = [
    ("avg_over_time", |w| mean(w.values)),
    ("sum_over_time", |w| w.values.iter().fold(Sum::default(), |sum, &v| added(sum, v)).value()),
    ("min_over_time", |w| {
        w.values.iter().fold(f64::NAN, |least, &v| if v < least || least.is_nan() { v } else { least })
    }),
    ("max_over_time", |w| {
        w.values.iter().fold(f64::NAN, |most, &v| if v > most || most.is_nan() { v } else { most })
    }),
    ("count_over_time", |w| w.values.len() as f64),
    ("last_over_time", |w| w.values[w.values.len() - 1]),
    ("first_over_time", |w| w.values[0]),
    ("present_over_time", |_| 1.0),
    ("stdvar_over_time", |w| variance(w.values)),
    ("stddev_over_time", |w| variance(w.values).sqrt()),
    ("quantile_over_time", |w| math::quantile(w.args[0], &mut w.values.to_vec())),
    ("mad_over_time", |w| deviation(w.values)),
    ("changes", |w| changed(w.values, |a, b| a != b && !(a.is_nan() && b.is_nan()))),
    ("resets", |w| changed(w.values, |a, b| b < a)),
    ("irate", |w| last_two(w, LastTwo::Rate)),
    ("idelta", |w| last_two(w, LastTwo::Delta)),
    ("deriv", |w| if w.values.len() < 2 { ABSENT } else { math::line(w.times, w.values, w.times[0]).0 }),
    ("predict_linear", predicted),
    ("double_exponential_smoothing", smoothed),
    ("holt_winters", smoothed),
    ("ts_of_first_over_time", |w| seconds(w.times[0])),
    ("ts_of_last_over_time", |w| seconds(w.times[w.times.len() - 1])),
    ("ts_of_min_over_time", |w| time_of(w, |v, least| v <= least)),
    ("ts_of_max_over_time", |w| time_of(w, |v, most| v >= most)),
];

/// The function of a name.
pub(super) fn function_of(name: &str) -> Option<OfRange> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|&(_, function)| function)
}

/// How a counter's samples, or a gauge's, make a difference over the range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// Of a gauge.
    Delta,
    /// Of a counter.
    Increase,
    /// Of a counter, by second.
    Rate,
}

impl Difference {
    /// That of a function.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "delta" => Some(Self::Delta),
            "increase" => Some(Self::Increase),
            "rate" => Some(Self::Rate),
            _ => None,
        }
    }
}

/// Whether the call is one of a range; `absent_over_time` is not, for it is about all series together.
pub(super) fn is_one(name: &str) -> bool {
    Difference::named(name).is_some() || function_of(name).is_some()
}

/// Hands on what a function of a range makes of each series.
pub(super) fn each(engine: &Engine<'_>, call: &Call, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
    let name = call.func.name;
    let all = call.args.args.iter().map(|arg| &**arg);
    let (ranges, numbers): (Vec<&Expr>, Vec<&Expr>) = all.partition(|arg| kind(arg) == Kind::Matrix);
    let &[over] = ranges.as_slice() else {
        return Err(QueryError::BadData(format!("expected one range vector in call to function {name:?}")));
    };
    let numbers = numbers.into_iter().map(|arg| engine.scalar(arg, steps));
    let args = Args { numbers: numbers.collect::<Result<_, _>>()? };
    args.check(engine, name)?;
    let keeps_name = matches!(name, "last_over_time" | "first_over_time");
    engine.ranges(over, steps, &mut |frame, one| {
        engine.charge(steps.count)?;
        let (labels, drop_name) = (one.labels, one.drop_name);
        let mut series = match &one.points {
            Points::Samples(samples) => Series::of(labels, of_samples(name, samples, frame, &args)),
            Points::Windows(of) => windows::over(name, of, labels, frame, &args),
        };
        series.drop_name = drop_name || !keeps_name;
        sink(series)
    })
}

/// A function's numbers, per step.
#[derive(Default)]
pub(super) struct Args {
    numbers: Vec<Vec<f64>>,
}

impl Args {
    fn at(&self, step: usize) -> [f64; 2] {
        let number = |i: usize| self.numbers.get(i).map_or(0.0, |numbers| numbers[step]);
        [number(0), number(1)]
    }

    fn check(&self, engine: &Engine<'_>, name: &str) -> Result<(), QueryError> {
        let Some(first) = self.numbers.first() else { return Ok(()) };
        if name == "quantile_over_time" {
            warn_of_quantiles(engine, first);
        }
        let is_factor = |number: &f64| *number > 0.0 && *number < 1.0;
        if matches!(name, "double_exponential_smoothing" | "holt_winters") {
            for (numbers, what) in self.numbers.iter().zip(["smoothing", "trend"]) {
                if let Some(bad) = numbers.iter().find(|number| !is_factor(number)) {
                    let why = format!("invalid {what} factor. Expected: 0 < factor < 1, got: {bad}");
                    return Err(QueryError::Execution(why));
                }
            }
        }
        Ok(())
    }
}

/// Remarks on quantiles that are none.
pub(super) fn warn_of_quantiles(engine: &Engine<'_>, quantiles: &[f64]) {
    for q in quantiles.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
        let shown = if q.is_nan() { "NaN".to_owned() } else { q.to_string() };
        engine.warn(format!("PromQL warning: quantile value should be between 0 and 1, got {shown}"));
    }
}

/// What a function makes of samples, per step.
pub(super) fn of_samples(name: &str, samples: &Samples, frame: &Frame, args: &Args) -> Vec<f64> {
    match (Difference::named(name), function_of(name)) {
        (Some(difference), _) => differences(difference, samples, frame),
        (None, Some(function)) => mapped(function, samples, frame, args),
        (None, None) => vec![ABSENT; frame.now.count],
    }
}

fn mapped(function: OfRange, samples: &Samples, frame: &Frame, args: &Args) -> Vec<f64> {
    let mut slide = Slide::default();
    let mut values = Vec::with_capacity(frame.now.count);
    // Ranges that are all the same are looked at once, unless the function depends on the step otherwise.
    let is_constant = frame.ends.step == 0 && args.numbers.is_empty();
    for step in 0..frame.now.count {
        let end = frame.ends.time(step);
        let (from, to) = slide.to(&samples.times, end - frame.range, end);
        values.push(match (values.first(), from < to) {
            (Some(&first), _) if is_constant => first,
            (_, false) => ABSENT,
            (_, true) => function(&Within {
                times: &samples.times[from..to],
                values: &samples.values[from..to],
                now: frame.now.time(step),
                args: args.at(step),
            }),
        });
    }
    values
}

/// Two indices that slide over times.
#[derive(Default)]
pub(super) struct Slide {
    from: usize,
    to: usize,
}

impl Slide {
    /// Where times in `(start, end]` are; both only ever grow.
    pub fn to(&mut self, times: &[i64], start: i64, end: i64) -> (usize, usize) {
        self.over(times, |&time| time, start, end)
    }

    /// The same of anything that has a time.
    pub fn over<T>(&mut self, all: &[T], time: impl Fn(&T) -> i64, start: i64, end: i64) -> (usize, usize) {
        while self.to < all.len() && time(&all[self.to]) <= end {
            self.to += 1;
        }
        while self.from < self.to && time(&all[self.from]) <= start {
            self.from += 1;
        }
        (self.from, self.to)
    }
}

/// Fast path: rate, increase and delta, extrapolated to the range's ends as Prometheus does.
fn differences(difference: Difference, samples: &Samples, frame: &Frame) -> Vec<f64> {
    let (times, values) = (samples.times.as_slice(), samples.values.as_slice());
    let resets = if difference == Difference::Delta { Vec::new() } else { resets(values) };
    let mut slide = Slide::default();
    let of_step = |step: usize| {
        let end = frame.ends.time(step);
        let start = end - frame.range;
        let (from, to) = slide.to(times, start, end);
        if to < from + 2 {
            return ABSENT;
        }
        let mut grown = values[to - 1] - values[from];
        let first_reset = resets.partition_point(|&(at, _)| at <= from);
        grown +=
            resets[first_reset..].iter().take_while(|&&(at, _)| at < to).map(|(_, lost)| lost).sum::<f64>();
        let first = (difference != Difference::Delta).then_some(values[from]);
        let factor = extrapolation(&times[from..to], (start, end), grown, first);
        match difference {
            Difference::Rate => grown * (factor / (frame.range as f64 / 1000.0)),
            _ => grown * factor,
        }
    };
    (0..frame.now.count).map(of_step).collect()
}

/// Where a counter fell, and from what.
fn resets(values: &[f64]) -> Vec<(usize, f64)> {
    let pairs = values.windows(2).enumerate();
    pairs.filter(|(_, two)| two[1] < two[0]).map(|(i, two)| (i + 1, two[0])).collect()
}

/// By what a difference between the samples is multiplied to be one over the range: up to each end, or by half a distance
/// between samples where that end is further than 1.1 of it; and never to before a counter would have been 0.
fn extrapolation(times: &[i64], (start, end): (i64, i64), grown: f64, first: Option<f64>) -> f64 {
    let (first_time, last_time) = (times[0], times[times.len() - 1]);
    let sampled = (last_time - first_time) as f64 / 1000.0;
    let distance = sampled / (times.len() - 1) as f64;
    let near = |ms: i64| {
        let seconds = ms as f64 / 1000.0;
        if seconds >= distance * 1.1 { distance / 2.0 } else { seconds }
    };
    let mut before = near(first_time - start);
    if let Some(first) = first.filter(|&first| grown > 0.0 && first >= 0.0) {
        before = before.min(sampled * (first / grown));
    }
    (sampled + before + near(end - last_time)) / sampled
}

fn seconds(time: i64) -> f64 {
    time as f64 / 1000.0
}

fn added(mut sum: Sum, number: f64) -> Sum {
    sum.add(number);
    sum
}

fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::default();
    values.iter().for_each(|&value| mean.add(value));
    mean.value()
}

fn variance(values: &[f64]) -> f64 {
    let mut variance = Variance::default();
    values.iter().for_each(|&value| variance.add(value));
    variance.value()
}

fn deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = math::quantile(0.5, &mut values.to_vec());
    math::quantile(0.5, &mut values.iter().map(|value| (value - median).abs()).collect::<Vec<_>>())
}

fn changed(values: &[f64], is_change: impl Fn(f64, f64) -> bool) -> f64 {
    values.windows(2).filter(|two| is_change(two[0], two[1])).count() as f64
}

fn time_of(within: &Within<'_>, is_better: impl Fn(f64, f64) -> bool) -> f64 {
    let mut best = 0;
    for (i, &value) in within.values.iter().enumerate() {
        if is_better(value, within.values[best]) || within.values[best].is_nan() {
            best = i;
        }
    }
    seconds(within.times[best])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LastTwo {
    Rate,
    Delta,
}

fn last_two(within: &Within<'_>, what: LastTwo) -> f64 {
    let ([.., before, last], [.., earlier, later]) = (within.values, within.times) else { return ABSENT };
    match what {
        LastTwo::Delta => last - before,
        LastTwo::Rate => {
            let grown = if last < before { *last } else { last - before };
            grown / seconds(later - earlier)
        }
    }
}

fn predicted(within: &Within<'_>) -> f64 {
    if within.values.len() < 2 {
        return ABSENT;
    }
    let (slope, height) = math::line(within.times, within.values, within.now);
    slope * within.args[0] + height
}

/// Double exponential smoothing, the first factor of values, the second of trends.
fn smoothed(within: &Within<'_>) -> f64 {
    let [first, second, ..] = within.values else { return ABSENT };
    let [factor, trend_factor] = within.args;
    let (mut before, mut smooth, mut trend) = (0.0, *first, second - first);
    for (i, value) in within.values[1..].iter().enumerate() {
        if i > 0 {
            trend = trend_factor * (smooth - before) + (1.0 - trend_factor) * trend;
        }
        let next = factor * value + (1.0 - factor) * (smooth + trend);
        (before, smooth) = (smooth, next);
    }
    smooth
}
