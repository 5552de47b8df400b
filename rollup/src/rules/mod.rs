//! Metrics counted from logs, by rules: `metric "http_requests_total" = count where service:shop by status`.
//!
//! ```text
//! grammar    a rule as text
//! field      what its fields stand for;  reader  reads them, once for all rules
//! compile    rules as they are applied
//! apply      a batch of records in, increases and observations out;  cells  what it counts on the way
//! covers     which searches have their answer in the series of a rule
//! defaults   rules that are there without being written;  describe  what is told of what rules make
//! config     the rules of a configuration's text
//! ```
//! What comes of a batch is a function of the batch and the rules alone, so counts are a function of the journal, in which
//! both stand. Counts and observations fall into windows of [`WINDOW_MS`]: a record of the time t counts at the end of the
//! window [start, end) that has t.
//!
//! Limits: [`RULES_MAX`] rules. A label's value of more than [`VALUE_BYTES_MAX`] bytes is replaced by [`LONG`]; an empty one is
//! left out. How many series there may be is the store's business.

mod apply;
mod cells;
mod compile;
mod config;
mod covers;
mod defaults;
mod describe;
mod field;
mod grammar;
mod reader;

#[cfg(test)]
mod tests;

pub use apply::{Refused, RuleSet, Sink};
pub use config::{RulesOfConfig, rules_of_config};
pub use covers::{Plan, covers};
pub use defaults::{DEFAULTS, Default};
pub use grammar::{Function, LABELS_MAX, Label, Rule, Scale};

use serde::{Deserialize, Serialize};
use std::fmt;

/// Rules of a set, the defaults included: each has a bit in a word.
pub const RULES_MAX: usize = 128;
/// Length of the windows that counts are summed in.
pub const WINDOW_MS: i64 = 10_000;
/// Bytes of a label's value; ids and messages are no labels.
pub const VALUE_BYTES_MAX: usize = 256;
/// What stands for a longer one.
pub const LONG: &str = "__long__";

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText(pub String);

/// Whether the rules of [`DEFAULTS`] count too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WithDefaults {
    /// They do, but for those whose metric a written rule makes.
    Yes,
    /// They do not.
    No,
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which of the written rules, from 0.
    pub rule: usize,
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metric rule {}, column {}: {}", self.rule + 1, self.column, self.reason)
    }
}

impl std::error::Error for Problem {}
