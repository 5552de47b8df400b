//! A mergeable histogram of numbers: counts of log-linear buckets, as HDR histograms have them, but cut straight from the bits
//! of 64-bit floats, so that any finite number has a bucket and no range or unit is fixed beforehand.
//!
//! A bucket is a number's sign, exponent and first [`FRACTION_BITS`] bits of its fraction: its middle is within 1/128 = 0.8 %
//! of all in it. Merging adds counts; neither order nor grouping of what is added changes anything but the rounding of `sum`.

use crate::varint;

/// Buckets to a power of two, as a power of two.
pub const FRACTION_BITS: u32 = 6;
const DROPPED_BITS: u32 = 52 - FRACTION_BITS;

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
        if !number.is_finite() || times == 0 {
            return;
        }
        self.add(bucket(number), times);
        self.count += times;
        self.sum += number * times as f64;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        other.buckets.iter().for_each(|&(at, count)| self.add(at, count));
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The buckets in use, ascending: their middles and counts.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.buckets.iter().map(|&(at, count)| (middle(at), count))
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
        found.map(|&(at, _)| middle(at).clamp(self.min, self.max))
    }

    /// Appends the encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.buckets.len() as u64);
        let mut before = 0;
        for &(at, count) in &self.buckets {
            varint::put(out, varint::zigzag(i64::from(at) - before));
            varint::put(out, count);
            before = i64::from(at);
        }
        for number in [self.sum, self.min, self.max] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Reads one off the front of `input`.
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let len = usize::try_from(varint::take(input)?).ok().filter(|&len| len <= input.len())?;
        let mut histogram = Self { buckets: Vec::with_capacity(len), ..Self::default() };
        let mut before = None;
        for _ in 0..len {
            let step = varint::unzigzag(varint::take(input)?);
            let at = i32::try_from(before.unwrap_or(0i64).checked_add(step)?).ok()?;
            let count = varint::take(input).filter(|&count| count > 0)?;
            if before.is_some_and(|before| i64::from(at) <= before) {
                return None;
            }
            histogram.buckets.push((at, count));
            histogram.count = histogram.count.checked_add(count)?;
            before = Some(i64::from(at));
        }
        for number in [&mut histogram.sum, &mut histogram.min, &mut histogram.max] {
            let (bytes, rest) = input.split_first_chunk::<8>()?;
            *number = f64::from_le_bytes(*bytes);
            *input = rest;
        }
        Some(histogram)
    }

    fn add(&mut self, bucket: i32, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |&(at, _)| at) {
            Ok(i) => self.buckets[i].1 += count,
            Err(i) => self.buckets.insert(i, (bucket, count)),
        }
    }
}

/// Ascends with the number.
fn bucket(number: f64) -> i32 {
    let magnitude = (number.abs().to_bits() >> DROPPED_BITS) as i32;
    if number < 0.0 { -1 - magnitude } else { magnitude }
}

fn middle(bucket: i32) -> f64 {
    let magnitude = if bucket < 0 { -1 - bucket } else { bucket } as u64;
    let edge = |at: u64| f64::from_bits(at << DROPPED_BITS);
    let (low, high) = (edge(magnitude), edge(magnitude + 1));
    let middle = if high.is_finite() { low + (high - low) / 2.0 } else { low };
    if bucket < 0 { -middle } else { middle }
}
