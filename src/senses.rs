//! What the alerter asks of the stores: PromQL of the metrics store, and for a page's evidence a few searches of the log store.
//! Each has a deadline: an alert is told with less to look at rather than late.

use logweir_alerter::alert::Labels;
use logweir_alerter::notification::Evidence;
use logweir_alerter::{Number, Senses, narrowed};
use logweir_base::ids::Position;
use logweir_base::metric::labels::NAME;
use logweir_base::parse::{Parser, Record, RecordView};
use logweir_base::pattern::PatternId;
use logweir_base::query::Query;
use logweir_base::time::Timestamp;
use logweir_indexer::SearchRequest;
use logweir_rollup::node::NodeNames;
use logweir_rollup::promql::{self, Limits, Sample, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// The metrics store may be behind by so much before rules are held back.
const COVER_TIMEOUT: Duration = Duration::from_secs(5);
/// A rule's question takes at most this.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// Evidence is looked for no longer than this.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(2);
/// Records that evidence is made of.
const RECORDS_MAX: u64 = 2_000;
/// Traces, patterns and hosts that a page names.
const NAMED_MAX: usize = 5;
/// At least so long a time before an alert is looked at, and compared with the same time before that.
const SPAN_MIN: Duration = Duration::from_secs(600);

/// The stores of this process.
pub struct Stores {
    /// Lines.
    pub logs: logweir_indexer::Store,
    /// Metrics.
    pub metrics: NodeNames<logweir_rollup::Store>,
}

impl Senses for Stores {
    fn wait_covers(&self, position: Position) -> bool {
        self.metrics.0.wait_covers(position, COVER_TIMEOUT)
    }

    fn numbers(&self, text: &str, at: Timestamp) -> Result<Vec<Number>, String> {
        let asked = Instant::now();
        let stop = || asked.elapsed() > QUERY_TIMEOUT;
        numbers_at(text, at, &self.metrics, &Limits::with_stop(&stop))
    }

    fn evidence(&self, query: &str, labels: &Labels, since: Timestamp, now: Timestamp) -> Evidence {
        let span = span_of(since, now);
        let Some(query) = narrowed(query, labels) else { return Evidence::default() };
        let found = self.look(&query, now.minus(span), now);
        let before = self.look(&query, now.minus(span * 2), now.minus(span));
        Evidence {
            traces: found.traces(),
            patterns: self.changes(&found, &before),
            hosts: found.hosts(),
            ..Evidence::default()
        }
    }
}

/// What an expression gives at a time.
pub(crate) fn numbers_at(
    text: &str,
    at: Timestamp,
    metrics: &NodeNames<logweir_rollup::Store>,
    limits: &Limits<'_>,
) -> Result<Vec<Number>, String> {
    let outcome = promql::instant(text, at.0.div_euclid(1_000_000), metrics, limits);
    match outcome.map_err(|e| e.to_string())?.value {
        Value::Scalar { value, .. } => Ok(vec![(Labels::new(), value)]),
        Value::Vector(found) => Ok(found.iter().filter_map(number_of).collect()),
        Value::String { .. } | Value::Matrix(_) => Err("it gives no numbers at one time".to_owned()),
    }
}

/// How much of the time before an alert is looked at for evidence.
pub(crate) fn span_of(since: Timestamp, now: Timestamp) -> Duration {
    SPAN_MIN.max(now.since(since))
}

fn number_of(one: &promql::Instant) -> Option<Number> {
    let Sample::Float(value) = one.sample else { return None };
    let named = one.labels.iter().filter(|(name, _)| *name != NAME);
    Some((named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), value))
}

/// What a search found.
#[derive(Default)]
pub(crate) struct Found {
    /// Times and traces, the latest first, with the record's severity.
    traces: Vec<(u8, String)>,
    hosts: BTreeSet<String>,
    patterns: BTreeMap<PatternId, u64>,
}

impl Found {
    /// Takes the next record, from the latest to the first.
    pub(crate) fn take(&mut self, view: &RecordView<'_>, parser: &mut Parser) {
        let record = Record::of(view, parser);
        self.traces.extend(record.trace_id.map(|trace| (record.severity.0, trace)));
        self.hosts.insert(record.host);
        if view.pattern != PatternId::NONE {
            *self.patterns.entry(view.pattern).or_default() += 1;
        }
    }

    /// Some of the hosts.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.hosts.iter().take(NAMED_MAX).cloned().collect()
    }

    /// The worst, the latest, the first, and some between.
    pub(crate) fn traces(&self) -> Vec<(String, String)> {
        let mut named: Vec<(String, String)> = Vec::new();
        let worst = self.traces.iter().max_by_key(|(severity, _)| *severity).map(|it| ("worst", it));
        let latest = self.traces.first().map(|it| ("latest", it));
        let first = self.traces.last().map(|it| ("first", it));
        let others = self.traces.iter().map(|it| ("typical", it));
        for (why, (_, trace)) in worst.into_iter().chain(latest).chain(first).chain(others) {
            if named.len() < NAMED_MAX && !named.iter().any(|(_, known)| known == trace) {
                named.push((why.to_owned(), trace.clone()));
            }
        }
        named
    }
}

impl Stores {
    fn look(&self, query: &Query, from: Timestamp, to: Timestamp) -> Found {
        let request = SearchRequest {
            since: Some(from),
            until: Some(to),
            limit: Some(RECORDS_MAX),
            deadline: Some(SEARCH_TIMEOUT / 2),
            ..SearchRequest::of(query.clone())
        };
        let (mut found, mut parser) = (Found::default(), Parser::default());
        self.logs.search(&request, &mut |hit| {
            found.take(&hit.view, &mut parser);
            ControlFlow::Continue(())
        });
        found
    }

    /// Patterns whose numbers differ most.
    fn changes(&self, found: &Found, before: &Found) -> Vec<(String, u64, u64)> {
        let all: BTreeSet<PatternId> = found.patterns.keys().chain(before.patterns.keys()).copied().collect();
        let of = |found: &Found, id| found.patterns.get(&id).copied().unwrap_or_default();
        let mut changes: Vec<_> = all.into_iter().map(|id| (id, of(before, id), of(found, id))).collect();
        changes.sort_by_key(|(id, before, now)| (std::cmp::Reverse(before.abs_diff(*now)), *id));
        let named = changes.into_iter().filter(|(_, before, now)| before != now).take(NAMED_MAX);
        named.filter_map(|(id, before, now)| Some((self.logs.template(id)?, before, now))).collect()
    }
}
