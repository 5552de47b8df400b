//! What the router says, applied to the sources.

use super::hold::Unsent;
use super::source::{Link, Sent, Source};
use super::{Tailer, Tracked};
use crate::connection::LinkEvent;
use crate::identity::{HEAD_BYTES_MAX, RING_BYTES, TAIL_BYTES, hash, hash_before};
use logweir_base::frame::{FileIdentity, Frame};
use logweir_base::ids::{Epoch, Offset, SourceId};
use std::collections::VecDeque;
use std::time::Duration;

/// Ids in one RESUME.
const RESUME_IDS: usize = 1000;

/// The present session with the router.
#[derive(Debug, Default)]
pub struct Session {
    /// None while there is none.
    pub epoch: Option<Epoch>,
    /// Counts connections; frames are tagged with it.
    pub number: u64,
    /// Text sent and not yet acknowledged, in bytes.
    pub in_flight: u64,
    window: u64,
    /// RESUMEs that were sent and not yet answered.
    asked: VecDeque<Vec<SourceId>>,
}

impl Session {
    /// Whether a chunk may be sent. With nothing on its way one always may, unless the router said stop.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.window > 0 && (self.in_flight == 0 || self.in_flight + bytes <= self.window)
    }
}

impl Tailer {
    /// Applies what the connection has to tell.
    pub fn apply(&mut self, event: LinkEvent, now: Duration) {
        match event {
            LinkEvent::Up { session, epoch, window_bytes } => {
                self.begin_session(session, epoch, window_bytes)
            }
            LinkEvent::Down(_) => self.end_session(),
            LinkEvent::Frame { session, frame } if session == self.session.number => self.hear(frame, now),
            LinkEvent::Frame { .. } | LinkEvent::Taken => {}
        }
    }

    /// Whether there is a session, and which.
    pub fn session(&self) -> (u64, Option<Epoch>) {
        (self.session.number, self.session.epoch)
    }

    fn begin_session(&mut self, number: u64, epoch: Epoch, window: u64) {
        self.end_session();
        self.counters.sessions += 1;
        let known: Vec<_> =
            self.sources.iter().filter(|(_, s)| s.link == Link::Asked).map(|(id, _)| *id).collect();
        let asked: VecDeque<_> = known.chunks(RESUME_IDS).map(<[SourceId]>::to_vec).collect();
        self.outbox.extend(asked.iter().map(|ids| Frame::Resume { sources: ids.clone() }));
        self.session = Session { epoch: Some(epoch), number, in_flight: 0, window, asked };
        let all: Vec<_> = self.files.keys().copied().collect();
        all.into_iter().for_each(|key| self.wake(key));
    }

    fn end_session(&mut self) {
        self.session.epoch = None;
        self.session.in_flight = 0;
        self.outbox.clear();
        self.sources.values_mut().for_each(Source::disconnected);
        self.unclaimed.values_mut().for_each(|unclaimed| unclaimed.gap_sent = false);
    }

    fn hear(&mut self, frame: Frame, now: Duration) {
        match frame {
            Frame::Ack { source, hwm } => self.on_ack(source, hwm),
            Frame::Nack { source, expected } => self.on_nack(source, expected),
            Frame::Credit { window_bytes } => self.session.window = window_bytes,
            Frame::Resumed { sources } => self.on_resumed(&sources),
            Frame::Opened { asked, source, hwm, identity } => {
                self.on_opened(asked, source, hwm, identity, now)
            }
            _ => {}
        }
    }

    fn on_ack(&mut self, id: SourceId, hwm: Offset) {
        let Some(source) = self.sources.get_mut(&id) else {
            return;
        };
        self.counters.bytes_acked += hwm.0.saturating_sub(source.hwm.0);
        self.session.in_flight -= source.ack(hwm);
        self.changed.insert(id);
    }

    fn on_nack(&mut self, id: SourceId, expected: Option<Offset>) {
        let Some(source) = self.sources.get_mut(&id) else {
            return;
        };
        let freed = match expected {
            Some(expected) => source.rewind(expected),
            None if source.link == Link::Open => {
                source.link = Link::Unopened;
                Some(source.restart_at(source.hwm))
            }
            None => None,
        };
        if let Some(freed) = freed {
            self.session.in_flight -= freed;
            self.changed.insert(id);
            self.counters.rewinds += 1;
            self.go_on(id);
        }
    }

    fn on_resumed(&mut self, answers: &[(SourceId, Offset)]) {
        let asked = self.session.asked.pop_front().unwrap_or_default();
        for &(id, hwm) in answers {
            self.place(id, hwm);
        }
        for id in asked {
            // Not in the answer: the router has lost it, or never got it.
            if let Some(source) = self.sources.get_mut(&id).filter(|s| s.link == Link::Asked) {
                source.link = Link::Unopened;
                self.go_on(id);
            }
        }
    }

    fn on_opened(
        &mut self,
        asked: SourceId,
        id: SourceId,
        hwm: Offset,
        identity: Option<FileIdentity>,
        now: Duration,
    ) {
        let Some(source) = self.sources.get_mut(&asked).filter(|s| s.link == Link::Opening) else {
            return;
        };
        if id == asked {
            return self.place(asked, hwm);
        }
        let holder = source.holder;
        let tracked = holder.and_then(|key| self.files.get(&key));
        let genuine = identity.zip(tracked).is_some_and(|(known, tracked)| is_of(tracked, &known, hwm));
        let elsewhere = self.sources.get(&id).is_some_and(|s| s.holder.is_some());
        if genuine && !elsewhere {
            self.adopt(asked, id, hwm, now);
        } else if let Some(source) = self.sources.get_mut(&asked) {
            source.fresh = true;
            source.link = Link::Unopened;
            self.go_on(asked);
        }
    }

    /// The router knew this file under an older id (T38, T39): go on with that.
    fn adopt(&mut self, minted: SourceId, id: SourceId, hwm: Offset, now: Duration) {
        let Some(mut source) = self.sources.remove(&minted) else {
            return;
        };
        let Some(tracked) = source.holder.and_then(|key| self.files.get_mut(&key)) else {
            return;
        };
        tracked.source = id;
        tracked.grown_at = now;
        self.unclaimed.remove(&id);
        self.forgotten.push(minted);
        source.record.source = id;
        self.sources.insert(id, source);
        self.changed.insert(id);
        self.place(id, hwm);
    }

    /// The router has `id` up to `hwm`.
    fn place(&mut self, id: SourceId, hwm: Offset) {
        let Some(source) = self.sources.get_mut(&id) else {
            return;
        };
        source.link = if source.moved { Link::Unopened } else { Link::Open };
        self.session.in_flight -= source.restart_at(hwm);
        self.changed.insert(id);
        let begin = source.record.begin;
        if let Some(key) = source.holder.filter(|_| hwm < begin) {
            let sent = self.standing_at(key, begin);
            let gap = self.send_gap(key, sent, "rolled back: these lines belong to an older source");
            self.outbox.extend(gap);
        }
        self.go_on(id);
    }

    fn standing_at(&mut self, key: crate::watch::InodeKey, end: Offset) -> Sent {
        // A failing read leaves the hash of nothing, and the next look takes the file for changed.
        let _ = self.ensure_open(key);
        let file = self.files.get(&key).and_then(|t| t.file.as_ref());
        let before = |len| {
            let found = file.and_then(|file| hash_before(file, end, len).ok().flatten());
            found.unwrap_or_else(|| hash(&[]))
        };
        Sent { end, bytes: 0, tail: before(TAIL_BYTES), ring: before(RING_BYTES) }
    }

    fn go_on(&mut self, id: SourceId) {
        let Some(source) = self.sources.get(&id) else {
            return;
        };
        if let Some(key) = source.holder {
            if let Some(tracked) = self.files.get_mut(&key) {
                tracked.unsent = Unsent::nothing(source.sent);
            }
            self.wake(key);
        }
    }
}

/// Whether the file begins as `known` says and holds what the router has of it.
fn is_of(tracked: &Tracked, known: &FileIdentity, hwm: Offset) -> bool {
    let Some(file) = &tracked.file else {
        return false;
    };
    let head_len = Offset(u64::from(known.head_len));
    let head = hash_before(file, head_len, HEAD_BYTES_MAX).ok().flatten();
    head.is_some_and(|head| format!("{head:016x}") == known.head_hash)
        && file.metadata().is_ok_and(|meta| meta.len() >= hwm.0)
}
