//! A block that has been decompressed: its text and its rows, checked against what is known of it.

use crate::codec::{Unpacker, damaged};
use crate::line::Hit;
use crate::rows::{self, Row};
use crate::seal::{BlockInfo, RunNames};
use crate::split::format::{Meta, RunMeta};
use logweir_base::entry::trim_line_ending;
use logweir_base::frame::Resource;
use logweir_base::ids::SourceId;
use logweir_base::parse::{RecordView, hides_words};
use std::io;
use std::sync::Arc;

/// Lines that can be looked at.
pub(crate) struct Block {
    pub(crate) text: Vec<u8>,
    pub(crate) rows: Vec<Row>,
}

/// What the numbers in a run's rows stand for.
#[derive(Clone, Copy)]
pub(crate) enum Names<'a> {
    /// A sealed run has its own list.
    Run(&'a RunNames),
    /// A split has one list, and each of its runs numbers into it.
    Split(&'a Meta, &'a RunMeta),
}

impl<'a> Names<'a> {
    /// All paths that columns number into.
    pub(crate) fn paths(self) -> Box<dyn Iterator<Item = &'a Arc<str>> + 'a> {
        match self {
            Self::Run(names) => Box::new(names.paths.iter()),
            Self::Split(meta, run) => {
                Box::new(run.paths.iter().map(|&number| &meta.names.paths[number as usize]))
            }
        }
    }

    /// All sources.
    pub(crate) fn resources(self) -> Box<dyn Iterator<Item = &'a Arc<Resource>> + 'a> {
        match self {
            Self::Run(names) => Box::new(names.sources.iter().map(|(_, resource)| resource)),
            Self::Split(meta, run) => {
                Box::new(run.sources.iter().map(|&number| &meta.names.sources[number as usize].1))
            }
        }
    }

    pub(crate) fn source(self, number: u32) -> Option<&'a (SourceId, Arc<Resource>)> {
        match self {
            Self::Run(names) => names.sources.get(number as usize),
            Self::Split(meta, run) => meta.names.sources.get(*run.sources.get(number as usize)? as usize),
        }
    }

    pub(crate) fn service(self, number: u32) -> Option<&'a str> {
        match self {
            Self::Run(names) => names.services.get(number as usize).map(|name| &**name),
            Self::Split(meta, run) => {
                meta.names.services.get(*run.services.get(number as usize)? as usize).map(|name| &**name)
            }
        }
    }
}

impl Block {
    /// Whether words of some line do not stand in the text as they are.
    pub(crate) fn hides_words(&self) -> bool {
        self.rows.iter().any(|row| hides_words(self.raw(row), row.layout))
    }

    /// What the matcher judges.
    pub(crate) fn view<'a>(&'a self, row: &Row, names: Names<'a>) -> RecordView<'a> {
        let (_, resource) = names.source(row.source).expect("checked when it was unpacked");
        RecordView {
            layout: row.layout,
            pattern: row.pattern,
            text: trim_line_ending(self.raw(row)),
            time: row.key.time,
            severity: row.severity,
            service: names.service(row.service).expect("checked when it was unpacked"),
            resource,
        }
    }

    /// The line as a search finds it.
    pub(crate) fn hit<'a>(&'a self, row: &Row, names: Names<'a>) -> Hit<'a> {
        let (source, _) = names.source(row.source).expect("checked when it was unpacked");
        Hit {
            view: self.view(row, names),
            raw: self.raw(row),
            position: row.key.position,
            line: row.key.line,
            received: row.received,
            source: *source,
            offset: row.offset,
            range_len: row.range_len,
            meta: row.meta,
            gap: row.gap,
        }
    }

    fn raw(&self, row: &Row) -> &[u8] {
        &self.text[row.at as usize..row.at as usize + row.len as usize]
    }
}

/// Checks and decompresses the rows alone; severity and service are for the caller to fill in where columns have them.
/// Errors: `InvalidData` when they are not what was written.
pub(crate) fn unpack_rows(
    info: &BlockInfo,
    rows: &[u8],
    names: Names<'_>,
    unpacker: &mut Unpacker,
) -> io::Result<Vec<Row>> {
    check_rows(info, rows)?;
    let rows = rows::read(rows, unpacker)?;
    let end = rows.last().map(|row| u64::from(row.at) + u64::from(row.len) + u64::from(row.separated));
    let named = |row: &Row| names.source(row.source).is_some() && names.service(row.service).is_some();
    let whole =
        rows.len() == info.lines as usize && end == Some(u64::from(info.text_len)) && rows.iter().all(named);
    if whole { Ok(rows) } else { Err(damaged("rows and text of a block do not agree")) }
}

/// The lines' text alone.
pub(crate) fn unpack_text(info: &BlockInfo, frame: &[u8], unpacker: &mut Unpacker) -> io::Result<Vec<u8>> {
    check_frame(info, frame)?;
    let mut text = Vec::new();
    unpacker.unpack(frame, info.text_len as usize, &mut text)?;
    Ok(text)
}

/// Errors: `InvalidData` when the frame is not what was written.
pub(crate) fn check_frame(info: &BlockInfo, frame: &[u8]) -> io::Result<()> {
    if crc32c::crc32c(frame) == info.frame_crc {
        Ok(())
    } else {
        Err(damaged("a block is not what was written"))
    }
}

/// Errors: `InvalidData` when the columns are not what was written.
pub(crate) fn check_columns(info: &BlockInfo, columns: &[u8]) -> io::Result<()> {
    if crc32c::crc32c(columns) == info.columns_crc {
        Ok(())
    } else {
        Err(damaged("columns are not what was written"))
    }
}

/// Errors: `InvalidData` when the packed rows are not what was written.
pub(crate) fn check_rows(info: &BlockInfo, rows: &[u8]) -> io::Result<()> {
    if crc32c::crc32c(rows) == info.rows_crc { Ok(()) } else { Err(damaged("rows are not what was written")) }
}
