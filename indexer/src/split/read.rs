//! Reading a split: tables once, then only the pages and blocks that a search asks for.

use super::format::{COLUMNS_VERSION, Footer, INDEX_VERSION, Meta};
use super::pages::Pages;
use super::words::Words;
use super::{counts, ids};
use crate::block::{self, Names};
use crate::codec::{Unpacker, damaged};
use crate::columns::{BlockStats, Group, Parts};
use crate::seal::BlockInfo;
use crate::set::BlockSet;
use logweir_base::dir::{Dir, File, read_exact_at};
use logweir_base::query::Candidates;
use logweir_base::time::Timestamp;
use logweir_base::varint::take;
use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// An open split.
pub(crate) struct SplitReader {
    file: Arc<dyn File>,
    pub(crate) meta: Meta,
    version: u32,
    /// Where each block's frame, rows and columns stand.
    places: Vec<[u64; 3]>,
    /// The blocks of each run.
    runs: Vec<Range<usize>>,
    ids: Pages,
    word_pages: Arc<Pages>,
    words: OnceLock<Words>,
    stats: OnceLock<StatsTable>,
    counts: Pages,
}

/// The statistics of all blocks.
pub(crate) struct StatsTable {
    bytes: Vec<u8>,
    /// Where each entry begins.
    starts: Vec<u32>,
    /// The groups of all blocks of a run together, and the times of its lines.
    runs: Vec<RunTotals>,
}

/// What is known of all lines of a run together.
#[derive(Debug, Default)]
pub(crate) struct RunTotals {
    pub(crate) groups: Vec<Group>,
    pub(crate) times: (Timestamp, Timestamp),
}

impl RunTotals {
    /// Of blocks with this statistics and times; `None` when one cannot be read.
    pub(crate) fn of<'a>(blocks: impl Iterator<Item = (&'a [u8], &'a BlockInfo)>) -> Option<Self> {
        let mut totals = Self { groups: Vec::new(), times: (Timestamp::MAX, Timestamp::MIN) };
        let mut stats = BlockStats::default();
        for (mut entry, info) in blocks {
            stats.read(&mut entry, Parts::All)?;
            totals.times = (totals.times.0.min(info.min_time), totals.times.1.max(info.max_time));
            for group in &stats.groups {
                let same = |it: &&mut Group| (it.severity, it.service) == (group.severity, group.service);
                match totals.groups.iter_mut().find(same) {
                    Some(known) => known.rows = known.rows.checked_add(group.rows)?,
                    None => totals.groups.push(*group),
                }
            }
        }
        Some(totals)
    }
}

impl StatsTable {
    fn of(bytes: Vec<u8>, blocks: &[BlockInfo], runs: &[Range<usize>]) -> io::Result<Self> {
        let mut starts = Vec::with_capacity(blocks.len());
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            starts.push((bytes.len() - rest.len()) as u32);
            let len = take(&mut rest).and_then(|len| usize::try_from(len).ok());
            rest = len.and_then(|len| rest.get(len..)).ok_or_else(|| damaged("statistics cut short"))?;
        }
        if starts.len() != blocks.len() {
            return Err(damaged("statistics of another number of blocks"));
        }
        let of_run = |run: &Range<usize>| {
            RunTotals::of(run.clone().map(|block| (&bytes[starts[block] as usize..], &blocks[block])))
        };
        let runs = runs.iter().map(of_run).collect::<Option<_>>();
        let runs = runs.ok_or_else(|| damaged("statistics of a block cut short"))?;
        Ok(Self { bytes, starts, runs })
    }

    /// Of all blocks of a run.
    pub(crate) fn of_run(&self, run: usize) -> &RunTotals {
        &self.runs[run]
    }

    /// The entries from the one of `block` on.
    pub(crate) fn from(&self, block: usize) -> &[u8] {
        &self.bytes[self.starts[block] as usize..]
    }

    /// All entries.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl SplitReader {
    /// Opens `name` and reads its tables. Errors: as [`Footer::read`] and [`Meta::read`].
    pub(crate) fn open(dir: &Arc<dyn Dir>, name: &str) -> io::Result<Self> {
        let file: Arc<dyn File> = Arc::from(dir.open(name)?);
        let footer = Footer::read(file.as_ref())?;
        let mut meta = Meta::read(file.as_ref(), &footer)?;
        let mut at = [0, footer.rows.at, meta.columns.at];
        let places = meta.blocks.iter().map(|block| {
            let place = at;
            let lens = [block.frame_len, block.rows_len, block.columns_len];
            at.iter_mut().zip(lens).for_each(|(at, len)| *at += u64::from(len));
            place
        });
        let places = places.collect();
        let mut first = 0;
        let runs = meta.runs.iter().map(|run| {
            let start = first;
            first += run.blocks as usize;
            start..first
        });
        let runs = runs.collect();
        let ids = Pages::new(file.clone(), footer.ids, std::mem::take(&mut meta.id_pages));
        let word_pages = Pages::new(file.clone(), footer.words, std::mem::take(&mut meta.word_pages));
        let word_pages = Arc::new(word_pages);
        let counts = Pages::new(file.clone(), meta.counts, std::mem::take(&mut meta.count_pages));
        let (words, stats) = (OnceLock::new(), OnceLock::new());
        Ok(Self { file, meta, version: footer.version, places, runs, ids, word_pages, words, stats, counts })
    }

    pub(crate) fn block_count(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// The blocks of a run, ascending in time.
    pub(crate) fn blocks_of(&self, run: usize) -> Range<usize> {
        self.runs[run].clone()
    }

    pub(crate) fn names(&self, run: usize) -> Names<'_> {
        Names::Split(&self.meta, &self.meta.runs[run])
    }

    /// The blocks that may hold a matching line. Errors: `InvalidData` when a part of the index is damaged.
    pub(crate) fn candidates(&self, candidates: &Candidates) -> io::Result<BlockSet> {
        let count = self.block_count();
        if self.version < INDEX_VERSION {
            return Ok(BlockSet::all(count));
        }
        Ok(match candidates {
            Candidates::All => BlockSet::all(count),
            Candidates::None => BlockSet::none(count),
            Candidates::Word(hash) => self.collect(|found| self.words()?.look_up(*hash, found))?,
            Candidates::Id(hash) => {
                self.collect(|found| ids::look_up(self.meta.id_shape, &self.ids, *hash, found))?
            }
            Candidates::And(all) => self.candidates_of_all(all)?,
            Candidates::Or(any) => {
                let mut set = BlockSet::none(count);
                for one in any {
                    set.union(&self.candidates(one)?);
                }
                set
            }
        })
    }

    /// Ids come first: they are the cheapest to look up and leave the fewest blocks.
    fn candidates_of_all(&self, all: &[Candidates]) -> io::Result<BlockSet> {
        let mut set = BlockSet::all(self.block_count());
        let is_id = |one: &&Candidates| matches!(one, Candidates::Id(_));
        for one in all.iter().filter(is_id).chain(all.iter().filter(|one| !is_id(one))) {
            set.intersect(&self.candidates(one)?);
            if set.is_empty() {
                break;
            }
        }
        Ok(set)
    }

    fn collect(&self, look_up: impl FnOnce(&mut dyn FnMut(usize)) -> io::Result<()>) -> io::Result<BlockSet> {
        let mut set = BlockSet::none(self.block_count());
        let mut known = true;
        look_up(&mut |block| known &= set.insert(block))?;
        if known { Ok(set) } else { Err(damaged("the index names a block that is not there")) }
    }

    /// Whether blocks have columns and statistics.
    pub(crate) fn has_columns(&self) -> bool {
        self.version >= COLUMNS_VERSION
    }

    /// The statistics of all blocks; read once.
    pub(crate) fn stats(&self) -> io::Result<&StatsTable> {
        if let Some(stats) = self.stats.get() {
            return Ok(stats);
        }
        let section = self.meta.stats;
        let len = usize::try_from(section.len).map_err(|_| damaged("statistics too long"))?;
        let bytes = read_exact_at(self.file.as_ref(), section.at, len)?;
        if crc32c::crc32c(&bytes) != self.meta.stats_crc {
            return Err(damaged("statistics are not what was written"));
        }
        let stats = StatsTable::of(bytes, &self.meta.blocks, &self.runs)?;
        Ok(self.stats.get_or_init(|| stats))
    }

    /// Shows how many records of which blocks have `word`, as far as that is known.
    pub(crate) fn counts(
        &self,
        word: u64,
        unpacker: &mut Unpacker,
        found: impl FnMut(usize, u64),
    ) -> io::Result<()> {
        counts::look_up(&self.counts, word, unpacker, found)
    }

    /// All of what [`SplitReader::counts`] looks up in.
    pub(crate) fn all_counts(&self) -> io::Result<Vec<u8>> {
        self.counts.read(0..self.counts.len())
    }

    /// The checked columns of a block.
    pub(crate) fn columns(&self, index: usize) -> io::Result<Vec<u8>> {
        let info = &self.meta.blocks[index];
        let columns = read_exact_at(self.file.as_ref(), self.places[index][2], info.columns_len as usize)?;
        block::check_columns(info, &columns)?;
        Ok(columns)
    }

    /// The checked frame of a block, still compressed.
    pub(crate) fn frame(&self, index: usize) -> io::Result<Vec<u8>> {
        let frame = self.read_frame(index)?;
        block::check_frame(&self.meta.blocks[index], &frame)?;
        Ok(frame)
    }

    /// The checked rows of a block, still compressed.
    pub(crate) fn rows(&self, index: usize) -> io::Result<Vec<u8>> {
        let rows = self.read_rows(index)?;
        block::check_rows(&self.meta.blocks[index], &rows)?;
        Ok(rows)
    }

    /// The whole id table.
    pub(crate) fn id_table(&self) -> io::Result<Vec<u8>> {
        self.ids.read(0..self.ids.len())
    }

    /// The word index, opened anew.
    pub(crate) fn open_words(&self) -> io::Result<Words> {
        Words::open(self.word_pages.clone(), &self.meta.word_files)
    }

    fn words(&self) -> io::Result<&Words> {
        match self.words.get() {
            Some(words) => Ok(words),
            None => {
                let words = self.open_words()?;
                Ok(self.words.get_or_init(|| words))
            }
        }
    }

    fn read_frame(&self, index: usize) -> io::Result<Vec<u8>> {
        read_exact_at(self.file.as_ref(), self.places[index][0], self.meta.blocks[index].frame_len as usize)
    }

    fn read_rows(&self, index: usize) -> io::Result<Vec<u8>> {
        read_exact_at(self.file.as_ref(), self.places[index][1], self.meta.blocks[index].rows_len as usize)
    }
}
