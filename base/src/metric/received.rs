//! What receivers of all kinds have in common: what they count, and the way of a series into a batch of samples.

use super::labels::{Builder, NAME};
use super::samples::{Kind, Meta, Point, Value, Writer};
use std::collections::BTreeMap;

/// What one request may become: a label of its resource is written again for each of its series, so a small request could
/// else fill the memory.
pub const RECEIVED_BYTES_MAX: usize = 64 << 20;
/// Bytes of a metric's description; the rest is cut off.
pub const HELP_BYTES_MAX: usize = 1024;
/// Points of an item: with the longest labels and histograms far below what a reader of a batch refuses.
const POINTS_MAX: usize = 4096;
const TOO_LARGE: &str = "request too large";

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Series written; one that comes twice counts twice.
    pub series: u64,
    /// Points written.
    pub samples: u64,
    /// What was understood and is kept nowhere: events, service checks, times of creation.
    pub ignored: u64,
    /// Points that were not written, by reason; a series without points counts as one.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Received {
    /// Counts points that are not written.
    pub fn refuse(&mut self, reason: &'static str, points: u64) {
        *self.refused.entry(reason).or_default() += points;
    }

    /// Adds what became of another request.
    pub fn add(&mut self, other: &Self) {
        self.series += other.series;
        self.samples += other.samples;
        self.ignored += other.ignored;
        other.refused.iter().for_each(|(reason, points)| self.refuse(reason, *points));
    }

    /// Points that were not written, for whatever reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Writes series: clear `labels`, push to it, then write points.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    pub(super) labels: Builder,
    pub(super) received: Received,
    out: &'a mut Writer,
    bytes_max: usize,
}

impl<'a> Sink<'a> {
    pub(super) fn new(out: &'a mut Writer) -> Self {
        let bytes_max = out.len_of_all().saturating_add(RECEIVED_BYTES_MAX);
        Self { labels: Builder::default(), received: Received::default(), out, bytes_max }
    }

    /// The labels so far are those of a series of this name. Returns false, and counts its points, when they are bad, or when
    /// the request has become too much: to put labels together can be the most work.
    pub(super) fn series<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (N, V)>,
        points: usize,
    ) -> bool {
        if self.is_full() {
            self.received.refuse(TOO_LARGE, points as u64);
            return false;
        }
        self.labels.clear();
        let mut pushed = self.labels.push(NAME.as_bytes(), name.as_bytes());
        for (name, value) in labels {
            pushed =
                pushed.and_then(|()| self.labels.push(name.as_ref().as_bytes(), value.as_ref().as_bytes()));
        }
        if let Err(bad) = pushed {
            self.received.refuse(bad.reason(), points as u64);
        }
        pushed.is_ok()
    }

    /// Writes values of a plain kind.
    pub(super) fn samples(&mut self, kind: Kind, points: &[(i64, f64)]) {
        self.write(points, |out, labels, points| out.samples(kind, labels, points));
    }

    /// Writes one number of any kind that has numbers; `start` is left out where it has no meaning.
    pub(super) fn number(&mut self, kind: Kind, start: i64, time: i64, number: f64) {
        match kind.is_plain() {
            true => self.samples(kind, &[(time, number)]),
            false => self.point(kind, Point { start, time, value: Value::Number(number) }),
        }
    }

    /// Writes one point.
    pub(super) fn point(&mut self, kind: Kind, point: Point) {
        self.write(&[point], |out, labels, points| out.points(kind, labels, points));
    }

    /// Writes what is known of a metric.
    pub(super) fn meta(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        let is_right = super::labels::LABEL_BYTES_MAX >= name.len().max(unit.len()) && !name.is_empty();
        if is_right && !self.is_full() {
            let end = (0..=HELP_BYTES_MAX.min(help.len())).rev().find(|&at| help.is_char_boundary(at));
            let help = &help[..end.unwrap_or(0)];
            self.out.meta(name, &Meta { kind: kind.into(), unit: unit.into(), help: help.into() });
            self.out.cut();
        }
    }

    fn is_full(&self) -> bool {
        self.out.len_of_all() >= self.bytes_max
    }

    fn write<P>(&mut self, points: &[P], write: impl Fn(&mut Writer, super::LabelsRef<'_>, &[P])) {
        let refused = match self.labels.labels() {
            Err(bad) => Some(bad.reason()),
            Ok(_) if points.is_empty() => Some("a series without points"),
            Ok(_) if self.out.len_of_all() >= self.bytes_max => Some(TOO_LARGE),
            Ok(labels) => {
                for points in points.chunks(POINTS_MAX) {
                    write(self.out, labels, points);
                    self.out.cut();
                }
                None
            }
        };
        match refused {
            Some(reason) => self.received.refuse(reason, points.len().max(1) as u64),
            None => {
                self.received.series += 1;
                self.received.samples += points.len() as u64;
            }
        }
    }
}
