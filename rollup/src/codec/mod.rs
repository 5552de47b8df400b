//! How vectors of times, numbers and values become few bytes, and come back bit by bit as they were.

pub(crate) mod ints;
pub(crate) mod packer;
pub(crate) mod times;
pub(crate) mod values;
