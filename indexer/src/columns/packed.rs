//! Whole numbers in as many bits as the largest takes, back to back, low bits first.
//!
//! ```text
//! width 1 byte, 0 to 64      then ceil(count * width / 8) bytes
//! ```

/// Bits that one unaligned read of eight bytes always holds.
const FAST_BITS: u32 = 57;

/// Appends `values`.
pub(crate) fn put(out: &mut Vec<u8>, values: &[u64]) {
    let width = values.iter().fold(0, |all, value| all | value).checked_ilog2().map_or(0, |top| top + 1);
    out.push(width as u8);
    let (mut bits, mut filled) = (0u128, 0);
    for &value in values {
        bits |= u128::from(value) << filled;
        filled += width;
        while filled >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(bits as u8);
    }
}

/// Reads `count` values into `out`, which is cleared, off the front of `input`; `None` when they are cut short.
pub(crate) fn take(input: &mut &[u8], count: usize, out: &mut Vec<u64>) -> Option<()> {
    let (&width, rest) = input.split_first()?;
    let width = u32::from(width);
    if width > 64 {
        return None;
    }
    let len = count.checked_mul(width as usize)?.div_ceil(8);
    let (bytes, rest) = rest.split_at_checked(len)?;
    *input = rest;
    out.clear();
    if width == 0 {
        out.resize(count, 0);
        return Some(());
    }
    let mask = u64::MAX >> (64 - width);
    // Fast path: all whose eight bytes are there.
    let fast =
        if width <= FAST_BITS { (bytes.len().saturating_sub(7) * 8 / width as usize).min(count) } else { 0 };
    out.extend((0..fast).map(|index| {
        let bit = index * width as usize;
        let word = u64::from_le_bytes(bytes[bit / 8..bit / 8 + 8].try_into().expect("eight bytes"));
        word >> (bit % 8) & mask
    }));
    out.extend((fast..count).map(|index| slow(bytes, index * width as usize) & mask));
    Some(())
}

/// The 64 bits from `bit` on, zeros behind the end.
fn slow(bytes: &[u8], bit: usize) -> u64 {
    let mut buffer = [0; 16];
    let there = &bytes[bit / 8..bytes.len().min(bit / 8 + 9)];
    buffer[..there.len()].copy_from_slice(there);
    (u128::from_le_bytes(buffer) >> (bit % 8)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn put_then_take(width in 0u32..=64, raw in prop::collection::vec(any::<u64>(), 0..300)) {
            let values: Vec<u64> = raw.iter().map(|v| v.checked_shr(64 - width).unwrap_or(0)).collect();
            let (mut bytes, mut back) = (Vec::new(), vec![7]);
            put(&mut bytes, &values);
            bytes.push(0xaa);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take(&mut rest, values.len(), &mut back), Some(()));
            prop_assert_eq!(&back, &values);
            prop_assert_eq!(rest, &[0xaa]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, count in 0usize..1000) {
            let _ = take(&mut bytes.as_slice(), count, &mut Vec::new());
        }
    }
}
