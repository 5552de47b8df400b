//! A mergeable histogram of numbers: counts of log-linear buckets, as HDR histograms have them, but cut straight from the bits
//! of 64-bit floats (`bucket.rs`), so that any finite number has a bucket and no range or unit is fixed beforehand.
//!
//! A bucket's middle is within 1/128 = 0.8 % of all in it, so a quantile, by nearest rank, is within 1/128 of the exact one,
//! also of histograms merged over any hosts and times. Merging adds counts; neither order nor grouping of what is added
//! changes anything but the rounding of `sum`.
//!
//! ```text
//! varint count; nothing follows when it is 0
//! flags           1   1 the least is the number whose dropped bits follow, in the first bucket; 2 the same of the greatest, in
//!                     the last; 4 the greatest is the least; 8 the sum is the least times the count
//! varint zigzag of the first bucket
//! varint buckets between the first and the last
//! bits:  the least: 46 or 64; the greatest: 46 or 64, or none; the sum: 64, or none; counts (code.rs)
//! ```
//! A thousand numbers that are spread over two decades take some 180 bytes, equal ones some 12.
//! Limits: [`COUNT_MAX`] numbers; 16 bytes in memory for each bucket in use.

mod code;
#[cfg(test)]
mod tests;

use super::bucket;
use crate::varint;
use code::{BitReader, BitWriter, Buckets};

/// Buckets to a power of two, as a power of two.
pub const FRACTION_BITS: u32 = 6;
/// Numbers in one histogram, exact as a 64-bit float; what would go beyond is left out.
pub const COUNT_MAX: u64 = 1 << 53;
/// Greatest size of a number that may be added to a sum. As many as [`COUNT_MAX`] of these have a finite sum, so that no sum
/// becomes infinite, and with it all that come after.
pub const SUMMABLE_MAX: f64 = 1e292;
const DROPPED_BITS: u32 = bucket::dropped::<FRACTION_BITS>();
const LEAST_IN_BUCKET: u8 = 1;
const GREATEST_IN_BUCKET: u8 = 2;
const GREATEST_IS_LEAST: u8 = 4;
const SUM_IS_PRODUCT: u8 = 8;
const FLAGS: u8 = 15;

/// Whether a number, a single one or a sum of an interval, may be added to a sum; see [`SUMMABLE_MAX`]. What may not is for
/// whoever takes numbers in to refuse.
pub fn is_summable(number: f64) -> bool {
    number.abs() <= SUMMABLE_MAX
}

/// Counts by bucket, and what buckets cannot tell exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Ascending; no count is 0.
    buckets: Vec<(i32, u64)>,
    /// Numbers recorded.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least; infinite when there is none.
    pub min: f64,
    /// The greatest; infinite when there is none.
    pub max: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: Vec::new(), count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Histogram {
    /// Adds a number. One that is not finite has no bucket and is left out; whoever records counts those.
    pub fn record(&mut self, number: f64) {
        self.record_many(number, 1);
    }

    /// Adds a number `times` over.
    pub fn record_many(&mut self, number: f64, times: u64) {
        if !number.is_finite() || times == 0 || times > COUNT_MAX - self.count {
            return;
        }
        self.add(bucket::of::<FRACTION_BITS>(number), times);
        self.count += times;
        self.sum += number * times as f64;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        if other.count > COUNT_MAX - self.count {
            return;
        }
        self.add_all(&other.buckets);
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The buckets in use, ascending: their middles and counts.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.buckets.iter().map(|&(at, count)| (bucket::middle::<FRACTION_BITS>(at), count))
    }

    /// The same with the numbers that each lies between.
    pub fn bounds(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        self.buckets.iter().map(|&(at, count)| {
            let (low, high) = bucket::edges::<FRACTION_BITS>(at);
            (low, high, count)
        })
    }

    /// The number that a part `q` (0 to 1) of all do not exceed, by nearest rank, as the middle of its bucket, within
    /// `min` and `max`; `None` when there is none.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        found.map(|&(at, _)| bucket::middle::<FRACTION_BITS>(at).max(self.min).min(self.max))
    }

    /// Buckets in use.
    pub fn bucket_count(&self) -> usize {
        self.buckets.len()
    }

    /// Whether its sum is one that its numbers could have, if each [`is_summable`].
    pub fn is_summable(&self) -> bool {
        self.sum.abs() <= SUMMABLE_MAX * self.count as f64
    }

    /// Appends the encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let count: u64 = self.buckets.iter().map(|(_, count)| count).sum();
        varint::put(out, count);
        let (Some(&(first, _)), Some(&(last, _))) = (self.buckets.first(), self.buckets.last()) else {
            return;
        };
        let flags = self.flags(first, last, count);
        out.push(flags);
        varint::put(out, varint::zigzag(i64::from(first)));
        varint::put(out, (last - first) as u64);
        let mut bits = BitWriter::new(out);
        put_number(&mut bits, self.min, flags & LEAST_IN_BUCKET > 0);
        if flags & GREATEST_IS_LEAST == 0 {
            put_number(&mut bits, self.max, flags & GREATEST_IN_BUCKET > 0);
        }
        if flags & SUM_IS_PRODUCT == 0 {
            bits.put_f64(self.sum);
        }
        bits.put_counts(&self.buckets, first, (last - first) as u32 + 1);
        bits.end();
    }

    /// Reads one off the front of `input`.
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let count = varint::take(input).filter(|&count| count <= COUNT_MAX)?;
        if count == 0 {
            return Some(Self::default());
        }
        let (&flags, rest) = input.split_first().filter(|(flags, _)| **flags <= FLAGS)?;
        *input = rest;
        let in_range = |at: i64| {
            let greatest = i64::from(bucket::greatest::<FRACTION_BITS>());
            (-1 - greatest..=greatest).contains(&at).then_some(at as i32)
        };
        let first = in_range(varint::unzigzag(varint::take(input)?))?;
        let last = in_range(i64::from(first).checked_add_unsigned(varint::take(input)?)?)?;
        let mut bits = BitReader::new(input);
        let min = take_number(&mut bits, first, flags & LEAST_IN_BUCKET > 0)?;
        let max = match flags & GREATEST_IS_LEAST {
            0 => take_number(&mut bits, last, flags & GREATEST_IN_BUCKET > 0)?,
            _ => min,
        };
        let sum = if flags & SUM_IS_PRODUCT == 0 { bits.take_f64()? } else { min * count as f64 };
        let mut buckets = Buckets::new();
        bits.take_counts(first, (last - first) as u32 + 1, count, &mut buckets)?;
        *input = bits.rest();
        (min <= max).then_some(Self { buckets, count, sum, min, max })
    }

    fn flags(&self, first: i32, last: i32, count: u64) -> u8 {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let told = |at: i32, number: f64| same(bucket::number::<FRACTION_BITS>(at, dropped(number)), number);
        let product = self.min * count as f64;
        (u8::from(told(first, self.min)) * LEAST_IN_BUCKET)
            | (u8::from(told(last, self.max)) * GREATEST_IN_BUCKET)
            | (u8::from(same(self.min, self.max)) * GREATEST_IS_LEAST)
            | (u8::from(same(self.sum, product)) * SUM_IS_PRODUCT)
    }

    fn add(&mut self, bucket: i32, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |&(at, _)| at) {
            Ok(i) => self.buckets[i].1 += count,
            Err(i) => self.buckets.insert(i, (bucket, count)),
        }
    }

    /// From the greatest down, in place, so that it takes one pass and no more room than it needs.
    fn add_all(&mut self, other: &[(i32, u64)]) {
        let mut from = self.buckets.len();
        let mut to = from + not_in(other, &self.buckets);
        self.buckets.resize(to, (0, 0));
        for &(at, count) in other.iter().rev() {
            while from > 0 && self.buckets[from - 1].0 > at {
                (from, to) = (from - 1, to - 1);
                self.buckets[to] = self.buckets[from];
            }
            let mut own = 0;
            if from > 0 && self.buckets[from - 1].0 == at {
                from -= 1;
                own = self.buckets[from].1;
            }
            to -= 1;
            self.buckets[to] = (at, own + count);
        }
    }
}

/// How many buckets of `others` are not in `own`; both ascend.
fn not_in(others: &[(i32, u64)], own: &[(i32, u64)]) -> usize {
    let mut own = own.iter().map(|&(at, _)| at).peekable();
    let known = |at: i32, own: &mut std::iter::Peekable<_>| {
        while own.next_if(|&mine: &i32| mine < at).is_some() {}
        own.peek() == Some(&at)
    };
    others.iter().filter(|&&(at, _)| !known(at, &mut own)).count()
}

fn dropped(number: f64) -> u64 {
    number.to_bits() & ((1 << DROPPED_BITS) - 1)
}

fn put_number(bits: &mut BitWriter<'_>, number: f64, in_bucket: bool) {
    match in_bucket {
        true => bits.put(dropped(number), DROPPED_BITS),
        false => bits.put_f64(number),
    }
}

fn take_number(bits: &mut BitReader<'_>, at: i32, in_bucket: bool) -> Option<f64> {
    match in_bucket {
        true => Some(bucket::number::<FRACTION_BITS>(at, bits.take(DROPPED_BITS)?)),
        false => bits.take_f64(),
    }
}
