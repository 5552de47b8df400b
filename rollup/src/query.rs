//! Answering: which series match, what they have in a span of time, and at which level of detail.

use crate::block::read::Block;
use crate::block::{Points, Totals};
use crate::gather::{Ask, Damaged, GatherError, NOT_WANTED, gather, trim};
use crate::level::Level;
use crate::live::{Frozen, Live, finest};
use crate::select::{
    Answer, MatchOp, Matcher, Samples, SelectError, Selected, SeriesPoints, Span, WINDOWS_LOOKBACK_MS,
    Window, Windows, WindowsOf,
};
use crate::series::{Form, Series, metric_of};
use crate::store::Store;
use crate::window::{self, Row, is_counter};
use logweir_base::metric::labels::NAME;
use logweir_base::metric::{Kind, Labels};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How a series of observations is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum View {
    /// As it is.
    Own,
    /// How many observations there were, as `NAME_count`.
    Count,
    /// Their sum, as `NAME_sum`.
    Sum,
}

const VIEWS: [(View, &str); 3] = [(View::Own, ""), (View::Count, "_count"), (View::Sum, "_sum")];

/// A series that matches.
struct Hit {
    id: u32,
    labels: Arc<Labels>,
    form: Form,
    kind: Kind,
    views: Vec<View>,
    /// All that was ever added.
    totals: Totals,
    /// What it has in memory, not cut to any time.
    frozen: Option<Points>,
    head: Option<Points>,
}

/// What a query needs, taken at one moment.
struct Snapshot {
    hits: Vec<Hit>,
    blocks: Vec<Arc<Block>>,
    places: usize,
    unreadable: usize,
}

/// The series that pass all matchers.
fn matching<'a>(live: &'a Live, matchers: &[Matcher]) -> Vec<(u32, &'a Series, Vec<View>)> {
    let mut found = Vec::new();
    let mut judge = |id: u32| {
        let series = live.registry.get(id);
        let views = views_of(series, matchers);
        if !views.is_empty() {
            found.push((id, series, views));
        }
    };
    match candidates(live, matchers) {
        Some(ids) => ids.into_iter().for_each(&mut judge),
        None => live.registry.iter().for_each(|(id, _)| judge(id)),
    }
    found
}

/// Series that may pass; `None` when any may.
fn candidates(live: &Live, matchers: &[Matcher]) -> Option<Vec<u32>> {
    let mut best: Option<Vec<u32>> = None;
    for matcher in matchers {
        let MatchOp::Equal(value) = &matcher.op else { continue };
        if value.is_empty() {
            continue;
        }
        let mut ids = live.registry.having(&matcher.name, value).to_vec();
        if matcher.name == NAME {
            let bases = VIEWS[1..].iter().filter_map(|(_, suffix)| value.strip_suffix(suffix));
            bases.for_each(|base| ids.extend(live.registry.having(NAME, base)));
            ids.sort_unstable();
            ids.dedup();
        }
        if best.as_ref().is_none_or(|best| ids.len() < best.len()) {
            best = Some(ids);
        }
    }
    best
}

fn views_of(series: &Series, matchers: &[Matcher]) -> Vec<View> {
    let (of_name, others): (Vec<_>, Vec<_>) = matchers.iter().partition(|matcher| matcher.name == NAME);
    if !others.iter().all(|matcher| matcher.passes(series.labels.get(&matcher.name))) {
        return Vec::new();
    }
    let views = if series.form == Form::Histogram { &VIEWS[..] } else { &VIEWS[..1] };
    let metric = metric_of(series.labels.view());
    let passes = |suffix: &str| {
        let name =
            if suffix.is_empty() { Cow::Borrowed(metric) } else { Cow::Owned(format!("{metric}{suffix}")) };
        of_name.iter().all(|matcher| matcher.passes(&name))
    };
    views.iter().filter(|(_, suffix)| passes(suffix)).map(|(view, _)| *view).collect()
}

/// The labels that a view shows.
fn labels_of(labels: &Arc<Labels>, view: View) -> Arc<Labels> {
    let suffix = VIEWS.iter().find(|(it, _)| *it == view).map_or("", |(_, suffix)| suffix);
    if suffix.is_empty() {
        return labels.clone();
    }
    let name = format!("{}{suffix}", labels.name());
    let mut pairs: Vec<_> = labels.iter().filter(|(it, _)| *it != NAME).collect();
    pairs.push((NAME, &name));
    // A name that becomes too long for a label is shown as it is.
    Labels::of(&mut pairs).map_or_else(|_| labels.clone(), Arc::new)
}

fn snapshot(live: &Live, matchers: &[Matcher], span: Span) -> Snapshot {
    let after = span.start.saturating_sub(WINDOWS_LOOKBACK_MS + Level::Windows1h.step_ms());
    let frozen = live.frozen.as_deref();
    let hits = matching(live, matchers).into_iter().map(|(id, series, views)| {
        let of_frozen =
            frozen.and_then(|frozen| frozen.series_of(id)).map(|it| it.points.copy(after, span.end));
        let of_head = (!series.head.is_empty()).then(|| series.head.copy(after, span.end));
        let Series { labels, form, kind, state, .. } = series;
        let (labels, totals) = (labels.clone(), state.totals);
        Hit { id, labels, form: *form, kind: *kind, views, totals, frozen: of_frozen, head: of_head }
    });
    Snapshot {
        hits: hits.collect(),
        blocks: live.blocks.clone(),
        places: live.registry.places(),
        unreadable: live.unreadable.len(),
    }
}

impl Frozen {
    fn series_of(&self, id: u32) -> Option<&crate::live::FrozenSeries> {
        self.place_of(id).map(|place| &self.series[place])
    }
}

/// Answers a selection.
pub(crate) fn select(store: &Store, matchers: &[Matcher], span: Span) -> Result<Answer, SelectError> {
    let shared = &store.0;
    let Snapshot { hits, blocks, places, unreadable } = snapshot(&shared.live(), matchers, span);
    let mut answer = Answer::default();
    if unreadable > 0 {
        answer
            .warnings
            .push(format!("{unreadable} files could not be read when the store was opened: see its status"));
    }
    let forms = Form::ALL.iter().filter(|form| hits.iter().any(|hit| hit.form == **form)).count();
    let (plain, windows): (Vec<_>, Vec<_>) = hits.into_iter().partition(|hit| hit.form == Form::Samples);
    for mut hits in [plain, windows] {
        let Some(finest) = hits.first().map(|hit| finest(hit.form)) else { continue };
        let mut wanted = vec![NOT_WANTED; places];
        hits.iter().enumerate().for_each(|(place, hit)| wanted[hit.id as usize] = place as u32);
        let level = level_for(&blocks, &wanted, finest, span);
        if level > finest {
            let kept = shared.config.kept_ms(finest);
            answer.warnings.push(format!(
                "answered from {}: {} are kept for {}",
                level.name(),
                finest.name(),
                days(kept)
            ));
        }
        let points_max = shared.config.query_points_max;
        let loaded = load(&blocks, &mut hits, &wanted, (finest, level), span, points_max);
        let (found, left_out) = loaded.map_err(|e| explain(store, e))?;
        answer.series.extend(found);
        if !left_out.is_empty() {
            let mut live = shared.live();
            left_out.iter().for_each(|why| live.counters.report(why.clone()));
            answer.warnings.extend(left_out);
        }
    }
    if forms > 1 {
        drop_twins(&mut answer);
    }
    Ok(answer)
}

fn explain(store: &Store, e: GatherError) -> SelectError {
    let shared = &store.0;
    match e {
        GatherError::TooMuch => SelectError::TooMuch(format!(
            "more than {} points: ask for fewer series or a shorter time",
            shared.config.query_points_max
        )),
        GatherError::Block(name, e) => {
            let why = format!("{}/{name}: {e}", shared.dir.describe());
            shared.live().counters.report(why.clone());
            SelectError::Failed(why)
        }
    }
}

fn days(ms: i64) -> String {
    let hours = ms / 3_600_000;
    if hours % 24 == 0 { format!("{}d", hours / 24) } else { format!("{hours}h") }
}

/// The level that answers: the coarsest that has any of these series in the span.
fn level_for(blocks: &[Arc<Block>], wanted: &[u32], finest: Level, span: Span) -> Level {
    let start =
        if finest == Level::Samples { span.start } else { span.start.saturating_sub(WINDOWS_LOOKBACK_MS) };
    let has = |block: &&Arc<Block>| {
        block.info.last >= start
            && block.info.first <= span.end
            && block.ids.iter().zip(&block.rows).any(|(&id, row)| {
                let is_wanted = wanted.get(id as usize).is_some_and(|&place| place != NOT_WANTED);
                is_wanted && row.last >= start && row.first <= span.end
            })
    };
    blocks
        .iter()
        .filter(|block| block.info.level > finest)
        .filter(has)
        .map(|it| it.info.level)
        .max()
        .unwrap_or(finest)
}

/// Loads points of hits whose finest level is the same. Returns also which blocks were left out, and why.
fn load(
    blocks: &[Arc<Block>],
    hits: &mut [Hit],
    wanted: &[u32],
    (finest, level): (Level, Level),
    span: Span,
    points_max: u64,
) -> Result<(Vec<Selected>, Vec<String>), GatherError> {
    let step = level.step_ms();
    let (after, to) = if step == 0 {
        (span.start.saturating_sub(1), span.end)
    } else {
        let floor = |time: i64| time.saturating_sub(time.rem_euclid(step));
        (floor(span.start.saturating_sub(WINDOWS_LOOKBACK_MS)), floor(span.end))
    };
    let mut all: Vec<Vec<Row>> = vec![Vec::new(); hits.len()];
    let mut later = vec![Totals::default(); hits.len()];
    let (mut left, mut left_out) = (points_max, Vec::new());
    // Coarser levels have the older points.
    for of in Level::ALL.iter().rev().filter(|it| **it > finest) {
        let ask = Ask { after, to, wanted, count: hits.len(), points_max: left, damaged: Damaged::LeftOut };
        let gathered = gather(blocks, *of, &ask)?;
        left = left.saturating_sub(gathered.loaded);
        left_out.extend(gathered.left_out);
        for (place, points) in gathered.points.into_iter().enumerate() {
            later[place].merge(gathered.later[place]);
            if let Points::Rows(rows) = points {
                window::merge(&mut all[place], window::coarser(rows, step));
            }
        }
    }
    let ask = Ask { after, to, wanted, count: hits.len(), points_max: left, damaged: Damaged::LeftOut };
    let mut gathered = gather(blocks, finest, &ask)?;
    left_out.append(&mut gathered.left_out);
    for (place, hit) in hits.iter_mut().enumerate() {
        for mut points in [hit.frozen.take(), hit.head.take()].into_iter().flatten() {
            let behind = trim(&mut points, after, to);
            gathered.later[place].merge(behind);
            gathered.add(place, points);
        }
    }
    let mut selected = Vec::with_capacity(hits.len());
    for (place, points) in gathered.points.into_iter().enumerate() {
        let hit = &hits[place];
        later[place].merge(gathered.later[place]);
        let rows = std::mem::take(&mut all[place]);
        match points {
            Points::Samples(times, values) if step == 0 => {
                if !times.is_empty() {
                    let points = SeriesPoints::Samples(Samples { times, values });
                    selected.push(Selected { labels: hit.labels.clone(), points });
                }
            }
            points => show(hit, join(rows, points, step), step, later[place], &mut selected),
        }
    }
    Ok((selected, left_out))
}

/// Windows of the asked step of older windows and of finer points behind them.
fn join(mut rows: Vec<Row>, finer: Points, step: i64) -> Vec<Row> {
    let finer = match finer {
        Points::Samples(times, values) => {
            window::of_samples(&times, &values, step, rows.last().map(|row| row.last))
        }
        Points::Rows(finer) => window::coarser(finer, step),
    };
    window::merge(&mut rows, finer);
    rows
}

/// Shows windows as what they are of, and observations also as counters.
fn show(hit: &Hit, mut rows: Vec<Row>, step_ms: i64, later: Totals, selected: &mut Vec<Selected>) {
    let Some(first) = rows.first().map(|it| it.last - it.increase) else { return };
    let mut inside = Totals::default();
    rows.iter().for_each(|row| inside.add(row));
    for &view in &hit.views {
        let of = match hit.form {
            Form::Counter => WindowsOf::Counter,
            Form::Gauge => WindowsOf::Gauge,
            Form::Histogram if view == View::Own => WindowsOf::Histogram,
            Form::Histogram => WindowsOf::Counter,
            Form::Samples if is_counter(hit.kind, hit.labels.name()) => WindowsOf::Counter,
            Form::Samples => WindowsOf::Gauge,
        };
        let before = match hit.form {
            Form::Samples => first,
            _ if view == View::Sum => hit.totals.sum - later.sum - inside.sum,
            _ => hit.totals.increase - later.increase - inside.increase,
        };
        let rows = match hit.views.as_slice() {
            [View::Own] => std::mem::take(&mut rows).into_iter().map(Row::shown).collect(),
            _ => rows.iter().map(|row| of_view(row, view)).collect(),
        };
        let points = SeriesPoints::Windows(Windows { of, step_ms, rows, before });
        selected.push(Selected { labels: labels_of(&hit.labels, view), points });
    }
}

fn of_view(row: &Row, view: View) -> Window {
    let shown = row.clone().shown();
    match view {
        View::Own => shown,
        View::Count => Window { increase: shown.count as f64, histogram: None, ..shown },
        View::Sum => Window { increase: shown.sum, histogram: None, ..shown },
    }
}

/// Of a series that was sent in two forms, the one with the latest points is shown.
fn drop_twins(answer: &mut Answer) {
    let mut best: HashMap<Arc<Labels>, usize> = HashMap::new();
    let mut dropped = HashSet::new();
    for (at, series) in answer.series.iter().enumerate() {
        let Some(twin) = best.insert(series.labels.clone(), at) else { continue };
        if latest_of(&answer.series[twin]) > latest_of(series) {
            best.insert(series.labels.clone(), twin);
            dropped.insert(at);
        } else {
            dropped.insert(twin);
        }
    }
    if let Some(&at) = dropped.iter().min() {
        let labels = &answer.series[at].labels;
        answer.warnings.push(format!(
            "{} series, like {labels}, came as values and as increases; shown is what came last",
            dropped.len()
        ));
        let mut at = 0..;
        answer.series.retain(|_| at.next().is_some_and(|at| !dropped.contains(&at)));
    }
}

fn latest_of(selected: &Selected) -> i64 {
    match &selected.points {
        SeriesPoints::Samples(samples) => samples.times.last().copied().unwrap_or(i64::MIN),
        SeriesPoints::Windows(windows) => windows.rows.last().map_or(i64::MIN, |row| row.end),
    }
}

/// The labels of all series that match and have points in the span.
pub(crate) fn series(live: &Live, matchers: &[Matcher], span: Span) -> Vec<Arc<Labels>> {
    let mut has = vec![false; live.registry.places()];
    for block in live.blocks.iter().filter(|it| it.info.first <= span.end && it.info.last >= span.start) {
        for (&id, row) in block.ids.iter().zip(&block.rows) {
            has[id as usize] |= row.first <= span.end && row.last >= span.start;
        }
    }
    let frozen = live.frozen.as_deref();
    let in_memory = |id: u32, it: &Series| {
        let of_frozen = || frozen.and_then(|frozen| frozen.series_of(id)).and_then(|it| it.points.span());
        it.head.has(span) || of_frozen().is_some_and(|(first, last)| first <= span.end && last >= span.start)
    };
    let mut found = Vec::new();
    for (id, series, views) in matching(live, matchers) {
        if has[id as usize] || in_memory(id, series) {
            found.extend(views.into_iter().map(|view| labels_of(&series.labels, view)));
        }
    }
    found
}
