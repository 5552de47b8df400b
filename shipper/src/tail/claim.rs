//! Which source a new file is: the rules of `identity.rs` applied to what is known, and what follows from the answer.

use super::hold::Unsent;
use super::source::Source;
use super::{Tailer, Tracked};
use crate::identity::{Candidate, Decision, Observed, Record, TAIL_BYTES, hash_before, which_source};
use crate::watch::{self, Found, InodeKey};
use logweir_base::ids::{Offset, SourceId};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// A file that looks like a copy is taken for a file of its own after this many times the grace, even if it grows.
const COPY_GRACES_MAX: u32 = 20;
/// First bytes of gzip and zstd files, which are not read as lines.
const COMPRESSED: [&[u8]; 2] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd]];
/// Bytes of a file kept in memory, to tell most files apart without reading them.
const START_BYTES: usize = 64;

/// A file that looks like a copy of a live one (DURABILITY section 7): as soon as the original is truncated it takes over
/// its source; if it is not for a while, it is a file of its own.
#[derive(Debug)]
pub struct Held {
    /// As it was seen last.
    pub found: Found,
    since: Duration,
    grown_at: Duration,
    /// Sources whose file began with all this file's bytes, when it had so many.
    proven: HashMap<SourceId, u64>,
}

/// Sources a new file may turn out to be; made once for all new files of a scan, so that ten thousand new files are not
/// compared with ten thousand known ones each.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Sources without a file, by inode number.
    by_inode: HashMap<u64, Vec<SourceId>>,
    /// Sources of which something was read: a file may be a copy of theirs.
    read: Vec<SourceId>,
}

impl Tailer {
    /// Brings the candidates up to date.
    pub(super) fn index_candidates(&mut self) {
        let mut candidates = Candidates::default();
        for (id, source) in &self.sources {
            if source.holder.is_none() {
                candidates.by_inode.entry(source.record.identity.inode).or_default().push(*id);
            }
            if source.read().0 > Offset(0) && !source.record.finished {
                candidates.read.push(*id);
            }
        }
        self.candidates = candidates;
    }

    pub(super) fn claim_all(&mut self, news: Vec<Found>, now: Duration) {
        if !news.is_empty() {
            self.index_candidates();
        }
        for found in news {
            match self.files.contains_key(&found.key) {
                // Another name of a file that was claimed in this scan.
                true => self.seen(found, now),
                false => self.claim(found, None, now),
            }
        }
    }

    /// Finds out which source a file is.
    pub(super) fn claim(&mut self, found: Found, file: Option<File>, now: Duration) {
        // An empty file has no lines and no identity yet; a copy being made begins so, too.
        if found.size == 0 && file.is_none() {
            return;
        }
        if let Err(e) = self.try_claim(&found, file, now)
            && e.kind() != io::ErrorKind::NotFound
        {
            self.refused.insert(found.path, e.to_string());
        }
    }

    fn try_claim(&mut self, found: &Found, file: Option<File>, now: Duration) -> io::Result<()> {
        let file = match file {
            Some(file) => file,
            None => {
                self.make_room();
                watch::open(found)?
            }
        };
        let seen = Observed::of(&file)?;
        if seen.size == 0 {
            return Ok(());
        }
        if COMPRESSED.iter().any(|magic| seen.head.starts_with(magic)) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "compressed: not read as lines"));
        }
        let decision = self.decide(found, &file, &seen, now);
        if !self.globs.matches(&found.path) && !matches!(decision, Decision::Resume(_)) {
            return Ok(());
        }
        let Some(id) = self.source_for(decision, found, &seen, now) else {
            return Ok(());
        };
        self.held.remove(&found.key);
        let start = seen.head[..seen.head.len().min(START_BYTES)].into();
        self.attach(id, found.clone(), file, start, now);
        Ok(())
    }

    /// Which source the rules give; counts, mints and records what that means. `None`: not yet decided.
    fn source_for(
        &mut self,
        decision: Decision,
        found: &Found,
        seen: &Observed,
        now: Duration,
    ) -> Option<SourceId> {
        let path = found.path.to_string_lossy();
        match decision {
            Decision::Resume(id) => Some(id),
            Decision::Inherit { source: id, finished } => {
                self.counters.copies += 1;
                let source = self.sources.get_mut(&id)?;
                source.record.identity = seen.identity();
                source.record.finished = finished;
                source.moved = true;
                Some(id)
            }
            Decision::Replace { start, .. } => {
                self.counters.replaced += 1;
                Some(self.mint(Record { begin: start, ..Record::new(seen, &path) }, true))
            }
            Decision::MaybeCopy(_) if !self.is_hold_over(found.key, now) => None,
            Decision::MaybeCopy(_) | Decision::New => Some(self.mint(Record::new(seen, &path), false)),
        }
    }

    fn mint(&mut self, record: Record, fresh: bool) -> SourceId {
        let id = record.source;
        self.sources.insert(id, Source::minted(record, fresh));
        self.has_new_sources = true;
        id
    }

    fn decide(&mut self, found: &Found, file: &File, seen: &Observed, now: Duration) -> Decision {
        let probe = |offset, len| hash_before(file, offset, len).ok().flatten();
        let own = self.candidates.by_inode.get(&seen.inode).map_or(&[][..], Vec::as_slice);
        // Fast path: a file that is as it was left.
        let decision = which_source(&self.known(own, found.key), seen, &probe);
        if matches!(decision, Decision::Resume(_)) {
            return decision;
        }
        let all: Vec<_> = own.iter().chain(&self.candidates.read).copied().collect();
        let decision = which_source(&self.known(&all, found.key), seen, &probe);
        let proven = match decision {
            Decision::New | Decision::MaybeCopy(_) => self.live_files_that_begin_with(file, seen),
            _ => return decision,
        };
        match (proven.keys().next().copied(), decision) {
            (_, Decision::MaybeCopy(of)) | (Some(of), _) => self.hold(found, proven, of, now),
            (None, other) => other,
        }
    }

    fn known(&self, ids: &[SourceId], file: InodeKey) -> Vec<Candidate<'_>> {
        let held = self.held.get(&file);
        let sources = ids.iter().filter_map(|id| self.sources.get(id));
        sources
            .map(|source| Candidate {
                record: &source.record,
                read: source.read(),
                live: source.holder.is_some(),
                proven_copy: held.and_then(|held| held.proven.get(&source.record.source).copied()),
            })
            .collect()
    }

    /// Live sources whose files begin with all the bytes of `file`, as far as hashes tell.
    fn live_files_that_begin_with(&self, file: &File, seen: &Observed) -> HashMap<SourceId, u64> {
        let end = Offset(seen.size);
        let Some(last) = hash_before(file, end, TAIL_BYTES).ok().flatten() else {
            return HashMap::new();
        };
        let begins = |source: &Source, t: &Tracked| {
            let common = t.start.len().min(seen.head.len());
            let same_head = seen.size <= TAIL_BYTES as u64 || seen.same_head(&source.record.identity);
            // Fast path: the first bytes differ.
            t.start[..common] == seen.head[..common]
                && same_head
                && (t.file.as_ref())
                    .is_some_and(|f| hash_before(f, end, TAIL_BYTES).ok().flatten() == Some(last))
        };
        let live = self.candidates.read.iter().filter_map(|id| {
            let source = self.sources.get(id)?;
            let tracked = self.files.get(&source.holder?)?;
            begins(source, tracked).then_some((*id, seen.size))
        });
        live.collect()
    }

    fn hold(
        &mut self,
        found: &Found,
        proven: HashMap<SourceId, u64>,
        of: SourceId,
        now: Duration,
    ) -> Decision {
        let held = self.held.entry(found.key).or_insert_with(|| Held {
            found: found.clone(),
            since: now,
            grown_at: now,
            proven: HashMap::new(),
        });
        if held.found.size != found.size {
            held.grown_at = now;
        }
        held.found = found.clone();
        held.proven.extend(proven);
        Decision::MaybeCopy(of)
    }

    fn is_hold_over(&self, key: InodeKey, now: Duration) -> bool {
        let grace = self.config.settings.copy_grace;
        self.held.get(&key).is_some_and(|held| {
            now.saturating_sub(held.grown_at) >= grace
                || now.saturating_sub(held.since) >= grace * COPY_GRACES_MAX
        })
    }

    /// From here on the file is read as source `id`.
    fn attach(&mut self, id: SourceId, found: Found, file: File, start: Box<[u8]>, now: Duration) {
        let Some(source) = self.sources.get_mut(&id) else {
            return;
        };
        let key = found.key;
        source.holder = Some(key);
        source.record.seen_at = found.path.to_string_lossy().into_owned();
        source.record.last_size = source.record.last_size.max(found.size);
        self.unclaimed.remove(&id);
        self.changed.insert(id);
        let tracked = Tracked {
            source: id,
            file: Some(file),
            start,
            scanned: self.counters.scans,
            at_home: Path::new(&source.record.path) == found.path,
            deleted: false,
            grown_at: now,
            unsettled: true,
            unsent: Unsent::nothing(source.sent),
            held_since: now,
            is_noted: false,
            queued: None,
            error: String::new(),
            goal: found.size,
            found,
        };
        self.files.insert(key, tracked);
        self.open_order.push_back(key);
        self.open_count += 1;
        self.wake(key);
    }
}
