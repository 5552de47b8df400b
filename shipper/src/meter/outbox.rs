//! The memory of what no file holds: chunks that wait for their acknowledgement, and what to send next. Events in, frames
//! out; no socket, no clock.
//!
//! All samples of a process are one source, each batch of them (a chunk) one line of it; so are its heartbeats. Offsets count bytes of chunks, so the router numbers and
//! dedupes them as it does the lines of a file:
//! ```text
//! 0 ....... base ....... next ....... end
//!   acked,       sent         waits
//!   or dropped
//! ```
//! There is no file to read again, so what is not acknowledged is kept, [`KEPT_BYTES_MAX`] of it. When that is full the
//! oldest chunk goes; if the router turns out not to have it, a GAP says so before the next batch.
//!
//! Invariants: offsets of chunks are contiguous from `base` to `end`; `acked <= base`.

use super::emit::Chunk;
use crate::connection::{LinkEvent, Outgoing};
use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LINE_BYTES_MAX, LINES_MAX, LineMeta};
use logweir_base::frame::{Close, FileIdentity, Frame, Gap, Open, Resource};
use logweir_base::ids::{Epoch, Offset, SourceId};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;

/// Chunks kept for a router that is away: hours of a host's own metrics.
pub const KEPT_BYTES_MAX: usize = 16 << 20;
/// What a chunk costs beside its bytes, so that many small ones are bounded too.
const CHUNK_COST: usize = 64;
/// Text of one batch, as for files.
const BATCH_BYTES: usize = 1 << 20;
const ZSTD_LEVEL: i32 = 1;

/// Totals since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutboxCounts {
    /// Sessions begun.
    pub sessions: u64,
    /// Chunks that were to be sent.
    pub chunks: u64,
    /// Points in them.
    pub samples: u64,
    /// Points that have no chunk, because their labels are over a limit.
    pub samples_refused: u64,
    /// Chunks sent, those sent again included.
    pub chunks_sent: u64,
    /// Chunks the router has made durable.
    pub chunks_acked: u64,
    /// Chunks dropped because too many waited for the router.
    pub chunks_dropped: u64,
    /// Bytes that wait for the router now.
    pub bytes_waiting: u64,
}

/// A chunk and where it lies in the source.
#[derive(Debug)]
struct Kept {
    at: u64,
    bytes: Bytes,
}

impl Kept {
    fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

#[derive(Debug)]
struct Link {
    session: u64,
    epoch: Epoch,
    window: u64,
    phase: Phase,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// How far the router is must be asked.
    Ask,
    /// It was asked.
    Asked,
    /// Chunks are sent, from here on.
    Live { next: u64 },
}

#[derive(Debug, PartialEq, Eq)]
enum Ending {
    /// More may come.
    Open,
    /// To be closed when all is acknowledged.
    Wanted,
    /// CLOSE was sent.
    Sent,
    /// And acknowledged.
    Done,
}

/// The chunks of one process on their way.
#[derive(Debug)]
pub struct Outbox {
    open: Open,
    codec: Codec,
    kept: VecDeque<Kept>,
    kept_bytes_max: usize,
    cost: usize,
    acked: u64,
    base: u64,
    end: u64,
    /// The router has known the source.
    is_known: bool,
    link: Option<Link>,
    ending: Ending,
    counts: OutboxCounts,
}

impl Outbox {
    /// A new source of what `resource` says.
    pub fn new(resource: Resource, codec: Codec, kept_bytes_max: usize) -> Self {
        let source = SourceId::random();
        // No inode: nobody finds this source but by its id.
        let identity = FileIdentity { filesystem: format!("metrics {source}"), ..FileIdentity::default() };
        let open =
            Open { source, identity, resource: Arc::new(resource), fresh: true, shipper: String::new() };
        Self {
            open,
            codec,
            kept: VecDeque::new(),
            kept_bytes_max,
            cost: 0,
            acked: 0,
            base: 0,
            end: 0,
            is_known: false,
            link: None,
            ending: Ending::Open,
            counts: OutboxCounts::default(),
        }
    }

    /// Totals.
    pub fn counts(&self) -> OutboxCounts {
        OutboxCounts { bytes_waiting: self.end - self.base, ..self.counts }
    }

    /// The session, while there is one.
    pub fn session(&self) -> Option<Epoch> {
        self.link.as_ref().map(|link| link.epoch)
    }

    /// Takes a chunk, unless it is closed; the oldest ones go when there are too many.
    pub fn push(&mut self, chunk: Chunk) {
        let bytes = chunk.bytes.len();
        self.counts.chunks += 1;
        self.counts.samples += chunk.samples;
        self.counts.samples_refused += chunk.refused;
        if bytes == 0 || bytes > LINE_BYTES_MAX || self.ending != Ending::Open {
            self.counts.chunks_dropped += 1;
            return;
        }
        self.kept.push_back(Kept { at: self.end, bytes: Bytes::from(chunk.bytes) });
        self.cost += bytes + CHUNK_COST;
        self.end += bytes as u64;
        while self.cost > self.kept_bytes_max && self.forget_first() {
            self.counts.chunks_dropped += 1;
        }
    }

    /// Nothing more will come.
    pub fn close(&mut self) {
        if self.ending == Ending::Open {
            self.ending = Ending::Wanted;
        }
    }

    /// Closed, and all of it is durable.
    pub fn is_done(&self) -> bool {
        self.ending == Ending::Done
    }

    /// What the connection says.
    pub fn apply(&mut self, event: &LinkEvent) {
        match *event {
            LinkEvent::Up { session, epoch, window_bytes } => {
                self.counts.sessions += 1;
                self.link = Some(Link { session, epoch, window: window_bytes, phase: Phase::Ask });
                if self.ending == Ending::Sent {
                    self.ending = Ending::Wanted;
                }
            }
            LinkEvent::Down(_) => self.link = None,
            LinkEvent::Frame { session, ref frame } if self.is_current(session) => self.answer(frame),
            LinkEvent::Frame { .. } | LinkEvent::Taken => {}
        }
    }

    /// What to send next; `None` before another event.
    pub fn next_frame(&mut self) -> Option<Outgoing> {
        let link = self.link.as_mut()?;
        let session = link.session;
        let frame = match link.phase {
            Phase::Asked => return None,
            Phase::Ask => {
                link.phase = Phase::Asked;
                match self.is_known {
                    true => Frame::Resume { sources: vec![self.open.source] },
                    false => Frame::Open(self.open.clone()),
                }
            }
            Phase::Live { next } if next < self.base => self.gap(next),
            Phase::Live { next } if next < self.end => self.batch(next)?,
            Phase::Live { .. } if self.ending == Ending::Wanted && self.acked == self.end => {
                self.ending = Ending::Sent;
                Frame::Close(Close { source: self.open.source, lost_bytes: 0 })
            }
            Phase::Live { .. } => return None,
        };
        Some(Outgoing { session, frame })
    }

    fn is_current(&self, session: u64) -> bool {
        self.link.as_ref().is_some_and(|link| link.session == session)
    }

    fn answer(&mut self, frame: &Frame) {
        let id = self.open.source;
        match *frame {
            Frame::Opened { asked, source, hwm, .. } if asked == id && source == id => self.go_on(hwm),
            Frame::Resumed { ref sources } => match sources.iter().find(|(source, _)| *source == id) {
                Some(&(_, hwm)) => self.go_on(hwm),
                None => self.ask_anew(),
            },
            Frame::Ack { source, hwm } if source == id => {
                self.acknowledge(hwm);
                if self.ending == Ending::Sent && self.acked == self.end {
                    self.ending = Ending::Done;
                }
            }
            Frame::Nack { source, expected: Some(at) } if source == id => self.go_on(at),
            Frame::Nack { source, expected: None } if source == id => self.ask_anew(),
            Frame::Credit { window_bytes } => {
                if let Some(link) = &mut self.link {
                    link.window = window_bytes;
                }
            }
            _ => {}
        }
    }

    /// The router has all before `hwm`. It may be behind what it acknowledged when it was set up from an older copy.
    fn go_on(&mut self, hwm: Offset) {
        self.is_known = true;
        self.acknowledge(hwm);
        if let Some(link) = &mut self.link {
            link.phase = Phase::Live { next: hwm.0.min(self.end) };
        }
    }

    fn ask_anew(&mut self) {
        self.is_known = false;
        if let Some(link) = &mut self.link {
            link.phase = Phase::Ask;
        }
    }

    fn acknowledge(&mut self, hwm: Offset) {
        let hwm = hwm.0.min(self.end);
        while self.kept.front().is_some_and(|kept| kept.end() <= hwm) && self.forget_first() {
            self.counts.chunks_acked += 1;
        }
        self.acked = self.acked.max(hwm.min(self.base));
    }

    fn forget_first(&mut self) -> bool {
        let Some(first) = self.kept.pop_front() else {
            return false;
        };
        self.cost -= first.bytes.len() + CHUNK_COST;
        self.base = first.end();
        true
    }

    /// The range from `next` to the first chunk there still is.
    fn gap(&mut self, next: u64) -> Frame {
        let (end, reason) = match next < self.acked {
            true => (self.acked, "the router has lost what it acknowledged"),
            false => (self.base, "metrics buffer full"),
        };
        self.sent_to(end);
        let (start, end) = (Offset(next), Offset(end));
        Frame::Gap(Gap { source: self.open.source, start, end, reason: reason.to_owned() })
    }

    /// As many chunks as fit into a batch and into the window; one always does while nothing is on its way.
    fn batch(&mut self, next: u64) -> Option<Frame> {
        let link = self.link.as_ref()?;
        let first = self.kept.partition_point(|kept| kept.end() <= next);
        let start = self.kept.get(first)?.at;
        let on_its_way = start.saturating_sub(self.acked.max(self.base));
        if link.window == 0 || (on_its_way > 0 && on_its_way >= link.window) {
            return None;
        }
        let room = link.window.saturating_sub(on_its_way).min(BATCH_BYTES as u64);
        let fits = |&(n, kept): &(usize, &Kept)| n == 0 || (n < LINES_MAX && kept.end() - start <= room);
        let chunks = self.kept.range(first..).enumerate().take_while(fits).map(|(_, kept)| &kept.bytes);
        let (mut lines, mut text) = (Vec::new(), Vec::new());
        for chunk in chunks {
            let len = u32::try_from(chunk.len()).expect("checked when it was pushed");
            lines.push(BatchLine { range_len: len, text_len: len, meta: LineMeta::default() });
            text.extend_from_slice(chunk);
        }
        self.counts.chunks_sent += lines.len() as u64;
        let batch = self.packed(Offset(start), link.epoch, lines, text);
        self.sent_to(batch.end().0);
        Some(Frame::Batch(batch))
    }

    fn packed(&self, first_start: Offset, epoch: Epoch, lines: Vec<BatchLine>, text: Vec<u8>) -> Batch {
        let text_len = u32::try_from(text.len()).expect("a batch and one chunk");
        let zstd = || zstd::bulk::compress(&text, ZSTD_LEVEL).ok();
        let (codec, payload) = match (self.codec == Codec::Zstd).then(zstd).flatten() {
            Some(packed) => (Codec::Zstd, packed),
            None => (Codec::None, text),
        };
        let payload = Bytes::from(payload);
        Batch { source: self.open.source, epoch, first_start, lines, codec, text_len, payload }
    }

    fn sent_to(&mut self, end: u64) {
        if let Some(Link { phase: Phase::Live { next }, .. }) = &mut self.link {
            *next = end;
        }
    }
}

#[cfg(test)]
mod tests;
