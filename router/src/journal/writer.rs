//! Appends groups of records: one write, one sync, and only then a [`Synced`], without which nothing can be acknowledged.
//!
//! A segment comes into being whole: it is written as `NAME.tmp` (space reserved, header, snapshot), synced, renamed, and
//! the directory synced, before the first record goes in. So a crash leaves a segment or none.
//!
//! A full disk is not an error but a state: nothing is taken over, the caller asks again later. A ballast file keeps
//! [`JournalOptions::ballast_bytes`] in reserve; it is given up when the disk fills, so that deletions can run, and the journal
//! goes on only when the ballast could be made again. Any other failure of a write or a sync is fatal: the process ends, and
//! recovery trusts nothing that was not proven.
//!
//! A segment ends behind a DELETE: with it the segments that hold what is to be deleted, and the DELETE itself, can be
//! released as soon as every follower is past it, however little comes afterwards.

use super::format::{RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader, segment_name};
use crate::config::JournalOptions;
use crate::table::Table;
use bytes::Bytes;
use logweir_base::dir::{File, SharedDir};
use logweir_base::frame::{Frame, Kind};
use logweir_base::ids::{ConfigVersion, JournalId, Position};
use logweir_base::time::Timestamp;
use std::io;

/// Group, at most, before it is written: half a second of a slow disk; also a part of a segment, so that segments fill.
const GROUP_BYTES_MAX: u64 = 4 << 20;
const BALLAST: &str = "ballast";
/// Where a frame says of which kind it is.
const KIND_AT: usize = 1;

/// Proof that all up to a position is durable. Only a sync makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Synced(Position);

impl Synced {
    /// Up to here, inclusive.
    pub fn position(self) -> Position {
        self.0
    }
}

/// A record to be.
#[derive(Debug, Clone)]
pub(crate) struct NewRecord {
    pub frame: Bytes,
    pub received: Timestamp,
    pub config: ConfigVersion,
}

impl NewRecord {
    fn is_delete(&self) -> bool {
        self.frame.get(KIND_AT) == Some(&(Kind::Delete as u8))
    }
}

/// Why nothing was appended.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// No space, or the cap is reached: ask again later.
    Full(String),
    /// The disk can no longer be trusted: end the process.
    Fatal(io::Error),
}

impl WriteError {
    fn of(e: io::Error) -> Self {
        if is_full(&e) { Self::Full(e.to_string()) } else { Self::Fatal(e) }
    }
}

/// The one writer of a journal.
pub(crate) struct Writer {
    dir: SharedDir,
    options: JournalOptions,
    journal: JournalId,
    segments: Vec<Segment>,
    file: Box<dyn File>,
    /// Where the next record goes.
    at: u64,
    next: Position,
    synced: Synced,
    buf: Vec<u8>,
    /// The current segment has a DELETE: a new one is wanted soon.
    has_delete: bool,
}

/// A segment as the disk cap counts it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub first: Position,
    pub bytes: u64,
}

impl Writer {
    /// Goes on in a segment that [`SegmentDraft::publish`] has made durable.
    pub fn resume(draft: Published, earlier: Vec<Segment>, dir: SharedDir, options: JournalOptions) -> Self {
        let Published { journal, first, file, at, next, has_delete } = draft;
        let last = Position(next.0 - 1);
        let mut segments = earlier;
        segments.retain(|segment| segment.first < first);
        segments.push(Segment { first, bytes: at.max(options.segment_bytes) });
        let (synced, buf) = (Synced(last), Vec::new());
        Self { dir, options, journal, segments, file, at, next, synced, buf, has_delete }
    }

    /// The journal's id.
    pub fn journal(&self) -> JournalId {
        self.journal
    }

    /// All that is durable.
    pub fn synced(&self) -> Synced {
        self.synced
    }

    /// Segments on disk and their bytes.
    pub fn usage(&self) -> (usize, u64) {
        (self.segments.len(), self.segments.iter().map(|segment| segment.bytes).sum())
    }

    /// Bytes of frames that a group may hold.
    pub fn group_bytes_max(&self) -> u64 {
        GROUP_BYTES_MAX.min(self.options.segment_bytes / 8)
    }

    /// Makes sure that a group fits, beginning a new segment when the current one is nearly full. `table` is the state
    /// at the durable position: what a new segment begins with.
    pub fn make_room(&mut self, table: &Table, now: Timestamp) -> Result<(), WriteError> {
        let is_empty = self.segments.last().is_some_and(|segment| segment.first == self.next);
        if is_empty {
            return Ok(());
        }
        if self.at + self.group_bytes_max() <= self.options.segment_bytes {
            return self.end_behind_delete(table, now);
        }
        if self.is_at_cap() {
            let (_, bytes) = self.usage();
            let why =
                format!("journal of {bytes} bytes is at its cap ({} bytes)", self.options.disk_bytes_max);
            return Err(WriteError::Full(why));
        }
        self.keep_ballast()?;
        self.rotate(table, now).inspect_err(|e| {
            if matches!(e, WriteError::Full(_)) {
                self.release_ballast();
            }
        })
    }

    /// Appends the records in order, each at the next position, and syncs. When it fails none of them counts.
    pub fn append(&mut self, records: &[NewRecord]) -> Result<Synced, WriteError> {
        if records.is_empty() {
            return Ok(self.synced);
        }
        self.buf.clear();
        for (i, record) in records.iter().enumerate() {
            let position = Position(self.next.0 + i as u64);
            push_record(&mut self.buf, record, position, self.synced.0);
        }
        if let Err(e) = self.file.write_at(self.at, &self.buf) {
            let e = WriteError::of(e);
            if matches!(e, WriteError::Full(_)) {
                self.release_ballast();
            }
            return Err(e);
        }
        self.file.sync().map_err(WriteError::Fatal)?;
        self.at += self.buf.len() as u64;
        self.next = Position(self.next.0 + records.len() as u64);
        self.synced = Synced(Position(self.next.0 - 1));
        self.has_delete |= records.iter().any(NewRecord::is_delete);
        self.grow_to_content();
        Ok(self.synced)
    }

    /// Removes segments that nobody needs: those that end at or below `floor`, and never the current one. One after the
    /// other, each durably, so that no crash leaves an older one without its successor.
    pub fn release(&mut self, floor: Position) -> Result<(), WriteError> {
        while let [oldest, next, ..] = self.segments[..] {
            if next.first > floor.next() {
                break;
            }
            self.dir.remove(&segment_name(oldest.first)).map_err(WriteError::of)?;
            self.segments.remove(0);
            self.dir.sync().map_err(WriteError::Fatal)?;
        }
        Ok(())
    }

    /// Position of the oldest record that is kept.
    pub fn oldest(&self) -> Position {
        self.segments[0].first
    }

    /// Makes the ballast file when it is not there.
    pub fn keep_ballast(&self) -> Result<(), WriteError> {
        let len = self.options.ballast_bytes;
        let file = match self.dir.open(BALLAST) {
            Ok(file) if file.len().map_err(WriteError::Fatal)? >= len => return Ok(()),
            Ok(file) => Ok(file),
            Err(_) => self.dir.create(BALLAST),
        };
        match file.and_then(|file| file.allocate(len).map(|()| file)) {
            Ok(file) => file.sync().and_then(|()| self.dir.sync()).map_err(WriteError::Fatal),
            Err(e) => {
                self.release_ballast();
                Err(WriteError::of(e))
            }
        }
    }

    /// Gives the ballast's space to whoever deletes.
    fn release_ballast(&self) {
        release_ballast(&self.dir);
    }

    /// With one segment alone nothing could be released, so the cap would never be met again.
    fn is_at_cap(&self) -> bool {
        let (segments, bytes) = self.usage();
        segments > 1 && bytes + self.options.segment_bytes > self.options.disk_bytes_max
    }

    /// Begins a new segment behind a DELETE. Nobody waits for it: without space it is tried again with the next group.
    fn end_behind_delete(&mut self, table: &Table, now: Timestamp) -> Result<(), WriteError> {
        if !self.has_delete || self.is_at_cap() {
            return Ok(());
        }
        match self.rotate(table, now) {
            Err(WriteError::Full(_)) => Ok(()),
            done => done,
        }
    }

    fn rotate(&mut self, table: &Table, now: Timestamp) -> Result<(), WriteError> {
        let header = SegmentHeader { journal: self.journal, first: self.next, created: now };
        let draft = SegmentDraft::begin(&self.dir, header, table, self.options.segment_bytes)?;
        let Published { file, at, .. } = draft.publish(&self.dir)?;
        // The old segment gives back what it reserved and did not use; if that fails it is only larger.
        if self.file.set_len(self.at).is_ok()
            && let Some(old) = self.segments.last_mut()
        {
            old.bytes = self.at;
        }
        self.segments.push(Segment { first: self.next, bytes: at.max(self.options.segment_bytes) });
        (self.file, self.at, self.has_delete) = (file, at, false);
        Ok(())
    }

    fn grow_to_content(&mut self) {
        let at = self.at;
        let current = self.segments.last_mut().expect("there is always one");
        current.bytes = current.bytes.max(at);
    }
}

/// A segment that is being made and that nobody sees yet.
pub(crate) struct SegmentDraft {
    header: SegmentHeader,
    file: Box<dyn File>,
    at: u64,
    next: Position,
    has_delete: bool,
}

/// A segment that is durable under its name, and open.
pub(crate) struct Published {
    pub journal: JournalId,
    pub first: Position,
    pub file: Box<dyn File>,
    pub at: u64,
    pub next: Position,
    pub has_delete: bool,
}

impl SegmentDraft {
    /// Creates `NAME.tmp`, reserves `reserve_bytes`, and writes the header and the state before the first record.
    pub fn begin(
        dir: &SharedDir,
        header: SegmentHeader,
        table: &Table,
        reserve_bytes: u64,
    ) -> Result<Self, WriteError> {
        let tmp = tmp_name(header.first);
        let file = dir.remove(&tmp).and_then(|()| dir.create(&tmp)).map_err(WriteError::of)?;
        let reserved = if reserve_bytes > 0 { file.allocate(reserve_bytes) } else { Ok(()) };
        let before = Position(header.first.0 - 1);
        let mut bytes = header.encode().to_vec();
        for piece in table.snapshot() {
            let frame = Frame::Snapshot(piece).encode();
            let record = NewRecord { frame, received: header.created, config: table.config() };
            push_record(&mut bytes, &record, before, before);
        }
        let at = bytes.len() as u64;
        let written = reserved.and_then(|()| file.write_at(0, &bytes));
        if let Err(e) = written {
            // Half a file helps nobody; when it cannot be removed, the next start does it.
            let _ = dir.remove(&tmp);
            return Err(WriteError::of(e));
        }
        Ok(Self { header, file, at, next: header.first, has_delete: false })
    }

    /// Copies a record in: how recovery keeps what it found.
    pub fn push(&mut self, record: &NewRecord) -> Result<(), WriteError> {
        let mut bytes = Vec::with_capacity(record.frame.len() + SEGMENT_HEADER_BYTES);
        push_record(&mut bytes, record, self.next, Position(self.header.first.0 - 1));
        self.file.write_at(self.at, &bytes).map_err(WriteError::of)?;
        self.at += bytes.len() as u64;
        self.next = self.next.next();
        self.has_delete |= record.is_delete();
        Ok(())
    }

    /// Makes it durable, then visible, then its name durable.
    pub fn publish(self, dir: &SharedDir) -> Result<Published, WriteError> {
        let Self { header, file, at, next, has_delete } = self;
        file.sync().map_err(WriteError::Fatal)?;
        dir.rename(&tmp_name(header.first), &segment_name(header.first)).map_err(WriteError::of)?;
        dir.sync().map_err(WriteError::Fatal)?;
        Ok(Published { journal: header.journal, first: header.first, file, at, next, has_delete })
    }
}

/// Gives the ballast's space to whoever deletes, or to recovery on a full disk.
pub(crate) fn release_ballast(dir: &SharedDir) {
    // When even that fails the disk stays full, and the next try meets it again.
    let _ = dir.remove(BALLAST);
}

/// Whether an error means "no space now", which passes, and not "this disk is broken".
pub(crate) fn is_full(e: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(e.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

fn tmp_name(first: Position) -> String {
    format!("{}.tmp", segment_name(first))
}

fn push_record(out: &mut Vec<u8>, record: &NewRecord, position: Position, synced: Position) {
    let header = RecordHeader {
        position,
        synced,
        received: record.received,
        config: record.config,
        frame_len: u32::try_from(record.frame.len()).expect("frames are bounded"),
    };
    out.extend_from_slice(&header.encode(&record.frame));
    out.extend_from_slice(&record.frame);
}
