//! A batch: contiguous lines of one source, one buffer plus spans. What travels, what the journal stores.
//!
//! ```text
//!  0  source id                 16
//! 16  epoch                      8  little endian, as all numbers here
//! 24  first start                8  offset in the source of the first line
//! 32  line count                 4
//! 36  table length               4  bytes of the line table
//! 40  codec                      1  0 none, 1 zstd
//! 41  zero                       3
//! 44  text length                4  of the payload, decompressed
//! 48  line table                    per line: varint range length, varint meta, varint text length if meta says so
//!  .  payload                       to the end: the lines' text back to back
//! ```
//! A line's *range* is its bytes in the file, newline included; ranges are contiguous. Its *text* is what is
//! carried of it: the same bytes, unless redaction changed them, and then meta has [`LineMeta::TEXT_LEN`].
//!
//! Limits: [`LINES_MAX`] lines, [`TEXT_BYTES_MAX`] bytes of text, [`LINE_BYTES_MAX`] bytes a line.

use crate::ids::{Epoch, Offset, SourceId};
use crate::varint;
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt;

/// Lines in a batch, so that a line's number in its batch fits 16 bits.
pub const LINES_MAX: usize = 65_535;
/// Text of a batch, decompressed: a target of 1 MiB and room for one line of the longest kind.
pub const TEXT_BYTES_MAX: usize = 2 << 20;
/// A longer line travels as consecutive parts of at most this size.
pub const LINE_BYTES_MAX: usize = 1 << 20;

const HEADER_BYTES: usize = 48;
/// Four varints of at most five bytes a line; checked before anything is allocated.
const TABLE_BYTES_MAX: usize = LINES_MAX * 20;

/// What the shipper says of a line, fixed at send. Bits 0-4 are flags, bits 5-7 its stream, the rest is the part number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct LineMeta(pub u32);

impl LineMeta {
    /// Belongs to the record of the latest head before it.
    pub const CONTINUATION: u32 = 1;
    /// A part of a line over [`LINE_BYTES_MAX`]; more parts follow.
    pub const PART: u32 = 2;
    /// The last part of such a line.
    pub const LAST_PART: u32 = 4;
    /// The text differs from the file's bytes (redaction); the table carries its length.
    pub const TEXT_LEN: u32 = 8;
    /// The record was cut at a size or time cap.
    pub const TRUNCATED: u32 = 16;

    const STREAM_SHIFT: u32 = 5;
    const STREAM_MASK: u32 = 7 << Self::STREAM_SHIFT;
    /// Numbers of streams there are room for.
    pub const STREAMS: usize = 8;

    /// Part `number` (from 0) of an over-long line.
    pub fn part(number: u32, last: bool) -> Self {
        let flag = if last { Self::LAST_PART } else { Self::PART };
        Self((number.min(0x00ff_ffff) << 8) | flag)
    }

    /// Whether all bits of `flag` are set.
    pub fn has(self, flag: u32) -> bool {
        self.0 & flag == flag
    }

    /// Number of the stream of its source that the line belongs to; a continuation belongs to the latest head of its
    /// own stream. 0 plain, 1 and 2 docker's standard output and error, 3 and 4 those of a CRI runtime.
    pub fn stream(self) -> u8 {
        ((self.0 & Self::STREAM_MASK) >> Self::STREAM_SHIFT) as u8
    }

    /// The same, of stream `number`, at most 7.
    pub fn with_stream(self, number: u8) -> Self {
        Self(self.0 & !Self::STREAM_MASK | (u32::from(number) << Self::STREAM_SHIFT) & Self::STREAM_MASK)
    }

    /// Number of the part, when this is a part of an over-long line.
    pub fn part_number(self) -> Option<u32> {
        (self.0 & (Self::PART | Self::LAST_PART) != 0).then_some(self.0 >> 8)
    }
}

/// One row of a batch's line table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchLine {
    /// Bytes of the line in the file, newline included.
    pub range_len: u32,
    /// Bytes of its text in the payload.
    pub text_len: u32,
    /// What the shipper says of it.
    pub meta: LineMeta,
}

/// How the payload is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// As it is.
    None,
    /// One zstd frame that declares its size.
    Zstd,
}

/// Contiguous lines of one source. `payload` is shared with the buffer it arrived in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Whose lines.
    pub source: SourceId,
    /// The session that sent them.
    pub epoch: Epoch,
    /// Offset of the first line.
    pub first_start: Offset,
    /// The lines, in file order.
    pub lines: Vec<BatchLine>,
    /// How `payload` is compressed.
    pub codec: Codec,
    /// Length of the text once decompressed.
    pub text_len: u32,
    /// The text of all lines, back to back, compressed as `codec` says.
    pub payload: Bytes,
}

/// Why bytes are not a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadBatch(pub &'static str);

impl fmt::Display for BadBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad batch: {}", self.0)
    }
}

impl std::error::Error for BadBatch {}

impl Batch {
    /// Offset just past the last line.
    pub fn end(&self) -> Offset {
        let len: u64 = self.lines.iter().map(|line| u64::from(line.range_len)).sum();
        self.first_start.plus(len)
    }

    /// Appends the encoding drawn above, without the payload; whoever sends writes the payload behind it.
    pub fn encode_head(&self, out: &mut Vec<u8>) {
        out.put_slice(&self.source.0);
        out.put_u64_le(self.epoch.0);
        out.put_u64_le(self.first_start.0);
        out.put_u32_le(u32::try_from(self.lines.len()).expect("at most LINES_MAX"));
        let table_len_at = out.len();
        out.put_u32_le(0);
        out.put_u8(match self.codec {
            Codec::None => 0,
            Codec::Zstd => 1,
        });
        out.put_bytes(0, 3);
        out.put_u32_le(self.text_len);
        let table_at = out.len();
        for line in &self.lines {
            varint::put(out, u64::from(line.range_len));
            varint::put(out, u64::from(line.meta.0));
            if line.meta.has(LineMeta::TEXT_LEN) {
                varint::put(out, u64::from(line.text_len));
            }
        }
        let table_len = u32::try_from(out.len() - table_at).expect("at most TABLE_BYTES_MAX");
        out[table_len_at..table_len_at + 4].copy_from_slice(&table_len.to_le_bytes());
    }

    /// Reads what [`Batch::encode_head`] and the payload behind it say. Checks every limit and that the lines
    /// add up to the text; the payload is a slice of `body`, not a copy.
    pub fn decode(body: &Bytes) -> Result<Self, BadBatch> {
        if body.len() < HEADER_BYTES {
            return Err(BadBatch("shorter than its header"));
        }
        let line_count = u32_at(body, 32) as usize;
        let table_len = u32_at(body, 36) as usize;
        let text_len = u32_at(body, 44);
        if line_count == 0 || line_count > LINES_MAX || table_len > TABLE_BYTES_MAX {
            return Err(BadBatch("line count or table length out of bounds"));
        }
        if text_len as usize > TEXT_BYTES_MAX {
            return Err(BadBatch("text over its limit"));
        }
        let table = body.get(HEADER_BYTES..HEADER_BYTES + table_len).ok_or(BadBatch("table cut short"))?;
        let codec = match body[40] {
            0 => Codec::None,
            1 => Codec::Zstd,
            _ => return Err(BadBatch("unknown codec")),
        };
        let payload = body.slice(HEADER_BYTES + table_len..);
        if codec == Codec::None && payload.len() != text_len as usize {
            return Err(BadBatch("payload length differs from text length"));
        }
        Ok(Self {
            source: SourceId(body[..16].try_into().expect("sixteen bytes")),
            epoch: Epoch(u64_at(body, 16)),
            first_start: Offset(u64_at(body, 24)),
            lines: decode_table(table, line_count, text_len)?,
            codec,
            text_len,
            payload,
        })
    }

    /// The text of all lines. Shares the payload when it is not compressed; never allocates more than it declared.
    pub fn text(&self) -> Result<Bytes, BadBatch> {
        match self.codec {
            Codec::None => Ok(self.payload.clone()),
            Codec::Zstd => {
                let text = zstd::bulk::decompress(&self.payload, self.text_len as usize)
                    .map_err(|_| BadBatch("payload does not decompress within its text length"))?;
                if text.len() != self.text_len as usize {
                    return Err(BadBatch("payload shorter than its text length"));
                }
                Ok(Bytes::from(text))
            }
        }
    }

    /// The lines from `hwm` on, framed anew and uncompressed: what is kept of a batch whose front is known already.
    /// `None` when `hwm` is not the border of two of its lines.
    pub fn trimmed_to(&self, hwm: Offset) -> Result<Option<Self>, BadBatch> {
        let mut start = self.first_start;
        let mut text_at = 0usize;
        for (i, line) in self.lines.iter().enumerate() {
            if start == hwm {
                let payload = self.text()?.slice(text_at..);
                return Ok(Some(Self {
                    first_start: hwm,
                    lines: self.lines[i..].to_vec(),
                    codec: Codec::None,
                    text_len: u32::try_from(payload.len()).expect("part of a u32"),
                    payload,
                    ..self.clone()
                }));
            }
            start = start.plus(u64::from(line.range_len));
            text_at += line.text_len as usize;
        }
        Ok(None)
    }

    /// The whole encoding in one buffer.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.lines.len() * 4 + self.payload.len());
        self.encode_head(&mut out);
        let mut bytes = BytesMut::from(out.as_slice());
        bytes.extend_from_slice(&self.payload);
        bytes.freeze()
    }
}

fn decode_table(mut table: &[u8], count: usize, text_len: u32) -> Result<Vec<BatchLine>, BadBatch> {
    let mut lines = Vec::with_capacity(count);
    let mut text_total = 0u64;
    for _ in 0..count {
        let range_len = take_u32(&mut table)?;
        let meta = LineMeta(take_u32(&mut table)?);
        let len = if meta.has(LineMeta::TEXT_LEN) { take_u32(&mut table)? } else { range_len };
        if range_len == 0 || range_len as usize > LINE_BYTES_MAX {
            return Err(BadBatch("line length out of bounds"));
        }
        text_total += u64::from(len);
        lines.push(BatchLine { range_len, text_len: len, meta });
    }
    if !table.is_empty() {
        return Err(BadBatch("bytes left over in the line table"));
    }
    if text_total != u64::from(text_len) {
        return Err(BadBatch("lines do not add up to the text length"));
    }
    Ok(lines)
}

fn take_u32(table: &mut &[u8]) -> Result<u32, BadBatch> {
    let value = varint::take(table).ok_or(BadBatch("table cut short"))?;
    u32::try_from(value).map_err(|_| BadBatch("number over 32 bits"))
}

fn u32_at(body: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(body[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(body: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(body[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch_of(texts: &[Vec<u8>], codec: Codec) -> Batch {
        let text = texts.concat();
        let line = |t: &Vec<u8>| BatchLine {
            range_len: t.len() as u32,
            text_len: t.len() as u32,
            meta: LineMeta::default(),
        };
        let payload = match codec {
            Codec::None => text.clone(),
            Codec::Zstd => zstd::bulk::compress(&text, 1).expect("compresses"),
        };
        Batch {
            source: SourceId::random(),
            epoch: Epoch(7),
            first_start: Offset(100),
            lines: texts.iter().map(line).collect(),
            codec,
            text_len: text.len() as u32,
            payload: Bytes::from(payload),
        }
    }

    fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..20)
    }

    proptest! {
        #[test]
        fn encode_then_decode(texts in texts(), zstd: bool) {
            let batch = batch_of(&texts, if zstd { Codec::Zstd } else { Codec::None });
            let back = Batch::decode(&batch.encode()).expect("decodes");
            prop_assert_eq!(back.text().expect("decompresses"), texts.concat());
            prop_assert_eq!(back, batch);
        }

        /// N03: a batch resent with other borders is cut exactly where the known bytes end.
        #[test]
        fn n03_trimming_keeps_the_lines_from_the_border_on(texts in texts(), cut: prop::sample::Index) {
            let batch = batch_of(&texts, Codec::Zstd);
            let cut = cut.index(texts.len());
            let border = texts[..cut].concat().len() as u64;
            let kept = batch.trimmed_to(Offset(100 + border)).expect("decompresses").expect("a border");
            prop_assert_eq!(kept.text().expect("plain"), texts[cut..].concat());
            prop_assert_eq!(kept.end(), batch.end());
            if texts[0].len() > 1 {
                prop_assert_eq!(batch.trimmed_to(Offset(101)).expect("decompresses"), None);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Batch::decode(&Bytes::from(bytes));
        }
    }

    /// M07: 64 MiB of zeros in 2 KiB; the declared length bounds what is allocated.
    #[test]
    fn m07_a_bomb_does_not_decompress_beyond_its_declared_length() {
        let mut batch = batch_of(&[vec![0; 1000]], Codec::Zstd);
        batch.payload = Bytes::from(zstd::bulk::compress(&vec![0; 64 << 20], 1).expect("compresses"));
        assert!(batch.text().is_err());
    }
}
