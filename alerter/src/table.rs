//! Rows by key, in memory, that know which of them differ from what is stored.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A row to write; without a value, to remove.
pub type Change = (String, Option<Vec<u8>>);

/// Rows of one kind. A key is at most some hundred bytes; how many rows there may be is its owner's business.
#[derive(Debug)]
pub struct Table<T> {
    /// Begins its keys in the store.
    prefix: &'static str,
    rows: BTreeMap<String, T>,
    dirty: BTreeSet<String>,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    /// Of what is stored below a prefix; rows that are no such rows are left out and told.
    pub fn load(prefix: &'static str, stored: &BTreeMap<String, Vec<u8>>, notes: &mut Vec<String>) -> Self {
        let mut table = Self { prefix, rows: BTreeMap::new(), dirty: BTreeSet::new() };
        let below = stored.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        for (key, value) in below {
            match serde_json::from_slice(value) {
                Ok(row) => drop(table.rows.insert(key[prefix.len()..].to_owned(), row)),
                Err(e) => notes.push(format!("{key}: {e}")),
            }
        }
        table
    }

    /// A row.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.rows.get(key)
    }

    /// A row, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        let row = self.rows.get_mut(key)?;
        self.dirty.insert(key.to_owned());
        Some(row)
    }

    /// The row of a key, to change it; made when it is not there.
    pub fn entry(&mut self, key: &str, make: impl FnOnce() -> T) -> &mut T {
        self.dirty.insert(key.to_owned());
        self.rows.entry(key.to_owned()).or_insert_with(make)
    }

    /// Puts a row in place of the one there may be.
    pub fn insert(&mut self, key: String, row: T) {
        self.dirty.insert(key.clone());
        self.rows.insert(key, row);
    }

    /// Takes a row out.
    pub fn remove(&mut self, key: &str) -> Option<T> {
        let row = self.rows.remove(key)?;
        self.dirty.insert(key.to_owned());
        Some(row)
    }

    /// Changes rows that `change` says it has changed.
    pub fn change_each(&mut self, mut change: impl FnMut(&str, &mut T) -> bool) {
        for (key, row) in &mut self.rows {
            if change(key, row) {
                self.dirty.insert(key.clone());
            }
        }
    }

    /// Keeps rows.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &T) -> bool) {
        let dirty = &mut self.dirty;
        self.rows.retain(|key, row| {
            let keeps = keep(key, row);
            if !keeps {
                dirty.insert(key.clone());
            }
            keeps
        });
    }

    /// All rows, by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &T)> {
        self.rows.iter().map(|(key, row)| (key.as_str(), row))
    }

    /// Rows whose keys begin so, by key.
    pub fn below<'t>(&'t self, prefix: &'t str) -> impl Iterator<Item = (&'t str, &'t T)> {
        let from = self.rows.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(move |(key, _)| key.starts_with(prefix)).map(|(key, row)| (key.as_str(), row))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What must be written so that the store has these rows; nothing when asked again.
    pub fn take_changes(&mut self, out: &mut Vec<Change>) {
        for key in std::mem::take(&mut self.dirty) {
            let value = self.rows.get(&key);
            let value = value.map(|row| serde_json::to_vec(row).expect("plain data always serialises"));
            out.push((format!("{}{key}", self.prefix), value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(stored: &BTreeMap<String, Vec<u8>>) -> Table<u32> {
        let mut notes = Vec::new();
        let table = Table::load("a/", stored, &mut notes);
        assert_eq!(notes, Vec::<String>::new());
        table
    }

    fn store(stored: &mut BTreeMap<String, Vec<u8>>, table: &mut Table<u32>) {
        let mut changes = Vec::new();
        table.take_changes(&mut changes);
        for (key, value) in changes {
            match value {
                Some(value) => drop(stored.insert(key, value)),
                None => drop(stored.remove(&key)),
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_what_there_is(steps in prop::collection::vec((0..6_u8, 0..5_u8, any::<u32>()), 1..40)) {
            let mut stored = BTreeMap::from([("b/x".to_owned(), b"0".to_vec())]);
            let mut table = load(&stored);
            for (what, key, value) in steps {
                let key = key.to_string();
                match what {
                    0 => table.insert(key, value),
                    1 => drop(table.remove(&key)),
                    2 => *table.entry(&key, || value) ^= 1,
                    3 => table.get_mut(&key).into_iter().for_each(|row| *row = value),
                    4 => table.retain(|_, row| row % 2 == 0),
                    _ => store(&mut stored, &mut table),
                }
            }
            store(&mut stored, &mut table);
            let again = load(&stored);
            prop_assert_eq!(again.rows, table.rows);
            prop_assert!(stored.contains_key("b/x"));
        }
    }
}
