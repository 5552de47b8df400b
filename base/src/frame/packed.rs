//! Bytes in a frame, compressed when that pays.
//!
//! ```text
//! 0  codec       1   0 none, 1 zstd
//! 1  zero        3
//! 4  length      4   decompressed, little endian, at most PACKED_BYTES_MAX
//! 8  payload
//! ```

use super::BadFrame;
use bytes::Bytes;
use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};

/// Decompressed: what two batches of samples may have.
pub const PACKED_BYTES_MAX: usize = 2 << 20;
const HEADER_BYTES: usize = 8;
/// Shorter ones stay as they are: a compressed frame of so little gains nothing.
const COMPRESS_FROM: usize = 512;
/// zstd's fast levels are below zero. The journal has a batch for minutes, and it is packed while its sender waits.
const LEVEL: i32 = -1;

thread_local! {
    /// A thread keeps its own, of at most some 2 MiB: to make one costs as much as to pack a batch.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Bytes and how they are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed {
    is_zstd: bool,
    len: u32,
    payload: Bytes,
}

impl Packed {
    /// Packs `bytes`.
    ///
    /// # Panics
    /// When they are more than [`PACKED_BYTES_MAX`].
    pub fn of(bytes: Bytes) -> Self {
        assert!(bytes.len() <= PACKED_BYTES_MAX, "whoever makes samples keeps to their limit");
        let len = u32::try_from(bytes.len()).expect("at most 2 MiB");
        let packed = (bytes.len() >= COMPRESS_FROM).then(|| compress(&bytes)).flatten();
        match packed.filter(|packed| packed.len() < bytes.len()) {
            Some(packed) => Self { is_zstd: true, len, payload: packed.into() },
            None => Self { is_zstd: false, len, payload: bytes },
        }
    }

    /// The bytes; never allocates more than they declared.
    pub fn unpack(&self) -> Result<Bytes, BadFrame> {
        if !self.is_zstd {
            return Ok(self.payload.clone());
        }
        let bytes = decompress(&self.payload, self.len as usize);
        let whole = bytes.filter(|bytes| bytes.len() == self.len as usize);
        whole.map(Bytes::from).ok_or_else(|| bad("does not decompress to its length"))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[u8::from(self.is_zstd), 0, 0, 0]);
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&self.payload);
    }

    pub(super) fn decode(body: &Bytes) -> Result<Self, BadFrame> {
        let head = body.first_chunk::<HEADER_BYTES>().ok_or_else(|| bad("shorter than its header"))?;
        let len = u32::from_le_bytes(head[4..8].try_into().expect("four bytes"));
        let payload = body.slice(HEADER_BYTES..);
        if len as usize > PACKED_BYTES_MAX || head[0] > 1 {
            return Err(bad("length or codec out of bounds"));
        }
        if head[0] == 0 && payload.len() != len as usize {
            return Err(bad("payload length differs from its own"));
        }
        Ok(Self { is_zstd: head[0] == 1, len, payload })
    }
}

fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| {
        if packer.is_none() {
            *packer = Some(Compressor::new(LEVEL).ok()?);
        }
        packer.as_mut()?.compress(bytes).ok()
    })
}

fn decompress(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    UNPACKER.with_borrow_mut(|unpacker| {
        if unpacker.is_none() {
            *unpacker = Some(Decompressor::new().ok()?);
        }
        unpacker.as_mut()?.decompress(packed, len).ok()
    })
}

fn bad(why: &str) -> BadFrame {
    BadFrame::Body(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pack_then_unpack(bytes: Vec<u8>, times in 1usize..100) {
            let bytes = Bytes::from(bytes.repeat(times));
            let mut out = Vec::new();
            Packed::of(bytes.clone()).encode(&mut out);
            prop_assert_eq!(Packed::decode(&out.into()).expect("sound").unpack().expect("sound"), bytes);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Packed::decode(&bytes.into()).map(|packed| packed.unpack());
        }
    }

    /// M07: 64 MiB of zeros; the declared length bounds what is allocated.
    #[test]
    fn m07_a_bomb_does_not_unpack_beyond_its_declared_length() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).expect("compresses");
        let packed = Packed { is_zstd: true, len: 1000, payload: bomb.into() };
        assert!(packed.unpack().is_err());
        // Nor does it stand in the way of the next one.
        let sound = Packed::of(Bytes::from(vec![7; 5000]));
        assert_eq!(sound.unpack(), Ok(Bytes::from(vec![7; 5000])));
    }
}
