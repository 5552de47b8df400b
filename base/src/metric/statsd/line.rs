//! One line of StatsD, taken apart.

use crate::metric::family::{label_name, metric_name};
use crate::metric::labels::{BadLabels, LABELS_MAX};
use std::borrow::Cow;

/// Least sample rate: below it one value would stand for more than a million.
const RATE_MIN: f64 = 1e-6;
/// Values on one line; a datagram has no room for more.
const VALUES_MAX: usize = 1 << 16;

/// A line's type; those that are kept alike are one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
    Set,
}

/// A line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) name: Cow<'a, str>,
    /// All values, with the colons between them.
    pub(super) values: &'a str,
    pub(super) kind: Type,
    pub(super) rate: f64,
    /// Its own time, in ms.
    pub(super) time: Option<i64>,
    tags: &'a str,
}

pub(super) fn parse(line: &[u8]) -> Result<Line<'_>, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
    let (name, rest) = line.split_once(':').ok_or("no value")?;
    let mut parts = rest.split('|');
    let values = parts.next().unwrap_or_default();
    let kind = match parts.next().ok_or("no type")? {
        "c" => Type::Counter,
        "g" => Type::Gauge,
        "ms" | "h" | "d" => Type::Histogram,
        "s" => Type::Set,
        _ => return Err("unknown type"),
    };
    if name.is_empty() {
        return Err("no metric name");
    }
    let mut line = Line { name: metric_name(name), values, kind, rate: 1.0, time: None, tags: "" };
    for part in parts {
        match part.split_at_checked(1) {
            Some(("@", rate)) => line.rate = parse_rate(rate)?,
            Some(("#", tags)) => line.tags = tags,
            Some(("T", seconds)) if matches!(kind, Type::Counter | Type::Gauge) => {
                line.time = Some(parse_time(seconds)?);
            }
            // A container, or what a later protocol adds.
            _ => {}
        }
    }
    Ok(line)
}

fn parse_rate(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|rate| (RATE_MIN..=1.0).contains(rate)).ok_or("bad sample rate")
}

fn parse_time(text: &str) -> Result<i64, &'static str> {
    let ms =
        text.parse::<i64>().ok().filter(|&seconds| seconds > 0).and_then(|seconds| seconds.checked_mul(1000));
    ms.ok_or("bad timestamp")
}

impl<'a> Line<'a> {
    /// Its numbers; true for each that changes the one before.
    pub(super) fn numbers(&self) -> Result<Vec<(f64, bool)>, &'static str> {
        let number = |text: &str| {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            let is_change = self.kind == Type::Gauge && text.starts_with(['+', '-']);
            number.map(|number| (number, is_change)).ok_or("bad value")
        };
        if self.values.len() > VALUES_MAX {
            return Err("line too long");
        }
        self.values.split(':').map(number).collect()
    }

    /// Labels' names and values.
    pub(super) fn tags(&self) -> Result<Vec<(Cow<'a, str>, &'a str)>, &'static str> {
        let tags: Vec<_> = self.tags.split(',').filter(|tag| !tag.is_empty()).take(LABELS_MAX + 1).collect();
        if tags.len() > LABELS_MAX {
            return Err(BadLabels::TooMany.reason());
        }
        let label = |tag: &'a str| {
            let (name, value) = tag.split_once(':').unwrap_or((tag, "true"));
            (tag_name(name), value)
        };
        Ok(tags.into_iter().map(label).collect())
    }
}

/// Names that begin with `__` are ours.
fn tag_name(name: &str) -> Cow<'_, str> {
    let allowed = label_name(name, "_");
    match allowed.starts_with("__") || allowed.is_empty() {
        true => format!("tag_{}", allowed.trim_start_matches('_')).into(),
        false => allowed,
    }
}
