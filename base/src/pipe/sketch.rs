//! A mergeable sketch of numbers for percentiles: counts of log-linear buckets, as HDR histograms have them, but cut straight
//! from the bits of 64-bit floats (`metric/bucket.rs`), so that any finite number has a bucket and no range is fixed beforehand.
//!
//! A bucket is a number's sign, exponent and first seven bits of its fraction: it is 1/128 wide, so its middle is within
//! 1/256 = 0.4 % of all in it. Merging adds counts; neither order nor grouping of what is added changes anything.
//!
//! Limits: some [`SPARSE_BYTES`] for each bucket in use while they are few; then 8 bytes for each between the least and the
//! greatest, up to [`DENSE_MAX`] (nine decades).

use crate::metric::bucket;
use std::collections::BTreeMap;

const FRACTION_BITS: u32 = 7;
const DENSE_MAX: i32 = 4096;
const SPARSE_BYTES: usize = 60;
/// Buckets in use from which on they are kept dense.
const SPARSE_MAX: usize = 64;

/// Counts by bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sketch {
    /// The bucket of `dense[0]`.
    first: i32,
    dense: Vec<u64>,
    rest: BTreeMap<i32, u64>,
    count: u64,
}

impl Sketch {
    /// Adds a finite number; false, and nothing added, when that takes more memory than `room`, which it is taken off.
    #[inline]
    pub(super) fn add(&mut self, number: f64, room: &mut usize) -> bool {
        self.add_to(bucket::of::<FRACTION_BITS>(number), 1, room)
    }

    /// Adds all of `other`; false when something was left out because there was no room.
    pub(super) fn merge(&mut self, other: &Self, room: &mut usize) -> bool {
        let dense = (other.first..).zip(other.dense.iter().copied()).filter(|(_, count)| *count > 0);
        let all = dense.chain(other.rest.iter().map(|(&at, &count)| (at, count)));
        all.fold(true, |whole, (at, count)| self.add_to(at, count, room) && whole)
    }

    /// The number that `percent` of all do not exceed, by nearest rank, as the middle of its bucket; `None` when there is none.
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        let rank = ((percent / 100.0 * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let dense = (self.first..).zip(self.dense.iter().copied());
        let mut all: Vec<(i32, u64)> =
            dense.chain(self.rest.iter().map(|(&at, &count)| (at, count))).collect();
        if !self.rest.is_empty() {
            all.sort_unstable();
        }
        let mut seen = 0;
        let found = all.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        found.map(|&(at, _)| bucket::middle::<FRACTION_BITS>(at))
    }

    #[inline]
    fn add_to(&mut self, bucket: i32, count: u64, room: &mut usize) -> bool {
        let slot = usize::try_from(bucket - self.first).ok().and_then(|at| self.dense.get_mut(at));
        let added = match slot {
            // Fast path.
            Some(slot) => {
                *slot += count;
                true
            }
            None => self.add_outside(bucket, count, room),
        };
        self.count += if added { count } else { 0 };
        added
    }

    /// Slow path: a bucket that has no place in the dense part yet.
    #[cold]
    fn add_outside(&mut self, bucket: i32, count: u64, room: &mut usize) -> bool {
        if let Some(known) = self.rest.get_mut(&bucket) {
            *known += count;
            return true;
        }
        if self.dense.is_empty() && self.rest.len() >= SPARSE_MAX {
            self.make_dense(room);
        }
        if !self.dense.is_empty() && self.grow(bucket, room) {
            self.dense[(bucket - self.first) as usize] += count;
            return true;
        }
        let fits = *room >= SPARSE_BYTES;
        if fits {
            *room -= SPARSE_BYTES;
            self.rest.insert(bucket, count);
        }
        fits
    }

    fn make_dense(&mut self, room: &mut usize) {
        let Some((&first, _)) = self.rest.first_key_value() else {
            return;
        };
        self.first = first;
        for (at, count) in std::mem::take(&mut self.rest) {
            if self.grow(at, room) {
                self.dense[(at - self.first) as usize] += count;
            } else {
                self.rest.insert(at, count);
            }
        }
    }

    /// Makes the dense part reach `bucket`, if it may.
    fn grow(&mut self, bucket: i32, room: &mut usize) -> bool {
        let len = self.dense.len() as i32;
        let (low, high) = (self.first.min(bucket), bucket.max(self.first + len - 1));
        let more = (high - low + 1 - len) as usize;
        if high - low >= DENSE_MAX || *room < 8 * more {
            return false;
        }
        *room -= 8 * more;
        let before = (self.first - low) as usize;
        drop(self.dense.splice(0..0, std::iter::repeat_n(0, before)));
        self.first = low;
        self.dense.resize((high - low + 1) as usize, 0);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch_of(numbers: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        numbers.iter().for_each(|&number| assert!(sketch.add(number, &mut usize::MAX.clone())));
        sketch
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            -1e3..1e3f64,
            any::<f64>().prop_filter("finite", |n| n.is_finite()),
            Just(0.0),
            Just(-0.0),
            (-50i32..50).prop_map(f64::from)
        ]
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_nearest_rank_within_its_bucket(
            mut numbers in prop::collection::vec(number(), 1..200), percent in 0.0..=100.0f64
        ) {
            let found = sketch_of(&numbers).percentile(percent).expect("there are numbers");
            numbers.sort_by(f64::total_cmp);
            let rank = ((percent / 100.0 * numbers.len() as f64).ceil() as usize).clamp(1, numbers.len());
            let exact = numbers[rank - 1];
            let off = (found - exact).abs();
            prop_assert!(off <= exact.abs() / 255.0 + f64::from_bits(1 << bucket::dropped::<FRACTION_BITS>()), "{} for {}", found, exact);
        }

        #[test]
        fn merging_is_adding(a in prop::collection::vec(number(), 0..140), b in prop::collection::vec(number(), 0..140)) {
            let mut merged = sketch_of(&a);
            prop_assert!(merged.merge(&sketch_of(&b), &mut usize::MAX.clone()));
            let both = sketch_of(&[a, b].concat());
            for percent in [0.0, 50.0, 99.0, 100.0] {
                prop_assert_eq!(merged.percentile(percent), both.percentile(percent));
            }
        }
    }
}
