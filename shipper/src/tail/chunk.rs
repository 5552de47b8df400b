//! One turn of one file: look at it, and turn what is new into a batch.
//!
//! One read fetches the bytes before the position together with those behind it, so that the check that
//! nothing was changed and the new lines come from the same moment. The read buffer becomes the batch's
//! payload and returns to the pool when that is written.
//!
//! Limits: a turn reads at most [`CHUNK_BYTES`]; the pool keeps at most [`POOL_BUFFERS`].

use super::hold::{Ending, Unsent, begins, close_groups};
use super::source::{Sent, Source};
use crate::framer::{AtEnd, Framed, frame};
use crate::identity::{HEAD_BYTES_MAX, Observed, RING_BYTES, TAIL_BYTES, hash, hash_before};
use crate::redact::Redactor;
use bytes::Bytes;
use logweir_base::batch::{Batch, Codec, LINE_BYTES_MAX, LineMeta, TEXT_BYTES_MAX};
use logweir_base::ids::{Epoch, Offset};
use logweir_base::multiline::Joiner;
use memchr::memchr;
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes read in one turn: the longest line there is.
pub const CHUNK_BYTES: usize = LINE_BYTES_MAX;
/// zstd level: 475-500 MB per CPU-second at 5.8-6.4x; higher levels buy nothing on logs (LIMITS section 4).
const ZSTD_LEVEL: i32 = 1;
const POOL_BUFFERS: usize = 6;
/// So much that was left is rather read again than looked behind.
const REREAD_BYTES: u64 = 16 << 10;

/// What a look at a file has found.
pub enum Look {
    /// Nothing to send: what there is waits.
    Idle(Unsent),
    /// Not the file it was: truncated, rolled back or rewritten.
    Changed,
    /// Nothing is stored up to this offset.
    Hole(Offset, Sent),
    /// Lines.
    Lines(Box<Lines>),
}

/// Lines to send, and what is known at their end.
pub struct Lines {
    /// What goes to the router.
    pub batch: Batch,
    /// Up to where, and what stands there.
    pub sent: Sent,
    /// As in [`Framed`].
    pub part: u32,
    /// As in [`Framed`].
    pub cut: bool,
    /// The last group may go on, and is like this.
    pub open: Option<Box<Joiner>>,
}

/// What a look goes by.
pub struct Terms {
    /// What becomes of what is unfinished, provided that the file ends at `quiet_to` or before.
    pub at_end: AtEnd,
    /// If there is more, the file has just grown: then what is unfinished waits.
    pub quiet_to: Offset,
    /// As the lines before the position have left it.
    pub joiner: Joiner,
    /// The session.
    pub epoch: Epoch,
}

/// Read buffers, compressor and redactor, used by all files in turn.
pub struct Reader {
    pool: Pool,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    /// What hides secrets.
    pub redactor: Redactor,
}

impl Reader {
    /// Compresses with `codec`. Fails only when zstd gives no context.
    pub fn new(codec: Codec, redactor: Redactor) -> io::Result<Self> {
        let zstd = match codec {
            Codec::None => None,
            Codec::Zstd => Some(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        };
        Ok(Self { pool: Pool::default(), zstd, redactor })
    }

    /// Looks at `file` where `source` stands. `unsent` is what an earlier look has left.
    pub fn look(&mut self, file: &File, source: &Source, unsent: &Unsent, terms: &Terms) -> io::Result<Look> {
        // Fast path: much was left, and only a little is new.
        if terms.at_end == AtEnd::Hold
            && unsent.waits(source)
            && unsent.seen_to.0 - unsent.from.0 >= REREAD_BYTES
            && let Some(unsent) = still_waits(file, unsent, &self.pool)?
        {
            return Ok(if is_unchanged(file, source, None)? { Look::Idle(unsent) } else { Look::Changed });
        }
        let before = usize::try_from(source.sent.0).map_or(TAIL_BYTES, |sent| sent.min(TAIL_BYTES));
        let mut buf = self.pool.take();
        read_to(file, source.sent.0 - before as u64, before + CHUNK_BYTES, &mut buf)?;
        if buf.len() < before || !is_unchanged(file, source, Some(&buf[..before]))? {
            return Ok(Look::Changed);
        }
        if let Some(look) = hole_at(file, source, &buf[before..])? {
            return Ok(look);
        }
        let chunk = &buf[before..];
        let seen_to = source.sent.plus(chunk.len() as u64);
        let is_growing = chunk.len() == CHUNK_BYTES || seen_to > terms.quiet_to;
        let at_end = if is_growing { AtEnd::Hold } else { terms.at_end };
        let mut framed = frame(chunk, source.part(&buf[..before]), at_end);
        match close_groups(chunk, &mut framed, &terms.joiner, at_end) {
            Ending::Held(joiner) => {
                let lines_to = source.sent.plus(framed.len as u64);
                let mixed = framed.lines[1..].iter().any(begins);
                Ok(Look::Idle(Unsent { from: source.sent, lines_to, seen_to, joiner: Some(joiner), mixed }))
            }
            _ if framed.lines.is_empty() => {
                Ok(Look::Idle(Unsent { seen_to, ..Unsent::nothing(source.sent) }))
            }
            Ending::Closed => self.batch(source, buf, before, framed, None, terms),
            Ending::Open(joiner) => self.batch(source, buf, before, framed, Some(joiner), terms),
        }
    }

    fn batch(
        &mut self,
        source: &Source,
        buf: Buffer,
        before: usize,
        mut framed: Framed,
        mut open: Option<Box<Joiner>>,
        terms: &Terms,
    ) -> io::Result<Look> {
        let (text, count) = (&buf[before..before + framed.len], framed.lines.len());
        let mut redacted = match self.redactor.is_empty() {
            true => None,
            false => self.redactor.apply(text, &mut framed.lines, TEXT_BYTES_MAX),
        };
        if let Some(redacted) = redacted.as_mut().filter(|_| framed.lines.len() < count) {
            open = end_at_group(text, source.part(&buf[..before]), &mut framed, &terms.joiner);
            redacted.truncate(framed.lines.iter().map(|line| line.text_len as usize).sum());
        }
        let end = source.sent.plus(framed.len as u64);
        let sent = sent_up_to(end, &buf[..before + framed.len]);
        let payload = match redacted {
            Some(text) => Bytes::from(text),
            None => Bytes::from_owner(buf).slice(before..before + framed.len),
        };
        let text_len = u32::try_from(payload.len()).expect("at most TEXT_BYTES_MAX");
        let (codec, payload) = match &mut self.zstd {
            Some(zstd) => (Codec::Zstd, Bytes::from(zstd.compress(&payload)?)),
            None => (Codec::None, payload),
        };
        let lines = std::mem::take(&mut framed.lines);
        let batch = Batch {
            source: source.record.source,
            epoch: terms.epoch,
            first_start: source.sent,
            lines,
            codec,
            text_len,
            payload,
        };
        let sent = Sent { bytes: u64::from(text_len), ..sent };
        Ok(Look::Lines(Box::new(Lines { batch, sent, part: framed.part, cut: framed.cut, open })))
    }
}

/// Lines were taken off the end of `framed` because redaction has made them too long: ends it where no group
/// is open, and where there is no such place, inside the group.
fn end_at_group(text: &[u8], part: u32, framed: &mut Framed, joiner: &Joiner) -> Option<Box<Joiner>> {
    let len = framed.lines.iter().map(|line| line.range_len as usize).sum();
    let mut again = frame(&text[..len], part, AtEnd::Hold);
    let open = match close_groups(&text[..len], &mut again, joiner, AtEnd::Hold) {
        Ending::Closed => None,
        Ending::Open(joiner) | Ending::Held(joiner) => Some(joiner),
    };
    framed.keep(again.lines.len());
    (framed.len, framed.part, framed.cut) = (again.len, again.part, false);
    if let Some(last) = framed.lines.last_mut().filter(|_| open.is_some()) {
        last.meta.0 |= LineMeta::TRUNCATED;
    }
    open
}

/// Whether the file still holds what was read of it. `before` are the bytes before `source.sent` when at
/// hand.
pub fn is_unchanged(file: &File, source: &Source, before: Option<&[u8]>) -> io::Result<bool> {
    if source.record.finished {
        return Ok(true);
    }
    let identity = &source.record.identity;
    let head = hash_before(file, Offset(u64::from(identity.head_len)), HEAD_BYTES_MAX)?;
    if head.is_none_or(|head| format!("{head:016x}") != identity.head_hash) {
        return Ok(false);
    }
    let (offset, tail) = source.check();
    match before.filter(|_| offset == source.sent) {
        Some(before) => Ok(hash(before) == tail),
        None => Ok(hash_before(file, offset, TAIL_BYTES)? == Some(tail)),
    }
}

/// Lets the head of an identity grow to what the file has by now; the part known so far is unchanged.
pub fn grow_head(file: &File, source: &mut Source) -> io::Result<()> {
    if (source.record.identity.head_len as usize) < HEAD_BYTES_MAX {
        let seen = Observed::of(file)?;
        if seen.same_head(&source.record.identity) {
            source.record.identity = seen.identity();
        }
    }
    Ok(())
}

/// What stands before `end`, given the last bytes up to it.
pub fn sent_up_to(end: Offset, bytes: &[u8]) -> Sent {
    let last = |len: usize| hash(&bytes[bytes.len().saturating_sub(len)..]);
    Sent { end, bytes: 0, tail: last(TAIL_BYTES), ring: last(RING_BYTES) }
}

/// What waits now, provided that what waited still does: the line has not ended, or what is new continues the
/// group. Reads only what is new, so that what grows byte by byte, or line by line, is not read again and
/// again.
fn still_waits(file: &File, unsent: &Unsent, pool: &Pool) -> io::Result<Option<Unsent>> {
    let known = usize::try_from(unsent.seen_to.0 - unsent.from.0).unwrap_or(CHUNK_BYTES);
    let mut buf = pool.take();
    read_to(file, unsent.seen_to.0, CHUNK_BYTES.saturating_sub(known).max(1), &mut buf)?;
    if known + buf.len() >= CHUNK_BYTES {
        return Ok(None);
    }
    let seen_to = unsent.seen_to.plus(buf.len() as u64);
    if memchr(b'\n', &buf).is_none() {
        return Ok(Some(Unsent { seen_to, ..unsent.clone() }));
    }
    let Some(joiner) = unsent.joiner.as_deref() else {
        return Ok(None);
    };
    let mut buf = pool.take();
    read_to(file, unsent.lines_to.0, (seen_to.0 - unsent.lines_to.0) as usize, &mut buf)?;
    let mut framed = frame(&buf, 0, AtEnd::Hold);
    let held = close_groups(&buf, &mut framed, joiner, AtEnd::Hold);
    // That no group has ended before the first of the new lines, only that line can tell.
    let goes_on = framed.lines.first().is_some_and(|line| !begins(line));
    Ok(match held {
        Ending::Held(joiner) if goes_on => {
            let lines_to = unsent.lines_to.plus(framed.len as u64);
            let mixed = unsent.mixed || framed.lines.iter().any(begins);
            Some(Unsent { from: unsent.from, lines_to, seen_to, joiner: Some(joiner), mixed })
        }
        _ => None,
    })
}

/// A hole left by a writer that went on at its old offset after a truncation (T26): nothing is stored there.
fn hole_at(file: &File, source: &Source, chunk: &[u8]) -> io::Result<Option<Look>> {
    if chunk.first() != Some(&0) {
        return Ok(None);
    }
    let data = match rustix::fs::seek(file, SeekFrom::Data(source.sent.0)) {
        Ok(data) if data > source.sent.0 => Offset(data),
        // ENXIO: a hole up to the end, so far. Otherwise: data, or a file system that cannot tell.
        Err(Errno::NXIO) => return Ok(Some(Look::Idle(Unsent::nothing(source.sent)))),
        _ => return Ok(None),
    };
    let before = |len| Ok::<_, io::Error>(hash_before(file, data, len)?.unwrap_or_else(|| hash(&[])));
    let sent = Sent { end: data, bytes: 0, tail: before(TAIL_BYTES)?, ring: before(RING_BYTES)? };
    Ok(Some(Look::Hole(data, sent)))
}

/// Reads up to `len` bytes from `offset` on; fewer only at the end of the file.
fn read_to(file: &File, offset: u64, len: usize, buf: &mut Buffer) -> io::Result<()> {
    while buf.bytes.len() < len {
        let at = offset + buf.bytes.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut buf.bytes), at) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    buf.bytes.truncate(len);
    Ok(())
}

/// Read buffers that are not in use.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

/// A read buffer; goes back to its pool when dropped, wherever that is.
struct Buffer {
    bytes: Vec<u8>,
    pool: Pool,
}

impl Pool {
    fn take(&self) -> Buffer {
        let pooled = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = pooled.unwrap_or_else(|| Vec::with_capacity(TAIL_BYTES + CHUNK_BYTES));
        Buffer { bytes, pool: self.clone() }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut pool = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOL_BUFFERS {
            pool.push(bytes);
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
