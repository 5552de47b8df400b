//! Counting: the numbers of a pipe over all lines that match, reading as little as they take.
//!
//! ```text
//! statistics  decide a block's groups, and name them      -> counts, no byte of the block is read
//! counts      say how many lines have the query's word    -> counts, likewise
//! columns     decide rows, and hold the numbers           -> rows and columns are read
//! the lines   decide the rest                             -> the block is decompressed
//! ```
//! Splits are counted by themselves, several at a time, and their numbers are merged; [`Stats`] sees to it that this makes
//! no difference.

use super::cursor::candidates_of;
use super::judge::{ByGroup, Judge, RunState, Verdict, cut_short};
use super::limits::Limits;
use super::{SearchRequest, SearchSummary, overlaps};
use crate::block::Block;
use crate::blocks::Blocks;
use crate::columns::{ColumnState, Group, Parts, RunColumns, read_groups, read_numbers};
use crate::open::OpenRun;
use crate::rows::Row;
use crate::seal::SealedRun;
use crate::set::BlockSet;
use crate::split::read::SplitReader;
use crate::split::{OpenSplits, Split};
use crate::store::Snapshot;
use crate::tail::Run;
use logweir_base::parse::Severity;
use logweir_base::pipe::{Slot, Stats};
use logweir_base::query::{Candidates, Matcher};
use logweir_base::time::Timestamp;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Threads that count for one request.
const THREADS_MAX: usize = 4;
/// Open lines counted between two looks at the deadline.
const LINES_PER_LOOK: usize = 256;

/// Something that is counted by itself.
enum Part {
    Split(Arc<Split>),
    Sealed(Arc<SealedRun>),
    Open(OpenRun),
}

/// Counts what `request` finds in `snapshot`; its order and limit do not matter.
pub(crate) fn count(
    snapshot: Snapshot,
    open: &OpenSplits,
    request: &SearchRequest,
    stats: Stats,
) -> (Stats, SearchSummary) {
    let mut summary = SearchSummary { complete_up_to: snapshot.applied, ..SearchSummary::default() };
    let parts = parts(snapshot, request);
    let next = AtomicUsize::new(0);
    let plan = Plan::of(request, &stats);
    let threads =
        thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(parts.len().max(1));
    let done = Mutex::new(Vec::new());
    let work = |mut counter: Counter<'_>| {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            counter.part(part);
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).push((counter.stats, counter.summary));
    };
    let matcher = Matcher::new(&request.query);
    let counter = || Counter::new(&plan, open, matcher.clone(), stats.share_of(threads));
    thread::scope(|scope| {
        // The calling thread is one of them; one that cannot be started is not needed.
        for _ in 1..threads {
            let (work, counter) = (&work, counter());
            let _ =
                thread::Builder::new().name("count".to_owned()).spawn_scoped(scope, move || work(counter));
        }
        work(counter());
    });
    let mut all = stats;
    for (stats, part) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        all.merge(stats);
        summary.hits += part.hits;
        summary.partial |= part.partial;
        summary.blocks_decoded += part.blocks_decoded;
        summary.lines_verified += part.lines_verified;
        summary.indexes_unused += part.indexes_unused;
        part.errors.into_iter().for_each(|error| summary.note(error));
    }
    if all.left_out() > 0 {
        summary.damaged(format!(
            "{} values left out: too many groups; narrow the query or its `by`",
            all.left_out()
        ));
    }
    (all, summary)
}

fn parts(snapshot: Snapshot, request: &SearchRequest) -> Vec<Part> {
    let range = request.range();
    let splits =
        snapshot.splits.into_iter().filter(|it| overlaps(&range, it.info.min_time, it.info.max_time));
    let runs = snapshot.runs.into_iter().map(|run| match run {
        Run::Frozen(run) => Part::Open((*run).clone()),
        Run::Sealed(run) => Part::Sealed(run),
    });
    splits.map(Part::Split).chain(runs).chain([Part::Open(snapshot.open)]).collect()
}

/// What is to be counted, for all threads.
struct Plan {
    range: Range<Timestamp>,
    limits: Limits,
    candidates: Candidates,
    /// Severity, service and time name the groups, and columns may have the numbers: of these paths.
    of_columns: Option<Vec<String>>,
}

impl Plan {
    fn of(request: &SearchRequest, stats: &Stats) -> Self {
        Self {
            range: request.range(),
            limits: Limits::of(request),
            candidates: request.query.candidates(),
            of_columns: stats.number_fields().filter(|_| stats.is_of_heads()),
        }
    }
}

/// Counts parts one after the other.
struct Counter<'a> {
    plan: &'a Plan,
    open: &'a OpenSplits,
    judge: Judge,
    stats: Stats,
    summary: SearchSummary,
    buffers: Buffers,
}

#[derive(Default)]
struct Buffers {
    group_of: Vec<u64>,
    numbers: Vec<Vec<Option<f64>>>,
    scratch: Vec<u64>,
}

/// A run whose blocks are counted.
struct CountRun {
    state: RunState,
    /// What the fields whose numbers are wanted are here.
    columns: RunColumns,
    /// How many lines of each block have the query's word; nothing where that is not known.
    with_word: Arc<[Option<u64>]>,
    /// Where groups are counted, in the window that begins here.
    slots: ByGroup<Option<Slot>>,
    slots_at: Option<Timestamp>,
}

impl<'a> Counter<'a> {
    fn new(plan: &'a Plan, open: &'a OpenSplits, matcher: Matcher, stats: Stats) -> Self {
        let judge = Judge::new(matcher);
        Self { plan, open, judge, stats, summary: SearchSummary::default(), buffers: Buffers::default() }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Split(split) => match split.reader(self.open) {
                Ok(reader) => self.split(&reader, &split.info.name),
                Err(e) => self.summary.damaged(format!("{}: {e}", split.info.name)),
            },
            Part::Sealed(run) => {
                let set = candidates_of(run, &self.plan.candidates);
                let with_word = words_of_sealed(run, self.judge.matcher.counted_word());
                self.run(Blocks::Sealed(run.clone()), &set, &with_word);
            }
            Part::Open(run) => self.open_run(run),
        }
    }

    fn split(&mut self, reader: &Arc<SplitReader>, name: &str) {
        let set = reader.candidates(&self.plan.candidates).unwrap_or_else(|e| {
            self.summary.index_unused(name, &e);
            BlockSet::all(reader.block_count())
        });
        if set.is_empty() {
            return;
        }
        let mut with_word = Vec::new();
        if let Some(word) = self.judge.matcher.counted_word() {
            with_word.resize(reader.block_count(), None);
            let looked_up = reader.counts(word, &mut self.judge.unpacker, |block, lines| {
                with_word.get_mut(block).into_iter().for_each(|slot| *slot = Some(lines));
            });
            if let Err(e) = looked_up {
                with_word.clear();
                self.summary.index_unused(name, &e);
            }
        }
        let (with_word, name): (Arc<[_]>, Arc<str>) = (with_word.into(), name.into());
        for run in 0..reader.run_count() {
            let blocks = Blocks::Split { reader: reader.clone(), run, name: Arc::clone(&name) };
            self.run(blocks, &set, &with_word);
        }
    }

    fn run(&mut self, blocks: Blocks, set: &BlockSet, with_word: &Arc<[Option<u64>]>) {
        let wanted = self.plan.of_columns.as_deref().unwrap_or_default();
        let columns = RunColumns::of(wanted, blocks.names());
        let range = blocks.range();
        let state = RunState::new(blocks, &self.judge.matcher);
        let (slots, slots_at) = (ByGroup::new(), None);
        let mut run = CountRun { state, columns, with_word: Arc::clone(with_word), slots, slots_at };
        match self.by_totals(&mut run) {
            Ok(true) => return,
            Ok(false) => {}
            Err(e) => self.summary.note(format!("{}: {e}", run.state.blocks.name())),
        }
        for index in range.filter(|&index| set.contains(index)) {
            let info = run.state.blocks.info(index);
            if !overlaps(&self.plan.range, info.min_time, info.max_time) {
                continue;
            }
            if self.plan.limits.is_over() {
                self.summary.partial = true;
                return;
            }
            if let Err(e) = self.block(&mut run, index) {
                self.summary.damaged(format!("{}: block {index}: {e}", run.state.blocks.name()));
            }
        }
    }

    /// Counts a whole run by severity and service, when these and one window are all that matters; false when they are not.
    fn by_totals(&mut self, run: &mut CountRun) -> io::Result<bool> {
        let of_heads = self.judge.matcher.is_of_heads() && self.plan.of_columns.as_deref() == Some(&[]);
        if !of_heads || self.plan.limits.is_over() {
            return Ok(false);
        }
        let mut counted = false;
        let blocks = run.state.blocks.clone();
        blocks.totals(|totals| {
            let (min, max) = totals.times;
            counted = self.is_whole(min, max);
            for group in totals.groups.iter().filter(|_| counted) {
                if self.judge.by_head(&mut run.state, group) == Some(true) {
                    self.add_group(run, min, group);
                }
            }
        })?;
        Ok(counted)
    }

    /// Whether all between two times is wanted, and goes to one window.
    fn is_whole(&self, min: Timestamp, max: Timestamp) -> bool {
        self.plan.range.start <= min && max < self.plan.range.end && self.stats.same_window(min, max)
    }

    fn add_group(&mut self, run: &mut CountRun, time: Timestamp, group: &Group) {
        self.summary.hits += u64::from(group.rows);
        if let Some(slot) = self.slot(run, time, group) {
            self.stats.add_count(slot, u64::from(group.rows));
        }
    }

    /// Where a group is counted at a time.
    fn slot(&mut self, run: &mut CountRun, time: Timestamp, group: &Group) -> Option<Slot> {
        if run.slots_at.is_none_or(|at| !self.stats.same_window(at, time)) {
            run.slots.clear();
            run.slots_at = Some(time);
        }
        run.slots.get(group).unwrap_or_else(|| {
            let service = run.state.blocks.names().service(group.service).unwrap_or_default();
            let slot = self.stats.slot(time, group.severity, service);
            run.slots.set(group, slot);
            slot
        })
    }

    fn block(&mut self, run: &mut CountRun, index: usize) -> io::Result<()> {
        let info = *run.state.blocks.info(index);
        let whole = self.plan.of_columns.is_some() && self.is_whole(info.min_time, info.max_time);
        if whole && self.by_word(run, index) {
            return Ok(());
        }
        let verdict = self.judge.block(&mut run.state, index)?;
        if verdict == Verdict::None {
            return Ok(());
        }
        if whole && self.judge.matcher.uses_facts() && run.state.blocks.has_columns() {
            let counted = match verdict {
                Verdict::Open => self.by_columns(run, index)?,
                _ => self.by_groups(run, index)?,
            };
            if counted {
                return Ok(());
            }
        }
        self.by_rows(run, index, verdict)
    }

    /// Counts a block all of whose groups are decided; false when its columns do not suffice.
    fn by_groups(&mut self, run: &mut CountRun, index: usize) -> io::Result<bool> {
        let has_numbers = !run.columns.0.is_empty();
        if has_numbers && !self.load(run, index)? {
            return Ok(false);
        }
        let time = run.state.blocks.info(index).min_time;
        let groups = std::mem::take(&mut self.judge.stats.groups);
        let mut slots = Vec::with_capacity(groups.len());
        for (at, group) in groups.iter().enumerate() {
            let matches = self.judge.verdicts[at] == Some(true);
            slots.push(if matches { self.slot(run, time, group) } else { None });
            if matches {
                self.add_group(run, time, group);
            }
        }
        self.judge.stats.groups = groups;
        for (place, numbers) in self.buffers.numbers[..run.columns.0.len()].iter().enumerate() {
            for (group, number) in self.buffers.group_of.iter().zip(numbers) {
                if let (Some(slot), Some(number)) = (slots[*group as usize], number) {
                    self.stats.add_number(slot, place, *number);
                }
            }
        }
        Ok(true)
    }

    /// Counts a block whose lines match by whether they have a word, when it is known how many do; false when that does not
    /// suffice.
    fn by_word(&mut self, run: &mut CountRun, index: usize) -> bool {
        let known = run.with_word.get(index).copied().flatten();
        let Some(lines) = known.filter(|_| run.columns.0.is_empty() && self.stats.is_of_time()) else {
            return false;
        };
        let Some(matching) = self.judge.matching_by_word(&run.state, index, lines) else {
            return false;
        };
        // A group that nothing is added to must not be there. All have the same place: time alone names it.
        let any = Group { severity: Severity::UNSPECIFIED, service: 0, rows: 0 };
        let time = run.state.blocks.info(index).min_time;
        if matching > 0
            && let Some(slot) = self.slot(run, time, &any)
        {
            self.stats.add_count(slot, matching);
        }
        self.summary.hits += matching;
        true
    }

    /// Counts a block whose rows columns decide; false when they do not.
    fn by_columns(&mut self, run: &mut CountRun, index: usize) -> io::Result<bool> {
        let decided = self.judge.rows_by_columns(&run.state, index, Verdict::Open)?;
        if decided.iter().any(Option::is_none) || !self.load(run, index)? {
            return Ok(false);
        }
        let time = run.state.blocks.info(index).min_time;
        for (at, _) in decided.iter().enumerate().filter(|(_, matches)| **matches == Some(true)) {
            let group = Group { rows: 1, ..self.judge.stats.groups[self.buffers.group_of[at] as usize] };
            self.add_group(run, time, &group);
            if let Some(slot) = self.slot(run, time, &group) {
                self.add_numbers(run, slot, at);
            }
        }
        Ok(true)
    }

    /// Adds the wanted numbers of a row.
    fn add_numbers(&mut self, run: &CountRun, slot: Slot, row: usize) {
        for (place, numbers) in self.buffers.numbers[..run.columns.0.len()].iter().enumerate() {
            if let Some(number) = numbers.get(row).copied().flatten() {
                self.stats.add_number(slot, place, number);
            }
        }
    }

    /// Reads groups and wanted numbers of all rows of a block; false when there is not a column for each.
    fn load(&mut self, run: &CountRun, index: usize) -> io::Result<bool> {
        let stats = &self.judge.stats;
        let known = |state: &ColumnState| match state {
            ColumnState::Unknown => false,
            ColumnState::Absent => stats.is_complete,
            ColumnState::At(path) => stats
                .columns
                .iter()
                .find(|column| column.path == *path)
                .map_or(stats.is_complete, |column| column.values.is_some()),
        };
        if !run.columns.0.iter().all(known) {
            return Ok(false);
        }
        let blob = run.state.blocks.columns(index)?;
        let buffers = &mut self.buffers;
        let columns = read_groups(stats, &blob, &mut buffers.group_of).ok_or_else(cut_short)?;
        buffers.numbers.resize_with(run.columns.0.len(), Vec::new);
        for (numbers, state) in buffers.numbers.iter_mut().zip(&run.columns.0) {
            numbers.clear();
            if let ColumnState::At(path) = state
                && stats.columns.iter().any(|column| column.path == *path)
            {
                read_numbers(stats, *path, columns, &mut buffers.scratch, numbers).ok_or_else(cut_short)?;
            }
        }
        Ok(true)
    }

    /// Counts row by row; the lines are read only when rows and columns do not suffice.
    fn by_rows(&mut self, run: &CountRun, index: usize, verdict: Verdict) -> io::Result<()> {
        let text = self.judge.text_first(&run.state, index)?;
        self.summary.blocks_decoded += u64::from(text.is_some());
        if text.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let rows = run.state.blocks.rows(index, &mut self.judge.unpacker)?;
        let mut decided = self.judge.rows(&run.state, index, &rows, verdict)?;
        let wanted = |(row, decided): (&Row, &Option<bool>)| {
            self.plan.range.contains(&row.key.time) && *decided != Some(false)
        };
        let wanted: Vec<bool> = rows.iter().zip(&decided).map(wanted).collect();
        if !wanted.contains(&true) {
            return Ok(());
        }
        let all_decided = decided.iter().zip(&wanted).all(|(decided, wanted)| !wanted || decided.is_some());
        let has_stats = run.state.blocks.stats(index, Parts::All, &mut self.judge.stats)?;
        if all_decided && self.plan.of_columns.is_some() && has_stats && self.load(run, index)? {
            self.add_rows(run, &rows, &wanted);
            return Ok(());
        }
        let block = match text {
            Some(text) => Some(Block { text, rows }),
            None => {
                self.summary.blocks_decoded += 1;
                self.judge.lines(&run.state, index, rows)?
            }
        };
        if let Some(block) = block {
            self.judge.by_text(&block, &mut decided);
            self.add_lines(run, &block, &decided, &wanted);
        }
        Ok(())
    }

    /// Counts rows that match.
    fn add_rows(&mut self, run: &CountRun, rows: &[Row], wanted: &[bool]) {
        let names = run.state.blocks.names();
        for (at, row) in rows.iter().enumerate().filter(|(at, _)| wanted[*at]) {
            let service = names.service(row.service).unwrap_or_default();
            self.summary.hits += 1;
            let Some(slot) = self.stats.slot(row.key.time, row.severity, service) else {
                continue;
            };
            self.stats.add_count(slot, 1);
            self.add_numbers(run, slot, at);
        }
    }

    /// Counts lines, which are judged unless that is decided.
    fn add_lines(&mut self, run: &CountRun, block: &Block, decided: &[Option<bool>], wanted: &[bool]) {
        let names = run.state.blocks.names();
        for (at, row) in block.rows.iter().enumerate().filter(|(at, _)| wanted[*at]) {
            let view = block.view(row, names);
            self.summary.lines_verified += u64::from(decided[at].is_none());
            if decided[at].unwrap_or_else(|| self.judge.matcher.matches(&view)) {
                self.summary.hits += 1;
                self.stats.add(&view);
            }
        }
    }

    fn open_run(&mut self, run: &OpenRun) {
        let lines = run.sorted_where(|batch| self.judge.batch_may_match(batch));
        for (at, line) in lines.into_iter().enumerate() {
            if at % LINES_PER_LOOK == 0 && self.plan.limits.is_over() {
                self.summary.partial = true;
                return;
            }
            if !self.plan.range.contains(&line.time) {
                continue;
            }
            let view = run.batch(line).view(line.line);
            self.summary.lines_verified += 1;
            if self.judge.matcher.matches(&view) {
                self.summary.hits += 1;
                self.stats.add(&view);
            }
        }
    }
}

fn words_of_sealed(run: &SealedRun, word: Option<u64>) -> Arc<[Option<u64>]> {
    let Some(word) = word else {
        return Arc::new([]);
    };
    let lines = run.blocks.iter().map(|block| {
        let at = block.words.binary_search(&word).ok()?;
        Some(u64::from(block.counts[at])).filter(|lines| *lines > 0)
    });
    lines.collect()
}
