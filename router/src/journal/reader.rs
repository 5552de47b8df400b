//! Reads the journal from a position on: for a follower that is behind what memory still holds. Sees nothing above the
//! durable position, and holds one chunk of one segment. Positions that are not there any more, because they were
//! released or damaged, are passed over: the next record's position tells.

use super::format::segments_among;
use super::recover::quarantine;
use super::scan::{JournalRecord, Scan};
use logweir_base::dir::SharedDir;
use logweir_base::frame::Kind;
use logweir_base::ids::Position;
use std::io;

/// See the module.
pub(crate) struct Reader {
    dir: SharedDir,
    /// The segment that is open, where the next one begins, and the place.
    current: Option<Open>,
    /// Last position that was passed.
    last: Position,
}

struct Open {
    first: Position,
    limit: Position,
    scan: Scan,
}

/// What a reader meets.
#[derive(Debug)]
pub(crate) enum Read {
    /// A record that says something of sources: the state before a segment, or an OPEN at or below the wanted position.
    State(JournalRecord),
    /// The next record.
    Record(JournalRecord),
    /// All durable records have been read.
    End,
}

impl Reader {
    /// A reader of what comes after `after`.
    pub fn new(dir: SharedDir, after: Position) -> Self {
        Self { dir, current: None, last: after }
    }

    /// What comes next, up to `durable`.
    pub fn next(&mut self, durable: Position) -> io::Result<Read> {
        while self.last < durable {
            let Some(open) = &mut self.current else {
                self.open_segment()?;
                continue;
            };
            let Some(record) = open.scan.next()? else {
                self.skip_damage()?;
                continue;
            };
            let position = record.header.position;
            if position >= open.limit {
                self.current = None;
            } else if record.frame.kind == Kind::Snapshot || position <= self.last {
                if matches!(record.frame.kind, Kind::Snapshot | Kind::Open) {
                    return Ok(Read::State(record));
                }
            } else {
                self.last = position;
                if self.last.next() == open.limit {
                    self.current = None;
                }
                return Ok(Read::Record(record));
            }
        }
        Ok(Read::End)
    }

    /// Opens the segment that holds the next position, or the oldest one after it.
    fn open_segment(&mut self) -> io::Result<()> {
        let firsts = segments_among(&self.dir.list()?);
        let wanted = self.last.next();
        let at = firsts.partition_point(|&first| first <= wanted).saturating_sub(1);
        let Some(&first) = firsts.get(at) else {
            return Err(io::Error::other(format!("{}: no journal segment left", self.dir.describe())));
        };
        if first > wanted {
            self.last = Position(first.0 - 1);
        }
        let limit = firsts.get(at + 1).copied().unwrap_or(Position(u64::MAX));
        self.current = Some(Open { first, limit, scan: Scan::open(&*self.dir, first)? });
        Ok(())
    }

    /// There should be a record and there is none: it is in a newer segment, or it is damaged.
    fn skip_damage(&mut self) -> io::Result<()> {
        let Some(Open { first, limit, mut scan }) = self.current.take() else {
            return Ok(());
        };
        let newer = segments_among(&self.dir.list()?).into_iter().find(|&next| next > first);
        if limit == Position(u64::MAX) && newer == Some(self.last.next()) {
            return Ok(());
        }
        let limit = newer.unwrap_or(Position(u64::MAX));
        let from = scan.offset();
        let found = scan.resync(self.last, limit)?;
        quarantine(&*self.dir, first, from, found.map(|_| scan.offset()))?;
        if found.is_some() {
            self.current = Some(Open { first, limit, scan });
        } else if let Some(newer) = newer {
            self.last = Position(newer.0 - 1);
        } else {
            let last = self.last;
            return Err(io::Error::other(format!("{}: no record after {last}", self.dir.describe())));
        }
        Ok(())
    }
}
