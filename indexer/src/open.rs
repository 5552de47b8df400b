//! The open run: the newest entries as they came, not yet sorted, compressed or indexed. A search scans it.
//!
//! Limits: `run_bytes` of text (4 MiB) and the last entry.

use crate::line::{Hit, LineKey};
use crate::rows::Row;
use logweir_base::batch::LineMeta;
use logweir_base::entry::{Entry, EntryBody, RecordBatch, RecordSpan};
use logweir_base::frame::{Gap, Resource};
use logweir_base::ids::Position;
use logweir_base::parse::{Layout, RecordView, Severity, gap_text};
use logweir_base::pattern::PatternId;
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
    gap: Option<RecordBatch>,
    /// Of each record; a gap has none.
    patterns: Vec<PatternId>,
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
    pub(crate) fn of(entry: &Arc<Entry>, patterns: Vec<PatternId>) -> Option<Self> {
        let gap = match &entry.body {
            EntryBody::Records(batch) if !batch.records.is_empty() => None,
            EntryBody::Gap(gap, resource) => Some(gap_line(gap, resource, entry.received)),
            _ => return None,
        };
        Some(Self { entry: entry.clone(), gap, patterns })
    }

    pub(crate) fn lines(&self) -> &RecordBatch {
        match (&self.gap, &self.entry.body) {
            (Some(gap), _) => gap,
            (None, EntryBody::Records(batch)) => batch,
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
        let line = &self.lines().records[number as usize];
        Row {
            key: self.key(number),
            received: self.entry.received,
            source: 0,
            offset: line.offset,
            range_len: self.range_len(line),
            service: 0,
            severity: line.severity,
            layout: line.layout,
            pattern: self.pattern(number),
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
        let line = &batch.records[number as usize];
        Hit {
            view: self.view(number),
            raw: batch.raw_of(line),
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
    pub(crate) fn view(&self, number: u32) -> RecordView<'_> {
        let batch = self.lines();
        RecordView { pattern: self.pattern(number), ..batch.view(&batch.records[number as usize]) }
    }

    fn pattern(&self, number: u32) -> PatternId {
        self.patterns.get(number as usize).copied().unwrap_or_default()
    }

    fn key(&self, number: u32) -> LineKey {
        let time = self.lines().records[number as usize].time;
        LineKey { time, position: self.entry.position, line: number }
    }

    fn range_len(&self, line: &RecordSpan) -> u64 {
        match &self.entry.body {
            EntryBody::Gap(gap, _) => gap.end.0.saturating_sub(gap.start.0),
            _ => u64::from(line.range_len),
        }
    }
}

impl OpenRun {
    pub(crate) fn push(&mut self, batch: OpenBatch) {
        let lines = batch.lines();
        self.lines += lines.records.len() as u64;
        self.text_bytes += lines.text.len();
        self.bytes += lines.text.len() + size_of_val(lines.records.as_slice()) + ENTRY_BYTES;
        self.batches.push(Arc::new(batch));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// All lines, ascending.
    pub(crate) fn sorted(&self) -> Vec<LineRef> {
        self.sorted_where(|_| true)
    }

    /// The lines of some batches, ascending.
    pub(crate) fn sorted_where(&self, wanted: impl Fn(&OpenBatch) -> bool) -> Vec<LineRef> {
        let mut refs = Vec::new();
        for (batch, lines) in (0u32..).zip(&self.batches).filter(|(_, lines)| wanted(lines)) {
            let of_line = |(line, it): (u32, &RecordSpan)| LineRef { time: it.time, batch, line };
            refs.extend((0u32..).zip(&lines.lines().records).map(of_line));
        }
        refs.sort_unstable();
        refs
    }

    pub(crate) fn batch(&self, line: LineRef) -> &OpenBatch {
        &self.batches[line.batch as usize]
    }
}

/// A gap as a line of its source, so that it is stored, sorted and found like one.
fn gap_line(gap: &Gap, resource: &Arc<Resource>, received: Timestamp) -> RecordBatch {
    let mut text = gap_text(gap, resource);
    if text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    let line = RecordSpan {
        offset: gap.start,
        time: received,
        // The true length may not fit; whoever asks gets it from the gap.
        range_len: u32::try_from(gap.end.0.saturating_sub(gap.start.0)).unwrap_or(u32::MAX),
        at: 0,
        len: u32::try_from(text.len()).expect("a gap's reason is short"),
        meta: LineMeta(0),
        shape: 0,
        service: 0,
        layout: Layout::default(),
        severity: Severity::WARN,
    };
    let (source, resource) = (gap.source, resource.clone());
    RecordBatch { source, resource, text: text.into(), records: vec![line], services: Vec::new() }
}
