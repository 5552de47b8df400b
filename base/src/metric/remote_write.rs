//! Prometheus remote write, version 1: a request's body to samples.
//!
//! ```text
//! body          snappy block (not framed) of
//! WriteRequest  timeseries = 1: labels = 1 { name = 1, value = 2 }, samples = 2 { value = 1 double, timestamp = 2 ms },
//!                               exemplars = 3 (ignored), histograms = 4 (refused, counted)
//!               metadata = 3:   type = 1, metric_family_name = 2, help = 4, unit = 5
//! ```
//! NaN, its stale mark and infinities pass as they are. A series' kind is told by metadata of the same request, else by its
//! name's suffix. A series with bad labels is refused and counted, all others are written; a body that is no protobuf is
//! refused as a whole: what of it was written by then is the caller's to throw away.
//!
//! Limits: [`BODY_BYTES_MAX`] decompressed, [`TYPES_MAX`], [`SERIES_SAMPLES_MAX`]; those of `labels.rs` and `received.rs`.

#[cfg(test)]
mod tests;

use super::family::{Type, kind_of};
use super::labels::{BadLabels, Builder, LABELS_MAX, Mark};
use super::protobuf::{Malformed, Message};
use super::received::{Received, Sink};
use super::samples::{Kind, Writer};
use crate::varint;
use std::collections::HashMap;
use std::fmt;

/// A body's bytes when decompressed. Prometheus sends 2,000 samples at a time, some 500 KB.
pub const BODY_BYTES_MAX: usize = 32 << 20;

/// Metrics of a request whose type is told by its metadata. Prometheus sends 2,000 at a time.
const TYPES_MAX: usize = 1 << 16;
/// Samples of one series of a request: one without time and value is two bytes on the wire, so that a body could else take eight
/// times its size.
const SERIES_SAMPLES_MAX: usize = 1 << 20;

/// Why a body is refused as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadBody {
    /// Longer than [`BODY_BYTES_MAX`], or says so.
    TooLarge,
    /// Not snappy.
    Snappy,
    /// Not protobuf.
    Protobuf,
}

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "too large: more than {BODY_BYTES_MAX} bytes decompressed"),
            Self::Snappy => f.write_str("malformed or truncated snappy"),
            Self::Protobuf => Malformed.fmt(f),
        }
    }
}

impl std::error::Error for BadBody {}

impl From<Malformed> for BadBody {
    fn from(Malformed: Malformed) -> Self {
        Self::Protobuf
    }
}

/// Decompresses a snappy block; the length it declares is looked at before there is memory for it.
pub fn decompress(body: &[u8]) -> Result<Vec<u8>, BadBody> {
    let len = snap::raw::decompress_len(body).map_err(|_| BadBody::Snappy)?;
    // A byte of snappy is at most some 22 of text: a body that declares more lies.
    if len > BODY_BYTES_MAX {
        return Err(BadBody::TooLarge);
    }
    if len / 64 > body.len() {
        return Err(BadBody::Snappy);
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(|_| BadBody::Snappy)
}

/// Reads a body, decompressed.
pub fn read(body: &[u8], out: &mut Writer) -> Result<Received, BadBody> {
    if body.len() > BODY_BYTES_MAX {
        return Err(BadBody::TooLarge);
    }
    // Samples take about as much as they did there.
    out.reserve(body.len());
    let mut sink = Sink::new(out);
    let mut request = Request::of(read_metadata(body, &mut sink)?);
    for field in Message(body) {
        if let (1, series) = field? {
            request.read_series(series.message()?, &mut sink)?;
        }
    }
    Ok(sink.received)
}

type Types<'a> = HashMap<&'a str, Type>;

/// What the request says of metrics, wherever in it; written as it is found.
fn read_metadata<'a>(body: &'a [u8], sink: &mut Sink<'_>) -> Result<Types<'a>, Malformed> {
    let mut types = Types::new();
    for field in Message(body) {
        let (3, metadata) = field? else {
            continue;
        };
        let (mut kind, mut name, mut help, mut unit) = (Type::Unknown, "", "", "");
        for field in metadata.message()? {
            match field? {
                (1, number) => {
                    let number = usize::try_from(number.varint()?).unwrap_or(usize::MAX);
                    kind = Type::ALL.get(number).copied().unwrap_or_default();
                }
                (2, text) => name = text.text()?,
                (4, text) => help = text.text()?,
                (5, text) => unit = text.text()?,
                _ => {}
            }
        }
        sink.meta(name, kind.word(), unit, help);
        if types.len() < TYPES_MAX {
            types.insert(name, kind);
        }
    }
    Ok(types)
}

/// A request that is being read, with what of a series the next one can use again: senders go through the series of a metric, and
/// so most begin with the labels that the one before began with.
struct Request<'a> {
    types: Types<'a>,
    /// Of the series in hand.
    samples: Vec<(i64, f64)>,
    /// The series before, as it came,
    before: &'a [u8],
    /// and after its first labels each where in it that was, and how far labels were made. At most [`LABELS_MAX`].
    marks: Vec<(usize, Mark)>,
    /// The metric before, and what its series are.
    metric: String,
    kind: Kind,
}

impl<'a> Request<'a> {
    fn of(types: Types<'a>) -> Self {
        let (samples, marks, metric) = (Vec::new(), Vec::new(), String::new());
        Self { types, samples, before: &[], marks, metric, kind: Kind::Unknown }
    }

    fn read_series(&mut self, series: Message<'a>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        self.samples.clear();
        let (mut histograms, mut beyond, mut bad) = (0, 0, None);
        let mut are_first = true;
        let mut rest = self.without_known(series, sink);
        while let Some(field) = rest.next() {
            match field? {
                (1, label) => {
                    bad = bad.or(read_label(label.message()?, sink)?.err());
                    if are_first && bad.is_none() && self.marks.len() < LABELS_MAX {
                        self.marks.push((series.0.len() - rest.0.len(), sink.labels.mark()));
                    }
                    continue;
                }
                (2, _) if self.samples.len() == SERIES_SAMPLES_MAX => beyond += 1,
                (2, sample) => self.samples.push(read_sample(sample.message()?)?),
                (4, _) => histograms += 1,
                _ => {}
            }
            are_first = false;
        }
        for (reason, count) in [("native histogram", histograms), ("too many samples of a series", beyond)] {
            if count > 0 {
                sink.received.refuse(reason, count);
            }
        }
        let kind = self.kind(&sink.labels);
        match (bad.map(BadLabels::reason), kind) {
            (Some(reason), _) => sink.received.refuse(reason, self.samples.len().max(1) as u64),
            (None, None) => sink.received.refuse("no metric name", self.samples.len().max(1) as u64),
            // Of histograms or exemplars alone.
            (None, Some(_)) if self.samples.is_empty() => {}
            (None, Some(kind)) => sink.samples(kind, &self.samples),
        }
        Ok(())
    }

    /// What of a series is behind the labels that it begins with as the one before did; those stay where they are.
    fn without_known(&mut self, series: Message<'a>, sink: &mut Sink<'_>) -> Message<'a> {
        let same = same_bytes(self.before, series.0);
        self.marks.truncate(self.marks.partition_point(|(at, _)| *at <= same));
        self.before = series.0;
        match self.marks.last() {
            Some((at, mark)) => {
                sink.labels.back_to(mark);
                Message(&series.0[*at..])
            }
            None => {
                sink.labels.clear();
                series
            }
        }
    }

    /// What the series with these labels is; `None` when they name no metric.
    fn kind(&mut self, labels: &Builder) -> Option<Kind> {
        if labels.metric_bytes() != self.metric.as_bytes() {
            self.metric.clear();
            self.metric.push_str(labels.metric());
            self.kind = kind_of(&self.metric, |family| self.types.get(family).copied());
        }
        (!self.metric.is_empty()).then_some(self.kind)
    }
}

/// How many bytes two texts begin with that are the same.
fn same_bytes(a: &[u8], b: &[u8]) -> usize {
    let eights = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let whole = 8 * eights.take_while(|(a, b)| a == b).count();
    whole + a[whole..].iter().zip(&b[whole..]).take_while(|(a, b)| a == b).count()
}

#[inline]
fn read_label(label: Message<'_>, sink: &mut Sink<'_>) -> Result<Result<(), BadLabels>, Malformed> {
    if let Some((name, value)) = usual_label(label.0) {
        return Ok(sink.labels.push(name, value));
    }
    let (mut name, mut value) = (&[][..], &[][..]);
    for field in label {
        match field? {
            (1, text) => name = text.bytes()?,
            (2, text) => value = text.bytes()?,
            _ => {}
        }
    }
    Ok(sink.labels.push(name, value))
}

#[inline]
fn read_sample(sample: Message<'_>) -> Result<(i64, f64), Malformed> {
    if let Some(usual) = usual_sample(sample.0) {
        return Ok(usual);
    }
    let (mut time, mut value) = (0, 0.0);
    for field in sample {
        match field? {
            (1, number) => value = number.double()?,
            (2, number) => time = number.varint()? as i64,
            _ => {}
        }
    }
    Ok((time, value))
}

/// Fast path: name and value in this order, both shorter than 128 bytes, and nothing else.
#[inline]
fn usual_label(label: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, name_len @ ..0x80, rest @ ..] = label else { return None };
    let (name, rest) = rest.split_at_checked(usize::from(*name_len))?;
    let [0x12, value_len @ ..0x80, value @ ..] = rest else { return None };
    (value.len() == usize::from(*value_len)).then_some((name, value))
}

/// Fast path: value and time in this order, and nothing else.
#[inline]
fn usual_sample(sample: &[u8]) -> Option<(i64, f64)> {
    let [0x09, rest @ ..] = sample else { return None };
    let (value, rest) = rest.split_first_chunk::<8>()?;
    let [0x10, rest @ ..] = rest else { return None };
    let mut rest = rest;
    let time = varint::take(&mut rest)?;
    rest.is_empty().then_some((time as i64, f64::from_le_bytes(*value)))
}
