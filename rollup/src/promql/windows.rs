//! Windows as PromQL sees them. Where a column answers, the answer is exact and nothing is extrapolated; every other function
//! sees samples at the windows' ends.
//!
//! ```text
//! counter    a counter that never resets: the sum of all increases up to t, from the first window's start, until
//!            WINDOWS_LOOKBACK_MS after the last; rate, increase: the sum of `increase` of windows that end in (t - range, t]
//! gauge      `last` of the newest window; *_over_time from the columns; rate, increase: as a counter, where it was one
//! histogram  all that end in (t - lookback, t], merged; rate, increase, *_over_time: all in (t - range, t], merged
//! ```
//! A lookback is never shorter than a window, or coarse windows would have gaps between them.

use super::eval::Steps;
use super::range::{self, Args, Difference, Frame, Slide};
use super::selector::Read;
use super::series::{ABSENT, Series};
use super::{Sample, Scaled};
use crate::select::{Samples, WINDOWS_LOOKBACK_MS, Window, Windows, WindowsOf};
use logweir_base::metric::{Histogram, Labels};
use std::sync::Arc;

/// What an instant selector gives.
pub(super) fn at(of: &Windows, labels: Arc<Labels>, times: Steps, lookback: i64, read: Read) -> Series {
    let lookback = lookback.max(of.step_ms);
    let frame = Frame { ends: times, range: lookback, now: times };
    let newest = |rows: &[Window]| rows.last().map_or(ABSENT, |row| row.end as f64 / 1000.0);
    match (of.of, read) {
        (WindowsOf::Counter, Read::Value) => Series::of(labels, counter(of, times)),
        (_, Read::Time) => Series::of(labels, mapped(of, &frame, newest)),
        (WindowsOf::Gauge, _) => {
            Series::of(labels, mapped(of, &frame, |rows| rows.last().map_or(ABSENT, |row| row.last)))
        }
        (WindowsOf::Histogram, _) => Series::of_histograms(labels, merged(of, &frame, |_| 1.0)),
    }
}

/// What a function of a range gives.
pub(super) fn over(name: &str, of: &Windows, labels: Arc<Labels>, frame: &Frame, args: &Args) -> Series {
    let difference = Difference::named(name).filter(|one| *one != Difference::Delta);
    match (of.of, difference) {
        (WindowsOf::Histogram, _) => histograms(name, of, labels, frame),
        (_, Some(difference)) => Series::of(labels, increases(difference, of, frame)),
        (WindowsOf::Gauge, None) => match column(name) {
            Some(column) => Series::of(labels, mapped(of, frame, column)),
            None => Series::of(labels, range::of_samples(name, &samples(of), frame, args)),
        },
        (WindowsOf::Counter, None) => Series::of(labels, range::of_samples(name, &samples(of), frame, args)),
    }
}

/// The points of windows as they are.
pub(super) fn points(of: &Windows) -> Vec<(i64, Sample)> {
    if of.of == WindowsOf::Histogram {
        let found = of.rows.iter().filter_map(|row| Some((row.end, row.histogram.clone()?)));
        return found
            .map(|(end, histogram)| (end, Sample::Histogram(Scaled { histogram, factor: 1.0 })))
            .collect();
    }
    let samples = samples(of);
    samples.times.into_iter().zip(samples.values.into_iter().map(Sample::Float)).collect()
}

/// Keeps those that end in `(start, end]`.
pub(super) fn keep(of: &mut Windows, start: i64, end: i64) {
    of.before += of.rows.iter().filter(|row| row.end <= start).map(|row| row.increase).sum::<f64>();
    of.rows.retain(|row| row.end > start && row.end <= end);
}

/// What a function makes of a gauge's windows.
type OfRows = fn(&[Window]) -> f64;

fn column(name: &str) -> Option<OfRows> {
    let of: OfRows = match name {
        "sum_over_time" => |rows| rows.iter().map(|row| row.sum).sum(),
        "count_over_time" => |rows| rows.iter().map(|row| row.count as f64).sum(),
        "avg_over_time" => |rows| {
            let count: f64 = rows.iter().map(|row| row.count as f64).sum();
            rows.iter().map(|row| row.sum).sum::<f64>() / count
        },
        "min_over_time" => |rows| rows.iter().map(|row| row.min).fold(f64::NAN, f64::min),
        "max_over_time" => |rows| rows.iter().map(|row| row.max).fold(f64::NAN, f64::max),
        _ => return None,
    };
    Some(of)
}

/// What is made of the windows of each range that has any.
fn mapped(of: &Windows, frame: &Frame, function: impl Fn(&[Window]) -> f64) -> Vec<f64> {
    let of_range = |(from, to)| if from < to { function(&of.rows[from..to]) } else { ABSENT };
    ranges(of, frame).map(of_range).collect()
}

/// Where the windows are that end in each range.
fn ranges<'a>(of: &'a Windows, frame: &'a Frame) -> impl Iterator<Item = (usize, usize)> + use<'a> {
    let mut slide = Slide::default();
    (0..frame.now.count).map(move |step| {
        let end = frame.ends.time(step);
        slide.over(&of.rows, |row| row.end, end - frame.range, end)
    })
}

/// A counter's value at the end of each window.
fn samples(of: &Windows) -> Samples {
    let times = of.rows.iter().map(|row| row.end).collect();
    let mut sum = of.before;
    let values = of.rows.iter().map(|row| match of.of {
        WindowsOf::Counter => {
            sum += row.increase;
            sum
        }
        _ => row.last,
    });
    Samples { times, values: values.collect() }
}

/// Whether a counter is there: it counted lately, or the window that is coming has begun.
fn is_alive(of: &Windows, ended: usize, time: i64) -> bool {
    let counted = ended.checked_sub(1).map(|i| of.rows[i].end);
    let coming = of.rows.get(ended).map(|row| row.end - of.step_ms);
    counted.is_some_and(|end| time < end + WINDOWS_LOOKBACK_MS) || coming.is_some_and(|start| start <= time)
}

fn counter(of: &Windows, times: Steps) -> Vec<f64> {
    let (mut ended, mut sum) = (0, of.before);
    let of_step = |step| {
        let time = times.time(step);
        while let Some(row) = of.rows.get(ended).filter(|row| row.end <= time) {
            sum += row.increase;
            ended += 1;
        }
        if is_alive(of, ended, time) { sum } else { ABSENT }
    };
    (0..times.count).map(of_step).collect()
}

/// The sums of increases. A counter that is there and counts nothing grows by 0. Each range is summed up by itself: as the
/// difference of sums from the start on, small increases behind a huge one would be lost.
fn increases(difference: Difference, of: &Windows, frame: &Frame) -> Vec<f64> {
    let by = if difference == Difference::Rate { frame.range as f64 / 1000.0 } else { 1.0 };
    let mut sliding = Sliding::<f64>::default();
    let of_range = |(step, (from, to)): (usize, (usize, usize))| {
        let (front, back) = sliding.of(&of.rows, from, to, |sum, row| *sum += row.increase);
        let is_there = from < to || (of.of == WindowsOf::Counter && is_alive(of, to, frame.ends.time(step)));
        if is_there { (front.copied().unwrap_or(0.0) + back) / by } else { ABSENT }
    };
    ranges(of, frame).enumerate().map(of_range).collect()
}

/// The windows of a sliding range, added up: each window is added a few times, however many ranges it is in, and none is ever
/// subtracted.
///
/// ```text
///        from            mid           to
///  rows   |---- front ----|--- back ---|      front[k]: all from the k-th before `mid` up to `mid`
/// ```
#[derive(Default)]
struct Sliding<T> {
    mid: usize,
    to: usize,
    front: Vec<T>,
    back: T,
}

impl<T: Clone + Default> Sliding<T> {
    /// Of `rows[from..to]`, in two parts; both must only ever grow. There is no front when the range is empty.
    fn of(
        &mut self,
        rows: &[Window],
        from: usize,
        to: usize,
        add: impl Fn(&mut T, &Window),
    ) -> (Option<&T>, &T) {
        if from >= self.mid {
            self.front.clear();
            let mut sum = T::default();
            for row in rows[from..to].iter().rev() {
                add(&mut sum, row);
                self.front.push(sum.clone());
            }
            (self.mid, self.back) = (to, T::default());
        } else {
            rows[self.to..to].iter().for_each(|row| add(&mut self.back, row));
            self.front.truncate(self.mid - from);
        }
        self.to = to;
        (self.front.last(), &self.back)
    }
}

/// The windows of each range merged, and the factor for so many of them.
fn merged(of: &Windows, frame: &Frame, factor: impl Fn(usize) -> f64) -> Vec<Option<Scaled>> {
    let mut sliding = Sliding::<Histogram>::default();
    let add = |sum: &mut Histogram, row: &Window| row.histogram.iter().for_each(|one| sum.merge(one));
    let of_range = |(from, to)| {
        let (front, back) = sliding.of(&of.rows, from, to, add);
        let mut histogram = front?.clone();
        histogram.merge(back);
        (histogram.count > 0).then(|| Scaled { histogram: Arc::new(histogram), factor: factor(to - from) })
    };
    ranges(of, frame).map(of_range).collect()
}

fn histograms(name: &str, of: &Windows, labels: Arc<Labels>, frame: &Frame) -> Series {
    let seconds = frame.range as f64 / 1000.0;
    let newest = |(from, to): (usize, usize)| {
        let histogram = of.rows[from..to].iter().rev().find_map(|row| row.histogram.clone())?;
        Some(Scaled { histogram, factor: 1.0 })
    };
    let found = match name {
        "rate" => merged(of, frame, |_| 1.0 / seconds),
        "increase" | "sum_over_time" => merged(of, frame, |_| 1.0),
        "avg_over_time" => merged(of, frame, |windows| 1.0 / windows as f64),
        "last_over_time" => ranges(of, frame).map(newest).collect(),
        "count_over_time" => return Series::of(labels, mapped(of, frame, |rows| rows.len() as f64)),
        "present_over_time" => return Series::of(labels, mapped(of, frame, |_| 1.0)),
        _ => vec![None; frame.now.count],
    };
    Series::of_histograms(labels, found)
}
