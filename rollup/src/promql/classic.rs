//! `histogram_*` functions. A *classic* histogram is a set of counters with a label `le`, and what lies within a bucket is
//! interpolated, as Prometheus does. Ours has buckets narrow enough to be taken by their middle.

use super::eval::{Engine, Steps, string};
use super::function::argument;
use super::range::warn_of_quantiles;
use super::series::{ABSENT, Point, Series, relabel, set};
use super::{QueryError, Scaled};
use logweir_base::metric::Labels;
use promql_parser::parser::{Call, Expr};
use std::collections::HashMap;
use std::sync::Arc;

/// The label of a classic bucket: its upper bound.
const BOUND: &str = "le";
/// Counts that differ by no more than this part are equal: sums of floats differ by how they were summed.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// A classic bucket: observations up to a bound.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// What is asked of a histogram.
#[derive(Clone, Copy)]
enum Question {
    /// What a part of the observations does not exceed.
    Quantile(f64),
    /// Which part is within bounds.
    Fraction(f64, f64),
}

/// Evaluates one of the functions.
pub(super) fn evaluate(engine: &Engine<'_>, call: &Call, steps: Steps) -> Result<Vec<Series>, QueryError> {
    let scalar = |place| engine.scalar(argument(call, place)?, steps);
    match call.func.name {
        "histogram_quantile" => {
            let quantiles = scalar(0)?;
            warn_of_quantiles(engine, &quantiles);
            let questions: Vec<_> = quantiles.into_iter().map(Question::Quantile).collect();
            answers(engine, &histograms(engine, argument(call, 1)?, steps)?, &questions)
        }
        "histogram_fraction" => {
            let bounds = scalar(0)?.into_iter().zip(scalar(1)?);
            let questions: Vec<_> = bounds.map(|(lower, upper)| Question::Fraction(lower, upper)).collect();
            answers(engine, &histograms(engine, argument(call, 2)?, steps)?, &questions)
        }
        "histogram_quantiles" => quantiles(engine, call, steps),
        name => of_ours(engine, name, argument(call, 0)?, steps),
    }
}

/// `histogram_quantiles(v, label, q...)`: several at once, told apart by a label.
fn quantiles(engine: &Engine<'_>, call: &Call, steps: Steps) -> Result<Vec<Series>, QueryError> {
    let all = histograms(engine, argument(call, 0)?, steps)?;
    let label = string(argument(call, 1)?)?;
    let mut found = Vec::new();
    for arg in call.args.args.iter().skip(2) {
        let quantiles = engine.scalar(arg, steps)?;
        warn_of_quantiles(engine, &quantiles);
        let value = quantiles.first().copied().unwrap_or_default();
        let value = if value.fract() == 0.0 { format!("{value:.1}") } else { value.to_string() };
        let questions: Vec<_> = quantiles.into_iter().map(Question::Quantile).collect();
        for mut one in answers(engine, &all, &questions)? {
            one.labels = Arc::new(relabel(&one.labels, |pairs| set(pairs, label, &value))?);
            found.push(one);
        }
    }
    super::series::merge(found, super::series::SAME_LABELS)
}

/// A histogram of either kind: its labels, and the series that it is of.
struct Parts {
    labels: Arc<Labels>,
    drop_name: bool,
    ours: Option<Series>,
    buckets: Vec<(f64, Series)>,
}

/// Puts classic buckets together.
fn histograms(engine: &Engine<'_>, expr: &Expr, steps: Steps) -> Result<Vec<Parts>, QueryError> {
    let mut places: HashMap<Arc<Labels>, usize> = HashMap::new();
    let mut all: Vec<Parts> = Vec::new();
    engine.each(expr, steps, &mut |one| {
        if one.is_empty() {
            return Ok(());
        }
        let is_ours = !one.histograms.is_empty();
        let bound = one.labels.get(BOUND).parse::<f64>().ok();
        if !is_ours && bound.is_none() {
            let (bad, name) = (one.labels.get(BOUND), one.labels.name());
            let what = format!("bucket label \"le\" is missing or has a malformed value of {bad:?}");
            engine.warn(format!("PromQL warning: {what} for metric name {name:?}"));
            return Ok(());
        }
        let labels = match bound {
            Some(_) if !is_ours => {
                Arc::new(relabel(&one.labels, |pairs| pairs.retain(|(n, _)| *n != BOUND))?)
            }
            _ => one.labels.clone(),
        };
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            all.push(Parts { labels, drop_name: true, ours: None, buckets: Vec::new() });
            all.len() - 1
        });
        match bound {
            Some(bound) if !is_ours => all[place].buckets.push((bound, one)),
            _ => all[place].ours = Some(one),
        }
        Ok(())
    })?;
    Ok(all)
}

fn answers(engine: &Engine<'_>, all: &[Parts], questions: &[Question]) -> Result<Vec<Series>, QueryError> {
    let mut found = Vec::new();
    for parts in all {
        engine.charge(questions.len())?;
        let values = questions.iter().enumerate().map(|(step, question)| {
            let mut buckets: Vec<Bucket> =
                parts.buckets.iter().filter_map(|(bound, one)| bucket(*bound, one, step)).collect();
            let ours = parts.ours.as_ref().map(|one| one.at(step));
            match (ours, buckets.is_empty()) {
                (Some(Point::Histogram(_)), false) => {
                    let name = parts.labels.name();
                    let what = "vector contains a mix of classic and native histograms";
                    engine.warn(format!("PromQL warning: {what} for metric name {name:?}"));
                    ABSENT
                }
                (Some(Point::Histogram(ours)), true) => answer_of_ours(ours, *question),
                (_, true) => ABSENT,
                (_, false) => answer(engine, &mut buckets, *question),
            }
        });
        let mut one = Series::of(parts.labels.clone(), values.collect());
        one.drop_name = parts.drop_name;
        if !one.is_empty() {
            found.push(one);
        }
    }
    Ok(found)
}

fn bucket(bound: f64, one: &Series, step: usize) -> Option<Bucket> {
    match one.at(step) {
        Point::Float(count) => Some(Bucket { bound, count }),
        _ => None,
    }
}

fn answer(engine: &Engine<'_>, buckets: &mut Vec<Bucket>, question: Question) -> f64 {
    match question {
        Question::Quantile(q) if q.is_nan() => return f64::NAN,
        Question::Quantile(q) if q < 0.0 => return f64::NEG_INFINITY,
        Question::Quantile(q) if q > 1.0 => return f64::INFINITY,
        _ => {}
    }
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return f64::NAN;
    }
    buckets.dedup_by(|next, kept| {
        let is_same = next.bound == kept.bound;
        kept.count += if is_same { next.count } else { 0.0 };
        is_same
    });
    match question {
        Question::Quantile(q) => {
            if make_ascending(buckets) {
                let what = "input to histogram_quantile needed to be fixed for monotonicity";
                engine.inform(format!("PromQL info: {what} (see the documentation of histogram_quantile)"));
            }
            quantile(buckets, q)
        }
        Question::Fraction(lower, upper) => fraction(buckets, lower, upper),
    }
}

/// Makes counts ascend, for buckets may have been read at different times; whether more than rounding was wrong.
fn make_ascending(buckets: &mut [Bucket]) -> bool {
    let mut is_forced = false;
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let difference = (before - bucket.count).abs();
        let is_equal = difference <= SMALL_DIFFERENCE * (before.abs() + bucket.count.abs());
        if is_equal || bucket.count < before {
            is_forced |= !is_equal;
            bucket.count = before;
        }
        before = bucket.count;
    }
    is_forced
}

fn quantile(buckets: &[Bucket], q: f64) -> f64 {
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 || observations.is_nan() {
        return f64::NAN;
    }
    let rank = q * observations;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if at == last {
        return buckets[last - 1].bound;
    }
    let bucket = buckets[at];
    if at == 0 && bucket.bound <= 0.0 {
        return bucket.bound;
    }
    let below = at.checked_sub(1).map_or(Bucket { bound: 0.0, count: 0.0 }, |before| buckets[before]);
    below.bound + (bucket.bound - below.bound) * ((rank - below.count) / (bucket.count - below.count))
}

fn fraction(buckets: &[Bucket], lower: f64, upper: f64) -> f64 {
    let all = buckets[buckets.len() - 1].count;
    if all == 0.0 || all.is_nan() || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(buckets, upper) - rank_of(buckets, lower)) / all
}

/// How many observations are below a number.
fn rank_of(buckets: &[Bucket], number: f64) -> f64 {
    let mut below = Bucket { bound: f64::NEG_INFINITY, count: 0.0 };
    for bucket in buckets {
        if below.bound == f64::NEG_INFINITY && bucket.bound > 0.0 && below.count == 0.0 {
            below.bound = 0.0;
        }
        if below.bound >= number {
            return below.count;
        }
        if bucket.bound > number {
            // A bucket without an end cannot be cut: from below all of it counts, from above nothing.
            return match below.bound == f64::NEG_INFINITY {
                true => bucket.count,
                false => {
                    let part = (number - below.bound) / (bucket.bound - below.bound);
                    below.count + (bucket.count - below.count) * part
                }
            };
        }
        below = *bucket;
    }
    below.count
}

fn answer_of_ours(ours: &Scaled, question: Question) -> f64 {
    let histogram = &ours.histogram;
    match question {
        Question::Quantile(q) if q.is_nan() => f64::NAN,
        Question::Quantile(q) if q < 0.0 => f64::NEG_INFINITY,
        Question::Quantile(q) if q > 1.0 => f64::INFINITY,
        Question::Quantile(q) => histogram.quantile(q).unwrap_or(f64::NAN),
        Question::Fraction(lower, upper) if lower.is_nan() || upper.is_nan() || histogram.count == 0 => {
            f64::NAN
        }
        Question::Fraction(lower, upper) => {
            let within = histogram.buckets().filter(|(middle, _)| *middle >= lower && *middle <= upper);
            within.map(|(_, count)| count).sum::<u64>() as f64 / histogram.count as f64
        }
    }
}

/// The functions that only our kind of histograms has an answer to.
fn of_ours(engine: &Engine<'_>, name: &str, expr: &Expr, steps: Steps) -> Result<Vec<Series>, QueryError> {
    let function: fn(&Scaled) -> f64 = match name {
        "histogram_count" => Scaled::count,
        "histogram_sum" => Scaled::sum,
        "histogram_avg" => |one| one.histogram.sum / one.histogram.count as f64,
        "histogram_stdvar" => variance,
        "histogram_stddev" => |one| variance(one).sqrt(),
        _ => return Err(QueryError::BadData(format!("function {name:?} is not supported"))),
    };
    let mut found = Vec::new();
    engine.each(expr, steps, &mut |one| {
        if one.histograms.is_empty() {
            return Ok(());
        }
        let of_step = |step| match one.at(step) {
            Point::Histogram(histogram) => function(histogram),
            _ => ABSENT,
        };
        let mut result = Series::of(one.labels.clone(), (0..steps.count).map(of_step).collect());
        result.drop_name = true;
        found.push(result);
        Ok(())
    })?;
    Ok(found)
}

fn variance(one: &Scaled) -> f64 {
    let histogram = &one.histogram;
    let mean = histogram.sum / histogram.count as f64;
    let squares = histogram.buckets().map(|(middle, count)| (middle - mean).powi(2) * count as f64);
    squares.sum::<f64>() / histogram.count as f64
}
