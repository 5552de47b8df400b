//! A batch of samples: what receivers of all kinds turn their input into, what travels from a shipper, and what the journal
//! stores. A list of items, each a series with points of one kind, or what is known of a metric.
//!
//! ```text
//! 0  version   1   SAMPLES_VERSION
//! 1  items, each:
//!      kind            1   Kind, or 255 for metadata
//!      varint length       of what follows of the item
//!      varint labels length, labels   (labels.rs)           metadata: varint length, name of the metric
//!      varint count of points                               metadata: varint length, type; the same unit; the same help
//!      points:  zigzag varint time difference to the point before (first: to 0), ms
//!               kinds with a start: varint (time - start), ms; 0 when the start is not known
//!               value: f64 little endian, or varint length and a histogram (histogram.rs)
//! ```
//! Limits: [`SAMPLES_BYTES_MAX`] a batch; those of `labels.rs`.

use super::histogram::Histogram;
use super::labels::{BadLabels, LabelsRef};
use crate::varint;
use std::fmt;

/// Version of the encoding above.
pub const SAMPLES_VERSION: u8 = 1;
/// A writer's user begins another batch when this is reached; a reader refuses twice of it.
pub const SAMPLES_BYTES_MAX: usize = 1 << 19;
/// Points of an item; a series with more has several items, so that a batch can be split between them.
const POINTS_MAX: usize = 4096;
/// The same of points with intervals, whose values may be histograms of some kilobytes.
const INTERVALS_MAX: usize = 128;
const META: u8 = 255;

/// What a series' points are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Values at times; whether they only grow is not known.
    Unknown = 0,
    /// Values at times that go up and down.
    Gauge = 1,
    /// Values at times that only grow, from 0 again after a restart.
    Counter = 2,
    /// Increases, each over an interval.
    Delta = 3,
    /// Histograms of what happened in an interval.
    Histogram = 4,
    /// Histograms of all that happened since the start.
    CumulativeHistogram = 5,
}

impl Kind {
    /// All, by number.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Gauge, Self::Counter, Self::Delta, Self::Histogram, Self::CumulativeHistogram];

    /// Whether points are plain values at times, kept as received; all others are kept in windows.
    pub fn is_plain(self) -> bool {
        matches!(self, Self::Unknown | Self::Gauge | Self::Counter)
    }

    fn has_histogram(self) -> bool {
        matches!(self, Self::Histogram | Self::CumulativeHistogram)
    }
}

/// One point. `start` is 0 where it is not known or has no meaning.
#[derive(Clone, PartialEq, Debug)]
pub struct Point {
    /// Begin of the interval, exclusive, ms; 0: counted from receipt, so that equal ones are not the same one resent.
    pub start: i64,
    /// When, or the end of the interval, ms.
    pub time: i64,
    /// What.
    pub value: Value,
}

/// A point's value, by the kind of its series.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Of plain kinds and [`Kind::Delta`].
    Number(f64),
    /// Of the others.
    Histogram(Histogram),
}

/// What is known of a metric beside its points.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Meta {
    /// Prometheus' word: `counter`, `gauge`, `histogram`, `summary`, `unknown`.
    pub kind: String,
    /// Its unit, as UCUM or Prometheus names it; may be empty.
    pub unit: String,
    /// A sentence for people; may be empty.
    pub help: String,
}

/// Puts a batch together.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    full: Vec<Vec<u8>>,
    full_bytes: usize,
    /// Points of the item in the making, or what is known of a metric.
    item: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Self { out: vec![SAMPLES_VERSION], full: Vec::new(), full_bytes: 0, item: Vec::new() }
    }
}

impl Writer {
    /// Adds values of a plain kind at times in ms.
    pub fn samples(&mut self, kind: Kind, labels: LabelsRef<'_>, points: &[(i64, f64)]) {
        debug_assert!(kind.is_plain());
        for points in points.chunks(POINTS_MAX) {
            self.item.clear();
            let mut before = 0;
            for &(time, value) in points {
                varint::put(&mut self.item, varint::zigzag(time.wrapping_sub(before)));
                self.item.extend_from_slice(&value.to_le_bytes());
                before = time;
            }
            self.end(kind, labels, points.len());
        }
    }

    /// Adds points of any kind; the value of each must be what the kind says.
    pub fn points(&mut self, kind: Kind, labels: LabelsRef<'_>, points: &[Point]) {
        points.chunks(INTERVALS_MAX).for_each(|points| self.item_of(kind, labels, points));
    }

    fn item_of(&mut self, kind: Kind, labels: LabelsRef<'_>, points: &[Point]) {
        self.item.clear();
        let mut before = 0;
        for point in points {
            varint::put(&mut self.item, varint::zigzag(point.time.wrapping_sub(before)));
            if !kind.is_plain() {
                let known = point.start > 0 && point.start <= point.time;
                varint::put(&mut self.item, if known { point.time.abs_diff(point.start) + 1 } else { 0 });
            }
            match &point.value {
                Value::Number(number) => self.item.extend_from_slice(&number.to_le_bytes()),
                Value::Histogram(histogram) => {
                    let mut bytes = Vec::new();
                    histogram.encode(&mut bytes);
                    varint::put(&mut self.item, bytes.len() as u64);
                    self.item.extend_from_slice(&bytes);
                }
            }
            before = point.time;
        }
        self.end(kind, labels, points.len());
    }

    /// Adds what is known of a metric.
    pub fn meta(&mut self, name: &str, meta: &Meta) {
        self.item.clear();
        for text in [name, &meta.kind, &meta.unit, &meta.help] {
            varint::put(&mut self.item, text.len() as u64);
            self.item.extend_from_slice(text.as_bytes());
        }
        self.out.push(META);
        varint::put(&mut self.out, self.item.len() as u64);
        self.out.extend_from_slice(&self.item);
    }

    /// Makes room for so many bytes, as far as a batch may have them: so that it need not be copied as it grows.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes.min(SAMPLES_BYTES_MAX.saturating_sub(self.out.len())));
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.out.len() == 1
    }

    /// Sets the batch aside when it has reached [`SAMPLES_BYTES_MAX`], and begins the next one. Receivers do so after each
    /// item; whoever lets them write takes [`Self::batches`].
    pub fn cut(&mut self) {
        if self.len() >= SAMPLES_BYTES_MAX {
            let batch = self.take();
            self.full_bytes += batch.len();
            self.full.push(batch);
        }
    }

    /// Bytes of the batch and of all that were set aside.
    pub fn len_of_all(&self) -> usize {
        self.full_bytes + self.len()
    }

    /// The batches that were set aside and, if it has anything, the one in the making.
    pub fn batches(&mut self) -> Vec<Vec<u8>> {
        let mut batches = std::mem::take(&mut self.full);
        self.full_bytes = 0;
        if !self.is_empty() {
            batches.push(self.take());
        }
        batches
    }

    /// The batch in the making; the writer begins the next one.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::replace(&mut self.out, vec![SAMPLES_VERSION])
    }

    /// Writes the item of these points; its labels are copied once, to where they stay.
    fn end(&mut self, kind: Kind, labels: LabelsRef<'_>, count: usize) {
        let (labels, count) = (labels.bytes(), count as u64);
        let len = varint_len(labels.len() as u64) + labels.len() + varint_len(count) + self.item.len();
        self.out.push(kind as u8);
        varint::put(&mut self.out, len as u64);
        varint::put(&mut self.out, labels.len() as u64);
        self.out.extend_from_slice(labels);
        varint::put(&mut self.out, count);
        self.out.extend_from_slice(&self.item);
    }
}

/// Bytes of a varint.
fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Why bytes are not a batch of samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadSamples(pub &'static str);

impl fmt::Display for BadSamples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad samples: {}", self.0)
    }
}

impl std::error::Error for BadSamples {}

impl From<BadLabels> for BadSamples {
    fn from(_: BadLabels) -> Self {
        Self("labels")
    }
}

/// One item of a batch.
#[derive(Debug)]
pub enum Item<'a, L = LabelsRef<'a>> {
    /// Points of a series.
    Series {
        /// What they are.
        kind: Kind,
        /// Whose.
        labels: L,
        /// The points.
        points: Points<'a>,
    },
    /// What is known of a metric.
    Meta {
        /// Its name.
        name: &'a str,
        /// `counter`, `gauge` and so on.
        kind: &'a str,
        /// Its unit.
        unit: &'a str,
        /// A sentence.
        help: &'a str,
    },
}

/// Reads a batch; ends after the first fault.
#[derive(Debug)]
pub struct Reader<'a>(Unchecked<'a>);

/// As [`Reader`], with the bytes of labels as they are: for a reader that has most series' labels already, and so need check only
/// those that it has not.
#[derive(Debug)]
pub struct Unchecked<'a> {
    rest: &'a [u8],
    fault: Option<BadSamples>,
}

/// The items of a batch.
pub fn read(bytes: &[u8]) -> Reader<'_> {
    Reader(read_unchecked(bytes))
}

/// The items of a batch, labels not looked at.
pub fn read_unchecked(bytes: &[u8]) -> Unchecked<'_> {
    match bytes.split_first() {
        Some((&SAMPLES_VERSION, rest)) if bytes.len() <= 2 * SAMPLES_BYTES_MAX => {
            Unchecked { rest, fault: None }
        }
        Some((&SAMPLES_VERSION, _)) => {
            Unchecked { rest: &[], fault: Some(BadSamples("longer than allowed")) }
        }
        _ => Unchecked { rest: &[], fault: Some(BadSamples("written by a newer logweir")) },
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Item<'a>, BadSamples>;

    fn next(&mut self) -> Option<Self::Item> {
        let checked = self.0.next()?.and_then(Item::check);
        if checked.is_err() {
            self.0.rest = &[];
        }
        Some(checked)
    }
}

impl<'a> Item<'a, &'a [u8]> {
    fn check(self) -> Result<Item<'a>, BadSamples> {
        Ok(match self {
            Self::Series { kind, labels, points } => {
                Item::Series { kind, labels: LabelsRef::check(labels)?, points }
            }
            Self::Meta { name, kind, unit, help } => Item::Meta { name, kind, unit, help },
        })
    }
}

impl<'a> Iterator for Unchecked<'a> {
    type Item = Result<Item<'a, &'a [u8]>, BadSamples>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(fault) = self.fault.take() {
            return Some(Err(fault));
        }
        if self.rest.is_empty() {
            return None;
        }
        let item = take_item(&mut self.rest);
        if item.is_err() {
            self.rest = &[];
        }
        Some(item)
    }
}

/// The points of one series.
#[derive(Debug, Clone)]
pub struct Points<'a> {
    kind: Kind,
    rest: &'a [u8],
    left: u64,
    before: i64,
}

impl Iterator for Points<'_> {
    type Item = Result<Point, BadSamples>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let point = self.take_point().ok_or(BadSamples("points cut short"));
        if point.is_err() {
            self.left = 0;
        }
        Some(point)
    }
}

impl<'a> Points<'a> {
    /// Times and values of a plain kind. A point has room for a histogram, and to move it about costs more than to read it.
    #[inline]
    pub fn samples(mut self) -> impl Iterator<Item = Result<(i64, f64), BadSamples>> + use<'a> {
        debug_assert!(self.kind.is_plain());
        std::iter::from_fn(move || {
            self.left = self.left.checked_sub(1)?;
            let sample = self.take_time().zip(self.take_number()).ok_or(BadSamples("points cut short"));
            if sample.is_err() {
                self.left = 0;
            }
            Some(sample)
        })
    }

    /// How many are left, at most.
    pub fn count_max(&self) -> usize {
        // Every point is at least two bytes.
        usize::try_from(self.left).unwrap_or(usize::MAX).min(self.rest.len())
    }

    #[inline]
    fn take_point(&mut self) -> Option<Point> {
        let time = self.take_time()?;
        let mut start = 0;
        if !self.kind.is_plain() {
            let back = varint::take(&mut self.rest)?;
            if back > 0 {
                start = time.checked_sub(i64::try_from(back - 1).ok()?)?;
            }
        }
        let value = if self.kind.has_histogram() {
            let len = usize::try_from(varint::take(&mut self.rest)?).ok()?;
            let (mut bytes, rest) = self.rest.split_at_checked(len)?;
            self.rest = rest;
            Value::Histogram(Histogram::decode(&mut bytes).filter(|_| bytes.is_empty())?)
        } else {
            Value::Number(self.take_number()?)
        };
        Some(Point { start, time, value })
    }

    #[inline]
    fn take_time(&mut self) -> Option<i64> {
        self.before = self.before.wrapping_add(varint::unzigzag(varint::take(&mut self.rest)?));
        Some(self.before)
    }

    #[inline]
    fn take_number(&mut self) -> Option<f64> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(f64::from_le_bytes(*bytes))
    }
}

#[inline]
fn take_item<'a>(rest: &mut &'a [u8]) -> Result<Item<'a, &'a [u8]>, BadSamples> {
    let (&kind, after) = rest.split_first().ok_or(BadSamples("cut short"))?;
    *rest = after;
    let mut body = take_bytes(rest)?;
    if kind == META {
        let mut text = || std::str::from_utf8(take_bytes(&mut body)?).map_err(|_| BadSamples("text"));
        return Ok(Item::Meta { name: text()?, kind: text()?, unit: text()?, help: text()? });
    }
    let kind = *Kind::ALL.get(usize::from(kind)).ok_or(BadSamples("unknown kind"))?;
    let labels = take_bytes(&mut body)?;
    let left = varint::take(&mut body).ok_or(BadSamples("cut short"))?;
    Ok(Item::Series { kind, labels, points: Points { kind, rest: body, left, before: 0 } })
}

#[inline]
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], BadSamples> {
    let len = varint::take(rest).and_then(|len| usize::try_from(len).ok());
    let (bytes, more) = len.and_then(|len| rest.split_at_checked(len)).ok_or(BadSamples("cut short"))?;
    *rest = more;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::labels::Labels;
    use super::*;
    use proptest::prelude::*;

    fn histogram(numbers: &[f64]) -> Value {
        let mut histogram = Histogram::default();
        numbers.iter().for_each(|&n| histogram.record(n));
        Value::Histogram(histogram)
    }

    fn all_of(bytes: &[u8]) -> Result<Vec<(Kind, Labels, Vec<Point>)>, BadSamples> {
        let mut found = Vec::new();
        for item in read(bytes) {
            if let Item::Series { kind, labels, points } = item? {
                found.push((kind, labels.to_owned(), points.collect::<Result<_, _>>()?));
            }
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn write_then_read(times in prop::collection::vec(any::<(i64, f64)>(), 1..99), deltas in prop::collection::vec((1i64..1 << 50, 0i64..1000, -1e9..1e9f64), 1..9)) {
            let labels = Labels::known(&[("__name__", "m"), ("host", "a")]);
            let mut writer = Writer::default();
            writer.samples(Kind::Gauge, labels.view(), &times);
            writer.meta("m", &Meta { kind: "gauge".into(), unit: "s".into(), help: "é".into() });
            let point = |&(start, len, value): &(i64, i64, f64)| Point { start, time: start + len, value: Value::Number(value) };
            let points: Vec<_> = deltas.iter().map(point).collect();
            writer.points(Kind::Delta, labels.view(), &points);
            let histograms: Vec<_> =
                deltas.iter().map(|d| Point { value: histogram(&[d.2, d.2 / 2.0]), ..point(d) }).collect();
            writer.points(Kind::Histogram, labels.view(), &histograms);
            let found = all_of(&writer.take()).expect("reads");
            let bits = |points: &[Point]| -> Vec<_> {
                points.iter().map(|p| match &p.value { Value::Number(n) => (p.time, n.to_bits()), Value::Histogram(_) => (0, 0) }).collect()
            };
            prop_assert_eq!(bits(&found[0].2), times.iter().map(|(t, v)| (*t, v.to_bits())).collect::<Vec<_>>());
            prop_assert_eq!(&found[1].2, &points);
            prop_assert_eq!(&found[2].2, &histograms);
            prop_assert_eq!(found.len(), 3);
        }

        #[test]
        fn the_length_of_a_varint_is_known_before(number: u64, shift in 0u32..64) {
            let mut bytes = Vec::new();
            varint::put(&mut bytes, number >> shift);
            prop_assert_eq!(varint_len(number >> shift), bytes.len());
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>) {
            bytes.insert(0, SAMPLES_VERSION);
            let _ = all_of(&bytes);
        }
    }
}
