//! What a scan finds, and what becomes of it: known files are compared with what they were, new ones are claimed
//! (claim.rs), and sources whose file is gone wait for a copy of it to appear and are closed in the end.

use super::chunk;
use super::hold::Unsent;
use super::source::Link;
use super::{Tailer, Tracked, is_cut_due};
use crate::identity::Record;
use crate::watch::{self, Found, InodeKey};
use logweir_base::frame::{Close, Frame, Gap};
use logweir_base::ids::{Offset, SourceId};
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How many open files are looked at for an idle one to park.
const PARK_LOOKS_MAX: usize = 32;

/// A source without a file.
#[derive(Debug)]
pub struct Unclaimed {
    since: Duration,
    /// The router was told of bytes that will never come.
    pub gap_sent: bool,
}

impl Unclaimed {
    /// Its file was gone at `since`.
    pub fn since(since: Duration) -> Self {
        Self { since, gap_sent: false }
    }
}

impl Tailer {
    /// Looks at all files there are.
    pub fn scan(&mut self, now: Duration) {
        self.counters.scans += 1;
        self.scan_wanted = false;
        let known = self.sources.values().map(|s| s.record.identity.inode).collect();
        let scan = self.globs.scan(&known);
        self.dirs = scan.dirs;
        self.refused = scan.refused;
        self.paths.clear();
        let mut news = Vec::new();
        for found in scan.files {
            self.paths.insert(found.path.clone(), found.key);
            match self.files.contains_key(&found.key) {
                true => self.seen(found, now),
                false => news.push(found),
            }
        }
        self.check_unseen(now);
        let present: HashSet<_> = news.iter().map(|found| found.key).collect();
        self.held.retain(|key, _| present.contains(key));
        self.claim_all(news, now);
        self.wake_ended(now);
        self.close_the_gone(now);
        self.something_pends = !self.held.is_empty() || self.files.values().any(|t| self.pends(t));
    }

    /// Whether only another scan can move a file on.
    fn pends(&self, tracked: &Tracked) -> bool {
        let partial = self.sources.get(&tracked.source).is_some_and(|s| tracked.unsent.waits(s));
        tracked.scanned != self.counters.scans || !tracked.error.is_empty() || (partial && !tracked.at_home)
    }

    /// A hint that `path` has changed.
    pub fn hint(&mut self, path: &Path, now: Duration) {
        let Some(tracked) = self.paths.get(path).and_then(|key| self.files.get(key)) else {
            self.scan_wanted |= self.globs.matches(path);
            return;
        };
        // Fast path: a busy file is in the queue already.
        if tracked.queued.is_some() {
            return;
        }
        match tracked.file.as_ref().map(File::metadata) {
            Some(Ok(meta)) => {
                let found = tracked.found.now(&meta);
                self.note_change(found, now);
            }
            _ => self.scan_wanted = true,
        }
    }

    /// A known file is still there.
    pub(super) fn seen(&mut self, found: Found, now: Duration) {
        let scans = self.counters.scans;
        let Some(tracked) = self.files.get_mut(&found.key) else {
            return;
        };
        let at_home =
            self.sources.get(&tracked.source).is_some_and(|s| Path::new(&s.record.path) == found.path);
        let first_name = tracked.scanned != scans;
        tracked.scanned = scans;
        if !at_home && !first_name {
            return;
        }
        tracked.deleted = false;
        match at_home {
            true => tracked.at_home = true,
            false => self.leave_home(found.key),
        }
        self.note_change(found, now);
    }

    /// Compares what is known of a file with what was seen, and has it looked at when it changed.
    fn note_change(&mut self, found: Found, now: Duration) {
        let key = found.key;
        let Some(tracked) = self.files.get_mut(&key) else {
            return;
        };
        let changed = (found.size, found.modified) != (tracked.found.size, tracked.found.modified);
        if found.size != tracked.found.size {
            tracked.grown_at = now;
        }
        if found.size < tracked.unsent.seen_to.0 {
            tracked.unsent = Unsent::nothing(tracked.unsent.from);
        }
        if found.path != tracked.found.path {
            self.changed.insert(tracked.source);
            if let Some(source) = self.sources.get_mut(&tracked.source) {
                source.record.seen_at = found.path.to_string_lossy().into_owned();
            }
        }
        tracked.found = found;
        if !changed && !tracked.unsettled && tracked.error.is_empty() {
            return;
        }
        tracked.unsettled = changed;
        self.look_whether_unchanged(key, now);
    }

    /// Truncation and rewriting are noticed here even while there is no connection.
    fn look_whether_unchanged(&mut self, key: InodeKey, now: Duration) {
        let opened = self.ensure_open(key);
        let Some(tracked) = self.files.get_mut(&key) else {
            return;
        };
        let Some(source) = self.sources.get_mut(&tracked.source) else {
            return;
        };
        let unchanged = opened.and_then(|()| match &tracked.file {
            Some(file) => chunk::is_unchanged(file, source, None),
            None => Ok(true),
        });
        match unchanged {
            Ok(true) => {
                tracked.error.clear();
                let size = tracked.found.size;
                if size > source.record.last_size {
                    source.record.last_size = size;
                    self.changed.insert(tracked.source);
                }
                self.wake(key);
            }
            Ok(false) => self.replace(key, now),
            Err(e) => tracked.error = e.to_string(),
        }
    }

    /// The file is no longer what its source was: the source is over, and the file is looked at anew.
    pub(super) fn replace(&mut self, key: InodeKey, now: Duration) {
        let Some(tracked) = self.let_go(key, now) else {
            return;
        };
        self.scan_wanted |= !self.held.is_empty();
        self.index_candidates();
        self.claim(tracked.found, tracked.file, now);
    }

    /// Takes a file off the list; its source stays, unclaimed.
    fn let_go(&mut self, key: InodeKey, now: Duration) -> Option<Tracked> {
        self.leave_queue(key);
        self.ready.retain(|&queued| queued != key);
        let tracked = self.files.remove(&key)?;
        if tracked.file.is_some() {
            self.open_count -= 1;
            self.open_order.retain(|&open| open != key);
        }
        if let Some(source) = self.sources.get_mut(&tracked.source) {
            source.holder = None;
            let path = Path::new(&source.record.path);
            if self.rotated.get(path) == Some(&key) {
                self.rotated.remove(path);
            }
            self.unclaimed.insert(tracked.source, Unclaimed::since(now));
            self.changed.insert(tracked.source);
        }
        Some(tracked)
    }

    /// Files the scan did not meet: deleted, or moved out of sight.
    fn check_unseen(&mut self, now: Duration) {
        let scans = self.counters.scans;
        let unseen: Vec<_> =
            self.files.iter().filter(|(_, t)| t.scanned != scans).map(|(key, _)| *key).collect();
        for key in unseen {
            self.check_unseen_one(key, now);
        }
    }

    fn check_unseen_one(&mut self, key: InodeKey, now: Duration) {
        self.leave_home(key);
        let Some(tracked) = self.files.get_mut(&key) else {
            return;
        };
        let meta = tracked.file.as_ref().and_then(|file| file.metadata().ok());
        let Some(meta) = meta else {
            // Parked, so nothing of it is unread that was seen; it may turn up again under another name.
            self.let_go(key, now);
            return;
        };
        tracked.deleted = std::os::unix::fs::MetadataExt::nlink(&meta) == 0;
        let found = tracked.found.now(&meta);
        self.note_change(found, now);
        let Some(tracked) = self.files.get(&key) else {
            return;
        };
        let over = now.saturating_sub(tracked.grown_at) >= self.config.settings.away_grace;
        let all_read =
            self.sources.get(&tracked.source).is_none_or(|s| s.is_settled() && s.hwm.0 >= meta.len());
        if over && all_read {
            self.let_go(key, now);
        }
    }

    /// Files with an unterminated line that has waited long enough.
    fn wake_ended(&mut self, now: Duration) {
        let due = |t: &Tracked| {
            let waits = self.sources.get(&t.source).is_some_and(|s| t.unsent.waits(s));
            waits && is_cut_due(t, &self.config, now)
        };
        let due: Vec<_> = self.files.iter().filter(|(_, t)| due(t)).map(|(key, _)| *key).collect();
        due.into_iter().for_each(|key| self.wake(key));
    }

    /// Sources whose file has been gone for long: what was not read of them is a gap, and then they are closed.
    fn close_the_gone(&mut self, now: Duration) {
        let over = |u: &Unclaimed| now.saturating_sub(u.since) >= self.config.settings.forget_after;
        let gone: Vec<_> = self.unclaimed.iter().filter(|(_, u)| over(u)).map(|(id, _)| *id).collect();
        for id in gone {
            self.close(id);
        }
    }

    fn close(&mut self, id: SourceId) {
        let (Some(source), Some(unclaimed)) = (self.sources.get(&id), self.unclaimed.get_mut(&id)) else {
            return;
        };
        let known = source.link == Link::Open;
        if (!known && source.announced) || !source.is_settled() || !is_surely_gone(&source.record) {
            return;
        }
        let lost = source.record.last_size.saturating_sub(source.hwm.0);
        if known && lost > 0 {
            if !unclaimed.gap_sent {
                unclaimed.gap_sent = true;
                self.counters.lost_bytes += lost;
                let end = Offset(source.record.last_size);
                let reason = "gone before it was read".to_owned();
                self.outbox.push_back(Frame::Gap(Gap { source: id, start: source.hwm, end, reason }));
            }
            return;
        }
        if known {
            self.outbox.push_back(Frame::Close(Close { source: id, lost_bytes: 0 }));
        } else {
            self.counters.lost_bytes += lost;
        }
        self.unclaimed.remove(&id);
        self.sources.remove(&id);
        self.changed.remove(&id);
        self.forgotten.push(id);
    }

    /// Opens a parked file; the error is that of opening it.
    pub(super) fn ensure_open(&mut self, key: InodeKey) -> io::Result<()> {
        let Some(tracked) = self.files.get(&key).filter(|t| t.file.is_none()) else {
            return Ok(());
        };
        let found = tracked.found.clone();
        self.make_room();
        let file = watch::open(&found)?;
        if let Some(tracked) = self.files.get_mut(&key) {
            tracked.file = Some(file);
            self.open_order.push_back(key);
            self.open_count += 1;
        }
        Ok(())
    }

    /// Parks files until one more may be opened (T32, T34): idle ones first, then those open longest. A deleted file is never
    /// parked, since it could not be opened again.
    pub(super) fn make_room(&mut self) {
        while self.open_count >= self.config.settings.fds_max {
            let parkable = |key: &InodeKey| self.files.get(key).is_some_and(|t| !t.deleted && t.at_home);
            let is_idle = |t: &Tracked| t.queued.is_none() && !t.unsent.is_something();
            let idle = |key: &InodeKey| parkable(key) && self.files.get(key).is_some_and(is_idle);
            let at = (self.open_order.iter().take(PARK_LOOKS_MAX).position(idle))
                .or_else(|| self.open_order.iter().position(parkable));
            let Some(key) = at.and_then(|at| self.open_order.remove(at)) else {
                return;
            };
            if let Some(tracked) = self.files.get_mut(&key) {
                tracked.file = None;
                self.open_count -= 1;
            }
        }
    }
}

/// Nothing, or something else, is where the file was seen last; a directory that cannot be read proves nothing (T31).
fn is_surely_gone(record: &Record) -> bool {
    match Path::new(&record.seen_at).symlink_metadata() {
        Ok(meta) => {
            std::os::unix::fs::MetadataExt::ino(&meta) != record.identity.inode || meta.len() < record.acked.0
        }
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    }
}

/// Files of one family are generations of one log: the same name but for trailing numbers and dates.
pub(super) fn family_of(path: &Path) -> u64 {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut stem: &str = &name;
    while let Some((front, last)) = stem.rsplit_once(['.', '-']) {
        if front.is_empty() || !last.bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        stem = front;
    }
    let dir = path.parent().unwrap_or(Path::new(""));
    crate::identity::hash(dir.join(stem).as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_one_family() {
        let family = |name: &str| family_of(Path::new("/var/log").join(name).as_path());
        for name in ["app.log.1", "app.log-20261123", "app.log.2026-11-23", "app.log.12"] {
            assert_eq!(family(name), family("app.log"), "{name}");
        }
        assert_ne!(family("app1.log"), family("app2.log"));
    }
}
