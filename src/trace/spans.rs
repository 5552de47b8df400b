//! The spans that lines name, and the tree they make.

use super::Line;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// A span, as far as its lines tell.
pub(super) struct Span<'a> {
    pub(super) id: &'a str,
    /// What the first of its lines that names one calls its parent.
    pub(super) parent_id: Option<&'a str>,
    /// That parent, when it has lines here and is another span.
    pub(super) parent: Option<usize>,
    /// Its lines; at least one.
    pub(super) lines: Vec<usize>,
}

impl Span<'_> {
    /// From its first line to its last.
    pub(super) fn extent(&self, time: impl Fn(usize) -> i64) -> RangeInclusive<i64> {
        let first = time(self.lines[0]);
        let wider = |(first, last): (i64, i64), time: i64| (first.min(time), last.max(time));
        let (first, last) = self.lines.iter().map(|&line| time(line)).fold((first, first), wider);
        first..=last
    }
}

/// The spans of `lines`, in the order of their first lines.
pub(super) fn gather(lines: &[Line]) -> Vec<Span<'_>> {
    let mut numbers = HashMap::new();
    let mut spans: Vec<Span<'_>> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let Some(id) = line.span.as_deref() else {
            continue;
        };
        let at = *numbers.entry(id).or_insert(spans.len());
        if at == spans.len() {
            spans.push(Span { id, parent_id: None, parent: None, lines: Vec::new() });
        }
        spans[at].lines.push(number);
        spans[at].parent_id = spans[at].parent_id.or(line.parent.as_deref());
    }
    for (number, span) in spans.iter_mut().enumerate() {
        span.parent = span.parent_id.and_then(|id| numbers.get(id).copied()).filter(|&it| it != number);
    }
    spans
}

/// Every span once, each behind its parent and with its depth; children and roots by their `first` times. Of spans that are
/// their own ancestors, the first stands where a root would.
pub(super) fn in_tree_order(spans: &[Span<'_>], first: &[u64]) -> Vec<(usize, usize)> {
    let mut by_time: Vec<usize> = (0..spans.len()).collect();
    by_time.sort_by_key(|&span| first[span]);
    let mut children = vec![Vec::new(); spans.len()];
    for &span in &by_time {
        if let Some(parent) = spans[span].parent {
            children[parent].push(span);
        }
    }
    let roots = by_time.iter().filter(|&&span| spans[span].parent.is_none());
    let mut seen = vec![false; spans.len()];
    let mut order = Vec::with_capacity(spans.len());
    // Those that no root leads to come last: they are in circles.
    for &root in roots.chain(&by_time) {
        let mut open = vec![(root, 0)];
        while let Some((span, depth)) = open.pop() {
            if std::mem::replace(&mut seen[span], true) {
                continue;
            }
            order.push((span, depth));
            open.extend(children[span].iter().rev().map(|&child| (child, depth + 1)));
        }
    }
    order
}
