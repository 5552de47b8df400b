//! Search: a merge of sorted runs by (time, position, line) that opens what it needs when it is reached.
//!
//! A split waits in the queue under its latest time (earliest, when the oldest come first); only when that is next
//! are its tables opened and its candidate blocks computed, once per split and query. A run waits under the bound of
//! its next candidate block, and only when that is next is the block decompressed. In a block rows are cut by time,
//! then judged one by one in the order asked for, unless the prefilter finds nothing in the whole block.
//! So the newest 100 hits cost the blocks
//! they stand in, and what the index rules out costs nothing.
//!
//! A part that turns out damaged is reported and left out: a block loses its lines, an index part only its use.

mod cursor;

use crate::block::Block;
use crate::codec::Unpacker;
use crate::line::{Hit, LineKey};
use crate::split::{OpenSplits, Split};
use crate::store::Snapshot;
use cursor::{Cursor, RunBlocks};
use logweir_base::ids::Position;
use logweir_base::query::{Candidates, Matcher, Query};
use logweir_base::time::Timestamp;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    let start = Instant::now();
    let mut search = Search {
        request,
        open,
        deadline: request.deadline.map(|span| start + span),
        candidates: request.query.candidates(),
        matcher: Matcher::new(&request.query),
        unpacker: Unpacker::new(),
        queue: BinaryHeap::new(),
        nodes: Vec::new(),
        summary: SearchSummary { complete_up_to: snapshot.applied, ..SearchSummary::default() },
    };
    search.fill(snapshot);
    search.run(found);
    search.summary
}

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
    deadline: Option<Instant>,
    candidates: Candidates,
    matcher: Matcher,
    unpacker: Unpacker,
    queue: BinaryHeap<(Rank, usize)>,
    /// What the queue's numbers stand for; taken out while it is worked on.
    nodes: Vec<Option<Node>>,
    summary: SearchSummary,
}

impl Search<'_> {
    fn fill(&mut self, snapshot: Snapshot) {
        for split in snapshot.splits {
            let (min, max) = (split.info.min_time, split.info.max_time);
            if self.overlaps(min, max) {
                self.push(self.bound(min, max), Node::Split(split));
            }
        }
        for run in snapshot.runs {
            match run {
                crate::tail::Run::Frozen(run) => {
                    self.push_lines(Cursor::over_open((*run).clone(), self.request))
                }
                crate::tail::Run::Sealed(run) => {
                    self.push_blocks(RunBlocks::of_sealed(run, &self.candidates));
                }
            }
        }
        self.push_lines(Cursor::over_open(snapshot.open, self.request));
    }

    fn run(&mut self, found: &mut dyn FnMut(&Hit<'_>) -> ControlFlow<()>) {
        if self.request.limit == Some(0) {
            return;
        }
        while let Some((_, number)) = self.queue.pop() {
            if self.is_late() {
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
                self.damaged(&format!("{}: {e}", split.info.name));
                return ControlFlow::Continue(());
            }
        };
        let set = reader.candidates(&self.candidates).unwrap_or_else(|e| {
            self.note(format!("{}: index: {e}", split.info.name));
            self.summary.indexes_unused += 1;
            crate::set::BlockSet::all(reader.block_count())
        });
        if set.is_empty() {
            return ControlFlow::Continue(());
        }
        let (set, name) = (Arc::new(set), Arc::from(split.info.name.as_str()));
        for run in 0..reader.run_count() {
            self.push_blocks(RunBlocks::of_split(reader.clone(), run, set.clone(), &name));
        }
        ControlFlow::Continue(())
    }

    /// Decompresses the run's next block and queues its lines and, behind it, the run's rest.
    fn open_block(&mut self, mut blocks: RunBlocks) -> ControlFlow<()> {
        let Some(index) = blocks.take_next(self.request.order) else {
            return ControlFlow::Continue(());
        };
        self.summary.blocks_decoded += 1;
        match blocks.unpack(index, &mut self.unpacker) {
            Ok(block) if self.rules_out(&block) => {
                self.push_blocks(blocks);
            }
            Ok(block) => self.push_lines(Cursor::over_block(blocks, block, self.request)),
            Err(e) => {
                self.damaged(&format!("{}: block {index}: {e}", blocks.name()));
                self.push_blocks(blocks);
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the text of a block shows that no line in it matches.
    fn rules_out(&self, block: &Block) -> bool {
        let filter = self.matcher.prefilter();
        filter.is_some_and(|filter| !filter.is_match(&block.text)) && !block.hides_words()
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
            self.summary.lines_verified += 1;
            if self.summary.lines_verified.is_multiple_of(LINES_PER_LOOK) && self.is_late() {
                self.summary.partial = true;
                return ControlFlow::Break(());
            }
            if lines.view().is_some_and(|view| self.matcher.matches(&view))
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
        let next = blocks.skip_to(self.request.order, |min, max| self.overlaps(min, max));
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

    fn overlaps(&self, min: Timestamp, max: Timestamp) -> bool {
        self.request.since.is_none_or(|since| max >= since)
            && self.request.until.is_none_or(|until| min < until)
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Lines are missing from the answer.
    fn damaged(&mut self, what: &str) {
        self.summary.partial = true;
        self.note(what.to_owned());
    }

    fn note(&mut self, error: String) {
        if self.summary.errors.len() < ERRORS_MAX {
            self.summary.errors.push(error);
        }
    }
}

fn rank(order: Order, key: LineKey) -> Rank {
    match order {
        Order::Newest => (key.time.0, key.position.0, key.line),
        Order::Oldest => (!key.time.0, !key.position.0, !key.line),
    }
}
