//! A chunk: points of one series in one stripe. Its times are kept apart, since series that are scraped together share them.
//!
//! ```text
//! samples:           the values (codec/values.rs)
//! windows: form  1   COUNTER, VALUES or HISTOGRAM
//!          COUNTER:    increases, as values are
//!          VALUES:     counts, sums, mins, maxs, lasts, increases, each as values are; then how long before the end of its window
//!                      each last value was, as whole numbers (codec/ints.rs)
//!          HISTOGRAM:  varint length, varint length before compression or 0 when there is none, and the bytes;
//!                      inside: for each window varint length and a histogram (base's metric/histogram.rs)
//! ```

use super::format::decompress;
use crate::codec::packer::Packer;
use crate::codec::{ints, values};
use crate::series::Form;
use crate::window::Row;
use logweir_base::metric::Histogram;
use logweir_base::varint;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

const COUNTER: u8 = 0;
const VALUES: u8 = 1;
const HISTOGRAM: u8 = 2;
const LEVEL: i32 = 3;

/// Points of a series, ascending.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Points {
    /// Times and values.
    Samples(Vec<i64>, Vec<f64>),
    /// Windows.
    Rows(Vec<Row>),
}

impl Points {
    /// Nothing, of windows or of samples.
    pub(crate) fn none(are_windows: bool) -> Self {
        if are_windows { Self::Rows(Vec::new()) } else { Self::Samples(Vec::new(), Vec::new()) }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Samples(times, _) => times.len(),
            Self::Rows(rows) => rows.len(),
        }
    }

    pub(crate) fn times(&self) -> Cow<'_, [i64]> {
        match self {
            Self::Samples(times, _) => Cow::Borrowed(times),
            Self::Rows(rows) => rows.iter().map(|row| row.end).collect(),
        }
    }

    /// The first and the last time.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        match self {
            Self::Samples(times, _) => times.first().copied().zip(times.last().copied()),
            Self::Rows(rows) => rows.first().map(|row| row.end).zip(rows.last().map(|row| row.end)),
        }
    }

    /// A part of them.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Samples(times, values) => {
                Self::Samples(times[range.clone()].to_vec(), values[range].to_vec())
            }
            Self::Rows(rows) => Self::Rows(rows[range].to_vec()),
        }
    }

    /// A copy of the samples in (after, to]; of windows also those behind, for what they add up to.
    pub(crate) fn copy(&self, after: i64, to: i64) -> Self {
        match self {
            Self::Samples(times, _) => {
                let from = times.partition_point(|&it| it <= after);
                self.slice(from..times.partition_point(|&it| it <= to).max(from))
            }
            Self::Rows(rows) => self.slice(rows.partition_point(|row| row.end <= after)..rows.len()),
        }
    }

    /// What counters grew by, and what observations sum up to.
    pub(crate) fn totals(&self) -> Totals {
        let Self::Rows(rows) = self else {
            return Totals::default();
        };
        let mut totals = Totals::default();
        rows.iter().for_each(|row| totals.add(row));
        totals
    }
}

/// What all windows of a series add up to.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Totals {
    /// Of counters what they grew by, of histograms how many observations.
    pub(crate) increase: f64,
    /// Of histograms the sum of all observations.
    pub(crate) sum: f64,
}

impl Totals {
    pub(crate) fn add(&mut self, row: &Row) {
        match &row.histogram {
            Some(histogram) => {
                self.increase += histogram.count as f64;
                // Senders may leave a sum out, or send one that is no number: that must not stay for ever.
                self.sum += if histogram.sum.is_finite() { histogram.sum } else { 0.0 };
            }
            None => self.increase += row.increase,
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.increase += other.increase;
        self.sum += other.sum;
    }
}

/// Appends the chunk of these points, without their times.
pub(crate) fn encode(form: Form, points: &Points, packer: &mut Packer, out: &mut Vec<u8>) {
    match points {
        Points::Samples(_, numbers) => values::encode(numbers, packer, out),
        Points::Rows(rows) => encode_rows(form, rows, packer, out),
    }
}

fn encode_rows(form: Form, rows: &[Row], packer: &mut Packer, out: &mut Vec<u8>) {
    let mut column = |of: fn(&Row) -> f64, out: &mut Vec<u8>| {
        values::encode(&rows.iter().map(of).collect::<Vec<_>>(), packer, out);
    };
    match form {
        Form::Counter => {
            out.push(COUNTER);
            column(|row| row.increase, out);
        }
        Form::Samples | Form::Gauge => {
            out.push(VALUES);
            let columns: [fn(&Row) -> f64; 5] =
                [|row| row.sum, |row| row.min, |row| row.max, |row| row.last, |row| row.increase];
            let counts: Vec<_> = rows.iter().map(|row| row.count as i64).collect();
            ints::encode(&counts, out);
            columns.iter().for_each(|of| column(*of, out));
            let back: Vec<_> = rows.iter().map(|row| row.end.wrapping_sub(row.last_at)).collect();
            ints::encode(&back, out);
        }
        Form::Histogram => {
            out.push(HISTOGRAM);
            encode_histograms(rows, packer, out);
        }
    }
}

fn encode_histograms(rows: &[Row], packer: &mut Packer, out: &mut Vec<u8>) {
    let (mut all, mut one) = (Vec::new(), Vec::new());
    for row in rows {
        one.clear();
        if let Some(histogram) = &row.histogram {
            histogram.encode(&mut one);
        }
        varint::put(&mut all, one.len() as u64);
        all.extend_from_slice(&one);
    }
    let packed = packer.pack_if_less(&all, LEVEL);
    let kept = packed.as_ref().unwrap_or(&all);
    varint::put(out, kept.len() as u64);
    varint::put(out, packed.as_ref().map_or(0, |_| all.len() as u64));
    out.extend_from_slice(kept);
}

/// Reads a chunk of points at `times` and adds them to `points`: of samples those `wanted`, of windows all. `None`: it is none.
pub(crate) fn decode(
    mut input: &[u8],
    times: &[i64],
    wanted: Range<usize>,
    scratch: &mut values::Scratch,
    points: &mut Points,
) -> Option<()> {
    match points {
        Points::Samples(all_times, all) => {
            values::decode_some(&mut input, times.len(), wanted.clone(), scratch, all)?;
            all_times.extend_from_slice(&times[wanted]);
        }
        Points::Rows(rows) => decode_rows(&mut input, times, scratch, rows)?,
    }
    input.is_empty().then_some(())
}

fn decode_rows(
    input: &mut &[u8],
    ends: &[i64],
    scratch: &mut values::Scratch,
    rows: &mut Vec<Row>,
) -> Option<()> {
    let (&form, rest) = input.split_first()?;
    *input = rest;
    match form {
        COUNTER => {
            let mut increases = Vec::with_capacity(ends.len());
            values::decode(input, ends.len(), scratch, &mut increases)?;
            rows.extend(ends.iter().zip(increases).map(|(&end, increase)| Row::of_increase(end, increase)));
        }
        VALUES => {
            let (mut counts, mut back) = (Vec::new(), Vec::new());
            ints::decode(input, ends.len(), &mut counts)?;
            let mut columns: [Vec<f64>; 5] = Default::default();
            for column in &mut columns {
                values::decode(input, ends.len(), scratch, column)?;
            }
            ints::decode(input, ends.len(), &mut back)?;
            let [sums, mins, maxs, lasts, increases] = &columns;
            rows.extend((0..ends.len()).map(|at| Row {
                end: ends[at],
                count: counts[at] as u64,
                sum: sums[at],
                min: mins[at],
                max: maxs[at],
                last: lasts[at],
                last_at: ends[at].wrapping_sub(back[at]),
                increase: increases[at],
                histogram: None,
            }));
        }
        HISTOGRAM => decode_histograms(input, ends, rows)?,
        _ => return None,
    }
    Some(())
}

fn decode_histograms(input: &mut &[u8], ends: &[i64], rows: &mut Vec<Row>) -> Option<()> {
    let len = usize::try_from(varint::take(input)?).ok()?;
    let unpacked_len = usize::try_from(varint::take(input)?).ok()?;
    let (mut all, rest) = input.split_at_checked(len)?;
    *input = rest;
    let unpacked;
    if unpacked_len > 0 {
        unpacked = decompress(all, unpacked_len)?;
        all = &unpacked;
    }
    for &end in ends {
        let len = usize::try_from(varint::take(&mut all)?).ok()?;
        let (mut one, rest) = all.split_at_checked(len)?;
        all = rest;
        rows.push(Row::of_histogram(end, Arc::new(Histogram::decode(&mut one)?)));
    }
    all.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_come_back(
            all in prop::collection::btree_map(any::<i64>(), (any::<u64>(), any::<u64>(), 0i64..10_000), 1..80),
            form in 1usize..4,
        ) {
            let form = Form::ALL[form];
            let row = |(&end, &(count, bits, back)): (&i64, &(u64, u64, i64))| match form {
                Form::Counter => Row::of_increase(end, (bits >> 12) as f64),
                Form::Histogram => {
                    let mut histogram = Histogram::default();
                    histogram.record_many((bits >> 40) as f64, count >> 40);
                    Row::of_histogram(end, Arc::new(histogram))
                }
                _ => Row { count, sum: (bits >> 3) as f64, ..Row::of_value(end, end.wrapping_sub(back), bits as f64 / 8.0) },
            };
            let points = Points::Rows(all.iter().map(row).collect());
            let mut bytes = Vec::new();
            encode(form, &points, &mut Packer::default(), &mut bytes);
            let mut found = Points::none(true);
            prop_assert!(decode(&bytes, &points.times(), 0..all.len(), &mut values::Scratch::default(), &mut found).is_some());
            prop_assert_eq!(found, points);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, form in 0u8..4, count in 0i64..200) {
            let bytes = [vec![form], bytes].concat();
            let times: Vec<_> = (0..count).collect();
            for are_windows in [false, true] {
                let _ = decode(&bytes, &times, 0..times.len(), &mut values::Scratch::default(), &mut Points::none(are_windows));
            }
        }
    }
}
