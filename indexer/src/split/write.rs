//! Writing a split: `NAME.tmp`, sync, rename, directory sync. Only then may the manifest name it (R10).

use super::format::{Footer, Meta, RunMeta, Section, VERSION, skippable_head};
use super::ids::{self, IdShape, Spare};
use super::words::{Files, WordsBuilder};
use super::{SplitInfo, counts, pages};
use crate::seal::{BlockInfo, Namer, RunNames, SealedBlock, SealedRun};
use logweir_base::dir::{Dir, File};
use logweir_base::ids::{JournalId, Position};
use logweir_base::time::Timestamp;
use std::io;
use std::sync::Arc;

const BUFFER_BYTES: usize = 1 << 20;

/// What a split stands for.
pub(crate) struct Head {
    pub(crate) journal: JournalId,
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) merged: bool,
}

/// Writes `runs` as the split that `head` says to the file `name`. Nothing is left behind when it fails.
pub(crate) fn write(
    dir: &dyn Dir,
    name: &str,
    head: Head,
    runs: &[Arc<SealedRun>],
    spare: Spare,
) -> io::Result<SplitInfo> {
    let written = write_runs(dir, name, head, runs, spare);
    if written.is_err() {
        let _ = dir.remove(&tmp(name));
    }
    written
}

fn write_runs(
    dir: &dyn Dir,
    name: &str,
    head: Head,
    runs: &[Arc<SealedRun>],
    spare: Spare,
) -> io::Result<SplitInfo> {
    let blocks: Vec<&SealedBlock> = runs.iter().flat_map(|run| &run.blocks).collect();
    let mut writer = SplitWriter::create(dir, name)?;
    for run in runs {
        writer.run(&run.names, run.blocks.len() as u32);
        for block in &run.blocks {
            writer.block(block.info, &block.frame)?;
        }
    }
    let rows = writer.rows(|writer| blocks.iter().try_for_each(|block| writer.put(&block.rows)))?;
    let columns = writer.columns(|writer| blocks.iter().try_for_each(|block| writer.put(&block.columns)))?;
    let stats = blocks.iter().flat_map(|block| block.stats.iter().copied()).collect::<Vec<u8>>();
    let counts = counts::build(blocks.iter().map(|block| (&*block.words, &*block.counts)));
    let ids = ids::build(blocks.len(), |block| &blocks[block].ids, spare)?;
    let mut words = WordsBuilder::new()?;
    blocks.iter().try_for_each(|block| words.add(&block.words))?;
    let min = runs.iter().map(|run| run.received.0).min().unwrap_or_default();
    let max = runs.iter().map(|run| run.received.1).max().unwrap_or_default();
    let index = Index { rows, columns, stats, counts, ids, words: words.finish()? };
    writer.finish(head, (min, max), index)
}

pub(crate) fn tmp(name: &str) -> String {
    format!("{name}.tmp")
}

/// All that stands behind a split's blocks.
pub(crate) struct Index {
    pub(crate) rows: Section,
    pub(crate) columns: Section,
    pub(crate) stats: Vec<u8>,
    pub(crate) counts: Vec<u8>,
    pub(crate) ids: (IdShape, Vec<u8>),
    pub(crate) words: Files,
}

/// Puts the parts of a split one after the other.
pub(crate) struct SplitWriter<'a> {
    dir: &'a dyn Dir,
    name: &'a str,
    file: Box<dyn File>,
    at: u64,
    buffer: Vec<u8>,
    namer: Namer,
    runs: Vec<RunMeta>,
    blocks: Vec<BlockInfo>,
}

impl<'a> SplitWriter<'a> {
    pub(crate) fn create(dir: &'a dyn Dir, name: &'a str) -> io::Result<Self> {
        dir.remove(&tmp(name))?;
        let file = dir.create(&tmp(name))?;
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        let (namer, runs, blocks) = (Namer::default(), Vec::new(), Vec::new());
        Ok(Self { dir, name, file, at: 0, buffer, namer, runs, blocks })
    }

    /// The next `blocks` blocks are a run whose rows number into `names`.
    pub(crate) fn run(&mut self, names: &RunNames, blocks: u32) {
        let sources = names.sources.iter().map(|(id, resource)| self.namer.source(*id, resource)).collect();
        let services = names.services.iter().map(|name| self.namer.service(name)).collect();
        let paths = names.paths.iter().map(|path| self.namer.path(path)).collect();
        self.runs.push(RunMeta { blocks, sources, services, paths });
    }

    pub(crate) fn block(&mut self, info: BlockInfo, frame: &[u8]) -> io::Result<()> {
        self.blocks.push(info);
        self.put(frame)
    }

    /// The section of rows, which `fill` puts in the order of the blocks.
    pub(crate) fn rows(&mut self, fill: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<Section> {
        let len = self.blocks.iter().map(|block| u64::from(block.rows_len)).sum();
        self.section(len, fill)
    }

    /// The section of columns, likewise.
    pub(crate) fn columns(&mut self, fill: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<Section> {
        let len = self.blocks.iter().map(|block| u64::from(block.columns_len)).sum();
        self.section(len, fill)
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes all that follows the columns and makes the file and its name durable.
    pub(crate) fn finish(
        mut self,
        head: Head,
        received: (Timestamp, Timestamp),
        index: Index,
    ) -> io::Result<SplitInfo> {
        let (id_shape, id_table) = index.ids;
        let word_files = index.words.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
        let all_words = index.words.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<u8>>();
        let stats = self.bytes(&index.stats)?;
        let counts = self.bytes(&index.counts)?;
        let ids = self.bytes(&id_table)?;
        let words = self.bytes(&all_words)?;
        let meta = Meta {
            journal: head.journal,
            first: head.first,
            last: head.last,
            received,
            lines: self.blocks.iter().map(|block| u64::from(block.lines)).sum(),
            merged: head.merged,
            names: std::mem::take(&mut self.namer.names),
            runs: std::mem::take(&mut self.runs),
            blocks: std::mem::take(&mut self.blocks),
            id_shape,
            word_files,
            id_pages: pages::checksums(&id_table),
            word_pages: pages::checksums(&all_words),
            columns: index.columns,
            stats,
            stats_crc: crc32c::crc32c(&index.stats),
            counts,
            count_pages: pages::checksums(&index.counts),
        };
        let bytes = meta.encode();
        let at = self.bytes(&bytes)?;
        let meta_crc = crc32c::crc32c(&bytes);
        let footer = Footer { rows: index.rows, ids, words, meta: at, meta_crc, version: VERSION };
        self.put(&footer.encode())?;
        self.flush()?;
        self.file.sync()?;
        self.dir.rename(&tmp(self.name), self.name)?;
        self.dir.sync()?;
        Ok(SplitInfo::new(self.name.to_owned(), self.at, &meta, VERSION))
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<Section> {
        self.section(bytes.len() as u64, |writer| writer.put(bytes))
    }

    fn section(&mut self, len: u64, fill: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<Section> {
        let head = skippable_head(len).ok_or_else(|| io::Error::other("a section over 4 GiB"))?;
        self.put(&head)?;
        let at = self.at + self.buffer.len() as u64;
        fill(self)?;
        Ok(Section { at, len })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.at, &self.buffer)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
