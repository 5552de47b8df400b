//! Columns of a block: what can be counted and compared without its lines. Beside them statistics, so that most blocks
//! need not even be looked at.
//!
//! ```text
//! statistics, one entry a block, in varints:
//!   length of what follows
//!   rows
//!   groups: bytes, then each: severity, service (of the run), rows      pairs of severity and service
//!   columns << 2 | 2 when words of some line do not stand in its text as they are
//!                | 1 when every number in a field of the application's own has its column
//!   each: path (of the run), flags, and unless it is unfit:
//!         rows with a number, bytes of its values, least 8 and greatest 8 (f64, little endian)
//!     flags: 1 unfit: more numbers than one in a row, or one that is no exact f64; 2 nothing but JSON numbers there
//!
//! columns, a blob a block:
//!   group of each row, packed (see packed.rs)
//!   of each fit column, in the order of the statistics:
//!     which rows have a number, packed with a width of 1; only when not all do
//!     kind 1: 0 f64s; 1 + s: integers, divided by 10^s they are the numbers; 101 + s: as these, but each one of a few
//!     kind 0: 8 bytes a number      kind 1 + s: least (zigzag varint), differences to it packed
//!     kind 101 + s: how many, those as zigzag varints, then for each number which it is, packed
//! ```
//! Limits: [`PATHS_MAX`] paths a run; in what goes beyond, all lines are read.

mod build;
mod packed;
mod read;

pub(crate) use build::ColumnsBuilder;
pub(crate) use read::{BlockStats, ColumnState, Group, Parts, RunColumns, of_row, read_groups, read_numbers};

const UNFIT: u8 = 1;
const PURE: u8 = 2;
/// Fields of one run that have columns.
const PATHS_MAX: usize = 256;
/// Digits behind the point that are kept as integers.
const SCALE_MAX: u8 = 9;
/// Kinds from which on values are one of a few.
const KIND_FEW: u8 = 101;
const FEW_MAX: usize = 16;
/// Integers below this are exact as f64, and the other way round.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests;
