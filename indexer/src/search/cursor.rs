//! What stands in a search's queue: a run with its candidate blocks, and lines of one block or of an open run.

use super::{Order, SearchRequest};
use crate::block::{Block, Names};
use crate::codec::Unpacker;
use crate::line::{Hit, LineKey};
use crate::open::{LineRef, OpenRun};
use crate::seal::SealedRun;
use crate::set::BlockSet;
use crate::split::read::SplitReader;
use logweir_base::parse::RecordView;
use logweir_base::query::Candidates;
use logweir_base::time::Timestamp;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// The blocks of a run that are still to be read.
pub(super) struct RunBlocks {
    of: Blocks,
    set: Arc<BlockSet>,
    /// Not yet taken; the order decides from which end.
    left: Range<usize>,
}

enum Blocks {
    Sealed(Arc<SealedRun>),
    Split { reader: Arc<SplitReader>, run: usize, name: Arc<str> },
}

/// Lines in order, with a place among them.
pub(super) struct Cursor {
    lines: Lines,
    /// Still to be judged; the order decides from which end.
    left: Range<usize>,
    order: Order,
}

enum Lines {
    Block(RunBlocks, Block),
    Open(OpenRun, Vec<LineRef>),
}

impl RunBlocks {
    pub(super) fn of_sealed(run: Arc<SealedRun>, candidates: &Candidates) -> Self {
        let mut set = BlockSet::none(run.blocks.len());
        for (index, block) in run.blocks.iter().enumerate() {
            if block.may_match(candidates) {
                set.insert(index);
            }
        }
        Self { left: 0..run.blocks.len(), of: Blocks::Sealed(run), set: Arc::new(set) }
    }

    pub(super) fn of_split(
        reader: Arc<SplitReader>,
        run: usize,
        set: Arc<BlockSet>,
        name: &Arc<str>,
    ) -> Self {
        let left = reader.blocks_of(run);
        Self { of: Blocks::Split { reader, run, name: name.clone() }, set, left }
    }

    /// Passes over blocks that are no candidates or not wanted; the times of the next that is both.
    pub(super) fn skip_to(
        &mut self,
        order: Order,
        wanted: impl Fn(Timestamp, Timestamp) -> bool,
    ) -> Option<(Timestamp, Timestamp)> {
        while let Some(index) = peek(&self.left, order) {
            let (min, max) = self.times(index);
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

    pub(super) fn unpack(&self, index: usize, unpacker: &mut Unpacker) -> io::Result<Block> {
        match &self.of {
            Blocks::Sealed(run) => {
                let block = &run.blocks[index];
                Block::unpack(&block.info, &block.frame, &block.rows, self.names(), unpacker)
            }
            Blocks::Split { reader, run, .. } => reader.block(*run, index, unpacker),
        }
    }

    /// Whose blocks they are, for error texts.
    pub(super) fn name(&self) -> &str {
        match &self.of {
            Blocks::Sealed(_) => "tail",
            Blocks::Split { name, .. } => name,
        }
    }

    fn names(&self) -> Names<'_> {
        match &self.of {
            Blocks::Sealed(run) => Names::Run(&run.names),
            Blocks::Split { reader, run, .. } => reader.names(*run),
        }
    }

    fn times(&self, index: usize) -> (Timestamp, Timestamp) {
        let info = match &self.of {
            Blocks::Sealed(run) => &run.blocks[index].info,
            Blocks::Split { reader, .. } => &reader.meta.blocks[index],
        };
        (info.min_time, info.max_time)
    }
}

impl Cursor {
    /// All lines of `block`; when they are done, [`Cursor::into_blocks`] gives the rest of the run back.
    pub(super) fn over_block(blocks: RunBlocks, block: Block, request: &SearchRequest) -> Self {
        let left = 0..block.rows.len();
        Self { lines: Lines::Block(blocks, block), left, order: request.order }.within(request)
    }

    /// All lines of an open run.
    pub(super) fn over_open(run: OpenRun, request: &SearchRequest) -> Self {
        let sorted = run.sorted();
        let left = 0..sorted.len();
        Self { lines: Lines::Open(run, sorted), left, order: request.order }.within(request)
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

    /// The next line, to be judged; `None` when there is none.
    pub(super) fn view(&self) -> Option<RecordView<'_>> {
        let at = peek(&self.left, self.order)?;
        Some(match &self.lines {
            Lines::Block(blocks, block) => block.view(&block.rows[at], blocks.names()),
            Lines::Open(run, sorted) => run.batch(sorted[at]).view(sorted[at].line),
        })
    }

    /// The next line, to be handed out; `None` when there is none.
    pub(super) fn hit(&self) -> Option<Hit<'_>> {
        let at = peek(&self.left, self.order)?;
        Some(match &self.lines {
            Lines::Block(blocks, block) => block.hit(&block.rows[at], blocks.names()),
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

    /// Only the lines in the time that `request` asks for.
    fn within(mut self, request: &SearchRequest) -> Self {
        let (since, until) = (request.since, request.until);
        let start = since.map_or(0, |since| self.first_not_before(since));
        let end = until.map_or(self.left.end, |until| self.first_not_before(until));
        self.left = start..end.max(start);
        self
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
