//! The journal thread: owner of the dedupe state and of the journal. It takes everything that waits (a group), decides by byte
//! range, appends, syncs once, and then answers. Nothing that a group did is visible before its sync: answers need a
//! [`Synced`], and records go on to the decode thread only then.
//!
//! A full disk or the journal's cap is a state: senders get credit 0, requests wait, and it is tried again until there
//! is room. A failed sync, and any other failed write, ends the process.

mod frames;

use crate::feed::Feed;
use crate::journal::format::RecordHeader;
use crate::journal::writer::NewRecord;
use crate::journal::{Synced, WriteError, Writer};
use crate::status::{ConnectionStatus, Count, Fatal, FatalSender, SourceStatus, Tally};
use crate::table::Table;
use bytes::Bytes;
use crossbeam::channel::{Receiver, Sender, select};
use logweir_base::frame::{Frame, Gap, Hello, KnownSource, Packed, RawFrame};
use logweir_base::ids::{ConfigVersion, Epoch, Offset, Position, SourceId};
use logweir_base::time::{Clock, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Wall time enters the journal this often.
const TICK: Duration = Duration::from_secs(10);
/// A full disk is tried again this often.
const FULL_RETRY: Duration = Duration::from_millis(200);
/// Groups that wait for the decode thread beyond which no tick is added: so that a stuck follower does not fill the queue.
const TICK_BACKLOG_MAX: usize = 64;

/// A connection's number.
pub(crate) type ConnId = u64;

/// Share of the memory for frames in flight; given back when it is dropped.
pub(crate) type Permit = Option<OwnedSemaphorePermit>;

/// How the core reaches a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub replies: mpsc::Sender<Reply>,
    /// Ends the connection.
    pub cancel: CancellationToken,
    /// When a frame was last read, in nanoseconds of the injected clock.
    pub heard: Arc<AtomicI64>,
}

/// Frames to be written to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    More(Bytes),
    /// And then it closes.
    Last(Bytes),
}

/// From a connection.
#[derive(Debug)]
pub(crate) enum Request {
    Hello {
        conn: ConnId,
        hello: Hello,
        peer: Peer,
        permit: Permit,
    },
    Frame {
        conn: ConnId,
        frame: RawFrame,
        permit: Permit,
    },
    Closed {
        conn: ConnId,
    },
    /// Not from a connection of a shipper: samples that came over HTTP.
    Samples {
        packed: Packed,
        done: oneshot::Sender<Position>,
        permit: Permit,
    },
}

/// From within.
#[derive(Debug)]
pub(crate) enum Control {
    Config {
        text: String,
        done: Sender<ConfigVersion>,
    },
    /// A DELETE or an ACTION.
    Append {
        frame: Frame,
        done: Sender<Position>,
    },
    Status(Sender<CoreStatus>),
    Stop,
}

/// The part of the status that only the core knows.
#[derive(Debug)]
pub(crate) struct CoreStatus {
    pub sources: Vec<SourceStatus>,
    pub connections: Vec<ConnectionStatus>,
    pub segments: usize,
    pub journal_bytes: u64,
    pub oldest: Position,
    pub full: Option<String>,
}

/// A durable record on its way to the decode thread.
#[derive(Debug)]
pub(crate) struct Durable {
    pub header: RecordHeader,
    pub frame: Frame,
    pub permit: Permit,
}

/// What the core needs from outside.
pub(crate) struct Links {
    pub requests: Receiver<Request>,
    pub control: Receiver<Control>,
    pub decode: Sender<Vec<Durable>>,
    pub feed: Arc<Feed>,
    pub tally: Arc<Tally>,
    pub fatal: FatalSender,
    pub clock: Arc<dyn Clock>,
    /// Whether all followers are registered, so that segments may be released.
    pub serving: Arc<AtomicBool>,
    pub window_bytes: u64,
}

/// See the module.
pub(crate) struct Core {
    table: Table,
    writer: Writer,
    conns: BTreeMap<ConnId, Conn>,
    group: Group,
    links: Links,
    full: Option<String>,
}

/// A shipper that has said hello.
struct Conn {
    peer: Peer,
    shipper: String,
    boot_id: String,
    epoch: Epoch,
    /// Sources it was told to go back for; told once, not for each batch that was on its way.
    nacked: BTreeSet<SourceId>,
}

/// What one sync makes durable, and what is said then.
#[derive(Default)]
struct Group {
    records: Vec<NewRecord>,
    frames: Vec<(Frame, Permit)>,
    bytes: u64,
    acks: BTreeMap<(ConnId, SourceId), Offset>,
    replies: Vec<(ConnId, Frame)>,
    configs: Vec<(Sender<ConfigVersion>, ConfigVersion)>,
    appended: Vec<(Sender<Position>, Position)>,
    samples: Vec<(oneshot::Sender<Position>, Position)>,
}

/// Whether the loop goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    Stop,
}

impl Core {
    pub fn new(table: Table, writer: Writer, links: Links) -> Self {
        Self { table, writer, conns: BTreeMap::new(), group: Group::default(), links, full: None }
    }

    /// The loop: until it is told to stop, or the disk fails. First it journals the `gaps` that recovery found.
    pub fn run(mut self, gaps: Vec<Gap>) {
        // The first one comes at once: who waits for time waits no longer after a restart.
        let mut next_tick = Instant::now();
        let mut turned = self.declare(gaps);
        while turned == Ok(Flow::On) {
            turned = self.turn(&mut next_tick);
        }
        if let Err(fatal) = turned {
            self.links.tally.error(self.links.clock.now(), fatal.to_string());
            self.links.fatal.send(fatal);
        }
    }

    pub(crate) fn declare(&mut self, gaps: Vec<Gap>) -> Result<Flow, Fatal> {
        let now = self.links.clock.now();
        for gap in gaps {
            self.count_gap(&gap);
            let frame = Frame::Gap(gap);
            let bytes = frame.encode();
            self.push(frame, bytes, None, now);
        }
        self.commit()
    }

    fn turn(&mut self, next_tick: &mut Instant) -> Result<Flow, Fatal> {
        if !self.has_room()? {
            return Ok(self.wait_full());
        }
        let timeout = next_tick.saturating_duration_since(Instant::now());
        let (requests, control) = (self.links.requests.clone(), self.links.control.clone());
        select! {
            recv(control) -> message => if self.control(message.unwrap_or(Control::Stop)) == Flow::Stop {
                return Ok(Flow::Stop);
            },
            recv(requests) -> request => if let Ok(request) = request {
                self.gather(request);
            },
            default(timeout) => {}
        }
        // Nothing comes behind a DELETE in its segment, so that no follower has to take more to have it released.
        if Instant::now() >= *next_tick && self.group.appended.is_empty() {
            *next_tick = Instant::now() + TICK;
            self.tick()?;
        }
        self.commit()
    }

    /// Takes a request, and all that waits behind it while the group has room.
    fn gather(&mut self, first: Request) {
        let now = self.links.clock.now();
        let mut next = Some(first);
        while let Some(request) = next {
            self.take(request, now);
            let has_room = self.group.bytes < self.writer.group_bytes_max();
            next = if has_room { self.links.requests.try_recv().ok() } else { None };
        }
    }

    /// Takes one request; answers come with the group's commit.
    pub(crate) fn take(&mut self, request: Request, now: Timestamp) {
        match request {
            Request::Hello { conn, hello, peer, permit } => self.hello(conn, hello, peer, permit, now),
            Request::Frame { conn, frame, permit } => self.frame(conn, frame, permit, now),
            Request::Closed { conn } => drop(self.conns.remove(&conn)),
            Request::Samples { packed, done, permit } => {
                let frame = Frame::Samples(packed);
                let bytes = frame.encode();
                self.push(frame, bytes, permit, now);
                self.links.tally.one(Count::SampleBatches);
                self.group.samples.push((done, self.last_of_group()));
            }
        }
    }

    /// R2: appends the group, syncs, and only then answers and hands on.
    pub(crate) fn commit(&mut self) -> Result<Flow, Fatal> {
        let started = Instant::now();
        let before = self.writer.synced();
        let synced = loop {
            match self.writer.append(&self.group.records) {
                Ok(synced) => break synced,
                Err(WriteError::Full(why)) => {
                    self.set_full(Some(why));
                    if self.wait_full() == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
                Err(WriteError::Fatal(e)) => return Err(fatal(&e)),
            }
        };
        self.set_full(None);
        let mut group = std::mem::take(&mut self.group);
        if !group.records.is_empty() {
            self.links.tally.one(Count::Syncs);
            self.links.tally.synced_in(started.elapsed());
            self.links.feed.set_durable(synced.position());
        }
        self.answer(&mut group, synced);
        self.hand_on(group, before);
        Ok(Flow::On)
    }

    /// Adds the wall time to the group, and lets go of segments that nobody needs.
    pub(crate) fn tick(&mut self) -> Result<(), Fatal> {
        self.release()?;
        if self.links.decode.len() < TICK_BACKLOG_MAX {
            let now = self.links.clock.now();
            let frame = Frame::Tick { now };
            let bytes = frame.encode();
            self.push(frame, bytes, None, now);
        }
        Ok(())
    }

    /// Adds a record to the group and to the state.
    fn push(&mut self, frame: Frame, bytes: Bytes, permit: Permit, now: Timestamp) {
        self.table.apply(&frame, now);
        self.group.bytes += bytes.len() as u64;
        self.group.records.push(NewRecord { frame: bytes, received: now, config: self.table.config() });
        self.group.frames.push((frame, permit));
    }

    /// Where the record that was pushed last will be.
    fn last_of_group(&self) -> Position {
        Position(self.writer.synced().position().0 + self.group.records.len() as u64)
    }

    fn answer(&mut self, group: &mut Group, _proof: Synced) {
        let mut out: BTreeMap<ConnId, Vec<u8>> = BTreeMap::new();
        for (&(conn, source), &hwm) in &group.acks {
            Frame::Ack { source, hwm }.encode_to(out.entry(conn).or_default());
        }
        for (conn, frame) in &group.replies {
            frame.encode_to(out.entry(*conn).or_default());
        }
        for (conn, bytes) in out {
            self.send(conn, Reply::More(bytes.into()));
        }
        for (done, version) in &group.configs {
            // Whoever asked may have gone; the change counts all the same.
            let _ = done.try_send(*version);
        }
        for (done, position) in &group.appended {
            let _ = done.try_send(*position);
        }
        for (done, position) in group.samples.drain(..) {
            let _ = done.send(position);
        }
    }

    fn hand_on(&mut self, group: Group, before: Synced) {
        let mut position = before.position();
        let mut durable = Vec::with_capacity(group.records.len());
        for (record, (frame, permit)) in group.records.into_iter().zip(group.frames) {
            position = position.next();
            let header = RecordHeader {
                position,
                synced: before.position(),
                received: record.received,
                config: record.config,
                frame_len: u32::try_from(record.frame.len()).expect("frames are bounded"),
            };
            durable.push(Durable { header, frame, permit });
        }
        if !durable.is_empty() {
            // Refused only when the decode thread has ended, and then followers read the journal.
            let _ = self.links.decode.send(durable);
        }
    }

    /// A peer that does not read its answers loses its connection: nobody waits for it.
    fn send(&mut self, id: ConnId, reply: Reply) {
        if let Some(conn) = self.conns.get(&id)
            && conn.peer.replies.try_send(reply).is_err()
        {
            conn.peer.cancel.cancel();
            self.conns.remove(&id);
        }
    }

    fn control(&mut self, message: Control) -> Flow {
        match message {
            Control::Config { text, done } => {
                let version = ConfigVersion(self.table.config().0 + 1);
                let frame = Frame::Config { version, text };
                let bytes = frame.encode();
                self.push(frame, bytes, None, self.links.clock.now());
                self.group.configs.push((done, version));
            }
            Control::Append { frame, done } => {
                let bytes = frame.encode();
                self.push(frame, bytes, None, self.links.clock.now());
                self.group.appended.push((done, self.last_of_group()));
            }
            Control::Status(done) => {
                let _ = done.try_send(self.status());
            }
            Control::Stop => return Flow::Stop,
        }
        Flow::On
    }

    /// Whether a group fits; begins a new segment for it when need be.
    fn has_room(&mut self) -> Result<bool, Fatal> {
        if self.full.is_some() {
            self.release()?;
        }
        match self.writer.make_room(&self.table, self.links.clock.now()) {
            Ok(()) => {
                self.set_full(None);
                Ok(true)
            }
            Err(WriteError::Full(why)) => {
                self.set_full(Some(why));
                Ok(false)
            }
            Err(WriteError::Fatal(e)) => Err(fatal(&e)),
        }
    }

    /// Only what needs no journal is done while it is full.
    fn wait_full(&mut self) -> Flow {
        match self.links.control.recv_timeout(FULL_RETRY) {
            Ok(Control::Stop) => Flow::Stop,
            Ok(Control::Status(done)) => {
                let _ = done.try_send(self.status());
                Flow::On
            }
            // Dropping `done` tells the asker that the change was not taken.
            Ok(Control::Config { .. } | Control::Append { .. }) | Err(_) => Flow::On,
        }
    }

    fn set_full(&mut self, why: Option<String>) {
        let was_full = self.full.is_some();
        if let Some(why) = &why
            && !was_full
        {
            self.links.tally.one(Count::DiskFull);
            self.links.tally.error(self.links.clock.now(), format!("acknowledgements stopped: {why}"));
        }
        self.full = why;
        if self.full.is_some() != was_full {
            let window_bytes = if self.full.is_some() { 0 } else { self.links.window_bytes };
            let credit = Frame::Credit { window_bytes }.encode();
            let ids: Vec<_> = self.conns.keys().copied().collect();
            ids.into_iter().for_each(|id| self.send(id, Reply::More(credit.clone())));
        }
    }

    /// R6: segments go when all that holds them is durable elsewhere.
    fn release(&mut self) -> Result<(), Fatal> {
        let floor = self.links.feed.floor().filter(|_| self.links.serving.load(Ordering::Acquire));
        match floor.map_or(Ok(()), |floor| self.writer.release(floor)) {
            Ok(()) => Ok(()),
            Err(WriteError::Full(why)) => {
                self.links.tally.error(self.links.clock.now(), format!("journal segment not removed: {why}"));
                Ok(())
            }
            Err(WriteError::Fatal(e)) => Err(fatal(&e)),
        }
    }

    fn status(&self) -> CoreStatus {
        let (segments, journal_bytes) = self.writer.usage();
        CoreStatus {
            sources: self.table.sources().map(source_status).collect(),
            connections: self.conns.values().map(connection_status).collect(),
            segments,
            journal_bytes,
            oldest: self.writer.oldest(),
            full: self.full.clone(),
        }
    }
}

fn source_status(known: &KnownSource) -> SourceStatus {
    let resource = &known.open.resource;
    SourceStatus {
        source: known.open.source,
        shipper: known.open.shipper.clone(),
        host: resource.host.clone(),
        path: resource.path.clone(),
        hwm: known.hwm,
        closed: known.closed,
        last_received: known.last_received,
    }
}

fn connection_status(conn: &Conn) -> ConnectionStatus {
    let heard = Timestamp(conn.peer.heard.load(Ordering::Relaxed));
    ConnectionStatus { shipper: conn.shipper.clone(), heard }
}

/// R9: after a failed write or sync nothing is known of the disk; only a new start, which trusts nothing unproven, helps.
fn fatal(e: &std::io::Error) -> Fatal {
    Fatal { at: "journal".to_owned(), reason: e.to_string() }
}

#[cfg(test)]
mod tests;
