//! The tailer: owner of all files, sources and decisions. Synchronous and without sockets or clocks: scans and events go
//! in, frames come out, time is an argument. What the thread around it does is wait.
//!
//! ```text
//! scan (scan.rs)      which files are there, what has changed, what has gone
//!   claim (claim.rs)  which source a new file is
//! next_frame          whose turn it is: round robin, one chunk a turn; of a rotated family the oldest first
//!   hold (hold.rs)    what waits in the file: lines that may go on
//! apply (session.rs)  what the router says
//! ```
//! Bounds: unacknowledged text stays below the router's window; open files below `fds_max`; nothing read is kept but the
//! frames on their way out.

mod chunk;
mod claim;
mod hold;
mod scan;
mod session;
mod source;

use crate::config::{ConfigError, ShipConfig};
use crate::identity::Record;
use crate::redact::Redactor;
use crate::status::{Counters, FileState, FileStatus};
use crate::watch::{Found, Globs, InodeKey};
use chunk::{CHUNK_BYTES, Lines, Look, Reader};
use claim::{Candidates, Held};
use hold::Unsent;
use logweir_base::batch::{Codec, LINE_BYTES_MAX, LineMeta};
use logweir_base::frame::{Content, Frame, Gap, Open, Resource};
use logweir_base::ids::{Offset, SourceId};
use scan::Unclaimed;
use session::Session;
use source::{Link, Sent, Source};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A file that is there (or held open) and has a source.
struct Tracked {
    source: SourceId,
    /// None while parked.
    file: Option<File>,
    /// Its first bytes, as they were when it was claimed.
    start: Box<[u8]>,
    found: Found,
    /// Number of the scan that met it last.
    scanned: u64,
    /// That scan met it under the path it was opened at.
    at_home: bool,
    deleted: bool,
    /// When it grew last.
    grown_at: Duration,
    /// It changed in the last scan: look again in the next one, since a change within the same tick of the
    /// file system's clock would not show.
    unsettled: bool,
    /// What the latest look has left in it.
    unsent: Unsent,
    /// Since when whole lines are left there.
    held_since: Duration,
    /// It is among those that are due at some time.
    is_noted: bool,
    /// Its place in the queue: its family, and its change time when it was queued.
    queued: Option<(u64, i64)>,
    error: String,
    /// Size when it was met first: what `once` waits for.
    goal: u64,
}

/// Owner of files and sources.
pub struct Tailer {
    config: ShipConfig,
    globs: Globs,
    reader: Reader,
    sources: HashMap<SourceId, Source>,
    files: HashMap<InodeKey, Tracked>,
    paths: HashMap<PathBuf, InodeKey>,
    unclaimed: HashMap<SourceId, Unclaimed>,
    held: HashMap<InodeKey, Held>,
    candidates: Candidates,
    refused: BTreeMap<PathBuf, String>,
    dirs: BTreeSet<PathBuf>,
    /// Files that may have something to send, in turn.
    ready: VecDeque<InodeKey>,
    /// Of each rotated family the queued files, oldest first.
    waiting: HashMap<u64, BTreeSet<(i64, InodeKey)>>,
    /// When files are to be looked at whose lines are held, whether or not they grow; at most once each.
    due: BTreeSet<(Duration, InodeKey)>,
    /// The latest generation that was rotated away from a path.
    rotated: HashMap<PathBuf, InodeKey>,
    /// Open files in the order they were opened.
    open_order: VecDeque<InodeKey>,
    open_count: usize,
    outbox: VecDeque<Frame>,
    session: Session,
    changed: HashSet<SourceId>,
    forgotten: Vec<SourceId>,
    scan_wanted: bool,
    something_pends: bool,
    has_new_sources: bool,
    counters: Counters,
}

impl Tailer {
    /// A tailer that knows `records` of earlier. Nothing is touched yet.
    pub fn new(
        config: ShipConfig,
        codec: Codec,
        redactor: Redactor,
        state_dir: &Path,
        records: Vec<Record>,
    ) -> Result<Self, ConfigError> {
        let globs = Globs::new(&config.globs, state_dir)?;
        let reader = Reader::new(codec, redactor).map_err(|e| ConfigError(format!("zstd: {e}")))?;
        let unclaimed = records.iter().map(|r| (r.source, Unclaimed::since(Duration::ZERO))).collect();
        let sources = records.into_iter().map(|r| (r.source, Source::restored(r))).collect();
        Ok(Self {
            config,
            globs,
            reader,
            sources,
            unclaimed,
            files: HashMap::new(),
            paths: HashMap::new(),
            held: HashMap::new(),
            candidates: Candidates::default(),
            refused: BTreeMap::new(),
            dirs: BTreeSet::new(),
            ready: VecDeque::new(),
            waiting: HashMap::new(),
            due: BTreeSet::new(),
            rotated: HashMap::new(),
            open_order: VecDeque::new(),
            open_count: 0,
            outbox: VecDeque::new(),
            session: Session::default(),
            changed: HashSet::new(),
            forgotten: Vec::new(),
            scan_wanted: false,
            something_pends: false,
            has_new_sources: false,
            counters: Counters::default(),
        })
    }

    /// The next frame to send; `None` when there is none before something happens: a change, an answer, time.
    pub fn next_frame(&mut self, now: Duration) -> Option<Frame> {
        self.session.epoch?;
        let mut passed_over = 0;
        while passed_over <= self.ready.len() {
            if let Some(frame) = self.outbox.pop_front() {
                return Some(frame);
            }
            if !self.session.has_room(CHUNK_BYTES as u64) {
                return None;
            }
            let key = self.ready.pop_front()?;
            if self.is_behind_an_older_one(key) {
                self.ready.push_back(key);
                passed_over += 1;
                continue;
            }
            passed_over = 0;
            self.leave_queue(key);
            if let Some(frame) = self.turn(key, now) {
                return Some(frame);
            }
        }
        None
    }

    /// Whether all that was there when it was first seen is acknowledged, or cannot be read.
    pub fn is_done(&self) -> bool {
        let done = |t: &Tracked| {
            !t.error.is_empty()
                || self.sources.get(&t.source).is_some_and(|s| s.record.finished || s.hwm.0 >= t.goal)
        };
        self.counters.scans > 0 && self.held.is_empty() && self.files.values().all(done)
    }

    /// Directories to watch.
    pub fn dirs(&self) -> &BTreeSet<PathBuf> {
        &self.dirs
    }

    /// Whether a scan should not wait for its usual time: something is pending that only a scan moves on.
    pub fn wants_scan_soon(&self) -> bool {
        self.scan_wanted || self.something_pends
    }

    /// Takes the wish for a scan that came with a hint.
    pub fn take_scan_wish(&mut self) -> bool {
        std::mem::take(&mut self.scan_wanted)
    }

    /// Totals so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Redactions so far, by rule.
    pub fn redactions(&self) -> BTreeMap<String, u64> {
        self.reader.redactor.counts().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// Whether the checkpoint is behind.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty() || !self.forgotten.is_empty()
    }

    /// Whether there are sources the checkpoint has never held. It should, before they are sent (R1): the router knows them
    /// by inode only, the checkpoint finds them in a copy, too.
    pub fn has_new_sources(&self) -> bool {
        self.has_new_sources
    }

    /// What a checkpoint must hold.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.sources.values().map(|source| &source.record)
    }

    /// Hands what the checkpoint lacks to `save`; when that fails it stays to be saved.
    pub fn checkpoint<E>(
        &mut self,
        save: impl FnOnce(&mut dyn Iterator<Item = &Record>, &[SourceId]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut records = self.changed.iter().filter_map(|id| self.sources.get(id)).map(|s| &s.record);
        save(&mut records, &self.forgotten)?;
        self.changed.clear();
        self.forgotten.clear();
        self.has_new_sources = false;
        self.counters.checkpoints += 1;
        Ok(())
    }

    /// All files, by path.
    pub fn file_statuses(&self) -> Vec<FileStatus> {
        let mut all: Vec<_> = self.files.values().map(|t| self.status_of(t)).collect();
        all.extend(self.unclaimed.keys().filter_map(|id| self.sources.get(id)).map(|source| FileStatus {
            path: source.record.seen_at.as_str().into(),
            source: Some(source.record.source),
            position: source.hwm,
            size: source.record.last_size,
            state: FileState::Gone,
            error: String::new(),
        }));
        let nameless = |path: &Path, size, state, error: &str| FileStatus {
            path: path.to_string_lossy().into(),
            source: None,
            position: Offset(0),
            size,
            state,
            error: error.to_owned(),
        };
        all.extend(
            self.held.values().map(|held| nameless(&held.found.path, held.found.size, FileState::Copy, "")),
        );
        all.extend(self.refused.iter().map(|(path, why)| nameless(path, 0, FileState::Refused, why)));
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }

    fn status_of(&self, tracked: &Tracked) -> FileStatus {
        let state = match tracked {
            t if t.deleted => FileState::Deleted,
            t if t.file.is_none() => FileState::Parked,
            t if !t.at_home => FileState::Rotated,
            _ => FileState::Open,
        };
        FileStatus {
            path: tracked.found.path.to_string_lossy().into(),
            source: Some(tracked.source),
            position: self.sources.get(&tracked.source).map_or(Offset(0), |source| source.hwm),
            size: tracked.found.size,
            state,
            error: tracked.error.clone(),
        }
    }

    /// Queues a file for a turn.
    fn wake(&mut self, key: InodeKey) {
        let Some(tracked) = self.files.get_mut(&key).filter(|t| t.queued.is_none()) else {
            return;
        };
        let (family, changed) = (scan::family_of(&tracked.found.path), tracked.found.modified);
        tracked.queued = Some((family, changed));
        self.waiting.entry(family).or_default().insert((changed, key));
        self.ready.push_back(key);
    }

    fn leave_queue(&mut self, key: InodeKey) {
        let Some(tracked) = self.files.get_mut(&key) else {
            return;
        };
        if let Some((family, changed)) = tracked.queued.take()
            && let Some(waiting) = self.waiting.get_mut(&family)
        {
            waiting.remove(&(changed, key));
            if waiting.is_empty() {
                self.waiting.remove(&family);
            }
        }
    }

    /// Of a rotated family the oldest generation goes first (T05).
    fn is_behind_an_older_one(&self, key: InodeKey) -> bool {
        let place = self.files.get(&key).and_then(|t| t.queued);
        let waiting = place.and_then(|(family, _)| self.waiting.get(&family));
        waiting.and_then(BTreeSet::first).is_some_and(|&(_, first)| first != key)
    }

    /// Gives one file its turn.
    fn turn(&mut self, key: InodeKey, now: Duration) -> Option<Frame> {
        self.counters.turns += 1;
        let link = self
            .files
            .get(&key)
            .and_then(|t| self.sources.get(&t.source))
            .map(|s| (s.link, s.record.finished))?;
        match link {
            (_, true) | (Link::Asked | Link::Opening, _) => None,
            (Link::Unopened, _) => self.open_source(key),
            (Link::Open, _) if self.has_moved(key) => self.open_source(key),
            (Link::Open, _) => match self.look(key, now) {
                Ok(look) => self.act(key, look, now),
                Err(e) => {
                    self.files.get_mut(&key)?.error = e.to_string();
                    None
                }
            },
        }
    }

    fn has_moved(&self, key: InodeKey) -> bool {
        self.files.get(&key).and_then(|t| self.sources.get(&t.source)).is_some_and(|source| source.moved)
    }

    fn look(&mut self, key: InodeKey, now: Duration) -> io::Result<Look> {
        self.ensure_open(key)?;
        let terms = self.terms(key, now);
        let tracked = self.files.get_mut(&key).ok_or(io::ErrorKind::NotFound)?;
        let source = self.sources.get(&tracked.source).ok_or(io::ErrorKind::NotFound)?;
        let (Some(file), Some(terms)) = (&tracked.file, terms) else {
            return Ok(Look::Idle(tracked.unsent.clone()));
        };
        let look = self.reader.look(file, source, &tracked.unsent, &terms)?;
        tracked.error.clear();
        Ok(look)
    }

    fn act(&mut self, key: InodeKey, look: Look, now: Duration) -> Option<Frame> {
        match look {
            Look::Changed => {
                self.replace(key, now);
                None
            }
            Look::Idle(unsent) => {
                self.hold_back(key, unsent, now);
                self.settle_checkpoint(key);
                None
            }
            Look::Hole(end, sent) => {
                let start = self.sources.get(&self.files.get(&key)?.source)?.sent;
                self.counters.hole_bytes += end.0 - start.0;
                self.send_gap(key, sent, "hole: nothing was written there")
            }
            Look::Lines(lines) => self.send_lines(key, *lines, now),
        }
    }

    fn send_lines(&mut self, key: InodeKey, lines: Lines, now: Duration) -> Option<Frame> {
        let Lines { mut batch, sent, part, cut, open } = lines;
        let tracked = self.files.get_mut(&key)?;
        let source = self.sources.get_mut(&tracked.source)?;
        if cut
            && tracked.at_home
            && let Some(last) = batch.lines.last_mut()
        {
            last.meta.0 |= LineMeta::TRUNCATED;
        }
        tracked.unsent = Unsent::nothing(sent.end);
        tracked.grown_at = now;
        source.push(sent);
        source.line_start = Some(Offset(sent.end.0 - u64::from(part) * LINE_BYTES_MAX as u64));
        source.joined = open.map(|joiner| (sent.end, joiner));
        source.record.last_size = source.record.last_size.max(sent.end.0);
        if u64::from(source.record.identity.head_len) < sent.end.0
            && let Some(file) = &tracked.file
        {
            // A failing read shows in the next turn.
            let _ = chunk::grow_head(file, source);
        }
        self.session.in_flight += sent.bytes;
        self.counters.lines_sent += batch.lines.len() as u64;
        self.counters.parts += batch.lines.iter().filter(|l| l.meta.part_number().is_some()).count() as u64;
        self.counters.bytes_sent += sent.end.0 - batch.first_start.0;
        self.counters.payload_bytes_sent += batch.payload.len() as u64;
        self.counters.batches_sent += 1;
        self.wake(key);
        Some(Frame::Batch(batch))
    }

    /// After the router said where a source stands, brings the checkpoint there.
    fn settle_checkpoint(&mut self, key: InodeKey) {
        let Some((tracked, source)) =
            self.files.get(&key).and_then(|t| Some((t, self.sources.get_mut(&t.source)?)))
        else {
            return;
        };
        if !source.is_settled() || source.record.acked == source.hwm {
            return;
        }
        let hash = |len| {
            let file = tracked.file.as_ref()?;
            crate::identity::hash_before(file, source.hwm, len).ok().flatten()
        };
        let hashes = hash(crate::identity::TAIL_BYTES).zip(hash(crate::identity::RING_BYTES));
        if let Some((tail, ring)) = hashes {
            source.record.advance(source.hwm, tail, ring);
            self.changed.insert(tracked.source);
        }
    }

    fn open_source(&mut self, key: InodeKey) -> Option<Frame> {
        if let Err(e) = self.ensure_open(key) {
            self.files.get_mut(&key)?.error = e.to_string();
            return None;
        }
        let tracked = self.files.get(&key)?;
        let source = self.sources.get_mut(&tracked.source)?;
        if let Some(file) = &tracked.file {
            // A failing read shows in the next turn.
            let _ = chunk::grow_head(file, source);
        }
        source.link = Link::Opening;
        source.announced = true;
        source.moved = false;
        self.changed.insert(tracked.source);
        Some(Frame::Open(Open {
            source: tracked.source,
            identity: source.record.identity.clone(),
            resource: Arc::new(Resource {
                content: Content::Text,
                host: self.config.host.clone(),
                path: source.record.path.clone(),
                labels: self.config.labels.clone(),
                zone: self.config.zone.clone(),
            }),
            fresh: source.fresh,
            shipper: String::new(),
        }))
    }

    /// Tells the router that nothing will come before `sent.end`, and goes on there.
    fn send_gap(&mut self, key: InodeKey, sent: Sent, reason: &str) -> Option<Frame> {
        let tracked = self.files.get_mut(&key)?;
        let source = self.sources.get_mut(&tracked.source)?;
        let gap =
            Gap { source: tracked.source, start: source.sent, end: sent.end, reason: reason.to_owned() };
        source.push(sent);
        source.line_start = Some(sent.end);
        tracked.unsent = Unsent::nothing(sent.end);
        self.wake(key);
        Some(Frame::Gap(gap))
    }
}

/// Whether an unterminated last line is to be sent as it is: the generation has ended (T23), or it waited too long (T22).
fn is_cut_due(tracked: &Tracked, config: &ShipConfig, now: Duration) -> bool {
    let idle = now.saturating_sub(tracked.grown_at);
    let away = tracked.deleted || !tracked.at_home;
    idle >= config.settings.partial_idle || (away && idle >= config.settings.away_grace)
}
