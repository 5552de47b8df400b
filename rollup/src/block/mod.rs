//! Immutable files of points: what one looks like (format.rs), writing and reading them, and what is known of one.

mod chunk;
pub(crate) mod format;
pub(crate) mod read;
pub(crate) mod write;

pub(crate) use chunk::{Points, Totals};
