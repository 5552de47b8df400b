//! The split file, byte by byte. It is a plain zstd stream: `zstdcat` prints the lines and nothing else.
//!
//! ```text
//! block frames         zstd frames that declare their size; a block each, run after run, from offset 0
//! skippable frame      rows of all blocks, in the same order               (see rows.rs)
//! skippable frame      columns of all blocks                               (see columns)
//! skippable frame      statistics of all blocks                            (see columns)
//! skippable frame      in how many records of each block frequent words are (see counts.rs)
//! skippable frame      id table: hash -> blocks                            (see ids.rs)
//! skippable frame      the files of one tantivy segment: word -> blocks    (see words.rs)
//! skippable frame      meta, drawn below
//! skippable frame      footer, drawn below: the last 96 bytes
//!
//! skippable frame:  magic 4 (0x184D2A5E), length of what follows 4, little endian as all numbers here
//!
//! footer:
//!  0  magic 4, length 4   of its skippable frame (length is 88)
//!  8  version          4  VERSION, or an earlier one from 1 on; a later one is refused
//! 12  zero             4
//! 16  rows             8 + 8   offset and length of what is inside the frame
//! 32  id table         8 + 8
//! 48  words            8 + 8
//! 64  meta             8 + 8
//! 80  meta crc32c      4
//! 84  footer crc32c    4  of bytes 0-83
//! 88  end mark         8  "LOGWEIR\n"
//!
//! meta, in varints (z: zigzag) and strings (varint length, bytes):
//!   journal 16 bytes; first and last position; z min and max receive time; lines; merged 0 or 1
//!   sources: count, each 16 bytes and its resource as JSON
//!   services: count, each a string
//!   paths: count, each a string
//!   runs: count, each: blocks; sources: count, each its number above; services and paths likewise
//!   blocks: count, each: lines, text length, frame length, frame crc, rows length, rows crc, z min time, max - min,
//!           columns length, columns crc
//!   id table: bucket bits, block bits, hash bits, bytes an entry, entries
//!   words: files, each its name and length, in the order they stand in
//!   page checksums: of the id table, then of the words: count, each the crc32c of 4 KiB (the last one shorter)
//!   columns, statistics, counts: each offset and length; the crc32c of the statistics; page checksums of the counts
//! ```
//! Version 2 had no columns, statistics and counts; severity and service stood in the rows.
//! Version 1 had no layouts and no patterns, and knew less of what is in a text: its index is not used, its blocks are read.
//!
//! Checksums: a block's frame and rows have their own, the index has one a page, meta and footer one each. The only
//! bytes without one are the heads of skippable frames, which nobody here reads.

use super::ids::IdShape;
use super::pages;
use crate::codec::damaged;
use crate::seal::{BlockInfo, RunNames};
use logweir_base::dir::{File, read_exact_at};
use logweir_base::ids::{JournalId, Position, SourceId};
use logweir_base::time::Timestamp;
use logweir_base::varint::{put, take, unzigzag, zigzag};
use std::io;
use std::sync::Arc;

/// Version of everything drawn above and in the files it names.
pub(crate) const VERSION: u32 = 3;
/// Since then the index knows all that queries ask it for.
pub(crate) const INDEX_VERSION: u32 = 2;
/// Since then blocks have columns.
pub(crate) const COLUMNS_VERSION: u32 = 3;
pub(crate) const FOOTER_BYTES: usize = 96;
const SKIPPABLE: u32 = 0x184D_2A5E;
const END_MARK: &[u8; 8] = b"LOGWEIR\n";

/// Where something stands in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Section {
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// The last bytes of the file: where all else is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Footer {
    pub(crate) rows: Section,
    pub(crate) ids: Section,
    pub(crate) words: Section,
    pub(crate) meta: Section,
    pub(crate) meta_crc: u32,
    pub(crate) version: u32,
}

/// What a split says of itself.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Meta {
    pub(crate) journal: JournalId,
    /// Journal records it stands for, those without lines included.
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) received: (Timestamp, Timestamp),
    pub(crate) lines: u64,
    /// It was made of other splits and will not be merged again.
    pub(crate) merged: bool,
    pub(crate) names: RunNames,
    pub(crate) runs: Vec<RunMeta>,
    pub(crate) blocks: Vec<BlockInfo>,
    pub(crate) id_shape: IdShape,
    pub(crate) word_files: Vec<(String, u64)>,
    pub(crate) id_pages: Vec<u32>,
    pub(crate) word_pages: Vec<u32>,
    pub(crate) columns: Section,
    pub(crate) stats: Section,
    pub(crate) stats_crc: u32,
    pub(crate) counts: Section,
    pub(crate) count_pages: Vec<u32>,
}

/// One sorted run: how many blocks it has and which names its rows' numbers stand for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RunMeta {
    pub(crate) blocks: u32,
    pub(crate) sources: Vec<u32>,
    pub(crate) services: Vec<u32>,
    pub(crate) paths: Vec<u32>,
}

/// The eight bytes before what is inside a skippable frame; `None` when it is too long for one.
pub(crate) fn skippable_head(len: u64) -> Option<[u8; 8]> {
    let len = u32::try_from(len).ok()?;
    let mut head = [0; 8];
    head[..4].copy_from_slice(&SKIPPABLE.to_le_bytes());
    head[4..].copy_from_slice(&len.to_le_bytes());
    Some(head)
}

impl Footer {
    pub(crate) fn encode(&self) -> [u8; FOOTER_BYTES] {
        let mut out = [0; FOOTER_BYTES];
        out[..8].copy_from_slice(&skippable_head(88).expect("88 is short"));
        out[8..12].copy_from_slice(&self.version.to_le_bytes());
        for (i, section) in [self.rows, self.ids, self.words, self.meta].iter().enumerate() {
            out[16 + 16 * i..24 + 16 * i].copy_from_slice(&section.at.to_le_bytes());
            out[24 + 16 * i..32 + 16 * i].copy_from_slice(&section.len.to_le_bytes());
        }
        out[80..84].copy_from_slice(&self.meta_crc.to_le_bytes());
        let crc = crc32c::crc32c(&out[..84]);
        out[84..88].copy_from_slice(&crc.to_le_bytes());
        out[88..].copy_from_slice(END_MARK);
        out
    }

    fn decode(bytes: &[u8]) -> io::Result<Self> {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if &bytes[88..] != END_MARK || crc32c::crc32c(&bytes[..84]) != u32_at(84) {
            return Err(damaged("footer is not what was written"));
        }
        let version = u32_at(8);
        if !(1..=VERSION).contains(&version) {
            let why = format!("split format version {version}, this program reads 1 to {VERSION}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let section = |i: usize| Section { at: u64_at(16 + 16 * i), len: u64_at(24 + 16 * i) };
        let (rows, ids, words, meta) = (section(0), section(1), section(2), section(3));
        Ok(Self { rows, ids, words, meta, meta_crc: u32_at(80), version })
    }

    /// Reads and checks the footer. Errors: `InvalidData` when damaged, `Unsupported` for another version.
    pub(crate) fn read(file: &dyn File) -> io::Result<Self> {
        let start = file.len()?.checked_sub(FOOTER_BYTES as u64);
        let start = start.ok_or_else(|| damaged("shorter than a footer"))?;
        Self::decode(&read_exact_at(file, start, FOOTER_BYTES)?)
    }
}

impl Meta {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.journal.0);
        put(&mut out, self.first.0);
        put(&mut out, self.last.0);
        put(&mut out, zigzag(self.received.0.0));
        put(&mut out, zigzag(self.received.1.0));
        put(&mut out, self.lines);
        put(&mut out, u64::from(self.merged));
        put_names(&mut out, &self.names);
        put(&mut out, self.runs.len() as u64);
        for run in &self.runs {
            put(&mut out, u64::from(run.blocks));
            put_numbers(&mut out, &run.sources);
            put_numbers(&mut out, &run.services);
            put_numbers(&mut out, &run.paths);
        }
        put(&mut out, self.blocks.len() as u64);
        self.blocks.iter().for_each(|block| put_block(&mut out, block));
        self.id_shape.encode(&mut out);
        put(&mut out, self.word_files.len() as u64);
        for (name, len) in &self.word_files {
            put_text(&mut out, name);
            put(&mut out, *len);
        }
        put_numbers(&mut out, &self.id_pages);
        put_numbers(&mut out, &self.word_pages);
        for section in [self.columns, self.stats, self.counts] {
            put(&mut out, section.at);
            put(&mut out, section.len);
        }
        put(&mut out, u64::from(self.stats_crc));
        put_numbers(&mut out, &self.count_pages);
        out
    }

    /// Reads and checks the meta section that `footer` names.
    pub(crate) fn read(file: &dyn File, footer: &Footer) -> io::Result<Self> {
        if footer.meta.at.saturating_add(footer.meta.len) > file.len()? {
            return Err(damaged("meta beyond the end of the file"));
        }
        let len = usize::try_from(footer.meta.len).map_err(|_| damaged("meta too long"))?;
        let bytes = read_exact_at(file, footer.meta.at, len)?;
        if crc32c::crc32c(&bytes) != footer.meta_crc {
            return Err(damaged("meta is not what was written"));
        }
        let meta =
            Self::decode(&mut bytes.as_slice(), footer.version).ok_or_else(|| damaged("meta cut short"))?;
        if meta.is_whole(footer) { Ok(meta) } else { Err(damaged("meta contradicts itself")) }
    }

    fn decode(input: &mut &[u8], version: u32) -> Option<Self> {
        let has_columns = version >= COLUMNS_VERSION;
        let mut meta = Self {
            journal: JournalId(take_array(input)?),
            first: Position(take(input)?),
            last: Position(take(input)?),
            received: (take_time(input)?, take_time(input)?),
            lines: take(input)?,
            merged: take(input)? != 0,
            names: take_names(input, has_columns)?,
            runs: take_list(input, |input| take_run(input, has_columns))?,
            blocks: take_list(input, |input| take_block(input, has_columns))?,
            id_shape: IdShape::decode(input)?,
            word_files: take_list(input, |input| Some((take_text(input)?.to_owned(), take(input)?)))?,
            id_pages: take_list(input, take_u32)?,
            word_pages: take_list(input, take_u32)?,
            columns: Section::default(),
            stats: Section::default(),
            stats_crc: 0,
            counts: Section::default(),
            count_pages: Vec::new(),
        };
        if has_columns {
            (meta.columns, meta.stats) = (take_section(input)?, take_section(input)?);
            meta.counts = take_section(input)?;
            meta.stats_crc = take_u32(input)?;
            meta.count_pages = take_list(input, take_u32)?;
        }
        input.is_empty().then_some(meta)
    }

    /// The self-check: lines, blocks, runs, names and sections agree.
    fn is_whole(&self, footer: &Footer) -> bool {
        let names = &self.names;
        let named = |run: &RunMeta| {
            run.sources.iter().all(|&n| (n as usize) < names.sources.len())
                && run.services.iter().all(|&n| (n as usize) < names.services.len())
                && run.paths.iter().all(|&n| (n as usize) < names.paths.len())
        };
        let sum = |of: fn(&BlockInfo) -> u32| self.blocks.iter().map(|b| u64::from(of(b))).sum::<u64>();
        self.runs.iter().all(named)
            && self.runs.iter().map(|run| u64::from(run.blocks)).sum::<u64>() == self.blocks.len() as u64
            && sum(|block| block.lines) == self.lines
            && sum(|block| block.rows_len) == footer.rows.len
            && sum(|block| block.columns_len) == self.columns.len
            && sum(|block| block.frame_len) + 8 == footer.rows.at
            && self.word_files.iter().map(|(_, len)| len).sum::<u64>() == footer.words.len
            && self.id_pages.len() as u64 == pages::count(footer.ids.len)
            && self.word_pages.len() as u64 == pages::count(footer.words.len)
            && self.count_pages.len() as u64 == pages::count(self.counts.len)
    }
}

fn put_names(out: &mut Vec<u8>, names: &RunNames) {
    put(out, names.sources.len() as u64);
    for (id, resource) in &names.sources {
        out.extend_from_slice(&id.0);
        put_text(out, &serde_json::to_string(resource).expect("plain data always serialises"));
    }
    put(out, names.services.len() as u64);
    names.services.iter().for_each(|name| put_text(out, name));
    put(out, names.paths.len() as u64);
    names.paths.iter().for_each(|path| put_text(out, path));
}

fn put_block(out: &mut Vec<u8>, block: &BlockInfo) {
    let sizes =
        [block.lines, block.text_len, block.frame_len, block.frame_crc, block.rows_len, block.rows_crc];
    sizes.iter().for_each(|&number| put(out, u64::from(number)));
    put(out, zigzag(block.min_time.0));
    put(out, block.max_time.0.wrapping_sub(block.min_time.0) as u64);
    put(out, u64::from(block.columns_len));
    put(out, u64::from(block.columns_crc));
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    put(out, numbers.len() as u64);
    numbers.iter().for_each(|&number| put(out, u64::from(number)));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_names(input: &mut &[u8], has_columns: bool) -> Option<RunNames> {
    let source = |input: &mut &[u8]| {
        let id = SourceId(take_array(input)?);
        Some((id, Arc::new(serde_json::from_str(take_text(input)?).ok()?)))
    };
    let name = |input: &mut &[u8]| Some(take_text(input)?.into());
    let (sources, services) = (take_list(input, source)?, take_list(input, name)?);
    let paths = if has_columns { take_list(input, name)? } else { Vec::new() };
    Some(RunNames { sources, services, paths })
}

fn take_run(input: &mut &[u8], has_columns: bool) -> Option<RunMeta> {
    let blocks = take_u32(input)?;
    let (sources, services) = (take_list(input, take_u32)?, take_list(input, take_u32)?);
    let paths = if has_columns { take_list(input, take_u32)? } else { Vec::new() };
    Some(RunMeta { blocks, sources, services, paths })
}

fn take_block(input: &mut &[u8], has_columns: bool) -> Option<BlockInfo> {
    let mut next = || take_u32(input);
    let (lines, text_len, frame_len) = (next()?, next()?, next()?);
    let (frame_crc, rows_len, rows_crc) = (next()?, next()?, next()?);
    let min_time = take_time(input)?;
    let max_time = Timestamp(min_time.0.wrapping_add_unsigned(take(input)?));
    let sizes =
        BlockInfo { lines, text_len, frame_len, frame_crc, rows_len, rows_crc, ..BlockInfo::default() };
    let (columns_len, columns_crc) = if has_columns { (take_u32(input)?, take_u32(input)?) } else { (0, 0) };
    Some(BlockInfo { min_time, max_time, columns_len, columns_crc, ..sizes })
}

fn take_section(input: &mut &[u8]) -> Option<Section> {
    Some(Section { at: take(input)?, len: take(input)? })
}

fn take_list<T>(input: &mut &[u8], one: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = take(input)?;
    // Each takes a byte at least, so a false count fails before it costs memory.
    (count <= input.len() as u64).then_some(())?;
    (0..count).map(|_| one(input)).collect()
}

fn take_array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*array)
}

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let len = usize::try_from(take(input)?).ok()?;
    let (text, rest) = input.split_at_checked(len)?;
    *input = rest;
    std::str::from_utf8(text).ok()
}

fn take_time(input: &mut &[u8]) -> Option<Timestamp> {
    take(input).map(unzigzag).map(Timestamp)
}

fn take_u32(input: &mut &[u8]) -> Option<u32> {
    u32::try_from(take(input)?).ok()
}
