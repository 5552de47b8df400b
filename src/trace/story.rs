//! What the lines of a trace say together, as the server writes it and the client reads it.
//!
//! Limit: of services, hosts and spans [`LISTED_MAX`] each are listed; a note tells when there are more. So a story is at most
//! some megabytes, whatever the lines name.

use super::skew::Corrected;
use super::spans::{Span, in_tree_order};
use super::{Line, Names, Placed};
use logweir_base::parse::Severity;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Services, hosts and spans that are listed, each.
const LISTED_MAX: usize = 2_000;
/// Gaps that are listed.
const GAPS_MAX: usize = 3;
/// The least part of the whole that is a gap, and the least time.
const GAP_PART: u64 = 10;
const GAP_NS_MIN: u64 = 1_000_000;

/// The story of a trace. All times are corrected ones; milliseconds count from its first line.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Story {
    /// As it was asked for.
    pub trace_id: String,
    /// When its first line was said; empty without any.
    pub start: String,
    /// From its first line to its last.
    pub duration_ms: f64,
    /// How many lines.
    pub lines: u64,
    /// Lines of severity ERROR and above.
    pub errors: u64,
    /// Who takes part, in the order in which they come in.
    pub services: Vec<ServiceStory>,
    /// Where.
    pub hosts: Vec<HostStory>,
    /// Spans, each behind its parent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<SpanStory>,
    /// The longest stretches in which nobody said anything, the longest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// What one should know of how it was told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A service's part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceStory {
    /// Its name.
    pub name: String,
    /// The hosts it speaks from.
    pub hosts: Vec<String>,
    /// How many lines.
    pub lines: u64,
    /// Of those ERROR and above.
    pub errors: u64,
    /// Its first line.
    pub first_ms: f64,
    /// Its last line.
    pub last_ms: f64,
    /// From its first line to its last.
    pub total_ms: f64,
    /// As long as one of its spans was going on; lines without a span count as one span for each host.
    pub busy_ms: f64,
}

/// A host's part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HostStory {
    /// Its name.
    pub name: String,
    /// How many lines.
    pub lines: u64,
    /// What was added to its times.
    pub skew_ms: f64,
}

/// A span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SpanStory {
    /// Its id.
    pub id: String,
    /// The id of its parent, whether that has lines here or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How many of its ancestors have lines here.
    pub depth: u64,
    /// Whose it is: the service of its first line.
    pub service: String,
    /// How many lines.
    pub lines: u64,
    /// Of those ERROR and above.
    pub errors: u64,
    /// Its first line.
    pub first_ms: f64,
    /// Its last line.
    pub last_ms: f64,
}

/// A stretch in which nobody said anything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Gap {
    /// How long.
    pub ms: f64,
    /// The line before it.
    pub from_ms: f64,
    /// The line behind it.
    pub to_ms: f64,
    /// Number of the line before it among the lines of the answer, from 0; the next one is behind it.
    pub line: u64,
    /// Whose is the line before it.
    pub before: String,
    /// Whose is the line behind it.
    pub behind: String,
}

/// What a story is told from.
pub(super) struct Facts<'a> {
    pub(super) lines: &'a [Line],
    pub(super) placed: &'a [Placed],
    pub(super) hosts: &'a Names<'a>,
    pub(super) spans: &'a [Span<'a>],
    pub(super) corrected: &'a Corrected,
}

impl Facts<'_> {
    pub(super) fn tell(&self, trace_id: &str) -> Story {
        let total_ns = self.placed.last().map_or(0, |last| last.offset_ns);
        let mut story = Story {
            trace_id: trace_id.to_owned(),
            start: self.placed.first().map(|first| first.time.to_string()).unwrap_or_default(),
            duration_ms: ms(total_ns),
            lines: self.lines.len() as u64,
            errors: self.lines.iter().filter(|line| is_error(line.severity)).count() as u64,
            services: self.services(),
            hosts: self.hosts(),
            spans: self.spans(),
            gaps: self.gaps(total_ns),
            notes: self.notes(),
        };
        cut(&mut story.services, "services", &mut story.notes);
        cut(&mut story.hosts, "hosts", &mut story.notes);
        cut(&mut story.spans, "spans", &mut story.notes);
        story
    }

    fn services(&self) -> Vec<ServiceStory> {
        let names = Names::of(self.placed.iter().map(|it| self.lines[it.line].service.as_str()));
        let mut services: Vec<Gathered<'_>> = names.names.iter().map(|_| Gathered::default()).collect();
        for (it, &service) in self.placed.iter().zip(&names.of_line) {
            let line = &self.lines[it.line];
            services[service].add(line, self.hosts.of_line[it.line], it.offset_ns);
        }
        let told = |(name, gathered): (&&str, Gathered<'_>)| ServiceStory {
            name: (*name).to_owned(),
            hosts: gathered.hosts.iter().map(|&host| self.hosts.names[host].to_owned()).collect(),
            lines: gathered.lines,
            errors: gathered.errors,
            first_ms: ms(gathered.first_ns),
            last_ms: ms(gathered.last_ns),
            total_ms: ms(gathered.last_ns - gathered.first_ns),
            busy_ms: ms(covered(gathered.stretches.into_values().collect())),
        };
        names.names.iter().zip(services).map(told).collect()
    }

    fn hosts(&self) -> Vec<HostStory> {
        let mut lines = vec![0; self.hosts.names.len()];
        for &host in &self.hosts.of_line {
            lines[host] += 1;
        }
        let told = |(number, name): (usize, &&str)| HostStory {
            name: (*name).to_owned(),
            lines: lines[number],
            skew_ms: self.corrected.shifts[number] as f64 / 1e6,
        };
        self.hosts.names.iter().enumerate().map(told).collect()
    }

    fn spans(&self) -> Vec<SpanStory> {
        let mut offsets = vec![0; self.lines.len()];
        for it in self.placed {
            offsets[it.line] = it.offset_ns;
        }
        let first_line = |span: &Span<'_>| span.lines.iter().copied().min_by_key(|&line| offsets[line]);
        let first: Vec<usize> = self.spans.iter().map(|span| first_line(span).unwrap_or(0)).collect();
        let starts: Vec<u64> = first.iter().map(|&line| offsets[line]).collect();
        let told = |(number, depth): (usize, usize)| {
            let span = &self.spans[number];
            let errors = span.lines.iter().filter(|&&line| is_error(self.lines[line].severity));
            SpanStory {
                id: span.id.to_owned(),
                parent: span.parent_id.map(str::to_owned),
                depth: depth as u64,
                service: self.lines[first[number]].service.clone(),
                lines: span.lines.len() as u64,
                errors: errors.count() as u64,
                first_ms: ms(starts[number]),
                last_ms: ms(span.lines.iter().map(|&line| offsets[line]).max().unwrap_or(0)),
            }
        };
        in_tree_order(self.spans, &starts).into_iter().map(told).collect()
    }

    fn gaps(&self, total_ns: u64) -> Vec<Gap> {
        let silent = |(number, pair): (usize, &[Placed])| (pair[1].offset_ns - pair[0].offset_ns, number);
        let is_gap = |&(ns, _): &(u64, usize)| ns > total_ns / GAP_PART && ns > GAP_NS_MIN;
        let mut gaps: Vec<_> = self.placed.windows(2).enumerate().map(silent).filter(is_gap).collect();
        gaps.sort_by_key(|&(ns, number)| (std::cmp::Reverse(ns), number));
        let service = |it: &Placed| self.lines[it.line].service.clone();
        let told = |&(ns, number): &(u64, usize)| Gap {
            ms: ms(ns),
            from_ms: ms(self.placed[number].offset_ns),
            to_ms: ms(self.placed[number + 1].offset_ns),
            line: number as u64,
            before: service(&self.placed[number]),
            behind: service(&self.placed[number + 1]),
        };
        gaps.iter().take(GAPS_MAX).map(told).collect()
    }

    fn notes(&self) -> Vec<String> {
        const NOTES_MAX: usize = 5;
        let name = |host: usize| self.hosts.names[host];
        let told = |&(a, b): &(usize, usize)| {
            let (a, b) = (name(a), name(b));
            format!(
                "the clocks of {a} and {b} may differ: their spans contradict each other, so that is not corrected"
            )
        };
        let all = &self.corrected.contradicting;
        let mut notes: Vec<String> = all.iter().take(NOTES_MAX).map(told).collect();
        if all.len() > NOTES_MAX {
            notes.push(format!("so may the clocks of {} more pairs of hosts", all.len() - NOTES_MAX));
        }
        notes
    }
}

/// What the lines of one service add up to.
#[derive(Default)]
struct Gathered<'a> {
    hosts: BTreeSet<usize>,
    lines: u64,
    errors: u64,
    first_ns: u64,
    last_ns: u64,
    /// First and last line by span and host.
    stretches: BTreeMap<(Option<&'a str>, usize), (u64, u64)>,
}

impl<'a> Gathered<'a> {
    /// Takes the next line.
    fn add(&mut self, line: &'a Line, host: usize, offset_ns: u64) {
        self.first_ns = if self.lines == 0 { offset_ns } else { self.first_ns };
        self.last_ns = offset_ns;
        self.lines += 1;
        self.errors += u64::from(is_error(line.severity));
        self.hosts.insert(host);
        self.stretches.entry((line.span.as_deref(), host)).or_insert((offset_ns, offset_ns)).1 = offset_ns;
    }
}

/// How much of time the stretches cover together.
fn covered(mut stretches: Vec<(u64, u64)>) -> u64 {
    stretches.sort_unstable();
    let add = |(total, reached): (u64, u64), &(from, to): &(u64, u64)| {
        (total + to.saturating_sub(from.max(reached)), to.max(reached))
    };
    stretches.iter().fold((0, 0), add).0
}

fn cut<T>(list: &mut Vec<T>, what: &str, notes: &mut Vec<String>) {
    if list.len() > LISTED_MAX {
        notes.push(format!("{LISTED_MAX} of {} {what} are listed", list.len()));
        list.truncate(LISTED_MAX);
    }
}

fn is_error(severity: Severity) -> bool {
    severity >= Severity::ERROR
}

/// Nanoseconds as milliseconds.
pub(super) fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}
