//! The blocks of one run, whether it is in the tail or in a split.

use crate::block::{self, Names};
use crate::codec::{Unpacker, damaged};
use crate::columns::{BlockStats, Parts, read_groups};
use crate::rows::Row;
use crate::seal::{BlockInfo, SealedRun};
use crate::split::read::{RunTotals, SplitReader};
use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// A run of blocks.
#[derive(Clone)]
pub(crate) enum Blocks {
    Sealed(Arc<SealedRun>),
    Split { reader: Arc<SplitReader>, run: usize, name: Arc<str> },
}

impl Blocks {
    /// Their numbers, ascending in time.
    pub(crate) fn range(&self) -> Range<usize> {
        match self {
            Self::Sealed(run) => 0..run.blocks.len(),
            Self::Split { reader, run, .. } => reader.blocks_of(*run),
        }
    }

    pub(crate) fn info(&self, index: usize) -> &BlockInfo {
        match self {
            Self::Sealed(run) => &run.blocks[index].info,
            Self::Split { reader, .. } => &reader.meta.blocks[index],
        }
    }

    pub(crate) fn names(&self) -> Names<'_> {
        match self {
            Self::Sealed(run) => Names::Run(&run.names),
            Self::Split { reader, run, .. } => reader.names(*run),
        }
    }

    /// Whether they have columns and statistics.
    pub(crate) fn has_columns(&self) -> bool {
        match self {
            Self::Sealed(_) => true,
            Self::Split { reader, .. } => reader.has_columns(),
        }
    }

    /// Whose blocks they are, for error texts.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Sealed(_) => "tail",
            Self::Split { name, .. } => name,
        }
    }

    /// Reads the statistics of a block; false when it has none.
    pub(crate) fn stats(&self, index: usize, parts: Parts, stats: &mut BlockStats) -> io::Result<bool> {
        let mut entry = match self {
            Self::Sealed(run) => &*run.blocks[index].stats,
            Self::Split { reader, .. } if reader.has_columns() => reader.stats()?.from(index),
            Self::Split { .. } => return Ok(false),
        };
        let read = stats.read(&mut entry, parts).is_some() && stats.rows == self.info(index).lines;
        let named = stats.groups.iter().all(|group| self.names().service(group.service).is_some());
        if read && named { Ok(true) } else { Err(damaged("statistics of a block do not agree with it")) }
    }

    /// Calls `visit` with what is known of all lines together; false when nothing is.
    pub(crate) fn totals(&self, visit: impl FnOnce(&RunTotals)) -> io::Result<bool> {
        match self {
            Self::Sealed(run) => {
                let blocks = run.blocks.iter().map(|block| (&*block.stats, &block.info));
                let totals = RunTotals::of(blocks).ok_or_else(|| damaged("statistics of a run cut short"))?;
                visit(&totals);
            }
            Self::Split { reader, run, .. } if reader.has_columns() => visit(reader.stats()?.of_run(*run)),
            Self::Split { .. } => return Ok(false),
        }
        Ok(true)
    }

    /// The columns of a block that has statistics.
    pub(crate) fn columns(&self, index: usize) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::Sealed(run) => Ok(Cow::Borrowed(&run.blocks[index].columns)),
            Self::Split { reader, .. } => reader.columns(index).map(Cow::Owned),
        }
    }

    /// All that is known of the rows of a block but their text.
    pub(crate) fn rows(&self, index: usize, unpacker: &mut Unpacker) -> io::Result<Vec<Row>> {
        let (info, names) = (self.info(index), self.names());
        let mut rows = match self {
            Self::Sealed(run) => block::unpack_rows(info, &run.blocks[index].rows, names, unpacker)?,
            Self::Split { reader, .. } => block::unpack_rows(info, &reader.rows(index)?, names, unpacker)?,
        };
        let mut stats = BlockStats::default();
        if self.stats(index, Parts::All, &mut stats)? {
            let mut groups = Vec::new();
            let columns = self.columns(index)?;
            read_groups(&stats, &columns, &mut groups)
                .ok_or_else(|| damaged("groups of a block cut short"))?;
            for (row, group) in rows.iter_mut().zip(groups) {
                let group = stats.groups[group as usize];
                (row.severity, row.service) = (group.severity, group.service);
            }
        }
        Ok(rows)
    }

    /// The lines of a block.
    pub(crate) fn text(&self, index: usize, unpacker: &mut Unpacker) -> io::Result<Vec<u8>> {
        let info = self.info(index);
        match self {
            Self::Sealed(run) => block::unpack_text(info, &run.blocks[index].frame, unpacker),
            Self::Split { reader, .. } => block::unpack_text(info, &reader.frame(index)?, unpacker),
        }
    }
}
