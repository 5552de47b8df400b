//! Aggregations that need all series of a group at once: `topk`, `bottomk`, `limitk`, `limit_ratio`, `quantile`,
//! `count_values`.

use super::QueryError;
use super::aggregate::{grouping, ignored};
use super::eval::{Engine, Steps, string};
use super::math;
use super::range::warn_of_quantiles;
use super::series::{ABSENT, Grouping, Point, Series, relabel, set};
use promql_parser::parser::{AggregateExpr, Expr, token};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A group: its key, and which series are of it.
type Group = (Vec<u8>, Vec<usize>);

/// Evaluates one of them.
pub(super) fn evaluate(
    engine: &Engine<'_>,
    one: &AggregateExpr,
    steps: Steps,
) -> Result<Vec<Series>, QueryError> {
    let Some(param) = &one.param else {
        return Err(QueryError::BadData(format!("{} needs a parameter", one.op)));
    };
    if one.op.id() == token::T_COUNT_VALUES {
        return count_values(engine, one, string(param)?, steps);
    }
    let numbers = numbers(engine, one, param, steps)?;
    let mut found = engine.vector(&one.expr, steps)?;
    found.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
    let takes_histograms = matches!(one.op.id(), token::T_LIMITK | token::T_LIMIT_RATIO);
    if !takes_histograms && found.iter().any(|one| !one.histograms.is_empty()) {
        ignored(engine, one.op);
        found.iter_mut().for_each(|one| one.histograms = Vec::new());
    }
    let groups = groups(&found, &grouping(one));
    match one.op.id() {
        token::T_QUANTILE => {
            warn_of_quantiles(engine, &numbers);
            Ok(groups
                .iter()
                .map(|group| quantile(group, &found, &numbers))
                .filter(|one| !one.is_empty())
                .collect())
        }
        token::T_LIMIT_RATIO => Ok(found.into_iter().filter_map(|one| within_ratio(one, &numbers)).collect()),
        op => chosen(engine, &found, &groups, &numbers, op),
    }
}

/// The parameter, per step.
fn numbers(
    engine: &Engine<'_>,
    one: &AggregateExpr,
    param: &Expr,
    steps: Steps,
) -> Result<Vec<f64>, QueryError> {
    let mut numbers = engine.scalar(param, steps)?;
    let is_ratio = one.op.id() == token::T_LIMIT_RATIO;
    if one.op.id() != token::T_QUANTILE && numbers.iter().any(|number| number.is_nan()) {
        let what = if is_ratio { "Ratio" } else { "Parameter" };
        return Err(QueryError::Execution(format!("{what} value is NaN")));
    }
    for ratio in numbers.iter_mut().filter(|ratio| is_ratio && !(-1.0..=1.0).contains(*ratio)) {
        let capped = ratio.clamp(-1.0, 1.0);
        let text = "ratio value should be between -1 and 1, got";
        engine.warn(format!("PromQL warning: {text} {ratio}, capping to {capped}"));
        *ratio = capped;
    }
    Ok(numbers)
}

fn groups(found: &[Series], grouping: &Grouping) -> Vec<Group> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut key = Vec::new();
    for (i, one) in found.iter().enumerate() {
        grouping.key(&one.labels, &mut key);
        let place = *places.entry(key.clone()).or_insert_with(|| {
            groups.push((key.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(i);
    }
    groups
}

fn quantile((key, members): &Group, found: &[Series], quantiles: &[f64]) -> Series {
    let mut values = Vec::with_capacity(members.len());
    let of_step = |(step, &q): (usize, &f64)| {
        values.clear();
        values.extend(members.iter().filter_map(|&i| match found[i].at(step) {
            Point::Float(value) => Some(value),
            _ => None,
        }));
        if values.is_empty() { ABSENT } else { math::quantile(q, &mut values) }
    };
    let values = quantiles.iter().enumerate().map(of_step).collect();
    let mut one = Series::of(Arc::new(Grouping::labels(key)), values);
    one.drop_name = members.iter().any(|&i| found[i].drop_name);
    one
}

/// The `k` of each group that are the greatest, the least, or just the first.
fn chosen(
    engine: &Engine<'_>,
    found: &[Series],
    groups: &[Group],
    ks: &[f64],
    op: token::TokenId,
) -> Result<Vec<Series>, QueryError> {
    let mut kept: Vec<Series> = Vec::new();
    for (_, members) in groups {
        // Where a series of the group is among `kept`.
        let mut places: HashMap<usize, usize> = HashMap::new();
        for (step, &k) in ks.iter().enumerate() {
            engine.go_on()?;
            let mut present: Vec<usize> =
                members.iter().copied().filter(|&i| found[i].is_present(step)).collect();
            if op != token::T_LIMITK {
                present.sort_by(|&a, &b| order(found[a].values[step], found[b].values[step], op));
            }
            // A float that is no usize becomes the nearest.
            for &i in present.iter().take(k as usize) {
                let place = *places.entry(i).or_insert_with(|| {
                    let one = &found[i];
                    let mut empty = Series::of(one.labels.clone(), vec![ABSENT; ks.len()]);
                    empty.drop_name = one.drop_name;
                    kept.push(empty);
                    kept.len() - 1
                });
                kept[place].put(step, &found[i]);
            }
        }
    }
    Ok(kept)
}

/// The greatest, or least, first; what is no number last.
fn order(a: f64, b: f64, op: token::TokenId) -> Ordering {
    let by_value = if op == token::T_TOPK { b.partial_cmp(&a) } else { a.partial_cmp(&b) };
    by_value.unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The steps at which a series is of the part asked for; it is by the hash of its labels.
fn within_ratio(mut one: Series, ratios: &[f64]) -> Option<Series> {
    let mut hasher = DefaultHasher::new();
    one.labels.hash(&mut hasher);
    let place = hasher.finish() as f64 / u64::MAX as f64;
    for (step, &ratio) in ratios.iter().enumerate() {
        let is_in = if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio };
        if !is_in {
            one.remove(step);
        }
    }
    (!one.is_empty()).then_some(one)
}

fn count_values(
    engine: &Engine<'_>,
    one: &AggregateExpr,
    label: &str,
    steps: Steps,
) -> Result<Vec<Series>, QueryError> {
    if label.is_empty() {
        return Err(QueryError::Execution("invalid label name \"\"".to_owned()));
    }
    let found = engine.vector(&one.expr, steps)?;
    let mut counted = Vec::new();
    for (key, members) in groups(&found, &grouping(one)) {
        let mut counts: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for &i in &members {
            for step in 0..steps.count {
                match found[i].at(step) {
                    Point::Absent => {}
                    Point::Histogram(_) => ignored(engine, one.op),
                    Point::Float(value) => {
                        let counts = counts.entry(shown(value)).or_insert_with(|| vec![ABSENT; steps.count]);
                        counts[step] = if counts[step].is_nan() { 1.0 } else { counts[step] + 1.0 };
                    }
                }
            }
        }
        engine.charge(counts.len().saturating_mul(steps.count))?;
        let labels = Grouping::labels(&key);
        for (value, counts) in counts {
            let with_value = relabel(&labels, |pairs| set(pairs, label, &value))?;
            counted.push(Series::of(Arc::new(with_value), counts));
        }
    }
    super::series::merge_with(counted, |a, b| Ok(a + b))
}

/// A number as Prometheus writes it into a label.
fn shown(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => number.to_string(),
    }
}
