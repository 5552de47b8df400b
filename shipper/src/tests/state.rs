//! The checkpoint: torn, lost, old, unwritable, locked. It is a cache; the router's answers win.

use crate::model::Bench;
use crate::state::{StateDir, StateError, Store};
use proptest::prelude::*;
use redb::StorageBackend;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A shipper's life with a checkpoint on disk: 20 lines of 2 files are acknowledged.
fn with_checkpoint(bench: &mut Bench) {
    bench.append("a.log", Bench::numbered(0..10));
    bench.append("b.log", Bench::numbered(10..20));
    bench.step();
    let state = bench.state_dir();
    state.begin_store(bench.saved.values()).expect("a new checkpoint");
    bench.kill();
}

/// Starts again from whatever is on disk; true when the checkpoint was moved aside.
fn restart_from_disk(bench: &mut Bench) -> bool {
    let (records, moved) = bench.state_dir().load();
    bench.saved = records.into_iter().map(|record| (record.source, record)).collect();
    bench.append("a.log", Bench::numbered(20..25));
    bench.step_after(1);
    bench.assert_numbered(0..25);
    assert_eq!(bench.model.duplicates, 0);
    moved.is_some()
}

fn damaged(damage: impl FnOnce(&Path)) -> bool {
    let mut bench = Bench::new(&["*.log"]);
    with_checkpoint(&mut bench);
    damage(&bench.config.state_dir.join("state.redb"));
    restart_from_disk(&mut bench)
}

#[test]
fn t37_a_torn_or_zeroed_checkpoint_is_moved_aside() {
    assert!(!damaged(|_| ()));
    assert!(damaged(|path| fs::write(path, vec![0; 1 << 16]).expect("writes")));
    assert!(damaged(|path| fs::write(path, b"not a checkpoint").expect("writes")));
    let cut = |path: &Path| fs::File::options().write(true).open(path).and_then(|f| f.set_len(1000));
    assert!(damaged(|path| cut(path).expect("cuts")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// Whatever bytes are flipped: it starts, and the router's answers put it right.
    #[test]
    fn t37_flipped_bytes_lose_and_double_nothing(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..40)) {
        damaged(|path| {
            let mut bytes = fs::read(path).expect("reads");
            let len = bytes.len();
            flips.iter().for_each(|flip| bytes[flip.index(len)] ^= 0x55);
            fs::write(path, bytes).expect("writes");
        });
    }
}

#[test]
fn t38_a_lost_checkpoint_is_restored_by_the_router() {
    let mut bench = Bench::new(&["*.log"]);
    with_checkpoint(&mut bench);
    fs::remove_dir_all(&bench.config.state_dir).expect("removes");
    restart_from_disk(&mut bench);
    assert_eq!(bench.model.sources.len(), 2);
    let known: Vec<_> = bench.model.sources.keys().collect();
    assert_eq!(bench.saved.keys().collect::<Vec<_>>(), known, "the old ids are back");
}

/// The head has grown since the file was opened; the router knows the short one.
#[test]
fn t38_t13_a_file_that_was_short_is_known_again() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", "x\n");
    bench.step();
    bench.append("a.log", Bench::numbered(0..100));
    bench.step_after(1);
    bench.kill();
    bench.saved.clear();
    bench.step_after(1);
    assert_eq!((bench.model.arrived.len(), bench.model.sources.len(), bench.model.duplicates), (101, 1, 0));
}

/// The inode is the same, the content is not: the older source must not be taken.
#[test]
fn t38_another_head_on_the_same_inode_is_a_new_source() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    bench.kill();
    bench.saved.clear();
    fs::write(bench.path("a.log"), Bench::numbered(50..80)).expect("writes");
    bench.step_after(1);
    assert_eq!((bench.model.arrived.len(), bench.model.sources.len()), (40, 2));
}

#[test]
fn t39_an_old_checkpoint_is_overruled() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    let old = bench.saved.clone();
    bench.append("a.log", Bench::numbered(10..30));
    bench.append("b.log", Bench::numbered(30..40));
    bench.step_after(1);
    bench.kill();
    bench.saved = old;
    bench.append("b.log", Bench::numbered(40..45));
    bench.step_after(1);
    bench.assert_numbered(0..45);
    assert_eq!((bench.model.duplicates, bench.model.sources.len()), (0, 2));
}

/// D10: the file is gone before the checkpoint says that it was read. Missing means done.
#[test]
fn d10_a_file_removed_before_the_checkpoint_is_done() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.connect();
    bench.scan();
    bench.save();
    bench.drain();
    bench.kill();
    bench.remove("a.log");
    bench.step_after(1);
    bench.step_after(601);
    bench.step_after(1);
    bench.assert_numbered(0..10);
    let kept = bench.model.only();
    assert!(kept.closed.is_some() && kept.gaps.is_empty());
}

#[test]
fn d16_two_shippers_with_one_state_directory() {
    let dir = tempfile::tempdir().expect("temp");
    let first = StateDir::lock(dir.path()).expect("free");
    assert!(matches!(StateDir::lock(dir.path()), Err(StateError::Locked(_))));
    drop(first);
    StateDir::lock(dir.path()).expect("free again");
}

#[test]
fn the_redaction_key_is_minted_once() {
    let dir = tempfile::tempdir().expect("temp");
    let state = StateDir::lock(dir.path()).expect("free");
    let key = state.redact_key().expect("minted");
    assert_eq!(state.redact_key().expect("read"), key);
}

/// Storage in memory that is full from `full_at` bytes written on.
#[derive(Clone, Debug, Default)]
struct SmallDisk(Arc<Mutex<(Vec<u8>, usize)>>);

impl SmallDisk {
    fn leave_room(&self, bytes: usize) {
        self.0.lock().expect("not poisoned").1 = bytes;
    }
}

impl StorageBackend for SmallDisk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().expect("not poisoned").0.len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let at = offset as usize;
        out.copy_from_slice(&self.0.lock().expect("not poisoned").0[at..at + out.len()]);
        Ok(())
    }
    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.lock().expect("not poisoned").0.resize(len as usize, 0);
        Ok(())
    }
    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut disk = self.0.lock().expect("not poisoned");
        if data.len() > disk.1 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        disk.1 -= data.len();
        let at = offset as usize;
        disk.0[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// D04: wherever the disk fills up while a checkpoint is written, the one before it is intact.
#[test]
fn d04_a_full_disk_leaves_the_old_checkpoint() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    let old: Vec<_> = bench.saved.values().cloned().collect();
    bench.append("a.log", Bench::numbered(10..20));
    bench.step_after(1);
    let mut failures = 0;
    for room in (0..40_000).step_by(1000) {
        let disk = SmallDisk::default();
        disk.leave_room(usize::MAX);
        let (store, _) = Store::open(disk.clone()).expect("opens");
        store.save(old.iter(), &[]).expect("saves");
        disk.leave_room(room);
        let saved = store.save(bench.saved.values(), &[]);
        disk.leave_room(usize::MAX);
        let image = disk.0.lock().expect("not poisoned").0.clone();
        drop(store);
        let after = SmallDisk(Arc::new(Mutex::new((image, usize::MAX))));
        let (_, records) = Store::open(after).expect("opens again");
        failures += usize::from(saved.is_err());
        let expected: Vec<_> =
            if saved.is_err() { old.clone() } else { bench.saved.values().cloned().collect() };
        assert_eq!(records, expected, "with room for {room} bytes");
    }
    assert!(failures > 2, "the disk was never full");
}
