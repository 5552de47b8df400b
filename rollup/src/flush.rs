//! Writing points that are in no file yet: one block for each level and partition they fall into, then one commit.

use crate::block::Points;
use crate::block::format::{Metrics, of_metric};
use crate::block::read::{Block, Made};
use crate::block::write::{BlockWriter, Head, Known};
use crate::level::Level;
use crate::live::{Frozen, FrozenSeries, finest};
use crate::manifest::file_name;
use crate::resent::Resent;
use logweir_base::dir::Dir;
use logweir_base::ids::{JournalId, Position};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Where a frozen head is written.
pub(crate) struct Flush<'a> {
    pub(crate) dir: &'a dyn Dir,
    pub(crate) journal: JournalId,
    pub(crate) after: Position,
    /// The number of the first file.
    pub(crate) next: u64,
    /// What is in files already,
    pub(crate) resent: &'a Resent,
    /// and which those are.
    pub(crate) known: &'a [Arc<Block>],
}

/// A series with those of its points that are written.
struct ToWrite<'a> {
    series: &'a FrozenSeries,
    points: Cow<'a, Points>,
}

/// Series' points in a stripe: their places in the order of keys, and which points.
type Parts = Vec<(usize, Range<usize>)>;

/// Writes all blocks. With each the ids of its series, in its order.
pub(crate) fn write<'a>(frozen: &'a Frozen, flush: &Flush<'_>) -> io::Result<Vec<(Made, Vec<u32>)>> {
    let of = |(place, series): (usize, &'a FrozenSeries)| {
        let new = flush.resent.without(place, &series.points);
        ToWrite { series, points: new.map_or(Cow::Borrowed(&series.points), Cow::Owned) }
    };
    let mut series: Vec<_> = frozen.series.iter().enumerate().map(of).collect();
    // Comparing labels is much of the work: in the order of a file that is there they are mostly sorted already.
    let order = order_of(flush.known);
    series.sort_by_key(|it| order.get(it.series.id as usize));
    series.sort_by(|a, b| a.series.known.key().cmp(&b.series.known.key()));
    let mut blocks: BTreeMap<(Level, i64), BTreeMap<i64, Parts>> = BTreeMap::new();
    for (place, it) in series.iter().enumerate() {
        let level = finest(it.series.known.form);
        for (stripe, range) in stripes_of(level, &it.points) {
            let partition = level.partition_of(stripe + 1);
            blocks.entry((level, partition)).or_default().entry(stripe).or_default().push((place, range));
        }
    }
    let metrics = frozen.metrics.iter().map(|(name, meta)| (name.clone(), of_metric(meta))).collect();
    let files = blocks.len() as u64;
    let mut written = Vec::new();
    for (number, ((level, partition), stripes)) in (flush.next..).zip(blocks) {
        let (journal, after, to, inputs) = (flush.journal, flush.after, frozen.to, Vec::new());
        let head = Head { journal, level, partition, after, to, inputs, files };
        match write_one((&series, &stripes), flush.dir, number, head, &metrics) {
            Ok(one) => written.push(one),
            Err(e) => {
                // All are made anew the next time.
                (flush.next..number).for_each(|number| drop(flush.dir.remove(&file_name(number))));
                return Err(e);
            }
        }
    }
    Ok(written)
}

/// By id of a series: its place in the file that has most series.
fn order_of(blocks: &[Arc<Block>]) -> Vec<u32> {
    let ids = blocks.iter().map(|block| block.ids.as_slice()).max_by_key(|ids| ids.len()).unwrap_or_default();
    let mut order = vec![0; ids.iter().max().map_or(0, |&id| id as usize + 1)];
    ids.iter().zip(0..).for_each(|(&id, place)| order[id as usize] = place);
    order
}

fn write_one(
    (all, stripes): (&[ToWrite<'_>], &BTreeMap<i64, Parts>),
    dir: &dyn Dir,
    number: u64,
    head: Head,
    metrics: &Metrics,
) -> io::Result<(Made, Vec<u32>)> {
    let mut places: Vec<usize> = stripes.values().flatten().map(|part| part.0).collect();
    places.sort_unstable();
    places.dedup();
    let known: Vec<Known> = places.iter().map(|&place| all[place].series.known.clone()).collect();
    let mut writer = BlockWriter::new(dir, file_name(number), head, &known)?;
    for (&start, parts) in stripes {
        writer.begin(start);
        for (place, range) in parts {
            let at = places.binary_search(place).expect("each was put there");
            let points = all[*place].points.as_ref();
            if range.len() == points.len() {
                writer.add(at, points)?;
            } else {
                writer.add(at, &points.slice(range.clone()))?;
            }
        }
        writer.end()?;
    }
    Ok((writer.finish(metrics)?, places.iter().map(|&place| all[place].series.id).collect()))
}

/// The stripes that points fall into, and which points those are.
pub(crate) fn stripes_of(level: Level, points: &Points) -> Vec<(i64, Range<usize>)> {
    let time = |at: usize| match points {
        Points::Samples(times, _) => times[at],
        Points::Rows(rows) => rows[at].end,
    };
    let mut found: Vec<(i64, Range<usize>)> = Vec::new();
    let mut from = 0;
    while from < points.len() {
        let stripe = level.stripe_of(time(from));
        let end = stripe.saturating_add(level.stripe_ms());
        let left = from..points.len();
        let count = match points {
            Points::Samples(times, _) => times[left].partition_point(|&it| it <= end),
            Points::Rows(rows) => rows[left].partition_point(|row| row.end <= end),
        };
        found.push((stripe, from..from + count.max(1)));
        from += count.max(1);
    }
    found
}
