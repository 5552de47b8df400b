//! zstd contexts that are kept: setting one up costs more than a small block.

use std::io;

/// Compresses at level 1 into frames that declare their size; higher levels buy nothing here (LIMITS, section 4).
pub(crate) struct Packer {
    context: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
}

impl Packer {
    pub(crate) fn new() -> Self {
        let context = zstd::bulk::Compressor::new(1).expect("level 1 exists");
        Self { context, buffer: Vec::new() }
    }

    /// One frame.
    pub(crate) fn pack(&mut self, bytes: &[u8]) -> Box<[u8]> {
        self.buffer.clear();
        self.buffer.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
        let packed = self.context.compress_to_buffer(bytes, &mut self.buffer);
        packed.expect("the buffer holds the bound zstd states");
        Box::from(self.buffer.as_slice())
    }
}

/// Decompresses.
pub(crate) struct Unpacker(zstd::bulk::Decompressor<'static>);

impl Unpacker {
    pub(crate) fn new() -> Self {
        Self(zstd::bulk::Decompressor::new().expect("no dictionary to load"))
    }

    /// Replaces `out` by the contents of `frame`, which must be `len` bytes.
    pub(crate) fn unpack(&mut self, frame: &[u8], len: usize, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        out.reserve(len);
        let got = self.0.decompress_to_buffer(frame, out)?;
        if got == len { Ok(()) } else { Err(damaged("a frame of another length than stated")) }
    }
}

/// The error of bytes that are not what was written.
pub(crate) fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
