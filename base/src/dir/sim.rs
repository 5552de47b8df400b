//! A directory in memory that can lose its power. It is stricter than any real file system: a name is durable only
//! after a directory sync, contents only after that file's own sync, and of what was not synced any subset may survive,
//! each write torn at 512-byte sectors. Other knobs: a full disk, a sync that fails, a stop after so many operations.
//!
//! Meant for tests; it is here, not behind a test switch, so that every crate's tests share one.

use super::{Dir, File};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR_BYTES: u64 = 512;

/// What survives of the unsynced operations when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Only what was synced.
    Nothing,
    /// All of it: the kernel had written everything back.
    Everything,
    /// A subset chosen by this seed: each name change or not, each write's sectors or not.
    Random(u64),
}

/// The directory. Clones share it.
#[derive(Clone, Default)]
pub struct SimDir {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<NameChange>,
    operations: u64,
    operations_max: Option<u64>,
    space_bytes: Option<u64>,
    sync_fails: bool,
}

#[derive(Default, Clone)]
struct Inode {
    contents: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    SetLen(u64),
}

#[derive(Clone)]
enum NameChange {
    Link { name: String, file: usize },
    Rename { from: String, to: String, file: usize },
    Unlink { name: String },
}

impl SimDir {
    /// An empty directory with all the space and luck in the world.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mutating operations (creates, writes, syncs, ...) so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Every mutating operation after the first `operations` (counted from the directory's beginning) fails, as if the
    /// process had died there.
    pub fn stop_after(&self, operations: u64) {
        self.lock().operations_max = Some(operations);
    }

    /// Bytes that all files together may hold; beyond it writes fail as on a full disk. `None`: no bound.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.lock().space_bytes = bytes;
    }

    /// Whether syncs fail with an I/O error.
    pub fn set_sync_fails(&self, fails: bool) {
        self.lock().sync_fails = fails;
    }

    /// What a file holds now; `None` when there is none of that name.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        state.names.get(name).map(|&file| state.files[file].contents.clone())
    }

    /// Puts a durable file there, or changes one behind everybody's back: how a test corrupts things.
    pub fn put(&self, name: &str, contents: &[u8]) {
        let mut state = self.lock();
        let file = state.names.get(name).copied().unwrap_or(state.files.len());
        if file == state.files.len() {
            state.files.push(Inode::default());
        }
        state.files[file] =
            Inode { contents: contents.to_vec(), durable: contents.to_vec(), pending: Vec::new() };
        state.names.insert(name.to_owned(), file);
        state.durable_names.insert(name.to_owned(), file);
    }

    /// The directory as it is found after a power cut now. This one stays as it is, so that a test may cut again.
    pub fn crash(&self, survival: Survival) -> Self {
        let state = self.lock();
        let mut dice = Dice::new(survival);
        let mut names = state.durable_names.clone();
        for change in &state.pending_names {
            if dice.survives() {
                change.apply(&mut names);
            }
        }
        let files: Vec<_> = state.files.iter().map(|file| file.after_crash(&mut dice)).collect();
        let after = State { files, durable_names: names.clone(), names, ..State::default() };
        Self { state: Arc::new(Mutex::new(after)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dir for SimDir {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut state = self.lock();
        state.operation()?;
        if state.names.contains_key(name) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{name} exists")));
        }
        let file = state.files.len();
        state.files.push(Inode::default());
        state.change_name(NameChange::Link { name: name.to_owned(), file });
        Ok(Box::new(SimFile { dir: self.clone(), file }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = self.lock().find(name)?;
        Ok(Box::new(SimFile { dir: self.clone(), file }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.operation()?;
        let file = state.find(from)?;
        state.change_name(NameChange::Rename { from: from.to_owned(), to: to.to_owned(), file });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        if !state.names.contains_key(name) {
            return Ok(());
        }
        state.operation()?;
        state.change_name(NameChange::Unlink { name: name.to_owned() });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.sync_operation()?;
        state.durable_names = state.names.clone();
        state.pending_names.clear();
        Ok(())
    }

    fn describe(&self) -> String {
        "sim".to_owned()
    }
}

struct SimFile {
    dir: SimDir,
    file: usize,
}

impl File for SimFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.dir.lock();
        let contents = &state.files[self.file].contents;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(contents.len());
        let len = buf.len().min(contents.len() - from);
        buf[..len].copy_from_slice(&contents[from..from + len]);
        Ok(len)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.dir.lock();
        state.operation()?;
        state.take_space(self.file, offset + bytes.len() as u64)?;
        state.files[self.file].change(Change::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.dir.lock().files[self.file].contents.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.dir.lock();
        state.operation()?;
        state.take_space(self.file, len)?;
        state.files[self.file].change(Change::SetLen(len));
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let now = self.len()?;
        if len > now { self.set_len(len) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.dir.lock();
        state.sync_operation()?;
        let file = &mut state.files[self.file];
        file.durable = file.contents.clone();
        file.pending.clear();
        Ok(())
    }
}

impl State {
    fn operation(&mut self) -> io::Result<()> {
        if self.operations_max.is_some_and(|max| self.operations >= max) {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        Ok(())
    }

    fn sync_operation(&mut self) -> io::Result<()> {
        self.operation()?;
        if self.sync_fails {
            return Err(io::Error::other("sync failed: input/output error"));
        }
        Ok(())
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no file {name}")))
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn take_space(&self, file: usize, new_len: u64) -> io::Result<()> {
        let Some(space) = self.space_bytes else {
            return Ok(());
        };
        let len_of = |file: &usize| self.files[*file].contents.len() as u64;
        let used: u64 = self.names.values().map(len_of).sum();
        let growth = new_len.saturating_sub(len_of(&file));
        if growth > 0 && used + growth > space {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        Ok(())
    }
}

impl Inode {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.contents, |_| true);
        self.pending.push(change);
    }

    fn after_crash(&self, dice: &mut Dice) -> Self {
        let mut contents = self.durable.clone();
        for change in &self.pending {
            change.apply(&mut contents, |_| dice.survives());
        }
        Self { durable: contents.clone(), contents, pending: Vec::new() }
    }
}

impl Change {
    /// Applies the sectors (or the new length) that `survives` picks.
    fn apply(&self, contents: &mut Vec<u8>, mut survives: impl FnMut(u64) -> bool) {
        match self {
            Self::SetLen(len) => {
                if survives(0) {
                    contents.resize(index(*len), 0);
                }
            }
            Self::Write { offset, bytes } => {
                let mut done = 0;
                while done < bytes.len() {
                    let at = offset + done as u64;
                    let in_sector = index(SECTOR_BYTES - at % SECTOR_BYTES).min(bytes.len() - done);
                    if survives(at) {
                        let end = index(at) + in_sector;
                        contents.resize(contents.len().max(end), 0);
                        contents[index(at)..end].copy_from_slice(&bytes[done..done + in_sector]);
                    }
                    done += in_sector;
                }
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link { name, file } => {
                names.insert(name.clone(), *file);
            }
            Self::Rename { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Self::Unlink { name } => {
                names.remove(name);
            }
        }
    }
}

/// Decides what survives; SplitMix64 (Steele, Lea, Flood 2014), so that a seed says it all.
struct Dice {
    survival: Survival,
    state: u64,
}

impl Dice {
    fn new(survival: Survival) -> Self {
        let state = if let Survival::Random(seed) = survival { seed } else { 0 };
        Self { survival, state }
    }

    fn survives(&mut self) -> bool {
        match self.survival {
            Survival::Nothing => false,
            Survival::Everything => true,
            Survival::Random(_) => {
                self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                (mixed ^ (mixed >> 31)) & 1 == 0
            }
        }
    }
}

fn index(at: u64) -> usize {
    usize::try_from(at).expect("sim files fit memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::{read_exact_at, write_whole};

    /// D09: a rename that no directory sync followed may be undone, and then the old file is whole.
    #[test]
    fn d09_an_unsynced_rename_may_come_back_as_the_old_file() {
        let dir = SimDir::new();
        write_whole(&dir, "meta", b"old").expect("writes");
        dir.create("meta.tmp").expect("creates").write_at(0, b"new").expect("writes");
        dir.open("meta.tmp").expect("opens").sync().expect("syncs");
        dir.rename("meta.tmp", "meta").expect("renames");
        assert_eq!(dir.crash(Survival::Nothing).contents("meta"), Some(b"old".to_vec()));
        assert_eq!(dir.crash(Survival::Everything).contents("meta"), Some(b"new".to_vec()));
    }

    /// R5: a whole-file write leaves the old or the new state at every crash point, whatever survives.
    #[test]
    fn r05_a_whole_write_is_all_or_nothing_at_every_crash_point() {
        let before = vec![1; 1500];
        let after = vec![2; 1700];
        for stop in 0.. {
            let dir = SimDir::new();
            write_whole(&dir, "f", &before).expect("writes");
            let start = dir.operations();
            dir.stop_after(start + stop);
            let done = write_whole(&dir, "f", &after).is_ok();
            for seed in 0..32 {
                let found = dir.crash(Survival::Random(seed)).contents("f");
                let whole = found.as_ref() == Some(&after) || (!done && found.as_ref() == Some(&before));
                assert!(whole, "stop after {stop}, seed {seed}");
            }
            if done {
                assert!(stop >= 5);
                return;
            }
        }
    }

    #[test]
    fn a_full_disk_and_a_short_file_are_errors() {
        let dir = SimDir::new();
        dir.set_space(Some(10));
        let file = dir.create("f").expect("creates");
        file.write_at(0, &[1; 10]).expect("fits");
        let full = file.write_at(10, &[1]).expect_err("full");
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert!(read_exact_at(file.as_ref(), 5, 6).is_err());
    }
}
