//! Whole numbers: differences of the order that is smallest, taken from a base, in as many bits as most of them need; the few
//! that need more are exceptions behind.
//!
//! ```text
//! order       1   0: as they are, 1: differences, 2: differences of differences
//! first           `order` zigzag varints: the numbers that differences begin with
//! base            zigzag varint: what is taken off each difference
//! width       1   bits of each in the packed part, 0 to 56 or 64
//! exceptions      varint: how many
//! packed          (count - order) * width bits, low bits first, then up to a whole byte
//! exceptions, each:  varint place since the one before, varint bits above `width`
//! ```
//! How many numbers there are is known to the reader. All arithmetic wraps, so that any 64-bit numbers come back.

use logweir_base::varint;

/// Bits that one load of eight bytes holds at any offset within a byte.
const WIDTH_MAX: u32 = 56;
/// What an exception costs at least, in bits, beside its high bits.
const EXCEPTION_BITS: u32 = 16;

/// How to pack: found before anything is written.
struct Plan {
    base: i64,
    width: u32,
    cost_bits: u64,
}

/// Appends `numbers`; nothing for none.
pub(crate) fn encode(numbers: &[i64], out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let mut once = numbers.to_vec();
    difference(&mut once, 1);
    let mut twice = once.clone();
    difference(&mut twice, 2);
    let orders = [numbers, &once, &twice];
    let highest = 2.min(numbers.len());
    let range = |order: usize| bits_of_range(&orders[order][order..]);
    let narrowest =
        (0..=highest).min_by_key(|&order| range(order) as usize * (numbers.len() - order) + 8 * order);
    // A counter's reset is one great step down, which must not widen all others: differences get a second chance.
    let candidates = [narrowest, (highest > 0 && narrowest != Some(1)).then_some(1)];
    let plans = candidates.into_iter().flatten().map(|order| (order, plan(order, &orders[order][order..])));
    if let Some((order, plan)) = plans.min_by_key(|(_, plan)| plan.cost_bits) {
        write(order, &plan, orders[order], out);
    }
}

/// From the `order`-th on, each less the one before; what is before keeps what sums begin with.
fn difference(numbers: &mut [i64], order: usize) {
    for at in (order..numbers.len()).rev() {
        numbers[at] = numbers[at].wrapping_sub(numbers[at - 1]);
    }
}

/// Bits that hold each number less the least.
fn bits_of_range(numbers: &[i64]) -> u32 {
    let (least, most) = numbers.iter().fold((i64::MAX, i64::MIN), |(a, b), &it| (a.min(it), b.max(it)));
    if numbers.is_empty() { 0 } else { bits_of(most.wrapping_sub(least) as u64) }
}

fn plan(order: usize, differences: &[i64]) -> Plan {
    let least = differences.iter().copied().min().unwrap_or(0);
    let plain = plan_from(order, least, differences);
    if plain.width == 0 || differences.len() < 8 {
        return plain;
    }
    let mut sorted = differences.to_vec();
    let (_, low, _) = sorted.select_nth_unstable(differences.len() / 32 + 1);
    if *low == least {
        return plain;
    }
    let robust = plan_from(order, *low, differences);
    if robust.cost_bits < plain.cost_bits { robust } else { plain }
}

fn plan_from(order: usize, base: i64, differences: &[i64]) -> Plan {
    let mut of_bits = [0u32; 65];
    for &it in differences {
        of_bits[bits_of(it.wrapping_sub(base) as u64) as usize] += 1;
    }
    // A wider one than the widest needs costs more.
    let widest = of_bits.iter().rposition(|&count| count > 0).unwrap_or(0) as u32;
    let widest = if widest > WIDTH_MAX { 64 } else { widest };
    let all = differences.len() as u64;
    let (mut best, mut width, mut above, mut above_bits) = (u64::MAX, 0, 0u64, 0u64);
    for at in (0..=widest).rev() {
        let is_packable = at <= WIDTH_MAX || at == 64;
        let exceptions = above * u64::from(EXCEPTION_BITS) + (above_bits - above * u64::from(at)) * 8 / 7;
        if is_packable && all * u64::from(at) + exceptions < best {
            (best, width) = (all * u64::from(at) + exceptions, at);
        }
        above += u64::from(of_bits[at as usize]);
        above_bits += u64::from(of_bits[at as usize]) * u64::from(at);
    }
    Plan { base, width, cost_bits: best + 8 * order as u64 }
}

fn bits_of(number: u64) -> u32 {
    64 - number.leading_zeros()
}

fn write(order: usize, plan: &Plan, differences: &[i64], out: &mut Vec<u8>) {
    let (first, rest) = differences.split_at(order);
    out.push(order as u8);
    first.iter().for_each(|&it| varint::put(out, varint::zigzag(it)));
    varint::put(out, varint::zigzag(plan.base));
    out.push(plan.width as u8);
    let offset = |it: &i64| it.wrapping_sub(plan.base) as u64;
    let is_exception = |it: &i64| bits_of(offset(it)) > plan.width;
    varint::put(out, rest.iter().filter(|it| is_exception(it)).count() as u64);
    pack(rest.iter().map(offset), plan.width, out);
    let mut before = 0;
    for (at, it) in rest.iter().enumerate().filter(|(_, it)| is_exception(it)) {
        varint::put(out, (at - before) as u64);
        varint::put(out, offset(it) >> plan.width);
        before = at;
    }
}

fn pack(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut held, mut held_bits) = (0u128, 0);
    for number in numbers {
        held |= u128::from(number & mask(width)) << held_bits;
        held_bits += width;
        while held_bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            held_bits -= 8;
        }
    }
    if held_bits > 0 {
        out.push(held as u8);
    }
}

fn mask(width: u32) -> u64 {
    u64::MAX.checked_shr(64 - width).unwrap_or(0)
}

/// Reads `count` numbers off the front of `input`, in place of what is in `numbers`. `None` when they are not there.
pub(crate) fn decode(input: &mut &[u8], count: usize, numbers: &mut Vec<i64>) -> Option<()> {
    decode_first(input, count, count, numbers)
}

/// As [`decode`], and leaves out those behind the first `wanted`.
pub(crate) fn decode_first(
    input: &mut &[u8],
    count: usize,
    wanted: usize,
    numbers: &mut Vec<i64>,
) -> Option<()> {
    numbers.clear();
    if count == 0 {
        return Some(());
    }
    let order = usize::from(take_byte(input)?);
    if order > 2 || order > count {
        return None;
    }
    for _ in 0..order {
        numbers.push(varint::unzigzag(varint::take(input)?));
    }
    let base = varint::unzigzag(varint::take(input)?);
    let width = u32::from(take_byte(input)?);
    let exceptions = varint::take(input)?;
    let rest = count - order;
    if (width > WIDTH_MAX && width != 64) || exceptions > rest as u64 {
        return None;
    }
    let packed_bits = rest.checked_mul(width as usize)?;
    let (packed, behind) = input.split_at_checked(packed_bits.div_ceil(8))?;
    *input = behind;
    unpack(packed, rest.min(wanted.saturating_sub(order)), width, base, numbers);
    let mut at = order;
    for _ in 0..exceptions {
        at = at.checked_add(usize::try_from(varint::take(input)?).ok()?)?;
        let high = varint::take(input)?.checked_shl(width).unwrap_or(0);
        if let Some(number) = numbers.get_mut(at) {
            *number = (number.wrapping_sub(base) as u64 | high).wrapping_add(base as u64) as i64;
        } else if at >= count {
            return None;
        }
    }
    (0..order).rev().for_each(|order| sum(numbers, order + 1));
    numbers.truncate(wanted);
    Some(())
}

fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = input.split_first()?;
    *input = rest;
    Some(byte)
}

/// Undoes `difference`.
fn sum(numbers: &mut [i64], order: usize) {
    let mut before = numbers[order - 1];
    for number in &mut numbers[order..] {
        before = before.wrapping_add(*number);
        *number = before;
    }
}

fn unpack(packed: &[u8], count: usize, width: u32, base: i64, numbers: &mut Vec<i64>) {
    let (mask, width) = (mask(width), width as usize);
    if width == 0 {
        numbers.resize(numbers.len() + count, base);
        return;
    }
    let value = |word: u64| base.wrapping_add(word as i64);
    if width == 64 {
        let words = packed.chunks_exact(8).map(|word| word_at(word, 0));
        numbers.extend(words.map(value));
        return;
    }
    // Fast path: whole words are read where eight bytes are left. Slow path: the last ones, with zeros behind.
    let fast = (packed.len().saturating_sub(7) * 8).div_ceil(width).min(count);
    let one = |bytes: &[u8], bit: usize| value((word_at(bytes, bit / 8) >> (bit % 8)) & mask);
    numbers.extend((0..fast).map(|at| one(packed, at * width)));
    if fast < count {
        let from = fast * width / 8;
        let mut end = [0; 16];
        end[..packed.len() - from].copy_from_slice(&packed[from..]);
        numbers.extend((fast..count).map(|at| one(&end, at * width - from * 8)));
    }
}

#[inline]
fn word_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(numbers: &[i64]) -> usize {
        let mut bytes = Vec::new();
        encode(numbers, &mut bytes);
        let (mut rest, mut found) = (bytes.as_slice(), vec![1]);
        decode(&mut rest, numbers.len(), &mut found).expect("decodes");
        assert_eq!((found.as_slice(), rest.len()), (numbers, 0));
        bytes.len()
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(numbers: Vec<i64>, shift in 0u32..64) {
            round_trip(&numbers);
            round_trip(&numbers.iter().map(|it| it >> shift).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, count in 0usize..300) {
            let mut numbers = Vec::new();
            let _ = decode(&mut bytes.as_slice(), count, &mut numbers);
            prop_assert!(numbers.len() <= count.max(2));
        }
    }

    #[test]
    fn sizes() {
        let check = |numbers: Vec<i64>, expected| assert_eq!(round_trip(&numbers), expected);
        check(vec![], 0);
        check(vec![5; 400], 4);
        check((0..400).map(|n| 1_000_000 + n * 15_000).collect(), 9);
        // A reset costs an exception, not a wider pack.
        let steps = |n: i64| (n % 200) * 7 + (n * n) % 4;
        assert!(round_trip(&(0..400).map(steps).collect::<Vec<_>>()) < 400 / 8 * 4);
    }
}
