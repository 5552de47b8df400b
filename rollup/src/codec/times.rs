//! Times: a vector of them, as `ints.rs` packs it behind its length.
//!
//! ```text
//! varint count, then the times as whole numbers
//! ```

use super::ints;
use logweir_base::varint;

/// Times a chunk has at most; a file that says more is damaged.
pub(crate) const TIMES_MAX: usize = 4096;

/// Appends the encoding of at most [`TIMES_MAX`] times.
pub(crate) fn encode(times: &[i64], out: &mut Vec<u8>) {
    debug_assert!(times.len() <= TIMES_MAX);
    varint::put(out, times.len() as u64);
    ints::encode(times, out);
}

/// Reads one vector off the front of `input`.
pub(crate) fn decode(input: &mut &[u8]) -> Option<Vec<i64>> {
    let count = usize::try_from(varint::take(input)?).ok().filter(|&count| count <= TIMES_MAX)?;
    let mut times = Vec::with_capacity(count);
    ints::decode(input, count, &mut times)?;
    Some(times)
}
