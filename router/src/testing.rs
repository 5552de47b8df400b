//! What several test modules use: frames, sources, a follower that remembers what it was given.

use crate::config::{JournalOptions, RouterConfig};
use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError};
use logweir_base::frame::{FileIdentity, Hello, Open, Resource};
use logweir_base::ids::{Epoch, JournalId, Offset, Position, SourceId};
use std::sync::{Arc, Mutex};

/// A source with a number for an id.
pub(crate) fn source(n: u8) -> SourceId {
    SourceId([n; 16])
}

pub(crate) fn hello(shipper: &str, boot: &str) -> Hello {
    Hello { shipper: shipper.to_owned(), boot_id: boot.to_owned(), instance: "i".to_owned() }
}

/// The OPEN of source `n`, a file with inode `n`.
pub(crate) fn open(n: u8) -> Open {
    let path = format!("/var/log/app{n}.log");
    let identity = FileIdentity { inode: u64::from(n), filesystem: "fs".into(), ..FileIdentity::default() };
    let resource = Arc::new(Resource { host: "h".into(), path, ..Resource::default() });
    Open { source: source(n), identity, resource, fresh: false, shipper: String::new() }
}

/// Lines of a source from `start` on.
pub(crate) fn batch(n: u8, epoch: Epoch, start: u64, lines: &[&str]) -> Batch {
    let text = lines.concat();
    let line = |line: &&str| {
        let len = u32::try_from(line.len()).expect("short");
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    };
    Batch {
        source: source(n),
        epoch,
        first_start: Offset(start),
        lines: lines.iter().map(line).collect(),
        codec: Codec::None,
        text_len: u32::try_from(text.len()).expect("short"),
        payload: Bytes::from(text),
    }
}

/// Small enough for a simulated disk.
pub(crate) fn small() -> JournalOptions {
    JournalOptions { segment_bytes: 4096, disk_bytes_max: 1 << 20, ballast_bytes: 2048 }
}

pub(crate) fn small_router() -> RouterConfig {
    RouterConfig { journal: small(), ..RouterConfig::default() }
}

/// What a [`Recorder`] was given: positions, and lines with their source and offset.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub positions: Vec<u64>,
    pub lines: Vec<(SourceId, u64, String)>,
    pub gaps: Vec<(u64, u64)>,
    pub samples: Vec<(Option<SourceId>, Vec<Bytes>)>,
}

/// A follower that keeps all in memory; shared, so that a test can look.
pub(crate) struct Recorder {
    pub name: &'static str,
    pub journal: JournalId,
    pub start: Option<Position>,
    pub seen: Arc<Mutex<Seen>>,
}

impl Recorder {
    pub fn new(name: &'static str, journal: JournalId) -> (Box<Self>, Arc<Mutex<Seen>>) {
        let seen = Arc::new(Mutex::new(Seen::default()));
        (Box::new(Self { name, journal, start: None, seen: Arc::clone(&seen) }), seen)
    }
}

impl Follower for Recorder {
    fn name(&self) -> &str {
        self.name
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        self.start.map(|position| (self.journal, position))
    }

    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        let mut seen = self.seen.lock().expect("no panic");
        seen.positions.push(entry.position.0);
        match &entry.body {
            EntryBody::Records(lines) => {
                for line in &lines.records {
                    let text = String::from_utf8_lossy(lines.text_of(line)).into_owned();
                    seen.lines.push((lines.source, line.offset.0, text));
                }
            }
            EntryBody::Samples(batch) => seen.samples.push((batch.source, batch.chunks.clone())),
            EntryBody::Gap(gap, _) => seen.gaps.push((gap.start.0, gap.end.0)),
            _ => {}
        }
        drop(seen);
        self.start = Some(entry.position);
        Ok(())
    }

    fn commit(&mut self) -> Result<Position, FollowerError> {
        Ok(self.start.unwrap_or_default())
    }
}
