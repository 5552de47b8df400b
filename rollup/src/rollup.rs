//! The follower: takes points from the journal, writes them to files by size, by age, and when much of the journal waits; ticks
//! move time. All is done by the caller, in the order of the records, but for merging, which has a thread; what it made is
//! committed by the caller too, so the manifest has one writer.

use crate::block::read::Block;
use crate::compact::{self, Done, Failure};
use crate::config::RollupConfig;
use crate::flush::{self, Flush};
use crate::intake::Intake;
use crate::live::Frozen;
use crate::logs::LogRules;
use crate::manifest::{CommitError, Manifest};
use crate::resent::Resent;
use crate::store::Store;
use logweir_base::dir::SharedDir;
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError};
use logweir_base::ids::{JournalId, Position, SourceId};
use logweir_base::time::Timestamp;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Text of log records is compressed in the journal; it holds back about so much less.
const TEXT_COMPRESSION: u64 = 8;

/// The first position of a journal.
const FIRST: Position = Position(1);

/// Its name as a follower.
pub const FOLLOWER: &str = "rollup";

/// The metrics store's writing side.
pub struct Rollup {
    store: Store,
    manifest: Manifest,
    rules: LogRules,
    /// Nothing but ticks came so far, from the very first record of the journal on.
    is_untouched: bool,
    /// Writing has failed and is put off until the next tick.
    flush_failed: bool,
    /// Merging has failed and is put off until points could be written.
    merge_failed: bool,
    /// Blocks that could not be read when they were to be merged: their neighbours shall not wait for them.
    damaged: BTreeSet<String>,
    /// A merge that is under way.
    merging: Option<JoinHandle<Result<Done, Failure>>>,
    /// The number of the next file.
    next_file: u64,
}

impl Rollup {
    /// Opens the store in `dir`, which belongs to `journal`. Errors: another journal's store, a format of another version, I/O.
    pub fn open(dir: SharedDir, journal: JournalId, config: RollupConfig) -> io::Result<Self> {
        let (manifest, notes) = Manifest::open(dir.clone(), journal)?;
        let mut rules = LogRules::default();
        rules.resume(manifest.known().rules.clone()).map_err(io::Error::other)?;
        let (next_file, store) = (manifest.known().next, Store::open(dir, &manifest, notes, config)?);
        take_rules(&store, &rules);
        Ok(Self {
            rules,
            is_untouched: manifest.known().position.is_none(),
            store,
            manifest,
            flush_failed: false,
            merge_failed: false,
            damaged: BTreeSet::new(),
            merging: None,
            next_file,
        })
    }

    /// The reading side.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// To take points of a record that was received at a time from a source; `None` are the HTTP receivers.
    pub fn intake(&mut self, received: Timestamp, source: Option<SourceId>) -> Intake<'_> {
        self.store.intake(received, source)
    }

    /// Takes a record of samples: what [`Follower::apply`] does with one. Skips what is not above the applied position.
    pub fn apply_samples(
        &mut self,
        position: Position,
        received: Timestamp,
        source: Option<SourceId>,
        bytes: &[u8],
    ) -> Result<(), FollowerError> {
        self.check()?;
        if position <= self.store.applied() {
            return Ok(());
        }
        self.make_room()?;
        self.intake(received, source).take_samples(bytes);
        self.advance(position, received, bytes.len() as u64);
        Ok(())
    }

    /// Writes all points to files, and commits the position.
    pub fn flush(&mut self) -> io::Result<()> {
        loop {
            let shared = self.store.0.clone();
            let (frozen, is_last) = {
                let mut live = shared.live();
                match live.frozen.clone() {
                    Some(frozen) => (frozen, false),
                    None if live.committed.unwrap_or_default() == live.applied => return Ok(()),
                    None => (live.freeze(self.rules.in_force().cloned()), true),
                }
            };
            self.write(&frozen)?;
            if is_last {
                return Ok(());
            }
        }
    }

    fn write(&mut self, frozen: &Frozen) -> io::Result<()> {
        let shared = self.store.0.clone();
        let (after, next) = (self.manifest.known().position.unwrap_or_default(), self.next_file);
        let known = shared.live().blocks.clone();
        let resent = &Resent::find(frozen, &known);
        let (dir, journal) = (shared.dir.as_ref(), shared.journal);
        let flush = Flush { dir, journal, after, next, resent, known: &known };
        let mut blocks = Vec::new();
        for (made, ids) in flush::write(frozen, &flush)? {
            blocks.push(Arc::new(Block::made(shared.dir.clone(), made, ids)));
        }
        drop(known);
        self.next_file += blocks.len() as u64;
        self.commit_blocks(blocks, &[], Some(frozen))?;
        let counters = &mut shared.live().counters;
        counters.flushes += 1;
        counters.points.resent(resent.duplicates, resent.conflicts);
        Ok(())
    }

    /// Commits to the manifest and then changes what queries see. A failed sync ends everything.
    fn commit_blocks(
        &mut self,
        add: Vec<Arc<Block>>,
        remove: &[String],
        frozen: Option<&Frozen>,
    ) -> io::Result<()> {
        let shared = self.store.0.clone();
        let to = frozen.map(|frozen| frozen.to).or(self.manifest.known().position).unwrap_or_default();
        let rules = frozen.and_then(|frozen| frozen.rules.clone());
        let infos: Vec<_> = add.iter().map(|block| block.info.clone()).collect();
        let now = shared.live().now;
        let committed = self.manifest.commit(infos, remove, to, now, rules);
        let mut live = shared.live();
        if let Err(e) = committed {
            match e {
                CommitError::Fatal(e) => {
                    live.fatal = Some(format!("manifest: {e}"));
                    return Err(e);
                }
                CommitError::Retry(e) => {
                    // They will be made anew, under other names.
                    add.iter().for_each(|block| block.set_removed());
                    return Err(e);
                }
            }
        }
        if frozen.is_some() {
            live.frozen = None;
            live.committed = Some(to);
        }
        live.replace(add, remove);
        Ok(())
    }

    fn try_flush(&mut self) {
        if self.flush_failed {
            return;
        }
        match self.flush() {
            Ok(()) => self.merge_failed = false,
            Err(e) => {
                self.flush_failed = true;
                self.report(&e);
            }
        }
    }

    fn report(&self, e: &io::Error) {
        let mut live = self.store.0.live();
        live.counters.failures += 1;
        live.counters.report(e.to_string());
    }

    fn is_full(&self) -> bool {
        let (live, config) = (self.store.0.live(), &self.store.0.config);
        let frozen = live.frozen.as_ref().map_or(0, |frozen| frozen.bytes);
        live.head_bytes + frozen >= config.head_bytes_max || live.journal_bytes >= config.journal_bytes_max
    }

    fn is_old(&self) -> bool {
        let (live, config) = (self.store.0.live(), &self.store.0.config);
        live.frozen.is_some()
            || live.head_since.is_some_and(|since| live.now.since(since) >= config.flush_age)
    }

    fn tick(&mut self, now: Timestamp) {
        self.store.0.live().now = now;
        self.flush_failed = false;
        if self.is_old() {
            self.try_flush();
            let mut live = self.store.0.live();
            if live.frozen.is_none() {
                live.retire(&self.store.0.config);
            }
        }
        self.merge();
    }

    /// Commits a merge that has ended, and begins the next one.
    fn merge(&mut self) {
        if let Some(ended) = self.merging.take_if(|merging| merging.is_finished()) {
            let done = ended.join().unwrap_or_else(|_| Err(io::Error::other("a merge has panicked").into()));
            self.finish(done);
        }
        if self.merging.is_some() || self.merge_failed {
            return;
        }
        let shared = self.store.0.clone();
        let Some(job) = compact::next(&shared, &self.damaged) else {
            return;
        };
        let number = self.next_file;
        self.next_file += 1;
        if shared.config.workers == 0 {
            return self.finish(job.run(&shared, number));
        }
        let thread = thread::Builder::new().name("rollup-merge".to_owned());
        match thread.spawn(move || job.run(&shared, number)) {
            Ok(handle) => self.merging = Some(handle),
            Err(e) => self.report(&e),
        }
    }

    fn finish(&mut self, done: Result<Done, Failure>) {
        let committed = done.and_then(|Done { made, remove, counts }| {
            self.commit_blocks(made.into_iter().collect(), &remove, None)?;
            Ok(counts)
        });
        match committed {
            Ok((duplicates, conflicts)) => {
                let mut live = self.store.0.live();
                live.counters.merges += 1;
                live.counters.points.resent(duplicates, conflicts);
            }
            Err(e) => {
                match e.block {
                    // What cannot be read today cannot be read tomorrow.
                    Some(name) if e.error.kind() == io::ErrorKind::InvalidData => {
                        self.damaged.insert(name);
                    }
                    _ => self.merge_failed = true,
                }
                self.report(&e.error);
            }
        }
    }

    fn check(&self) -> Result<(), FollowerError> {
        match &self.store.0.live().fatal {
            Some(reason) => Err(self.error(reason)),
            None => Ok(()),
        }
    }

    fn error(&self, reason: &str) -> FollowerError {
        FollowerError { at: self.store.0.dir.describe(), reason: reason.to_owned() }
    }

    /// Makes room before more is taken; an error when there is none.
    fn make_room(&mut self) -> Result<(), FollowerError> {
        if !self.is_full() {
            return Ok(());
        }
        self.try_flush();
        self.check()?;
        let live = self.store.0.live();
        let frozen = live.frozen.as_ref().map_or(0, |frozen| frozen.bytes);
        if live.head_bytes + frozen < 2 * self.store.0.config.head_bytes_max {
            return Ok(());
        }
        drop(live);
        Err(self.error("memory for points is full and no file can be written"))
    }
}

impl Follower for Rollup {
    fn name(&self) -> &str {
        FOLLOWER
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        self.store.committed().map(|position| (self.store.0.journal, position))
    }

    /// Skips what is not above the applied position.
    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        self.check()?;
        if entry.position <= self.store.applied() {
            return Ok(());
        }
        self.is_untouched &= entry.position <= self.store.applied().next();
        self.make_room()?;
        let journal_bytes = match &entry.body {
            EntryBody::Records(batch) => {
                self.rules.apply(batch, self.store.intake(entry.received, Some(batch.source)));
                batch.text.len() as u64 / TEXT_COMPRESSION
            }
            EntryBody::Samples(batch) => {
                let mut intake = self.store.intake(entry.received, batch.source);
                batch.chunks.iter().for_each(|chunk| intake.take_samples(chunk));
                batch.chunks.iter().map(|chunk| chunk.len() as u64).sum()
            }
            EntryBody::Config(text) => {
                // What ticks before it say changes no count.
                let position = if self.is_untouched { FIRST } else { entry.position };
                if let Err(reason) = self.rules.change(text, position, entry.received) {
                    self.report(&io::Error::other(format!("rules of the configuration: {reason}")));
                }
                0
            }
            EntryBody::Delete { .. } | EntryBody::Gap(..) => {
                self.rules.differ(entry.received);
                0
            }
            _ => 0,
        };
        self.is_untouched &= matches!(entry.body, EntryBody::Tick(_));
        if !matches!(entry.body, EntryBody::Records(_) | EntryBody::Samples(_) | EntryBody::Tick(_)) {
            take_rules(&self.store, &self.rules);
        }
        self.advance(entry.position, entry.received, journal_bytes);
        match &entry.body {
            EntryBody::Tick(now) => self.tick(*now),
            // The journal is to let go of what was deleted, and does so up to what is committed everywhere.
            EntryBody::Delete { .. } => self.try_flush(),
            _ => {}
        }
        self.check()
    }

    fn commit(&mut self) -> Result<Position, FollowerError> {
        self.check()?;
        Ok(self.store.committed().unwrap_or_default())
    }
}

/// What readers see of the rules in force.
fn take_rules(store: &Store, rules: &LogRules) {
    let mut live = store.0.live();
    live.exact_rules = rules.exact();
    rules.metrics().for_each(|(name, meta)| live.take_meta(name, meta));
}

impl Rollup {
    /// All up to `position` has been taken.
    fn advance(&mut self, position: Position, received: Timestamp, journal_bytes: u64) {
        let mut live = self.store.0.live();
        live.applied = position;
        live.journal_bytes += journal_bytes;
        live.head_since.get_or_insert(received);
        drop(live);
        self.store.0.applied.notify_all();
    }
}

impl Drop for Rollup {
    /// Writes what is in memory, so that the next start need not read it from the journal again; if that fails, it does.
    fn drop(&mut self) {
        let is_well = {
            let mut live = self.store.0.live();
            live.stopping = true;
            live.fatal.is_none()
        };
        self.store.0.applied.notify_all();
        if let Some(Ok(Ok(Done { made: Some(made), .. }))) = self.merging.take().map(JoinHandle::join) {
            made.set_removed();
        }
        if is_well {
            let _ = self.flush();
        }
    }
}
