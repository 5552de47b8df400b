//! A set of blocks of one split or run: one bit each.

/// Which blocks may hold a matching line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BlockSet {
    bits: Vec<u64>,
    len: usize,
}

impl BlockSet {
    pub(crate) fn none(len: usize) -> Self {
        Self { bits: vec![0; len.div_ceil(64)], len }
    }

    pub(crate) fn all(len: usize) -> Self {
        Self { bits: vec![u64::MAX; len.div_ceil(64)], len }
    }

    /// Adds a block; false when there is none of that number.
    pub(crate) fn insert(&mut self, block: usize) -> bool {
        if block < self.len {
            self.bits[block / 64] |= 1 << (block % 64);
        }
        block < self.len
    }

    pub(crate) fn contains(&self, block: usize) -> bool {
        block < self.len && self.bits[block / 64] >> (block % 64) & 1 == 1
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.bits.iter_mut().zip(&other.bits).for_each(|(mine, theirs)| *mine &= theirs);
    }

    pub(crate) fn union(&mut self, other: &Self) {
        self.bits.iter_mut().zip(&other.bits).for_each(|(mine, theirs)| *mine |= theirs);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bits.iter().all(|&bits| bits == 0)
    }
}
