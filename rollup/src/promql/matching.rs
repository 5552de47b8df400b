//! Binary operators between vectors: which series belong together, by `on` or `ignoring`, and what labels come out. Whether two
//! meet is judged step by step, for series come and go.

use super::QueryError;
use super::Sample;
use super::binary::{Op, Operator, Set, not_together};
use super::eval::{Engine, Steps};
use super::series::{ABSENT, Grouping, Series, merge, relabel, set};
use logweir_base::metric::Labels;
use logweir_base::metric::labels::NAME;
use promql_parser::parser::{BinModifier, LabelModifier, VectorMatchCardinality};
use std::collections::HashMap;
use std::sync::Arc;

/// Series of both sides that have the labels in common that count.
struct Match {
    key: Vec<u8>,
    left: Vec<usize>,
    right: Vec<usize>,
}

/// Evaluates an operator between vectors.
pub(super) fn evaluate(
    engine: &Engine<'_>,
    operator: Operator,
    modifier: Option<&BinModifier>,
    (left, right): (&[Series], &[Series]),
    steps: Steps,
) -> Result<Vec<Series>, QueryError> {
    let grouping = match modifier.and_then(|one| one.matching.as_ref()) {
        None => Grouping::Without(Vec::new()),
        Some(LabelModifier::Include(names)) => Grouping::By(names.labels.clone()),
        Some(LabelModifier::Exclude(names)) => Grouping::Without(names.labels.clone()),
    };
    let matches = matches(left, right, &grouping);
    if let Op::Set(set) = operator.op {
        return Ok(of_sets(set, left, right, &matches, steps));
    }
    if modifier.is_some_and(|one| one.fill_values.lhs.is_some() || one.fill_values.rhs.is_some()) {
        return Err(QueryError::BadData("fill is not supported".to_owned()));
    }
    let one_to_one = VectorMatchCardinality::OneToOne;
    let card = modifier.map_or(&one_to_one, |one| &one.card);
    let sides = Sides { left, right, card, grouping };
    let mut found = Vec::new();
    for one in &matches {
        sides.check(one, steps)?;
        for &l in &one.left {
            for &r in &one.right {
                engine.charge(steps.count)?;
                found.extend(sides.pair(engine, operator, &left[l], &right[r], steps)?);
            }
        }
    }
    merge(found, "multiple matches for labels: grouping labels must ensure unique matches")
}

fn matches(left: &[Series], right: &[Series], grouping: &Grouping) -> Vec<Match> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut matches: Vec<Match> = Vec::new();
    let mut key = Vec::new();
    let sides = left
        .iter()
        .enumerate()
        .map(|one| (true, one))
        .chain(right.iter().enumerate().map(|one| (false, one)));
    for (is_left, (i, one)) in sides {
        grouping.key(&one.labels, &mut key);
        let place = *places.entry(key.clone()).or_insert_with(|| {
            matches.push(Match { key: key.clone(), left: Vec::new(), right: Vec::new() });
            matches.len() - 1
        });
        let found = &mut matches[place];
        if is_left { found.left.push(i) } else { found.right.push(i) }
    }
    matches
}

fn of_sets(op: Set, left: &[Series], right: &[Series], matches: &[Match], steps: Steps) -> Vec<Series> {
    let mut found = Vec::new();
    for one in matches {
        let has = |side: &[Series], of: &[usize], step: usize| of.iter().any(|&i| side[i].is_present(step));
        let mut keep = |series: &Series, is_kept: &dyn Fn(usize) -> bool| {
            let mut kept = series.clone();
            (0..steps.count).filter(|&step| !is_kept(step)).for_each(|step| kept.remove(step));
            if !kept.is_empty() {
                found.push(kept);
            }
        };
        for &i in &one.left {
            keep(&left[i], &|step| match op {
                Set::And => has(right, &one.right, step),
                Set::Unless => !has(right, &one.right, step),
                Set::Or => true,
            });
        }
        for &i in one.right.iter().filter(|_| op == Set::Or) {
            keep(&right[i], &|step| !has(left, &one.left, step));
        }
    }
    found
}

struct Sides<'a> {
    left: &'a [Series],
    right: &'a [Series],
    card: &'a VectorMatchCardinality,
    grouping: Grouping,
}

impl Sides<'_> {
    /// Fails where a series has more than one partner and the query did not say that it may.
    fn check(&self, one: &Match, steps: Steps) -> Result<(), QueryError> {
        let is_swapped = matches!(self.card, VectorMatchCardinality::OneToMany(_));
        let (side, other, unique, many) = if is_swapped {
            (self.left, self.right, &one.left, &one.right)
        } else {
            (self.right, self.left, &one.right, &one.left)
        };
        for step in (0..steps.count).filter(|_| unique.len() > 1) {
            let mut present = unique.iter().filter(|&&i| side[i].is_present(step));
            if let (Some(&first), Some(&second)) = (present.next(), present.next())
                && other.iter().any(|one| one.is_present(step))
            {
                let two = [first, second].map(|i| &*side[i].labels);
                return Err(duplicates(&one.key, if is_swapped { "left" } else { "right" }, two));
            }
        }
        if *self.card == VectorMatchCardinality::OneToOne && many.len() > 1 {
            let met = |step: usize| unique.iter().any(|&i| side[i].is_present(step));
            let several = |step: usize| many.iter().filter(|&&i| other[i].is_present(step)).count() > 1;
            if (0..steps.count).any(|step| met(step) && several(step)) {
                return Err(QueryError::Execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }

    fn pair(
        &self,
        engine: &Engine<'_>,
        operator: Operator,
        left: &Series,
        right: &Series,
        steps: Steps,
    ) -> Result<Option<Series>, QueryError> {
        let (many, one) = if matches!(self.card, VectorMatchCardinality::OneToMany(_)) {
            (right, left)
        } else {
            (left, right)
        };
        let mut result = Series::of(Arc::new(Labels::default()), vec![ABSENT; steps.count]);
        for step in 0..steps.count {
            match operator.apply(&left.at(step), &right.at(step)) {
                Err(_) => not_together(engine),
                Ok(None) => {}
                Ok(Some(Sample::Float(value))) => result.values[step] = value,
                Ok(Some(Sample::Histogram(histogram))) => result.put_histogram(step, histogram),
            }
        }
        if result.is_empty() {
            return Ok(None);
        }
        result.labels = Arc::new(self.labels(operator, &many.labels, &one.labels)?);
        result.drop_name = many.drop_name || operator.is_bool;
        Ok(Some(result))
    }

    fn labels(&self, operator: Operator, many: &Labels, one: &Labels) -> Result<Labels, QueryError> {
        relabel(many, |pairs| {
            if matches!(operator.op, Op::Arithmetic(_)) {
                pairs.retain(|(name, _)| *name != NAME);
            }
            match (self.card, &self.grouping) {
                (VectorMatchCardinality::OneToOne, Grouping::By(names)) => {
                    pairs.retain(|(name, _)| names.iter().any(|one| one == name));
                }
                (VectorMatchCardinality::OneToOne, Grouping::Without(names)) => {
                    pairs.retain(|(name, _)| names.iter().all(|one| one != name));
                }
                _ => {}
            }
            for name in self.card.labels().map(|included| included.labels.as_slice()).unwrap_or_default() {
                // Setting an empty label is dropping it.
                let (name, value) = (find_name(one, many, name), one.get(name));
                if let Some(name) = name {
                    set(pairs, name, value);
                }
            }
        })
    }
}

/// The name of a label as one of two has it, to live as long as they.
fn find_name<'a>(one: &'a Labels, other: &'a Labels, name: &str) -> Option<&'a str> {
    one.iter().chain(other.iter()).map(|(name, _)| name).find(|found| *found == name)
}

/// Prometheus' words, for whoever looks them up.
fn duplicates(key: &[u8], side: &str, two: [&Labels; 2]) -> QueryError {
    let mut shown = two.map(in_braces);
    shown.sort();
    let group = in_braces(&Grouping::labels(key));
    QueryError::Execution(format!(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}];\
         many-to-many matching not allowed: matching labels must be unique on one side",
        shown.join(", ")
    ))
}

fn in_braces(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
