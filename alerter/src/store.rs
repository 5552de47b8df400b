//! Where the alerter's memory is kept: one redb file, `alerter.redb`, a transaction a commit, the journal position in the same one.
//!
//! ```text
//! key (text)           8 bytes xxh3 of the value, then the value as JSON
//! position             journal, position, time of the last tick
//! group/ID             exception groups          alert/KEY     alerts that are under way
//! outbox/ID            messages to be sent       ...           one prefix a kind of row; see memory.rs
//! ```
//! Groups and alerts are functions of the journal, silences and the outbox are not any more once the journal let go of their
//! records: `backup` copies the file. A file that cannot be read is moved aside and said so; memory begins anew then.

use crate::table::Change;
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Name of the file.
const FILE: &str = "alerter.redb";
const ROWS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rows");
/// redb's page cache: rows are read once and then only written.
const CACHE_BYTES: usize = 4 << 20;

/// Why the store does not take or give rows.
#[derive(Debug)]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for StoreError {}

/// What is stored, by key.
pub type Rows = BTreeMap<String, Vec<u8>>;

/// The open file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: Database,
}

impl Store {
    /// Opens the file in a directory that is there, or makes it; with all rows, and notes about those that are damaged.
    pub fn open(dir: &Path) -> Result<(Self, Rows, Vec<String>), StoreError> {
        let path = dir.join(FILE);
        let mut notes = Vec::new();
        if path.exists()
            && let Err(reason) = read_safely(&path)
        {
            let aside = path.with_extension("redb.bad");
            fs::rename(&path, &aside).map_err(|e| error(&path, &e))?;
            notes.push(format!(
                "{}: {reason}; moved to {}, and the memory of exceptions and alerts begins anew",
                path.display(),
                aside.display()
            ));
        }
        let db = builder().create(&path).map_err(|e| error(&path, &e))?;
        fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| error(&path, &e))?;
        let rows = read(&db, &mut notes).map_err(|e| error(&path, &e))?;
        Ok((Self { path, db }, rows, notes))
    }

    /// One that is kept nowhere: for who only wants to know what would be told.
    pub fn in_memory() -> Result<Self, StoreError> {
        let path = PathBuf::from("memory");
        let db = builder().create_with_backend(InMemoryBackend::new()).map_err(|e| error(&path, &e))?;
        Ok(Self { path, db })
    }

    /// Writes rows, all or none of them; durable on return. After an error the file must be opened again.
    pub fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.try_commit(changes).map_err(|e| error(&self.path, &e))
    }

    /// A file with the same rows and nothing else: pages that redb has freed keep their bytes. It takes the place of this one when
    /// it is whole.
    pub fn rewritten(self, dir: &Path) -> Result<Self, StoreError> {
        let rows = read(&self.db, &mut Vec::new()).map_err(|e| error(&self.path, &e))?;
        let tmp = self.path.with_extension("redb.tmp");
        match fs::remove_file(&tmp) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(error(&tmp, &e)),
            _ => {}
        }
        let db = builder().create(&tmp).map_err(|e| error(&tmp, &e))?;
        let new = Self { path: self.path.clone(), db };
        let rows: Vec<Change> = rows.into_iter().map(|(key, value)| (key, Some(value))).collect();
        new.commit(&rows)?;
        fs::rename(&tmp, &self.path).map_err(|e| error(&tmp, &e))?;
        fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| error(&self.path, &e))?;
        Ok(new)
    }

    fn try_commit(&self, changes: &[Change]) -> Result<(), redb::Error> {
        let transaction = self.db.begin_write()?;
        {
            let mut table = transaction.open_table(ROWS)?;
            let mut row = Vec::new();
            for (key, value) in changes {
                match value {
                    Some(value) => {
                        row.clear();
                        row.extend_from_slice(&xxh3_64(value).to_le_bytes());
                        row.extend_from_slice(value);
                        table.insert(key.as_str(), row.as_slice())?;
                    }
                    None => drop(table.remove(key.as_str())?),
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

fn error(path: &Path, reason: &dyn fmt::Display) -> StoreError {
    StoreError { path: path.to_owned(), reason: reason.to_string() }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Whether a file can be read at all. redb asserts on some damage instead of reporting it, when it opens, reads or closes a
/// file; one that panicked is not closed, since that could panic again.
fn read_safely(path: &Path) -> Result<(), String> {
    let damaged = |_| "the file is damaged".to_owned();
    let look = || {
        let db = builder().open(path).map_err(|e| e.to_string())?;
        let db = ManuallyDrop::new(db);
        read(&db, &mut Vec::new()).map_err(|e| e.to_string())?;
        Ok::<_, String>(db)
    };
    let db = catch_unwind(look).map_err(damaged)??;
    catch_unwind(AssertUnwindSafe(|| drop(ManuallyDrop::into_inner(db)))).map_err(damaged)
}

fn read(db: &Database, notes: &mut Vec<String>) -> Result<Rows, redb::Error> {
    let table = match db.begin_read()?.open_table(ROWS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Rows::new()),
        Err(e) => return Err(e.into()),
    };
    let mut rows = Rows::new();
    for row in table.iter()? {
        let (key, value) = row?;
        match value.value().split_first_chunk::<8>() {
            Some((sum, json)) if u64::from_le_bytes(*sum) == xxh3_64(json) => {
                rows.insert(key.value().to_owned(), json.to_vec());
            }
            _ => notes.push(format!("{FILE}: the row {} is damaged and left out", key.value())),
        }
    }
    Ok(rows)
}

/// Makes the directory, for its owner only: it holds what log lines said.
pub fn make_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(dir: &Path) -> (Rows, Vec<String>) {
        let (_, rows, notes) = Store::open(dir).expect("opens");
        (rows, notes)
    }

    #[test]
    fn rows_come_back_and_removed_ones_do_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let (store, rows_before, _) = Store::open(dir.path()).expect("opens");
        assert_eq!(rows_before, Rows::new());
        let put = |key: &str, value: &str| (key.to_owned(), Some(value.as_bytes().to_vec()));
        store.commit(&[put("a", "1"), put("b", "2")]).expect("commits");
        store.commit(&[("a".to_owned(), None), put("c", "3")]).expect("commits");
        drop(store);
        let expected = [("b", "2"), ("c", "3")].map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec()));
        assert_eq!(rows(dir.path()), (Rows::from(expected), vec![]));
    }

    /// What was taken out is in the file's free pages until it is written anew.
    #[test]
    fn a_file_written_anew_has_nothing_of_what_was_taken_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let (store, ..) = Store::open(dir.path()).expect("opens");
        let put = |key: &str, value: &str| (key.to_owned(), Some(value.as_bytes().to_vec()));
        store.commit(&[put("a", "the secret of all"), put("b", "2")]).expect("commits");
        store.commit(&[("a".to_owned(), None)]).expect("commits");
        let has_secret = || {
            let bytes = fs::read(dir.path().join(FILE)).expect("reads");
            bytes.windows(10).any(|part| part == b"the secret")
        };
        assert!(has_secret(), "redb zeroes freed pages now: writing it anew is not needed any more");
        let store = store.rewritten(dir.path()).expect("written anew");
        assert!(!has_secret());
        store.commit(&[put("c", "3")]).expect("commits");
        drop(store);
        let expected = [("b", "2"), ("c", "3")].map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec()));
        assert_eq!(rows(dir.path()), (Rows::from(expected), vec![]));
    }

    /// A file that was damaged on disk does not keep the server from starting.
    #[test]
    fn a_damaged_file_is_moved_aside() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join(FILE), vec![7; 100_000]).expect("writes");
        let (found, notes) = rows(dir.path());
        assert_eq!(found, Rows::new());
        assert!(notes.len() == 1 && notes[0].contains("begins anew"), "{notes:?}");
        assert!(dir.path().join("alerter.redb.bad").exists());
        assert_eq!(rows(dir.path()).1, Vec::<String>::new());
    }
}
