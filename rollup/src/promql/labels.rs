//! Functions of labels: `label_replace`, `label_join`, `absent`, `absent_over_time`, and the orders of `sort*`.

use super::QueryError;
use super::eval::{Engine, Steps, string};
use super::function::argument;
use super::math::nan_first;
use super::parse::{anchored, bare};
use super::range::Ranged;
use super::series::{ABSENT, SAME_LABELS, Series, merge, relabel, set};
use logweir_base::metric::Labels;
use logweir_base::metric::labels::NAME;
use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::{Call, Expr};
use std::cmp::Ordering;
use std::sync::Arc;

/// `label_replace(v, to, replacement, from, regex)`.
pub(super) fn replace(engine: &Engine<'_>, call: &Call, steps: Steps) -> Result<Vec<Series>, QueryError> {
    let [to, replacement, from, regex] = [1, 2, 3, 4].map(|place| argument(call, place).and_then(string));
    let (to, replacement, from, regex) = (label_name(to?)?, replacement?, from?, anchored(regex?)?);
    let mut found = engine.vector(argument(call, 0)?, steps)?;
    for one in &mut found {
        let labels = one.labels.clone();
        if let Some(captures) = regex.captures(labels.get(from)) {
            let mut value = String::new();
            captures.expand(replacement, &mut value);
            put(one, to, &value)?;
        }
    }
    merge(found, SAME_LABELS)
}

/// `label_join(v, to, separator, from...)`.
pub(super) fn join(engine: &Engine<'_>, call: &Call, steps: Steps) -> Result<Vec<Series>, QueryError> {
    let to = label_name(string(argument(call, 1)?)?)?;
    let separator = string(argument(call, 2)?)?;
    let from: Vec<&str> = call.args.args.iter().skip(3).map(|arg| string(arg)).collect::<Result<_, _>>()?;
    let mut found = engine.vector(argument(call, 0)?, steps)?;
    for one in &mut found {
        let labels = one.labels.clone();
        let values: Vec<&str> = from.iter().map(|name| labels.get(name)).collect();
        put(one, to, &values.join(separator))?;
    }
    merge(found, SAME_LABELS)
}

fn label_name(name: &str) -> Result<&str, QueryError> {
    if name.is_empty() {
        return Err(QueryError::Execution("invalid destination label name \"\"".to_owned()));
    }
    Ok(name)
}

fn put(one: &mut Series, name: &str, value: &str) -> Result<(), QueryError> {
    one.drop_name &= name != NAME;
    one.labels = Arc::new(relabel(&one.labels, |pairs| set(pairs, name, value))?);
    Ok(())
}

/// 1 where the vector has nothing, with the labels that its matchers demand.
pub(super) fn absent(engine: &Engine<'_>, call: &Call, steps: Steps) -> Result<Option<Series>, QueryError> {
    let expr = argument(call, 0)?;
    let mut values = vec![1.0; steps.count];
    engine.each(expr, steps, &mut |one| {
        (0..steps.count).filter(|&step| one.is_present(step)).for_each(|step| values[step] = ABSENT);
        Ok(())
    })?;
    if_any(expr, values)
}

/// 1 where the range has nothing, with the labels that its matchers demand.
pub(super) fn absent_over_time(
    engine: &Engine<'_>,
    call: &Call,
    steps: Steps,
) -> Result<Option<Series>, QueryError> {
    let expr = argument(call, 0)?;
    let mut values = vec![1.0; steps.count];
    engine.ranges(expr, steps, &mut |frame, one: Ranged| {
        let times: Vec<i64> = one.points.times();
        for (step, value) in values.iter_mut().enumerate() {
            let end = frame.ends.time(step);
            let first = times.partition_point(|&time| time <= end - frame.range);
            if times.get(first).is_some_and(|&time| time <= end) {
                *value = ABSENT;
            }
        }
        Ok(())
    })?;
    if_any(expr, values)
}

fn if_any(expr: &Expr, values: Vec<f64>) -> Result<Option<Series>, QueryError> {
    let labels = match bare(expr) {
        Expr::VectorSelector(one) => demanded(&one.matchers)?,
        Expr::MatrixSelector(one) => demanded(&one.vs.matchers)?,
        _ => Labels::default(),
    };
    let one = Series::of(Arc::new(labels), values);
    Ok((!one.is_empty()).then_some(one))
}

/// The labels that matchers leave no choice about.
fn demanded(matchers: &Matchers) -> Result<Labels, QueryError> {
    let all = matchers.matchers.iter().filter(|one| one.name != NAME);
    let is_only = |name: &str| matchers.matchers.iter().filter(|one| one.name == name).count() == 1;
    let equal = all.filter(|one| matches!(one.op, MatchOp::Equal) && is_only(&one.name));
    let mut pairs: Vec<_> = equal.map(|one| (one.name.as_str(), one.value.as_str())).collect();
    Labels::of(&mut pairs).map_err(|e| QueryError::BadData(format!("the matchers have {e}")))
}

/// `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`.
pub(super) fn sort(engine: &Engine<'_>, call: &Call, steps: Steps) -> Result<Vec<Series>, QueryError> {
    let name = call.func.name;
    let mut found = engine.vector(argument(call, 0)?, steps)?;
    if engine.query.step != 0 {
        let why = "results are always ordered by labels";
        engine.warn(format!("PromQL warning: sort is ineffective for range queries since {why}"));
        return Ok(found);
    }
    if name.starts_with("sort_by_label") {
        let names: Vec<&str> =
            call.args.args.iter().skip(1).map(|arg| string(arg)).collect::<Result<_, _>>()?;
        found.sort_by(|a, b| by_labels(&names, &a.labels, &b.labels));
        if name.ends_with("desc") {
            found.reverse();
        }
        return Ok(found);
    }
    found.iter_mut().for_each(|one| one.histograms = Vec::new());
    found.retain(|one| !one.is_empty());
    let last = steps.count - 1;
    found.sort_by(|a, b| {
        let (a, b) = (a.values[last], b.values[last]);
        let order = if name.ends_with("desc") { nan_first(b, a) } else { nan_first(a, b) };
        // What is no number comes last, either way.
        a.is_nan().cmp(&b.is_nan()).then(order)
    });
    Ok(found)
}

fn by_labels(names: &[&str], a: &Labels, b: &Labels) -> Ordering {
    let of_name = names.iter().map(|name| natural(a.get(name), b.get(name)));
    of_name.fold(Ordering::Equal, Ordering::then).then_with(|| a.cmp(b))
}

/// As people order names: numbers in them count as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while let (Some(first), Some(second)) = (take_chunk(&mut a), take_chunk(&mut b)) {
        let order = match (first.parse::<u64>(), second.parse::<u64>()) {
            (Ok(first), Ok(second)) => first.cmp(&second),
            _ => first.cmp(second),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.cmp(b)
}

/// Takes a run of digits, or of anything else.
fn take_chunk<'a>(text: &mut &'a str) -> Option<&'a str> {
    let is_digits = text.chars().next()?.is_ascii_digit();
    let len = text.find(|c: char| c.is_ascii_digit() != is_digits).unwrap_or(text.len());
    let (chunk, rest) = text.split_at(len);
    *text = rest;
    Some(chunk)
}
