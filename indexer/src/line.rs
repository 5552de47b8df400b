//! A line's place in the order of results, and a line as a search finds it.

use logweir_base::batch::LineMeta;
use logweir_base::ids::{Offset, Position, SourceId};
use logweir_base::parse::RecordView;
use logweir_base::time::Timestamp;

/// The total order of lines: (time, position, number in the batch). Stable under sealing, splits and merges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LineKey {
    /// Event time, clamped against the receive time.
    pub time: Timestamp,
    /// The journal record that brought it.
    pub position: Position,
    /// Its number in that record, from 0.
    pub line: u32,
}

/// One line that a query found.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'a> {
    /// Text without line ending, and what is known of it.
    pub view: RecordView<'a>,
    /// The text as it is stored, with its line ending if it has one.
    pub raw: &'a [u8],
    /// The journal record that brought it.
    pub position: Position,
    /// Its number in that record, from 0.
    pub line: u32,
    /// When the router received it.
    pub received: Timestamp,
    /// Whose line it is.
    pub source: SourceId,
    /// Offset in the source of its first byte.
    pub offset: Offset,
    /// Bytes in the source, newline included; for a gap, the bytes that are missing.
    pub range_len: u64,
    /// What the shipper said of it.
    pub meta: LineMeta,
    /// No line of a source but the record of a gap in it.
    pub gap: bool,
}

impl Hit<'_> {
    /// Its place in the order of results.
    pub fn key(&self) -> LineKey {
        LineKey { time: self.view.time, position: self.position, line: self.line }
    }
}
