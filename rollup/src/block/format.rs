//! What a block file looks like. All numbers are little endian; sections are compressed unless said otherwise, and each has a
//! checksum where it is named.
//!
//! ```text
//!  0  magic    8   "LWROLUP\n"
//!  8  version  4   VERSION; another one is refused
//! 12  crc32c   4   of bytes 0-11
//! 16  stripes, ascending; each
//!       pages     chunks (chunk.rs) of ascending series back to back; a page ends at PAGE_BYTES; not compressed
//!       times     vectors of times (codec/times.rs) back to back, each once
//!       index     varint pages, each: varint chunks, varint bytes, crc32c 4
//!                 chunks in order: varint series since the one before, varint vector of times, varint bytes,
//!                                  and if they count: f64 what they add up to, f64 sum of observations
//!     series      per series, by labels and form:
//!                   varint length, labels (base's metric/labels.rs); form 1; kind 1; source: 0, or 1 and its id 16
//!                   zigzag varint first time, zigzag varint last time
//!                   windows only: totals of the block 16, position of the state 8, totals 16, zigzag varint last end,
//!                   0 or 1 and zigzag varints start and time, varint length and a histogram
//!     meta        JSON, Meta; not compressed
//! footer:
//!  0  at       8   of meta
//!  8  length   4   of meta
//! 12  crc32c   4   of meta
//! 16  crc32c   4   of bytes 0-15
//! 20  magic    4   "LWRE"
//! ```
//! Limits: [`PAGE_BYTES`] a page, but for a larger chunk; `codec::times::TIMES_MAX` points a chunk; [`SECTION_BYTES_MAX`] a section.

use crate::level::Level;
use logweir_base::dir::{File, read_exact_at};
use logweir_base::ids::{JournalId, Position};
use logweir_base::metric::Meta as MetricMeta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;

pub(crate) const MAGIC: &[u8; 8] = b"LWROLUP\n";
pub(crate) const END_MAGIC: &[u8; 4] = b"LWRE";
pub(crate) const VERSION: u32 = 1;
pub(crate) const HEAD_BYTES: usize = 16;
pub(crate) const FOOTER_BYTES: usize = 24;
/// A page is closed when it has so many bytes: what one read brings at least.
pub(crate) const PAGE_BYTES: usize = 16 << 10;
/// A section that says it is larger is damaged.
pub(crate) const SECTION_BYTES_MAX: u64 = 1 << 30;
/// How block files end.
pub(crate) const EXTENSION: &str = ".rollup";

/// A piece of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) at: u64,
    pub(crate) bytes: u64,
    /// Before compression.
    pub(crate) raw_bytes: u64,
    pub(crate) crc: u32,
}

/// One stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stripe {
    pub(crate) start: i64,
    /// Where its pages begin.
    pub(crate) at: u64,
    pub(crate) times: Section,
    pub(crate) index: Section,
}

/// What the manifest knows of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockInfo {
    /// The file.
    pub(crate) name: String,
    pub(crate) level: Level,
    /// Start of its partition.
    pub(crate) partition: i64,
    /// It has records above this position.
    pub(crate) after: Position,
    /// And up to this one.
    pub(crate) to: Position,
    /// The first and the last time.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) series: u64,
    pub(crate) points: u64,
    pub(crate) bytes: u64,
}

/// What the file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) journal: JournalId,
    pub(crate) info: BlockInfo,
    /// Files that it was made of; none when it was made of the journal.
    pub(crate) inputs: Vec<String>,
    /// How many files were committed together.
    pub(crate) files: u64,
    pub(crate) series: Section,
    pub(crate) stripes: Vec<Stripe>,
    pub(crate) metrics: Metrics,
}

/// What is known of metrics, by name: type, unit, help.
pub(crate) type Metrics = BTreeMap<String, (String, String, String)>;

/// Known of a metric, as the file has it.
pub(crate) fn of_metric(meta: &MetricMeta) -> (String, String, String) {
    (meta.kind.clone(), meta.unit.clone(), meta.help.clone())
}

pub(crate) fn head() -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let crc = crc32c::crc32c(&head[..12]);
    head[12..].copy_from_slice(&crc.to_le_bytes());
    head
}

pub(crate) fn footer(at: u64, meta: &[u8]) -> [u8; FOOTER_BYTES] {
    let mut footer = [0; FOOTER_BYTES];
    footer[..8].copy_from_slice(&at.to_le_bytes());
    footer[8..12].copy_from_slice(&(meta.len() as u32).to_le_bytes());
    footer[12..16].copy_from_slice(&crc32c::crc32c(meta).to_le_bytes());
    let crc = crc32c::crc32c(&footer[..16]);
    footer[16..20].copy_from_slice(&crc.to_le_bytes());
    footer[20..].copy_from_slice(END_MAGIC);
    footer
}

impl Meta {
    /// Reads and checks what a file says of itself.
    pub(crate) fn read(file: &dyn File) -> io::Result<Self> {
        let len = file.len()?;
        if len < (HEAD_BYTES + FOOTER_BYTES) as u64 {
            return Err(damaged("it is cut short"));
        }
        let head = read_exact_at(file, 0, HEAD_BYTES)?;
        if &head[..8] != MAGIC || crc32c::crc32c(&head[..12]) != u32_at(&head, 12) {
            return Err(damaged("its first bytes are not those of a block"));
        }
        if u32_at(&head, 8) != VERSION {
            let why = format!("block version {}, this program reads {VERSION}", u32_at(&head, 8));
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let footer = read_exact_at(file, len - FOOTER_BYTES as u64, FOOTER_BYTES)?;
        if &footer[20..] != END_MAGIC || crc32c::crc32c(&footer[..16]) != u32_at(&footer, 16) {
            return Err(damaged("its last bytes are not those of a block"));
        }
        let at = u64::from_le_bytes(footer[..8].try_into().expect("eight bytes"));
        let bytes = u32_at(&footer, 8);
        if at.saturating_add(u64::from(bytes)) > len {
            return Err(damaged("it is shorter than it says"));
        }
        let bytes = read_exact_at(file, at, bytes as usize)?;
        if crc32c::crc32c(&bytes) != u32_at(&footer, 12) {
            return Err(damaged("what it says of itself does not match its checksum"));
        }
        serde_json::from_slice(&bytes).map_err(|e| damaged(&format!("what it says of itself: {e}")))
    }
}

impl Section {
    /// What it holds, checked and decompressed.
    pub(crate) fn read(&self, file: &dyn File) -> io::Result<Vec<u8>> {
        if self.bytes > SECTION_BYTES_MAX || self.raw_bytes > SECTION_BYTES_MAX {
            return Err(damaged("a section that is too large"));
        }
        let bytes = read_exact_at(file, self.at, self.bytes as usize)?;
        if crc32c::crc32c(&bytes) != self.crc {
            return Err(damaged(&format!("the section at {} does not match its checksum", self.at)));
        }
        let raw = decompress(&bytes, self.raw_bytes as usize);
        raw.ok_or_else(|| damaged(&format!("the section at {} cannot be decompressed", self.at)))
    }
}

pub(crate) fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged: {why}"))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// How hard to compress, as zstd numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    Quick = 1,
    Lasting = 3,
}

/// `None` unless it is exactly `len` bytes.
pub(crate) fn decompress(bytes: &[u8], len: usize) -> Option<Vec<u8>> {
    if len as u64 > SECTION_BYTES_MAX {
        return None;
    }
    zstd::bulk::decompress(bytes, len).ok().filter(|raw| raw.len() == len)
}
