//! Aggregations that need one number a group and step: series are added as they come, none is kept. The others are in
//! `rank.rs`.

use super::eval::{Engine, Steps};
use super::math::{Mean, Sum, Variance};
use super::series::{ABSENT, Grouping, Point, Series};
use super::{QueryError, Scaled, rank};
use crate::select::is_stale;
use promql_parser::parser::token::{self, TokenType};
use promql_parser::parser::{AggregateExpr, LabelModifier};
use std::collections::HashMap;
use std::sync::Arc;

/// What a group's values at a step are folded into.
trait Cell: Clone + Default {
    /// Adds a value.
    fn add(&mut self, value: f64);
    /// What it comes to; there was at least one.
    fn value(&self) -> f64;
}

/// What becomes of histograms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Histograms {
    /// They are merged; their counts are divided by how many there are for a mean.
    Merged { is_mean: bool },
    /// They count as a value like others.
    Counted,
    /// They are left out, with a remark.
    Ignored,
}

/// Evaluates an aggregation.
pub(super) fn evaluate(
    engine: &Engine<'_>,
    one: &AggregateExpr,
    steps: Steps,
) -> Result<Vec<Series>, QueryError> {
    let merged = |is_mean| Histograms::Merged { is_mean };
    match one.op.id() {
        token::T_SUM => fold::<Sum>(engine, one, steps, merged(false)),
        token::T_AVG => fold::<Mean>(engine, one, steps, merged(true)),
        token::T_COUNT => fold::<Count>(engine, one, steps, Histograms::Counted),
        token::T_GROUP => fold::<One>(engine, one, steps, Histograms::Counted),
        token::T_MIN => fold::<Least>(engine, one, steps, Histograms::Ignored),
        token::T_MAX => fold::<Most>(engine, one, steps, Histograms::Ignored),
        token::T_STDVAR => fold::<Variance>(engine, one, steps, Histograms::Ignored),
        token::T_STDDEV => fold::<Deviation>(engine, one, steps, Histograms::Ignored),
        _ => rank::evaluate(engine, one, steps),
    }
}

/// Which series an aggregation puts together.
pub(super) fn grouping(one: &AggregateExpr) -> Grouping {
    match &one.modifier {
        None => Grouping::By(Vec::new()),
        Some(LabelModifier::Include(names)) => Grouping::By(names.labels.clone()),
        Some(LabelModifier::Exclude(names)) => Grouping::Without(names.labels.clone()),
    }
}

/// Remarks that histograms were left out.
pub(super) fn ignored(engine: &Engine<'_>, op: TokenType) {
    engine.inform(format!("PromQL info: ignored histogram in {op} aggregation"));
}

struct Group<C> {
    drop_name: bool,
    cells: Vec<C>,
    counts: Vec<u32>,
    histograms: Vec<Option<(Scaled, u32)>>,
}

impl<C: Cell> Group<C> {
    fn new(steps: usize) -> Self {
        let (cells, counts) = (vec![C::default(); steps], vec![0; steps]);
        Self { drop_name: false, cells, counts, histograms: Vec::new() }
    }

    /// Fast path.
    fn add(&mut self, values: &[f64]) {
        for ((cell, count), &value) in self.cells.iter_mut().zip(&mut self.counts).zip(values) {
            if !is_stale(value) {
                cell.add(value);
                *count += 1;
            }
        }
    }

    /// Slow path. Whether one was left out.
    fn add_histograms(&mut self, one: &Series, how: Histograms) -> bool {
        let mut is_ignored = false;
        for step in 0..one.values.len() {
            let Point::Histogram(histogram) = one.at(step) else { continue };
            match how {
                Histograms::Ignored => is_ignored = true,
                Histograms::Counted => {
                    self.cells[step].add(1.0);
                    self.counts[step] += 1;
                }
                Histograms::Merged { .. } => is_ignored |= !self.merge(step, histogram),
            }
        }
        is_ignored
    }

    /// Merges a histogram; `false` when its factor is another one.
    fn merge(&mut self, step: usize, histogram: &Scaled) -> bool {
        if self.histograms.is_empty() {
            self.histograms = vec![None; self.cells.len()];
        }
        match &mut self.histograms[step] {
            empty @ None => *empty = Some((histogram.clone(), 1)),
            Some((sum, count)) if sum.factor == histogram.factor => {
                Arc::make_mut(&mut sum.histogram).merge(&histogram.histogram);
                *count += 1;
            }
            Some(_) => return false,
        }
        true
    }

    /// The series of the group; of a mean of histograms `is_mean`. Whether numbers met histograms.
    fn finish(self, key: &[u8], is_mean: bool) -> (Series, bool) {
        let number = |(cell, count): (&C, &u32)| if *count > 0 { cell.value() } else { ABSENT };
        let values = self.cells.iter().zip(&self.counts).map(number).collect();
        let mut one = Series::of(Arc::new(Grouping::labels(key)), values);
        one.drop_name = self.drop_name;
        let mut is_mixed = false;
        for (step, (mut histogram, count)) in
            self.histograms.into_iter().enumerate().filter_map(|(i, found)| Some((i, found?)))
        {
            if !is_stale(one.values[step]) {
                is_mixed = true;
                one.remove(step);
                continue;
            }
            if is_mean {
                histogram.factor /= f64::from(count);
            }
            one.put_histogram(step, histogram);
        }
        (one, is_mixed)
    }
}

fn fold<C: Cell>(
    engine: &Engine<'_>,
    one: &AggregateExpr,
    steps: Steps,
    how: Histograms,
) -> Result<Vec<Series>, QueryError> {
    let grouping = grouping(one);
    let mut places: HashMap<Box<[u8]>, usize> = HashMap::new();
    let mut groups: Vec<Group<C>> = Vec::new();
    let mut key = Vec::new();
    engine.each(&one.expr, steps, &mut |series| {
        if series.is_empty() {
            return Ok(());
        }
        grouping.key(&series.labels, &mut key);
        let place = match places.get(key.as_slice()) {
            Some(&place) => place,
            None => {
                engine.charge(steps.count)?;
                groups.push(Group::new(steps.count));
                places.insert(key.as_slice().into(), groups.len() - 1);
                groups.len() - 1
            }
        };
        let group = &mut groups[place];
        group.drop_name |= series.drop_name;
        group.add(&series.values);
        if !series.histograms.is_empty() && group.add_histograms(&series, how) {
            ignored(engine, one.op);
        }
        Ok(())
    })?;
    let mut keys: Vec<(usize, Box<[u8]>)> = places.into_iter().map(|(key, place)| (place, key)).collect();
    keys.sort_unstable();
    let is_mean = how == Histograms::Merged { is_mean: true };
    let finish = |(group, (_, key)): (Group<C>, (usize, Box<[u8]>))| {
        let (series, is_mixed) = group.finish(&key, is_mean);
        if is_mixed {
            engine.warn("PromQL warning: encountered a mix of histograms and floats for aggregation");
        }
        series
    };
    Ok(groups.into_iter().zip(keys).map(finish).filter(|one| !one.is_empty()).collect())
}

impl Cell for Sum {
    fn add(&mut self, value: f64) {
        Sum::add(self, value);
    }

    fn value(&self) -> f64 {
        Sum::value(self)
    }
}

impl Cell for Mean {
    fn add(&mut self, value: f64) {
        Mean::add(self, value);
    }

    fn value(&self) -> f64 {
        Mean::value(self)
    }
}

impl Cell for Variance {
    fn add(&mut self, value: f64) {
        Variance::add(self, value);
    }

    fn value(&self) -> f64 {
        Variance::value(self)
    }
}

#[derive(Clone, Default)]
struct Deviation(Variance);

impl Cell for Deviation {
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    fn value(&self) -> f64 {
        self.0.value().sqrt()
    }
}

#[derive(Clone, Default)]
struct Count(f64);

impl Cell for Count {
    fn add(&mut self, _: f64) {
        self.0 += 1.0;
    }

    fn value(&self) -> f64 {
        self.0
    }
}

#[derive(Clone, Default)]
struct One;

impl Cell for One {
    fn add(&mut self, _: f64) {}

    fn value(&self) -> f64 {
        1.0
    }
}

/// The least number; what is none only where there is no other.
#[derive(Clone)]
struct Least(f64);

impl Default for Least {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Cell for Least {
    fn add(&mut self, value: f64) {
        self.0 = self.0.min(value);
    }

    fn value(&self) -> f64 {
        self.0
    }
}

/// The greatest number; what is none only where there is no other.
#[derive(Clone)]
struct Most(f64);

impl Default for Most {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Cell for Most {
    fn add(&mut self, value: f64) {
        self.0 = self.0.max(value);
    }

    fn value(&self) -> f64 {
        self.0
    }
}
