//! The manifest: which blocks there are and which journal position they reach. An append to it, synced, is the commit of
//! everything here: a flush, a merge, a step to the next level, a removal.
//!
//! ```text
//!  0  magic    8   "LWROLLM\n"
//!  8  version  4   VERSION, little endian as all numbers here; another one is refused
//! 12  crc32c   4   of bytes 0-11
//! 16  records:
//!       length  4   of the payload
//!       crc32c  4   of the payload
//!       payload     JSON, Change
//! ```
//! Every [`ENTRIES_MAX`] records the file is written anew with one record (`manifest.tmp`, sync, rename, directory sync).
//!
//! At open the records are replayed. When the file ends cleanly, it is believed: a block file that it does not name is an orphan
//! and goes. When it does not (a torn append, a lost or damaged file), the block files complete it: each is durable before it
//! is named. Blocks of one flush count when all of them are there and they go on where the position is. A block that was made of
//! others counts when one of those is gone, since they are removed behind its commit only.

use crate::block::format::{BlockInfo, EXTENSION, Meta};
use crate::block::write::tmp;
use crate::logs::InForce;
use logweir_base::dir::{File, SharedDir, read_exact_at, write_whole};
use logweir_base::ids::{JournalId, Position};
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

const NAME: &str = "manifest";
const MAGIC: &[u8; 8] = b"LWROLLM\n";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 16;
/// Records after which the file is written anew, so that opening stays quick.
const ENTRIES_MAX: usize = 1000;
/// Suffix of block files that were set aside because they cannot be read.
const ASIDE: &str = ".bad";

/// One record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Change {
    add: Vec<BlockInfo>,
    remove: Vec<String>,
    position: Position,
    journal: JournalId,
    /// The latest time that ticks have told.
    now: Timestamp,
    /// How many blocks there are now: a self-check.
    blocks: usize,
    /// Files are numbered; the next one has this.
    next: u64,
    /// The rules in force at the position, when they differ from those before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<InForce>,
}

/// The open manifest. One owner writes it.
pub(crate) struct Manifest {
    dir: SharedDir,
    file: Option<Box<dyn File>>,
    end: u64,
    entries: usize,
    journal: JournalId,
    known: Known,
}

/// What it says.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// In the order in which they were committed.
    pub(crate) blocks: Vec<BlockInfo>,
    /// `None`: nothing was committed yet.
    pub(crate) position: Option<Position>,
    pub(crate) now: Timestamp,
    pub(crate) next: u64,
    /// The rules in force at the position; `None`: a configuration has not been journaled by then.
    pub(crate) rules: Option<InForce>,
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
#[derive(Default)]
struct Contents {
    end: u64,
    entries: usize,
    clean: bool,
    journal: Option<JournalId>,
    known: Known,
    removed: BTreeSet<String>,
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
        if let Some(of_store) = contents.journal.filter(|of_store| *of_store != journal) {
            return Err(other_journal(&dir, of_store, journal));
        }
        remove_orphans(&dir, &contents.known.blocks)?;
        let Contents { end, entries, known, clean, .. } = contents;
        let mut manifest = Self { dir, file: None, end, entries, journal, known };
        if clean {
            manifest.file = Some(manifest.dir.open(NAME)?);
        } else if manifest.known.position.is_some() {
            manifest.rewrite()?;
        }
        Ok((manifest, notes))
    }

    pub(crate) fn journal(&self) -> JournalId {
        self.journal
    }

    /// What it says.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Commits: `add` replaces the blocks named in `remove`; all up to `position` is in blocks now.
    pub(crate) fn commit(
        &mut self,
        add: Vec<BlockInfo>,
        remove: &[String],
        position: Position,
        now: Timestamp,
        rules: Option<InForce>,
    ) -> Result<(), CommitError> {
        let mut known = self.known.clone();
        known.next = add.iter().map(|block| number_of(&block.name) + 1).fold(known.next, u64::max);
        known.blocks.retain(|block| !remove.contains(&block.name));
        known.blocks.extend(add.iter().cloned());
        (known.position, known.now) = (Some(position), now);
        let rules = rules.filter(|rules| known.rules.as_ref() != Some(rules));
        known.rules = rules.clone().or(known.rules);
        let (remove, next, blocks) = (remove.to_vec(), known.next, known.blocks.len());
        self.append(&Change { add, remove, position, journal: self.journal, now, blocks, next, rules })?;
        self.known = known;
        if self.entries >= ENTRIES_MAX {
            // The append has committed; a full disk may put off the tidying.
            match self.rewrite() {
                Err(e) if e.kind() != io::ErrorKind::StorageFull => return Err(CommitError::Fatal(e)),
                _ => {}
            }
        }
        Ok(())
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
        let Known { blocks: add, position, now, next, rules } = self.known.clone();
        let Some(position) = position else {
            return self.rewrite_as(&[]);
        };
        let (remove, blocks) = (Vec::new(), add.len());
        let journal = self.journal;
        self.rewrite_as(&encode(&Change { add, remove, position, journal, now, blocks, next, rules }))
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
        let known = &mut self.known;
        known.blocks.retain(|block| !change.remove.contains(&block.name));
        known.blocks.extend(change.add);
        (known.position, known.now, known.next) = (Some(change.position), change.now, change.next);
        known.rules = change.rules.or(known.rules.take());
        self.removed.extend(change.remove);
        self.journal = Some(change.journal);
        self.clean = change.blocks == known.blocks.len();
        self.entries += 1;
    }

    /// Takes a block file that the readable records do not name.
    fn take(&mut self, meta: Meta, name: &str) {
        let known = &mut self.known;
        known.position = Some(known.position.unwrap_or_default().max(meta.info.to));
        known.rules = known.rules.take().map(InForce::at_unknown);
        known.next = known.next.max(number_of(name) + 1);
        known.blocks.retain(|block| !meta.inputs.contains(&block.name));
        known.blocks.push(BlockInfo { name: name.to_owned(), ..meta.info });
        self.removed.extend(meta.inputs);
        self.journal = Some(meta.journal);
    }
}

/// The name of the file with this number.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:016x}{EXTENSION}")
}

fn number_of(name: &str) -> u64 {
    name.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
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
    let len = u32::try_from(payload.len()).expect("blocks number thousands, not millions");
    let mut record = Vec::with_capacity(8 + payload.len());
    record.extend_from_slice(&len.to_le_bytes());
    record.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
    record.extend_from_slice(&payload);
    record
}

fn read(dir: &SharedDir) -> io::Result<Contents> {
    let mut contents = Contents::default();
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
    contents.end = (len - rest.len()) as u64;
    // Without a record it says nothing, and must not be believed against the block files.
    contents.clean &= rest.is_empty();
    Ok(contents)
}

fn is_head(bytes: &[u8]) -> bool {
    let crc = u32::from_le_bytes(bytes[12..16].try_into().expect("four bytes"));
    &bytes[..8] == MAGIC && crc32c::crc32c(&bytes[..12]) == crc
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

/// Adds the block files that the readable records do not know and that were committed.
fn complete(dir: &SharedDir, contents: &mut Contents, notes: &mut Vec<String>) -> io::Result<()> {
    let names: BTreeSet<_> = dir.list()?.into_iter().filter(|name| name.ends_with(EXTENSION)).collect();
    let unknown = unknown(dir, contents, &names, notes)?;
    let is_there = |name: &String| names.contains(name);
    // What was made of others, the last first: its inputs may be made of others again.
    for (name, meta) in unknown.iter().rev().filter(|(_, meta)| !meta.inputs.is_empty()) {
        let is_input = unknown.values().any(|it| it.inputs.contains(name) && !it.inputs.iter().all(is_there));
        if !is_input && !meta.inputs.iter().all(is_there) {
            contents.take(meta.clone(), name);
        }
    }
    let missing = contents.known.blocks.extract_if(.., |block| !names.contains(&block.name));
    notes.extend(missing.map(|block| format!("{} is gone", block.name)));
    take_made(contents, &unknown);
    if contents.known.position.is_some() {
        notes.push("the manifest was torn or lost and has been completed from the block files".to_owned());
    }
    Ok(())
}

/// Takes blocks that were made of the journal: those up to the known position, and then whole flushes that go on there.
fn take_made(contents: &mut Contents, unknown: &BTreeMap<String, Meta>) {
    let is_made = |name: &str, meta: &Meta| meta.inputs.is_empty() && !contents.removed.contains(name);
    let made: Vec<_> = unknown.iter().filter(|(name, meta)| is_made(name, meta)).collect();
    let at = contents.known.position.unwrap_or_default();
    for (name, meta) in made.iter().filter(|(_, meta)| meta.info.to <= at) {
        contents.take((*meta).clone(), name);
    }
    loop {
        let at = contents.known.position.unwrap_or_default();
        let next: Vec<_> =
            made.iter().filter(|(_, meta)| meta.info.after == at && meta.info.to > at).collect();
        if next.is_empty() || next.len() as u64 != next[0].1.files {
            return;
        }
        next.iter().for_each(|(name, meta)| contents.take((*meta).clone(), name));
    }
}

/// The readable block files that are not known; others are set aside.
fn unknown(
    dir: &SharedDir,
    contents: &Contents,
    names: &BTreeSet<String>,
    notes: &mut Vec<String>,
) -> io::Result<BTreeMap<String, Meta>> {
    let known: BTreeSet<_> = contents.known.blocks.iter().map(|block| block.name.clone()).collect();
    let mut unknown = BTreeMap::new();
    for name in names.iter().filter(|name| !known.contains(*name) && !contents.removed.contains(*name)) {
        match Meta::read(dir.open(name)?.as_ref()) {
            Ok(meta) => {
                unknown.insert(name.clone(), meta);
            }
            Err(e) if e.kind() == io::ErrorKind::Unsupported => return Err(e),
            Err(e) => {
                notes.push(format!("{name} set aside as {name}{ASIDE}: {e}"));
                dir.rename(name, &format!("{name}{ASIDE}"))?;
            }
        }
    }
    Ok(unknown)
}

/// Removes what a crash left of files that were being written.
fn remove_leftovers(dir: &SharedDir) -> io::Result<()> {
    for name in dir.list()? {
        if name == tmp(NAME) || name.ends_with(&tmp(EXTENSION)) {
            dir.remove(&name)?;
        }
    }
    Ok(())
}

/// Removes the block files that are none of `blocks`.
fn remove_orphans(dir: &SharedDir, blocks: &[BlockInfo]) -> io::Result<()> {
    for name in dir.list()? {
        if name.ends_with(EXTENSION) && !blocks.iter().any(|block| block.name == name) {
            dir.remove(&name)?;
        }
    }
    Ok(())
}

fn other_journal(dir: &SharedDir, of_store: JournalId, journal: JournalId) -> io::Error {
    let why = format!(
        "{}: this store belongs to journal {of_store}, not to {journal}; restore the two from one backup, or move \
         the store away",
        dir.describe()
    );
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
