//! The id table: which blocks hold a high-entropy id (a trace id, a UUID, a long number). Such ids are nearly all
//! different, so a dictionary of them would be most of the index; here one costs 3 bytes.
//!
//! ```text
//! 2^b + 1  u32   bucket starts, in entries; an id's bucket is the top b bits of its hash
//! entries        of 3, 4 or more bytes, little endian: next bits of the hash << block bits | block
//! ```
//! The shape (bits, bytes, entries) stands in the split's meta. A bucket has 16 entries on average, so a look-up
//! reads 8 bytes and then some 48. With 12 bits of hash in an entry one look-up in 256 proposes a block in vain; the
//! lines decide. A table that will be merged has a byte more, because merging turns hash bits into bucket bits.
//!
//! Limits: 2^24 blocks, 2^32 - 1 entries.

use super::pages::Pages;
use crate::codec::damaged;
use logweir_base::varint::{put, take};
use std::io;

const BUCKET_ENTRIES: u64 = 16;

/// How the table is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct IdShape {
    bucket_bits: u8,
    block_bits: u8,
    hash_bits: u8,
    entry_bytes: u8,
    entries: u64,
}

/// Whether a table's entries keep a byte for a later merge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spare {
    /// It will not be merged.
    None,
    /// It may be.
    Byte,
}

impl IdShape {
    /// The shape for `entries` ids in `blocks` blocks, of whose hashes the top `known_bits` are known.
    fn of(entries: u64, blocks: usize, known_bits: u32, spare: Spare) -> Self {
        let (block_bits, bytes) = match blocks {
            0..=0x1000 => (12, 3),
            0x1001..=0x1_0000 => (16, 4),
            _ => (24, 5),
        };
        let entry_bytes = bytes + u32::from(spare == Spare::Byte);
        let wanted = entries.div_ceil(BUCKET_ENTRIES).max(1).next_power_of_two().ilog2();
        let bucket_bits = wanted.min(known_bits);
        let hash_bits = (8 * entry_bytes - block_bits).min(known_bits - bucket_bits);
        Self {
            bucket_bits: bucket_bits as u8,
            block_bits: block_bits as u8,
            hash_bits: hash_bits as u8,
            entry_bytes: entry_bytes as u8,
            entries,
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.bucket_bits, self.block_bits, self.hash_bits, self.entry_bytes]);
        put(out, self.entries);
    }

    pub(crate) fn decode(input: &mut &[u8]) -> Option<Self> {
        let (&[bucket_bits, block_bits, hash_bits, entry_bytes], rest) = input.split_first_chunk()?;
        *input = rest;
        let entries = take(input)?;
        let fits = bucket_bits <= 32
            && entry_bytes <= 8
            && u32::from(block_bits) + u32::from(hash_bits) <= 8 * u32::from(entry_bytes)
            && entries <= u64::from(u32::MAX);
        fits.then_some(Self { bucket_bits, block_bits, hash_bits, entry_bytes, entries })
    }

    fn buckets(&self) -> usize {
        1 << self.bucket_bits
    }

    fn bucket(&self, hash: u64) -> usize {
        top(hash, self.bucket_bits) as usize
    }

    /// What an entry keeps of a hash beside its bucket.
    fn kept(&self, hash: u64) -> u64 {
        top(hash.checked_shl(u32::from(self.bucket_bits)).unwrap_or(0), self.hash_bits)
    }

    fn entries_at(&self) -> u64 {
        (self.buckets() as u64 + 1) * 4
    }

    fn known_bits(&self) -> u32 {
        u32::from(self.bucket_bits) + u32::from(self.hash_bits)
    }

    /// The hash of which `bucket` and `kept` are what is known; the rest is zero.
    fn hash(&self, bucket: usize, kept: u64) -> u64 {
        let high = (bucket as u64).checked_shl(64 - u32::from(self.bucket_bits)).unwrap_or(0);
        high | kept.checked_shl(64 - self.known_bits()).unwrap_or(0)
    }
}

/// A table of ids, given by block.
pub(crate) fn build<'a>(
    blocks: usize,
    ids_of: impl Fn(usize) -> &'a [u64],
    spare: Spare,
) -> io::Result<(IdShape, Vec<u8>)> {
    let entries = (0..blocks).map(|block| ids_of(block).len() as u64).sum();
    let shape = IdShape::of(entries, blocks, 64, spare);
    fill(shape, |add| {
        for block in 0..blocks {
            ids_of(block).iter().for_each(|&hash| add(hash, block as u64));
        }
    })
}

/// One table of several; the blocks of each follow those of the ones before it. Each comes with its number of blocks.
pub(crate) fn merge(inputs: &[(IdShape, Vec<u8>, usize)]) -> io::Result<(IdShape, Vec<u8>)> {
    let entries = inputs.iter().map(|(shape, ..)| shape.entries).sum();
    let blocks = inputs.iter().map(|(.., blocks)| blocks).sum();
    let known_bits = inputs.iter().map(|(shape, ..)| shape.known_bits()).min().unwrap_or(64);
    fill(IdShape::of(entries, blocks, known_bits, Spare::None), |add| {
        let mut first_block = 0;
        for (shape, bytes, blocks) in inputs {
            for_each(*shape, bytes, |hash, block| add(hash, first_block + block));
            first_block += *blocks as u64;
        }
    })
}

/// Looks up which blocks may hold `hash`.
pub(crate) fn look_up(
    shape: IdShape,
    pages: &Pages,
    hash: u64,
    mut found: impl FnMut(usize),
) -> io::Result<()> {
    let bucket = shape.bucket(hash) as u64;
    let starts = pages.read(bucket * 4..bucket * 4 + 8)?;
    let (start, end) = (u32_at(&starts, 0), u32_at(&starts, 4));
    let at = |entry: u32| shape.entries_at() + u64::from(entry) * u64::from(shape.entry_bytes);
    let entries = pages.read(at(start)..at(end))?;
    let kept = shape.kept(hash);
    for entry in entries.chunks_exact(usize::from(shape.entry_bytes)) {
        let (of_entry, block) = split_entry(shape, entry);
        if of_entry == kept {
            found(usize::try_from(block).map_err(|_| damaged("id table names no block"))?);
        }
    }
    Ok(())
}

/// Counting sort by bucket: the ids are asked for twice and never gathered.
fn fill(shape: IdShape, each: impl Fn(&mut dyn FnMut(u64, u64))) -> io::Result<(IdShape, Vec<u8>)> {
    if shape.entries > u64::from(u32::MAX) {
        return Err(io::Error::other("more ids than a table holds"));
    }
    let mut starts = vec![0u32; shape.buckets() + 1];
    each(&mut |hash, _| starts[shape.bucket(hash) + 1] += 1);
    for bucket in 0..shape.buckets() {
        starts[bucket + 1] += starts[bucket];
    }
    let entry_bytes = usize::from(shape.entry_bytes);
    let entries_at = shape.entries_at() as usize;
    let mut table = vec![0; entries_at + shape.entries as usize * entry_bytes];
    for (at, start) in table.chunks_exact_mut(4).zip(&starts) {
        at.copy_from_slice(&start.to_le_bytes());
    }
    each(&mut |hash, block| {
        let next = &mut starts[shape.bucket(hash)];
        let at = entries_at + *next as usize * entry_bytes;
        *next += 1;
        let entry = shape.kept(hash) << shape.block_bits | block;
        table[at..at + entry_bytes].copy_from_slice(&entry.to_le_bytes()[..entry_bytes]);
    });
    Ok((shape, table))
}

fn for_each(shape: IdShape, table: &[u8], mut visit: impl FnMut(u64, u64)) {
    let entries = &table[shape.entries_at() as usize..];
    for bucket in 0..shape.buckets() {
        let (start, end) = (u32_at(table, bucket * 4) as usize, u32_at(table, bucket * 4 + 4) as usize);
        let bytes = usize::from(shape.entry_bytes);
        for entry in entries[start * bytes..end * bytes].chunks_exact(bytes) {
            let (kept, block) = split_entry(shape, entry);
            visit(shape.hash(bucket, kept), block);
        }
    }
}

fn split_entry(shape: IdShape, entry: &[u8]) -> (u64, u64) {
    let mut bytes = [0; 8];
    bytes[..entry.len()].copy_from_slice(entry);
    let entry = u64::from_le_bytes(bytes);
    (entry >> shape.block_bits, entry & ((1 << shape.block_bits) - 1))
}

/// The top `bits` of `hash`.
fn top(hash: u64, bits: u8) -> u64 {
    hash.checked_shr(64 - u32::from(bits)).unwrap_or(0)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::format::Section;
    use crate::split::pages::checksums;
    use logweir_base::dir::Dir;
    use logweir_base::dir::sim::SimDir;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn pages(table: &[u8]) -> Pages {
        let dir = SimDir::new();
        dir.put("table", table);
        let section = Section { at: 0, len: table.len() as u64 };
        Pages::new(Arc::from(dir.open("table").expect("opens")), section, checksums(table))
    }

    fn blocks_of(shape: IdShape, table: &[u8], hash: u64) -> Vec<usize> {
        let mut blocks = Vec::new();
        look_up(shape, &pages(table), hash, |block| blocks.push(block)).expect("reads");
        blocks
    }

    fn blocks() -> impl Strategy<Value = Vec<Vec<u64>>> {
        prop::collection::vec(prop::collection::vec(any::<u64>(), 0..80), 0..12)
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found_also_after_a_merge(inputs in prop::collection::vec(blocks(), 1..4)) {
            let mut tables = Vec::new();
            let mut all: Vec<&[u64]> = Vec::new();
            for input in &inputs {
                let (shape, table) = build(input.len(), |block| &input[block], Spare::Byte).expect("builds");
                for (block, ids) in input.iter().enumerate() {
                    for &id in ids {
                        prop_assert!(blocks_of(shape, &table, id).contains(&block));
                    }
                }
                tables.push((shape, table, input.len()));
                all.extend(input.iter().map(Vec::as_slice));
            }
            let (shape, table) = merge(&tables).expect("merges");
            for (block, ids) in all.iter().enumerate() {
                for &id in *ids {
                    prop_assert!(blocks_of(shape, &table, id).contains(&block));
                }
            }
        }
    }

    /// 200,000 ids: few look-ups of an absent one propose a block, and an id costs little more than 3 bytes.
    #[test]
    fn absent_ids_are_seldom_proposed() {
        let hash = |n: u64| {
            (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let ids: Vec<Vec<u64>> = (0..200).map(|b| (0..1000).map(|i| hash(b * 1000 + i)).collect()).collect();
        let (shape, table) = build(ids.len(), |block| &ids[block], Spare::None).expect("builds");
        assert!(table.len() < 200_000 * 7 / 2, "{}", table.len());
        let pages = pages(&table);
        let mut proposed = 0;
        for n in 1_000_000..1_010_000 {
            look_up(shape, &pages, hash(n), |_| proposed += 1).expect("reads");
        }
        assert!(proposed < 100, "{proposed} of 10,000");
    }
}
