//! What changes as records are applied: the series with what of them is in no file yet, and the blocks. One lock guards it; it
//! is held for a batch, or for copying what a query needs, and never while files are read or written.

use crate::block::Points;
use crate::block::read::{Block, InBlock};
use crate::block::write::Known;
use crate::budget::Budget;
use crate::config::{RollupConfig, millis};
use crate::level::Level;
use crate::logs::InForce;
use crate::rules::RulesOfConfig;
use crate::select::Span;
use crate::series::{Form, Head, Registry, metric_of};
use crate::status::Counters;
use logweir_base::ids::Position;
use logweir_base::metric::{LabelsRef, Meta};
use logweir_base::time::Timestamp;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Metrics of which more is known than their points; what more there are is forgotten.
const METRICS_MAX: usize = 50_000;
/// Bytes of a metric's help or unit that are kept.
const META_BYTES_MAX: usize = 2048;
const MS: i64 = 1_000_000;

#[derive(Default)]
pub(crate) struct Live {
    pub(crate) registry: Registry,
    pub(crate) budget: Budget,
    /// Series with points in no file yet.
    pub(crate) dirty: Vec<u32>,
    pub(crate) head_bytes: usize,
    /// Bytes of the journal applied since the last freeze.
    pub(crate) journal_bytes: u64,
    /// When the first record after the last freeze was received.
    pub(crate) head_since: Option<Timestamp>,
    /// What is being written to files, or could not be.
    pub(crate) frozen: Option<Arc<Frozen>>,
    /// By the last position they have: of two samples of one partition at one time the first came first.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Named by the manifest, and not to be read.
    pub(crate) unreadable: Vec<String>,
    pub(crate) applied: Position,
    pub(crate) committed: Option<Position>,
    /// The latest tick.
    pub(crate) now: Timestamp,
    pub(crate) metrics: BTreeMap<String, Meta>,
    /// Those that are new since the last freeze.
    pub(crate) new_metrics: BTreeMap<String, Meta>,
    /// The rules that count logs, and from when on exactly.
    pub(crate) exact_rules: Option<(RulesOfConfig, Timestamp)>,
    pub(crate) counters: Counters,
    /// Why nothing can go on.
    pub(crate) fatal: Option<String>,
    pub(crate) stopping: bool,
}

/// Points up to a position, on their way to files.
pub(crate) struct Frozen {
    pub(crate) to: Position,
    /// Those in force there.
    pub(crate) rules: Option<InForce>,
    pub(crate) series: Vec<FrozenSeries>,
    /// By id: place among them, or [`NOWHERE`].
    places: Vec<u32>,
    pub(crate) metrics: BTreeMap<String, Meta>,
    pub(crate) bytes: usize,
}

/// A series' part of it.
pub(crate) struct FrozenSeries {
    pub(crate) id: u32,
    pub(crate) known: Known,
    pub(crate) points: Points,
}

/// Of a series that has nothing there.
const NOWHERE: u32 = u32::MAX;

impl Frozen {
    /// The place of a series that is among them.
    pub(crate) fn place_of(&self, id: u32) -> Option<usize> {
        self.places.get(id as usize).copied().filter(|&place| place != NOWHERE).map(|place| place as usize)
    }
}

impl Live {
    /// Takes all points that are in no file for writing, up to the applied position.
    pub(crate) fn freeze(&mut self, rules: Option<InForce>) -> Arc<Frozen> {
        let to = self.applied;
        let mut series = Vec::with_capacity(self.dirty.len());
        for id in std::mem::take(&mut self.dirty) {
            let it = self.registry.get_mut(id);
            let points = std::mem::replace(&mut it.head, Head::of(it.form)).into_points();
            it.state_of = to;
            let (labels, state) = (it.labels.clone(), it.state.clone());
            let known =
                Known { labels, form: it.form, kind: it.kind, source: it.source, state, state_of: to };
            series.push(FrozenSeries { id, known, points });
        }
        let mut places = vec![NOWHERE; self.registry.places()];
        series.iter().zip(0..).for_each(|(it, place)| places[it.id as usize] = place);
        let metrics = std::mem::take(&mut self.new_metrics);
        let bytes = std::mem::take(&mut self.head_bytes);
        (self.journal_bytes, self.head_since) = (0, None);
        let frozen = Arc::new(Frozen { to, rules, series, places, metrics, bytes });
        self.frozen = Some(frozen.clone());
        frozen
    }

    /// The id that a series of a block has, and what the block knows of it taken over.
    pub(crate) fn id_in_block(&mut self, known: &Known<LabelsRef<'_>>, row: InBlock) -> u32 {
        let registry = &mut self.registry;
        let found = registry.find(known.form, known.labels.bytes());
        let id = found
            .unwrap_or_else(|| registry.add(known.form, known.kind, known.labels.to_owned(), known.source));
        let series = registry.get_mut(id);
        series.blocks += 1;
        series.last_time = series.last_time.max(row.last);
        if known.state_of >= series.state_of {
            (series.state_of, series.state) = (known.state_of, known.state.clone());
            series.kind = known.kind;
        }
        id
    }

    /// Puts blocks in, in place of others.
    pub(crate) fn replace(&mut self, add: Vec<Arc<Block>>, remove: &[String]) {
        let (gone, kept) = std::mem::take(&mut self.blocks)
            .into_iter()
            .partition(|block: &Arc<Block>| remove.contains(&block.info.name));
        let gone: Vec<_> = gone;
        self.blocks = kept;
        for block in &add {
            block.ids.iter().for_each(|&id| self.registry.get_mut(id).blocks += 1);
        }
        for block in &gone {
            block.ids.iter().for_each(|&id| self.registry.get_mut(id).blocks -= 1);
        }
        self.blocks.extend(add);
        self.blocks.sort_by_key(|block| block.info.to);
        gone.iter().for_each(|block| block.set_removed());
        if !gone.is_empty() {
            self.registry.sweep();
        }
    }

    /// Series that have had no points for long are not active any more.
    pub(crate) fn retire(&mut self, config: &RollupConfig) {
        let oldest = (self.now.0 / MS).saturating_sub(millis(config.series_age));
        let is_old = |it: &crate::series::Series| it.is_active && it.last_time < oldest && it.head.is_empty();
        let old: Vec<u32> = self.registry.iter().filter(|(_, it)| is_old(it)).map(|(id, _)| id).collect();
        for id in old {
            let series = self.registry.get_mut(id);
            series.is_active = false;
            self.budget.remove(metric_of(series.labels.view()), series.source);
        }
    }

    /// After opening: those that had points lately are active.
    pub(crate) fn revive(&mut self, config: &RollupConfig) {
        let oldest = (self.now.0 / MS).saturating_sub(millis(config.series_age));
        let young: Vec<u32> =
            self.registry.iter().filter(|(_, it)| it.last_time >= oldest).map(|(id, _)| id).collect();
        for id in young {
            let series = self.registry.get_mut(id);
            series.is_active = true;
            self.budget.add(metric_of(series.labels.view()), series.source);
        }
    }

    /// What is known of a metric.
    pub(crate) fn take_meta(&mut self, name: &str, meta: Meta) {
        let is_known = self.metrics.get(name);
        if is_known == Some(&meta) || (is_known.is_none() && self.metrics.len() >= METRICS_MAX) {
            return;
        }
        if name.len() + meta.kind.len() + meta.unit.len() + meta.help.len() <= META_BYTES_MAX {
            self.new_metrics.insert(name.to_owned(), meta.clone());
            self.metrics.insert(name.to_owned(), meta);
        }
    }
}

impl Head {
    /// As they are written, ascending.
    pub(crate) fn into_points(self) -> Points {
        match self {
            Self::Samples(points, late) => {
                let (mut times, mut values): (Vec<_>, Vec<_>) = points.into_iter().unzip();
                for (time, value) in late {
                    times.push(time);
                    values.push(value);
                }
                sort_samples(&mut times, &mut values);
                Points::Samples(times, values)
            }
            Self::Rows(rows) => Points::Rows(rows.into_values().collect()),
        }
    }

    /// Whether there is a point in the span.
    pub(crate) fn has(&self, Span { start, end }: Span) -> bool {
        if start > end {
            return false;
        }
        match self {
            Self::Samples(points, late) => {
                let next = points.get(points.partition_point(|it| it.0 < start));
                next.is_some_and(|it| it.0 <= end) || late.range(start..=end).next().is_some()
            }
            Self::Rows(rows) => rows.range(start..=end).next().is_some(),
        }
    }

    /// A copy of the samples in (after, to], ascending; of windows also those behind, for what they add up to.
    pub(crate) fn copy(&self, after: i64, to: i64) -> Points {
        match self {
            Self::Samples(points, late) => {
                let from = points.partition_point(|it| it.0 <= after);
                let until = points.partition_point(|it| it.0 <= to).max(from);
                let (mut times, mut values): (Vec<_>, Vec<_>) = points[from..until].iter().copied().unzip();
                for (&time, &value) in late.iter().filter(|(time, _)| **time > after && **time <= to) {
                    times.push(time);
                    values.push(value);
                }
                sort_samples(&mut times, &mut values);
                Points::Samples(times, values)
            }
            Self::Rows(rows) => {
                let behind = rows.range((Bound::Excluded(after), Bound::Unbounded));
                Points::Rows(behind.map(|(_, row)| row.clone()).collect())
            }
        }
    }
}

/// By time; no time is there twice.
fn sort_samples(times: &mut Vec<i64>, values: &mut Vec<f64>) {
    if times.is_sorted() {
        return;
    }
    let mut pairs: Vec<_> = std::mem::take(times).into_iter().zip(std::mem::take(values)).collect();
    pairs.sort_by_key(|pair| pair.0);
    (*times, *values) = pairs.into_iter().unzip();
}

/// The level that a series' points are written to first.
pub(crate) fn finest(form: Form) -> Level {
    if form == Form::Samples { Level::Samples } else { Level::Windows10s }
}
