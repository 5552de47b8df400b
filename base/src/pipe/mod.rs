//! Pipes: what becomes of the records that a query finds.
//!
//! `level:error since:1h | count, p99(duration_ms) by service every 5m | sort count desc | limit 10`
//!
//! Records flow from left to right. At most one pipe reduces them to a table, and it comes first; `sort`, `limit` and
//! `fields` work on records and on the rows of a table alike. [`Stats`] defines what the numbers mean, whoever feeds it:
//! records one by one, or counts and columns that the index has ready.
//!
//! * The value of a field is its first one in a record; numbers are counted all, each element of an array.
//! * A group's key is text: 500 and "500" are one group, and a record without the field is in the group of the missing.
//! * Percentiles are of nearest rank, within 0.4 % (`sketch` says how); sums are of 64-bit floats.

mod field;
mod grammar;
mod sketch;
mod spec;
mod stats;
mod table;

#[cfg(test)]
mod tests;

pub use field::{FieldReader, Named};
pub use spec::{Aggregate, Function, Reduce, StatsSpec, Step};
pub use stats::{Slot, Stats};
pub use table::{Cell, Table};

use crate::query::{Moment, Query, QueryError};

/// A query and its pipes.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// Which records.
    pub query: Query,
    /// How they become a table, if they do.
    pub reduce: Option<Reduce>,
    /// What is done with the records, or with the table's rows, in this order.
    pub steps: Vec<Step>,
}

impl Pipeline {
    /// Reads a query with its pipes; `15m` counts back from `now`, and `deploy` is known when that knows of any.
    pub fn parse(text: &str, now: impl Into<Moment>) -> Result<Self, QueryError> {
        grammar::parse(text, &now.into())
    }
}
