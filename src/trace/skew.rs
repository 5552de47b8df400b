//! By how much the clocks of hosts differ, as far as spans bound it.
//!
//! After Jaeger's clock skew adjuster (`cmd/query/app/querysvc/internal/adjuster/clockskew.go`): a child span that ran on
//! another host than its parent lies within it, so its clock is off when it does not; a child that lasted longer than its
//! parent was not waited for, and only did not begin before it. Jaeger decides span by span; a host has one clock, so here the
//! bounds of all spans of two hosts are intersected, as in a network of temporal constraints (Dechter, Meiri, Pearl 1991):
//!
//! ```text
//! child on B, parent on A:   parent.first - child.first <= shift(B) - shift(A) <= parent.last - child.last
//! ```
//!
//! If 0 lies within the bounds, the clocks agree well enough. Otherwise B is shifted to the middle, as if request and reply had
//! taken the same time. Bounds that contradict each other correct nothing, and that is said. Shifts add up from host to
//! host, beginning with the host of the root span, whose clock is taken for the right one.
//!
//! Limits: lines are not the ends of spans. A parent that says nothing after the reply makes its child's clock look fast, by
//! no more than the child's distance. A parent whose lines are all of one time bounds nothing (an access log is written at
//! the end), and neither does a span with lines of several hosts.

use super::spans::Span;
use super::{Line, Names};
use std::collections::{BTreeMap, VecDeque};

/// Further away than any sum of shifts.
const FAR: i128 = 1 << 100;

/// What is added to the times of hosts.
pub(super) struct Corrected {
    /// By host.
    pub(super) shifts: Vec<i64>,
    /// Pairs of hosts whose spans contradict each other or the shifts.
    pub(super) contradicting: Vec<(usize, usize)>,
}

impl Corrected {
    /// Every clock is right.
    pub(super) fn none(hosts: &Names<'_>) -> Self {
        Self { shifts: vec![0; hosts.names.len()], contradicting: Vec::new() }
    }
}

/// A closed interval of nanoseconds; empty when it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    least: i128,
    most: i128,
}

impl Bounds {
    const NONE: Self = Self { least: -FAR, most: FAR };

    fn within(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most) }
    }

    /// Seen from the other host.
    fn reversed(self) -> Self {
        Self { least: -self.most, most: -self.least }
    }

    fn moved(self, by: i128) -> Self {
        Self { least: self.least + by, most: self.most + by }
    }

    fn contains(self, shift: i128) -> bool {
        (self.least..=self.most).contains(&shift)
    }

    /// `usual` when that will do, else the middle, else the one end there is; `None` when nothing will do.
    fn choose(self, usual: i128) -> Option<i128> {
        match self {
            Self { least, most } if least > most => None,
            _ if self.contains(usual) => Some(usual),
            Self { least, most } if most - usual >= FAR / 2 => Some(least),
            Self { least, most } if usual - least >= FAR / 2 => Some(most),
            Self { least, most } => Some((least + most).div_euclid(2)),
        }
    }
}

/// Bounds of `shift(b) - shift(a)` by the pair (a, b), a below b.
type Pairs = BTreeMap<(usize, usize), Bounds>;

/// The shifts of all hosts.
pub(super) fn correct(lines: &[Line], hosts: &Names<'_>, spans: &[Span<'_>]) -> Corrected {
    let pairs = pairs(lines, hosts, spans);
    let mut neighbours = vec![Vec::new(); hosts.names.len()];
    for (&(a, b), &bounds) in &pairs {
        neighbours[a].push((b, bounds));
        neighbours[b].push((a, bounds.reversed()));
    }
    let mut shifts: Vec<Option<i128>> = vec![None; hosts.names.len()];
    let root = root_host(lines, hosts, spans);
    for start in root.into_iter().chain(0..hosts.names.len()) {
        place_from(start, &neighbours, &mut shifts);
    }
    let shifts: Vec<i64> = shifts.into_iter().map(|shift| to_i64(shift.unwrap_or(0))).collect();
    let difference = |a: usize, b: usize| i128::from(shifts[b]) - i128::from(shifts[a]);
    let is_broken = |&((a, b), bounds): &((usize, usize), Bounds)| !bounds.contains(difference(a, b));
    let contradicting = pairs.into_iter().filter(is_broken).map(|(pair, _)| pair).collect();
    Corrected { shifts, contradicting }
}

/// Places `start` unshifted unless it is placed, and all that bounds lead to from there: each within the bounds of all that
/// are placed before it, and shifted as the one it was reached from when that lies within.
fn place_from(start: usize, neighbours: &[Vec<(usize, Bounds)>], shifts: &mut [Option<i128>]) {
    if shifts[start].is_some() {
        return;
    }
    shifts[start] = Some(0);
    let mut open = VecDeque::from([start]);
    while let Some(from) = open.pop_front() {
        for &(host, _) in &neighbours[from] {
            if shifts[host].is_some() {
                continue;
            }
            let bound = |bounds: Bounds, &(other, seen): &(usize, Bounds)| match shifts[other] {
                Some(shift) => bounds.within(seen.reversed().moved(shift)),
                None => bounds,
            };
            let bounds = neighbours[host].iter().fold(Bounds::NONE, bound);
            shifts[host] = bounds.choose(shifts[from].unwrap_or(0)).or(Some(0));
            open.push_back(host);
        }
    }
}

/// What the spans say of each two hosts.
fn pairs(lines: &[Line], hosts: &Names<'_>, spans: &[Span<'_>]) -> Pairs {
    let time = |line: usize| lines[line].time.0;
    let mut pairs = Pairs::new();
    for child in spans {
        let Some(parent) = child.parent.map(|parent| &spans[parent]) else {
            continue;
        };
        let (Some(of_child), Some(of_parent)) = (host_of(child, hosts), host_of(parent, hosts)) else {
            continue;
        };
        let (inner, outer) = (child.extent(time), parent.extent(time));
        if of_child == of_parent || outer.start() == outer.end() {
            continue;
        }
        let between = |inner: &i64, outer: &i64| i128::from(*outer) - i128::from(*inner);
        let (least, most) = (between(inner.start(), outer.start()), between(inner.end(), outer.end()));
        let bounds = Bounds { least, most: if most < least { FAR } else { most } };
        let (pair, bounds) = match of_parent < of_child {
            true => ((of_parent, of_child), bounds),
            false => ((of_child, of_parent), bounds.reversed()),
        };
        let known = pairs.entry(pair).or_insert(Bounds::NONE);
        *known = known.within(bounds);
    }
    pairs
}

/// The one host of a span; `None` when it has several.
fn host_of(span: &Span<'_>, hosts: &Names<'_>) -> Option<usize> {
    let host = hosts.of_line[span.lines[0]];
    span.lines.iter().all(|&line| hosts.of_line[line] == host).then_some(host)
}

/// The host of the earliest span without a parent; one that names a parent which is not here comes behind those.
fn root_host(lines: &[Line], hosts: &Names<'_>, spans: &[Span<'_>]) -> Option<usize> {
    let roots = spans.iter().filter(|span| span.parent.is_none());
    let first =
        |span: &&Span<'_>| (span.parent_id.is_some(), *span.extent(|line| lines[line].time.0).start());
    roots.min_by_key(first).map(|root| hosts.of_line[root.lines[0]])
}

fn to_i64(shift: i128) -> i64 {
    shift.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
