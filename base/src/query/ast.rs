//! The tree of a query, as typed: names and numbers are resolved when it is compiled. Only spans back from the present
//! are times already.

use crate::time::Timestamp;

/// A query or a part of one. Built by [`Expr::and`] and [`Expr::or`], so equal queries have equal trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expr {
    /// `*`
    All,
    /// One condition.
    Term(Term),
    /// Its opposite.
    Not(Box<Expr>),
    /// All of two or more, none of them an `And`.
    And(Vec<Expr>),
    /// Any of two or more, none of them an `Or`.
    Or(Vec<Expr>),
}

/// One condition on one field, or on the text when no field is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) field: Option<String>,
    pub(super) test: Test,
}

/// What the field must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// These words, adjacent and in this order; or, when they spell one, this number or truth value.
    Words(String),
    /// As words, the last one being the beginning of a word.
    Prefix(String),
    /// A value that this regular expression matches somewhere.
    Regex(String),
    /// Anything.
    Exists,
    /// Between two values, at least one of which is given.
    Range { low: Option<Bound>, high: Option<Bound> },
    /// The record's time is not before this one; without a field.
    Since(Timestamp),
    /// The record's time is before this one; without a field.
    Until(Timestamp),
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) text: String,
    pub(super) inclusive: bool,
}

impl Expr {
    /// All of `parts`.
    pub(super) fn and(parts: Vec<Expr>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::And(inner) => inner,
            other => vec![other],
        });
        Self::joined(flat.collect(), Self::And)
    }

    /// Any of `parts`.
    pub(super) fn or(parts: Vec<Expr>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::Or(inner) => inner,
            other => vec![other],
        });
        Self::joined(flat.collect(), Self::Or)
    }

    /// The times of all that may match: not before the first, before the second.
    pub(super) fn times(&self) -> (Timestamp, Timestamp) {
        const ALL: (Timestamp, Timestamp) = (Timestamp::MIN, Timestamp::MAX);
        match self {
            Self::Term(Term { test: Test::Since(time), .. }) => (*time, ALL.1),
            Self::Term(Term { test: Test::Until(time), .. }) => (ALL.0, *time),
            Self::All | Self::Term(_) | Self::Not(_) => ALL,
            Self::And(parts) => {
                let both =
                    |a: (Timestamp, Timestamp), b: (Timestamp, Timestamp)| (a.0.max(b.0), a.1.min(b.1));
                parts.iter().map(Self::times).fold(ALL, both)
            }
            Self::Or(parts) => {
                let either =
                    |a: (Timestamp, Timestamp), b: (Timestamp, Timestamp)| (a.0.min(b.0), a.1.max(b.1));
                parts.iter().map(Self::times).fold((ALL.1, ALL.0), either)
            }
        }
    }

    /// Whether it speaks of the record's time alone.
    pub(super) fn is_time(&self) -> bool {
        matches!(self, Self::Term(Term { test: Test::Since(_) | Test::Until(_), .. }))
    }

    fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Self) -> Self {
        match parts.len() {
            0 => Self::All,
            1 => parts.remove(0),
            _ => join(parts),
        }
    }
}
