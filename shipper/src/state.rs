//! The state directory: the lock, the checkpoint (redb) and the redaction key.
//!
//! ```text
//! lock          held with flock as long as the shipper runs
//! state.redb    source id -> 8 bytes xxh3 of the value, then the record as JSON
//! redact.key    32 random bytes, minted once
//! ```
//! The checkpoint is a cache of what the router knows. It is written lazily and may lag; it never leads, since only
//! acknowledged offsets go into it. One that cannot be read is moved aside, and the router's answers restore it.

use crate::identity::{Record, hash};
use logweir_base::ids::{SourceId, random_bytes};
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};
use rustix::fs::{FlockOperation, flock};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

const STORE: &str = "state.redb";
const RECORDS: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("records");
/// redb's page cache; the table is read once and then only written.
const CACHE_BYTES: usize = 2 << 20;

/// Why the state directory cannot be used.
#[derive(Debug)]
pub enum StateError {
    /// Another shipper holds it.
    Locked(PathBuf),
    /// The directory or a file in it cannot be made, read or written.
    Io(PathBuf, io::Error),
    /// The checkpoint's store failed.
    Store(String),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(dir) => {
                write!(
                    f,
                    "state directory {} is in use by another shipper: give each its own --state",
                    dir.display()
                )
            }
            Self::Io(path, e) => write!(f, "{}: {e}", path.display()),
            Self::Store(e) => write!(f, "checkpoint: {e}"),
        }
    }
}

impl std::error::Error for StateError {}

/// The state directory, locked.
#[derive(Debug)]
pub struct StateDir {
    dir: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Creates the directory when needed and locks it against a second shipper (D16).
    pub fn lock(dir: &Path) -> Result<Self, StateError> {
        let at = |e| StateError::Io(dir.to_owned(), e);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at)?;
        let dir = dir.canonicalize().map_err(at)?;
        let path = dir.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(|e| StateError::Io(path, e))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| StateError::Locked(dir.clone()))?;
        Ok(Self { dir, _lock: lock })
    }

    /// The directory, canonical.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Reads all records of the checkpoint. One that cannot be read is moved aside, and the second value says so (T37).
    pub fn load(&self) -> (Vec<Record>, Option<String>) {
        let path = self.dir.join(STORE);
        if !path.exists() {
            return (Vec::new(), None);
        }
        match read_store(&path) {
            Ok(records) => (records, None),
            Err(bad) => {
                let aside = self.dir.join("state.redb.bad");
                let moved = match fs::rename(&path, &aside) {
                    Ok(()) => format!("moved to {}", aside.display()),
                    Err(e) => format!("cannot be moved aside: {e}"),
                };
                (Vec::new(), Some(format!("{bad}; {moved}; the router's answers restore it")))
            }
        }
    }

    /// Begins a checkpoint that holds exactly `records`, in place of the one there is, which stays until this one is
    /// durable. Done at the first change after a start and after a failed write: a store is never trusted after either.
    pub fn begin_store<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Result<Store, StateError> {
        let tmp = self.dir.join("state.redb.tmp");
        let at = |e| StateError::Io(tmp.clone(), e);
        match fs::remove_file(&tmp) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at(e)),
            _ => {}
        }
        let store = Store(builder().create(&tmp).map_err(|e| StateError::Store(e.to_string()))?);
        store.save(records, &[])?;
        fs::rename(&tmp, self.dir.join(STORE)).map_err(at)?;
        self.sync().map_err(at)?;
        Ok(store)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// The key of redaction tokens; minted when there is none.
    pub fn redact_key(&self) -> Result<[u8; 32], StateError> {
        let path = self.dir.join("redact.key");
        let at = |e| StateError::Io(path.clone(), e);
        if let Ok(bytes) = fs::read(&path)
            && let Ok(key) = <[u8; 32]>::try_from(bytes)
        {
            return Ok(key);
        }
        let mut key = [0; 32];
        key[..16].copy_from_slice(&random_bytes());
        key[16..].copy_from_slice(&random_bytes());
        let tmp = self.dir.join("redact.key.tmp");
        let options = || File::options().create(true).truncate(true).write(true).mode(0o600).clone();
        let mut file = options().open(&tmp).map_err(at)?;
        io::Write::write_all(&mut file, &key).and_then(|()| file.sync_all()).map_err(at)?;
        fs::rename(&tmp, &path).map_err(at)?;
        self.sync().map_err(at)?;
        Ok(key)
    }
}

/// The checkpoint.
#[derive(Debug)]
pub struct Store(Database);

impl Store {
    /// Opens or begins a checkpoint on any storage, and reads all records whose checksum holds.
    pub fn open(backend: impl StorageBackend) -> Result<(Self, Vec<Record>), StateError> {
        let db = builder().create_with_backend(backend).map_err(|e| StateError::Store(e.to_string()))?;
        let records = load(&db).map_err(|e| StateError::Store(e.to_string()))?;
        Ok((Self(db), records))
    }

    /// Writes records and forgets sources, in one durable transaction.
    pub fn save<'a>(
        &self,
        records: impl Iterator<Item = &'a Record>,
        forget: &[SourceId],
    ) -> Result<(), StateError> {
        self.try_save(records, forget).map_err(|e| StateError::Store(e.to_string()))
    }

    fn try_save<'a>(
        &self,
        records: impl Iterator<Item = &'a Record>,
        forget: &[SourceId],
    ) -> Result<(), redb::Error> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            let mut value = Vec::new();
            for record in records {
                encode(record, &mut value);
                table.insert(record.source.0, value.as_slice())?;
            }
            for source in forget {
                table.remove(source.0)?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// redb asserts on some damage instead of reporting it, when it opens, reads or closes a file. One that panicked is not
/// closed, since that could panic again.
fn read_store(path: &Path) -> Result<Vec<Record>, StateError> {
    let damaged = |_| StateError::Store("the file is damaged".to_owned());
    let read = || {
        let db = builder().open(path).map_err(|e| StateError::Store(e.to_string()))?;
        let db = ManuallyDrop::new(db);
        let records = load(&db).map_err(|e| StateError::Store(e.to_string()))?;
        Ok((db, records))
    };
    let (db, records) = catch_unwind(read).map_err(damaged)??;
    catch_unwind(AssertUnwindSafe(|| drop(ManuallyDrop::into_inner(db)))).map_err(damaged)?;
    Ok(records)
}

fn load(db: &Database) -> Result<Vec<Record>, redb::Error> {
    let table = match db.begin_read()?.open_table(RECORDS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(e) => return Err(e.into()),
    };
    let mut records = Vec::new();
    for row in table.iter()? {
        records.extend(decode(row?.1.value()));
    }
    Ok(records)
}

fn encode(record: &Record, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&[0; 8]);
    serde_json::to_writer(&mut *out, record).expect("plain data always serialises");
    let sum = hash(&out[8..]);
    out[..8].copy_from_slice(&sum.to_le_bytes());
}

/// `None` for a damaged value: the router still knows the source.
fn decode(value: &[u8]) -> Option<Record> {
    let (sum, json) = value.split_first_chunk::<8>()?;
    (hash(json) == u64::from_le_bytes(*sum)).then(|| serde_json::from_slice(json).ok())?
}
