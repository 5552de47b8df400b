//! Windows: what happened in fixed intervals, how samples become windows, and windows coarser ones. Merging is associative, so
//! that neither the order in which pieces of a window come nor where they were kept matters (but for the rounding of sums).

use crate::select::{Window, is_stale};
use logweir_base::metric::{Histogram, Kind};
use std::sync::Arc;

/// One window, with when its last value was.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its end, in ms, inclusive.
    pub(crate) end: i64,
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) last: f64,
    /// When `last` was, in ms.
    pub(crate) last_at: i64,
    pub(crate) increase: f64,
    pub(crate) histogram: Option<Arc<Histogram>>,
}

impl Row {
    /// Nothing yet.
    fn at(end: i64) -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self {
            end,
            count: 0,
            sum: 0.0,
            min,
            max,
            last: 0.0,
            last_at: i64::MIN,
            increase: 0.0,
            histogram: None,
        }
    }

    /// An increase.
    pub(crate) fn of_increase(end: i64, increase: f64) -> Self {
        Self { increase, ..Self::at(end) }
    }

    /// A value at a time.
    pub(crate) fn of_value(end: i64, time: i64, value: f64) -> Self {
        Self { count: 1, sum: value, min: value, max: value, last: value, last_at: time, ..Self::at(end) }
    }

    /// Observations.
    pub(crate) fn of_histogram(end: i64, histogram: Arc<Histogram>) -> Self {
        Self { histogram: Some(histogram), ..Self::at(end) }
    }

    /// Adds a later one, or one that came later, of the same window.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.increase += other.increase;
        if other.last_at >= self.last_at {
            (self.last, self.last_at) = (other.last, other.last_at);
        }
        match (&mut self.histogram, &other.histogram) {
            (Some(all), Some(more)) => Arc::make_mut(all).merge(more),
            (none, more) => *none = none.take().or_else(|| more.clone()),
        }
    }

    /// As a query sees it; what histograms tell is told there too.
    pub(crate) fn shown(self) -> Window {
        let Self { end, count, sum, min, max, last, increase, histogram, .. } = self;
        let (count, sum, min, max) = match &histogram {
            Some(it) => (it.count, it.sum, it.min, it.max),
            None => (count, sum, min, max),
        };
        Window { end, count, sum, min, max, last, increase, histogram }
    }
}

/// The end of the window that a time is in.
pub(crate) fn end_of(time: i64, step_ms: i64) -> i64 {
    let over = time.rem_euclid(step_ms);
    if over == 0 { time } else { time.saturating_add(step_ms - over) }
}

/// Adds rows that came later.
pub(crate) fn merge(rows: &mut Vec<Row>, later: Vec<Row>) {
    if rows.last().is_none_or(|last| later.first().is_none_or(|first| last.end < first.end)) {
        return rows.extend(later);
    }
    let earlier = std::mem::take(rows);
    rows.reserve(earlier.len() + later.len());
    let (mut earlier, mut later) = (earlier.into_iter().peekable(), later.into_iter().peekable());
    loop {
        let is_earlier = match (earlier.peek(), later.peek()) {
            (Some(a), Some(b)) => a.end <= b.end,
            (a, _) => a.is_some(),
        };
        match if is_earlier { earlier.next() } else { later.next() } {
            Some(row) => push_or_merge(rows, row),
            None => return,
        }
    }
}

fn push_or_merge(rows: &mut Vec<Row>, row: Row) {
    match rows.last_mut() {
        Some(last) if last.end == row.end => last.merge(&row),
        _ => rows.push(row),
    }
}

/// Rows of a coarser step.
pub(crate) fn coarser(rows: Vec<Row>, step_ms: i64) -> Vec<Row> {
    let mut found: Vec<Row> = Vec::with_capacity(rows.len() / 4);
    for mut row in rows {
        row.end = end_of(row.end, step_ms);
        push_or_merge(&mut found, row);
    }
    found
}

/// The windows of samples, ascending. `before` is the value before the first, for the increase to it. Marks of a series' end
/// are no values.
pub(crate) fn of_samples(times: &[i64], values: &[f64], step_ms: i64, before: Option<f64>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut before = before;
    for (&time, &value) in times.iter().zip(values).filter(|(_, value)| !is_stale(**value)) {
        let mut row = Row::of_value(end_of(time, step_ms), time, value);
        // What is no finite number has not grown, and nothing grows from it.
        if value.is_finite() {
            row.increase = before.map_or(0.0, |before| if value >= before { value - before } else { value });
            before = Some(value);
        }
        push_or_merge(&mut rows, row);
    }
    rows
}

/// Whether values of a plain kind only grow. Senders that do not say are judged by the names that Prometheus asks for.
pub(crate) fn is_counter(kind: Kind, name: &str) -> bool {
    const ENDS: [&str; 4] = ["_total", "_count", "_sum", "_bucket"];
    kind == Kind::Counter || (kind == Kind::Unknown && ENDS.iter().any(|end| name.ends_with(end)))
}

/// What was observed since `before`, of two states of all since one start; `None` when `now` is not a later one.
pub(crate) fn since(now: &Histogram, before: &Histogram) -> Option<Histogram> {
    if now.count < before.count {
        return None;
    }
    let mut left: Vec<_> = before.buckets().collect();
    left.reverse();
    let mut found = Histogram::default();
    for (middle, count) in now.buckets() {
        let old = left.pop_if(|(old, _)| *old == middle).map_or(0, |(_, count)| count);
        found.record_many(middle, count.checked_sub(old)?);
    }
    if !left.is_empty() {
        return None;
    }
    found.sum = now.sum - before.sum;
    // The extremes since then are known to within a bucket, and exactly when they are new ones.
    if now.min < before.min {
        (found.min, found.max) = (now.min, found.max.max(now.min));
    }
    if now.max > before.max {
        (found.min, found.max) = (found.min.min(now.max), now.max);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What was added since is found again, and can be written and read.
        #[test]
        fn histograms_are_taken_apart(
            old in prop::collection::vec(-1e6..1e6f64, 0..20),
            new in prop::collection::vec(-1e6..1e6f64, 0..20),
        ) {
            let (mut before, mut added) = (Histogram::default(), Histogram::default());
            old.iter().for_each(|&it| before.record(it));
            new.iter().for_each(|&it| added.record(it));
            let mut now = before.clone();
            now.merge(&added);
            let found = since(&now, &before).expect("a later state");
            prop_assert!(found.buckets().eq(added.buckets()));
            let mut bytes = Vec::new();
            found.encode(&mut bytes);
            prop_assert_eq!(Histogram::decode(&mut bytes.as_slice()), Some(found));
            prop_assert_eq!(since(&before, &now).is_some(), new.is_empty());
        }

        #[test]
        fn pieces_of_windows_merge_in_any_order(
            all in prop::collection::vec((0i64..200, 0u32..9), 0..40),
            cut in 0usize..40,
        ) {
            let rows = |part: &[(i64, u32)]| {
                let mut part = part.to_vec();
                part.sort_unstable();
                let row = |&(time, value): &(i64, u32)| Row::of_value(end_of(time, 10), time, f64::from(value));
                coarser(part.iter().map(row).collect(), 10)
            };
            let cut = cut.min(all.len());
            let (mut first, second) = (rows(&all[..cut]), rows(&all[cut..]));
            merge(&mut first, second);
            let (found, expected) = (coarser(first, 60), coarser(rows(&all), 60));
            let told = |rows: &[Row]| rows.iter().map(|it| (it.end, it.count, it.sum, it.min, it.max)).collect::<Vec<_>>();
            prop_assert_eq!(told(&found), told(&expected));
        }
    }
}
