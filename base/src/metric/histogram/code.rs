//! How a histogram's counts become few bits: the span of buckets is halved again and again, and of each half's count only the
//! left one is written, since the whole is known. An empty half costs nothing, so gaps are free; counts that are spread evenly
//! cost what they must: within some 10 % of the entropy of counts drawn at random.
//!
//! ```text
//! of a span of w buckets with n numbers, w > 1, n > 0:
//!   n = 1                    which bucket it is: a number below w
//!   n < 6 or w >= 32         the left half's count: a number below n + 1
//!   else                     its difference to n / 2, zigzag, Rice: unary of the high bits, low bits; the unary ends at 8,
//!                            then a number below n + 1 follows
//!   then the left half, w / 2 buckets, then the right one
//! a number below m           floor(log2 m) bits, for those in the middle; one more for those outside
//! ```
//! Bits fill bytes from the lowest up. Every span that is halved takes at least one bit, so bytes bound work and memory.

/// From so many buckets on halves are not expected to be alike.
const WIDE: u32 = 32;
/// Below this count a number below n + 1 is shorter than a Rice code.
const FEW: u64 = 6;
/// Longest unary part.
const UNARY_MAX: u32 = 8;
/// Most bits put or taken at once.
const BITS_MAX: u32 = 56;

/// Buckets and counts, ascending.
pub(super) type Buckets = Vec<(i32, u64)>;

/// Appends bits.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    held_bits: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, held: 0, held_bits: 0 }
    }

    pub(super) fn put(&mut self, value: u64, bits: u32) {
        debug_assert!(bits <= BITS_MAX && value >> bits == 0);
        self.held |= value << self.held_bits;
        self.held_bits += bits;
        while self.held_bits >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.held_bits -= 8;
        }
    }

    pub(super) fn put_f64(&mut self, number: f64) {
        self.put(number.to_bits() & 0xffff_ffff, 32);
        self.put(number.to_bits() >> 32, 32);
    }

    /// Fills the last byte.
    pub(super) fn end(self) {
        if self.held_bits > 0 {
            self.out.push(self.held as u8);
        }
    }

    /// The counts of `buckets`, which lie within `width` buckets from `first` on.
    pub(super) fn put_counts(&mut self, buckets: &[(i32, u64)], first: i32, width: u32) {
        let total: u64 = buckets.iter().map(|(_, count)| count).sum();
        if total == 0 || width == 1 {
            return;
        }
        if total == 1 {
            return self.put_below((buckets[0].0 - first) as u64, u64::from(width));
        }
        let middle = first + (width / 2) as i32;
        let (left, right) = buckets.split_at(buckets.partition_point(|&(at, _)| at < middle));
        let count: u64 = left.iter().map(|(_, count)| count).sum();
        match rice_bits(total, width) {
            Some(low) => self.put_near_half(count, total, low),
            None => self.put_below(count, total + 1),
        }
        self.put_counts(left, first, width / 2);
        self.put_counts(right, middle, width - width / 2);
    }

    fn put_near_half(&mut self, count: u64, total: u64, low: u32) {
        let off = crate::varint::zigzag(count as i64 - (total / 2) as i64);
        if off >> low >= u64::from(UNARY_MAX) {
            self.put(0, UNARY_MAX);
            return self.put_below(count, total + 1);
        }
        let unary = (off >> low) as u32;
        self.put(1 << unary, unary + 1);
        self.put(off & ((1 << low) - 1), low);
    }

    fn put_below(&mut self, value: u64, limit: u64) {
        let (bits, short, first) = below(limit);
        match value.checked_sub(first) {
            Some(code) if code < short => self.put(code, bits),
            _ => {
                let index = if value < first { value } else { value - short };
                self.put(short + index / 2, bits);
                self.put(index % 2, 1);
            }
        }
    }
}

/// Takes bits.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> Option<u64> {
        let value = self.peek() & ((1 << bits) - 1);
        self.skip(bits)?;
        Some(value)
    }

    pub(super) fn take_f64(&mut self) -> Option<f64> {
        let low = self.take(32)?;
        Some(f64::from_bits(self.take(32)? << 32 | low))
    }

    /// The bytes behind the last one that was begun.
    pub(super) fn rest(self) -> &'a [u8] {
        &self.bytes[self.at.div_ceil(8)..]
    }

    /// The counts, which are `total`, of `width` buckets from `first` on.
    pub(super) fn take_counts(
        &mut self,
        first: i32,
        width: u32,
        total: u64,
        out: &mut Buckets,
    ) -> Option<()> {
        if total == 0 {
            return Some(());
        }
        if total == 1 || width == 1 {
            let step = if width == 1 { 0 } else { self.take_below(u64::from(width))? };
            out.push((first + step as i32, total));
            return Some(());
        }
        let left = match rice_bits(total, width) {
            Some(low) => self.take_near_half(total, low)?,
            None => self.take_below(total + 1)?,
        };
        let half = width / 2;
        self.take_counts(first, half, left, out)?;
        self.take_counts(first + half as i32, width - half, total - left, out)
    }

    #[inline]
    fn take_near_half(&mut self, total: u64, low: u32) -> Option<u64> {
        let unary = self.peek().trailing_zeros().min(UNARY_MAX);
        if unary == UNARY_MAX {
            self.skip(UNARY_MAX)?;
            return self.take_below(total + 1);
        }
        self.skip(unary + 1)?;
        let off = crate::varint::unzigzag(u64::from(unary) << low | self.take(low)?);
        u64::try_from((total / 2) as i64 + off).ok().filter(|&count| count <= total)
    }

    #[inline]
    fn take_below(&mut self, limit: u64) -> Option<u64> {
        let (bits, short, first) = below(limit);
        let code = self.take(bits)?;
        if code < short {
            return Some(first + code);
        }
        let index = (code - short) * 2 + self.take(1)?;
        Some(if index < first { index } else { index + short })
    }

    /// The next [`BITS_MAX`] bits or more; zeros behind the end.
    #[inline]
    fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk::<8>() {
            // Fast path.
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        word >> (self.at % 8)
    }

    #[inline]
    fn skip(&mut self, bits: u32) -> Option<()> {
        self.at += bits as usize;
        (self.at <= self.bytes.len() * 8).then_some(())
    }
}

/// Of a number below `limit`: bits of the shorter codes, how many those are, the first that has one.
#[inline]
fn below(limit: u64) -> (u32, u64, u64) {
    let bits = limit.ilog2();
    let short = (2u64 << bits) - limit;
    (bits, short, (limit - short) / 2)
}

/// Low bits of the Rice code, when one is used: the difference is about half the root of `total`.
#[inline]
fn rice_bits(total: u64, width: u32) -> Option<u32> {
    (total >= FEW && width < WIDE).then(|| (total / 5).ilog2() / 2 + 1)
}
