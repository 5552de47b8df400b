//! Raw lines over TCP, at least once. The peer says nothing, so what it has got is a guess: the committed position stays
//! [`UNSURE_BYTES`] behind what was sent, or catches up when nothing was sent for a while; a lost connection is followed by
//! sending again from there.

use super::state::{SinkState, StateFile};
use super::{BUFFER_BYTES, Context, failed, write_entry};
use crate::feed::Feed;
use crate::route::Lane;
use logweir_base::entry::{Entry, Follower, FollowerError};
use logweir_base::ids::{JournalId, Position};
use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// More than a connection's buffers on both ends hold by default.
const UNSURE_BYTES: u64 = 8 << 20;
/// The position is saved after so many bytes, and when nothing comes.
const SAVE_BYTES: u64 = 64 << 20;
const CONNECT: Duration = Duration::from_secs(5);
/// A peer that does not read stops us for as long as it likes; so often we look whether to end.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct TcpSink {
    name: String,
    address: String,
    lane: Lane,
    state_file: StateFile,
    feed: Arc<Feed>,
    state: SinkState,
    saved: Position,
    out: Option<BufWriter<Peer>>,
    applied: Position,
    sent_bytes: u64,
    saved_bytes: u64,
    /// Positions, and the bytes that were sent when each was done: those that the peer may not have got.
    unsure: VecDeque<(Position, u64)>,
}

impl TcpSink {
    /// Loads the position; connects when there is something to send.
    pub fn open(context: Context, address: String) -> io::Result<Self> {
        let Context { name, lane, state: state_file, journal, feed, .. } = context;
        let state = state_file.load()?.unwrap_or_else(|| SinkState::at(journal, Position(0), 0));
        Ok(Self {
            name,
            address,
            lane,
            state_file,
            feed,
            saved: state.position,
            applied: state.position,
            state,
            out: None,
            sent_bytes: 0,
            saved_bytes: 0,
            unsure: VecDeque::new(),
        })
    }

    fn send(&mut self, entry: &Entry) -> io::Result<()> {
        let mut out = match self.out.take() {
            Some(out) => out,
            None => BufWriter::with_capacity(BUFFER_BYTES, self.connect()?),
        };
        match write_entry(entry, &mut self.lane, &mut out).and_then(|()| out.flush()) {
            Ok(()) => {
                self.sent_bytes += std::mem::take(&mut out.get_mut().written);
                self.out = Some(out);
                Ok(())
            }
            Err(e) => {
                // Taken apart, or dropping it would write what is left.
                drop(out.into_parts());
                Err(e)
            }
        }
    }

    fn connect(&self) -> io::Result<Peer> {
        let mut last = io::Error::other("the name has no address");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(Peer {
                        stream,
                        feed: Arc::clone(&self.feed),
                        sink: self.name.clone(),
                        written: 0,
                    });
                }
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    fn save(&mut self) -> io::Result<()> {
        if self.saved != self.state.position {
            self.state_file.save(&self.state)?;
            self.saved = self.state.position;
            self.saved_bytes = self.sent_bytes;
        }
        Ok(())
    }
}

impl Follower for TcpSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        Some((self.state.journal, self.state.position))
    }

    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        if let Err(e) = self.send(entry) {
            self.unsure.clear();
            self.applied = self.state.position;
            return Err(failed(&self.address, e));
        }
        self.applied = entry.position;
        self.unsure.push_back((entry.position, self.sent_bytes));
        let sure = self.sent_bytes.saturating_sub(UNSURE_BYTES);
        while let Some(&(position, bytes)) = self.unsure.front()
            && bytes <= sure
        {
            self.state.position = position;
            self.unsure.pop_front();
        }
        if self.sent_bytes - self.saved_bytes >= SAVE_BYTES {
            self.save().map_err(|e| failed(&self.name, e))?;
        }
        Ok(())
    }

    /// Called when nothing comes: the connection's buffers have had time to drain.
    fn commit(&mut self) -> Result<Position, FollowerError> {
        self.unsure.clear();
        self.state.position = self.applied;
        self.save().map_err(|e| failed(&self.name, e))?;
        Ok(self.state.position)
    }
}

/// The connection. Writing waits for the peer as long as it takes, unless the router stops.
struct Peer {
    stream: TcpStream,
    feed: Arc<Feed>,
    sink: String,
    written: u64,
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(bytes) {
                Ok(n) => {
                    self.written += n as u64;
                    return Ok(n);
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if self.feed.wait_closed(Duration::ZERO) {
                        return Err(io::Error::other("stopped while the peer did not read"));
                    }
                    self.feed.report(&self.sink, |progress| {
                        progress.error = Some("the peer does not read".to_owned());
                    });
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
