//! Function calls: those of one number are a table here; the others have files of their own.

use super::eval::{Engine, Sink, Steps};
use super::parse::{Kind, bare, kind};
use super::selector::{self, Read};
use super::series::{ABSENT, Point, Series};
use super::{QueryError, calendar, classic, labels, math, range};
use crate::select::is_stale;
use logweir_base::metric::Labels;
use promql_parser::parser::{Call, Expr};
use std::f64::consts::PI;
use std::sync::Arc;

/// A function of one number.
type OfNumber = fn(f64) -> f64;

const FUNCTIONS: [(&str, OfNumber); 23] = [
    ("abs", f64::abs),
    ("acos", f64::acos),
    ("acosh", f64::acosh),
    ("asin", f64::asin),
    ("asinh", f64::asinh),
    ("atan", f64::atan),
    ("atanh", f64::atanh),
    ("ceil", f64::ceil),
    ("cos", f64::cos),
    ("cosh", f64::cosh),
    ("deg", |number| number * 180.0 / PI),
    ("exp", f64::exp),
    ("floor", f64::floor),
    ("ln", f64::ln),
    ("log10", f64::log10),
    ("log2", f64::log2),
    ("rad", |number| number * PI / 180.0),
    ("sgn", |number| if number == 0.0 || number.is_nan() { number } else { number.signum() }),
    ("sin", f64::sin),
    ("sinh", f64::sinh),
    ("sqrt", f64::sqrt),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
];

/// Hands on the series that a call gives.
pub(super) fn each(engine: &Engine<'_>, call: &Call, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
    let name = call.func.name;
    if name.starts_with("sort") {
        return labels::sort(engine, call, steps)?.into_iter().try_for_each(sink);
    }
    if let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
        return engine.each(argument(call, 0)?, steps, &mut |one| sink(one.map(function)));
    }
    if let Some(part) = calendar::part(name) {
        return dates(engine, call, steps, part, sink);
    }
    if range::is_one(name) {
        return range::each(engine, call, steps, sink);
    }
    match name {
        "clamp" | "clamp_min" | "clamp_max" => clamp(engine, call, steps, sink),
        "round" => round(engine, call, steps, sink),
        "timestamp" => timestamp(engine, call, steps, sink),
        "vector" => sink(Series::of(Arc::new(Labels::default()), engine.scalar(argument(call, 0)?, steps)?)),
        "absent" => labels::absent(engine, call, steps)?.into_iter().try_for_each(sink),
        "absent_over_time" => labels::absent_over_time(engine, call, steps)?.into_iter().try_for_each(sink),
        "label_replace" => labels::replace(engine, call, steps)?.into_iter().try_for_each(sink),
        "label_join" => labels::join(engine, call, steps)?.into_iter().try_for_each(sink),
        _ if name.starts_with("histogram_") => {
            classic::evaluate(engine, call, steps)?.into_iter().try_for_each(sink)
        }
        _ => Err(QueryError::BadData(format!("function {name:?} is not supported"))),
    }
}

/// The scalar that a call gives, per step.
pub(super) fn scalar(engine: &Engine<'_>, call: &Call, steps: Steps) -> Result<Vec<f64>, QueryError> {
    let query = engine.query;
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let two = |choose: fn(f64, f64) -> f64| {
        let left = engine.scalar(argument(call, 0)?, steps)?;
        let right = engine.scalar(argument(call, 1)?, steps)?;
        Ok(left.into_iter().zip(right).map(|(left, right)| choose(left, right)).collect())
    };
    let same = |number: f64| Ok(vec![number; steps.count]);
    match call.func.name {
        "time" => Ok((0..steps.count).map(|step| seconds(steps.time(step))).collect()),
        "pi" => same(PI),
        "step" => same(seconds(query.step)),
        "range" => same(seconds(query.end() - query.start)),
        "start" => same(seconds(query.start)),
        "end" => same(seconds(query.end())),
        "min_of" => two(math::min),
        "max_of" => two(math::max),
        "scalar" => the_only(engine, argument(call, 0)?, steps),
        name => Err(QueryError::BadData(format!("function {name:?} is not supported"))),
    }
}

/// An argument of a call.
pub(super) fn argument(call: &Call, place: usize) -> Result<&Expr, QueryError> {
    let found = call.args.args.get(place).map(|arg| &**arg);
    found.ok_or_else(|| QueryError::BadData(format!("too few arguments in call to {:?}", call.func.name)))
}

/// The number of the only series; not a number where there is none or more.
fn the_only(engine: &Engine<'_>, expr: &Expr, steps: Steps) -> Result<Vec<f64>, QueryError> {
    let mut numbers = vec![f64::NAN; steps.count];
    let mut counts = vec![0; steps.count];
    engine.each(expr, steps, &mut |one| {
        for step in 0..steps.count {
            if let Point::Float(value) = one.at(step) {
                counts[step] += 1;
                numbers[step] = if counts[step] == 1 { value } else { f64::NAN };
            }
        }
        Ok(())
    })?;
    Ok(numbers)
}

fn dates(
    engine: &Engine<'_>,
    call: &Call,
    steps: Steps,
    part: impl Fn(f64) -> f64 + Copy,
    sink: Sink<'_>,
) -> Result<(), QueryError> {
    if call.args.is_empty() {
        let now = (0..steps.count).map(|step| part(steps.time(step).div_euclid(1000) as f64));
        return sink(Series::of(Arc::new(Labels::default()), now.collect()));
    }
    engine.each(argument(call, 0)?, steps, &mut |one| sink(one.map(part)))
}

fn clamp(engine: &Engine<'_>, call: &Call, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
    let first = engine.scalar(argument(call, 1)?, steps)?;
    let (least, most) = match call.func.name {
        "clamp_min" => (first, vec![f64::INFINITY; steps.count]),
        "clamp_max" => (vec![f64::NEG_INFINITY; steps.count], first),
        _ => (first, engine.scalar(argument(call, 2)?, steps)?),
    };
    engine.each(argument(call, 0)?, steps, &mut |one| {
        let mut one = one.map(|value| value);
        for (step, value) in one.values.iter_mut().enumerate().filter(|(_, value)| !is_stale(**value)) {
            let (least, most) = (least[step], most[step]);
            *value = if most < least { ABSENT } else { math::max(least, math::min(most, *value)) };
        }
        sink(one)
    })
}

/// To the nearest multiple; halves go up.
fn round(engine: &Engine<'_>, call: &Call, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
    let to = match call.args.args.get(1) {
        Some(to) => engine.scalar(to, steps)?,
        None => vec![1.0; steps.count],
    };
    engine.each(argument(call, 0)?, steps, &mut |one| {
        let mut one = one.map(|value| value);
        for (value, to) in one.values.iter_mut().zip(&to).filter(|(value, _)| !is_stale(**value)) {
            let inverse = 1.0 / to;
            *value = (*value * inverse + 0.5).floor() / inverse;
        }
        sink(one)
    })
}

/// When a selector's samples were; of anything else, when it is evaluated.
fn timestamp(engine: &Engine<'_>, call: &Call, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
    let expr = argument(call, 0)?;
    let mut named = |mut one: Series| {
        one.drop_name = true;
        sink(one)
    };
    if let Expr::VectorSelector(selector) = bare(expr) {
        return selector::each(engine, selector, steps, Read::Time, &mut named);
    }
    if kind(expr) != Kind::Vector {
        return Err(QueryError::BadData("expected an instant vector in call to \"timestamp\"".to_owned()));
    }
    engine.each(expr, steps, &mut |mut one| {
        for step in 0..steps.count {
            if one.is_present(step) {
                one.values[step] = steps.time(step) as f64 / 1000.0;
            }
        }
        one.histograms = Vec::new();
        named(one)
    })
}
