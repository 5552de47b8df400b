//! Counts of searches from the metrics store: where a rule has counted the same records by the same fields, no line is read but
//! those of the first and the last few seconds, where the time asked for cuts a window of ten.
//!
//! The answer is the one that reading all lines gives. So it is not used for times from before the rules counted exactly
//! what the log store has (see [`logweir_rollup::Store::exact_rules`]), nor when anything of the metric is missing or coarser.

use super::Api;
use super::params::Wanted;
use logweir_base::metric::labels::NAME;
use logweir_base::pipe::{Pipeline, Reduce, Stats, StatsSpec};
use logweir_base::time::Timestamp;
use logweir_indexer::{SearchRequest, SearchSummary};
use logweir_rollup::rules::{Plan, RuleSet, WINDOW_MS, covers};
use logweir_rollup::select::{MatchOp, Matcher, SeriesPoints, Source, Span};
use std::time::Duration;

const WINDOW: i64 = WINDOW_MS * MS;
const MS: i64 = 1_000_000;
/// How long the metrics store may take to have all that is durable.
const COVER_TIMEOUT: Duration = Duration::from_secs(1);
/// Windows older than they are kept at ten seconds are coarser; so much is left to be sure.
const MARGIN: Duration = Duration::from_secs(60);

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
    let (rules, exact_from) = api.metrics.0.exact_rules().filter(|_| wanted.may_use_rollups)?;
    let rules = RuleSet::compile(&rules.rules, rules.defaults).ok()?;
    let (query, reduce) = (wanted.query.clone(), Some(Reduce::Stats(spec.clone())));
    let plan = covers(&rules, &wanted.query, &Pipeline { query, reduce, steps: Vec::new() })?;
    let start = wanted.since.map_or(plan.times.0, |since| since.max(plan.times.0));
    let end = wanted.until.map_or(plan.times.1, |until| until.min(plan.times.1));
    let kept_from = api.clock.now().minus(api.windows_age.saturating_sub(MARGIN));
    let is_exact = !plan.approximate && start >= exact_from.max(kept_from);
    let (from, to) = whole_windows(start, end).filter(|_| is_exact)?;
    let is_all = api.metrics.0.wait_covers(api.router.durable(), COVER_TIMEOUT)
        && !api.metrics.0.status().overflows.contains_key(&plan.metric);
    let metric = plan.metric.clone();
    let mut stats = Stats::new(spec);
    let counted = add_windows(api, plan, from, to, &mut stats).filter(|_| is_all)?;
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
    Some(Counted { stats, summary, metric })
}

/// The windows that lie within the time asked for; `None` when there is none.
fn whole_windows(start: Timestamp, end: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let from = start.0.checked_add(WINDOW - 1)?.div_euclid(WINDOW) * WINDOW;
    // Without an end, records of the near future count too.
    let to = if end == Timestamp::MAX { end.0 } else { end.0.div_euclid(WINDOW) * WINDOW };
    (from < to).then_some((Timestamp(from), Timestamp(to)))
}

/// Adds what the windows between two times hold, and gives how many records that is; `None` when some are coarser or unreadable.
fn add_windows(api: &Api, mut plan: Plan, from: Timestamp, to: Timestamp, stats: &mut Stats) -> Option<u64> {
    let name = Matcher { name: NAME.to_owned(), op: MatchOp::Equal(plan.metric.clone()) };
    let found = api.metrics.0.select(&[name], Span { start: from.0 / MS + 1, end: to.0 / MS }).ok()?;
    let (mut counted, by) = (0, plan.by.clone());
    for series in found.series.iter().filter(|series| plan.takes(series.labels.view())) {
        let SeriesPoints::Windows(windows) = &series.points else {
            return None;
        };
        let values: Vec<_> = by.iter().map(|label| series.labels.get(label)).collect();
        let values = || values.iter().map(|value| Some(*value).filter(|value| !value.is_empty()));
        for row in windows.rows.iter().filter(|row| row.end > from.0 / MS && row.end <= to.0 / MS) {
            let slot = stats.slot_of_values(Timestamp((row.end - WINDOW_MS) * MS), values())?;
            stats.add_count(slot, row.increase as u64);
            counted += row.increase as u64;
        }
        if windows.step_ms != WINDOW_MS {
            return None;
        }
    }
    found.warnings.is_empty().then_some(counted)
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
