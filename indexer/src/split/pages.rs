//! Reads of a few bytes out of a section, checked: each 4 KiB page has a checksum in the split's meta, and a read
//! checks the pages it touches. So nothing is loaded that is not asked for, and nothing is believed unchecked.

use super::format::Section;
use crate::codec::damaged;
use logweir_base::dir::{File, read_exact_at};
use std::io;
use std::ops::Range;
use std::sync::Arc;

const PAGE_BYTES: u64 = 4096;

/// How many pages `len` bytes take.
pub(crate) fn count(len: u64) -> u64 {
    len.div_ceil(PAGE_BYTES)
}

/// The checksum of each page.
pub(crate) fn checksums(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks(PAGE_BYTES as usize).map(crc32c::crc32c).collect()
}

/// A section that is read by pages.
pub(crate) struct Pages {
    file: Arc<dyn File>,
    section: Section,
    checksums: Vec<u32>,
}

impl Pages {
    pub(crate) fn new(file: Arc<dyn File>, section: Section, checksums: Vec<u32>) -> Self {
        Self { file, section, checksums }
    }

    pub(crate) fn len(&self) -> u64 {
        self.section.len
    }

    /// The bytes of `range`. Errors: `InvalidData` when a page is not what was written.
    pub(crate) fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        if range.end > self.section.len {
            return Err(damaged("index points beyond its end"));
        }
        let start = range.start / PAGE_BYTES * PAGE_BYTES;
        let end = range.end.next_multiple_of(PAGE_BYTES).min(self.section.len);
        let mut bytes = read_exact_at(self.file.as_ref(), self.section.at + start, (end - start) as usize)?;
        let expected = &self.checksums[(start / PAGE_BYTES) as usize..];
        for (page, crc) in bytes.chunks(PAGE_BYTES as usize).zip(expected) {
            if crc32c::crc32c(page) != *crc {
                return Err(damaged("a page of the index is not what was written"));
            }
        }
        bytes.truncate((range.end - start) as usize);
        bytes.drain(..(range.start - start) as usize);
        Ok(bytes)
    }
}
