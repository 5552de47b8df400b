//! A table: what is left of records when a pipe has counted them.

use super::Step;
use crate::time::Timestamp;
use serde::{Serialize, Serializer};
use std::cmp::Ordering;

/// Named columns and rows of as many cells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Names.
    pub columns: Vec<String>,
    /// Each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No record had one.
    Missing,
    /// A key of a group.
    Text(String),
    /// How many.
    Count(u64),
    /// A number computed of records.
    Number(f64),
    /// The beginning of a window.
    Time(Timestamp),
}

impl Table {
    /// Does `steps` one after the other. What names no column of it does nothing: it would be missing in all rows.
    pub fn apply(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Sort { field, descending } => self.sort(field, *descending),
                Step::Limit(most) => self.rows.truncate(usize::try_from(*most).unwrap_or(usize::MAX)),
                Step::Fields(names) => self.select(names),
                Step::Context(_) => {}
            }
        }
    }

    fn sort(&mut self, column: &str, descending: bool) {
        if let Some(at) = self.columns.iter().position(|name| name == column) {
            self.rows.sort_by(|a, b| a[at].compare(&b[at], descending));
        }
    }

    fn select(&mut self, names: &[String]) {
        let at: Vec<usize> =
            names.iter().filter_map(|name| self.columns.iter().position(|column| column == name)).collect();
        self.columns = at.iter().map(|&at| self.columns[at].clone()).collect();
        for row in &mut self.rows {
            *row = at.iter().map(|&at| row[at].clone()).collect();
        }
    }
}

impl Cell {
    /// How rows are sorted: numbers by value, texts by their characters unless both are numbers, what is missing last.
    pub fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Missing, Self::Missing) => return Ordering::Equal,
            (Self::Missing, _) => return Ordering::Greater,
            (_, Self::Missing) => return Ordering::Less,
            (Self::Text(a), Self::Text(b)) => match (number_of(a), number_of(b)) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => a.cmp(b),
            },
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()),
        };
        if descending { order.reverse() } else { order }
    }

    fn as_f64(&self) -> f64 {
        match self {
            Self::Count(n) => *n as f64,
            Self::Number(n) => *n,
            Self::Time(time) => time.0 as f64,
            Self::Text(_) | Self::Missing => f64::NAN,
        }
    }
}

fn number_of(text: &str) -> Option<f64> {
    crate::parse::Number::from_text(text).map(crate::parse::Number::as_f64)
}

/// As JSON: times in RFC 3339, what is missing as null.
impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(n) => serializer.serialize_u64(*n),
            Self::Number(n) => serializer.serialize_f64(*n),
            Self::Time(time) => serializer.collect_str(time),
        }
    }
}
