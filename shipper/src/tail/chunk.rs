//! One turn of one file: look at it, and turn what is new into a batch.
//!
//! One read fetches the bytes before the position together with those behind it, so that the check that nothing was
//! changed and the new lines come from the same moment. The read buffer becomes the batch's payload and returns to the pool when
//! that is written.
//!
//! Limits: a turn reads at most [`CHUNK_BYTES`]; the pool keeps at most [`POOL_BUFFERS`].

use super::source::{Sent, Source};
use crate::framer::{AtEnd, Framed, frame};
use crate::identity::{HEAD_BYTES_MAX, Observed, RING_BYTES, TAIL_BYTES, hash, hash_before};
use crate::redact::Redactor;
use bytes::Bytes;
use logweir_base::batch::{Batch, Codec, LINE_BYTES_MAX, LineMeta, TEXT_BYTES_MAX};
use logweir_base::ids::{Epoch, Offset};
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

/// What a look at a file has found.
pub enum Look {
    /// Nothing new, or an incomplete line that ends here.
    Idle(Offset),
    /// Not the file it was: truncated, rolled back or rewritten.
    Changed,
    /// Nothing is stored up to this offset.
    Hole(Offset, Sent),
    /// Lines.
    Lines(Batch, Sent, Framed),
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

    /// Looks at `file` where `source` stands. `no_newline_to`: no newline is before it, as an earlier look found.
    pub fn look(
        &mut self,
        file: &File,
        source: &Source,
        no_newline_to: Offset,
        at_end: AtEnd,
        epoch: Epoch,
    ) -> io::Result<Look> {
        if at_end == AtEnd::Hold
            && no_newline_to > source.sent
            && let Some(idle) = still_incomplete(file, source, no_newline_to, &self.pool)?
        {
            return Ok(if is_unchanged(file, source, None)? { Look::Idle(idle) } else { Look::Changed });
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
        let full = buf.len() == before + CHUNK_BYTES;
        let at_end = if full { AtEnd::Hold } else { at_end };
        let framed = frame(&buf[before..], source.part(&buf[..before]), at_end);
        if framed.lines.is_empty() {
            return Ok(Look::Idle(source.sent.plus((buf.len() - before) as u64)));
        }
        self.batch(source, buf, before, framed, epoch)
    }

    fn batch(
        &mut self,
        source: &Source,
        buf: Buffer,
        before: usize,
        mut framed: Framed,
        epoch: Epoch,
    ) -> io::Result<Look> {
        let text = &buf[before..before + framed.len];
        let redacted = match self.redactor.is_empty() {
            true => None,
            false => self.redactor.apply(text, &mut framed.lines, TEXT_BYTES_MAX),
        };
        let len = framed.lines.iter().map(|line| line.range_len as usize).sum();
        if len < framed.len {
            (framed.len, framed.cut) = (len, false);
            framed.part = next_part(framed.lines.last().map(|line| line.meta));
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
            epoch,
            first_start: source.sent,
            lines,
            codec,
            text_len,
            payload,
        };
        Ok(Look::Lines(batch, Sent { bytes: u64::from(text_len), ..sent }, framed))
    }
}

/// Whether the file still holds what was read of it. `before` are the bytes before `source.sent` when at hand.
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

/// `Some(offset)`: up to there the line is known not to have ended. Reads only what is new, so that a line that
/// grows byte by byte is not read again and again.
fn still_incomplete(
    file: &File,
    source: &Source,
    no_newline_to: Offset,
    pool: &Pool,
) -> io::Result<Option<Offset>> {
    let known = usize::try_from(no_newline_to.0 - source.sent.0).unwrap_or(CHUNK_BYTES);
    let mut buf = pool.take();
    read_to(file, no_newline_to.0, CHUNK_BYTES.saturating_sub(known).max(1), &mut buf)?;
    let incomplete = known + buf.len() < CHUNK_BYTES && memchr(b'\n', &buf).is_none();
    Ok(incomplete.then(|| no_newline_to.plus(buf.len() as u64)))
}

/// A hole left by a writer that went on at its old offset after a truncation (T26): nothing is stored there.
fn hole_at(file: &File, source: &Source, chunk: &[u8]) -> io::Result<Option<Look>> {
    if chunk.first() != Some(&0) {
        return Ok(None);
    }
    let data = match rustix::fs::seek(file, SeekFrom::Data(source.sent.0)) {
        Ok(data) if data > source.sent.0 => Offset(data),
        // ENXIO: a hole up to the end, so far. Otherwise: data, or a file system that cannot tell.
        Err(Errno::NXIO) => return Ok(Some(Look::Idle(source.sent))),
        _ => return Ok(None),
    };
    let before = |len| Ok::<_, io::Error>(hash_before(file, data, len)?.unwrap_or_else(|| hash(&[])));
    let sent = Sent { end: data, bytes: 0, tail: before(TAIL_BYTES)?, ring: before(RING_BYTES)? };
    Ok(Some(Look::Hole(data, sent)))
}

fn next_part(last: Option<LineMeta>) -> u32 {
    last.filter(|meta| meta.has(LineMeta::PART))
        .and_then(LineMeta::part_number)
        .map_or(0, |number| number + 1)
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
