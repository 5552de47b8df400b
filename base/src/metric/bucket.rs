//! Log-linear buckets cut straight from the bits of 64-bit floats: a bucket is a number's sign, exponent and first bits of its
//! fraction. So any finite number has one, it ascends with the number, and no range or unit is fixed beforehand.
//!
//! `FRACTION_BITS` buckets, as a power of two, lie between a power of two and the next: with 6 a bucket's middle is within
//! 1/128 of all in it, with 7 within 1/256.

/// The bucket of a finite number; both zeros have the same.
#[inline]
pub(crate) fn of<const FRACTION_BITS: u32>(number: f64) -> i32 {
    let magnitude = (number.abs().to_bits() >> dropped::<FRACTION_BITS>()) as i32;
    if number < 0.0 { -1 - magnitude } else { magnitude }
}

/// The middle of a bucket that some finite number is in.
pub(crate) fn middle<const FRACTION_BITS: u32>(bucket: i32) -> f64 {
    let magnitude = magnitude(bucket);
    let edge = |at: u64| f64::from_bits(at << dropped::<FRACTION_BITS>());
    let (low, high) = (edge(magnitude), edge(magnitude + 1));
    let middle = if high.is_finite() { low + (high - low) / 2.0 } else { low };
    if bucket < 0 { -middle } else { middle }
}

/// Bits of a number that its bucket does not tell.
pub(crate) const fn dropped<const FRACTION_BITS: u32>() -> u32 {
    52 - FRACTION_BITS
}

/// The number of a bucket whose dropped bits are these.
pub(crate) fn number<const FRACTION_BITS: u32>(bucket: i32, dropped_bits: u64) -> f64 {
    let number = f64::from_bits(magnitude(bucket) << dropped::<FRACTION_BITS>() | dropped_bits);
    if bucket < 0 { -number } else { number }
}

/// The bucket of the greatest number; that of the least is as far below.
pub(crate) const fn greatest<const FRACTION_BITS: u32>() -> i32 {
    (2047 << FRACTION_BITS) - 1
}

fn magnitude(bucket: i32) -> u64 {
    (if bucket < 0 { -1 - bucket } else { bucket }) as u64
}
