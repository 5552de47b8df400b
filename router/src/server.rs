//! Connections of shippers: frames in, answers out. Back-pressure is not reading a socket: a frame goes on only with a share of the
//! memory for frames in flight, and while there is none the next frame stays with the sender.
//!
//! Deadlines: the first frame within [`HELLO`]; from then on a whole frame at least every [`SILENCE`], which a peer with nothing
//! to say meets by answering the pings sent every [`PING`]. That is the heartbeat and the minimal rate in one.

use crate::core::{ConnId, Peer, Reply, Request};
use crate::status::{Count, Tally};
use bytes::BytesMut;
use crossbeam::channel::Sender;
use logweir_base::frame::{BadFrame, Frame, Hello, Kind, Packed, RawFrame};
use logweir_base::ids::Position;
use logweir_base::time::Clock;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_stream::StreamExt;
use tokio_util::codec::{Decoder, FramedRead};
use tokio_util::sync::CancellationToken;

/// From accept to the first frame.
const HELLO: Duration = Duration::from_secs(5);
/// From one whole frame to the next.
const SILENCE: Duration = Duration::from_secs(30);
const PING: Duration = Duration::from_secs(10);
/// A peer that does not take its answers for so long is gone.
const WRITE: Duration = Duration::from_secs(30);
/// Pause after an accept failed for want of file descriptors or memory.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Groups of answers that wait for a peer to read them.
const REPLIES_MAX: usize = 64;
/// What a frame counts at least against the memory in flight, so that its share also bounds the number of frames.
pub(crate) const FRAME_COST_MIN: usize = 8 << 10;
/// Read at a time.
const READ_BYTES: usize = 64 << 10;

/// What all connections share.
pub(crate) struct Server {
    pub requests: Sender<Request>,
    pub in_flight: Arc<Semaphore>,
    pub in_flight_bytes: usize,
    pub connections: Arc<Semaphore>,
    pub next_id: AtomicU64,
    pub tally: Arc<Tally>,
    pub clock: Arc<dyn Clock>,
    pub stop: CancellationToken,
}

impl Server {
    /// Accepts until it is told to stop.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => self.clone().admit(stream),
                Err(e) => {
                    self.tally.error(self.clock.now(), format!("connection not accepted: {e}"));
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn admit(self: Arc<Self>, stream: TcpStream) {
        let Ok(admitted) = Arc::clone(&self.connections).try_acquire_owned() else {
            return self.tally.one(Count::OverCap);
        };
        self.tally.one(Count::Connections);
        tokio::spawn(async move {
            self.converse(stream).await;
            drop(admitted);
        });
    }

    async fn converse(&self, stream: TcpStream) {
        // Answers are small and somebody waits for them; if it cannot be set they are only later.
        let _ = stream.set_nodelay(true);
        let (read, write) = stream.into_split();
        let mut frames = FramedRead::with_capacity(read, FrameDecoder, READ_BYTES);
        let hello = match timeout(HELLO, frames.next()).await {
            Ok(Some(Ok(raw))) => raw,
            Ok(Some(Err(e))) => return self.bad_frame(&e),
            Ok(None) => return,
            Err(_) => return self.tally.one(Count::Timeouts),
        };
        let Ok(Frame::Hello(hello)) = hello.decode() else {
            return self.tally.one(Count::BadFrames);
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (replies, outbound) = mpsc::channel(REPLIES_MAX);
        let cancel = self.stop.child_token();
        let heard = Arc::new(AtomicI64::new(self.clock.now().0));
        let peer = Peer { replies, cancel: cancel.clone(), heard };
        tokio::select! {
            () = self.read(id, hello, peer, frames) => {}
            () = write_replies(outbound, write) => {}
            () = cancel.cancelled() => {}
        }
        self.send(Request::Closed { conn: id });
    }

    /// Reads frames and hands them on, one share of memory each.
    async fn read(
        &self,
        id: ConnId,
        hello: Hello,
        peer: Peer,
        mut frames: FramedRead<OwnedReadHalf, FrameDecoder>,
    ) {
        let Peer { replies, heard, .. } = peer.clone();
        let permit = self.share(0).await;
        self.send(Request::Hello { conn: id, hello, peer, permit });
        loop {
            let raw = match timeout(SILENCE, frames.next()).await {
                Ok(Some(Ok(raw))) => raw,
                Ok(Some(Err(e))) => return self.bad_frame(&e),
                Ok(None) => break,
                Err(_) => return self.tally.one(Count::Timeouts),
            };
            heard.store(self.clock.now().0, Ordering::Relaxed);
            match raw.kind {
                Kind::Pong => {}
                Kind::Ping => {
                    if let Ok(Frame::Ping { nonce }) = raw.decode() {
                        // Full: the peer does not read; the write deadline deals with it.
                        let _ = replies.try_send(Reply::More(Frame::Pong { nonce }.encode()));
                    }
                }
                _ => {
                    let permit = self.share(raw.bytes.len()).await;
                    self.send(Request::Frame { conn: id, frame: raw, permit });
                }
            }
        }
    }

    /// Waits for a share of the memory in flight.
    async fn share(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let cost = bytes.max(FRAME_COST_MIN).min(self.in_flight_bytes);
        let cost = u32::try_from(cost).expect("frames are bounded");
        Arc::clone(&self.in_flight).acquire_many_owned(cost).await.ok()
    }

    /// Hands on samples that came another way; the answer is their position once they are durable.
    pub async fn append_samples(&self, packed: Packed, bytes: usize) -> Option<Position> {
        let permit = self.share(bytes).await;
        let (done, position) = oneshot::channel();
        self.send(Request::Samples { packed, done, permit });
        position.await.ok()
    }

    fn send(&self, request: Request) {
        // The channel holds more requests than shares are given out, so it is never full; it is closed when the core
        // has ended, and then nothing matters.
        let _ = self.requests.try_send(request);
    }

    /// N10: nothing of a frame that is not sound is applied, and nothing after it is believed.
    fn bad_frame(&self, e: &io::Error) {
        if e.kind() == io::ErrorKind::InvalidData {
            self.tally.one(Count::BadFrames);
            self.tally.error(self.clock.now(), format!("connection dropped: {e}"));
        }
    }
}

/// Writes answers as they come, and a ping now and then.
async fn write_replies(mut outbound: mpsc::Receiver<Reply>, mut write: OwnedWriteHalf) {
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.tick().await;
    let mut nonce = 0;
    loop {
        let reply = tokio::select! {
            reply = outbound.recv() => reply,
            _ = pings.tick() => {
                nonce += 1;
                Some(Reply::More(Frame::Ping { nonce }.encode()))
            }
        };
        let (bytes, is_last) = match reply {
            Some(Reply::More(bytes)) => (bytes, false),
            Some(Reply::Last(bytes)) => (bytes, true),
            None => return,
        };
        let written = timeout(WRITE, write.write_all(&bytes)).await;
        if is_last || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// Cuts a stream of bytes into frames whose checksums hold.
struct FrameDecoder;

impl Decoder for FrameDecoder {
    type Item = RawFrame;
    type Error = io::Error;

    fn decode(&mut self, buf: &mut BytesMut) -> io::Result<Option<RawFrame>> {
        RawFrame::take(buf).map_err(|e: BadFrame| io::Error::new(io::ErrorKind::InvalidData, e))
    }

    /// A frame that the peer did not finish was never sent.
    fn decode_eof(&mut self, buf: &mut BytesMut) -> io::Result<Option<RawFrame>> {
        self.decode(buf)
    }
}
