//! What tests of receivers share: captured requests, the batch as text, and protobuf written by hand.

use super::samples::{Item, Point, Value, Writer, read};
use crate::testing::shared_files;
use crate::varint;

/// Captures whose file names hold one of these.
pub(super) fn captures(names: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut files = shared_files("captures");
    files.retain(|(name, _)| name.ends_with(".bin") && names.iter().any(|wanted| name.contains(wanted)));
    files
}

/// All that was written, a line an item, in its order.
pub(super) fn lines(out: &mut Writer) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in out.batches() {
        for item in read(&batch) {
            lines.push(match item.expect("what we write reads") {
                Item::Meta { name, kind, unit, help } => format!("# {name} {kind} [{unit}] {help}"),
                Item::Series { kind, labels, points } => {
                    let points = points.map(|point| shown(&point.expect("what we write reads")));
                    format!("{kind:?} {labels} {}", points.collect::<Vec<_>>().join(" "))
                }
            });
        }
    }
    lines
}

fn shown(point: &Point) -> String {
    let span = match point.start {
        0 => point.time.to_string(),
        start => format!("{start}..{}", point.time),
    };
    match &point.value {
        Value::Number(number) => format!("{number}@{span}"),
        Value::Histogram(histogram) => {
            let buckets: Vec<_> =
                histogram.buckets().map(|(middle, count)| format!("{middle:.3}x{count}")).collect();
            let (sum, min, max) = (histogram.sum, histogram.min, histogram.max);
            format!("[{}; sum {sum:.3} min {min} max {max}]@{span}", buckets.join(" "))
        }
    }
}

/// A length-delimited field.
pub(super) fn field(number: u64, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(&mut out, number << 3 | 2);
    varint::put(&mut out, body.len() as u64);
    out.extend_from_slice(body);
    out
}

/// A varint field.
pub(super) fn integer(number: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(&mut out, number << 3);
    varint::put(&mut out, value);
    out
}

/// A field of eight bytes.
pub(super) fn fixed64(number: u64, bits: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(&mut out, number << 3 | 1);
    out.extend_from_slice(&bits.to_le_bytes());
    out
}
