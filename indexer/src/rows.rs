//! The rows of a block: all that is known of its lines but their text, by columns.
//!
//! ```text
//! varint  length of what follows, decompressed      then one zstd frame of:
//! varint  rows
//! zigzag  time of the first row, ns
//! varint  time unit, ns: 1, 10^3, 10^6 or 10^9, the largest that divides all differences
//! varint  batches; for each: zigzag position - previous, varint source (of the run), zigzag received - previous
//! varint  mask: bit c set = column c is there, else all its values are 0
//! varint  patterns, each 4 bytes, little endian; only when column 10 is there
//! columns, each `rows` varints:
//!   0 time     (time - previous time) / unit        rows ascend by (time, position, line)
//!   1 batch    zigzag (index of the batch - previous index)
//!   2 line     zigzag (number in the batch - the one after the batch's latest row here; a first row counts from 0)
//!   3 offset   zigzag (offset - the end of the batch's latest row here; a first row counts from 0)
//!   4 range    bytes of the line in its source
//!   5 text     zigzag (bytes of text - bytes in the source)
//!   6 flags    meta << 2 | gap << 1 | a separating newline follows the text
//!   7 severity                                     7 and 8 since version 3 stand in the block's columns, not here
//!   8 service  (of the run)
//!   9 layout   see `Layout::bits`
//!  10 pattern  index in the list of patterns
//! ```
//! A usual row of a log that is read in order costs one byte of time, two of range, one each where it differs from
//! what is predicted, and nothing for the columns that are all zero.

use crate::codec::{Packer, Unpacker, damaged};
use crate::line::LineKey;
use logweir_base::batch::LineMeta;
use logweir_base::ids::{Offset, Position};
use logweir_base::parse::{Layout, Severity};
use logweir_base::pattern::PatternId;
use logweir_base::time::Timestamp;
use logweir_base::varint::{put, take, unzigzag, zigzag};
use std::io;

const COLUMNS: usize = 11;
/// Column of patterns.
const PATTERN: usize = 10;
const UNITS: [i64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];
/// A line of the smallest kind costs a byte of text, and a block holds at most some MiB: more is not a block of ours.
const ROWS_BYTES_MAX: u64 = 1 << 30;

/// What is known of one line. Indices of source and service count within the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) key: LineKey,
    pub(crate) received: Timestamp,
    pub(crate) source: u32,
    pub(crate) offset: Offset,
    pub(crate) range_len: u64,
    pub(crate) service: u32,
    pub(crate) severity: Severity,
    pub(crate) layout: Layout,
    pub(crate) pattern: PatternId,
    pub(crate) meta: LineMeta,
    pub(crate) gap: bool,
    /// A newline that is not the line's own stands behind it.
    pub(crate) separated: bool,
    /// Where the text starts in the block.
    pub(crate) at: u32,
    /// Length of the text, its own newline included.
    pub(crate) len: u32,
}

#[derive(Clone, Copy)]
struct BatchState {
    position: Position,
    source: u32,
    received: Timestamp,
    next_line: u32,
    next_offset: u64,
}

/// Encodes the rows of a block after the other; keeps its buffers.
pub(crate) struct RowWriter {
    batches: Vec<BatchState>,
    columns: [Vec<u8>; COLUMNS],
    used: u64,
    patterns: Vec<PatternId>,
    raw: Vec<u8>,
}

impl RowWriter {
    pub(crate) fn new() -> Self {
        Self {
            batches: Vec::new(),
            columns: Default::default(),
            used: 0,
            patterns: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// Encodes `rows`, which ascend by key and are not empty.
    pub(crate) fn write(&mut self, rows: &[Row], packer: &mut Packer) -> Box<[u8]> {
        self.batches.clear();
        self.columns.iter_mut().for_each(Vec::clear);
        self.used = 0;
        self.patterns.clear();
        self.patterns.push(PatternId::NONE);
        let first_time = rows[0].key.time.0;
        let unit = unit_of(rows, first_time);
        let (mut time, mut batch) = (first_time, 0);
        for row in rows {
            // Times span less than 64 bits only as unsigned; the difference never is negative.
            self.put(0, (row.key.time.0.wrapping_sub(time) as u64) / unit as u64);
            time = row.key.time.0;
            let index = self.batch_of(row, batch);
            self.put(1, zigzag(index as i64 - batch as i64));
            batch = index;
            self.put_predicted(row, index);
        }
        self.frame(rows.len(), first_time, unit, packer)
    }

    fn put_predicted(&mut self, row: &Row, index: usize) {
        let state = &mut self.batches[index];
        let line = zigzag(i64::from(row.key.line) - i64::from(state.next_line));
        let offset = zigzag(row.offset.0.wrapping_sub(state.next_offset) as i64);
        state.next_line = row.key.line + 1;
        state.next_offset = row.offset.0.wrapping_add(row.range_len);
        self.put(2, line);
        self.put(3, offset);
        self.put(4, row.range_len);
        self.put(5, zigzag(i64::from(row.len).wrapping_sub(row.range_len as i64)));
        self.put(6, u64::from(row.meta.0) << 2 | u64::from(row.gap) << 1 | u64::from(row.separated));
        self.put(7, 0);
        self.put(8, 0);
        self.put(9, u64::from(row.layout.bits()));
        let pattern = self.number_of(row.pattern);
        self.put(PATTERN, pattern);
    }

    /// A block has some dozens of patterns, the latest ones again and again.
    fn number_of(&mut self, pattern: PatternId) -> u64 {
        let known = self.patterns.iter().position(|&known| known == pattern);
        let number = known.unwrap_or_else(|| {
            self.patterns.push(pattern);
            self.patterns.len() - 1
        });
        number as u64
    }

    fn put(&mut self, column: usize, value: u64) {
        self.used |= u64::from(value != 0) << column;
        put(&mut self.columns[column], value);
    }

    fn batch_of(&mut self, row: &Row, latest: usize) -> usize {
        let is_it = |state: &BatchState| state.position == row.key.position;
        if self.batches.get(latest).is_some_and(is_it) {
            return latest;
        }
        self.batches.iter().rposition(is_it).unwrap_or_else(|| {
            let (position, source, received) = (row.key.position, row.source, row.received);
            self.batches.push(BatchState { position, source, received, next_line: 0, next_offset: 0 });
            self.batches.len() - 1
        })
    }

    fn frame(&mut self, rows: usize, first_time: i64, unit: i64, packer: &mut Packer) -> Box<[u8]> {
        let raw = &mut self.raw;
        raw.clear();
        put(raw, rows as u64);
        put(raw, zigzag(first_time));
        put(raw, unit as u64);
        put(raw, self.batches.len() as u64);
        let (mut position, mut received) = (0, 0);
        for batch in &self.batches {
            put(raw, zigzag(batch.position.0.wrapping_sub(position) as i64));
            put(raw, u64::from(batch.source));
            put(raw, zigzag(batch.received.0.wrapping_sub(received)));
            (position, received) = (batch.position.0, batch.received.0);
        }
        put(raw, self.used);
        if self.used >> PATTERN & 1 == 1 {
            put(raw, self.patterns.len() as u64);
            self.patterns.iter().for_each(|pattern| raw.extend_from_slice(&pattern.0.to_le_bytes()));
        }
        for (column, bytes) in self.columns.iter().enumerate() {
            if self.used >> column & 1 == 1 {
                raw.extend_from_slice(bytes);
            }
        }
        let mut out = Vec::with_capacity(raw.len() / 2);
        put(&mut out, raw.len() as u64);
        out.extend_from_slice(&packer.pack(raw));
        out.into_boxed_slice()
    }
}

/// Reads what [`RowWriter::write`] wrote: all but severity and service, unless an earlier version did.
pub(crate) fn read(packed: &[u8], unpacker: &mut Unpacker) -> io::Result<Vec<Row>> {
    let mut frame = packed;
    let len = take(&mut frame).filter(|&len| len <= ROWS_BYTES_MAX).ok_or_else(cut_short)?;
    let mut raw = Vec::new();
    unpacker.unpack(frame, len as usize, &mut raw)?;
    decode(&raw).ok_or_else(cut_short)
}

fn decode(mut raw: &[u8]) -> Option<Vec<Row>> {
    let input = &mut raw;
    let count = usize::try_from(take(input)?).ok()?;
    let first_time = unzigzag(take(input)?);
    let unit = take(input)?;
    let mut batches = decode_batches(input)?;
    let mask = take(input)?;
    let patterns = if mask >> PATTERN & 1 == 1 { decode_patterns(input)? } else { vec![PatternId::NONE] };
    let mut columns = columns(input, mask, count)?;
    let mut rows = Vec::with_capacity(count);
    let (mut time, mut batch, mut at) = (first_time, 0i64, 0u32);
    for _ in 0..count {
        time = time.wrapping_add_unsigned(columns[0].next()?.wrapping_mul(unit));
        batch = batch.checked_add(unzigzag(columns[1].next()?))?;
        let state = batches.get_mut(usize::try_from(batch).ok()?)?;
        let line = i64::from(state.next_line).checked_add(unzigzag(columns[2].next()?))?;
        let line = u32::try_from(line).ok()?;
        let offset = state.next_offset.wrapping_add_signed(unzigzag(columns[3].next()?));
        let range_len = columns[4].next()?;
        let len = u32::try_from((range_len as i64).wrapping_add(unzigzag(columns[5].next()?))).ok()?;
        let flags = columns[6].next()?;
        state.next_line = line.checked_add(1)?;
        state.next_offset = offset.wrapping_add(range_len);
        rows.push(Row {
            key: LineKey { time: Timestamp(time), position: state.position, line },
            received: state.received,
            source: state.source,
            offset: Offset(offset),
            range_len,
            severity: Severity(u8::try_from(columns[7].next()?).ok()?),
            service: u32::try_from(columns[8].next()?).ok()?,
            layout: Layout::from_bits(u16::try_from(columns[9].next()?).ok()?),
            pattern: *patterns.get(usize::try_from(columns[PATTERN].next()?).ok()?)?,
            meta: LineMeta(u32::try_from(flags >> 2).ok()?),
            gap: flags & 2 != 0,
            separated: flags & 1 != 0,
            at,
            len,
        });
        at = at.checked_add(len)?.checked_add((flags & 1) as u32)?;
    }
    Some(rows)
}

fn decode_batches(input: &mut &[u8]) -> Option<Vec<BatchState>> {
    let count = take(input)?;
    let (mut position, mut received) = (0u64, 0i64);
    let mut batches = Vec::new();
    for _ in 0..count {
        position = position.wrapping_add_signed(unzigzag(take(input)?));
        let source = u32::try_from(take(input)?).ok()?;
        received = received.wrapping_add(unzigzag(take(input)?));
        let (position, received) = (Position(position), Timestamp(received));
        batches.push(BatchState { position, source, received, next_line: 0, next_offset: 0 });
    }
    Some(batches)
}

fn decode_patterns(input: &mut &[u8]) -> Option<Vec<PatternId>> {
    let count = usize::try_from(take(input)?).ok()?;
    let (ids, rest) = input.split_at_checked(count.checked_mul(4)?)?;
    *input = rest;
    Some(
        ids.chunks_exact(4)
            .map(|id| PatternId(u32::from_le_bytes(id.try_into().expect("four bytes"))))
            .collect(),
    )
}

/// A cursor over each column; an absent column is all zeros.
fn columns<'a>(input: &mut &'a [u8], mask: u64, count: usize) -> Option<[Column<'a>; COLUMNS]> {
    let mut columns = [Column(None); COLUMNS];
    for (index, column) in columns.iter_mut().enumerate() {
        if mask >> index & 1 == 1 {
            *column = Column(Some(*input));
            *input = skip(input, count)?;
        }
    }
    Some(columns)
}

#[derive(Clone, Copy)]
struct Column<'a>(Option<&'a [u8]>);

impl Column<'_> {
    fn next(&mut self) -> Option<u64> {
        match &mut self.0 {
            None => Some(0),
            Some(bytes) => take(bytes),
        }
    }
}

/// What follows the next `count` varints.
fn skip(input: &[u8], count: usize) -> Option<&[u8]> {
    if count == 0 {
        return Some(input);
    }
    let ends = input.iter().enumerate().filter(|(_, byte)| **byte < 0x80);
    let (last, _) = { ends }.nth(count - 1)?;
    Some(&input[last + 1..])
}

fn unit_of(rows: &[Row], first_time: i64) -> i64 {
    let divides = |unit: &i64| {
        let whole = |row: &Row| (row.key.time.0.wrapping_sub(first_time) as u64).is_multiple_of(*unit as u64);
        rows.iter().all(whole)
    };
    UNITS.into_iter().find(divides).unwrap_or(1)
}

fn cut_short() -> io::Error {
    damaged("rows cut short or out of bounds")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row() -> impl Strategy<Value = Row> {
        let key = (prop_oneof![any::<i64>(), (0i64..50).prop_map(|s| s * 1_000_000_000)], 0u64..6, 0u32..9);
        let place = (any::<u64>(), prop_oneof![any::<u64>(), 0u64..500], 0u32..3);
        let rest = (0u32..4, any::<u8>(), any::<u32>(), any::<bool>(), any::<bool>(), 0u32..10_000, 0u32..5);
        (key, place, rest).prop_map(|((time, position, line), (offset, range_len, service), rest)| Row {
            key: LineKey { time: Timestamp(time), position: Position(position), line },
            received: Timestamp(position as i64 * 7 - 3),
            source: position as u32 % 3,
            offset: Offset(offset),
            range_len,
            service,
            severity: Severity(rest.1),
            layout: Layout::from_bits(rest.6 as u16 * 77),
            pattern: PatternId(rest.6.wrapping_mul(0x9e37_79b9)),
            meta: LineMeta(rest.2),
            gap: rest.3,
            separated: rest.4,
            at: 0,
            len: rest.5,
        })
    }

    proptest! {
        #[test]
        fn write_then_read(mut rows in prop::collection::vec(row(), 1..60)) {
            rows.sort_by_key(|row| row.key);
            let mut at = 0;
            for row in &mut rows {
                row.at = at;
                at += row.len + u32::from(row.separated);
            }
            let packed = RowWriter::new().write(&rows, &mut Packer::new());
            rows.iter_mut().for_each(|row| (row.severity, row.service) = (Severity(0), 0));
            prop_assert_eq!(read(&packed, &mut Unpacker::new()).expect("reads"), rows);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }

    /// What the format is for: lines of one file, read in order, a millisecond apart.
    #[test]
    fn a_usual_row_costs_about_four_bytes() {
        let row = |i: u32| Row {
            key: LineKey { time: Timestamp(i64::from(i) * 1_000_000), position: Position(9), line: i },
            received: Timestamp(5),
            source: 0,
            offset: Offset(u64::from(i) * 385),
            range_len: 385,
            service: 0,
            severity: Severity(9),
            layout: Layout::default(),
            pattern: PatternId::NONE,
            meta: LineMeta(0),
            gap: false,
            separated: false,
            at: i * 385,
            len: 385,
        };
        let rows: Vec<_> = (0..340).map(row).collect();
        let mut writer = RowWriter::new();
        writer.write(&rows, &mut Packer::new());
        assert!(writer.raw.len() < 340 * 4 + 20, "{}", writer.raw.len());
    }
}
