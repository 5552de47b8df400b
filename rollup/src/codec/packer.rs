//! zstd with a context that is used again: to make one costs more than to pack a chunk.

use std::io;
use zstd::bulk::Compressor;

/// Packs bytes, at whatever levels.
#[derive(Default)]
pub(crate) struct Packer(Option<Compressor<'static>>);

impl Packer {
    /// What `bytes` are when packed.
    pub(crate) fn pack(&mut self, bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
        let compressor = match &mut self.0 {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(level)?),
        };
        compressor.set_compression_level(level)?;
        compressor.compress(bytes)
    }

    /// The same, if it is less.
    pub(crate) fn pack_if_less(&mut self, bytes: &[u8], level: i32) -> Option<Vec<u8>> {
        self.pack(bytes, level).ok().filter(|packed| packed.len() < bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What was packed before, and at which level, makes no difference.
        #[test]
        fn one_context_packs_as_new_ones(all in prop::collection::vec((prop::collection::vec(0u8..4, 0..300), 1i32..4), 1..6)) {
            let mut packer = Packer::default();
            for (bytes, level) in &all {
                let expected = zstd::bulk::compress(bytes, *level).expect("packs");
                prop_assert_eq!(packer.pack(bytes, *level).expect("packs"), expected);
            }
        }
    }
}
