//! Merging small splits into one: runs and blocks are copied as they are, checked on the way; id tables are put into
//! new buckets; tantivy merges the word segments. Nothing is decompressed or parsed.

use super::format::RunMeta;
use super::read::SplitReader;
use super::write::{Head, Index, SplitWriter, tmp};
use super::{SplitInfo, counts, file_name, ids, words};
use crate::seal::RunNames;
use logweir_base::dir::Dir;
use std::io;
use std::sync::Arc;

/// Writes one split of `inputs`, which follow each other in position. Nothing is left behind when it fails.
pub(crate) fn merge(dir: &dyn Dir, inputs: &[Arc<SplitReader>]) -> io::Result<SplitInfo> {
    let (Some(first), Some(last)) = (inputs.first(), inputs.last()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "nothing to merge"));
    };
    let (journal, first, last) = (first.meta.journal, first.meta.first, last.meta.last);
    let name = file_name(first, last);
    let merged = merge_to(dir, &name, Head { journal, first, last, merged: true }, inputs);
    if merged.is_err() {
        let _ = dir.remove(&tmp(&name));
    }
    merged
}

fn merge_to(dir: &dyn Dir, name: &str, head: Head, inputs: &[Arc<SplitReader>]) -> io::Result<SplitInfo> {
    let mut writer = SplitWriter::create(dir, name)?;
    for input in inputs {
        for run in 0..input.run_count() {
            writer.run(&names_of(input, &input.meta.runs[run]), input.meta.runs[run].blocks);
            for block in input.blocks_of(run) {
                writer.block(input.meta.blocks[block], &input.frame(block)?)?;
            }
        }
    }
    let all_blocks =
        || inputs.iter().flat_map(|input| (0..input.block_count()).map(move |block| (input, block)));
    let rows = writer.rows(|writer| {
        let mut blocks = all_blocks();
        blocks.try_for_each(|(input, block)| writer.put(&input.rows(block)?))
    })?;
    let columns = writer.columns(|writer| {
        let mut blocks = all_blocks();
        blocks.try_for_each(|(input, block)| writer.put(&input.columns(block)?))
    })?;
    let mut stats = Vec::new();
    for input in inputs {
        stats.extend_from_slice(input.stats()?.bytes());
    }
    let sections = inputs.iter().map(|it| Ok((it.all_counts()?, it.block_count())));
    let counts = counts::merge(&sections.collect::<io::Result<Vec<_>>>()?)?;
    let tables = inputs.iter().map(|it| Ok((it.meta.id_shape, it.id_table()?, it.block_count())));
    let ids = ids::merge(&tables.collect::<io::Result<Vec<_>>>()?)?;
    let words: Vec<_> = inputs.iter().map(|input| input.open_words()).collect::<io::Result<_>>()?;
    let min = inputs.iter().map(|input| input.meta.received.0).min().unwrap_or_default();
    let max = inputs.iter().map(|input| input.meta.received.1).max().unwrap_or_default();
    let index = Index { rows, columns, stats, counts, ids, words: words::merge(&words)? };
    writer.finish(head, (min, max), index)
}

/// The names a run's rows number into, taken out of its split's list.
fn names_of(input: &SplitReader, run: &RunMeta) -> RunNames {
    let names = &input.meta.names;
    RunNames {
        sources: run.sources.iter().map(|&number| names.sources[number as usize].clone()).collect(),
        services: run.services.iter().map(|&number| names.services[number as usize].clone()).collect(),
        paths: run.paths.iter().map(|&number| names.paths[number as usize].clone()).collect(),
    }
}
