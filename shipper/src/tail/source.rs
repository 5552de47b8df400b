//! One source in the conversation with the router: how far it is sent, how far acknowledged. No I/O.

use crate::identity::Record;
use logweir_base::batch::LINE_BYTES_MAX;
use logweir_base::ids::Offset;
use logweir_base::multiline::Joiner;
use std::collections::VecDeque;

use crate::watch::InodeKey;

/// Where a source stands with the router in the present session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// The router is to be asked, or was asked, how far it has it.
    Asked,
    /// The router does not know it, as far as we know; OPEN comes before its first batch.
    Unopened,
    /// OPEN is on its way.
    Opening,
    /// Batches may be sent.
    Open,
}

/// Something sent and not yet acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Offset behind it.
    pub end: Offset,
    /// What it counts against the window.
    pub bytes: u64,
    /// Hash of the bytes before `end`, as in [`Record::tail`].
    pub tail: u64,
    /// The same over fewer bytes, as in [`Record::ring`].
    pub ring: u64,
}

/// A source.
#[derive(Debug)]
pub struct Source {
    /// What is kept over a restart.
    pub record: Record,
    /// The file that holds it; none when that is gone.
    pub holder: Option<InodeKey>,
    /// Standing with the router.
    pub link: Link,
    /// All before it is acknowledged.
    pub hwm: Offset,
    /// All before it is sent.
    pub sent: Offset,
    /// The router has been told of it at some time, in this process or an earlier one.
    pub announced: bool,
    /// The file is another one than the router was told of: it is told again, so that it knows the copy if the
    /// checkpoint is lost.
    pub moved: bool,
    /// The shipper knows that the router knows no older source for this generation.
    pub fresh: bool,
    /// Known start of the line that `sent` lies in.
    pub line_start: Option<Offset>,
    /// The latest batch ended here, inside a group of lines that it has left like this.
    pub joined: Option<(Offset, Box<Joiner>)>,
    /// What was on its way when the connection was lost: it may have arrived.
    doubts: VecDeque<Sent>,
    flight: VecDeque<Sent>,
    flight_bytes: u64,
    rewound_to: Option<Offset>,
}

impl Source {
    /// A source that was just minted.
    pub fn minted(record: Record, fresh: bool) -> Self {
        Self { announced: false, fresh, ..Self::restored(record) }
    }

    /// A source as the checkpoint remembers it.
    pub fn restored(record: Record) -> Self {
        Self {
            holder: None,
            link: Link::Unopened,
            hwm: record.acked,
            sent: record.acked,
            announced: true,
            fresh: false,
            moved: false,
            line_start: None,
            joined: None,
            doubts: VecDeque::new(),
            flight: VecDeque::new(),
            flight_bytes: 0,
            rewound_to: None,
            record,
        }
    }

    /// The latest offset at which the bytes before are known, and their hash; at or before `sent` but after a rewind.
    pub fn check(&self) -> (Offset, u64) {
        self.flight.back().map_or((self.record.acked, self.record.tail), |sent| (sent.end, sent.tail))
    }

    /// The furthest offset that may have arrived, as [`Source::check`]: what a copy of the file is recognised by.
    pub fn read(&self) -> (Offset, u64) {
        self.doubts.back().map_or(self.check(), |sent| (sent.end, sent.tail))
    }

    /// Something was sent.
    pub fn push(&mut self, sent: Sent) {
        self.flight_bytes += sent.bytes;
        self.sent = sent.end;
        self.flight.push_back(sent);
    }

    /// Whether all that was sent is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.flight.is_empty() && self.sent <= self.hwm
    }

    /// All before `hwm` is durable. Returns the bytes that no longer count against the window.
    pub fn ack(&mut self, hwm: Offset) -> u64 {
        let before = self.flight_bytes;
        while let Some(first) = self.flight.front().copied().filter(|first| first.end <= hwm) {
            self.flight.pop_front();
            self.flight_bytes -= first.bytes;
            self.record.advance(first.end, first.tail, first.ring);
        }
        self.hwm = self.hwm.max(hwm);
        self.rewound_to = self.rewound_to.filter(|&to| to >= hwm);
        if self.sent < hwm {
            self.sent = hwm;
        }
        before - self.flight_bytes
    }

    /// The router wants `expected` next. Later refusals of what was on its way already ask for the same and change
    /// nothing: then the answer is `None`, else the bytes that no longer count against the window.
    pub fn rewind(&mut self, expected: Offset) -> Option<u64> {
        if self.rewound_to == Some(expected) {
            return None;
        }
        let freed = self.restart_at(expected);
        self.rewound_to = Some(expected);
        Some(freed)
    }

    /// The router has it up to `hwm`, and nothing is on its way. Returns the bytes that no longer count.
    pub fn restart_at(&mut self, hwm: Offset) -> u64 {
        for arrived in self.doubts.drain(..).chain(self.flight.drain(..)).filter(|sent| sent.end <= hwm) {
            self.record.advance(arrived.end, arrived.tail, arrived.ring);
        }
        self.hwm = hwm;
        self.sent = hwm;
        self.rewound_to = None;
        std::mem::take(&mut self.flight_bytes)
    }

    /// The session is over: what was on its way may or may not have arrived.
    pub fn disconnected(&mut self) {
        let mut doubts = std::mem::take(&mut self.doubts);
        doubts.append(&mut self.flight);
        self.restart_at(self.hwm);
        self.doubts = doubts;
        self.link = if self.announced { Link::Asked } else { Link::Unopened };
    }

    /// How the group that was cut at the position has left the joiner; `None` when none was.
    pub fn left_open(&self) -> Option<Joiner> {
        self.joined.as_ref().filter(|(at, _)| *at == self.sent).map(|(_, joiner)| Joiner::clone(joiner))
    }

    /// Number of the part that begins at `sent`, given the bytes before it; 0 at the start of a line.
    pub fn part(&self, before: &[u8]) -> u32 {
        if before.is_empty() || before.ends_with(b"\n") {
            return 0;
        }
        let known = self.line_start.filter(|&start| start <= self.sent);
        // After a restart only this much is known: it is not the first part.
        known.map_or(1, |start| u32::try_from((self.sent.0 - start.0) / LINE_BYTES_MAX as u64).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Observed;

    fn source() -> Source {
        let seen = Observed::new(1, 1, 1, 0, Vec::new());
        let mut source = Source::minted(Record::new(&seen, "/a"), false);
        for end in [10, 20, 30] {
            source.push(Sent { end: Offset(end), bytes: 10, tail: end, ring: end });
        }
        source
    }

    #[test]
    fn n02_acks_are_cumulative_and_move_the_checkpoint() {
        let mut source = source();
        assert_eq!(source.ack(Offset(20)), 20);
        assert_eq!((source.record.acked, source.record.tail), (Offset(20), 20));
        assert_eq!(source.ack(Offset(20)), 0);
        assert!(!source.is_settled());
        source.disconnected();
        assert_eq!((source.sent, source.is_settled()), (Offset(20), true));
    }

    #[test]
    fn n05_one_gap_rewinds_once() {
        let mut source = source();
        assert_eq!(source.rewind(Offset(0)), Some(30));
        assert_eq!(source.rewind(Offset(0)), None);
        assert_eq!(source.sent, Offset(0));
        source.push(Sent { end: Offset(15), bytes: 15, tail: 0, ring: 0 });
        source.ack(Offset(15));
        assert_eq!(source.rewind(Offset(0)), Some(0));
    }

    /// R3: between two batches' ends the checkpoint stays at the lower one.
    #[test]
    fn the_checkpoint_never_leads() {
        let mut source = source();
        source.ack(Offset(25));
        assert_eq!((source.record.acked, source.hwm), (Offset(20), Offset(25)));
    }
}
