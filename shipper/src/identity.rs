//! Which source is this file? What is looked at in an open file, and the rules of the answer.
//!
//! An identity is (file system, inode, generation, birth time, hash of the first bytes). The inode generation
//! (`FS_IOC_GETVERSION`) is always 0: reading it needs an `unsafe` ioctl, and the birth time, which changes with it, tells
//! reuse as well. Where births are equal or absent, the hashes decide.
//!
//! Limits: the head is at most [`HEAD_BYTES_MAX`] bytes and grows with the file by prefix; the tail is the
//! [`TAIL_BYTES`] before an offset; the ring keeps [`RING_LEN`] acknowledged offsets with the [`RING_BYTES`] before each.

use logweir_base::frame::FileIdentity;
use logweir_base::ids::{Offset, SourceId};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::UNIX_EPOCH;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes at a file's front that identify it.
pub const HEAD_BYTES_MAX: usize = 1024;
/// Bytes before the read position that must not have changed.
pub const TAIL_BYTES: usize = 1024;
/// Acknowledged offsets remembered for a roll-back.
pub const RING_LEN: usize = 64;
/// Bytes hashed before each of them.
pub const RING_BYTES: usize = 256;

/// What the shipper remembers of a source; the cache of what the router knows, and how to find the file again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub source: SourceId,
    /// The file as it was when it was claimed; the head grows.
    pub identity: FileIdentity,
    /// All before this was acknowledged when `tail` was taken. May lag behind the router, never leads.
    pub acked: Offset,
    /// Hash of the bytes before `acked`.
    pub tail: u64,
    /// Older acknowledged offsets, ascending, each with the hash of the bytes before it.
    pub ring: VecDeque<(Offset, u64)>,
    /// Largest size seen.
    pub last_size: u64,
    /// Path when it was opened; what its lines are labelled with.
    pub path: String,
    /// Path where it was seen last.
    pub seen_at: String,
    /// Where its own bytes begin; those before belong to the source that was rolled back.
    #[serde(default)]
    pub begin: Offset,
    /// A copy that holds less than what was read of the original: there is nothing to read in it.
    #[serde(default)]
    pub finished: bool,
}

impl Record {
    /// A source nobody has heard of, for a file that looks like `seen`.
    pub fn new(seen: &Observed, path: &str) -> Self {
        Self {
            source: SourceId::random(),
            identity: seen.identity(),
            acked: Offset(0),
            tail: hash(&[]),
            ring: VecDeque::new(),
            last_size: seen.size,
            path: path.to_owned(),
            seen_at: path.to_owned(),
            begin: Offset(0),
            finished: false,
        }
    }

    /// Moves on to an acknowledged offset whose preceding bytes hash to `tail` and `ring`.
    pub fn advance(&mut self, acked: Offset, tail: u64, ring: u64) {
        self.acked = acked;
        self.tail = tail;
        while self.ring.back().is_some_and(|&(offset, _)| offset >= acked) {
            self.ring.pop_back();
        }
        self.ring.push_back((acked, ring));
        if self.ring.len() > RING_LEN {
            self.ring.pop_front();
        }
    }
}

/// An open regular file at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Birth time in nanoseconds, 0 where there is none.
    pub birth: i64,
    /// Bytes in the file.
    pub size: u64,
    /// Its first bytes, at most [`HEAD_BYTES_MAX`].
    pub head: Vec<u8>,
    /// Their hash, as identities have it.
    head_hash: String,
}

impl Observed {
    /// Looks at an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        let mut head = vec![0; HEAD_BYTES_MAX];
        let len = read_full_at(file, &mut head, 0)?;
        head.truncate(len);
        Ok(Self::new(meta.dev(), meta.ino(), birth_of(&meta), meta.len().max(len as u64), head))
    }

    /// A file with these properties.
    pub fn new(device: u64, inode: u64, birth: i64, size: u64, head: Vec<u8>) -> Self {
        let head_hash = hash_text(&head);
        Self { device, inode, birth, size, head, head_hash }
    }

    /// The identity as records and the router keep it.
    pub fn identity(&self) -> FileIdentity {
        FileIdentity {
            filesystem: self.device.to_string(),
            inode: self.inode,
            generation: 0,
            birth: self.birth,
            head_len: u32::try_from(self.head.len()).expect("at most HEAD_BYTES_MAX"),
            head_hash: self.head_hash.clone(),
        }
    }

    /// Same inode, and not a reused one.
    pub fn same_inode(&self, known: &FileIdentity) -> bool {
        known.inode == self.inode
            && known.filesystem == self.device.to_string()
            && (known.birth == self.birth || known.birth == 0 || self.birth == 0)
    }

    /// The file still begins with the bytes `known` was taken from.
    pub fn same_head(&self, known: &FileIdentity) -> bool {
        // Fast path: nearly all heads have the full length.
        match self.head.get(..known.head_len as usize) {
            Some(head) if head.len() == self.head.len() => known.head_hash == self.head_hash,
            Some(head) => known.head_hash == hash_text(head),
            None => false,
        }
    }
}

/// A source that a file may turn out to be.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// What is remembered of it.
    pub record: &'a Record,
    /// Read and sent so far, and the hash of the bytes before; `acked` and `tail` of the record or ahead of them.
    pub read: (Offset, u64),
    /// Another file holds it at present, so that only a copy of that file can look like it.
    pub live: bool,
    /// This many bytes of the file were found equal to the source's own file while that was whole.
    pub proven_copy: Option<u64>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Rule 1: the source's own file, as it was left.
    Resume(SourceId),
    /// Rule 2: the source's own inode with other content. A new source begins at `start`; what is before it belongs to
    /// the old one.
    Replace {
        /// The source that has ended.
        old: SourceId,
        /// Where the new one begins.
        start: Offset,
    },
    /// Rule 3: a copy of a source whose own file is gone or truncated: it goes on here.
    Inherit {
        /// The source.
        source: SourceId,
        /// The copy lacks bytes that were read already; nothing in it is new.
        finished: bool,
    },
    /// Rule 3 may come true: this looks like a copy of a file that is still whole.
    MaybeCopy(SourceId),
    /// Rule 5: never seen.
    New,
}

/// The rules of DURABILITY section 2, the first that fits. `probe(offset, len)` hashes the `len` bytes of the
/// file before `offset`; `None` when the file is shorter or cannot be read.
pub fn which_source(
    known: &[Candidate<'_>],
    seen: &Observed,
    probe: &dyn Fn(Offset, usize) -> Option<u64>,
) -> Decision {
    let own = |c: &&Candidate<'_>| !c.live && seen.same_inode(&c.record.identity);
    if let Some(c) = known.iter().filter(own).find(|c| is_as_left(c, seen, probe)) {
        return Decision::Resume(c.record.source);
    }
    let others = || known.iter().filter(|c| !seen.same_inode(&c.record.identity));
    let mut copies = others().filter_map(|c| copy_of(c, seen, probe).map(|kind| (c, kind)));
    if let Some((c, kind)) = copies.find(|(c, _)| !c.live) {
        return Decision::Inherit { source: c.record.source, finished: kind == Copy::Shorter };
    }
    if let Some(c) = known.iter().find(own) {
        return Decision::Replace { old: c.record.source, start: rolled_back_to(c.record, seen, probe) };
    }
    let maybe = others().find(|c| c.live && looks_like(c, seen, probe));
    maybe.map_or(Decision::New, |c| Decision::MaybeCopy(c.record.source))
}

/// Rule 1.
fn is_as_left(c: &Candidate<'_>, seen: &Observed, probe: &dyn Fn(Offset, usize) -> Option<u64>) -> bool {
    let (offset, tail) = c.read;
    seen.same_head(&c.record.identity) && (c.record.finished || probe(offset, TAIL_BYTES) == Some(tail))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Copy {
    /// Holds all that was read.
    Whole,
    /// Ends before what was read.
    Shorter,
}

/// Rule 3; the ring recognises a copy that ends before what was read (DURABILITY section 7, case b).
fn copy_of(c: &Candidate<'_>, seen: &Observed, probe: &dyn Fn(Offset, usize) -> Option<u64>) -> Option<Copy> {
    let (offset, tail) = c.read;
    if offset.0 == 0 || c.live {
        return None;
    }
    let proven = c.proven_copy.is_some_and(|len| len == seen.size);
    if !seen.same_head(&c.record.identity) && !proven {
        return None;
    }
    if seen.size >= offset.0 {
        return (probe(offset, TAIL_BYTES) == Some(tail)).then_some(Copy::Whole);
    }
    let in_ring = || (c.record.ring.iter().rev()).any(|&(at, hash)| probe(at, RING_BYTES) == Some(hash));
    (proven || in_ring()).then_some(Copy::Shorter)
}

/// A file that so far equals the beginning of a live one.
fn looks_like(c: &Candidate<'_>, seen: &Observed, probe: &dyn Fn(Offset, usize) -> Option<u64>) -> bool {
    let (offset, tail) = c.read;
    if offset.0 == 0 || seen.size == 0 {
        return false;
    }
    let proven = c.proven_copy == Some(seen.size);
    proven || (seen.same_head(&c.record.identity) && probe(offset, TAIL_BYTES) == Some(tail))
}

/// Rule 2: the highest acknowledged offset whose bytes are still there; 0 when the head differs.
fn rolled_back_to(record: &Record, seen: &Observed, probe: &dyn Fn(Offset, usize) -> Option<u64>) -> Offset {
    if !seen.same_head(&record.identity) {
        return Offset(0);
    }
    let matching = record.ring.iter().rev().find(|&&(at, hash)| probe(at, RING_BYTES) == Some(hash));
    matching.map_or(Offset(0), |&(at, _)| at)
}

/// Hash of the up to `len` bytes before `offset`; `None` when the file does not reach so far.
pub fn hash_before(file: &File, offset: Offset, len: usize) -> io::Result<Option<u64>> {
    let len = usize::try_from(offset.0).map_or(len, |offset| offset.min(len));
    let mut bytes = [0; TAIL_BYTES];
    let bytes = &mut bytes[..len.min(TAIL_BYTES)];
    let read = read_full_at(file, bytes, offset.0 - bytes.len() as u64)?;
    Ok((read == bytes.len()).then(|| hash(bytes)))
}

/// The hash of records: xxh3-64.
pub fn hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

fn hash_text(head: &[u8]) -> String {
    format!("{:016x}", hash(head))
}

/// Birth time in nanoseconds; 0 where the file system has none.
fn birth_of(meta: &std::fs::Metadata) -> i64 {
    let since = meta.created().ok().and_then(|birth| birth.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// Fills `buf` from `offset` on; fewer bytes only at the end of the file.
pub fn read_full_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(inode: u64, bytes: &[u8]) -> Observed {
        let head = bytes[..bytes.len().min(HEAD_BYTES_MAX)].to_vec();
        Observed::new(1, inode, 5, bytes.len() as u64, head)
    }

    /// A record of a file that held `bytes` and was acknowledged up to each of `acks`.
    fn record(inode: u64, bytes: &[u8], acks: &[usize]) -> Record {
        let mut record = Record::new(&seen(inode, bytes), "/a.log");
        for &at in acks {
            let before = |len: usize| hash(&bytes[at.saturating_sub(len)..at]);
            record.advance(Offset(at as u64), before(TAIL_BYTES), before(RING_BYTES));
        }
        record
    }

    fn decide(record: &Record, live: bool, inode: u64, bytes: &[u8]) -> Decision {
        let candidate = Candidate { record, read: (record.acked, record.tail), live, proven_copy: None };
        which_source(&[candidate], &seen(inode, bytes), &|offset, len| {
            let end = usize::try_from(offset.0).ok()?;
            bytes.get(end.saturating_sub(len)..end).map(hash)
        })
    }

    fn text(seed: u8, len: usize) -> Vec<u8> {
        (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed) ^ (i >> 8) as u8).collect()
    }

    #[test]
    fn the_rules_in_order() {
        let old = text(1, 3000);
        let known = record(7, &old, &[500, 2000]);
        let id = known.source;
        let grown = [&old[..], b"more"].concat();
        assert_eq!(decide(&known, false, 7, &grown), Decision::Resume(id));
        assert_eq!(decide(&known, false, 8, &grown), Decision::Inherit { source: id, finished: false });
        assert_eq!(decide(&known, false, 8, &old[..1500]), Decision::Inherit { source: id, finished: true });
        assert_eq!(decide(&known, true, 8, &grown), Decision::MaybeCopy(id));
        assert_eq!(decide(&known, false, 8, &text(9, 3000)), Decision::New);
        let replaced = |start| Decision::Replace { old: id, start: Offset(start) };
        assert_eq!(decide(&known, false, 7, b""), replaced(0));
        assert_eq!(decide(&known, false, 7, &text(9, 3000)), replaced(0));
        assert_eq!(decide(&known, false, 7, &old[..1500]), replaced(500));
        assert_eq!(decide(&known, false, 7, &[&old[..1100], &text(9, 2000)[..]].concat()), replaced(500));
    }

    #[test]
    fn t11_a_reused_inode_is_another_file() {
        let known = record(7, b"first\n", &[6]);
        let mut reused = seen(7, b"first\nof another file\n");
        reused.birth = 6;
        let candidate = Candidate { record: &known, read: (known.acked, 0), live: false, proven_copy: None };
        assert_eq!(which_source(&[candidate], &reused, &|_, _| Some(1)), Decision::New);
    }

    proptest! {
        /// Growing never changes the answer; changing a byte that the hashes cover always does.
        #[test]
        fn resume_only_what_is_unchanged(
            bytes in prop::collection::vec(any::<u8>(), 1..4000),
            more in prop::collection::vec(any::<u8>(), 0..100),
            acked: prop::sample::Index,
            flip: prop::sample::Index,
        ) {
            let acked = acked.index(bytes.len());
            let known = record(7, &bytes, &[acked]);
            let mut now = [&bytes[..], &more[..]].concat();
            prop_assert_eq!(decide(&known, false, 7, &now), Decision::Resume(known.source));
            let flip = flip.index(bytes.len());
            now[flip] ^= 1;
            let covered = flip < HEAD_BYTES_MAX || (acked.saturating_sub(TAIL_BYTES)..acked).contains(&flip);
            let resumed = decide(&known, false, 7, &now) == Decision::Resume(known.source);
            prop_assert_eq!(resumed, !covered);
        }
    }
}
