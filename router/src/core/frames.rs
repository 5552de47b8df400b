//! What each frame of a shipper means to the journal. Every branch either adds a record to the group or an answer to it;
//! both become visible with the group's sync.

use super::{Conn, ConnId, Core, Peer, Permit, Reply};
use crate::status::Count;
use crate::table::Decision;
use bytes::Bytes;
use logweir_base::batch::Batch;
use logweir_base::frame::{Close, Content, Frame, Gap, Hello, Open, RawFrame};
use logweir_base::ids::{Offset, SourceId};
use logweir_base::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A connection that was heard of within this time is alive: nobody takes its shipper over.
const ALIVE: Duration = Duration::from_secs(30);
/// Of a shipper, and of a boot.
const NAME_BYTES_MAX: usize = 256;
/// An OPEN is small; the state is bounded by it.
const OPEN_BYTES_MAX: usize = 64 << 10;

impl Core {
    /// A session begins: a new epoch, unless a clone of a living shipper asks (T40).
    pub(super) fn hello(&mut self, id: ConnId, hello: Hello, peer: Peer, permit: Permit, now: Timestamp) {
        let Hello { shipper, boot_id, .. } = hello;
        if shipper.is_empty() || shipper.len() > NAME_BYTES_MAX || boot_id.len() > NAME_BYTES_MAX {
            return self.refuse_peer(&peer, format!("a shipper's name has 1 to {NAME_BYTES_MAX} bytes"));
        }
        if let Some((&old_id, old)) = self.conns.iter().find(|(_, conn)| conn.shipper == shipper) {
            if old.boot_id != boot_id && is_alive(old, now) {
                let reason = format!(
                    "shipper {shipper} is connected from another boot of a host: give one of the two another --name, \
                     or remove the copied state directory"
                );
                return self.refuse_peer(&peer, reason);
            }
            old.peer.cancel.cancel();
            self.conns.remove(&old_id);
        }
        let epoch = self.table.next_epoch(&shipper);
        let frame = Frame::Session { shipper: shipper.clone(), epoch };
        let bytes = frame.encode();
        self.push(frame, bytes, permit, now);
        self.conns.insert(id, Conn { peer, shipper, boot_id, epoch, nacked: BTreeSet::new() });
        self.group.replies.push((id, Frame::Welcome { epoch, window_bytes: self.links.window_bytes }));
    }

    /// A frame of a session. N04: what still comes of a session that was taken over is dropped.
    pub(super) fn frame(&mut self, id: ConnId, raw: RawFrame, permit: Permit, now: Timestamp) {
        let Some(conn) = self.conns.get(&id) else {
            return self.links.tally.one(Count::OldEpochs);
        };
        let shipper = conn.shipper.clone();
        match raw.decode() {
            Ok(Frame::Batch(batch)) => self.batch(id, batch, raw.bytes, permit, now),
            Ok(Frame::Open(open)) if raw.bytes.len() <= OPEN_BYTES_MAX => {
                self.open(id, Open { shipper, ..open }, permit, now);
            }
            Ok(Frame::Close(close)) => self.close(id, &shipper, close, permit, now),
            Ok(Frame::Gap(gap)) => self.gap(id, &shipper, &gap, permit, now),
            Ok(Frame::Resume { sources }) => {
                let known = |source: SourceId| Some((source, self.table.hwm(source, &shipper)?));
                let sources = sources.into_iter().filter_map(known).collect();
                self.group.replies.push((id, Frame::Resumed { sources }));
            }
            Ok(other) => {
                self.refuse(
                    id,
                    Count::BadFrames,
                    format!("a frame {:?} is not for a shipper to send", other.kind()),
                );
            }
            Err(bad) => self.refuse(id, Count::BadFrames, bad.to_string()),
        }
    }

    fn batch(&mut self, id: ConnId, batch: Batch, bytes: Bytes, permit: Permit, now: Timestamp) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        let source = batch.source;
        match self.table.decide(&batch, &conn.shipper, conn.epoch) {
            Decision::Append => self.append(id, batch, bytes, permit, now),
            Decision::Duplicate(hwm) => {
                self.links.tally.one(Count::Duplicates);
                self.ack(id, source, hwm);
            }
            Decision::Trim(rest) => {
                self.links.tally.one(Count::Trimmed);
                let bytes = Frame::Batch((*rest).clone()).encode();
                self.append(id, *rest, bytes, permit, now);
            }
            Decision::Nack(expected) => {
                self.links.tally.one(Count::Nacks);
                self.nack(id, source, Some(expected));
            }
            Decision::UnknownSource => {
                self.links.tally.one(Count::UnknownSources);
                self.nack(id, source, None);
            }
            Decision::OldEpoch => self.links.tally.one(Count::OldEpochs),
            Decision::Quarantine(why) => {
                self.refuse(
                    id,
                    Count::Quarantined,
                    format!("source {source} at {}: {why}", batch.first_start),
                );
            }
        }
    }

    fn append(&mut self, id: ConnId, batch: Batch, bytes: Bytes, permit: Permit, now: Timestamp) {
        let (source, end) = (batch.source, batch.end());
        self.links.tally.one(Count::Batches);
        match self.table.source(source).map(|known| known.open.resource.content) {
            Some(Content::Samples) => self.links.tally.add(Count::SampleBatches, batch.lines.len() as u64),
            _ => {
                self.links.tally.add(Count::Lines, batch.lines.len() as u64);
                self.links.tally.add(Count::TextBytes, u64::from(batch.text_len));
            }
        }
        self.push(Frame::Batch(batch), bytes, permit, now);
        self.ack(id, source, end);
    }

    /// A source begins, comes back, or moves to a shipper of another name.
    fn open(&mut self, id: ConnId, open: Open, permit: Permit, now: Timestamp) {
        let asked = open.source;
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.nacked.remove(&asked);
        }
        let opened = |source, hwm, identity| Frame::Opened { asked, source, hwm, identity };
        let answer = match self.table.find(&open, &open.shipper) {
            Some(known) if known.open.source != asked => {
                opened(known.open.source, known.hwm, Some(known.open.identity.clone()))
            }
            Some(known)
                if known.open.shipper != open.shipper && self.is_connected(&known.open.shipper, now) =>
            {
                let owner = &known.open.shipper;
                let why = format!(
                    "source {asked} belongs to shipper {owner}, which is connected: remove the copied state"
                );
                return self.refuse(id, Count::Refused, why);
            }
            Some(known) => {
                let answer = opened(asked, known.hwm, None);
                let is_same = Open { fresh: open.fresh, ..known.open.clone() } == open && !known.closed;
                if !is_same {
                    self.journal_open(open, permit, now);
                }
                answer
            }
            None => {
                self.journal_open(open, permit, now);
                opened(asked, Offset(0), None)
            }
        };
        self.group.replies.push((id, answer));
    }

    fn journal_open(&mut self, open: Open, permit: Permit, now: Timestamp) {
        let frame = Frame::Open(open);
        let bytes = frame.encode();
        self.push(frame, bytes, permit, now);
    }

    fn close(&mut self, id: ConnId, shipper: &str, close: Close, permit: Permit, now: Timestamp) {
        let source = close.source;
        let Some(hwm) = self.table.hwm(source, shipper) else {
            return self.nack(id, source, None);
        };
        if self.table.source(source).is_some_and(|known| !known.closed) {
            self.links.tally.add(Count::LostBytes, close.lost_bytes);
            let frame = Frame::Close(close);
            let bytes = frame.encode();
            self.push(frame, bytes, permit, now);
        }
        self.ack(id, source, hwm);
    }

    /// R11: a hole is only ever let in as a record that says so.
    fn gap(&mut self, id: ConnId, shipper: &str, gap: &Gap, permit: Permit, now: Timestamp) {
        let (source, end) = (gap.source, gap.end);
        if self.table.hwm(source, shipper).is_none() {
            return self.nack(id, source, None);
        }
        match self.table.trim_gap(gap) {
            Err(expected) => self.nack(id, source, expected),
            Ok(None) => {
                let hwm = self.table.hwm(source, shipper).unwrap_or(end);
                self.ack(id, source, hwm);
            }
            Ok(Some(rest)) => {
                self.count_gap(&rest);
                let frame = Frame::Gap(rest);
                let bytes = frame.encode();
                self.push(frame, bytes, permit, now);
                self.ack(id, source, end);
            }
        }
    }

    pub(super) fn count_gap(&self, gap: &Gap) {
        self.links.tally.one(Count::Gaps);
        self.links.tally.add(Count::GapBytes, gap.end.0.saturating_sub(gap.start.0));
    }

    fn ack(&mut self, id: ConnId, source: SourceId, hwm: Offset) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.nacked.remove(&source);
        }
        self.group.acks.insert((id, source), hwm);
    }

    fn nack(&mut self, id: ConnId, source: SourceId, expected: Option<Offset>) {
        let is_news = self.conns.get_mut(&id).is_some_and(|conn| conn.nacked.insert(source));
        if is_news {
            self.group.replies.push((id, Frame::Nack { source, expected }));
        }
    }

    /// Ends a connection whose peer does what it must not. A refusal promises nothing, so it need not wait for the sync.
    fn refuse(&mut self, id: ConnId, count: Count, reason: String) {
        if let Some(conn) = self.conns.remove(&id) {
            self.links.tally.one(count);
            self.refuse_peer(&conn.peer, format!("{}: {reason}", conn.shipper));
        }
    }

    fn refuse_peer(&self, peer: &Peer, reason: String) {
        self.links.tally.one(Count::Refused);
        self.links.tally.error(self.links.clock.now(), format!("connection refused: {reason}"));
        if peer.replies.try_send(Reply::Last(Frame::Refused { reason }.encode())).is_err() {
            peer.cancel.cancel();
        }
    }

    fn is_connected(&self, shipper: &str, now: Timestamp) -> bool {
        self.conns.values().any(|conn| conn.shipper == shipper && is_alive(conn, now))
    }
}

fn is_alive(conn: &Conn, now: Timestamp) -> bool {
    now.since(Timestamp(conn.peer.heard.load(Ordering::Relaxed))) < ALIVE
}
