//! The socket side: connect, say HELLO, then carry frames both ways until something breaks; wait a little; again.
//!
//! One thread, one connection, all files. What is to be sent comes through a queue of [`QUEUE_FRAMES`] frames, each tagged
//! with its session, so that what was meant for a lost connection is dropped: the reader reads it again from the file.
//! The text of a batch goes from the read buffer to the socket by a vectored write.
//!
//! A dead peer is noticed by a heartbeat (three unanswered) and by `TCP_USER_TIMEOUT`.

use crate::config::Settings;
use bytes::{Buf, Bytes, BytesMut};
use crossbeam::channel::Sender;
use logweir_base::frame::{Frame, Hello, RawFrame};
use logweir_base::ids::{Epoch, random_bytes};
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// Frames between the reader and the socket; each is at most one batch.
pub const QUEUE_FRAMES: usize = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// What the connection tells the reader.
#[derive(Debug)]
pub enum LinkEvent {
    /// A session has begun; frames tagged with `session` will be sent.
    Up {
        /// Counts connections of this process.
        session: u64,
        /// Goes into batches.
        epoch: Epoch,
        /// Bytes that may be unacknowledged.
        window_bytes: u64,
    },
    /// The router has spoken.
    Frame {
        /// In which session.
        session: u64,
        /// What.
        frame: Frame,
    },
    /// A frame of the queue was written or dropped: there is room for one more.
    Taken,
    /// The session has ended, or none could be begun; the text says why.
    Down(String),
}

/// A frame and the session it belongs to.
#[derive(Debug)]
pub struct Outgoing {
    /// As in [`LinkEvent::Up`].
    pub session: u64,
    /// What to send.
    pub frame: Frame,
}

/// Where to connect, and as whom.
#[derive(Clone, Debug)]
pub struct Peer {
    /// `HOST:PORT`.
    pub to: String,
    /// First frame of every connection.
    pub hello: Hello,
}

/// Carries frames until `stop` turns true or the reader is gone. Never waits for the network once told to stop.
pub async fn run<E: From<LinkEvent> + Send>(
    peer: Peer,
    settings: Settings,
    mut outgoing: mpsc::Receiver<Outgoing>,
    events: Sender<E>,
    mut stop: watch::Receiver<bool>,
) {
    let work = async {
        let mut backoff = BACKOFF_MIN;
        for session in 1.. {
            let mut link =
                Link { session, settings: &settings, outgoing: &mut outgoing, events: &events, begun: false };
            let why = link.connect_and_carry(&peer).await;
            if link.begun {
                backoff = BACKOFF_MIN;
            }
            if why == Ended::ReaderGone || events.send(LinkEvent::Down(why.to_string()).into()).is_err() {
                return;
            }
            tokio::time::sleep(jittered(backoff)).await;
            backoff = (backoff * 2).min(settings.backoff_max);
        }
    };
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|&stop| stop) => {}
    }
}

/// Why a connection has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Ended {
    /// The reader needs it no more.
    ReaderGone,
    /// The router said no.
    Refused(String),
    /// Anything else.
    Broken(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReaderGone => f.write_str("the shipper stops"),
            Self::Refused(why) => write!(f, "refused by the router: {why}"),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for Ended {
    fn from(e: io::Error) -> Self {
        Self::Broken(e.to_string())
    }
}

/// One attempt.
struct Link<'a, E> {
    session: u64,
    settings: &'a Settings,
    outgoing: &'a mut mpsc::Receiver<Outgoing>,
    events: &'a Sender<E>,
    begun: bool,
}

impl<E: From<LinkEvent>> Link<'_, E> {
    async fn connect_and_carry(&mut self, peer: &Peer) -> Ended {
        let error = match self.begin(peer).await {
            Ok((read, write)) => self.carry(read, write).await,
            Err(ended) => ended,
        };
        match error {
            Ended::Broken(why) => Ended::Broken(format!("{}: {why}", peer.to)),
            other => other,
        }
    }

    async fn begin(&mut self, peer: &Peer) -> Result<(FrameReader, OwnedWriteHalf), Ended> {
        let late = |_| Ended::Broken("no answer in time".to_owned());
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(&peer.to)).await.map_err(late)??;
        stream.set_nodelay(true)?;
        let silence = u32::try_from(self.settings.heartbeat.as_millis() * 3).unwrap_or(u32::MAX);
        rustix::net::sockopt::set_tcp_user_timeout(&stream, silence).map_err(io::Error::from)?;
        let (read, mut write) = stream.into_split();
        let mut read = FrameReader { read, buf: BytesMut::new() };
        write.write_all(&Frame::Hello(peer.hello.clone()).encode()).await?;
        match timeout(HANDSHAKE_TIMEOUT, read.next()).await.map_err(late)?? {
            Frame::Welcome { epoch, window_bytes } => {
                self.begun = true;
                self.tell(LinkEvent::Up { session: self.session, epoch, window_bytes })?;
                Ok((read, write))
            }
            Frame::Refused { reason } => Err(Ended::Refused(reason)),
            other => Err(Ended::Broken(format!("{:?} instead of a welcome", other.kind()))),
        }
    }

    /// Both directions at once, so that neither waits for the other.
    async fn carry(&mut self, read: FrameReader, write: OwnedWriteHalf) -> Ended {
        // Pings of the router that are to be answered; when it sends more than it reads answers, it gets fewer.
        let (pong, pongs) = mpsc::channel(4);
        let (session, events, heartbeat) = (self.session, self.events, self.settings.heartbeat);
        let result: Result<(), Ended> = tokio::select! {
            ended = receive(read, session, events, pong, heartbeat) => ended,
            ended = send(write, session, events, self.outgoing, pongs, heartbeat) => ended,
        };
        result.err().unwrap_or(Ended::ReaderGone)
    }

    fn tell(&self, event: LinkEvent) -> Result<(), Ended> {
        self.events.send(event.into()).map_err(|_| Ended::ReaderGone)
    }
}

async fn receive<E: From<LinkEvent>>(
    mut read: FrameReader,
    session: u64,
    events: &Sender<E>,
    pong: mpsc::Sender<u64>,
    heartbeat: Duration,
) -> Result<(), Ended> {
    loop {
        let silent = |_| Ended::Broken("no sign of life from the router".to_owned());
        match timeout(heartbeat * 3, read.next()).await.map_err(silent)?? {
            Frame::Ping { nonce } => {
                let _ = pong.try_send(nonce);
            }
            Frame::Pong { .. } => {}
            Frame::Refused { reason } => return Err(Ended::Refused(reason)),
            frame => {
                let event = LinkEvent::Frame { session, frame };
                events.send(event.into()).map_err(|_| Ended::ReaderGone)?;
            }
        }
    }
}

async fn send<E: From<LinkEvent>>(
    mut write: OwnedWriteHalf,
    session: u64,
    events: &Sender<E>,
    outgoing: &mut mpsc::Receiver<Outgoing>,
    mut pongs: mpsc::Receiver<u64>,
    heartbeat: Duration,
) -> Result<(), Ended> {
    let mut head = Vec::with_capacity(1 << 16);
    let mut next_ping = Instant::now() + heartbeat;
    loop {
        tokio::select! {
            queued = outgoing.recv() => {
                let Some(queued) = queued else { return Ok(()) };
                if queued.session == session {
                    write_frame(&mut write, queued.frame, &mut head).await?;
                }
                events.send(LinkEvent::Taken.into()).map_err(|_| Ended::ReaderGone)?;
            }
            Some(nonce) = pongs.recv() => write.write_all(&Frame::Pong { nonce }.encode()).await?,
            () = tokio::time::sleep_until(next_ping) => {
                write.write_all(&Frame::Ping { nonce: session }.encode()).await?;
                next_ping = Instant::now() + heartbeat;
            }
        }
    }
}

async fn write_frame(write: &mut OwnedWriteHalf, frame: Frame, head: &mut Vec<u8>) -> io::Result<()> {
    head.clear();
    let payload = match frame {
        Frame::Batch(batch) => {
            Frame::encode_batch_head(&batch, head);
            batch.payload
        }
        control => {
            control.encode_to(head);
            Bytes::new()
        }
    };
    write.write_all_buf(&mut Buf::chain(head.as_slice(), payload)).await
}

/// Takes frames off a socket.
struct FrameReader {
    read: OwnedReadHalf,
    buf: BytesMut,
}

impl FrameReader {
    async fn next(&mut self) -> Result<Frame, Ended> {
        loop {
            let bad = |e: logweir_base::frame::BadFrame| Ended::Broken(e.to_string());
            if let Some(raw) = RawFrame::take(&mut self.buf).map_err(bad)? {
                return raw.decode().map_err(bad);
            }
            if self.read.read_buf(&mut self.buf).await? == 0 {
                return Err(Ended::Broken("the router closed the connection".to_owned()));
            }
        }
    }
}

/// Half of `backoff` and a random part of the other half, so that a fleet does not come back in step (N08).
fn jittered(backoff: Duration) -> Duration {
    let random = u32::from(random_bytes()[0]);
    backoff / 2 + backoff / 2 * random / 255
}
