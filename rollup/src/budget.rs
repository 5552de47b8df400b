//! How many series may be active: of a metric, of a source, in all. What is beyond is added to the metric's overflow series
//! where adding has a meaning, else refused; both are counted by metric and never silent.
//!
//! Limit: [`OVERFLOWS_MAX`] metrics are told apart; what more metrics overflow is counted together.

use crate::config::RollupConfig;
use logweir_base::ids::SourceId;
use logweir_base::metric::Labels;
use logweir_base::metric::labels::NAME;
use std::collections::{BTreeMap, HashMap};

/// The label of overflow series.
pub const OVERFLOW: &str = "__overflow__";
/// Metrics with an overflow series of their own, which stands in memory and files like any other.
const OVERFLOWS_MAX: usize = 1000;

/// Active series, and what has overflowed since the start.
#[derive(Default)]
pub(crate) struct Budget {
    active: u32,
    by_metric: HashMap<Box<str>, u32>,
    by_source: HashMap<Option<SourceId>, u32>,
    overflows: BTreeMap<String, u64>,
}

impl Budget {
    /// Whether one more series of this metric and source may be active.
    pub(crate) fn admits(&self, config: &RollupConfig, metric: &str, source: Option<SourceId>) -> bool {
        let of_metric = self.by_metric.get(metric).copied().unwrap_or(0);
        let of_source = self.by_source.get(&source).copied().unwrap_or(0);
        self.active < config.series_max
            && of_metric < config.series_per_metric_max
            && of_source < config.series_per_source_max
    }

    /// A series has become active.
    pub(crate) fn add(&mut self, metric: &str, source: Option<SourceId>) {
        self.active += 1;
        match self.by_metric.get_mut(metric) {
            Some(count) => *count += 1,
            None => {
                self.by_metric.insert(metric.into(), 1);
            }
        }
        *self.by_source.entry(source).or_default() += 1;
    }

    /// A series is not active any more.
    pub(crate) fn remove(&mut self, metric: &str, source: Option<SourceId>) {
        self.active = self.active.saturating_sub(1);
        if let Some(count) = self.by_metric.get_mut(metric) {
            *count -= 1;
            if *count == 0 {
                self.by_metric.remove(metric);
            }
        }
        if let Some(count) = self.by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
    }

    /// Counts points that went to the overflow of a metric, or were refused. Returns the metric's name when it is the first time.
    pub(crate) fn overflow(&mut self, metric: &str, points: u64) -> Option<String> {
        let named = self.overflow_name(metric).to_owned();
        match self.overflows.get_mut(&named) {
            Some(count) => {
                *count += points;
                None
            }
            None => {
                self.overflows.insert(named.clone(), points);
                Some(named)
            }
        }
    }

    /// The labels of the series that takes what overflows of a metric.
    pub(crate) fn overflow_labels(&self, metric: &str) -> Labels {
        Labels::of(&mut [(NAME, self.overflow_name(metric)), (OVERFLOW, "true")]).expect("two short labels")
    }

    fn overflow_name<'a>(&self, metric: &'a str) -> &'a str {
        let is_known = self.overflows.contains_key(metric);
        if is_known || self.overflows.len() < OVERFLOWS_MAX { metric } else { OVERFLOW }
    }

    /// Active series.
    pub(crate) fn active(&self) -> u32 {
        self.active
    }

    /// Points by metric.
    pub(crate) fn overflows(&self) -> &BTreeMap<String, u64> {
        &self.overflows
    }
}
