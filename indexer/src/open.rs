//! The open run: the newest entries as they came, not yet sorted, compressed or indexed. A search scans it.
//!
//! Limits: `run_bytes` of text (4 MiB) and the last entry.

use crate::line::{Hit, LineKey};
use crate::rows::Row;
use logweir_base::batch::LineMeta;
use logweir_base::entry::{Entry, EntryBody, Line, LineBatch};
use logweir_base::frame::{Gap, Resource};
use logweir_base::ids::Position;
use logweir_base::parse::{LineView, Severity, gap_text};
use logweir_base::time::Timestamp;
use std::sync::Arc;

/// Estimate of what an entry costs beside its text: the entry, its place in lists.
const ENTRY_BYTES: usize = 400;

/// Entries with lines, in journal order. A clone shares them.
#[derive(Clone, Default)]
pub(crate) struct OpenRun {
    pub(crate) batches: Vec<Arc<OpenBatch>>,
    pub(crate) lines: u64,
    pub(crate) text_bytes: usize,
    /// Estimate of the memory it holds.
    pub(crate) bytes: usize,
}

/// The lines of one entry. A gap is one line.
pub(crate) struct OpenBatch {
    entry: Arc<Entry>,
    gap: Option<LineBatch>,
}

/// One line of a run; sorts as [`LineKey`] does, since batches stand in journal order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LineRef {
    pub(crate) time: Timestamp,
    pub(crate) batch: u32,
    pub(crate) line: u32,
}

impl OpenBatch {
    /// `None` when the entry has no lines.
    pub(crate) fn of(entry: &Arc<Entry>) -> Option<Self> {
        let gap = match &entry.body {
            EntryBody::Lines(lines) if !lines.lines.is_empty() => None,
            EntryBody::Gap(gap, resource) => Some(gap_line(gap, resource, entry.received)),
            _ => return None,
        };
        Some(Self { entry: entry.clone(), gap })
    }

    pub(crate) fn lines(&self) -> &LineBatch {
        match (&self.gap, &self.entry.body) {
            (Some(gap), _) => gap,
            (None, EntryBody::Lines(lines)) => lines,
            (None, _) => unreachable!("made of lines or of a gap"),
        }
    }

    pub(crate) fn position(&self) -> Position {
        self.entry.position
    }

    pub(crate) fn received(&self) -> Timestamp {
        self.entry.received
    }

    /// The line's row; places in block and run are for the caller to fill in.
    pub(crate) fn row(&self, number: u32) -> Row {
        let line = &self.lines().lines[number as usize];
        Row {
            key: self.key(number),
            received: self.entry.received,
            source: 0,
            offset: line.offset,
            range_len: self.range_len(line),
            service: 0,
            severity: line.severity,
            meta: line.meta,
            gap: self.gap.is_some(),
            separated: false,
            at: 0,
            len: line.len,
        }
    }

    /// The line as a search finds it.
    pub(crate) fn hit(&self, number: u32) -> Hit<'_> {
        let batch = self.lines();
        let line = &batch.lines[number as usize];
        Hit {
            view: batch.view(line),
            raw: raw(batch, line),
            position: self.entry.position,
            line: number,
            received: self.entry.received,
            source: batch.source,
            offset: line.offset,
            range_len: self.range_len(line),
            meta: line.meta,
            gap: self.gap.is_some(),
        }
    }

    /// What the matcher judges.
    pub(crate) fn view(&self, number: u32) -> LineView<'_> {
        let batch = self.lines();
        batch.view(&batch.lines[number as usize])
    }

    fn key(&self, number: u32) -> LineKey {
        let time = self.lines().lines[number as usize].time;
        LineKey { time, position: self.entry.position, line: number }
    }

    fn range_len(&self, line: &Line) -> u64 {
        match &self.entry.body {
            EntryBody::Gap(gap, _) => gap.end.0.saturating_sub(gap.start.0),
            _ => u64::from(line.range_len),
        }
    }
}

impl OpenRun {
    pub(crate) fn push(&mut self, batch: OpenBatch) {
        let lines = batch.lines();
        self.lines += lines.lines.len() as u64;
        self.text_bytes += lines.text.len();
        self.bytes += lines.text.len() + size_of_val(lines.lines.as_slice()) + ENTRY_BYTES;
        self.batches.push(Arc::new(batch));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// All lines, ascending.
    pub(crate) fn sorted(&self) -> Vec<LineRef> {
        let mut refs = Vec::with_capacity(self.lines as usize);
        for (batch, lines) in (0u32..).zip(&self.batches) {
            let of_line = |(line, it): (u32, &Line)| LineRef { time: it.time, batch, line };
            refs.extend((0u32..).zip(&lines.lines().lines).map(of_line));
        }
        refs.sort_unstable();
        refs
    }

    pub(crate) fn batch(&self, line: LineRef) -> &OpenBatch {
        &self.batches[line.batch as usize]
    }
}

/// A line's text with its ending.
pub(crate) fn raw<'a>(batch: &'a LineBatch, line: &Line) -> &'a [u8] {
    &batch.text[line.at as usize..line.at as usize + line.len as usize]
}

/// A gap as a line of its source, so that it is stored, sorted and found like one.
fn gap_line(gap: &Gap, resource: &Arc<Resource>, received: Timestamp) -> LineBatch {
    let mut text = gap_text(gap, resource);
    if text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    let line = Line {
        offset: gap.start,
        time: received,
        // The true length may not fit; whoever asks gets it from the gap.
        range_len: u32::try_from(gap.end.0.saturating_sub(gap.start.0)).unwrap_or(u32::MAX),
        at: 0,
        len: u32::try_from(text.len()).expect("a gap's reason is short"),
        meta: LineMeta(0),
        service: 0,
        severity: Severity::WARN,
    };
    let (source, resource) = (gap.source, resource.clone());
    LineBatch { source, resource, text: text.into(), lines: vec![line], services: Vec::new() }
}
