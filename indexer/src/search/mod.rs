//! Search: a merge of sorted runs by (time, position, line) that opens what it needs when it is reached.
//!
//! A split waits in the queue under its latest time (earliest, when the oldest come first); only when that is next
//! are its tables opened and its candidate blocks computed, once per split and query. A run waits under the bound of
//! its next candidate block, and only when that is next is the block looked at: first its statistics and columns, and unless
//! these rule it out its lines. In a block rows are cut by time, then judged one by one in the order asked for, unless the
//! prefilter finds nothing in the whole block. So the newest 100 hits cost the blocks they stand in, and what the index rules
//! out costs nothing.
//!
//! Counting ([`count`]) needs no order: it takes splits by themselves, several at a time.
//!
//! A part that turns out damaged is reported and left out: a block loses its lines, an index part only its use.

pub(crate) mod count;
mod cursor;
mod judge;
mod limits;

use crate::block::Block;
use crate::blocks::Blocks;
use crate::line::{Hit, LineKey};
use crate::open::OpenRun;
use crate::set::BlockSet;
use crate::split::{OpenSplits, Split};
use crate::store::Snapshot;
use crate::tail::Run;
use cursor::{Cursor, RunBlocks, candidates_of};
use judge::{Judge, Verdict};
pub use limits::Cancel;
use limits::Limits;
use logweir_base::ids::Position;
use logweir_base::query::{Candidates, Matcher, Query};
use logweir_base::time::Timestamp;
use std::collections::BinaryHeap;
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

/// Lines judged between two looks at the deadline.
const LINES_PER_LOOK: u64 = 256;
/// Errors in a summary at most.
const ERRORS_MAX: usize = 20;

/// Which lines come first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The latest.
    Newest,
    /// The earliest.
    Oldest,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// Which lines.
    pub query: Query,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// In which order.
    pub order: Order,
    /// At most so many.
    pub limit: Option<u64>,
    /// What is found in this time is the answer.
    pub deadline: Option<Duration>,
    /// Ends it as soon as nobody wants the answer.
    pub cancel: Cancel,
}

impl SearchRequest {
    /// All lines that match, the newest first.
    pub fn of(query: Query) -> Self {
        let (since, until, limit, deadline) = (None, None, None, None);
        Self { query, since, until, order: Order::Newest, limit, deadline, cancel: Cancel::default() }
    }

    /// The time that lines must be in: not before the first, before the second.
    fn range(&self) -> Range<Timestamp> {
        let (since, until) = self.query.times();
        self.since.map_or(since, |own| own.max(since))..self.until.map_or(until, |own| own.min(until))
    }
}

/// Whether something between `min` and `max` is in `range`.
fn overlaps(range: &Range<Timestamp>, min: Timestamp, max: Timestamp) -> bool {
    max >= range.start && min < range.end
}

/// How a search went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SearchSummary {
    /// Lines handed out.
    pub hits: u64,
    /// The deadline cut it short, or something could not be read.
    pub partial: bool,
    /// Every line up to this position was considered.
    pub complete_up_to: Position,
    /// Blocks decompressed.
    pub blocks_decoded: u64,
    /// Lines that the matcher judged.
    pub lines_verified: u64,
    /// Splits whose index could not be used, so that all their blocks were read.
    pub indexes_unused: u64,
    /// What could not be read, and where.
    pub errors: Vec<String>,
}

/// Runs `request` on `snapshot`.
pub(crate) fn search(
    snapshot: Snapshot,
    open: &OpenSplits,
    request: &SearchRequest,
    found: &mut dyn FnMut(&Hit<'_>) -> ControlFlow<()>,
) -> SearchSummary {
    let mut search = Search {
        request,
        open,
        range: request.range(),
        limits: Limits::of(request),
        candidates: request.query.candidates(),
        judge: Judge::new(Matcher::new(&request.query)),
        queue: BinaryHeap::new(),
        nodes: Vec::new(),
        lines_seen: 0,
        summary: SearchSummary { complete_up_to: snapshot.applied, ..SearchSummary::default() },
    };
    search.fill(snapshot);
    search.run(found);
    search.summary
}

/// A block, and what is known of its lines.
type Looked = (Block, Vec<Option<bool>>);

/// The order in the queue: the greatest comes out first.
type Rank = (i64, u64, u32);

/// Something in the queue.
enum Node {
    Split(Arc<Split>),
    Blocks(RunBlocks),
    Lines(Cursor),
}

struct Search<'a> {
    request: &'a SearchRequest,
    open: &'a OpenSplits,
    range: Range<Timestamp>,
    limits: Limits,
    candidates: Candidates,
    judge: Judge,
    queue: BinaryHeap<(Rank, usize)>,
    /// What the queue's numbers stand for; taken out while it is worked on.
    nodes: Vec<Option<Node>>,
    /// Lines that came up, whether they had to be judged or not.
    lines_seen: u64,
    summary: SearchSummary,
}

impl Search<'_> {
    fn fill(&mut self, snapshot: Snapshot) {
        for split in snapshot.splits {
            let (min, max) = (split.info.min_time, split.info.max_time);
            if overlaps(&self.range, min, max) {
                self.push(self.bound(min, max), Node::Split(split));
            }
        }
        for run in snapshot.runs {
            match run {
                Run::Frozen(run) => self.push_open((*run).clone()),
                Run::Sealed(run) => {
                    let set = Arc::new(candidates_of(&run, &self.candidates));
                    self.push_blocks(RunBlocks::new(Blocks::Sealed(run), set, &self.judge.matcher));
                }
            }
        }
        self.push_open(snapshot.open);
    }

    /// Queues the lines of an open run, but for batches whose text shows that none matches.
    fn push_open(&mut self, run: OpenRun) {
        let sorted = run.sorted_where(|batch| self.judge.batch_may_match(batch));
        self.push_lines(Cursor::over_open(run, sorted, self.request.order).within(&self.range));
    }

    fn run(&mut self, found: &mut dyn FnMut(&Hit<'_>) -> ControlFlow<()>) {
        if self.request.limit == Some(0) {
            return;
        }
        while let Some((_, number)) = self.queue.pop() {
            if self.limits.is_over() {
                self.summary.partial = true;
                return;
            }
            let flow = match self.nodes[number].take() {
                Some(Node::Split(split)) => self.open_split(&split),
                Some(Node::Blocks(blocks)) => self.open_block(blocks),
                Some(Node::Lines(lines)) => self.judge(lines, found),
                None => ControlFlow::Continue(()),
            };
            if flow.is_break() {
                return;
            }
        }
    }

    /// Computes the split's candidate blocks and queues its runs.
    fn open_split(&mut self, split: &Arc<Split>) -> ControlFlow<()> {
        let reader = match split.reader(self.open) {
            Ok(reader) => reader,
            Err(e) => {
                self.summary.damaged(format!("{}: {e}", split.info.name));
                return ControlFlow::Continue(());
            }
        };
        let set = reader.candidates(&self.candidates).unwrap_or_else(|e| {
            self.summary.index_unused(&split.info.name, &e);
            BlockSet::all(reader.block_count())
        });
        if set.is_empty() {
            return ControlFlow::Continue(());
        }
        let (set, name): (_, Arc<str>) = (Arc::new(set), split.info.name.as_str().into());
        for run in 0..reader.run_count() {
            let blocks = Blocks::Split { reader: reader.clone(), run, name: Arc::clone(&name) };
            self.push_blocks(RunBlocks::new(blocks, Arc::clone(&set), &self.judge.matcher));
        }
        ControlFlow::Continue(())
    }

    /// Looks at the run's next block and queues what lines of it may match and, behind them, the run's rest.
    fn open_block(&mut self, mut blocks: RunBlocks) -> ControlFlow<()> {
        let Some(index) = blocks.take_next(self.request.order) else {
            return ControlFlow::Continue(());
        };
        match self.look_at(&mut blocks, index) {
            Ok(Some((block, decided))) => {
                self.push_lines(
                    Cursor::over_block(blocks, block, decided, self.request.order).within(&self.range),
                );
            }
            Ok(None) => self.push_blocks(blocks),
            Err(e) => {
                self.summary.damaged(format!("{}: block {index}: {e}", blocks.run.blocks.name()));
                self.push_blocks(blocks);
            }
        }
        ControlFlow::Continue(())
    }

    /// The lines of a block, and which of them match as far as that is known already; `None` when none does.
    fn look_at(&mut self, blocks: &mut RunBlocks, index: usize) -> io::Result<Option<Looked>> {
        let verdict = self.judge.block(&mut blocks.run, index)?;
        if verdict == Verdict::None {
            return Ok(None);
        }
        let text = self.judge.text_first(&blocks.run, index)?;
        self.summary.blocks_decoded += u64::from(text.is_some());
        if text.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let rows = blocks.run.blocks.rows(index, &mut self.judge.unpacker)?;
        let mut decided = self.judge.rows(&blocks.run, index, &rows, verdict)?;
        if decided.iter().all(|decided| *decided == Some(false)) {
            return Ok(None);
        }
        let block = match text {
            Some(text) => Some(Block { text, rows }),
            None => {
                self.summary.blocks_decoded += 1;
                self.judge.lines(&blocks.run, index, rows)?
            }
        };
        Ok(block.map(|block| {
            self.judge.by_text(&block, &mut decided);
            (block, decided)
        }))
    }

    /// Judges lines until something else comes first.
    fn judge(
        &mut self,
        mut lines: Cursor,
        found: &mut dyn FnMut(&Hit<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let next = self.queue.peek().map(|(rank, _)| *rank);
        while let Some(key) = lines.key() {
            if next.is_some_and(|next| rank(self.request.order, key) < next) {
                self.push_lines(lines);
                return ControlFlow::Continue(());
            }
            let decided = lines.decided();
            self.summary.lines_verified += u64::from(decided.is_none());
            self.lines_seen += 1;
            if self.lines_seen.is_multiple_of(LINES_PER_LOOK) && self.limits.is_over() {
                self.summary.partial = true;
                return ControlFlow::Break(());
            }
            let matches = || lines.view().is_some_and(|view| self.judge.matcher.matches(&view));
            if decided.unwrap_or_else(matches)
                && let Some(hit) = lines.hit()
            {
                self.summary.hits += 1;
                found(&hit)?;
                if self.request.limit.is_some_and(|limit| self.summary.hits >= limit) {
                    return ControlFlow::Break(());
                }
            }
            lines.advance();
        }
        if let Some(blocks) = lines.into_blocks() {
            self.push_blocks(blocks);
        }
        ControlFlow::Continue(())
    }

    fn push_lines(&mut self, lines: Cursor) {
        match lines.key() {
            Some(key) => self.push(rank(self.request.order, key), Node::Lines(lines)),
            None => {
                if let Some(blocks) = lines.into_blocks() {
                    self.push_blocks(blocks);
                }
            }
        }
    }

    /// Queues a run under the bound of its next block in the time asked for.
    fn push_blocks(&mut self, mut blocks: RunBlocks) {
        let next = blocks.skip_to(self.request.order, |min, max| overlaps(&self.range, min, max));
        if let Some((min, max)) = next {
            self.push(self.bound(min, max), Node::Blocks(blocks));
        }
    }

    fn push(&mut self, rank: Rank, node: Node) {
        self.queue.push((rank, self.nodes.len()));
        self.nodes.push(Some(node));
    }

    /// The rank that no line between `min` and `max` exceeds.
    fn bound(&self, min: Timestamp, max: Timestamp) -> Rank {
        match self.request.order {
            Order::Newest => (max.0, u64::MAX, u32::MAX),
            Order::Oldest => (!min.0, u64::MAX, u32::MAX),
        }
    }
}

impl SearchSummary {
    /// Lines are missing from the answer.
    fn damaged(&mut self, what: String) {
        self.partial = true;
        self.note(what);
    }

    fn note(&mut self, error: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }

    /// The index of this split is of no use.
    fn index_unused(&mut self, split: &str, error: &io::Error) {
        self.note(format!("{split}: index: {error}"));
        self.indexes_unused += 1;
    }
}

fn rank(order: Order, key: LineKey) -> Rank {
    match order {
        Order::Newest => (key.time.0, key.position.0, key.line),
        Order::Oldest => (!key.time.0, !key.position.0, !key.line),
    }
}
