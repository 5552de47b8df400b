//! Writing a split anew without the lines that a deletion removes: the ones that stay are sealed again, one by one and in their
//! order, as a pure function of the old split and the deletion. It stands for the same records, in a file of another name.
//!
//! Limits: the new split is put together in memory, compressed, as the one of a full tail is.

use crate::block::{Block, Names};
use crate::blocks::Blocks;
use crate::codec::{Unpacker, damaged};
use crate::config::IndexerConfig;
use crate::keeper::spare_of;
use crate::rows::Row;
use crate::seal::{Namer, RunNames, SealedBlock, SealedRun, Sealer};
use crate::set::BlockSet;
use crate::split::read::SplitReader;
use crate::split::write::{self, Head};
use crate::split::{SplitInfo, next_file_name};
use logweir_base::dir::Dir;
use logweir_base::ids::Position;
use logweir_base::pattern::PatternId;
use logweir_base::query::{Matcher, Query};
use logweir_base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// What a deletion has made of a split.
pub(crate) struct Rewritten {
    /// The new split; `None` when no line is left.
    pub(crate) info: Option<SplitInfo>,
    /// Lines that are gone.
    pub(crate) lines: u64,
    /// Their patterns.
    pub(crate) patterns: BTreeSet<PatternId>,
}

/// Writes the split `old` without the lines up to `up_to` that `query` finds. `None` when there are none. Errors: `InvalidData`
/// when a part of it is damaged.
pub(crate) fn rewrite(
    dir: &dyn Dir,
    old: &SplitInfo,
    reader: &Arc<SplitReader>,
    (query, up_to): (&Query, Position),
    config: &IndexerConfig,
) -> io::Result<Option<Rewritten>> {
    let mut judge = Judge { matcher: Matcher::new(query), up_to, unpacker: Unpacker::new() };
    if !judge.finds_any(reader, query)? {
        return Ok(None);
    }
    let mut gone = Gone::default();
    let mut sealer = Sealer::new();
    let mut runs = Vec::new();
    for run in 0..reader.run_count() {
        let run = judge.run(reader, run, &mut sealer, config.block_bytes, &mut gone)?;
        runs.extend(run.map(Arc::new));
    }
    let lines = runs.iter().map(|run| run.lines).sum::<u64>();
    if lines + gone.lines != old.lines {
        return Err(damaged("it does not have as many lines as it says"));
    }
    let mut info = None;
    if lines > 0 {
        let (journal, first, last) = (reader.meta.journal, old.first, old.last);
        let head = Head { journal, first, last, merged: old.merged };
        info = Some(write::write(dir, &next_file_name(old), head, &runs, spare_of(lines, config))?);
    }
    Ok(Some(Rewritten { info, lines: gone.lines, patterns: gone.patterns }))
}

/// What is not taken over.
#[derive(Default)]
struct Gone {
    lines: u64,
    patterns: BTreeSet<PatternId>,
}

/// Tells lines that go from lines that stay.
struct Judge {
    matcher: Matcher,
    up_to: Position,
    unpacker: Unpacker,
}

impl Judge {
    /// The index proposes blocks, the matcher disposes of lines. Without an index all blocks are looked at.
    fn finds_any(&mut self, reader: &Arc<SplitReader>, query: &Query) -> io::Result<bool> {
        let all = |_| BlockSet::all(reader.block_count());
        let candidates = reader.candidates(&query.candidates()).unwrap_or_else(all);
        for run in 0..reader.run_count() {
            for index in reader.blocks_of(run).filter(|&index| candidates.contains(index)) {
                let block = self.block(reader, run, index)?;
                if self.rules_out(&block) {
                    continue;
                }
                if block.rows.iter().any(|row| self.goes(&block, row, reader.names(run))) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn block(&mut self, reader: &Arc<SplitReader>, run: usize, index: usize) -> io::Result<Block> {
        let blocks = Blocks::Split { reader: Arc::clone(reader), run, name: Arc::from("") };
        let rows = blocks.rows(index, &mut self.unpacker)?;
        Ok(Block { text: blocks.text(index, &mut self.unpacker)?, rows })
    }

    /// Whether the text of a block shows that no line in it matches.
    fn rules_out(&self, block: &Block) -> bool {
        let filter = self.matcher.prefilter();
        filter.is_some_and(|filter| !filter.is_match(&block.text)) && !block.hides_words()
    }

    fn goes(&mut self, block: &Block, row: &Row, names: Names<'_>) -> bool {
        row.key.position <= self.up_to && self.matcher.matches(&block.view(row, names))
    }

    /// What stays of a run; `None` when nothing does.
    fn run(
        &mut self,
        reader: &Arc<SplitReader>,
        run: usize,
        sealer: &mut Sealer,
        block_bytes: usize,
        gone: &mut Gone,
    ) -> io::Result<Option<SealedRun>> {
        let names = reader.names(run);
        let (mut renamer, mut blocks) = (Renamer::default(), Vec::new());
        for index in reader.blocks_of(run) {
            let block = self.block(reader, run, index)?;
            for row in &block.rows {
                if self.goes(&block, row, names) {
                    gone.lines += 1;
                    gone.patterns.insert(row.pattern);
                    continue;
                }
                let hit = block.hit(row, names);
                sealer.push(renamer.renamed(row, names), hit.raw, &hit.view);
                if sealer.is_full(block_bytes) {
                    blocks.push(sealer.cut());
                }
            }
        }
        if sealer.is_full(0) {
            blocks.push(sealer.cut());
        }
        Ok(renamer.run_of(blocks, sealer.take_paths()))
    }
}

/// Gives the names that are still used numbers anew: a name may be that of a deleted line only.
#[derive(Default)]
struct Renamer {
    namer: Namer,
    sources: BTreeMap<u32, u32>,
    services: BTreeMap<u32, u32>,
    received: Option<(Timestamp, Timestamp)>,
}

impl Renamer {
    /// The row as the new run has it.
    fn renamed(&mut self, row: &Row, names: Names<'_>) -> Row {
        let (min, max) = self.received.unwrap_or((row.received, row.received));
        self.received = Some((min.min(row.received), max.max(row.received)));
        let namer = &mut self.namer;
        let source = *self.sources.entry(row.source).or_insert_with(|| {
            let (id, resource) = names.source(row.source).expect("checked when it was unpacked");
            namer.source(*id, resource)
        });
        let service = *self.services.entry(row.service).or_insert_with(|| {
            namer.service(names.service(row.service).expect("checked when it was unpacked"))
        });
        Row { source, service, ..*row }
    }

    fn run_of(self, blocks: Vec<SealedBlock>, paths: Vec<Arc<str>>) -> Option<SealedRun> {
        Some(SealedRun {
            received: self.received?,
            names: RunNames { paths, ..self.namer.names },
            lines: blocks.iter().map(|block| u64::from(block.info.lines)).sum(),
            bytes: blocks.iter().map(SealedBlock::bytes).sum(),
            blocks,
        })
    }
}
