//! The whole state of a miner in bytes: after a restart the same messages get the same ids.
//!
//! ```text
//! state     version u8 = 1, tick, count, pattern × count, count, evicted id × count, shapes young, shapes old
//! pattern   id u32 LE, last used, template
//! template  count, part × count, text
//! part      gap length, word length << 1 | is a value
//! text      the gaps and the words of all parts, one after another
//! shapes    count, (shape u64 LE, place of its pattern) × count, ascending by shape
//! ```
//!
//! Whatever is not said to be fixed is a varint. What does not hold together is refused: the ids of two
//! patterns that are equal, a shape of no pattern, a limit passed, bytes left over.

use super::{AsIs, Miner, PATTERNS_MAX, Pattern, PatternId, SHAPES_MAX, Shapes, Template};
use crate::varint;
use std::collections::HashMap;
use std::sync::Arc;

const VERSION: u8 = 1;

impl Miner {
    /// The state in bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        varint::put(&mut out, self.tick);
        varint::put(&mut out, self.patterns.len() as u64);
        for pattern in &self.patterns {
            out.extend_from_slice(&pattern.id.0.to_le_bytes());
            varint::put(&mut out, pattern.last_used);
            pattern.template.encode(&mut out);
        }
        varint::put(&mut out, self.evicted.len() as u64);
        self.evicted.iter().for_each(|id| out.extend_from_slice(&id.0.to_le_bytes()));
        put_shapes(&mut out, &self.young);
        put_shapes(&mut out, &self.old);
        out
    }

    /// Reads what [`Miner::encode`] wrote; `None` when it did not.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, mut input) = bytes.split_first()?;
        let tick = varint::take(&mut input).filter(|_| version == VERSION)?;
        let count = take_count(&mut input, PATTERNS_MAX)?;
        let patterns = (0..count).map(|_| take_pattern(&mut input)).collect::<Option<Vec<_>>>()?;
        let count = take_count(&mut input, PATTERNS_MAX)?;
        let evicted = (0..count).map(|_| take_id(&mut input)).collect::<Option<Vec<_>>>()?;
        let young = take_shapes(&mut input, patterns.len())?;
        let old = take_shapes(&mut input, patterns.len())?;
        let mut miner = Self { patterns, young, old, tick, evicted, ..Self::default() };
        miner.index();
        (input.is_empty() && miner.slots.len() == miner.patterns.len()).then_some(miner)
    }
}

fn put_shapes(out: &mut Vec<u8>, shapes: &Shapes) {
    let mut sorted: Vec<(u64, u32)> = shapes.iter().map(|(&shape, &slot)| (shape, slot)).collect();
    sorted.sort_unstable();
    varint::put(out, sorted.len() as u64);
    for (shape, slot) in sorted {
        out.extend_from_slice(&shape.to_le_bytes());
        varint::put(out, u64::from(slot));
    }
}

/// A number of things, each at least a byte long.
fn take_count(input: &mut &[u8], max: usize) -> Option<usize> {
    let count = usize::try_from(varint::take(input)?).ok()?;
    (count <= max.min(input.len())).then_some(count)
}

fn take_id(input: &mut &[u8]) -> Option<PatternId> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(PatternId(u32::from_le_bytes(*bytes))).filter(|&id| id != PatternId::NONE)
}

fn take_pattern(input: &mut &[u8]) -> Option<Pattern> {
    let id = take_id(input)?;
    let last_used = varint::take(input)?;
    let template = Template::decode(input)?;
    Some(Pattern { id, last_used, leaf: template.leaf(), template: Arc::new(template) })
}

fn take_shapes(input: &mut &[u8], patterns: usize) -> Option<Shapes> {
    let count = take_count(input, SHAPES_MAX)?;
    let mut shapes = HashMap::with_capacity_and_hasher(count, AsIs::default());
    let mut last = None;
    for _ in 0..count {
        let (bytes, rest) = input.split_first_chunk()?;
        *input = rest;
        let shape = u64::from_le_bytes(*bytes);
        let slot = u32::try_from(varint::take(input)?).ok().filter(|&slot| (slot as usize) < patterns)?;
        if last.is_some_and(|last| last >= shape) {
            return None;
        }
        last = Some(shape);
        shapes.insert(shape, slot);
    }
    Some(shapes)
}
