//! How a journal segment lies on disk. A segment is a file named by the position of its first record (16 hex digits,
//! `.seg`); numbers are little endian.
//!
//! ```text
//! segment header, 64 bytes
//!  0  magic "LWJOURNL"      8
//!  8  version               4   SEGMENT_VERSION
//! 12  zero                  4
//! 16  journal id           16   the same in all segments
//! 32  first position        8   of the first counted record
//! 40  created               8   nanoseconds since 1970
//! 48  zero                 12
//! 60  crc32c of bytes 0-59  4
//!
//! then records, back to back
//!  0  magic "LWR1"          4   where a scan for the next good record looks
//!  4  crc32c                4   of bytes 8-47 and of the frame's 16 byte head behind them
//!  8  position              8
//! 16  synced position       8   proven durable when this record was written
//! 24  received              8   nanoseconds since 1970
//! 32  configuration version 4
//! 36  frame length          4   head included
//! 40  zero                  8
//! 48  frame                     as received (`base::frame`); its head carries the crc of its body
//! ```
//! The record's checksum covers the frame's head, and that covers the body: one chain, and no byte is summed twice.
//!
//! A segment begins with SNAPSHOT records: the state before its first counted record. They are not counted: each carries the
//! position *before* the segment's first. So positions of counted records are strictly +1 across all segments.
//!
//! A segment's content ends where the next one begins: what stands in it at or above the next segment's first position
//! is an untrusted tail that recovery has copied, or cut, and nobody reads it.
//!
//! Limits: a frame of `base::frame::BODY_BYTES_MAX` plus its head.

use logweir_base::frame::{BODY_BYTES_MAX, HEAD_BYTES};
use logweir_base::ids::{ConfigVersion, JournalId, Position};
use logweir_base::time::Timestamp;

/// Version of the encoding above.
pub(crate) const SEGMENT_VERSION: u32 = 1;
/// Bytes before the first record.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;
/// Bytes before a record's frame.
pub(crate) const RECORD_HEADER_BYTES: usize = 48;
/// What every record begins with.
pub(crate) const RECORD_MAGIC: &[u8; 4] = b"LWR1";
/// Bytes it takes to judge a record's header: its own and the frame's head.
pub(crate) const RECORD_PROBE_BYTES: usize = RECORD_HEADER_BYTES + HEAD_BYTES;

const SEGMENT_MAGIC: &[u8; 8] = b"LWJOURNL";

/// The first bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub journal: JournalId,
    pub first: Position,
    pub created: Timestamp,
}

/// Why a segment's first bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Checksum or magic is wrong: damaged, or not a segment.
    Damaged,
    /// Sound, and written by another version.
    Version(u32),
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out[..8].copy_from_slice(SEGMENT_MAGIC);
        out[8..12].copy_from_slice(&SEGMENT_VERSION.to_le_bytes());
        out[16..32].copy_from_slice(&self.journal.0);
        out[32..40].copy_from_slice(&self.first.0.to_le_bytes());
        out[40..48].copy_from_slice(&self.created.0.to_le_bytes());
        let crc = crc32c::crc32c(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes = bytes.first_chunk::<SEGMENT_HEADER_BYTES>().ok_or(BadHeader::Damaged)?;
        if &bytes[..8] != SEGMENT_MAGIC || crc32c::crc32c(&bytes[..60]) != u32_at(bytes, 60) {
            return Err(BadHeader::Damaged);
        }
        if u32_at(bytes, 8) != SEGMENT_VERSION {
            return Err(BadHeader::Version(u32_at(bytes, 8)));
        }
        Ok(Self {
            journal: JournalId(bytes[16..32].try_into().expect("sixteen bytes")),
            first: Position(u64_at(bytes, 32)),
            created: Timestamp(u64_at(bytes, 40) as i64),
        })
    }
}

/// What the journal says of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub position: Position,
    pub synced: Position,
    pub received: Timestamp,
    pub config: ConfigVersion,
    pub frame_len: u32,
}

impl RecordHeader {
    /// The header of a record whose frame begins with `frame`'s first bytes.
    pub fn encode(&self, frame: &[u8]) -> [u8; RECORD_HEADER_BYTES] {
        let mut out = [0; RECORD_HEADER_BYTES];
        out[..4].copy_from_slice(RECORD_MAGIC);
        out[8..16].copy_from_slice(&self.position.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.synced.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.received.0.to_le_bytes());
        out[32..36].copy_from_slice(&self.config.0.to_le_bytes());
        out[36..40].copy_from_slice(&self.frame_len.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out[8..]), &frame[..HEAD_BYTES]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads and checks [`RECORD_PROBE_BYTES`] bytes; `None` when they do not begin a record.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<RECORD_PROBE_BYTES>()?;
        let frame_len = u32_at(bytes, 36);
        let sound = &bytes[..4] == RECORD_MAGIC
            && crc32c::crc32c(&bytes[8..]) == u32_at(bytes, 4)
            && (HEAD_BYTES..=HEAD_BYTES + BODY_BYTES_MAX).contains(&(frame_len as usize));
        sound.then(|| Self {
            position: Position(u64_at(bytes, 8)),
            synced: Position(u64_at(bytes, 16)),
            received: Timestamp(u64_at(bytes, 24) as i64),
            config: ConfigVersion(u32_at(bytes, 32)),
            frame_len,
        })
    }

    /// Bytes of the whole record.
    pub fn record_len(&self) -> usize {
        RECORD_HEADER_BYTES + self.frame_len as usize
    }
}

/// Name of the segment that begins at `first`.
pub(crate) fn segment_name(first: Position) -> String {
    format!("{:016x}.seg", first.0)
}

/// First positions of the segments among `names`, ascending.
pub(crate) fn segments_among(names: &[String]) -> Vec<Position> {
    let first = |name: &String| {
        let digits = name.strip_suffix(".seg").filter(|digits| digits.len() == 16)?;
        u64::from_str_radix(digits, 16).ok().map(Position)
    };
    let mut firsts: Vec<_> = names.iter().filter_map(first).collect();
    firsts.sort_unstable();
    firsts
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use logweir_base::frame::Frame;

    /// S10: bytes of version 1 as they were first written; a change of the format must change the version.
    #[test]
    fn s10_the_first_version_stays_readable_and_others_are_refused() {
        let header = SegmentHeader { journal: JournalId([7; 16]), first: Position(3), created: Timestamp(5) };
        let mut bytes = header.encode();
        assert_eq!(&bytes[..16], b"LWJOURNL\x01\0\0\0\0\0\0\0");
        assert_eq!(bytes[60..], 0x84d0_39fc_u32.to_le_bytes());
        assert_eq!(SegmentHeader::parse(&bytes), Ok(header));
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::parse(&bytes), Err(BadHeader::Version(2)));
    }

    #[test]
    fn d08_a_flipped_bit_in_a_header_is_noticed() {
        let frame = Frame::Tick { now: Timestamp(1) }.encode();
        let header = RecordHeader {
            position: Position(9),
            synced: Position(8),
            received: Timestamp(7),
            config: ConfigVersion(6),
            frame_len: frame.len() as u32,
        };
        let mut bytes = header.encode(&frame).to_vec();
        bytes.extend_from_slice(&frame);
        assert_eq!(RecordHeader::parse(&bytes), Some(header));
        for at in 0..RECORD_PROBE_BYTES {
            bytes[at] ^= 4;
            assert_eq!(RecordHeader::parse(&bytes), None, "byte {at}");
            bytes[at] ^= 4;
        }
    }

    #[test]
    fn segments_are_found_by_their_names() {
        let names: Vec<_> =
            ["0000000000000010.seg", "0000000000000002.seg", "x.seg", "a.tmp"].map(str::to_owned).to_vec();
        assert_eq!(segments_among(&names), [Position(2), Position(16)]);
        assert_eq!(segment_name(Position(16)), "0000000000000010.seg");
    }
}
