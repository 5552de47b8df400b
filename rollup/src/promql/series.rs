//! A series under evaluation: its labels and what it is at each step. A step without a value holds [`ABSENT`], the very bits of
//! Prometheus' stale mark, which neither a selector nor arithmetic ever gives; so a step takes 8 bytes.

use super::{QueryError, Sample, Scaled};
use crate::select::{STALE_BITS, is_stale};
use logweir_base::metric::Labels;
use logweir_base::metric::labels::{self, LabelsRef, NAME};
use std::collections::HashMap;
use std::sync::Arc;

/// No value.
pub(super) const ABSENT: f64 = f64::from_bits(STALE_BITS);

/// What Prometheus says where two series become one.
pub(super) const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

/// A series under evaluation.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// Which.
    pub labels: Arc<Labels>,
    /// Whether its name is to be dropped in the end.
    pub drop_name: bool,
    /// Its number at each step, or [`ABSENT`].
    pub values: Vec<f64>,
    /// Its histogram at each step; empty when it has none at all.
    pub histograms: Vec<Option<Scaled>>,
}

/// What a series is at a step.
pub(super) enum Point<'a> {
    Absent,
    Float(f64),
    Histogram(&'a Scaled),
}

impl Series {
    /// Of numbers.
    pub fn of(labels: Arc<Labels>, values: Vec<f64>) -> Self {
        Self { labels, drop_name: false, values, histograms: Vec::new() }
    }

    /// Of histograms; one that has none is a series of no value.
    pub fn of_histograms(labels: Arc<Labels>, histograms: Vec<Option<Scaled>>) -> Self {
        Self { labels, drop_name: false, values: vec![ABSENT; histograms.len()], histograms }
    }

    /// What it is at a step.
    pub fn at(&self, step: usize) -> Point<'_> {
        let value = self.values[step];
        if !is_stale(value) {
            return Point::Float(value);
        }
        match self.histograms.get(step) {
            Some(Some(histogram)) => Point::Histogram(histogram),
            _ => Point::Absent,
        }
    }

    /// Whether it has a value at a step.
    pub fn is_present(&self, step: usize) -> bool {
        !matches!(self.at(step), Point::Absent)
    }

    /// Whether it has no value at any step.
    pub fn is_empty(&self) -> bool {
        (0..self.values.len()).all(|step| !self.is_present(step))
    }

    /// What it is at a step, to keep.
    pub fn sample(&self, step: usize) -> Option<Sample> {
        match self.at(step) {
            Point::Absent => None,
            Point::Float(value) => Some(Sample::Float(value)),
            Point::Histogram(histogram) => Some(Sample::Histogram(histogram.clone())),
        }
    }

    /// Each number through `change`; histograms are left out, as Prometheus' functions of numbers do.
    pub fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        self.histograms = Vec::new();
        self.values.iter_mut().filter(|value| !is_stale(**value)).for_each(|value| *value = change(*value));
        self.drop_name = true;
        self
    }

    /// Takes the value of a step away.
    pub fn remove(&mut self, step: usize) {
        self.values[step] = ABSENT;
        if let Some(histogram) = self.histograms.get_mut(step) {
            *histogram = None;
        }
    }

    /// Puts `other`'s value at a step.
    pub fn put(&mut self, step: usize, other: &Self) {
        match other.at(step) {
            Point::Absent => {}
            Point::Float(value) => self.values[step] = value,
            Point::Histogram(histogram) => self.put_histogram(step, histogram.clone()),
        }
    }

    /// Puts a histogram at a step.
    pub fn put_histogram(&mut self, step: usize, histogram: Scaled) {
        if self.histograms.is_empty() {
            self.histograms = vec![None; self.values.len()];
        }
        self.histograms[step] = Some(histogram);
    }
}

/// Drops the names that are to be dropped.
pub(super) fn without_dropped_names(mut found: Vec<Series>) -> Result<Vec<Series>, QueryError> {
    for one in found.iter_mut().filter(|one| one.drop_name) {
        if !one.labels.name().is_empty() {
            one.labels = Arc::new(relabel(&one.labels, |pairs| pairs.retain(|(name, _)| *name != NAME))?);
        }
        one.drop_name = false;
    }
    Ok(found)
}

/// Makes series of equal labels one; where two have a value at the same step it fails with `why`.
pub(super) fn merge(found: Vec<Series>, why: &str) -> Result<Vec<Series>, QueryError> {
    merge_with(found, |_, _| Err(QueryError::Execution(why.to_owned())))
}

/// Makes series of equal labels one; `both` tells what two are that have a value at the same step.
pub(super) fn merge_with(
    found: Vec<Series>,
    both: impl Fn(f64, f64) -> Result<f64, QueryError>,
) -> Result<Vec<Series>, QueryError> {
    let mut places: HashMap<Arc<Labels>, usize> = HashMap::with_capacity(found.len());
    let mut merged: Vec<Series> = Vec::with_capacity(found.len());
    for one in found {
        let Some(&place) = places.get(&one.labels) else {
            places.insert(one.labels.clone(), merged.len());
            merged.push(one);
            continue;
        };
        let into = &mut merged[place];
        into.drop_name |= one.drop_name;
        for step in (0..one.values.len()).filter(|&step| one.is_present(step)) {
            if into.is_present(step) {
                into.values[step] = both(into.values[step], one.values[step])?;
            } else {
                into.put(step, &one);
            }
        }
    }
    Ok(merged)
}

/// Labels with changed pairs.
pub(super) fn relabel<'a>(
    labels: &'a Labels,
    change: impl FnOnce(&mut Vec<(&'a str, &'a str)>),
) -> Result<Labels, QueryError> {
    let mut pairs: Vec<(&str, &str)> = labels.iter().collect();
    change(&mut pairs);
    Labels::of(&mut pairs).map_err(|e| QueryError::Execution(format!("the resulting labels have {e}")))
}

/// Sets a label among pairs.
pub(super) fn set<'a>(pairs: &mut Vec<(&'a str, &'a str)>, name: &'a str, value: &'a str) {
    pairs.retain(|(n, _)| *n != name);
    pairs.push((name, value));
}

/// Which labels tell series apart: of aggregations and of vector matching.
#[derive(Clone, Debug)]
pub(super) enum Grouping {
    /// These alone.
    By(Vec<String>),
    /// All but these and the name.
    Without(Vec<String>),
}

impl Grouping {
    /// Writes the labels that count, canonically encoded, into `key`.
    pub fn key(&self, labels: &Labels, key: &mut Vec<u8>) {
        let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(8);
        pairs.extend(labels.iter().filter(|(name, _)| self.counts(name)));
        key.clear();
        labels::encode(&mut pairs, key).expect("a part of labels is as right as the whole");
    }

    /// The labels of a key.
    pub fn labels(key: &[u8]) -> Labels {
        LabelsRef::check(key).expect("a key is encoded labels").to_owned()
    }

    fn counts(&self, name: &str) -> bool {
        match self {
            Self::By(names) => names.iter().any(|one| one == name),
            Self::Without(names) => name != NAME && names.iter().all(|one| one != name),
        }
    }
}
