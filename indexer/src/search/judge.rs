//! What a query makes of blocks and rows by statistics and columns, before any line is decompressed.

use crate::block::Block;
use crate::blocks::Blocks;
use crate::codec::{Unpacker, damaged};
use crate::columns::{BlockStats, ColumnState, Group, Parts, RunColumns, of_row, read_groups, read_numbers};
use crate::open::OpenBatch;
use crate::rows::Row;
use logweir_base::parse::{Severity, hides_words};
use logweir_base::pattern::PatternId;
use logweir_base::query::{ByWord, Facts, Head, Matcher, NumbersAt};
use logweir_base::time::Timestamp;
use std::io;

/// Judges by one query. One per thread.
pub(super) struct Judge {
    pub(super) matcher: Matcher,
    pub(super) unpacker: Unpacker,
    pub(super) stats: BlockStats,
    /// Of each group of the block at hand.
    pub(super) verdicts: Vec<Option<bool>>,
    group_of: Vec<u64>,
    numbers: Vec<Numbers>,
    scratch: Vec<u64>,
}

/// A run's blocks, and what is found out about them all.
pub(super) struct RunState {
    pub(super) blocks: Blocks,
    /// What the fields that the query compares are here.
    columns: RunColumns,
    /// By group, when severity and service decide the query.
    known: ByGroup<Option<bool>>,
}

/// Something for each pair of severity and service of a run.
pub(super) struct ByGroup<T>(Vec<Option<T>>);

impl<T: Copy> ByGroup<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn get(&self, group: &Group) -> Option<T> {
        *self.0.get(Self::place(group))?
    }

    pub(super) fn set(&mut self, group: &Group, value: T) {
        let place = Self::place(group);
        if place >= self.0.len() {
            self.0.resize(place + 1, None);
        }
        self.0[place] = Some(value);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Severities are bytes, but those in use are below 32.
    fn place(group: &Group) -> usize {
        group.service as usize * 32 + usize::from(group.severity.0.min(31))
    }
}

/// What a block is to a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// No line of it matches.
    None,
    /// Every line does.
    All,
    /// That depends on the group: see [`Judge::verdicts`].
    ByGroup,
    /// The lines must be looked at.
    Open,
}

/// The numbers of a field, row by row.
#[derive(Default)]
struct Numbers {
    is_known: bool,
    is_pure: bool,
    of_rows: Vec<Option<f64>>,
}

impl RunState {
    pub(super) fn new(blocks: Blocks, matcher: &Matcher) -> Self {
        let columns = RunColumns::of(matcher.number_paths(), blocks.names());
        Self { blocks, columns, known: ByGroup::new() }
    }
}

impl Judge {
    pub(super) fn new(matcher: Matcher) -> Self {
        Self {
            matcher,
            unpacker: Unpacker::new(),
            stats: BlockStats::default(),
            verdicts: Vec::new(),
            group_of: Vec::new(),
            numbers: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// What the statistics of a block say. They stay in [`Judge::stats`], groups and all unless the verdict is `None`.
    pub(super) fn block(&mut self, run: &mut RunState, index: usize) -> io::Result<Verdict> {
        if !self.matcher.uses_facts() || !run.blocks.stats(index, Parts::Columns, &mut self.stats)? {
            return Ok(Verdict::Open);
        }
        let info = run.blocks.info(index);
        let head = Head { group: None, times: (info.min_time, info.max_time), pattern: None };
        let facts = OfBlock { stats: &self.stats, columns: &run.columns };
        if !self.matcher.is_of_heads() && self.matcher.decide(&head, &facts) == Some(false) {
            return Ok(Verdict::None);
        }
        run.blocks.stats(index, Parts::All, &mut self.stats)?;
        self.judge_groups(run, &head);
        Ok(match self.verdicts.as_slice() {
            all if all.iter().all(|verdict| *verdict == Some(false)) => Verdict::None,
            all if all.iter().all(|verdict| *verdict == Some(true)) => Verdict::All,
            all if all.iter().all(Option::is_some) => Verdict::ByGroup,
            _ => Verdict::Open,
        })
    }

    fn judge_groups(&mut self, run: &mut RunState, head: &Head<'_>) {
        let groups = std::mem::take(&mut self.stats.groups);
        self.verdicts.clear();
        for group in &groups {
            let verdict = self.group(run, group, head);
            self.verdicts.push(verdict);
        }
        self.stats.groups = groups;
    }

    /// What a group's severity and service say, and what is known of all rows.
    fn group(&mut self, run: &mut RunState, group: &Group, head: &Head<'_>) -> Option<bool> {
        if let Some(known) = run.known.get(group) {
            return known;
        }
        let service = run.blocks.names().service(group.service).unwrap_or_default();
        let head = Head { group: Some((group.severity, service)), ..*head };
        let facts = OfBlock { stats: &self.stats, columns: &run.columns };
        let verdict = self.matcher.decide(&head, &facts);
        if self.matcher.is_of_heads() {
            run.known.set(group, verdict);
        }
        verdict
    }

    /// Whether the lines of a group match, when severity and service decide that.
    pub(super) fn by_head(&mut self, run: &mut RunState, group: &Group) -> Option<bool> {
        let head = Head { group: None, times: (Timestamp::MIN, Timestamp::MAX), pattern: None };
        self.group(run, group, &head)
    }

    /// How many lines match of a block of which so many have the query's word; `None` when that does not tell.
    pub(super) fn matching_by_word(&mut self, run: &RunState, index: usize, with_word: u64) -> Option<u64> {
        let info = run.blocks.info(index);
        let head = Head { group: None, times: (info.min_time, info.max_time), pattern: None };
        // Mostly the word is all there is to the query, and no group needs to be looked at.
        let by_word = match self.matcher.decide_by_word(&head, &()) {
            Some(by_word) => by_word,
            None => self.groups_by_word(run, index, &head)?,
        };
        let without_word = u64::from(info.lines).checked_sub(with_word)?;
        let count = |matches, lines| if matches { lines } else { 0 };
        Some(count(by_word.with, with_word) + count(by_word.without, without_word))
    }

    /// What the word means, when that is the same for all groups.
    fn groups_by_word(&mut self, run: &RunState, index: usize, head: &Head<'_>) -> Option<ByWord> {
        run.blocks.stats(index, Parts::All, &mut self.stats).ok().filter(|has| *has)?;
        let mut all = None;
        for group in &self.stats.groups {
            let service = run.blocks.names().service(group.service)?;
            let head = Head { group: Some((group.severity, service)), ..*head };
            let facts = OfBlock { stats: &self.stats, columns: &run.columns };
            let of_group = self.matcher.decide_by_word(&head, &facts)?;
            if *all.get_or_insert(of_group) != of_group {
                return None;
            }
        }
        all
    }

    /// The text of a block, decompressed before anything else when only it can rule lines out; `None` when that is not so.
    /// Empty when it does.
    pub(super) fn text_first(&mut self, run: &RunState, index: usize) -> io::Result<Option<Vec<u8>>> {
        if self.matcher.uses_facts() || self.matcher.prefilter().is_none() || !run.blocks.has_columns() {
            return Ok(None);
        }
        let text = run.blocks.text(index, &mut self.unpacker)?;
        if self.matcher.prefilter().is_some_and(|filter| filter.is_match(&text)) {
            return Ok(Some(text));
        }
        run.blocks.stats(index, Parts::Columns, &mut self.stats)?;
        Ok(Some(if self.stats.hides_words { text } else { Vec::new() }))
    }

    /// The lines of a block, of which some may match by what is known; `None` when its text shows that none does.
    pub(super) fn lines(
        &mut self,
        run: &RunState,
        index: usize,
        rows: Vec<Row>,
    ) -> io::Result<Option<Block>> {
        let block = Block { text: run.blocks.text(index, &mut self.unpacker)?, rows };
        let filter = self.matcher.prefilter();
        let ruled_out = filter.is_some_and(|filter| !filter.is_match(&block.text)) && !block.hides_words();
        Ok(if ruled_out { None } else { Some(block) })
    }

    /// Whether the text of a batch of open lines leaves open that one of them matches.
    pub(super) fn batch_may_match(&self, batch: &OpenBatch) -> bool {
        let lines = batch.lines();
        self.matcher.prefilter().is_none_or(|filter| filter.is_match(&lines.text))
            || lines.records.iter().any(|record| hides_words(lines.raw_of(record), record.layout))
    }

    /// Decides the rows against which the text of their block speaks.
    pub(super) fn by_text(&self, block: &Block, decided: &mut [Option<bool>]) {
        let Some(filter) = self.matcher.prefilter().filter(|_| !block.hides_words()) else {
            return;
        };
        let mut possible = vec![false; block.rows.len()];
        let told = filter.each_place(&block.text, |place| {
            let behind = block.rows.partition_point(|row| row.at as usize <= place);
            possible[behind.saturating_sub(1)] = true;
        });
        for (decided, possible) in decided.iter_mut().zip(possible).filter(|_| told) {
            if !possible {
                decided.get_or_insert(false);
            }
        }
    }

    /// What rows, columns and pattern say of each row of a block on which [`Judge::block`] has given `verdict`.
    pub(super) fn rows(
        &mut self,
        run: &RunState,
        index: usize,
        rows: &[Row],
        verdict: Verdict,
    ) -> io::Result<Vec<Option<bool>>> {
        let of_row = |at: usize| ((rows[at].key.time, rows[at].key.time), Some(rows[at].pattern));
        self.each_row(run, index, rows.len(), verdict, of_row, |at| (rows[at].severity, rows[at].service))
    }

    /// What columns alone say of each row of such a block.
    pub(super) fn rows_by_columns(
        &mut self,
        run: &RunState,
        index: usize,
        verdict: Verdict,
    ) -> io::Result<Vec<Option<bool>>> {
        let info = run.blocks.info(index);
        let of_block = |_| ((info.min_time, info.max_time), None);
        self.each_row(run, index, info.lines as usize, verdict, of_block, |_| (Severity::UNSPECIFIED, 0))
    }

    /// `known` tells times and pattern of a row; `group` its severity and service when the block has no columns.
    fn each_row(
        &mut self,
        run: &RunState,
        index: usize,
        rows: usize,
        verdict: Verdict,
        known: impl Fn(usize) -> ((Timestamp, Timestamp), Option<PatternId>),
        group: impl Fn(usize) -> (Severity, u32),
    ) -> io::Result<Vec<Option<bool>>> {
        if verdict == Verdict::All || !self.matcher.uses_facts() {
            return Ok(vec![(verdict == Verdict::All).then_some(true); rows]);
        }
        let has_columns = run.blocks.stats(index, Parts::All, &mut self.stats)?;
        if has_columns {
            self.load(run, index)?;
        }
        let names = run.blocks.names();
        let mut decided = Vec::with_capacity(rows);
        for at in 0..rows {
            let (mut severity, mut service) = group(at);
            if let Some(&group) = self.group_of.get(at).filter(|_| has_columns) {
                if let Some(verdict) = self.verdicts[group as usize] {
                    decided.push(Some(verdict));
                    continue;
                }
                let group = self.stats.groups[group as usize];
                (severity, service) = (group.severity, group.service);
            }
            let (times, pattern) = known(at);
            let head =
                Head { group: Some((severity, names.service(service).unwrap_or_default())), times, pattern };
            decided.push(match has_columns {
                true => self.matcher.decide(&head, &OfRow { numbers: &self.numbers, row: at }),
                false => self.matcher.decide(&head, &()),
            });
        }
        Ok(decided)
    }

    /// Reads groups and numbers of all rows of a block.
    fn load(&mut self, run: &RunState, index: usize) -> io::Result<()> {
        let blob = run.blocks.columns(index)?;
        let columns = read_groups(&self.stats, &blob, &mut self.group_of).ok_or_else(cut_short)?;
        self.numbers.resize_with(run.columns.0.len(), Numbers::default);
        for (numbers, state) in self.numbers.iter_mut().zip(&run.columns.0) {
            numbers.load(&self.stats, *state, columns, &mut self.scratch)?;
        }
        Ok(())
    }
}

impl Numbers {
    fn load(
        &mut self,
        stats: &BlockStats,
        state: ColumnState,
        columns: &[u8],
        scratch: &mut Vec<u64>,
    ) -> io::Result<()> {
        match (stats.numbers(state), state) {
            (NumbersAt::Unknown, _) => self.is_known = false,
            (NumbersAt::Known { pure, .. }, ColumnState::At(path))
                if stats.columns.iter().any(|column| column.path == path) =>
            {
                read_numbers(stats, path, columns, scratch, &mut self.of_rows).ok_or_else(cut_short)?;
                (self.is_known, self.is_pure) = (true, pure);
            }
            (NumbersAt::Known { pure, .. }, _) => {
                self.of_rows.clear();
                self.of_rows.resize(stats.rows as usize, None);
                (self.is_known, self.is_pure) = (true, pure);
            }
        }
        Ok(())
    }
}

/// Facts of a whole block.
struct OfBlock<'a> {
    stats: &'a BlockStats,
    columns: &'a RunColumns,
}

impl Facts for OfBlock<'_> {
    fn numbers(&self, place: usize) -> NumbersAt {
        self.columns.0.get(place).map_or(NumbersAt::Unknown, |state| self.stats.numbers(*state))
    }
}

/// Facts of one row.
struct OfRow<'a> {
    numbers: &'a [Numbers],
    row: usize,
}

impl Facts for OfRow<'_> {
    fn numbers(&self, place: usize) -> NumbersAt {
        match self.numbers.get(place) {
            Some(numbers) if numbers.is_known => of_row(numbers.of_rows[self.row], numbers.is_pure),
            _ => NumbersAt::Unknown,
        }
    }
}

pub(super) fn cut_short() -> io::Error {
    damaged("columns of a block cut short")
}
