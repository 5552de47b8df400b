//! 64-bit floats, back bit by bit as they were, NaN payloads and negative zero included. Most values that people measure are
//! decimal numbers of few digits: `v = i / 10^e` exactly, and then the whole numbers `i` are packed (ints.rs).
//!
//! ```text
//! 0  form  1   low two bits: CONSTANT, DECIMAL or RAW; above: the exponent e
//! 1  CONSTANT: f64
//!    DECIMAL:  varint count of specials, each: varint place since the one before, f64; then the whole numbers
//!    RAW:      each value's bits xor those before it, all their first bytes, all their second and so on;
//!              varint length, and so many bytes of it, compressed if the length is less than eight times the count
//! ```
//! Specials are values among decimals that are none, like the mark of a series' end. How many values there are is known to the
//! reader.

use super::ints;
use super::packer::Packer;
use logweir_base::varint;
use std::ops::Range;
use zstd::bulk::Decompressor;

const CONSTANT: u8 = 0;
const DECIMAL: u8 = 1;
const RAW: u8 = 2;
/// Digits behind the point that are looked for.
const EXPONENT_MAX: usize = 12;
const POWERS: [f64; EXPONENT_MAX + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
/// Up to here adding [`ROUND`] rounds to whole numbers.
const WHOLE_MAX: f64 = (1u64 << 51) as f64;
const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
/// Beyond a special in so many values they are kept raw.
const SPECIALS_PART: usize = 8;
const LEVEL: i32 = 1;

/// Buffers that decoding uses again.
#[derive(Default)]
pub(crate) struct Scratch {
    numbers: Vec<i64>,
    bytes: Vec<u8>,
    /// Costs more to make than a chunk costs to unpack.
    unpacker: Option<Decompressor<'static>>,
}

impl Scratch {
    /// Bytes, decompressed: `len` of them, if they are what they should be; that is for the caller to see.
    fn unpack(&mut self, packed: &[u8], len: usize) -> Option<&[u8]> {
        if self.unpacker.is_none() {
            self.unpacker = Some(Decompressor::new().ok()?);
        }
        self.bytes.clear();
        self.bytes.reserve(len);
        self.unpacker.as_mut()?.decompress_to_buffer(packed, &mut self.bytes).ok()?;
        Some(&self.bytes)
    }
}

/// Appends `values`.
pub(crate) fn encode(values: &[f64], packer: &mut Packer, out: &mut Vec<u8>) {
    if let Some(decimals) = Decimals::of(values) {
        return decimals.write(out);
    }
    let first = values[0].to_bits();
    if values.iter().all(|value| value.to_bits() == first) {
        out.push(CONSTANT);
        return out.extend_from_slice(&first.to_le_bytes());
    }
    encode_raw(values, packer, out);
}

struct Decimals {
    exponent: usize,
    numbers: Vec<i64>,
    specials: Vec<(usize, f64)>,
}

impl Decimals {
    /// `None` when too many are none.
    fn of(values: &[f64]) -> Option<Self> {
        let mut exponent = 0;
        loop {
            let mut found =
                Self { exponent, numbers: Vec::with_capacity(values.len()), specials: Vec::new() };
            match found.take_all(values) {
                Ok(()) => return Some(found),
                Err(Some(higher)) => exponent = higher,
                Err(None) => return None,
            }
        }
    }

    /// An error says which exponent to try instead.
    fn take_all(&mut self, values: &[f64]) -> Result<(), Option<usize>> {
        let mut before = 0;
        for (at, &value) in values.iter().enumerate() {
            match whole(value, self.exponent) {
                Some(number) => before = number,
                None => {
                    if let Some(higher) =
                        (self.exponent + 1..=EXPONENT_MAX).find(|&e| whole(value, e).is_some())
                    {
                        return Err(Some(higher));
                    }
                    self.specials.push((at, value));
                    if self.specials.len() > 1 + values.len() / SPECIALS_PART {
                        return Err(None);
                    }
                }
            }
            self.numbers.push(before);
        }
        if self.specials.len() == values.len() { Err(None) } else { Ok(()) }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(DECIMAL | ((self.exponent as u8) << 2));
        varint::put(out, self.specials.len() as u64);
        let mut before = 0;
        for &(at, value) in &self.specials {
            varint::put(out, (at - before) as u64);
            out.extend_from_slice(&value.to_le_bytes());
            before = at;
        }
        ints::encode(&self.numbers, out);
    }
}

/// The whole number that gives `value` exactly when divided by ten to `exponent`.
#[inline]
fn whole(value: f64, exponent: usize) -> Option<i64> {
    let scaled = value * POWERS[exponent];
    let is_near = scaled.abs() < WHOLE_MAX;
    let rounded = (scaled + ROUND) - ROUND;
    let same = (rounded as i64 as f64 / POWERS[exponent]).to_bits() == value.to_bits();
    (is_near && same).then_some(rounded as i64)
}

fn encode_raw(values: &[f64], packer: &mut Packer, out: &mut Vec<u8>) {
    let mut planes = vec![0; values.len() * 8];
    let mut before = 0;
    for (at, value) in values.iter().enumerate() {
        let bytes = (value.to_bits() ^ before).to_be_bytes();
        (0..8).for_each(|plane| planes[plane * values.len() + at] = bytes[plane]);
        before = value.to_bits();
    }
    let packed = packer.pack_if_less(&planes, LEVEL);
    let kept = packed.as_ref().unwrap_or(&planes);
    out.push(RAW);
    varint::put(out, kept.len() as u64);
    out.extend_from_slice(kept);
}

/// Reads `count` values off the front of `input` and appends them to `values`.
pub(crate) fn decode(
    input: &mut &[u8],
    count: usize,
    scratch: &mut Scratch,
    values: &mut Vec<f64>,
) -> Option<()> {
    decode_some(input, count, 0..count, scratch, values)
}

/// As [`decode`], and appends those of `wanted` only.
pub(crate) fn decode_some(
    input: &mut &[u8],
    count: usize,
    wanted: Range<usize>,
    scratch: &mut Scratch,
    values: &mut Vec<f64>,
) -> Option<()> {
    let (&form, rest) = input.split_first()?;
    *input = rest;
    match form & 3 {
        CONSTANT => {
            let value = take_float(input)?;
            values.resize(values.len() + wanted.len(), value);
            Some(())
        }
        DECIMAL => decode_decimals(usize::from(form >> 2), input, count, wanted, scratch, values),
        RAW => {
            let from = values.len();
            decode_raw(input, count, scratch, values)?;
            values.truncate(from + wanted.end);
            values.drain(from..from + wanted.start);
            Some(())
        }
        _ => None,
    }
}

fn decode_decimals(
    exponent: usize,
    input: &mut &[u8],
    count: usize,
    wanted: Range<usize>,
    scratch: &mut Scratch,
    values: &mut Vec<f64>,
) -> Option<()> {
    let power = *POWERS.get(exponent)?;
    let (from, specials) = (values.len(), varint::take(input)?);
    let mut places = Vec::new();
    let mut at = 0usize;
    for _ in 0..specials {
        at = at.checked_add(usize::try_from(varint::take(input)?).ok()?).filter(|&at| at < count)?;
        let value = take_float(input)?;
        if wanted.contains(&at) {
            places.push((from + at - wanted.start, value));
        }
    }
    ints::decode_first(input, count, wanted.end, &mut scratch.numbers)?;
    let numbers = &scratch.numbers[wanted.start..];
    if exponent == 0 {
        values.extend(numbers.iter().map(|&number| number as f64));
    } else {
        values.extend(numbers.iter().map(|&number| number as f64 / power));
    }
    places.into_iter().for_each(|(at, value)| values[at] = value);
    Some(())
}

fn decode_raw(input: &mut &[u8], count: usize, scratch: &mut Scratch, values: &mut Vec<f64>) -> Option<()> {
    let len = usize::try_from(varint::take(input)?).ok()?;
    let (kept, rest) = input.split_at_checked(len)?;
    *input = rest;
    let whole = count.checked_mul(8)?;
    let planes = if len < whole { scratch.unpack(kept, whole)? } else { kept };
    if planes.len() != whole {
        return None;
    }
    let mut bits = 0;
    for at in 0..count {
        let mut bytes = [0; 8];
        (0..8).for_each(|plane| bytes[plane] = planes[plane * count + at]);
        bits ^= u64::from_be_bytes(bytes);
        values.push(f64::from_bits(bits));
    }
    Some(())
}

fn take_float(input: &mut &[u8]) -> Option<f64> {
    let (bytes, rest) = input.split_first_chunk::<8>()?;
    *input = rest;
    Some(f64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[f64]) -> usize {
        let mut bytes = Vec::new();
        encode(values, &mut Packer::default(), &mut bytes);
        let (mut rest, mut found) = (bytes.as_slice(), vec![]);
        decode(&mut rest, values.len(), &mut Scratch::default(), &mut found).expect("decodes");
        let bits = |values: &[f64]| values.iter().map(|it| it.to_bits()).collect::<Vec<_>>();
        assert_eq!((bits(&found), rest.len()), (bits(values), 0));
        let wanted = values.len() / 3..values.len() - values.len() / 4;
        let (mut rest, mut some) = (bytes.as_slice(), vec![1.0]);
        decode_some(&mut rest, values.len(), wanted.clone(), &mut Scratch::default(), &mut some)
            .expect("decodes");
        assert_eq!((bits(&some[1..]), rest.len()), (bits(&values[wanted]), 0));
        bytes.len()
    }

    proptest! {
        #[test]
        fn any_values_come_back(bits in prop::collection::vec(any::<u64>(), 1..200)) {
            round_trip(&bits.iter().map(|&it| f64::from_bits(it)).collect::<Vec<_>>());
        }

        #[test]
        fn decimals_come_back(
            numbers in prop::collection::vec(-1_000_000_000i64..1_000_000_000, 1..200),
            exponent in 0usize..13,
            special in prop::option::of((any::<u64>(), 0usize..200)),
        ) {
            let mut values: Vec<_> = numbers.iter().map(|&it| it as f64 / POWERS[exponent]).collect();
            if let Some((bits, at)) = special {
                let at = at % values.len();
                values[at] = f64::from_bits(bits);
            }
            round_trip(&values);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, count in 0usize..300) {
            let _ = decode(&mut bytes.as_slice(), count, &mut Scratch::default(), &mut Vec::new());
        }
    }

    #[test]
    fn sizes() {
        let check = |values: Vec<f64>, max: usize| {
            let found = round_trip(&values);
            assert!(found <= max, "{found} bytes");
        };
        check(vec![0.1; 480], 9);
        check(vec![f64::NAN; 480], 9);
        check((0..480).map(|n| f64::from(n * 37)).collect(), 10);
        check((0..480).map(|n| f64::from(n * n % 10_000) / 100.0).collect(), 480 * 14 / 8 + 10);
        let mut ended: Vec<_> = (0..480).map(f64::from).collect();
        ended[479] = f64::from_bits(crate::select::STALE_BITS);
        check(ended, 30);
    }
}
