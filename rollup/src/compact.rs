//! Merging blocks of one level and partition into fewer, and taking partitions that are too old for their level to the next one,
//! or away. One piece of work at a time, begun and committed by a tick; its commit is one append to the manifest.
//!
//! What is read in at a time is bounded ([`BATCH_POINTS`]), whatever the size of the blocks.

use crate::block::Points;
use crate::block::format::BlockInfo;
use crate::block::read::Block;
use crate::block::write::{BlockWriter, Head, Known};
use crate::gather::{Ask, Damaged, GatherError, Gathered, NOT_WANTED, gather};
use crate::level::Level;
use crate::manifest::file_name;
use crate::store::Shared;
use crate::window;
use logweir_base::ids::Position;
use logweir_base::metric::LabelsRef;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;

/// Neighbours of about one size that are merged.
const MERGE_COUNT: usize = 4;
/// Blocks that are merged at a time, but for a partition that is settled.
const MERGE_MAX: usize = 64;
/// Each so many times larger is the next size.
const TIER_BITS: u32 = 2;
/// Points that are decoded at a time.
const BATCH_POINTS: u64 = 1 << 20;
/// A partition that ended so long ago is merged into one block.
const SETTLED_MS: i64 = 3_600_000;
/// A step looks so far back for the value that a counter had before, in ms.
const BEFORE_MS: i64 = 3_600_000;
const MS: i64 = 1_000_000;

/// One piece of work.
pub(crate) struct Job {
    blocks: Vec<Arc<Block>>,
    /// Where the points go; `None`: away.
    to: Option<Level>,
}

/// Why work was not done.
pub(crate) struct Failure {
    /// The block that could not be read.
    pub(crate) block: Option<String>,
    pub(crate) error: io::Error,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { block: None, error }
    }
}

fn of_block(block: &Block, e: io::Error) -> Failure {
    let name = block.info.name.clone();
    Failure { error: io::Error::new(e.kind(), format!("{name}: {e}")), block: Some(name) }
}

/// What was done and is to be committed.
pub(crate) struct Done {
    /// The new block, if there is one.
    pub(crate) made: Option<Arc<Block>>,
    /// The files that go.
    pub(crate) remove: Vec<String>,
    /// Samples that were there twice, the same and others.
    pub(crate) counts: (u64, u64),
}

/// The next piece of work.
pub(crate) fn next(shared: &Shared, damaged: &BTreeSet<String>) -> Option<Job> {
    let live = shared.live();
    let blocks: Vec<_> = live.blocks.iter().filter(|it| !damaged.contains(&it.info.name)).cloned().collect();
    let now = live.now.0 / MS;
    drop(live);
    let is_old = |info: &BlockInfo| {
        let end = info.partition.saturating_add(info.level.partition_ms());
        end.saturating_add(shared.config.kept_ms(info.level)) <= now
    };
    old_partition(&blocks, is_old, |level| shared.config.next(level))
        .or_else(|| merge_group(&blocks, now, shared.config.merge_points_max))
}

impl Job {
    /// Does it, with a number for the new file.
    pub(crate) fn run(&self, shared: &Shared, number: u64) -> Result<Done, Failure> {
        let remove = self.blocks.iter().map(|block| block.info.name.clone()).collect();
        let Some(to) = self.to else {
            return Ok(Done { made: None, remove, counts: (0, 0) });
        };
        let (made, counts) = Merge::new(shared, self, to)?.write(number)?;
        Ok(Done { made: Some(made), remove, counts })
    }
}

/// The oldest partition of the finest level that has one to go.
fn old_partition(
    blocks: &[Arc<Block>],
    is_old: impl Fn(&BlockInfo) -> bool,
    next: impl Fn(Level) -> Option<Level>,
) -> Option<Job> {
    let key = |block: &&Arc<Block>| (block.info.level, block.info.partition);
    let (level, partition) =
        blocks.iter().filter(|block| is_old(&block.info)).map(|block| key(&block)).min()?;
    let blocks = blocks.iter().filter(|block| key(block) == (level, partition)).cloned().collect();
    Some(Job { blocks, to: next(level) })
}

/// Blocks that are worth merging.
fn merge_group(blocks: &[Arc<Block>], now: i64, points_max: u64) -> Option<Job> {
    let mut partitions: BTreeMap<(Level, i64), Vec<Arc<Block>>> = BTreeMap::new();
    for block in blocks {
        partitions.entry((block.info.level, block.info.partition)).or_default().push(block.clone());
    }
    for ((level, partition), mut blocks) in partitions {
        blocks.sort_by_key(|block| block.info.to);
        let settled = partition.saturating_add(level.partition_ms() + SETTLED_MS) <= now;
        let fits = |group: &&[Arc<Block>]| group.iter().map(|it| it.info.points).sum::<u64>() <= points_max;
        let whole = Some(blocks.as_slice()).filter(|blocks| settled && is_scattered(blocks)).filter(fits);
        if let Some(group) = whole.or_else(|| tier_of(&blocks).filter(fits)) {
            return Some(Job { blocks: group.to_vec(), to: Some(level) });
        }
    }
    None
}

/// Whether no block has nearly all.
fn is_scattered(blocks: &[Arc<Block>]) -> bool {
    let all: u64 = blocks.iter().map(|block| block.info.points).sum();
    blocks.len() > 1 && blocks.iter().all(|block| block.info.points <= all - all / 8)
}

/// The first neighbours that are all small, of the smallest size of which there are enough; of more than [`MERGE_MAX`] the first.
/// None of them may have most of the points: it would be written again and again for the sake of few.
fn tier_of(blocks: &[Arc<Block>]) -> Option<&[Arc<Block>]> {
    let points = |block: &Arc<Block>| block.info.points;
    let tier = |block: &Arc<Block>| (64 - points(block).leading_zeros()) / TIER_BITS;
    let tiers: BTreeSet<u32> = blocks.iter().map(tier).collect();
    let is_worth = |run: &&[Arc<Block>]| {
        let largest = run.iter().map(points).max().unwrap_or(0);
        run.len() >= MERGE_COUNT && largest <= run.iter().map(points).sum::<u64>() / 2
    };
    tiers.into_iter().find_map(|largest| {
        let runs = blocks.split(|block| tier(block) > largest);
        runs.map(|run| &run[..run.len().min(MERGE_MAX)]).find(is_worth)
    })
}

/// Blocks on their way to one.
struct Merge<'a> {
    shared: &'a Shared,
    blocks: &'a [Arc<Block>],
    from: Level,
    to: Level,
    /// By labels and form, with their ids.
    known: Vec<Known>,
    ids: Vec<u32>,
    /// The value that each had before its next sample, for the step from samples to windows.
    before: Vec<Option<f64>>,
    counts: (u64, u64),
}

impl<'a> Merge<'a> {
    fn new(shared: &'a Shared, job: &'a Job, to: Level) -> Result<Self, Failure> {
        let from = job.blocks[0].info.level;
        let (mut all, mut places): (Vec<(u32, Known)>, HashMap<u32, usize>) = Default::default();
        for block in &job.blocks {
            let found = |id, known: &Known<LabelsRef<'_>>| match places.get(&id) {
                Some(&place) => all[place].1.learn(known),
                None => {
                    places.insert(id, all.len());
                    all.push((id, known.to_owned()));
                }
            };
            block.series(found).map_err(|e| of_block(block, e))?;
        }
        // Each block's are sorted, and most series are in the first.
        all.sort_by(|a, b| a.1.key().cmp(&b.1.key()));
        let (ids, known): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let before = vec![None; ids.len()];
        let mut merge = Self { shared, blocks: &job.blocks, from, to, known, ids, before, counts: (0, 0) };
        if from == Level::Samples && to != from {
            merge.find_before()?;
        }
        Ok(merge)
    }

    /// The last values of the partition before, which has taken this step already.
    fn find_before(&mut self) -> Result<(), Failure> {
        let blocks = self.shared.live().blocks.clone();
        let to = self.blocks[0].info.partition;
        for places in self.batches(BATCH_POINTS as usize / 64) {
            let found = self.gather(&blocks, self.to, places.clone(), (to.saturating_sub(BEFORE_MS), to))?;
            for (place, points) in places.zip(found.points) {
                if let Points::Rows(rows) = points {
                    self.before[place] = rows.last().map(|row| row.last);
                }
            }
        }
        Ok(())
    }

    fn batches(&self, series: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (all, step) = (self.ids.len(), series.max(1));
        (0..all).step_by(step).map(move |from| from..all.min(from + step))
    }

    fn gather(
        &self,
        blocks: &[Arc<Block>],
        level: Level,
        places: std::ops::Range<usize>,
        (after, to): (i64, i64),
    ) -> Result<Gathered, Failure> {
        let ids = &self.ids[places];
        let highest = ids.iter().max().map_or(0, |&id| id as usize + 1);
        let mut wanted = vec![NOT_WANTED; highest];
        ids.iter().zip(0..).for_each(|(&id, place)| wanted[id as usize] = place);
        let ask = Ask {
            after,
            to,
            wanted: &wanted,
            count: ids.len(),
            points_max: u64::MAX,
            damaged: Damaged::Fails,
        };
        gather(blocks, level, &ask).map_err(|e| match e {
            GatherError::TooMuch => io::Error::from(io::ErrorKind::QuotaExceeded).into(),
            GatherError::Block(name, e) => {
                Failure { error: io::Error::new(e.kind(), format!("{name}: {e}")), block: Some(name) }
            }
        })
    }

    /// Writes the block. Returns also how many samples were there twice, the same and others.
    fn write(mut self, number: u64) -> Result<(Arc<Block>, (u64, u64)), Failure> {
        let shared = self.shared;
        let infos = || self.blocks.iter().map(|block| &block.info);
        let (first, last) = (infos().map(|it| it.first).min(), infos().map(|it| it.last).max());
        let step = self.to.step_ms().max(1);
        let (first, last) =
            (window::end_of(first.unwrap_or_default(), step), window::end_of(last.unwrap_or_default(), step));
        let head = Head {
            journal: shared.journal,
            level: self.to,
            partition: self.to.partition_of(first),
            after: infos().map(|it| it.after).min().unwrap_or(Position(0)),
            to: infos().map(|it| it.to).max().unwrap_or(Position(0)),
            inputs: infos().map(|it| it.name.clone()).collect(),
            files: 1,
        };
        let mut metrics = BTreeMap::new();
        self.blocks.iter().for_each(|block| metrics.extend(block.meta.metrics.clone()));
        let known = std::mem::take(&mut self.known);
        let mut writer = BlockWriter::new(shared.dir.as_ref(), file_name(number), head, &known)?;
        let stripes = infos().map(|it| it.points).sum::<u64>() / self.stripes(first, last).len() as u64;
        let series = BATCH_POINTS * self.ids.len() as u64 / stripes.max(1);
        for start in self.stripes(first, last) {
            self.write_stripe(&mut writer, start, usize::try_from(series).unwrap_or(usize::MAX))?;
        }
        let made = writer.finish(&metrics)?;
        Ok((Arc::new(Block::made(shared.dir.clone(), made, self.ids)), self.counts))
    }

    fn stripes(&self, first: i64, last: i64) -> Vec<i64> {
        let step = self.to.stripe_ms();
        (0..)
            .map(|n| self.to.stripe_of(first).saturating_add(n * step))
            .take_while(|&start| start < last)
            .collect()
    }

    fn write_stripe(
        &mut self,
        writer: &mut BlockWriter<'_>,
        start: i64,
        series: usize,
    ) -> Result<(), Failure> {
        let end = start.saturating_add(self.to.stripe_ms());
        if self.shared.live().stopping {
            return Err(io::Error::from(io::ErrorKind::Interrupted).into());
        }
        writer.begin(start);
        for places in self.batches(series) {
            let found = self.gather(self.blocks, self.from, places.clone(), (start, end))?;
            self.counts.0 += found.duplicates;
            self.counts.1 += found.conflicts;
            for (place, points) in places.zip(found.points) {
                let points = self.step(place, points);
                if points.len() > 0 {
                    writer.add(place, &points)?;
                }
            }
        }
        Ok(writer.end()?)
    }

    /// Points as the level they go to has them.
    fn step(&mut self, place: usize, points: Points) -> Points {
        let step_ms = self.to.step_ms();
        match points {
            points if self.from == self.to => points,
            Points::Samples(times, values) => {
                let rows = window::of_samples(&times, &values, step_ms, self.before[place]);
                self.before[place] = rows.last().map(|row| row.last).or(self.before[place]);
                Points::Rows(rows)
            }
            Points::Rows(rows) => Points::Rows(window::coarser(rows, step_ms)),
        }
    }
}
