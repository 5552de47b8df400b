//! Opens a journal: finds out what is durable, derives the state, and makes a new segment to go on in.
//!
//! *Proven* is every position that a later record's header calls synced, and every position before the last segment: a segment is
//! only begun when all before it is durable. Sound records after the proven ones are copied into a new segment; the first thing
//! after them that is not the next record is where a write was torn, and there the journal ends. The old segment's tail is never
//! read again. A bad place *before* a proven position is damage: its bytes are copied to a `.bad` file, the scan goes on at
//! the next sound record, and what is missing of any source is reported as a gap.
//!
//! The whole journal is read once, in constant memory.

use super::format::{BadHeader, SEGMENT_HEADER_BYTES, SegmentHeader, segment_name, segments_among};
use super::scan::{JournalRecord, Scan};
use super::writer::{NewRecord, Segment, SegmentDraft, WriteError, Writer, release_ballast};
use crate::config::JournalOptions;
use crate::table::Table;
use logweir_base::dir::{Dir, SharedDir, read_exact_at, write_whole};
use logweir_base::frame::{Frame, Gap, Kind, Snapshot};
use logweir_base::ids::{JournalId, Offset, Position, SourceId};
use logweir_base::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::io;

/// Holds the journal's id beside the segments, for the case that a segment's header is damaged.
const ID_FILE: &str = "journal.id";
/// Bytes copied at a time into a `.bad` file.
const COPY_BYTES: u64 = 256 << 10;

/// An open journal.
pub(crate) struct Recovered {
    pub writer: Writer,
    pub table: Table,
    /// Ranges of sources that are damaged and that no record declares yet.
    pub gaps: Vec<Gap>,
    pub report: Report,
}

/// What recovery met.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    /// Writes that a crash had torn, and that were never acknowledged.
    pub torn_tails: u64,
    /// Damaged places before the durable position; their bytes are in `.bad` files.
    pub corrupt_ranges: u64,
    /// Positions that these places held.
    pub positions_lost: u64,
}

/// Why a journal does not open.
#[derive(Debug)]
pub struct OpenError {
    /// Which directory or file.
    pub at: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}

impl std::error::Error for OpenError {}

/// Opens the journal in `dir`, or creates one.
pub(crate) fn open(dir: &SharedDir, options: JournalOptions, now: Timestamp) -> Result<Recovered, OpenError> {
    let failed = |e: io::Error| OpenError { at: dir.describe(), reason: e.to_string() };
    let names = dir.list().map_err(failed)?;
    for tmp in names.iter().filter(|name| name.ends_with(".tmp")) {
        dir.remove(tmp).map_err(failed)?;
    }
    let firsts = segments_among(&names);
    let journal = find_id(dir, &firsts)?;
    let mut walk = Walk::new(&**dir, proven_position(&**dir, &firsts).map_err(failed)?);
    let tail = walk.all(&firsts).map_err(failed)?;
    let header = SegmentHeader { journal, first: walk.last.next(), created: now };
    let in_new_segment = |e| full_or_broken(dir, e);
    let mut draft = begin_draft(dir, header, &walk.table, options.segment_bytes).map_err(in_new_segment)?;
    if let Some((scan, record)) = tail {
        walk.copy(scan, record, &mut draft).map_err(in_new_segment)?;
    }
    let published = draft.publish(dir).map_err(in_new_segment)?;
    let last = firsts.last().copied();
    let earlier: Vec<_> = firsts.into_iter().filter(|&first| first < published.first).collect();
    if let Some(last) = last.filter(|&last| last < published.first) {
        drop_old_tail(&**dir, last, walk.content_end);
    }
    let writer = Writer::resume(published, measure(&**dir, &earlier).map_err(failed)?, dir.clone(), options);
    // Without room for the ballast the journal still opens and drains; the writer asks for it again.
    if let Err(e @ WriteError::Fatal(_)) = writer.keep_ballast() {
        return Err(full_or_broken(dir, e));
    }
    Ok(Recovered { writer, gaps: walk.undeclared_gaps(), table: walk.table, report: walk.report })
}

/// One pass over all segments.
struct Walk<'a> {
    dir: &'a dyn Dir,
    proven: Position,
    table: Table,
    /// Last position taken over.
    last: Position,
    /// Where the content of the last segment that was read ends.
    content_end: u64,
    holes: Vec<Gap>,
    declared: BTreeSet<(SourceId, Offset, Offset)>,
    report: Report,
}

impl<'a> Walk<'a> {
    fn new(dir: &'a dyn Dir, proven: Position) -> Self {
        Self {
            dir,
            proven,
            table: Table::default(),
            last: Position(0),
            content_end: 0,
            holes: Vec::new(),
            declared: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// Takes over all that is proven; returns the first sound record behind it and the place after that.
    fn all(&mut self, firsts: &[Position]) -> io::Result<Option<(Scan, JournalRecord)>> {
        let mut tail = None;
        for (i, &first) in firsts.iter().enumerate() {
            let limit = firsts.get(i + 1).copied().unwrap_or(Position(u64::MAX));
            if self.last.next() < first {
                // Of the oldest segment nothing is missing: those before it have been released.
                self.report.positions_lost += if i == 0 { 0 } else { first.0 - self.last.next().0 };
                self.last = Position(first.0 - 1);
            }
            tail = self.segment(first, limit)?;
        }
        Ok(tail)
    }

    fn segment(&mut self, first: Position, limit: Position) -> io::Result<Option<(Scan, JournalRecord)>> {
        let mut scan = Scan::open(self.dir, first)?;
        let mut pieces = Vec::new();
        while self.last.next() < limit {
            self.content_end = scan.offset();
            match scan.next()? {
                Some(record) if record.frame.kind == Kind::Snapshot => self.adopt(&record, &mut pieces),
                Some(record) if record.header.position > self.proven => {
                    let follows = record.header.position == self.last.next();
                    return Ok(follows.then_some((scan, record)));
                }
                Some(record) => self.take(&record),
                None if self.skip_damage(&mut scan, first, limit)? => {}
                None => break,
            }
        }
        Ok(None)
    }

    /// Copies what is sound and in order behind the proven part.
    fn copy(
        &mut self,
        mut scan: Scan,
        record: JournalRecord,
        draft: &mut SegmentDraft,
    ) -> Result<(), WriteError> {
        let mut next = Some(record);
        while let Some(JournalRecord { header, frame }) =
            next.take_if(|record| record.header.position == self.last.next())
        {
            self.take(&JournalRecord { header, frame: frame.clone() });
            let (received, config) = (header.received, header.config);
            draft.push(&NewRecord { frame: frame.bytes, received, config })?;
            next = scan.next().map_err(WriteError::Fatal)?;
        }
        let is_torn = next.is_some() || scan.has_remains().map_err(WriteError::Fatal)?;
        self.report.torn_tails += u64::from(is_torn);
        Ok(())
    }

    /// Collects a snapshot's pieces; the whole one replaces the state, which is the same unless records were damaged.
    fn adopt(&mut self, record: &JournalRecord, pieces: &mut Vec<Snapshot>) {
        let Ok(Frame::Snapshot(piece)) = record.frame.decode() else {
            return;
        };
        let is_last = piece.last;
        pieces.push(piece);
        if let Some(table) = is_last.then(|| Table::restore(std::mem::take(pieces))).flatten() {
            if self.table != Table::default() {
                self.holes.extend(self.table.missing_until(&table));
            }
            self.table = table;
        }
    }

    fn take(&mut self, record: &JournalRecord) {
        let position = record.header.position;
        if position <= self.last {
            return;
        }
        self.last = position;
        let Ok(frame) = record.frame.decode() else {
            return;
        };
        if let Frame::Gap(gap) = &frame {
            self.declared.insert((gap.source, gap.start, gap.end));
        }
        self.holes.extend(self.table.apply(&frame, record.header.received));
    }

    /// Moves behind bytes that are no record, if these were proven once; `false` when the content ends here.
    fn skip_damage(&mut self, scan: &mut Scan, first: Position, limit: Position) -> io::Result<bool> {
        let is_current = limit == Position(u64::MAX);
        let from = scan.offset();
        let found = scan.resync(self.last, limit)?;
        if is_current && found.is_none_or(|position| position > self.proven.next()) {
            self.report.torn_tails += u64::from(found.is_some() || scan.has_remains()?);
            return Ok(false);
        }
        let to = if found.is_some() { Some(scan.offset()) } else { None };
        quarantine(self.dir, first, from, to)?;
        self.report.corrupt_ranges += 1;
        if let Some(found) = found {
            self.report.positions_lost += found.0 - self.last.next().0;
            self.last = Position(found.0 - 1);
        }
        Ok(found.is_some())
    }

    fn undeclared_gaps(&self) -> Vec<Gap> {
        let is_new = |gap: &&Gap| !self.declared.contains(&(gap.source, gap.start, gap.end));
        self.holes.iter().filter(is_new).cloned().collect()
    }
}

/// The highest position that is known to be durable: see the module.
fn proven_position(dir: &dyn Dir, firsts: &[Position]) -> io::Result<Position> {
    let Some(&first) = firsts.last() else {
        return Ok(Position(0));
    };
    let mut proven = Position(first.0 - 1);
    let mut last = proven;
    let mut scan = Scan::open(dir, first)?;
    loop {
        while let Some(record) = scan.next()? {
            proven = proven.max(record.header.synced);
            last = last.max(record.header.position);
        }
        if scan.resync(last, Position(u64::MAX))?.is_none() {
            return Ok(proven);
        }
    }
}

/// The journal's id: from its own file, checked against every segment; a new one for an empty directory.
fn find_id(dir: &SharedDir, firsts: &[Position]) -> Result<JournalId, OpenError> {
    let failed = |e: io::Error| OpenError { at: dir.describe(), reason: e.to_string() };
    let mut id = read_id(&**dir);
    for &first in firsts {
        let bad =
            |reason: String| OpenError { at: format!("{}/{}", dir.describe(), segment_name(first)), reason };
        match read_header(&**dir, first).map_err(failed)? {
            Ok(header) if id.is_none_or(|id| id == header.journal) => id = Some(header.journal),
            Ok(header) => {
                let other = header.journal;
                return Err(bad(format!(
                    "belongs to journal {other}: files of two journals are mixed; restore one"
                )));
            }
            Err(BadHeader::Version(version)) => {
                return Err(bad(format!(
                    "written by format version {version}: start the logweir that wrote it"
                )));
            }
            Err(BadHeader::Damaged) => {}
        }
    }
    match id {
        None if !firsts.is_empty() => {
            let reason = "no segment has a sound header: this is no journal of logweir, or it is damaged";
            Err(OpenError { at: dir.describe(), reason: reason.to_owned() })
        }
        _ => {
            let id = id.unwrap_or_else(JournalId::random);
            if read_id(&**dir).is_none() {
                write_whole(&**dir, ID_FILE, format!("{id}\n").as_bytes()).map_err(failed)?;
            }
            Ok(id)
        }
    }
}

fn read_id(dir: &dyn Dir) -> Option<JournalId> {
    let bytes = read_exact_at(&*dir.open(ID_FILE).ok()?, 0, 32).ok()?;
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

fn read_header(dir: &dyn Dir, first: Position) -> io::Result<Result<SegmentHeader, BadHeader>> {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let n = dir.open(&segment_name(first))?.read_at(0, &mut bytes)?;
    Ok(SegmentHeader::parse(&bytes[..n]))
}

/// Begins the segment to go on in. D02: on a full disk the ballast makes room, and no more is reserved than is needed.
fn begin_draft(
    dir: &SharedDir,
    header: SegmentHeader,
    table: &Table,
    reserve_bytes: u64,
) -> Result<SegmentDraft, WriteError> {
    match SegmentDraft::begin(dir, header, table, reserve_bytes) {
        Err(WriteError::Full(_)) => {
            release_ballast(dir);
            SegmentDraft::begin(dir, header, table, 0)
        }
        other => other,
    }
}

fn full_or_broken(dir: &SharedDir, e: WriteError) -> OpenError {
    let reason = match e {
        WriteError::Full(why) => format!("no space to open the journal: {why}; free some and start again"),
        WriteError::Fatal(e) => e.to_string(),
    };
    OpenError { at: dir.describe(), reason }
}

/// Gives back what the last old segment has behind its content. Only space is at stake, so a failure changes nothing.
fn drop_old_tail(dir: &dyn Dir, last: Position, content_end: u64) {
    if let Ok(file) = dir.open(&segment_name(last)) {
        let _ = file.set_len(content_end.max(SEGMENT_HEADER_BYTES as u64));
    }
}

fn measure(dir: &dyn Dir, firsts: &[Position]) -> io::Result<Vec<Segment>> {
    let segment = |&first: &Position| Ok(Segment { first, bytes: dir.open(&segment_name(first))?.len()? });
    firsts.iter().map(segment).collect()
}

/// Copies damaged bytes, up to `to` or the file's end, so that nothing is lost that somebody might still read.
/// Does nothing when that was done before.
pub(super) fn quarantine(dir: &dyn Dir, first: Position, from: u64, to: Option<u64>) -> io::Result<()> {
    let name = format!("{:016x}-{from:x}.bad", first.0);
    if dir.open(&name).is_ok() {
        return Ok(());
    }
    let segment = dir.open(&segment_name(first))?;
    let to = to.map_or_else(|| segment.len(), Ok)?;
    let copy = dir.create(&name)?;
    let mut at = from;
    while at < to {
        let len = usize::try_from(COPY_BYTES.min(to - at)).expect("a chunk fits memory");
        copy.write_at(at - from, &read_exact_at(&*segment, at, len)?)?;
        at += len as u64;
    }
    copy.sync()?;
    dir.sync()
}
