//! Reads the records of one segment one after the other, and finds the next good one behind bytes that are not.
//! Holds one chunk of the file, or one record when that is longer: memory does not grow with the segment.

use super::format::{
    RECORD_HEADER_BYTES, RECORD_MAGIC, RECORD_PROBE_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, segment_name,
};
use bytes::{Buf, Bytes, BytesMut};
use logweir_base::dir::{Dir, File};
use logweir_base::frame::RawFrame;
use logweir_base::ids::Position;
use memchr::memmem;
use std::io;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// One record as it lies in the journal; its checksums hold.
#[derive(Debug, Clone)]
pub(crate) struct JournalRecord {
    pub header: RecordHeader,
    pub frame: RawFrame,
}

/// A place in one segment.
pub(crate) struct Scan {
    file: Box<dyn File>,
    /// File offset of `buf`'s first byte.
    at: u64,
    buf: BytesMut,
}

impl Scan {
    /// Opens the segment that begins at `first`, at its first record.
    pub fn open(dir: &dyn Dir, first: Position) -> io::Result<Self> {
        let file = dir.open(&segment_name(first))?;
        Ok(Self { file, at: SEGMENT_HEADER_BYTES as u64, buf: BytesMut::new() })
    }

    /// Offset in the file of what comes next.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The next record; `None` when no sound one starts here. Then the place stays.
    pub fn next(&mut self) -> io::Result<Option<JournalRecord>> {
        if let Some(record) = self.take()? {
            return Ok(Some(record));
        }
        // What is buffered may have been read while the writer was still writing it: look once more.
        self.buf.clear();
        self.take()
    }

    /// Moves on to the nearest sound record above `above` and below `below`, and says its position. When there is none
    /// the place stays.
    pub fn resync(&mut self, above: Position, below: Position) -> io::Result<Option<Position>> {
        self.buf.clear();
        let start = self.at;
        self.skip(1);
        while self.fill(RECORD_PROBE_BYTES)? {
            match memmem::find(&self.buf, RECORD_MAGIC) {
                None => self.skip(self.buf.len() - (RECORD_MAGIC.len() - 1)),
                Some(0) => {
                    let found = self.peek_whole()?.filter(|&at| above < at && at < below);
                    if found.is_some() {
                        return Ok(found);
                    }
                    self.skip(1);
                }
                Some(n) => self.skip(n),
            }
        }
        self.buf.clear();
        self.at = start;
        Ok(None)
    }

    /// Whether the bytes here are anything but zeros: something was written that is no record.
    pub fn has_remains(&mut self) -> io::Result<bool> {
        self.fill(RECORD_PROBE_BYTES)?;
        let probe = self.buf.len().min(RECORD_PROBE_BYTES);
        Ok(self.buf[..probe].iter().any(|&byte| byte != 0))
    }

    /// Position of the sound record that starts here.
    fn peek_whole(&mut self) -> io::Result<Option<Position>> {
        let Some(header) = self.peek()? else {
            return Ok(None);
        };
        if !self.fill(header.record_len())? {
            return Ok(None);
        }
        let frame = Bytes::copy_from_slice(&self.buf[RECORD_HEADER_BYTES..header.record_len()]);
        Ok(RawFrame::whole(frame).is_ok().then_some(header.position))
    }

    fn take(&mut self) -> io::Result<Option<JournalRecord>> {
        let Some(header) = self.peek()? else {
            return Ok(None);
        };
        if !self.fill(header.record_len())? {
            return Ok(None);
        }
        let mut bytes = self.buf.split_to(header.record_len()).freeze();
        bytes.advance(RECORD_HEADER_BYTES);
        let Ok(frame) = RawFrame::whole(bytes) else {
            self.buf.clear();
            return Ok(None);
        };
        self.at += header.record_len() as u64;
        Ok(Some(JournalRecord { header, frame }))
    }

    fn peek(&mut self) -> io::Result<Option<RecordHeader>> {
        Ok(if self.fill(RECORD_PROBE_BYTES)? { RecordHeader::parse(&self.buf) } else { None })
    }

    fn skip(&mut self, bytes: usize) {
        let buffered = bytes.min(self.buf.len());
        self.buf.advance(buffered);
        self.at += bytes as u64;
    }

    /// Makes `want` bytes available; `false` when the file ends before.
    fn fill(&mut self, want: usize) -> io::Result<bool> {
        while self.buf.len() < want {
            let have = self.buf.len();
            self.buf.resize(want.max(have + CHUNK_BYTES), 0);
            let n = self.file.read_at(self.at + have as u64, &mut self.buf[have..])?;
            self.buf.truncate(have + n);
            if n == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::JournalOptions;
    use crate::journal::recover;
    use crate::journal::writer::NewRecord;
    use crate::table::Table;
    use logweir_base::dir::SharedDir;
    use logweir_base::dir::sim::SimDir;
    use logweir_base::frame::Frame;
    use logweir_base::ids::ConfigVersion;
    use logweir_base::time::Timestamp;
    use std::sync::Arc;

    /// M08, S08: however long the journal, reading it (and so recovery) holds one chunk, or one record when that is longer.
    #[test]
    fn m08_s08_reading_a_long_segment_holds_one_chunk() {
        let dir: SharedDir = Arc::new(SimDir::new());
        let options = JournalOptions { segment_bytes: 4 << 20, disk_bytes_max: 1 << 30, ballast_bytes: 0 };
        let mut writer = recover::open(&dir, options, Timestamp(0)).expect("opens").writer;
        let text = "x".repeat(100_000);
        for n in 0..30 {
            let frame = Frame::Config { version: ConfigVersion(n), text: text.clone() }.encode();
            let record = NewRecord { frame, received: Timestamp(0), config: ConfigVersion(n) };
            writer.make_room(&Table::default(), Timestamp(0)).expect("room");
            writer.append(&[record]).expect("appends");
        }
        let mut scan = Scan::open(&*dir, Position(1)).expect("opens");
        let mut records = 0;
        while let Some(record) = scan.next().expect("reads") {
            records += u32::from(record.header.position > Position(0));
            assert!(scan.buf.capacity() <= 4 * CHUNK_BYTES, "{} bytes", scan.buf.capacity());
        }
        assert_eq!(records, 30);
    }
}
