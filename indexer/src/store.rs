//! The log store as readers and workers share it: the splits that the manifest names and the tail, changed together.

use crate::config::IndexerConfig;
use crate::deletion::{Deletion, DeletionStatus, Deletions};
use crate::line::Hit;
use crate::manifest::{CommitError, Manifest, remove_orphans};
use crate::open::OpenRun;
use crate::patterns::{self, Pattern, Patterns};
use crate::search::{self, SearchRequest, SearchSummary};
use crate::split::{OpenSplits, Split, SplitInfo};
use crate::status::{Counters, Status};
use crate::tail::{Run, Tail};
use logweir_base::dir::SharedDir;
use logweir_base::ids::{JournalId, Position};
use logweir_base::pattern::PatternId;
use logweir_base::pipe::Stats;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// The log store, for reading. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) dir: SharedDir,
    pub(crate) config: IndexerConfig,
    pub(crate) open: OpenSplits,
    state: Mutex<State>,
    /// A record was applied.
    pub(crate) applied: Condvar,
    /// There is work for the keeper, or it has done some.
    pub(crate) work: Condvar,
    manifest: Mutex<Manifest>,
    patterns: Mutex<Patterns>,
}

pub(crate) struct State {
    /// By position.
    pub(crate) splits: Vec<Arc<Split>>,
    pub(crate) tail: Tail,
    pub(crate) committed: Option<Position>,
    pub(crate) stopping: bool,
    /// Why nothing can go on.
    pub(crate) fatal: Option<String>,
    /// Writing a split has failed and is put off.
    pub(crate) write_failed: bool,
    /// Removing splits has failed and is put off.
    pub(crate) remove_failed: bool,
    /// A step of a deletion has failed and is put off.
    pub(crate) delete_failed: bool,
    pub(crate) deletions: Deletions,
    /// Splits that the manifest names no longer and that somebody may still read.
    leaving: Vec<Weak<Split>>,
    /// A merge has failed and merging is put off until a split could be written.
    pub(crate) merge_failed: bool,
    pub(crate) counters: Counters,
}

/// What a commit changes.
#[derive(Default)]
pub(crate) struct Commit<'a> {
    pub(crate) add: Option<SplitInfo>,
    pub(crate) remove: &'a [Arc<Split>],
    /// All up to here is in splits now; `None`: unchanged.
    pub(crate) position: Option<Position>,
    /// It is new, or has changed.
    pub(crate) deletion: Option<Deletion>,
}

/// Splits and tail at one moment.
pub(crate) struct Snapshot {
    pub(crate) splits: Vec<Arc<Split>>,
    pub(crate) runs: Vec<Run>,
    pub(crate) open: OpenRun,
    pub(crate) applied: Position,
}

impl Store {
    pub(crate) fn open(dir: SharedDir, journal: JournalId, config: IndexerConfig) -> io::Result<Self> {
        let (manifest, notes) = Manifest::open(dir.clone(), journal)?;
        let splits: Vec<_> =
            manifest.splits().iter().map(|info| Arc::new(Split::new(dir.clone(), info.clone()))).collect();
        let committed = manifest.position();
        let mut deletions = Deletions::default();
        deletions.set(manifest.deletions());
        let mut counters = Counters::default();
        let (patterns, trouble) = Patterns::open(&dir, committed)?;
        patterns::remove_after(&dir, committed.unwrap_or_default())?;
        notes.into_iter().chain(trouble).for_each(|note| counters.report(note));
        let open = OpenSplits::default();
        for split in &splits {
            match split.reader(&open) {
                Err(e) if e.kind() == io::ErrorKind::Unsupported => return Err(e),
                Err(e) => counters.report(format!("{}: {e}", split.info.name)),
                Ok(_) => {}
            }
        }
        let state = State {
            splits,
            tail: Tail::after(committed.unwrap_or_default()),
            committed,
            stopping: false,
            fatal: None,
            write_failed: false,
            remove_failed: false,
            delete_failed: false,
            deletions,
            leaving: Vec::new(),
            merge_failed: false,
            counters,
        };
        let (applied, work) = (Condvar::new(), Condvar::new());
        let (state, manifest, patterns) = (Mutex::new(state), Mutex::new(manifest), Mutex::new(patterns));
        Ok(Self(Arc::new(Shared { dir, config, open, state, applied, work, manifest, patterns })))
    }

    /// Finds lines and hands them to `found` in order, until it breaks, the limit is met or all is searched. Lines
    /// are those of one moment: each once, none missing that was applied before.
    pub fn search(
        &self,
        request: &SearchRequest,
        found: &mut dyn FnMut(&Hit<'_>) -> ControlFlow<()>,
    ) -> SearchSummary {
        let summary = search::search(self.0.snapshot(), &self.0.open, request, found);
        self.report(&summary);
        summary
    }

    /// Counts what `request` finds, all of it, into `stats`, of one moment as a search is.
    pub fn count(&self, request: &SearchRequest, stats: Stats) -> (Stats, SearchSummary) {
        let (stats, summary) = search::count::count(self.0.snapshot(), &self.0.open, request, stats);
        self.report(&summary);
        (stats, summary)
    }

    fn report(&self, summary: &SearchSummary) {
        if !summary.errors.is_empty() {
            let mut state = self.0.state();
            summary.errors.iter().for_each(|error| state.counters.report(error.clone()));
        }
    }

    /// Waits until all up to `position` can be found; false when that did not happen within `timeout`.
    pub fn wait_covers(&self, position: Position, timeout: Duration) -> bool {
        let covers = |state: &mut State| state.tail.applied() < position && !state.stopping;
        let waited = self.0.applied.wait_timeout_while(self.0.state(), timeout, covers);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.tail.applied() >= position
    }

    /// The last position that can be found.
    pub fn applied(&self) -> Position {
        self.0.state().tail.applied()
    }

    /// The last position that is in splits, and durable.
    pub fn committed(&self) -> Option<Position> {
        self.0.state().committed
    }

    /// All patterns that records were given, the most frequent first.
    pub fn patterns(&self) -> Vec<Pattern> {
        self.0.patterns().list()
    }

    /// What the messages of a pattern have in common; `None` when there is no such pattern.
    pub fn template(&self, pattern: PatternId) -> Option<String> {
        self.0.patterns().template(pattern)
    }

    /// The pattern of applied records of this shape.
    pub fn pattern_of(&self, shape: u64) -> PatternId {
        self.0.patterns().known(shape)
    }

    /// All deletions that were asked for, the oldest first, and how far they are. Those that ended long ago are forgotten.
    pub fn deletions(&self) -> Vec<DeletionStatus> {
        let state = self.0.state();
        let mut all = state.deletions.statuses(&state.splits);
        all.extend(state.tail.deletions().map(|deletion| deletion.status(&state.splits)));
        all
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        Status::of(&self.0.state())
    }
}

impl State {
    /// What was put off because it failed is tried again.
    pub(crate) fn try_again(&mut self) {
        (self.write_failed, self.remove_failed, self.delete_failed) = (false, false, false);
    }

    /// Whether somebody may read a file that the manifest does not name any more.
    pub(crate) fn has_readers(&self) -> bool {
        self.leaving.iter().any(|split| split.strong_count() > 0)
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn patterns(&self) -> MutexGuard<'_, Patterns> {
        self.patterns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let (runs, open) = state.tail.snapshot();
        Snapshot { splits: state.splits.clone(), runs, open, applied: state.tail.applied() }
    }

    pub(crate) fn journal(&self) -> JournalId {
        self.manifest().journal()
    }

    /// Commits to the manifest and then changes what searches see, in one step for them. A failed sync ends everything.
    pub(crate) fn commit(&self, commit: Commit<'_>) -> io::Result<()> {
        let Commit { add, remove, position, deletion } = commit;
        let mut manifest = self.manifest();
        let names: Vec<_> = remove.iter().map(|split| split.info.name.clone()).collect();
        let to = position.or(manifest.position()).unwrap_or_default();
        let committed = manifest.commit(add.clone(), &names, to, deletion);
        if let (Err(CommitError::Retry(_)), Some(info)) = (&committed, &add) {
            // Nobody may take it for a split later, when lines of it have been deleted elsewhere.
            let _ = self.dir.remove(&info.name);
        }
        self.judge(committed)?;
        let mut state = self.state();
        state.deletions.set(manifest.deletions());
        state.splits.retain(|split| !names.contains(&split.info.name));
        state.splits.extend(add.map(|info| Arc::new(Split::new(self.dir.clone(), info))));
        state.splits.sort_by_key(|split| split.info.first);
        state.committed = Some(to);
        if position.is_some() {
            state.tail.written();
        }
        state.leaving.retain(|split| split.strong_count() > 0);
        state.leaving.extend(remove.iter().map(Arc::downgrade));
        drop(state);
        remove.iter().for_each(|split| split.set_removed());
        Ok(())
    }

    /// Commits the end of a deletion.
    pub(crate) fn end(&self, deletion: Deletion) -> io::Result<()> {
        let mut manifest = self.manifest();
        let ended = manifest.end(deletion);
        self.judge(ended)?;
        self.state().deletions.set(manifest.deletions());
        Ok(())
    }

    /// Removes split files that the manifest does not name, and makes that durable. Nobody reads any when this is called.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        remove_orphans(&self.dir, self.manifest().splits())?;
        self.dir.sync()
    }

    fn judge(&self, committed: Result<(), CommitError>) -> io::Result<()> {
        committed.map_err(|e| match e {
            CommitError::Retry(e) => e,
            CommitError::Fatal(e) => {
                self.state().fatal = Some(format!("manifest: {e}"));
                e
            }
        })
    }

    fn manifest(&self) -> MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
