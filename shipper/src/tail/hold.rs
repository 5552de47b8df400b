//! What is left in the file on purpose: a group of lines that may go on, such as a stack trace, and a line
//! without its newline. None of its text is kept in memory; it is read again when the file grows or when its
//! time has come, and not before.
//!
//! A batch ends where no group is open, so that a record lies in one batch. The exceptions: nothing was added
//! for `multiline_idle`, the group is as large as a batch can be, its file has ended. Then what follows is
//! marked as a continuation all the same, as long as this process goes on (T36).
//!
//! Limits: a group that keeps growing is held for [`IDLES_MAX`] times `multiline_idle`; once that span when a
//! record of another stream came after it (a container has two), since then it need not be the one that
//! grows. At most one time is noted for a file.

use super::chunk::{CHUNK_BYTES, Terms};
use super::source::Source;
use super::{Tailer, Tracked, is_cut_due, scan};
use crate::framer::{AtEnd, Framed};
use crate::watch::InodeKey;
use logweir_base::batch::{BatchLine, LINES_MAX, LineMeta};
use logweir_base::ids::Offset;
use logweir_base::multiline::Joiner;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A group may grow for so many times `multiline_idle`: somebody waits for its lines.
const IDLES_MAX: u32 = 10;

/// What a look has left in the file.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// Where the source stood then.
    pub from: Offset,
    /// Behind the last whole line; `from` when there is none.
    pub lines_to: Offset,
    /// Behind all there was; no newline is between `lines_to` and here.
    pub seen_to: Offset,
    /// As the whole lines have left it; `None` when there are none.
    pub joiner: Option<Box<Joiner>>,
    /// Records of two streams are among them: the group that is open need not be the one that grows.
    pub mixed: bool,
}

impl Unsent {
    /// All before `from` is sent, and nothing is known of what is behind it.
    pub fn nothing(from: Offset) -> Self {
        Self { from, lines_to: from, seen_to: from, joiner: None, mixed: false }
    }

    /// Whether something is left.
    pub fn is_something(&self) -> bool {
        self.seen_to > self.from
    }

    /// Whether something is left where `source` stands now.
    pub fn waits(&self, source: &Source) -> bool {
        self.is_something() && self.from == source.sent
    }

    /// Whether whole lines are left.
    pub fn has_lines(&self) -> bool {
        self.lines_to > self.from
    }
}

/// How the last group of a chunk's lines has ended.
pub enum Ending {
    /// No group is open behind the lines that are left.
    Closed,
    /// It may go on, and goes as far as it has come.
    Open(Box<Joiner>),
    /// It may go on, and waits; there is nothing before it.
    Held(Box<Joiner>),
}

/// Marks which lines of a chunk belong together, and takes those off its end that are to wait.
pub fn close_groups(chunk: &[u8], framed: &mut Framed, joiner: &Joiner, at_end: AtEnd) -> Ending {
    let mut joiner = joiner.clone();
    let clean = joiner.join(&chunk[..framed.len], &mut framed.lines);
    if clean >= framed.lines.len() {
        return Ending::Closed;
    }
    // There may be more to read: then only a group that fills the batch is cut.
    let is_full = chunk.len() == CHUNK_BYTES || framed.lines.len() == LINES_MAX;
    match (is_full, clean) {
        (true, 0) => {
            if let Some(last) = framed.lines.last_mut() {
                last.meta.0 |= LineMeta::TRUNCATED;
            }
            Ending::Open(Box::new(latest_group(chunk, framed, joiner)))
        }
        (false, _) if at_end != AtEnd::Hold => Ending::Open(Box::new(latest_group(chunk, framed, joiner))),
        (false, 0) => Ending::Held(Box::new(joiner)),
        _ => {
            framed.keep(clean);
            Ending::Closed
        }
    }
}

/// What is handed on when lines go although a group is open: the group begun last. Another stream's, begun
/// before it, was waited for long enough.
fn latest_group(chunk: &[u8], framed: &Framed, joiner: Joiner) -> Joiner {
    let Some(head) = framed.lines.iter().rposition(begins).filter(|&head| head > 0) else {
        return joiner;
    };
    let mut lines = framed.lines[head..].to_vec();
    let len: usize = lines.iter().map(|line| line.range_len as usize).sum();
    let mut fresh = Joiner::default();
    fresh.join(&chunk[framed.len - len..framed.len], &mut lines);
    fresh
}

/// Whether a line begins a record.
pub fn begins(line: &BatchLine) -> bool {
    !line.meta.has(LineMeta::CONTINUATION)
}

impl Tailer {
    /// When a held group is to be looked at again.
    pub fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Has the files looked at whose groups have been held long enough.
    pub fn wake_due(&mut self, now: Duration) {
        while self.next_due().is_some_and(|at| at <= now) {
            let Some((_, key)) = self.due.pop_first() else {
                return;
            };
            let Some(tracked) = self.files.get_mut(&key) else {
                continue;
            };
            tracked.is_noted = false;
            if tracked.unsent.has_lines() {
                // It may have grown since it was noted.
                match flush_time(tracked, self.config.settings.multiline_idle) {
                    at if at > now => self.note_due(key, at),
                    _ => self.wake(key),
                }
            }
        }
    }

    fn note_due(&mut self, key: InodeKey, at: Duration) {
        if let Some(tracked) = self.files.get_mut(&key).filter(|t| !t.is_noted) {
            tracked.is_noted = true;
            self.due.insert((at, key));
        }
    }

    /// A look has left something in the file.
    pub(super) fn hold_back(&mut self, key: InodeKey, unsent: Unsent, now: Duration) {
        let Some(tracked) = self.files.get_mut(&key) else {
            return;
        };
        if unsent.seen_to > tracked.known_to() {
            tracked.grown_at = now;
        }
        if !tracked.unsent.has_lines() || tracked.unsent.from != unsent.from {
            tracked.held_since = now;
        }
        tracked.unsent = unsent;
        if tracked.unsent.has_lines() {
            let at = flush_time(tracked, self.config.settings.multiline_idle);
            self.note_due(key, at);
        }
    }

    /// What a look at a file is to go by; `None` without a session.
    pub(super) fn terms(&self, key: InodeKey, now: Duration) -> Option<Terms> {
        let tracked = self.files.get(&key)?;
        let source = self.sources.get(&tracked.source)?;
        let idle = self.config.settings.multiline_idle;
        let (at_end, quiet_to) = match tracked {
            t if is_cut_due(t, &self.config, now) => (AtEnd::Cut, t.known_to()),
            t if idle.is_zero() || t.is_held_too_long(source, idle, now) => (AtEnd::Flush, Offset(u64::MAX)),
            t if now.saturating_sub(t.grown_at) >= idle || self.is_outlived(t, idle) => {
                (AtEnd::Flush, t.known_to())
            }
            t => (AtEnd::Hold, t.known_to()),
        };
        Some(Terms { at_end, quiet_to, joiner: self.joiner_at(key, source), epoch: self.session.epoch? })
    }

    /// Whether a later generation, whose turn comes after this one (T05), was written to when this one had
    /// been quiet for long: the clock of the file system says so.
    fn is_outlived(&self, tracked: &Tracked, idle: Duration) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let family = self.waiting.get(&scan::family_of(&tracked.found.path));
        let youngest = family.and_then(BTreeSet::last).map(|&(modified, _)| modified);
        let quiet = youngest.and_then(|modified| modified.checked_sub(tracked.found.modified));
        quiet.is_some_and(|nanos| i128::from(nanos) >= idle.as_nanos().cast_signed())
    }

    /// What a look begins with: what the latest batch has left when it ended inside a group, or for a new
    /// file what the generation before has left, so that the second half of a group that a rotation has split
    /// is marked (T35).
    fn joiner_at(&self, key: InodeKey, source: &Source) -> Joiner {
        let before = || {
            let older = *self.rotated.get(Path::new(&source.record.path))?;
            let tracked = self.files.get(&older).filter(|_| older != key)?;
            let held = tracked.unsent.joiner.as_deref().cloned();
            held.or_else(|| self.sources.get(&tracked.source)?.left_open())
        };
        let inherited = || if source.sent == Offset(0) { before() } else { None };
        source.left_open().or_else(inherited).unwrap_or_default()
    }

    /// A file is no longer at the path its lines are labelled with.
    pub(super) fn leave_home(&mut self, key: InodeKey) {
        if let Some(tracked) = self.files.get_mut(&key)
            && std::mem::take(&mut tracked.at_home)
            && let Some(source) = self.sources.get(&tracked.source)
        {
            self.rotated.insert(PathBuf::from(&source.record.path), key);
        }
    }
}

impl Tracked {
    /// As far as the file is known to reach.
    fn known_to(&self) -> Offset {
        self.unsent.seen_to.max(Offset(self.found.size))
    }

    fn is_held_too_long(&self, source: &Source, idle: Duration, now: Duration) -> bool {
        let is_held = self.unsent.has_lines() && self.unsent.from == source.sent;
        is_held && now >= self.held_until(idle)
    }

    /// However it grows.
    fn held_until(&self, idle: Duration) -> Duration {
        let idles = if self.unsent.mixed { 1 } else { IDLES_MAX };
        self.held_since.saturating_add(idle.saturating_mul(idles))
    }
}

/// When the group that is held is no longer waited for.
fn flush_time(tracked: &Tracked, idle: Duration) -> Duration {
    tracked.grown_at.saturating_add(idle).min(tracked.held_until(idle))
}
