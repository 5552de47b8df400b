//! Frames: one encoding on the wire and in the journal. Control frames carry JSON, so that they are readable and
//! may grow fields; a batch is binary (see [`crate::batch`]), and so are samples (see [`Packed`]).
//!
//! ```text
//!  0  version       1   FRAME_VERSION
//!  1  kind          1
//!  2  zero          2
//!  4  body length   4   little endian, at most BODY_BYTES_MAX
//!  8  body crc32c   4
//! 12  head crc32c   4   of bytes 0-11, so that a length is believed only when it is right
//! 16  body
//! ```

mod packed;

pub use packed::Packed;

use crate::action::Action;
use crate::batch::{BadBatch, Batch};
use crate::ids::{ConfigVersion, Epoch, Offset, SourceId};
use crate::time::Timestamp;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Version of the encoding above.
pub const FRAME_VERSION: u8 = 1;
/// Bytes before the body.
pub const HEAD_BYTES: usize = 16;
/// Text of a batch, its line table, and some room.
pub const BODY_BYTES_MAX: usize = 4 << 20;

/// Number of a frame's kind on the wire and on disk. Below 32: journaled; from 32 on: conversation only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)] // each is described at the variant of `Frame` it names
pub enum Kind {
    Batch = 1,
    Open = 2,
    Close = 3,
    Gap = 4,
    Config = 5,
    Tick = 6,
    Delete = 7,
    Session = 8,
    Snapshot = 9,
    Samples = 10,
    Action = 11,
    Hello = 32,
    Welcome = 33,
    Refused = 34,
    Opened = 35,
    Resume = 36,
    Resumed = 37,
    Ack = 38,
    Nack = 39,
    Credit = 40,
    Ping = 41,
    Pong = 42,
}

const KINDS: [Kind; 22] = [
    Kind::Batch,
    Kind::Open,
    Kind::Close,
    Kind::Gap,
    Kind::Config,
    Kind::Tick,
    Kind::Delete,
    Kind::Session,
    Kind::Snapshot,
    Kind::Samples,
    Kind::Action,
    Kind::Hello,
    Kind::Welcome,
    Kind::Refused,
    Kind::Opened,
    Kind::Resume,
    Kind::Resumed,
    Kind::Ack,
    Kind::Nack,
    Kind::Credit,
    Kind::Ping,
    Kind::Pong,
];

/// What a shipper knows of a file's identity; the router finds a lost source by it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Device number or file system uuid, as text.
    pub filesystem: String,
    /// Inode number.
    pub inode: u64,
    /// Inode generation (`FS_IOC_GETVERSION`), 0 where the file system has none.
    pub generation: u64,
    /// Birth time in nanoseconds, 0 where the file system has none.
    pub birth: i64,
    /// Bytes at the front of the file that `head_hash` covers, at most 1024.
    pub head_len: u32,
    /// xxh3-64 of these bytes, as 16 hex digits.
    pub head_hash: String,
}

/// Where a source's lines come from; the same for all its lines.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Resource {
    /// Name of the host.
    pub host: String,
    /// Path of the file when it was opened.
    pub path: String,
    /// `--label K=V`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What the source's lines are; fixed when it is opened.
    #[serde(default, skip_serializing_if = "Content::is_text")]
    pub content: Content,
    /// The host's zone as a POSIX TZ rule, for times that are written without one; empty is UTC.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zone: String,
}

/// What a source carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Lines of text, as an application wrote them.
    #[default]
    Text,
    /// Each "line" is a batch of samples, see [`crate::metric::samples`]; the ranges of its lines number and dedupe them as
    /// those of text.
    Samples,
}

impl Content {
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// Shipper: who I am. The first frame of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Stable name of the shipper.
    pub shipper: String,
    /// Differs after each boot of the host.
    pub boot_id: String,
    /// Differs for each process.
    pub instance: String,
}

/// Shipper: a source exists. Journaled before its first batch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Open {
    /// The id the shipper minted, or has had for long.
    pub source: SourceId,
    /// Which file it is.
    pub identity: FileIdentity,
    /// Where it is.
    pub resource: Arc<Resource>,
    /// The shipper has compared heads and knows that this generation is new: never answer with an older source.
    #[serde(default)]
    pub fresh: bool,
    /// Set by the router when it journals the frame.
    #[serde(default)]
    pub shipper: String,
}

/// Shipper: nothing more will come of a source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Close {
    /// Which one.
    pub source: SourceId,
    /// Bytes that were there once and could not be read.
    #[serde(default)]
    pub lost_bytes: u64,
}

/// A range of a source that will never come, and why. Visible, searchable, counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// Of which source.
    pub source: SourceId,
    /// First byte that is missing.
    pub start: Offset,
    /// Just past the last one.
    pub end: Offset,
    /// Why, in a few words: `hole`, `deleted`, `corrupt journal record`.
    pub reason: String,
}

/// A source as the router knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KnownSource {
    /// As it was opened.
    pub open: Open,
    /// All before this offset is in the journal.
    pub hwm: Offset,
    /// The shipper has closed it.
    #[serde(default)]
    pub closed: bool,
    /// When its last record was received.
    pub last_received: Timestamp,
}

/// The router's state at a segment's start, in pieces; the last piece says so.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Sources and their high-watermarks.
    pub sources: Vec<KnownSource>,
    /// Last epoch of each shipper.
    pub epochs: BTreeMap<String, Epoch>,
    /// Configuration version.
    pub config: ConfigVersion,
    /// No more pieces follow.
    pub last: bool,
}

/// One frame, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// Lines.
    Batch(Batch),
    /// A source exists.
    Open(Open),
    /// A source has ended.
    Close(Close),
    /// A range will never come.
    Gap(Gap),
    /// The configuration changed; its text.
    Config {
        /// Number of this configuration.
        version: ConfigVersion,
        /// As the user wrote it.
        text: String,
    },
    /// Wall time as data: appended every 10 s.
    Tick {
        /// The wall time.
        now: Timestamp,
    },
    /// Remove what matches, up to this record's position.
    Delete {
        /// Names the deletion.
        id: String,
        /// What to remove.
        query: String,
    },
    /// A shipper's session began.
    Session {
        /// Whose.
        shipper: String,
        /// Its number.
        epoch: Epoch,
    },
    /// The router's state.
    Snapshot(Snapshot),
    /// A batch of samples that came over HTTP; it belongs to no source.
    Samples(Packed),
    /// What somebody did.
    Action(Action),
    /// Shipper: who I am.
    Hello(Hello),
    /// Router: you may send.
    Welcome {
        /// The session's number; goes into every batch.
        epoch: Epoch,
        /// Bytes of text that may be sent and not yet acknowledged.
        window_bytes: u64,
    },
    /// Router: you may not; the connection closes.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// Router's answer to `Open`.
    Opened {
        /// The id that was asked for.
        asked: SourceId,
        /// The source to use: the same, or one the router knows for this file.
        source: SourceId,
        /// Send from here on.
        hwm: Offset,
        /// The identity the router has of it, when it is not the one asked for: compare the head before you trust it.
        identity: Option<FileIdentity>,
    },
    /// Shipper: how far are these?
    Resume {
        /// Which ones.
        sources: Vec<SourceId>,
    },
    /// Router: so far; an unknown source is absent and must be opened.
    Resumed {
        /// High-watermarks.
        sources: Vec<(SourceId, Offset)>,
    },
    /// Router: all before `hwm` is durable.
    Ack {
        /// Of which source.
        source: SourceId,
        /// High-watermark, cumulative.
        hwm: Offset,
    },
    /// Router: I cannot take that; go on at `expected`. `None`: I do not know the source, open it.
    Nack {
        /// Which source.
        source: SourceId,
        /// Where its next batch must start.
        expected: Option<Offset>,
    },
    /// Router: the window changes; 0 stops the sender (the journal's disk is full).
    Credit {
        /// As in `Welcome`.
        window_bytes: u64,
    },
    /// Are you there?
    Ping {
        /// Comes back in `Pong`.
        nonce: u64,
    },
    /// Yes.
    Pong {
        /// From `Ping`.
        nonce: u64,
    },
}

/// A frame whose checksums hold, not yet decoded; what the journal stores as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawFrame {
    /// What it is.
    pub kind: Kind,
    /// Head and body as they came.
    pub bytes: Bytes,
}

/// Why bytes are not a frame. The connection, or the journal's reader, gives up at this point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadFrame {
    /// Written by a newer logweir.
    Version(u8),
    /// A kind nobody knows.
    Kind(u8),
    /// Body over [`BODY_BYTES_MAX`].
    TooLong(u32),
    /// Head or body checksum is wrong.
    Checksum,
    /// The body is not what its kind says.
    Body(String),
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(v) => write!(f, "frame version {v}, this logweir knows {FRAME_VERSION}"),
            Self::Kind(k) => write!(f, "unknown frame kind {k}"),
            Self::TooLong(n) => write!(f, "frame body of {n} bytes, at most {BODY_BYTES_MAX} allowed"),
            Self::Checksum => f.write_str("frame checksum does not match"),
            Self::Body(why) => write!(f, "frame body: {why}"),
        }
    }
}

impl std::error::Error for BadFrame {}

impl From<BadBatch> for BadFrame {
    fn from(bad: BadBatch) -> Self {
        Self::Body(bad.to_string())
    }
}

impl Kind {
    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        KINDS.into_iter().find(|&kind| kind as u8 == number)
    }
}

impl RawFrame {
    /// The body.
    pub fn body(&self) -> Bytes {
        self.bytes.slice(HEAD_BYTES..)
    }

    /// Takes one frame off the front of `buf`; `None` when more bytes are needed. Checks both checksums.
    pub fn take(buf: &mut BytesMut) -> Result<Option<Self>, BadFrame> {
        let Some(head) = Head::parse(buf)? else {
            return Ok(None);
        };
        if buf.len() < head.total_len() {
            buf.reserve(head.total_len() - buf.len());
            return Ok(None);
        }
        let bytes = buf.split_to(head.total_len()).freeze();
        head.checked(bytes).map(Some)
    }

    /// As [`RawFrame::take`], from shared bytes that must hold exactly one frame.
    pub fn whole(bytes: Bytes) -> Result<Self, BadFrame> {
        match Head::parse(&bytes)? {
            Some(head) if head.total_len() == bytes.len() => head.checked(bytes),
            _ => Err(BadFrame::Body("length differs from what its head says".to_owned())),
        }
    }

    /// Reads the body.
    pub fn decode(&self) -> Result<Frame, BadFrame> {
        let body = self.body();
        Ok(match self.kind {
            Kind::Batch => Frame::Batch(Batch::decode(&body)?),
            Kind::Open => Frame::Open(json(&body)?),
            Kind::Close => Frame::Close(json(&body)?),
            Kind::Gap => Frame::Gap(json(&body)?),
            Kind::Snapshot => Frame::Snapshot(json(&body)?),
            Kind::Action => Frame::Action(json(&body)?),
            Kind::Hello => Frame::Hello(json(&body)?),
            Kind::Samples => Frame::Samples(Packed::decode(&body)?),
            _ => json::<Control>(&body)?.into_frame(self.kind)?,
        })
    }
}

/// Length of the frame that starts here, from its first [`HEAD_BYTES`] bytes; `None` when they are fewer.
pub fn frame_len(bytes: &[u8]) -> Result<Option<usize>, BadFrame> {
    Ok(Head::parse(bytes)?.map(|head| head.total_len()))
}

impl Frame {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Batch(_) => Kind::Batch,
            Self::Open(_) => Kind::Open,
            Self::Close(_) => Kind::Close,
            Self::Gap(_) => Kind::Gap,
            Self::Config { .. } => Kind::Config,
            Self::Tick { .. } => Kind::Tick,
            Self::Delete { .. } => Kind::Delete,
            Self::Session { .. } => Kind::Session,
            Self::Snapshot(_) => Kind::Snapshot,
            Self::Samples(_) => Kind::Samples,
            Self::Action(_) => Kind::Action,
            Self::Hello(_) => Kind::Hello,
            Self::Welcome { .. } => Kind::Welcome,
            Self::Refused { .. } => Kind::Refused,
            Self::Opened { .. } => Kind::Opened,
            Self::Resume { .. } => Kind::Resume,
            Self::Resumed { .. } => Kind::Resumed,
            Self::Ack { .. } => Kind::Ack,
            Self::Nack { .. } => Kind::Nack,
            Self::Credit { .. } => Kind::Credit,
            Self::Ping { .. } => Kind::Ping,
            Self::Pong { .. } => Kind::Pong,
        }
    }

    /// The frame in one buffer.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(256);
        self.encode_to(&mut out);
        Bytes::from(out)
    }

    /// Appends the frame.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        let at = begin(out);
        match self {
            Self::Batch(batch) => {
                batch.encode_head(out);
                out.extend_from_slice(&batch.payload);
            }
            Self::Open(open) => put_json(out, open),
            Self::Close(close) => put_json(out, close),
            Self::Gap(gap) => put_json(out, gap),
            Self::Snapshot(snapshot) => put_json(out, snapshot),
            Self::Hello(hello) => put_json(out, hello),
            Self::Samples(packed) => packed.encode(out),
            Self::Action(action) => put_json(out, action),
            control => put_json(out, &Control::from_frame(control)),
        }
        finish(out, at, self.kind(), &[]);
    }

    /// Appends a batch's frame but for the payload, which the caller writes behind it: no copy of the text.
    pub fn encode_batch_head(batch: &Batch, out: &mut Vec<u8>) {
        let at = begin(out);
        batch.encode_head(out);
        finish(out, at, Kind::Batch, &batch.payload);
    }
}

/// The first sixteen bytes.
struct Head {
    kind: u8,
    body_len: u32,
    body_crc: u32,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Option<Self>, BadFrame> {
        let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        if crc32c::crc32c(&head[..12]) != number(12) {
            return Err(BadFrame::Checksum);
        }
        if head[0] != FRAME_VERSION {
            return Err(BadFrame::Version(head[0]));
        }
        let body_len = number(4);
        if body_len as usize > BODY_BYTES_MAX {
            return Err(BadFrame::TooLong(body_len));
        }
        Ok(Some(Self { kind: head[1], body_len, body_crc: number(8) }))
    }

    fn total_len(&self) -> usize {
        HEAD_BYTES + self.body_len as usize
    }

    fn checked(&self, bytes: Bytes) -> Result<RawFrame, BadFrame> {
        if crc32c::crc32c(&bytes[HEAD_BYTES..]) != self.body_crc {
            return Err(BadFrame::Checksum);
        }
        let kind = Kind::from_number(self.kind).ok_or(BadFrame::Kind(self.kind))?;
        Ok(RawFrame { kind, bytes })
    }
}

/// JSON of the small frames; one shape with optional fields keeps the table of kinds in one place.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Control {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<ConfigVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<Epoch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<SourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<Offset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<FileIdentity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<(SourceId, Offset)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<SourceId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
}

impl Control {
    fn from_frame(frame: &Frame) -> Self {
        let none = Self::default();
        match frame.clone() {
            Frame::Config { version, text } => Self { version: Some(version), text: Some(text), ..none },
            Frame::Tick { now } => Self { now: Some(now), ..none },
            Frame::Delete { id, query } => Self { id: Some(id), text: Some(query), ..none },
            Frame::Session { shipper, epoch } => Self { id: Some(shipper), epoch: Some(epoch), ..none },
            Frame::Welcome { epoch, window_bytes } => {
                Self { epoch: Some(epoch), window_bytes: Some(window_bytes), ..none }
            }
            Frame::Refused { reason } => Self { text: Some(reason), ..none },
            Frame::Opened { asked, source, hwm, identity } => {
                Self { asked: Some(asked), source: Some(source), offset: Some(hwm), identity, ..none }
            }
            Frame::Resume { sources } => Self { ids: Some(sources), ..none },
            Frame::Resumed { sources } => Self { sources: Some(sources), ..none },
            Frame::Ack { source, hwm } => Self { source: Some(source), offset: Some(hwm), ..none },
            Frame::Nack { source, expected } => Self { source: Some(source), offset: expected, ..none },
            Frame::Credit { window_bytes } => Self { window_bytes: Some(window_bytes), ..none },
            Frame::Ping { nonce } | Frame::Pong { nonce } => Self { nonce: Some(nonce), ..none },
            _ => none,
        }
    }

    fn into_frame(self, kind: Kind) -> Result<Frame, BadFrame> {
        let frame =
            match kind {
                Kind::Config => {
                    (self.version).zip(self.text).map(|(version, text)| Frame::Config { version, text })
                }
                Kind::Tick => self.now.map(|now| Frame::Tick { now }),
                Kind::Delete => self.id.zip(self.text).map(|(id, query)| Frame::Delete { id, query }),
                Kind::Session => {
                    self.id.zip(self.epoch).map(|(shipper, epoch)| Frame::Session { shipper, epoch })
                }
                Kind::Welcome => (self.epoch)
                    .zip(self.window_bytes)
                    .map(|(epoch, window_bytes)| Frame::Welcome { epoch, window_bytes }),
                Kind::Refused => self.text.map(|reason| Frame::Refused { reason }),
                Kind::Opened => {
                    let identity = self.identity;
                    (self.asked)
                        .zip(self.source)
                        .zip(self.offset)
                        .map(|((asked, source), hwm)| Frame::Opened { asked, source, hwm, identity })
                }
                Kind::Resume => self.ids.map(|sources| Frame::Resume { sources }),
                Kind::Resumed => self.sources.map(|sources| Frame::Resumed { sources }),
                Kind::Ack => self.source.zip(self.offset).map(|(source, hwm)| Frame::Ack { source, hwm }),
                Kind::Nack => self.source.map(|source| Frame::Nack { source, expected: self.offset }),
                Kind::Credit => self.window_bytes.map(|window_bytes| Frame::Credit { window_bytes }),
                Kind::Ping => self.nonce.map(|nonce| Frame::Ping { nonce }),
                Kind::Pong => self.nonce.map(|nonce| Frame::Pong { nonce }),
                _ => None,
            };
        frame.ok_or_else(|| BadFrame::Body(format!("a field of {kind:?} is missing")))
    }
}

fn begin(out: &mut Vec<u8>) -> usize {
    let at = out.len();
    out.resize(at + HEAD_BYTES, 0);
    at
}

/// Writes the head of the frame that began at `at` and whose body is what follows it, then `behind`.
fn finish(out: &mut [u8], at: usize, kind: Kind, behind: &[u8]) {
    let body = &out[at + HEAD_BYTES..];
    let body_len = u32::try_from(body.len() + behind.len()).expect("bodies are bounded");
    let crc = crc32c::crc32c_append(crc32c::crc32c(body), behind);
    let head = &mut out[at..at + HEAD_BYTES];
    head[0] = FRAME_VERSION;
    head[1] = kind as u8;
    head[4..8].copy_from_slice(&body_len.to_le_bytes());
    head[8..12].copy_from_slice(&crc.to_le_bytes());
    let head_crc = crc32c::crc32c(&head[..12]);
    head[12..16].copy_from_slice(&head_crc.to_le_bytes());
}

fn json<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, BadFrame> {
    serde_json::from_slice(body).map_err(|e| BadFrame::Body(e.to_string()))
}

fn put_json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("plain data always serialises");
}

/// Whether frames of this kind are records of the journal, with a position each.
pub fn is_journaled(kind: Kind) -> bool {
    (kind as u8) < 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> Vec<Frame> {
        let (source, hwm) = (SourceId::random(), Offset(12));
        let open = Open {
            source,
            identity: FileIdentity { inode: 7, head_hash: "ab".into(), ..FileIdentity::default() },
            resource: Arc::new(Resource { host: "h".into(), path: "/p".into(), ..Resource::default() }),
            fresh: true,
            shipper: "s".into(),
        };
        let known = KnownSource { open: open.clone(), hwm, closed: false, last_received: Timestamp(5) };
        vec![
            Frame::Open(open),
            Frame::Close(Close { source, lost_bytes: 3 }),
            Frame::Gap(Gap { source, start: Offset(1), end: hwm, reason: "hole".into() }),
            Frame::Config { version: ConfigVersion(2), text: "x".into() },
            Frame::Tick { now: Timestamp(9) },
            Frame::Delete { id: "d".into(), query: "q".into() },
            Frame::Session { shipper: "s".into(), epoch: Epoch(3) },
            Frame::Snapshot(Snapshot { sources: vec![known], last: true, ..Snapshot::default() }),
            Frame::Samples(Packed::of(Bytes::from(vec![7; 5000]))),
            Frame::Action(Action::Reopen { group: "g".into(), by: "me".into() }),
            Frame::Hello(Hello { shipper: "s".into(), boot_id: "b".into(), instance: "i".into() }),
            Frame::Welcome { epoch: Epoch(1), window_bytes: 5 },
            Frame::Refused { reason: "no".into() },
            Frame::Opened { asked: source, source, hwm, identity: Some(FileIdentity::default()) },
            Frame::Resume { sources: vec![source] },
            Frame::Resumed { sources: vec![(source, hwm)] },
            Frame::Ack { source, hwm },
            Frame::Nack { source, expected: None },
            Frame::Credit { window_bytes: 0 },
            Frame::Ping { nonce: 1 },
            Frame::Pong { nonce: 1 },
        ]
    }

    #[test]
    fn every_kind_comes_back_as_it_went() {
        let mut buf = BytesMut::new();
        for frame in frames() {
            buf.extend_from_slice(&frame.encode());
        }
        for frame in frames_like(&mut buf) {
            assert_eq!(RawFrame::whole(frame.encode()).expect("whole").decode(), Ok(frame));
        }
        assert!(buf.is_empty());
    }

    fn frames_like(buf: &mut BytesMut) -> Vec<Frame> {
        let mut out = Vec::new();
        while let Some(raw) = RawFrame::take(buf).expect("good frames") {
            out.push(raw.decode().expect("good body"));
        }
        assert_eq!(out.len(), frames().len());
        out
    }

    /// N09, N10: cut anywhere, nothing is read; any flipped byte, nothing is applied.
    #[test]
    fn n09_n10_cut_and_flipped_bytes_never_yield_a_frame() {
        let whole = Frame::Ack { source: SourceId::random(), hwm: Offset(5) }.encode();
        for n in 0..whole.len() {
            let mut buf = BytesMut::from(&whole[..n]);
            assert_eq!(RawFrame::take(&mut buf), Ok(None), "cut at {n}");
            let mut bytes = whole.to_vec();
            bytes[n] ^= 0x10;
            assert!(RawFrame::take(&mut BytesMut::from(&bytes[..])).is_err(), "flipped at {n}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, kind in 0u8..50) {
            let _ = RawFrame::take(&mut BytesMut::from(&bytes[..]));
            let mut framed = vec![0; HEAD_BYTES];
            framed.extend_from_slice(&bytes);
            if let Some(kind) = Kind::from_number(kind) {
                finish(&mut framed, 0, kind, &[]);
                let _ = RawFrame::whole(Bytes::from(framed)).expect("checksums hold").decode();
            }
        }
    }
}
