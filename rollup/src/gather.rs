//! Points of some series out of blocks, in the order in which these were committed: of two samples at one time the first counts,
//! and windows add up.

use crate::block::read::{Block, Found, InBlock, Want};
use crate::block::{Points, Totals};
use crate::codec::values::Scratch;
use crate::level::Level;
use crate::window;
use std::io;
use std::sync::Arc;

/// What is gathered.
pub(crate) struct Ask<'a> {
    /// Only points after this time
    pub(crate) after: i64,
    /// and not after this one.
    pub(crate) to: i64,
    /// By id of a series: place among the wanted ones, or [`NOT_WANTED`].
    pub(crate) wanted: &'a [u32],
    /// How many are wanted.
    pub(crate) count: usize,
    /// Points that may be loaded.
    pub(crate) points_max: u64,
    pub(crate) damaged: Damaged,
}

/// What becomes of a block that is damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// It is an error.
    Fails,
    /// All of it is left out, and said so.
    LeftOut,
}

/// Of a series that is not asked for.
pub(crate) const NOT_WANTED: u32 = u32::MAX;

/// What was found of a level, by place among the wanted series.
pub(crate) struct Gathered {
    pub(crate) points: Vec<Points>,
    /// What the windows that end after `to` add up to.
    pub(crate) later: Vec<Totals>,
    /// Points that were loaded.
    pub(crate) loaded: u64,
    /// Samples that were there before, the same and others.
    pub(crate) duplicates: u64,
    pub(crate) conflicts: u64,
    /// Blocks that were left out, and why.
    pub(crate) left_out: Vec<String>,
}

/// Why gathering ended early.
#[derive(Debug)]
pub(crate) enum GatherError {
    /// More points than allowed.
    TooMuch,
    /// A block could not be read: which, and why.
    Block(String, io::Error),
}

impl Ask<'_> {
    /// Place among the wanted series.
    fn place_of(&self, id: u32) -> Option<usize> {
        self.wanted.get(id as usize).copied().filter(|&place| place != NOT_WANTED).map(|place| place as usize)
    }
}

/// Gathers from those of `blocks` that are of `level`.
pub(crate) fn gather(blocks: &[Arc<Block>], level: Level, ask: &Ask<'_>) -> Result<Gathered, GatherError> {
    let none = || Points::none(level != Level::Samples);
    let points = (0..ask.count).map(|_| none()).collect();
    let later = vec![Totals::default(); ask.count];
    let mut gathered =
        Gathered { points, later, loaded: 0, duplicates: 0, conflicts: 0, left_out: Vec::new() };
    let of_level = |block: &&Arc<Block>| block.info.level == level && block.info.last > ask.after;
    for block in blocks.iter().filter(of_level) {
        if block.info.first > ask.to {
            gathered.add_totals(block, ask);
            continue;
        }
        match from_block(block, ask, gathered.loaded) {
            Ok(found) => gathered.merge(found),
            Err(e) if e.kind() == io::ErrorKind::QuotaExceeded => return Err(GatherError::TooMuch),
            Err(e) if ask.damaged == Damaged::LeftOut && is_lasting(&e) => {
                gathered.left_out.push(format!("{} is left out: {e}", block.info.name));
            }
            Err(e) => return Err(GatherError::Block(block.info.name.clone(), e)),
        }
    }
    Ok(gathered)
}

/// Whether it will be so the next time too.
fn is_lasting(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound)
}

/// What a block has.
struct FromBlock {
    points: Vec<(usize, Points)>,
    later: Vec<(usize, Totals)>,
    loaded: u64,
}

fn from_block(block: &Block, ask: &Ask<'_>, loaded: u64) -> io::Result<FromBlock> {
    let has_rows = block.info.level != Level::Samples;
    let mut found = FromBlock { points: Vec::new(), later: Vec::new(), loaded };
    // By place in the block's table: place in `points`.
    let mut places: Vec<u32> = vec![NOT_WANTED; block.ids.len()];
    for (at, (&id, row)) in block.ids.iter().zip(&block.rows).enumerate() {
        if let Some(place) = ask.place_of(id).filter(|_| row.last > ask.after) {
            places[at] = found.points.len() as u32;
            found.points.push((place, Points::none(has_rows)));
        }
    }
    if found.points.is_empty() {
        return Ok(found);
    }
    let file = block.file()?;
    let mut scratch = Scratch::default();
    let step = block.info.level.stripe_ms();
    for stripe in &block.meta.stripes {
        if stripe.start.saturating_add(step) <= ask.after || (!has_rows && stripe.start >= ask.to) {
            continue;
        }
        let judge = |series: u32, first: i64, last: i64| {
            if places[series as usize] == NOT_WANTED || last <= ask.after {
                Want::Nothing
            } else if first > ask.to {
                if has_rows { Want::Totals } else { Want::Nothing }
            } else {
                Want::Points
            }
        };
        let FromBlock { points, later, loaded } = &mut found;
        block.read(file.as_ref(), stripe, (ask.after, ask.to), judge, |it| {
            match it {
                Found::Totals(series, totals) => {
                    later.push((points[places[series as usize] as usize].0, totals));
                }
                Found::Chunk(chunk) => {
                    *loaded += if has_rows { chunk.weight() } else { chunk.wanted.len() as u64 };
                    if *loaded > ask.points_max {
                        return Err(io::ErrorKind::QuotaExceeded.into());
                    }
                    chunk.decode(&mut scratch, &mut points[places[chunk.series as usize] as usize].1)?;
                }
            }
            Ok(())
        })?;
    }
    // Of samples no others were decoded.
    for (place, points) in found.points.iter_mut().filter(|_| has_rows) {
        let totals = trim(points, ask.after, ask.to);
        found.later.push((*place, totals));
    }
    Ok(found)
}

/// Leaves the points in (after, to]; returns what the windows behind add up to.
pub(crate) fn trim(points: &mut Points, after: i64, to: i64) -> Totals {
    match points {
        Points::Samples(times, values) => {
            let (from, until) =
                (times.partition_point(|&it| it <= after), times.partition_point(|&it| it <= to));
            times.truncate(until);
            values.truncate(until);
            times.drain(..from.min(until));
            values.drain(..from.min(until));
            Totals::default()
        }
        Points::Rows(rows) => {
            let until = rows.partition_point(|row| row.end <= to);
            let mut later = Totals::default();
            rows.drain(until..).for_each(|row| later.add(&row));
            rows.drain(..rows.partition_point(|row| row.end <= after));
            later
        }
    }
}

impl Gathered {
    fn add_totals(&mut self, block: &Block, ask: &Ask<'_>) {
        for (&id, InBlock { totals, .. }) in block.ids.iter().zip(&block.rows) {
            if let Some(place) = ask.place_of(id) {
                self.later[place].merge(*totals);
            }
        }
    }

    fn merge(&mut self, found: FromBlock) {
        self.loaded = found.loaded;
        for (place, totals) in found.later {
            self.later[place].merge(totals);
        }
        for (place, points) in found.points {
            self.add(place, points);
        }
    }

    /// Adds points that came later.
    pub(crate) fn add(&mut self, place: usize, points: Points) {
        match (&mut self.points[place], points) {
            (Points::Samples(times, values), Points::Samples(more_times, more_values)) => {
                if times.is_empty() {
                    (*times, *values) = (more_times, more_values);
                } else if more_times.first().is_none_or(|first| times.last().is_some_and(|last| last < first))
                {
                    times.extend(more_times);
                    values.extend(more_values);
                } else {
                    let counts = merge_samples(times, values, &more_times, &more_values);
                    self.duplicates += counts.0;
                    self.conflicts += counts.1;
                }
            }
            (Points::Rows(rows), Points::Rows(more)) => window::merge(rows, more),
            _ => debug_assert!(false, "a level has points of one form"),
        }
    }
}

/// Merges two ascending lists; of two values at one time the first list's stays. Returns how many of the second were the same,
/// and how many others.
fn merge_samples(
    times: &mut Vec<i64>,
    values: &mut Vec<f64>,
    more: &[i64],
    more_values: &[f64],
) -> (u64, u64) {
    let (old, old_values) = (std::mem::take(times), std::mem::take(values));
    times.reserve(old.len() + more.len());
    values.reserve(old.len() + more.len());
    let (mut a, mut b, mut counts) = (0, 0, (0, 0));
    while a < old.len() || b < more.len() {
        let is_old = b == more.len() || (a < old.len() && old[a] <= more[b]);
        if is_old {
            if b < more.len() && old[a] == more[b] {
                let is_same = old_values[a].to_bits() == more_values[b].to_bits();
                counts.0 += u64::from(is_same);
                counts.1 += u64::from(!is_same);
                b += 1;
            }
            times.push(old[a]);
            values.push(old_values[a]);
            a += 1;
        } else {
            times.push(more[b]);
            values.push(more_values[b]);
            b += 1;
        }
    }
    counts
}
