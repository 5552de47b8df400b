//! Splits: immutable files of lines and their index.

pub(crate) mod counts;
pub(crate) mod format;
pub(crate) mod ids;
pub(crate) mod merge;
pub(crate) mod pages;
pub(crate) mod read;
pub(crate) mod words;
pub(crate) mod write;

use format::{Footer, Meta};
use logweir_base::dir::SharedDir;
use logweir_base::ids::Position;
use logweir_base::time::Timestamp;
use read::SplitReader;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Splits kept open at most: each has a descriptor and its tables in memory: some 200 KB for a million lines,
/// and 500 KB of statistics once they were asked for.
const OPEN_MAX: usize = 64;
/// What split files are called.
pub(crate) const EXTENSION: &str = ".split";

/// What the manifest says of a split.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct SplitInfo {
    /// Its file.
    pub name: String,
    /// First journal record it stands for.
    pub first: Position,
    /// Last journal record it stands for.
    pub last: Position,
    /// Lines in it.
    pub lines: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Earliest line.
    pub min_time: Timestamp,
    /// Latest line.
    pub max_time: Timestamp,
    /// When the first of its lines was received.
    pub received_min: Timestamp,
    /// When the last of its lines was received.
    pub received_max: Timestamp,
    /// Made of other splits; it is not merged again.
    pub merged: bool,
    /// Version of its format; splits of different ones are not merged.
    #[serde(default = "first_version")]
    pub version: u32,
}

/// A split that the manifest names. Its file goes when it was removed from the manifest and its last reader is done.
pub(crate) struct Split {
    pub(crate) info: SplitInfo,
    dir: SharedDir,
    reader: Mutex<Option<Arc<SplitReader>>>,
    removed: AtomicBool,
    damaged: AtomicBool,
}

impl SplitInfo {
    /// What there is to say of the split file `name`, from the file itself.
    pub(crate) fn of_file(dir: &SharedDir, name: &str) -> io::Result<(Self, Meta)> {
        let file = dir.open(name)?;
        let footer = Footer::read(file.as_ref())?;
        let meta = Meta::read(file.as_ref(), &footer)?;
        Ok((Self::new(name.to_owned(), file.len()?, &meta, footer.version), meta))
    }

    fn new(name: String, bytes: u64, meta: &Meta, version: u32) -> Self {
        Self {
            name,
            first: meta.first,
            last: meta.last,
            lines: meta.lines,
            bytes,
            min_time: meta.blocks.iter().map(|block| block.min_time).min().unwrap_or_default(),
            max_time: meta.blocks.iter().map(|block| block.max_time).max().unwrap_or_default(),
            received_min: meta.received.0,
            received_max: meta.received.1,
            merged: meta.merged,
            version,
        }
    }

    /// Whether all that `other` stands for is in here.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// What manifests that do not say it speak of.
fn first_version() -> u32 {
    1
}

/// The file of the split that stands for the records from `first` to `last`.
pub(crate) fn file_name(first: Position, last: Position) -> String {
    format!("{:016x}-{:016x}{EXTENSION}", first.0, last.0)
}

/// The file that takes the place of `name`: the same split without lines that were deleted.
pub(crate) fn next_file_name(info: &SplitInfo) -> String {
    format!("{:016x}-{:016x}.{}{EXTENSION}", info.first.0, info.last.0, generation(&info.name) + 1)
}

/// How often the split in the file `name` has been written anew.
pub(crate) fn generation(name: &str) -> u64 {
    let stem = name.strip_suffix(EXTENSION).unwrap_or(name);
    stem.split_once('.').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

impl Split {
    pub(crate) fn new(dir: SharedDir, info: SplitInfo) -> Self {
        Self {
            info,
            dir,
            reader: Mutex::new(None),
            removed: AtomicBool::new(false),
            damaged: AtomicBool::new(false),
        }
    }

    /// The file and its tables; opened when they are not.
    pub(crate) fn reader(self: &Arc<Self>, open: &OpenSplits) -> io::Result<Arc<SplitReader>> {
        let mut slot = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = &*slot {
            return Ok(reader.clone());
        }
        let reader = Arc::new(SplitReader::open(&self.dir, &self.info.name)?);
        *slot = Some(reader.clone());
        drop(slot);
        open.push(self);
        Ok(reader)
    }

    /// The manifest names it no longer.
    pub(crate) fn set_removed(&self) {
        self.removed.store(true, Ordering::SeqCst);
    }

    /// A part of it cannot be read.
    pub(crate) fn set_damaged(&self) {
        self.damaged.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::SeqCst)
    }

    fn close(&self) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Split {
    fn drop(&mut self) {
        if self.removed.load(Ordering::SeqCst) {
            // Should it fail, the next start removes what the manifest does not name.
            let _ = self.dir.remove(&self.info.name);
        }
    }
}

/// Which splits are open; beyond [`OPEN_MAX`] the one opened longest ago is closed.
#[derive(Default)]
pub(crate) struct OpenSplits(Mutex<Vec<Weak<Split>>>);

impl OpenSplits {
    fn push(&self, split: &Arc<Split>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(Arc::downgrade(split));
        if open.len() > OPEN_MAX {
            let oldest = open.remove(0).upgrade();
            drop(open);
            oldest.iter().for_each(|split| split.close());
        }
    }
}
