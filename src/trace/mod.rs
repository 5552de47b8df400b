//! The story of a trace: its lines in the order in which things happened, across hosts whose clocks differ, and what they say
//! of services, spans, hosts and silence.
//!
//! Pure: lines in, story out. No HTTP, no clock; the lines may come from an enemy, so that no sum overflows, no recursion
//! follows what they name, and a span that is its own ancestor is a span like any other.

mod skew;
mod spans;
mod story;

pub use story::{Gap, HostStory, ServiceStory, SpanStory, Story};

use logweir_base::parse::Severity;
use logweir_base::time::Timestamp;
use std::collections::HashMap;

/// What is known of a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// When, by its host's clock.
    pub time: Timestamp,
    /// Who says it.
    pub service: String,
    /// Where; lines of one host are of one clock.
    pub host: String,
    /// How bad it is.
    pub severity: Severity,
    /// The span it was said in.
    pub span: Option<String>,
    /// The span which that one is part of.
    pub parent: Option<String>,
}

/// Whether the clocks of hosts are corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clocks {
    /// Where spans tell that they differ.
    #[default]
    Corrected,
    /// Every time stays as it was written.
    AsWritten,
}

/// A line in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its index in what was given.
    pub line: usize,
    /// When, by the clock of the trace's first host.
    pub time: Timestamp,
    /// Nanoseconds since the first line.
    pub offset_ns: u64,
    /// Whether its host's clock was corrected.
    pub adjusted: bool,
}

/// A trace, told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The lines in the order of their corrected times; lines of one time as they were given.
    pub lines: Vec<Placed>,
    /// The story.
    pub story: Story,
}

/// Tells the story of the trace that `lines` belong to.
pub fn tell(trace_id: &str, lines: &[Line], clocks: Clocks) -> Told {
    let hosts = Names::of(lines.iter().map(|line| line.host.as_str()));
    let spans = spans::gather(lines);
    let corrected = match clocks {
        Clocks::Corrected => skew::correct(lines, &hosts, &spans),
        Clocks::AsWritten => skew::Corrected::none(&hosts),
    };
    let shifted = |(line, &host): (&Line, &usize)| line.time.0.saturating_add(corrected.shifts[host]);
    let times: Vec<i64> = lines.iter().zip(&hosts.of_line).map(shifted).collect();
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|&line| times[line]);
    let first = order.first().map_or(0, |&line| times[line]);
    let place = |&line: &usize| Placed {
        line,
        time: Timestamp(times[line]),
        offset_ns: times[line].abs_diff(first),
        adjusted: corrected.shifts[hosts.of_line[line]] != 0,
    };
    let placed: Vec<Placed> = order.iter().map(place).collect();
    let story = story::Facts { lines, placed: &placed, hosts: &hosts, spans: &spans, corrected: &corrected };
    Told { story: story.tell(trace_id), lines: placed }
}

/// Names, each with a number, and the number of every line's.
struct Names<'a> {
    names: Vec<&'a str>,
    of_line: Vec<usize>,
}

impl<'a> Names<'a> {
    fn of(every: impl Iterator<Item = &'a str>) -> Self {
        let mut numbers = HashMap::new();
        let mut names = Vec::new();
        let mut number_of = |name| {
            *numbers.entry(name).or_insert_with(|| {
                names.push(name);
                names.len() - 1
            })
        };
        let of_line = every.map(&mut number_of).collect();
        Self { names, of_line }
    }
}

#[cfg(test)]
mod tests;
