//! The distinct hashes of a block. A block of 340 lines brings some 10,000 words of which 1,000 differ; a table that
//! fits the second-level cache drops the rest at 2 ns each, where sorting all of them would cost ten times that.

/// A set of 64-bit hashes with open addressing. At most half full; grows by doubling, never shrinks.
pub(crate) struct Distinct {
    slots: Vec<u64>,
    /// In order of arrival; also what has to be wiped.
    members: Vec<u64>,
    has_zero: bool,
}

impl Distinct {
    pub(crate) fn new() -> Self {
        Self { slots: vec![0; 4096], members: Vec::new(), has_zero: false }
    }

    /// Adds `hash` unless it is there.
    pub(crate) fn insert(&mut self, hash: u64) {
        if hash == 0 {
            self.has_zero = true;
            return;
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 {
            if self.slots[at] == hash {
                return;
            }
            at = (at + 1) & mask;
        }
        self.slots[at] = hash;
        self.members.push(hash);
        if self.members.len() * 2 > self.slots.len() {
            self.grow();
        }
    }

    /// All members in ascending order; the set is empty afterwards.
    pub(crate) fn take_sorted(&mut self) -> Vec<u64> {
        let mut sorted = self.members.clone();
        sorted.extend(self.has_zero.then_some(0));
        sorted.sort_unstable();
        self.members.clear();
        self.has_zero = false;
        self.slots.fill(0);
        sorted
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        let mask = self.slots.len() - 1;
        for &hash in &self.members {
            let mut at = hash as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = hash;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn as_a_tree_set(rounds in prop::collection::vec(prop::collection::vec(0u64..6000, 0..6000), 1..3)) {
            let mut distinct = Distinct::new();
            for hashes in rounds {
                for &hash in &hashes {
                    distinct.insert(hash);
                }
                let model: BTreeSet<u64> = hashes.into_iter().collect();
                prop_assert_eq!(distinct.take_sorted(), model.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
