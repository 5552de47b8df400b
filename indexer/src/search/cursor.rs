//! What stands in a search's queue: a run with its candidate blocks, and lines of one block or of an open run.

use super::Order;
use super::judge::RunState;
use crate::block::Block;
use crate::blocks::Blocks;
use crate::line::{Hit, LineKey};
use crate::open::{LineRef, OpenRun};
use crate::seal::SealedRun;
use crate::set::BlockSet;
use logweir_base::parse::RecordView;
use logweir_base::query::{Candidates, Matcher};
use logweir_base::time::Timestamp;
use std::ops::Range;
use std::sync::Arc;

/// The blocks of a run that are still to be read.
pub(super) struct RunBlocks {
    pub(super) run: RunState,
    set: Arc<BlockSet>,
    /// Not yet taken; the order decides from which end.
    left: Range<usize>,
}

/// Lines in order, with a place among them.
pub(super) struct Cursor {
    lines: Lines,
    /// What is known of each, as far as the query goes; nothing of any when it is empty.
    decided: Vec<Option<bool>>,
    /// Still to be judged; the order decides from which end.
    left: Range<usize>,
    order: Order,
}

enum Lines {
    Block(RunBlocks, Block),
    Open(OpenRun, Vec<LineRef>),
}

impl RunBlocks {
    pub(super) fn new(blocks: Blocks, set: Arc<BlockSet>, matcher: &Matcher) -> Self {
        Self { left: blocks.range(), run: RunState::new(blocks, matcher), set }
    }

    /// Passes over blocks that are no candidates or not wanted; the times of the next that is both.
    pub(super) fn skip_to(
        &mut self,
        order: Order,
        wanted: impl Fn(Timestamp, Timestamp) -> bool,
    ) -> Option<(Timestamp, Timestamp)> {
        while let Some(index) = peek(&self.left, order) {
            let info = self.run.blocks.info(index);
            let (min, max) = (info.min_time, info.max_time);
            if self.set.contains(index) && wanted(min, max) {
                return Some((min, max));
            }
            pop(&mut self.left, order);
        }
        None
    }

    pub(super) fn take_next(&mut self, order: Order) -> Option<usize> {
        let next = peek(&self.left, order);
        pop(&mut self.left, order);
        next
    }
}

/// The blocks of a sealed run that may hold a matching line.
pub(super) fn candidates_of(run: &SealedRun, candidates: &Candidates) -> BlockSet {
    let mut set = BlockSet::none(run.blocks.len());
    for (index, _) in run.blocks.iter().enumerate().filter(|(_, block)| block.may_match(candidates)) {
        set.insert(index);
    }
    set
}

impl Cursor {
    /// All lines of `block`; when they are done, [`Cursor::into_blocks`] gives the rest of the run back.
    pub(super) fn over_block(
        blocks: RunBlocks,
        block: Block,
        decided: Vec<Option<bool>>,
        order: Order,
    ) -> Self {
        let left = 0..block.rows.len();
        Self { lines: Lines::Block(blocks, block), decided, left, order }
    }

    /// Lines of an open run, which ascend.
    pub(super) fn over_open(run: OpenRun, sorted: Vec<LineRef>, order: Order) -> Self {
        let left = 0..sorted.len();
        Self { lines: Lines::Open(run, sorted), decided: Vec::new(), left, order }
    }

    /// Only the lines in `range`.
    pub(super) fn within(mut self, range: &Range<Timestamp>) -> Self {
        let (start, end) = (self.first_not_before(range.start), self.first_not_before(range.end));
        self.left = start..end.max(start);
        self
    }

    /// The key of the next line; `None` when there is none.
    pub(super) fn key(&self) -> Option<LineKey> {
        let at = peek(&self.left, self.order)?;
        Some(match &self.lines {
            Lines::Block(_, block) => block.rows[at].key,
            Lines::Open(run, sorted) => {
                let (time, line) = (sorted[at].time, sorted[at].line);
                LineKey { time, position: run.batch(sorted[at]).position(), line }
            }
        })
    }

    /// Whether the next line matches, if that is known.
    pub(super) fn decided(&self) -> Option<bool> {
        peek(&self.left, self.order).and_then(|at| *self.decided.get(at)?)
    }

    /// The next line, to be judged; `None` when there is none.
    pub(super) fn view(&self) -> Option<RecordView<'_>> {
        let at = peek(&self.left, self.order)?;
        Some(match &self.lines {
            Lines::Block(blocks, block) => block.view(&block.rows[at], blocks.run.blocks.names()),
            Lines::Open(run, sorted) => run.batch(sorted[at]).view(sorted[at].line),
        })
    }

    /// The next line, to be handed out; `None` when there is none.
    pub(super) fn hit(&self) -> Option<Hit<'_>> {
        let at = peek(&self.left, self.order)?;
        Some(match &self.lines {
            Lines::Block(blocks, block) => block.hit(&block.rows[at], blocks.run.blocks.names()),
            Lines::Open(run, sorted) => run.batch(sorted[at]).hit(sorted[at].line),
        })
    }

    /// Goes past the next line.
    pub(super) fn advance(&mut self) {
        pop(&mut self.left, self.order);
    }

    /// The run whose block this was.
    pub(super) fn into_blocks(self) -> Option<RunBlocks> {
        match self.lines {
            Lines::Block(blocks, _) => Some(blocks),
            Lines::Open(..) => None,
        }
    }

    fn first_not_before(&self, time: Timestamp) -> usize {
        match &self.lines {
            Lines::Block(_, block) => block.rows.partition_point(|row| row.key.time < time),
            Lines::Open(_, sorted) => sorted.partition_point(|line| line.time < time),
        }
    }
}

/// The next of what is left.
fn peek(left: &Range<usize>, order: Order) -> Option<usize> {
    if left.start >= left.end {
        return None;
    }
    Some(match order {
        Order::Newest => left.end - 1,
        Order::Oldest => left.start,
    })
}

/// Takes the next off what is left.
fn pop(left: &mut Range<usize>, order: Order) {
    match order {
        _ if left.start >= left.end => {}
        Order::Newest => left.end -= 1,
        Order::Oldest => left.start += 1,
    }
}
