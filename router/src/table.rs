//! The dedupe state: which sources there are and how far each has come. Pure: frames in, decisions out. It is derived
//! from the journal alone; every segment begins with a snapshot of it.
//!
//! Limits: one entry a source that was ever opened, about 1 KiB each; none is ever forgotten, since a window of time after
//! which duplicates are let through is the known hole of others.

use logweir_base::batch::{BadBatch, Batch};
use logweir_base::frame::{Close, FileIdentity, Frame, Gap, KnownSource, Open, Resource, Snapshot};
use logweir_base::ids::{ConfigVersion, Epoch, Offset, SourceId};
use logweir_base::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A snapshot's pieces stay below this, so that each fits a frame.
const PIECE_BYTES_MAX: usize = 1 << 20;
/// Of a known source in JSON, without its texts.
const SOURCE_BYTES: usize = 512;

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It starts where the source ends: take it as it is.
    Append,
    /// All of it is known: acknowledge, drop.
    Duplicate(Offset),
    /// Its front is known; this is the rest.
    Trim(Box<Batch>),
    /// It starts behind a hole: the sender must go back to here.
    Nack(Offset),
    /// Nobody has opened the source.
    UnknownSource,
    /// It belongs to a session that has ended.
    OldEpoch,
    /// It cannot be: known bytes end inside one of its lines.
    Quarantine(&'static str),
}

/// See the module.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    sources: BTreeMap<SourceId, KnownSource>,
    epochs: BTreeMap<String, Epoch>,
    config: ConfigVersion,
    /// Sources by inode number, in the order they were opened: derived, so that OPEN need not look at all sources.
    by_inode: BTreeMap<u64, Vec<SourceId>>,
}

impl Table {
    /// What a batch means that came in the session `epoch` of `shipper`.
    pub fn decide(&self, batch: &Batch, shipper: &str, epoch: Epoch) -> Decision {
        let Some(known) = self.sources.get(&batch.source).filter(|known| known.open.shipper == shipper)
        else {
            return Decision::UnknownSource;
        };
        if batch.epoch != epoch || self.epochs.get(shipper) != Some(&epoch) {
            return Decision::OldEpoch;
        }
        let hwm = known.hwm;
        if batch.end() <= hwm {
            Decision::Duplicate(hwm)
        } else if batch.first_start > hwm {
            Decision::Nack(hwm)
        } else if batch.first_start == hwm {
            Decision::Append
        } else {
            trim(batch, hwm)
        }
    }

    /// What is kept of a gap that a shipper declares: the part above the high-watermark.
    /// `Err` says where the source ends when the gap starts behind that, and `Ok(None)` that all of it is known.
    pub fn trim_gap(&self, gap: &Gap) -> Result<Option<Gap>, Option<Offset>> {
        let hwm = self.sources.get(&gap.source).map(|known| known.hwm).ok_or(None)?;
        if gap.start > hwm {
            return Err(Some(hwm));
        }
        Ok((gap.end > hwm).then(|| Gap { start: hwm, ..gap.clone() }))
    }

    /// The source that an OPEN of `shipper` means: one with the asked id, else, unless the shipper says that this generation
    /// is new, the latest open one with the same inode identity.
    pub fn find(&self, open: &Open, shipper: &str) -> Option<&KnownSource> {
        if let Some(known) = self.sources.get(&open.source) {
            return Some(known);
        }
        if open.fresh {
            return None;
        }
        let same_inode = self.by_inode.get(&open.identity.inode)?;
        let candidates = same_inode.iter().rev().filter_map(|id| self.sources.get(id));
        candidates
            .filter(|known| !known.closed && known.open.shipper == shipper)
            .find(|known| is_same_inode(&known.open.identity, &open.identity))
    }

    /// A source.
    pub fn source(&self, id: SourceId) -> Option<&KnownSource> {
        self.sources.get(&id)
    }

    /// All sources.
    pub fn sources(&self) -> impl Iterator<Item = &KnownSource> {
        self.sources.values()
    }

    /// How far a shipper's own source has come.
    pub fn hwm(&self, id: SourceId, shipper: &str) -> Option<Offset> {
        self.sources.get(&id).filter(|known| known.open.shipper == shipper).map(|known| known.hwm)
    }

    /// The epoch after the shipper's last one.
    pub fn next_epoch(&self, shipper: &str) -> Epoch {
        Epoch(self.epochs.get(shipper).map_or(0, |epoch| epoch.0) + 1)
    }

    /// Number of the last configuration change.
    pub fn config(&self) -> ConfigVersion {
        self.config
    }

    /// Takes over what a journaled frame says. Returns the hole between what was known of a source and where the frame
    /// starts: none in a sound journal, since [`Table::decide`] lets none in.
    pub fn apply(&mut self, frame: &Frame, received: Timestamp) -> Option<Gap> {
        match frame {
            Frame::Batch(batch) => {
                return self.advance(batch.source, batch.first_start, batch.end(), received);
            }
            Frame::Gap(gap) => return self.advance(gap.source, gap.start, gap.end, received),
            Frame::Open(open) => self.open(open, received),
            Frame::Close(Close { source, .. }) => {
                if let Some(known) = self.sources.get_mut(source) {
                    known.closed = true;
                    known.last_received = received;
                }
            }
            Frame::Session { shipper, epoch } => {
                self.epochs.insert(shipper.clone(), *epoch);
            }
            Frame::Config { version, .. } => self.config = *version,
            _ => {}
        }
        None
    }

    /// The whole state in pieces that fit frames; the last one says so.
    pub fn snapshot(&self) -> Vec<Snapshot> {
        let mut pieces =
            vec![Snapshot { epochs: self.epochs.clone(), config: self.config, ..Snapshot::default() }];
        let mut bytes = 0;
        for known in self.sources.values() {
            if bytes > PIECE_BYTES_MAX - SOURCE_BYTES {
                pieces.push(Snapshot { config: self.config, ..Snapshot::default() });
                bytes = 0;
            }
            bytes += source_bytes(known);
            pieces.last_mut().expect("begins with one").sources.push(known.clone());
        }
        pieces.last_mut().expect("begins with one").last = true;
        pieces
    }

    /// The state that these pieces hold; `None` unless they are whole.
    pub fn restore(pieces: Vec<Snapshot>) -> Option<Self> {
        if !pieces.last()?.last {
            return None;
        }
        let mut table = Self::default();
        for piece in pieces {
            table.epochs.extend(piece.epochs);
            table.config = piece.config;
            table.sources.extend(piece.sources.into_iter().map(|known| (known.open.source, known)));
        }
        for known in table.sources.values() {
            table.by_inode.entry(known.open.identity.inode).or_default().push(known.open.source);
        }
        for ids in table.by_inode.values_mut() {
            ids.sort_by_key(|id| table.sources[id].last_received);
        }
        Some(table)
    }

    /// Ranges that `later`, a state from further on, has and this one lacks.
    pub fn missing_until<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = Gap> + 'a {
        later.sources.values().filter_map(|known| {
            let source = known.open.source;
            let start = self.sources.get(&source).map_or(Offset(0), |mine| mine.hwm);
            (start < known.hwm).then(|| lost(source, start, known.hwm))
        })
    }

    fn advance(&mut self, source: SourceId, start: Offset, end: Offset, received: Timestamp) -> Option<Gap> {
        let known = self.sources.entry(source).or_insert_with(|| orphan(source, start));
        let hole = (start > known.hwm).then(|| lost(source, known.hwm, start));
        known.hwm = known.hwm.max(end);
        known.last_received = received;
        hole
    }

    fn open(&mut self, open: &Open, received: Timestamp) {
        let hwm = self.sources.get(&open.source).map_or(Offset(0), |known| known.hwm);
        let known = KnownSource { open: open.clone(), hwm, closed: false, last_received: received };
        let before = self.sources.insert(open.source, known);
        let inode_before = before.map(|known| known.open.identity.inode);
        if let Some(ids) = inode_before.and_then(|inode| self.by_inode.get_mut(&inode)) {
            ids.retain(|id| *id != open.source);
        }
        self.by_inode.entry(open.identity.inode).or_default().push(open.source);
    }
}

/// The reason in a gap record that recovery writes for lines it found damaged.
pub(crate) const LOST_REASON: &str = "corrupt journal record";

fn lost(source: SourceId, start: Offset, end: Offset) -> Gap {
    Gap { source, start, end, reason: LOST_REASON.to_owned() }
}

/// Stands in for a source whose OPEN record was lost to corruption; its shipper opens it again when it connects.
fn orphan(source: SourceId, start: Offset) -> KnownSource {
    let resource = Arc::new(Resource { path: "unknown".to_owned(), ..Resource::default() });
    let open =
        Open { source, identity: FileIdentity::default(), resource, fresh: false, shipper: String::new() };
    KnownSource { open, hwm: start, closed: false, last_received: Timestamp::default() }
}

fn trim(batch: &Batch, hwm: Offset) -> Decision {
    match batch.trimmed_to(hwm) {
        Ok(Some(rest)) => Decision::Trim(Box::new(rest)),
        Ok(None) => Decision::Quarantine("what is known ends inside a line of the batch"),
        Err(BadBatch(why)) => Decision::Quarantine(why),
    }
}

fn is_same_inode(a: &FileIdentity, b: &FileIdentity) -> bool {
    a.filesystem == b.filesystem && a.inode == b.inode && a.generation == b.generation && a.birth == b.birth
}

fn source_bytes(known: &KnownSource) -> usize {
    let Open { identity, resource, shipper, .. } = &known.open;
    let labels: usize = resource.labels.iter().map(|(key, value)| key.len() + value.len() + 8).sum();
    let texts = identity.filesystem.len() + resource.host.len() + resource.path.len() + shipper.len();
    SOURCE_BYTES + 2 * (texts + labels)
}

#[cfg(test)]
mod tests;
