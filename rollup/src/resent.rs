//! Samples that came again after the first was written to a file: found when they are to be written themselves, so that a time
//! of a series is in one file only, and counts tell what was resent. Only chunks that have the time of such a sample are read.
//!
//! A block that cannot be read is passed over; then both are kept, the first is shown, and merging tells them apart.

use crate::block::Points;
use crate::block::read::{Block, Found, Want};
use crate::codec::values::Scratch;
use crate::level::Level;
use crate::live::Frozen;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// What was found.
#[derive(Default)]
pub(crate) struct Resent {
    /// By place among the frozen series: the times that are in files already.
    pub(crate) times: BTreeMap<usize, BTreeSet<i64>>,
    /// Of those, with the same value and with another one.
    pub(crate) duplicates: u64,
    pub(crate) conflicts: u64,
}

impl Resent {
    /// Looks for the frozen samples in files.
    pub(crate) fn find(frozen: &Frozen, blocks: &[Arc<Block>]) -> Self {
        let mut resent = Self::default();
        let first_of = |points: &Points| match points {
            Points::Samples(times, _) => times.first().copied(),
            Points::Rows(_) => None,
        };
        let first = frozen.series.iter().filter_map(|it| first_of(&it.points)).min().unwrap_or(i64::MAX);
        // Most blocks end before all of it.
        let may_have = |block: &&Arc<Block>| block.info.level == Level::Samples && block.info.last >= first;
        for block in blocks.iter().filter(may_have) {
            let _ = resent.find_in(frozen, block);
        }
        resent
    }

    /// The points of a series that are in no file.
    pub(crate) fn without(&self, place: usize, points: &Points) -> Option<Points> {
        let (Points::Samples(times, values), Some(known)) = (points, self.times.get(&place)) else {
            return None;
        };
        let new = times.iter().copied().zip(values.iter().copied()).filter(|(time, _)| !known.contains(time));
        let (times, values) = new.unzip();
        Some(Points::Samples(times, values))
    }

    fn find_in(&mut self, frozen: &Frozen, block: &Block) -> io::Result<()> {
        let samples = |place: usize| match &frozen.series[place].points {
            Points::Samples(times, values) => (times.as_slice(), values.as_slice()),
            Points::Rows(_) => (&[][..], &[][..]),
        };
        let mut places = vec![None; block.ids.len()];
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for (at, (id, row)) in block.ids.iter().zip(&block.rows).enumerate() {
            let place = frozen.place_of(*id);
            if let Some(place) =
                place.filter(|&place| samples(place).0.first().is_some_and(|&it| it <= row.last))
            {
                places[at] = Some(place);
                first = first.min(samples(place).0[0]);
                last = last.max(row.last);
            }
        }
        if first > last {
            return Ok(());
        }
        let (file, mut scratch) = (block.file()?, Scratch::default());
        let stripe_ms = block.info.level.stripe_ms();
        let touched = |start: i64| start < last && start.saturating_add(stripe_ms) >= first;
        for stripe in block.meta.stripes.iter().filter(|stripe| touched(stripe.start)) {
            let judge = |series: u32, first: i64, last: i64| {
                let times = places[series as usize].map_or(&[][..], |place| samples(place).0);
                let next = times.get(times.partition_point(|&it| it < first));
                if next.is_some_and(|&it| it <= last) { Want::Points } else { Want::Nothing }
            };
            block.read(file.as_ref(), stripe, (i64::MIN, i64::MAX), judge, |found| {
                let (Found::Chunk(chunk), Some(place)) = (&found, place_of(&found, &places)) else {
                    return Ok(());
                };
                let mut there = Points::none(false);
                chunk.decode(&mut scratch, &mut there)?;
                self.compare(place, samples(place), &there);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn compare(&mut self, place: usize, (times, values): (&[i64], &[f64]), there: &Points) {
        let Points::Samples(old, old_values) = there else { return };
        let (Some(first), Some(last)) = (old.first(), old.last()) else { return };
        let from = times.partition_point(|it| it < first);
        let until = times.partition_point(|it| it <= last);
        for at in from..until {
            let Ok(found) = old.binary_search(&times[at]) else { continue };
            if self.times.entry(place).or_default().insert(times[at]) {
                let is_same = old_values[found].to_bits() == values[at].to_bits();
                self.duplicates += u64::from(is_same);
                self.conflicts += u64::from(!is_same);
            }
        }
    }
}

fn place_of(found: &Found<'_>, places: &[Option<usize>]) -> Option<usize> {
    match found {
        Found::Chunk(chunk) => places[chunk.series as usize],
        Found::Totals(..) => None,
    }
}
