//! In how many records of each block a frequent word is, so that counting it reads no line. What stands here is exact; what
//! does not may still be there: rare words, blocks of which it is not known.
//!
//! ```text
//! u32      words
//! entries  of 12 bytes, ascending: hash 8, end of its list 4 (from the start of the lists)      little endian
//! lists    of each word: varint length, then one zstd frame of so many bytes; per block, in varints:
//!            records << 1 | 1 when it is not the block after the last one (or the first), then blocks passed over - 1
//! ```
//! A word is frequent that is in [`BLOCKS_MIN`] blocks at least and in one of [`FRACTION`]: counting any other one reads
//! few blocks.
//!
//! Limit: 4 GiB of lists.

use super::pages::Pages;
use crate::codec::{Packer, Unpacker, damaged};
use logweir_base::varint::{put, take};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;

const BLOCKS_MIN: usize = 16;
const FRACTION: usize = 64;
const ENTRY_BYTES: usize = 12;

/// Words and counts of one block.
pub(crate) type WordsOf<'a> = (&'a [u64], &'a [u16]);

/// The section for blocks with these words.
pub(crate) fn build<'a>(blocks: impl ExactSizeIterator<Item = WordsOf<'a>> + Clone) -> Vec<u8> {
    let least = BLOCKS_MIN.max(blocks.len() / FRACTION);
    let known = |(words, counts): WordsOf<'a>| words.iter().zip(counts).filter(|(_, count)| **count > 0);
    let mut blocks_with: HashMap<u64, u32, AsItIs> = HashMap::default();
    for (word, _) in blocks.clone().flat_map(known) {
        *blocks_with.entry(*word).or_default() += 1;
    }
    let mut lists: BTreeMap<u64, List> = BTreeMap::new();
    for (block, of_block) in blocks.enumerate() {
        for (word, count) in known(of_block) {
            if blocks_with[word] as usize >= least {
                lists.entry(*word).or_default().push(block, u64::from(*count));
            }
        }
    }
    encode(lists)
}

/// One section of several; the blocks of each follow those of the ones before it. Each comes with its number of blocks.
pub(crate) fn merge(inputs: &[(Vec<u8>, usize)]) -> io::Result<Vec<u8>> {
    let mut lists: BTreeMap<u64, List> = BTreeMap::new();
    let mut unpacker = Unpacker::new();
    let mut first_block = 0;
    for (section, blocks) in inputs {
        let mut directory = Directory::of(section)?;
        while let Some((word, start, end)) = directory.next() {
            let list = section.get(directory.lists + start..directory.lists + end).ok_or_else(cut_short)?;
            let merged = lists.entry(word).or_default();
            read_list(list, &mut unpacker, |block, count| merged.push(first_block + block, count))?;
        }
        first_block += blocks;
    }
    Ok(encode(lists))
}

/// Shows how many records of which blocks have `word`, as far as that is known.
pub(crate) fn look_up(
    pages: &Pages,
    word: u64,
    unpacker: &mut Unpacker,
    found: impl FnMut(usize, u64),
) -> io::Result<()> {
    if pages.len() == 0 {
        return Ok(());
    }
    let words = u64::from(u32_at(&pages.read(0..4)?, 0));
    let lists = 4 + words * ENTRY_BYTES as u64;
    let head = pages.read(0..lists)?;
    let mut directory = Directory::of(&head)?;
    match directory.find(word) {
        None => Ok(()),
        Some((start, end)) => {
            let list = pages.read(lists + start as u64..lists + end as u64)?;
            read_list(&list, unpacker, found)
        }
    }
}

/// Words are hashes already, well mixed; hashing them once more is all that counting them would cost.
type AsItIs = BuildHasherDefault<WordHasher>;

#[derive(Default)]
struct WordHasher(u64);

impl Hasher for WordHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

#[derive(Default)]
struct List {
    bytes: Vec<u8>,
    next: usize,
}

impl List {
    fn push(&mut self, block: usize, count: u64) {
        let passed = (block - self.next) as u64;
        put(&mut self.bytes, count << 1 | u64::from(passed > 0));
        if passed > 0 {
            put(&mut self.bytes, passed - 1);
        }
        self.next = block + 1;
    }
}

fn encode(lists: BTreeMap<u64, List>) -> Vec<u8> {
    let mut packer = Packer::new();
    let (mut entries, mut packed) = (Vec::new(), Vec::new());
    for (word, list) in &lists {
        put(&mut packed, list.bytes.len() as u64);
        packed.extend_from_slice(&packer.pack(&list.bytes));
        entries.extend_from_slice(&word.to_le_bytes());
        let end =
            u32::try_from(packed.len()).expect("lists are a small part of a split, which is below 4 GiB");
        entries.extend_from_slice(&end.to_le_bytes());
    }
    let words = u32::try_from(lists.len()).expect("words of a split");
    [&words.to_le_bytes()[..], &entries, &packed].concat()
}

fn read_list(list: &[u8], unpacker: &mut Unpacker, mut found: impl FnMut(usize, u64)) -> io::Result<()> {
    let mut frame = list;
    let len = take(&mut frame).and_then(|len| usize::try_from(len).ok()).ok_or_else(cut_short)?;
    let mut bytes = Vec::new();
    unpacker.unpack(frame, len, &mut bytes)?;
    let mut rest = bytes.as_slice();
    let mut next = 0usize;
    while !rest.is_empty() {
        let value = take(&mut rest).ok_or_else(cut_short)?;
        if value & 1 == 1 {
            let passed = take(&mut rest).and_then(|n| usize::try_from(n).ok()).ok_or_else(cut_short)?;
            next = next.checked_add(passed).and_then(|n| n.checked_add(1)).ok_or_else(cut_short)?;
        }
        found(next, value >> 1);
        next += 1;
    }
    Ok(())
}

/// The entries of a section.
struct Directory<'a> {
    entries: &'a [u8],
    at: usize,
    /// Where lists begin in the section.
    lists: usize,
}

impl<'a> Directory<'a> {
    fn of(section: &'a [u8]) -> io::Result<Self> {
        if section.is_empty() {
            return Ok(Self { entries: &[], at: 0, lists: 0 });
        }
        let words =
            section.first_chunk::<4>().map(|it| u32::from_le_bytes(*it) as usize).ok_or_else(cut_short)?;
        let lists =
            words.checked_mul(ENTRY_BYTES).and_then(|len| len.checked_add(4)).ok_or_else(cut_short)?;
        let entries = section.get(4..lists).ok_or_else(cut_short)?;
        Ok(Self { entries, at: 0, lists })
    }

    /// The next word, and where its list starts and ends among the lists.
    fn next(&mut self) -> Option<(u64, usize, usize)> {
        let entry = self.entries.get(self.at * ENTRY_BYTES..(self.at + 1) * ENTRY_BYTES)?;
        let start = self.at.checked_sub(1).map_or(0, |before| self.end(before));
        self.at += 1;
        Some((u64_at(entry, 0), start, u32_at(entry, 8) as usize))
    }

    fn find(&mut self, word: u64) -> Option<(usize, usize)> {
        let count = self.entries.len() / ENTRY_BYTES;
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            if u64_at(self.entries, middle * ENTRY_BYTES) < word { low = middle + 1 } else { high = middle }
        }
        self.at = low;
        self.next().filter(|(found, ..)| *found == word).map(|(_, start, end)| (start, end))
    }

    fn end(&self, entry: usize) -> usize {
        u32_at(self.entries, entry * ENTRY_BYTES + 8) as usize
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn cut_short() -> io::Error {
    damaged("counts of words cut short or out of bounds")
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

    type Block = Vec<(u64, u16)>;

    fn counts_of(section: &[u8], word: u64) -> Vec<(usize, u64)> {
        let dir = SimDir::new();
        dir.put("counts", section);
        let place = Section { at: 0, len: section.len() as u64 };
        let pages = Pages::new(Arc::from(dir.open("counts").expect("opens")), place, checksums(section));
        let mut found = Vec::new();
        look_up(&pages, word, &mut Unpacker::new(), |block, count| found.push((block, count)))
            .expect("reads");
        found
    }

    fn build_of(blocks: &[Block]) -> Vec<u8> {
        let parts: Vec<(Vec<u64>, Vec<u16>)> =
            blocks.iter().map(|block| block.iter().copied().unzip()).collect();
        build(parts.iter().map(|(words, counts)| (words.as_slice(), counts.as_slice())))
    }

    /// In blocks of a few words each word is in many.
    fn blocks() -> impl Strategy<Value = Vec<Block>> {
        let block = prop::collection::btree_map(0u64..6, 0u16..400, 0..6);
        prop::collection::vec(block.prop_map(|block| block.into_iter().collect()), 0..90)
    }

    proptest! {
        #[test]
        fn known_counts_of_frequent_words_are_kept_also_when_merged(inputs in prop::collection::vec(blocks(), 1..4)) {
            let sections: Vec<_> = inputs.iter().map(|blocks| (build_of(blocks), blocks.len())).collect();
            let merged = merge(&sections).expect("merges");
            for word in 0..7u64 {
                let mut expected = Vec::new();
                let mut first = 0;
                for blocks in &inputs {
                    let known = blocks.iter().enumerate().filter_map(|(at, block)| {
                        let (_, count) = block.iter().find(|(w, count)| *w == word && *count > 0)?;
                        Some((first + at, u64::from(*count)))
                    });
                    let known: Vec<_> = known.collect();
                    expected.extend(if known.len() >= BLOCKS_MIN { known } else { Vec::new() });
                    first += blocks.len();
                }
                prop_assert_eq!(counts_of(&merged, word), expected, "word {}", word);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = merge(&[(bytes, 1)]);
        }
    }
}
