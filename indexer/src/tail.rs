//! The tail: what is durable in the journal but in no split yet. Newest first it is the open run, runs waiting to be
//! sealed, sealed runs, and among these the ones that are being written to a split.

use crate::config::IndexerConfig;
use crate::deletion::Deletion;
use crate::open::{OpenBatch, OpenRun};
use crate::seal::SealedRun;
use logweir_base::entry::{Entry, EntryBody};
use logweir_base::ids::Position;
use logweir_base::pattern::PatternId;
use logweir_base::time::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// Lines that are not in a split.
pub(crate) struct Tail {
    /// By position.
    runs: VecDeque<TailRun>,
    open: OpenRun,
    /// Splits to be written, the oldest first; together they name a prefix of `runs`.
    cuts: VecDeque<Cut>,
    /// All before this position is in splits or in `cuts`.
    cut_up_to: Position,
    /// Receive time of the first record behind `cut_up_to`.
    since: Option<Timestamp>,
    applied: Position,
    now: Timestamp,
    next_run: u64,
    bytes: usize,
}

/// A run in either state.
#[derive(Clone)]
pub(crate) enum Run {
    /// Full, and waiting to be sealed.
    Frozen(Arc<OpenRun>),
    /// Sealed.
    Sealed(Arc<SealedRun>),
}

#[derive(Clone)]
struct TailRun {
    number: u64,
    run: Run,
}

/// A run that somebody has to seal.
pub(crate) struct ToSeal {
    pub(crate) number: u64,
    pub(crate) run: Arc<OpenRun>,
}

/// A split to be written: the records it stands for, and how many of the oldest runs it takes.
#[derive(Clone, Debug)]
struct Cut {
    first: Position,
    last: Position,
    runs: usize,
    /// What was known of patterns at `last`.
    patterns: Arc<[u8]>,
    /// The one that was asked for at `last`.
    deletion: Option<Deletion>,
}

/// A split that can be written now.
pub(crate) struct ToWrite {
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) runs: Vec<Arc<SealedRun>>,
    /// What was known of patterns at `last`.
    pub(crate) patterns: Arc<[u8]>,
    /// The one that was asked for at `last`.
    pub(crate) deletion: Option<Deletion>,
}

impl Run {
    fn lines(&self) -> u64 {
        match self {
            Self::Frozen(run) => run.lines,
            Self::Sealed(run) => run.lines,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Frozen(run) => run.bytes,
            Self::Sealed(run) => run.bytes,
        }
    }
}

impl Tail {
    /// Empty; all up to `committed` is in splits.
    pub(crate) fn after(committed: Position) -> Self {
        Self {
            runs: VecDeque::new(),
            open: OpenRun::default(),
            cuts: VecDeque::new(),
            cut_up_to: committed,
            since: None,
            applied: committed,
            now: Timestamp::MIN,
            next_run: 0,
            bytes: 0,
        }
    }

    pub(crate) fn applied(&self) -> Position {
        self.applied
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Memory it holds, nearly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.open.bytes
    }

    pub(crate) fn lines(&self) -> u64 {
        self.runs.iter().map(|it| it.run.lines()).sum::<u64>() + self.open.lines
    }

    /// All runs and a copy of the open one, for a search.
    pub(crate) fn snapshot(&self) -> (Vec<Run>, OpenRun) {
        (self.runs.iter().map(|it| it.run.clone()).collect(), self.open.clone())
    }

    /// Takes the next record, with the patterns it was given. Returns a run that has to be sealed when one is full. `state`
    /// gives what is known of patterns, this record included.
    pub(crate) fn apply(
        &mut self,
        entry: &Arc<Entry>,
        patterns: Vec<PatternId>,
        config: &IndexerConfig,
        state: impl FnOnce() -> Arc<[u8]>,
    ) -> Option<ToSeal> {
        self.applied = entry.position;
        self.now = self.now.max(entry.received);
        if let EntryBody::Tick(now) = entry.body {
            self.now = self.now.max(now);
        }
        let since = *self.since.get_or_insert(entry.received);
        if let Some(batch) = OpenBatch::of(entry, patterns) {
            self.open.push(batch);
        }
        let is_old = self.now.since(since) >= config.split_age;
        if self.open.text_bytes < config.run_bytes && !is_old {
            return None;
        }
        let (lines, bytes) = self.uncut();
        let is_big = lines >= config.split_lines_max || bytes >= config.tail_bytes_max / 2;
        if is_big || is_old { self.cut(state()) } else { self.freeze() }
    }

    /// Takes a deletion: a split shall be written of all that came before it, and be committed with it.
    pub(crate) fn delete(
        &mut self,
        entry: &Entry,
        deletion: Deletion,
        patterns: Arc<[u8]>,
    ) -> Option<ToSeal> {
        self.applied = entry.position;
        self.now = self.now.max(entry.received);
        self.cut_with(patterns, Some(deletion))
    }

    /// Deletions that are not committed yet.
    pub(crate) fn deletions(&self) -> impl Iterator<Item = &Deletion> {
        self.cuts.iter().filter_map(|cut| cut.deletion.as_ref())
    }

    /// A split shall be written of all there is; `patterns` is what is known of patterns now. Returns the run that has to be
    /// sealed for it.
    pub(crate) fn cut(&mut self, patterns: Arc<[u8]>) -> Option<ToSeal> {
        self.cut_with(patterns, None)
    }

    fn cut_with(&mut self, patterns: Arc<[u8]>, deletion: Option<Deletion>) -> Option<ToSeal> {
        let to_seal = self.freeze();
        let in_cuts: usize = self.cuts.iter().map(|cut| cut.runs).sum();
        let runs = self.runs.len() - in_cuts;
        let (first, last) = (self.cut_up_to.next(), self.applied);
        self.cuts.push_back(Cut { first, last, runs, patterns, deletion });
        self.cut_up_to = self.applied;
        self.since = None;
        to_seal
    }

    /// Whether a split is waiting to be written.
    pub(crate) fn has_cuts(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// A run has been sealed.
    pub(crate) fn sealed(&mut self, number: u64, sealed: SealedRun) {
        if let Some(slot) = self.runs.iter_mut().find(|it| it.number == number) {
            self.bytes = self.bytes + sealed.bytes - slot.run.bytes();
            slot.run = Run::Sealed(Arc::new(sealed));
        }
    }

    /// The next split to be written, once all its runs are sealed.
    pub(crate) fn to_write(&self) -> Option<ToWrite> {
        let cut = self.cuts.front()?;
        let sealed = self.runs.iter().take(cut.runs).map(|it| match &it.run {
            Run::Sealed(run) => Some(run.clone()),
            Run::Frozen(_) => None,
        });
        let runs = sealed.collect::<Option<Vec<_>>>()?;
        let (patterns, deletion) = (cut.patterns.clone(), cut.deletion.clone());
        Some(ToWrite { first: cut.first, last: cut.last, runs, patterns, deletion })
    }

    /// The next split has been written and committed: its lines leave the tail.
    pub(crate) fn written(&mut self) {
        if let Some(cut) = self.cuts.pop_front() {
            let gone = self.runs.drain(..cut.runs).map(|it| it.run.bytes()).sum::<usize>();
            self.bytes -= gone;
        }
    }

    fn freeze(&mut self) -> Option<ToSeal> {
        if self.open.is_empty() {
            return None;
        }
        let run = Arc::new(std::mem::take(&mut self.open));
        let number = self.next_run;
        self.next_run += 1;
        self.bytes += run.bytes;
        self.runs.push_back(TailRun { number, run: Run::Frozen(run.clone()) });
        Some(ToSeal { number, run })
    }

    /// Lines and bytes behind the last cut.
    fn uncut(&self) -> (u64, usize) {
        let in_cuts: usize = self.cuts.iter().map(|cut| cut.runs).sum();
        let runs = self.runs.iter().skip(in_cuts);
        let add = |(lines, bytes), it: &TailRun| (lines + it.run.lines(), bytes + it.run.bytes());
        runs.fold((self.open.lines, self.open.bytes), add)
    }
}
