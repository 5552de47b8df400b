//! The nouns every part of logweir shares: ids, time, the disk seam, frames and batches (one encoding on
//! the wire and in the journal), what a follower sees, how a line is parsed, and the query language.
//!
//! Deliberately absent: tokio, HTTP, threads, and any clock but the one in [`time`].

pub mod action;
pub mod batch;
pub mod dir;
pub mod entry;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod ids;
pub mod metric;
pub mod multiline;
pub mod parse;
pub mod pattern;
pub mod pipe;
pub mod query;
#[cfg(test)]
mod testing;
pub mod time;
pub mod units;
pub mod varint;
