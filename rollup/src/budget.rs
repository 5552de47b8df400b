//! How many series may be active: of a metric, of a source, in all. What is beyond is added to the metric's overflow series
//! where adding has a meaning, else refused; both are counted by metric and never silent.
//!
//! Limit: [`OVERFLOWS_MAX`] metrics are told apart; what more metrics overflow is counted together.

use crate::config::RollupConfig;
use logweir_base::ids::SourceId;
use logweir_base::metric::Labels;
use logweir_base::metric::labels::NAME;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// Budgets of which it was told that they are used up; with the metric where each has one.
    told: BTreeSet<(Limit, String)>,
}

/// A budget that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    All,
    Source,
    Metric,
}

impl Limit {
    fn tell(self, config: &RollupConfig, metric: &str) -> String {
        let (setting, max, by) = match self {
            Self::All => ("series_max", config.series_max, String::new()),
            Self::Source => {
                ("series_per_source_max", config.series_per_source_max, " by a source".to_owned())
            }
            Self::Metric => ("series_per_metric_max", config.series_per_metric_max, format!(" by {metric}")),
        };
        format!(
            "{setting} = {max} is used up{by}; what is beyond is added to its metric's {{{OVERFLOW}=\"true\"}} or, for values \
             that cannot be added, refused"
        )
    }
}

impl Budget {
    /// Whether one more series of this metric and source may be active; if not, which budget is used up.
    pub(crate) fn admit(
        &self,
        config: &RollupConfig,
        metric: &str,
        source: Option<SourceId>,
    ) -> Result<(), Limit> {
        let of_metric = self.by_metric.get(metric).copied().unwrap_or(0);
        let of_source = self.by_source.get(&source).copied().unwrap_or(0);
        if self.active >= config.series_max {
            Err(Limit::All)
        } else if of_source >= config.series_per_source_max {
            Err(Limit::Source)
        } else if of_metric >= config.series_per_metric_max {
            Err(Limit::Metric)
        } else {
            Ok(())
        }
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

    /// Counts a point that went to the overflow of a metric, or was refused. Returns what to tell when it is the first time: of
    /// the budget, and where each metric has one, of the metric.
    pub(crate) fn overflow(&mut self, config: &RollupConfig, metric: &str, limit: Limit) -> Option<String> {
        let named = self.overflow_name(metric).to_owned();
        let of = (limit, if limit == Limit::Metric { named.clone() } else { String::new() });
        *self.overflows.entry(named).or_default() += 1;
        if self.told.contains(&of) {
            return None;
        }
        let error = limit.tell(config, &of.1);
        self.told.insert(of);
        Some(error)
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
