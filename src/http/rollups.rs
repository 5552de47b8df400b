//! Counts of searches from the metrics store: where a rule has counted the same records by the same fields, no line is read but
//! those of the first and the last few seconds, where the time asked for cuts a window of ten.
//!
//! The answer is the one that reading all lines gives. So it is not used for times from before the rules counted exactly
//! what the log store has (see [`logweir_rollup::Store::exact_rules`]), nor when anything of the metric is missing or coarser,
//! has overflowed, or has labels that do not tell what the fields were.
//!
//! Limit: windows of [`PART`] are in memory at a time.

use super::Api;
use super::params::Wanted;
use logweir_base::metric::LabelsRef;
use logweir_base::metric::labels::NAME;
use logweir_base::pipe::{Named, Pipeline, Reduce, Stats, StatsSpec};
use logweir_base::time::Timestamp;
use logweir_indexer::{SearchRequest, SearchSummary};
use logweir_rollup::rules::{Plan, RuleSet, WINDOW_MS, covers};
use logweir_rollup::select::{MatchOp, Matcher, SeriesPoints, Source, Span};
use std::time::{Duration, Instant};

const WINDOW: i64 = WINDOW_MS * MS;
const MS: i64 = 1_000_000;
/// How long the metrics store may take to have all that is durable.
const COVER_TIMEOUT: Duration = Duration::from_secs(1);
/// Windows older than they are kept at ten seconds are coarser; so much is left to be sure.
const MARGIN: Duration = Duration::from_secs(60);
/// No record is further ahead of its receipt.
const AHEAD_MAX: Duration = Duration::from_secs(86_400);
/// Windows are loaded for so long a time at once: 2160 of each series.
const PART: Duration = Duration::from_secs(6 * 3600);

/// What was counted, how the search for the rest went, and the metric it comes from.
pub(super) struct Counted {
    pub stats: Stats,
    pub summary: SearchSummary,
    pub metric: String,
}

/// Counts from windows, if that gives what reading all lines does.
pub(super) fn count(
    api: &Api,
    wanted: &Wanted,
    spec: &StatsSpec,
    request: &SearchRequest,
) -> Option<Counted> {
    let asked = Instant::now();
    plan_of(api, wanted, spec)?;
    let is_all = api.metrics.0.wait_covers(api.router.durable(), COVER_TIMEOUT);
    // What was waited for may be a deletion, or other rules.
    let (plan, (start, end)) = plan_of(api, wanted, spec).filter(|_| is_all)?;
    let (from, to) = whole_windows(start, end)?;
    let metric = plan.metric.clone();
    let mut windows = Windows { plan, spec, stats: Stats::new(spec), counted: 0 };
    let mut part = from;
    while part < to {
        if asked.elapsed() > wanted.deadline {
            return None;
        }
        let next = part.plus(PART).min(to);
        windows.add(api, part, next)?;
        part = next;
    }
    let Windows { mut stats, counted, .. } = windows;
    let mut summary = SearchSummary { hits: counted, ..SearchSummary::default() };
    for (since, until) in [(start, from), (to, end)] {
        if since < until {
            let request = SearchRequest { since: Some(since), until: Some(until), ..request.clone() };
            let (edge, of_edge) = api.store.count(&request, Stats::new(spec));
            stats.merge(edge);
            summary = SearchSummary { hits: summary.hits + of_edge.hits, ..with(summary, of_edge) };
        }
    }
    summary.complete_up_to = summary.complete_up_to.max(api.router.durable());
    (stats.left_out() == 0).then_some(Counted { stats, summary, metric })
}

/// How the answer is found in windows, and the times that it is of; `None` when windows may not say what lines do.
fn plan_of(api: &Api, wanted: &Wanted, spec: &StatsSpec) -> Option<(Plan, (Timestamp, Timestamp))> {
    let (rules, exact_from) = api.metrics.0.exact_rules().filter(|_| wanted.may_use_rollups)?;
    let rules = RuleSet::compile(&rules.rules, rules.defaults).ok()?;
    let (query, reduce) = (wanted.query.clone(), Some(Reduce::Stats(spec.clone())));
    let plan = covers(&rules, &wanted.query, &Pipeline { query, reduce, steps: Vec::new() })?;
    let now = api.clock.now();
    let kept_from = now.minus(api.windows_age.saturating_sub(MARGIN));
    let start = wanted.since.map_or(plan.times.0, |since| since.max(plan.times.0));
    let end = wanted.until.map_or(plan.times.1, |until| until.min(plan.times.1));
    // No record is later.
    let end = end.min(floor(now.plus(AHEAD_MAX + MARGIN)));
    let has_overflowed = api.metrics.0.status().overflows.contains_key(&plan.metric);
    let is_exact = !plan.approximate && !has_overflowed && start >= exact_from.max(kept_from);
    is_exact.then_some((plan, (start, end)))
}

/// The windows that lie within the time asked for; `None` when there is none.
fn whole_windows(start: Timestamp, end: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let from = floor(Timestamp(start.0.checked_add(WINDOW - 1)?));
    let to = floor(end);
    (from < to).then_some((from, to))
}

fn floor(time: Timestamp) -> Timestamp {
    Timestamp(time.0.div_euclid(WINDOW) * WINDOW)
}

/// What windows have said so far.
struct Windows<'a> {
    plan: Plan,
    spec: &'a StatsSpec,
    stats: Stats,
    counted: u64,
}

impl Windows<'_> {
    /// Adds what those between two times hold; `None` when some are missing, coarser, or not to be trusted.
    fn add(&mut self, api: &Api, from: Timestamp, to: Timestamp) -> Option<()> {
        let name = Matcher { name: NAME.to_owned(), op: MatchOp::Equal(self.plan.metric.clone()) };
        let span = Span { start: from.0 / MS + 1, end: to.0 / MS };
        let found = api.metrics.0.select(&[name], span).ok()?;
        for series in &found.series {
            let SeriesPoints::Windows(windows) = &series.points else {
                return None;
            };
            // Older ones are there too, for counters that stand still.
            let inside = windows.rows.iter().filter(|row| row.end >= span.start && row.end <= span.end);
            let rows: Vec<_> = inside.map(|row| (row.end, row.increase as u64)).collect();
            if windows.step_ms != WINDOW_MS {
                return None;
            }
            if !rows.is_empty() {
                self.add_series(series.labels.view(), &rows)?;
            }
        }
        found.warnings.is_empty().then_some(())
    }

    fn add_series(&mut self, labels: LabelsRef<'_>, rows: &[(i64, u64)]) -> Option<()> {
        if !self.plan.trusts(labels) {
            return None;
        }
        if !self.plan.takes(labels) {
            return Some(());
        }
        let values =
            self.plan.by.iter().map(|label| Some(labels.get(label)).filter(|value| !value.is_empty()));
        let values: Vec<Option<&str>> = values.collect();
        // A record may have the field without a value. That makes no label, and for pipes a group of its own.
        let is_told =
            |(name, value): (&String, &Option<&str>)| value.is_some() || Named::of(name).is_of_head();
        if !self.spec.by.iter().zip(&values).all(is_told) {
            return None;
        }
        for (end, records) in rows {
            let start = Timestamp((end - WINDOW_MS) * MS);
            let slot = self.stats.slot_of_values(start, values.iter().copied())?;
            self.stats.add_count(slot, *records);
            self.counted += records;
        }
        Some(())
    }
}

fn with(a: SearchSummary, b: SearchSummary) -> SearchSummary {
    SearchSummary {
        partial: a.partial || b.partial,
        complete_up_to: a.complete_up_to.max(b.complete_up_to),
        blocks_decoded: a.blocks_decoded + b.blocks_decoded,
        lines_verified: a.lines_verified + b.lines_verified,
        errors: [a.errors, b.errors].concat(),
        ..b
    }
}
