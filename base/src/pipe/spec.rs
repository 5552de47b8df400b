//! What pipes there are.

use std::time::Duration;

/// A pipe that makes a table of records.
#[derive(Debug, Clone, PartialEq)]
pub enum Reduce {
    /// Numbers by group and time.
    Stats(StatsSpec),
    /// One row for each pattern of messages.
    Patterns,
}

/// Columns of the table of patterns.
const PATTERN_COLUMNS: [&str; 7] = ["pattern", "count", "level", "service", "first", "last", "template"];

impl Reduce {
    /// The names of the table's columns.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Stats(spec) => spec.columns(),
            Self::Patterns => PATTERN_COLUMNS.map(str::to_owned).to_vec(),
        }
    }
}

impl StatsSpec {
    /// The names of the table's columns: time, groups, numbers.
    pub fn columns(&self) -> Vec<String> {
        let time = self.every.map(|_| "time".to_owned());
        let columns = time.into_iter().chain(self.by.iter().cloned());
        columns.chain(self.aggregates.iter().map(Aggregate::column)).collect()
    }
}

/// A pipe on records or on the rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// By a field or a column.
    Sort {
        /// Its name.
        field: String,
        /// The greatest first.
        descending: bool,
    },
    /// The first so many.
    Limit(u64),
    /// These fields or columns only.
    Fields(Vec<String>),
    /// So many records before and after each one in its source.
    Context(u32),
}

/// Which numbers, by which fields, in windows of which length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatsSpec {
    /// One or more.
    pub aggregates: Vec<Aggregate>,
    /// Names of fields.
    pub by: Vec<String>,
    /// Windows begin at multiples of this since 1970.
    pub every: Option<Duration>,
}

/// One column of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// What is computed.
    pub function: Function,
    /// Of which field; none for `count`.
    pub field: Option<String>,
}

/// What is computed of the records of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// How many records.
    Count,
    /// The sum of a field's numbers.
    Sum,
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The least that this percentage of them do not exceed: 0 to 100.
    Percentile(f64),
    /// How many different values the field has.
    Distinct,
}

impl Function {
    /// Reads `count`, `p99`, `p99.9` and the like.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "distinct" => Self::Distinct,
            _ => {
                let digits = name.strip_prefix('p')?;
                let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                let percent: f64 = digits.parse().ok().filter(|_| plain)?;
                (0.0..=100.0).contains(&percent).then_some(Self::Percentile(percent))?
            }
        })
    }

    /// Its name, which [`Function::from_name`] reads back.
    pub fn name(self) -> String {
        match self {
            Self::Count => "count".to_owned(),
            Self::Sum => "sum".to_owned(),
            Self::Avg => "avg".to_owned(),
            Self::Min => "min".to_owned(),
            Self::Max => "max".to_owned(),
            Self::Distinct => "distinct".to_owned(),
            Self::Percentile(percent) => format!("p{percent}"),
        }
    }
}

impl Aggregate {
    /// The name of its column: `count`, `p99(duration_ms)`.
    pub fn column(&self) -> String {
        match &self.field {
            Some(field) => format!("{}({field})", self.function.name()),
            None => self.function.name(),
        }
    }
}
