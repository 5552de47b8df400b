//! The distinct hashes of a block. A block of 340 lines brings some 10,000 words of which 1,000 differ; a table that
//! fits the second-level cache drops the rest at 2 ns each, where sorting all of them would cost ten times that.

/// Hashes with the number of records that have each: open addressing, at most half full; grows by doubling, never shrinks.
pub(crate) struct Distinct {
    slots: Vec<Slot>,
    members: usize,
    zero: Option<Slot>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u64,
    /// The last record that had it, from 1.
    latest: u32,
    records: u32,
}

/// A member and how many records have it; 0 when that is not known.
pub(crate) type Counted = (u64, u32);

impl Distinct {
    pub(crate) fn new() -> Self {
        Self { slots: vec![Slot::default(); 4096], members: 0, zero: None }
    }

    /// Adds `hash`, which record number `record` (from 1, ascending) has; it may say so more than once.
    pub(crate) fn insert(&mut self, hash: u64, record: u32) {
        let slot = self.slot(hash);
        if slot.latest != record {
            slot.latest = record;
            slot.records = slot.records.saturating_add(u32::from(slot.records < UNKNOWN));
        }
    }

    /// Adds `hash`, which nobody knows how many records have.
    pub(crate) fn insert_uncounted(&mut self, hash: u64) {
        self.slot(hash).records = UNKNOWN;
    }

    /// All members in ascending order; the set is empty afterwards.
    pub(crate) fn take_sorted(&mut self) -> Vec<Counted> {
        let mut sorted = Vec::with_capacity(self.members + 1);
        sorted.extend(self.zero.take().map(|slot| (0, counted(slot))));
        for slot in self.slots.iter_mut().filter(|slot| slot.hash != 0) {
            sorted.push((slot.hash, counted(*slot)));
            *slot = Slot::default();
        }
        sorted.sort_unstable();
        self.members = 0;
        sorted
    }

    fn slot(&mut self, hash: u64) -> &mut Slot {
        if hash == 0 {
            return self.zero.get_or_insert_default();
        }
        if self.members * 2 > self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].hash != hash {
            if self.slots[at].hash == 0 {
                self.slots[at].hash = hash;
                self.members += 1;
                break;
            }
            at = (at + 1) & mask;
        }
        &mut self.slots[at]
    }

    fn grow(&mut self) {
        let larger = vec![Slot::default(); self.slots.len() * 2];
        let mask = larger.len() - 1;
        for slot in std::mem::replace(&mut self.slots, larger).into_iter().filter(|slot| slot.hash != 0) {
            let mut at = slot.hash as usize & mask;
            while self.slots[at].hash != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = slot;
        }
    }
}

/// Stands for a number of records that is not known.
const UNKNOWN: u32 = u32::MAX;

fn counted(slot: Slot) -> u32 {
    if slot.records == UNKNOWN { 0 } else { slot.records }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn as_a_tree_map(rounds in prop::collection::vec(prop::collection::vec((0u64..6000, 0u8..20), 0..6000), 1..3)) {
            let mut distinct = Distinct::new();
            for hashes in rounds {
                let mut model: BTreeMap<u64, Option<u32>> = BTreeMap::new();
                for (record, &(hash, kind)) in (1u32..).zip(&hashes) {
                    if kind == 0 {
                        distinct.insert_uncounted(hash);
                        model.insert(hash, None);
                    } else {
                        distinct.insert(hash, record);
                        distinct.insert(hash, record);
                        model.entry(hash).or_insert(Some(0)).iter_mut().for_each(|records| *records += 1);
                    }
                }
                let expected: Vec<Counted> =
                    model.into_iter().map(|(hash, records)| (hash, records.unwrap_or(0))).collect();
                prop_assert_eq!(distinct.take_sorted(), expected);
            }
        }
    }
}
