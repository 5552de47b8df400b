//! The manifest: which splits there are and which journal position they reach. An append to it, synced, is the
//! indexer's commit.
//!
//! ```text
//!  0  magic    8   "LWMANIF\n"
//!  8  version  4   VERSION, little endian as all numbers here; another one is refused
//! 12  crc32c   4   of bytes 0-11
//! 16  records:
//!       length  4   of the payload
//!       crc32c  4   of the payload
//!       payload     JSON {"add": [splits], "remove": [file names], "position": n, "journal": id, "lines": n,
//!                   "deletions": [those that are new or have changed]}
//! ```
//! `lines` are those of all splits after the record, a self-check. Every [`ENTRIES_MAX`] records the file is written
//! anew with one record (`manifest.tmp`, sync, rename, directory sync).
//!
//! At open the records are replayed. When the file ends cleanly, it is believed: what it does not name is an orphan
//! and goes. When it does not (a torn append, a lost or damaged file), the split files complete it: each split is
//! durable before it is named, so every whole file counts unless the readable records removed it or another split
//! contains it, in which case it is the input of a merge. Of files for the same records, before and after a deletion, the one
//! counts that the records name, else the one that was written last. Files that cannot be read are then set aside, not removed.
//!
//! When a deletion ends the file is written anew, since earlier records hold the query.

use crate::deletion::Deletion;
use crate::split::write::tmp;
use crate::split::{EXTENSION, SplitInfo, generation};
use logweir_base::dir::{File, SharedDir, read_exact_at, write_whole};
use logweir_base::ids::{JournalId, Position};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;

const NAME: &str = "manifest";
const MAGIC: &[u8; 8] = b"LWMANIF\n";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 16;
/// Records after which the file is written anew, so that opening stays quick.
const ENTRIES_MAX: usize = 1000;
/// Suffix of split files that were set aside because they cannot be read.
const ASIDE: &str = ".bad";
/// Deletions remembered after their end; the oldest goes first.
const ENDED_MAX: usize = 1000;

/// One record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Change {
    add: Vec<SplitInfo>,
    remove: Vec<String>,
    position: Position,
    journal: JournalId,
    lines: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deletions: Vec<Deletion>,
}

/// The open manifest. One owner writes it.
pub(crate) struct Manifest {
    dir: SharedDir,
    file: Option<Box<dyn File>>,
    end: u64,
    entries: usize,
    journal: JournalId,
    position: Option<Position>,
    /// By position.
    splits: Vec<SplitInfo>,
    /// By position.
    deletions: Vec<Deletion>,
}

/// Why a commit failed.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Nothing was written that counts; it may be tried again.
    Retry(io::Error),
    /// A sync failed: what is on disk is unknown, and the process has to end (R9).
    Fatal(io::Error),
}

/// What the file says.
struct Contents {
    end: u64,
    entries: usize,
    clean: bool,
    last: Option<(JournalId, Position)>,
    splits: Vec<SplitInfo>,
    removed: BTreeSet<String>,
    deletions: Vec<Deletion>,
}

impl Manifest {
    /// Opens or creates the manifest of `dir` and removes files that are not part of the store. Returns also what was
    /// wrong. Errors: another journal's store, another version, I/O.
    pub(crate) fn open(dir: SharedDir, journal: JournalId) -> io::Result<(Self, Vec<String>)> {
        let mut notes = Vec::new();
        remove_leftovers(&dir)?;
        let mut contents = read(&dir)?;
        if !contents.clean {
            complete(&dir, &mut contents, &mut notes)?;
        }
        if let Some((of_store, _)) = contents.last.filter(|(of_store, _)| *of_store != journal) {
            return Err(other_journal(&dir, of_store, journal));
        }
        remove_orphans(&dir, &contents.splits)?;
        contents.splits.sort_by_key(|split| split.first);
        let position = contents.last.map(|(_, position)| position);
        let clean = contents.clean;
        let Contents { end, entries, splits, deletions, .. } = contents;
        let mut manifest = Self { dir, file: None, end, entries, journal, position, splits, deletions };
        if clean {
            manifest.file = Some(manifest.dir.open(NAME)?);
        } else if manifest.position.is_some() {
            manifest.rewrite()?;
        }
        Ok((manifest, notes))
    }

    /// The position of the last commit; `None` when there was none.
    pub(crate) fn position(&self) -> Option<Position> {
        self.position
    }

    pub(crate) fn journal(&self) -> JournalId {
        self.journal
    }

    /// All splits, by position.
    pub(crate) fn splits(&self) -> &[SplitInfo] {
        &self.splits
    }

    /// All deletions that are remembered, by position.
    pub(crate) fn deletions(&self) -> &[Deletion] {
        &self.deletions
    }

    /// Commits: `add` replaces the splits named in `remove`; all up to `position` is in splits now; `deletion` is new or has
    /// changed.
    pub(crate) fn commit(
        &mut self,
        add: Option<SplitInfo>,
        remove: &[String],
        position: Position,
        deletion: Option<Deletion>,
    ) -> Result<(), CommitError> {
        let mut splits = self.splits.clone();
        splits.retain(|split| !remove.contains(&split.name));
        splits.extend(add.clone());
        splits.sort_by_key(|split| split.first);
        let lines = splits.iter().map(|split| split.lines).sum();
        let add = add.into_iter().collect();
        let (remove, deletions) = (remove.to_vec(), deletion.into_iter().collect());
        let change = Change { add, remove, position, journal: self.journal, lines, deletions };
        self.append(&change)?;
        self.splits = splits;
        change.deletions.into_iter().for_each(|deletion| put(&mut self.deletions, deletion));
        self.position = Some(position);
        if self.entries >= ENTRIES_MAX {
            // The append has committed; a full disk may put off the tidying.
            match self.rewrite() {
                Err(e) if e.kind() != io::ErrorKind::StorageFull => return Err(CommitError::Fatal(e)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Commits the end of a deletion, and leaves nothing of its query in the file.
    pub(crate) fn end(&mut self, deletion: Deletion) -> Result<(), CommitError> {
        let mut deletions = self.deletions.clone();
        put(&mut deletions, deletion);
        while deletions.iter().filter(|it| !it.is_pending()).count() > ENDED_MAX {
            let oldest = deletions.iter().position(|it| !it.is_pending()).expect("just counted");
            deletions.remove(oldest);
        }
        let before = std::mem::replace(&mut self.deletions, deletions);
        match self.rewrite() {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::StorageFull => {
                self.deletions = before;
                Err(CommitError::Retry(e))
            }
            Err(e) => Err(CommitError::Fatal(e)),
        }
    }

    fn append(&mut self, change: &Change) -> Result<(), CommitError> {
        if self.file.is_none() {
            self.rewrite_as(&[]).map_err(CommitError::Retry)?;
        }
        let file = self.file.as_ref().expect("just created");
        let record = encode(change);
        if let Err(e) = file.write_at(self.end, &record) {
            // A record cut short would be taken for a torn append at the next start; best without it.
            let _ = file.set_len(self.end);
            return Err(CommitError::Retry(e));
        }
        file.sync().map_err(CommitError::Fatal)?;
        self.end += record.len() as u64;
        self.entries += 1;
        Ok(())
    }

    /// Writes the file anew with one record that says it all.
    fn rewrite(&mut self) -> io::Result<()> {
        let Some(position) = self.position else {
            return self.rewrite_as(&[]);
        };
        let lines = self.splits.iter().map(|split| split.lines).sum();
        let (add, remove, deletions) = (self.splits.clone(), Vec::new(), self.deletions.clone());
        let change = Change { add, remove, position, journal: self.journal, lines, deletions };
        self.rewrite_as(&encode(&change))
    }

    fn rewrite_as(&mut self, records: &[u8]) -> io::Result<()> {
        let mut bytes = head().to_vec();
        bytes.extend_from_slice(records);
        write_whole(self.dir.as_ref(), NAME, &bytes)?;
        self.file = Some(self.dir.open(NAME)?);
        self.end = bytes.len() as u64;
        self.entries = usize::from(!records.is_empty());
        Ok(())
    }
}

impl Contents {
    fn apply(&mut self, change: Change) {
        self.splits.retain(|split| !change.remove.contains(&split.name));
        self.removed.extend(change.remove);
        self.splits.extend(change.add);
        change.deletions.into_iter().for_each(|deletion| put(&mut self.deletions, deletion));
        self.last = Some((change.journal, change.position));
        self.entries += 1;
    }
}

/// Puts a deletion in its place, in that of its earlier state if there is one.
fn put(deletions: &mut Vec<Deletion>, deletion: Deletion) {
    match deletions.binary_search_by_key(&deletion.position, |it| it.position) {
        Ok(at) => deletions[at] = deletion,
        Err(at) => deletions.insert(at, deletion),
    }
}

fn head() -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let crc = crc32c::crc32c(&head[..12]);
    head[12..].copy_from_slice(&crc.to_le_bytes());
    head
}

fn encode(change: &Change) -> Vec<u8> {
    let payload = serde_json::to_vec(change).expect("plain data always serialises");
    let len = u32::try_from(payload.len()).expect("splits number thousands, not millions");
    let mut record = Vec::with_capacity(8 + payload.len());
    record.extend_from_slice(&len.to_le_bytes());
    record.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
    record.extend_from_slice(&payload);
    record
}

fn read(dir: &SharedDir) -> io::Result<Contents> {
    let (splits, removed, deletions) = (Vec::new(), BTreeSet::new(), Vec::new());
    let mut contents = Contents { end: 0, entries: 0, clean: false, last: None, splits, removed, deletions };
    let file = match dir.open(NAME) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(contents),
        file => file?,
    };
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let bytes = read_exact_at(file.as_ref(), 0, len)?;
    let Some((start, mut rest)) = bytes.split_at_checked(HEAD_BYTES).filter(|(start, _)| is_head(start))
    else {
        return Ok(contents);
    };
    let version = u32::from_le_bytes(start[8..12].try_into().expect("four bytes"));
    if version != VERSION {
        let why = format!("{}: manifest version {version}, this program reads {VERSION}", dir.describe());
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    while let Some(change) = take(&mut rest) {
        contents.apply(change);
    }
    let lines: u64 = contents.splits.iter().map(|split| split.lines).sum();
    contents.end = (len - rest.len()) as u64;
    // Without a record it says nothing, and must not be believed against the split files.
    contents.clean = rest.is_empty() && last_lines(&bytes) == Some(lines);
    Ok(contents)
}

fn is_head(bytes: &[u8]) -> bool {
    let crc = u32::from_le_bytes(bytes[12..16].try_into().expect("four bytes"));
    &bytes[..8] == MAGIC && crc32c::crc32c(&bytes[..12]) == crc
}

/// What the last record says all splits' lines are.
fn last_lines(bytes: &[u8]) -> Option<u64> {
    let mut rest = bytes.get(HEAD_BYTES..)?;
    std::iter::from_fn(|| take(&mut rest)).last().map(|change| change.lines)
}

fn take(rest: &mut &[u8]) -> Option<Change> {
    let (head, behind) = rest.split_first_chunk::<8>()?;
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    let (payload, behind) = behind.split_at_checked(number(0) as usize)?;
    if crc32c::crc32c(payload) != number(4) {
        return None;
    }
    let change = serde_json::from_slice(payload).ok()?;
    *rest = behind;
    Some(change)
}

/// Adds the whole split files that the readable records do not know.
fn complete(dir: &SharedDir, contents: &mut Contents, notes: &mut Vec<String>) -> io::Result<()> {
    let names = dir.list()?;
    let known: BTreeSet<_> = contents.splits.iter().map(|split| split.name.clone()).collect();
    for name in names.iter().filter(|name| name.ends_with(EXTENSION)) {
        if known.contains(name) || contents.removed.contains(name) {
            continue;
        }
        match SplitInfo::of_file(dir, name) {
            Ok((info, meta)) => {
                let position = contents.last.map_or(info.last, |(_, position)| position.max(info.last));
                contents.last = Some((meta.journal, position));
                contents.splits.push(info);
            }
            Err(e) if e.kind() == io::ErrorKind::Unsupported => return Err(e),
            Err(e) => {
                notes.push(format!("{name} set aside as {name}{ASIDE}: {e}"));
                dir.rename(name, &format!("{name}{ASIDE}"))?;
            }
        }
    }
    let all = contents.splits.clone();
    let rank = |split: &SplitInfo| {
        (known.contains(&split.name) && names.contains(&split.name), generation(&split.name))
    };
    // Files for the same records contain each other, and one of them has to stay.
    let replaces = |it: &SplitInfo, split: &SplitInfo| {
        it.name != split.name && it.contains(split) && (!split.contains(it) || rank(it) > rank(split))
    };
    contents.splits.retain(|split| !all.iter().any(|it| replaces(it, split)));
    if contents.last.is_some() {
        notes.push("the manifest was torn or lost and has been completed from the split files".to_owned());
    }
    Ok(())
}

/// Removes what a crash left of files that were being written.
fn remove_leftovers(dir: &SharedDir) -> io::Result<()> {
    for name in dir.list()? {
        let is_ours = name == tmp(NAME) || name.ends_with(&tmp(EXTENSION));
        let is_empty_split = name.ends_with(EXTENSION) && dir.open(&name)?.is_empty()?;
        if is_ours || is_empty_split {
            dir.remove(&name)?;
        }
    }
    Ok(())
}

/// Removes the split files that are none of `splits`.
pub(crate) fn remove_orphans(dir: &SharedDir, splits: &[SplitInfo]) -> io::Result<()> {
    for name in dir.list()? {
        if name.ends_with(EXTENSION) && !splits.iter().any(|split| split.name == name) {
            dir.remove(&name)?;
        }
    }
    Ok(())
}

fn other_journal(dir: &SharedDir, of_store: JournalId, journal: JournalId) -> io::Error {
    let why = format!(
        "{}: this store belongs to journal {of_store}, not to {journal}; restore the two from one backup, or move \
         the store away to have it built again",
        dir.describe()
    );
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
