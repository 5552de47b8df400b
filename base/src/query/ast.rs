//! The tree of a query, as typed: names and numbers are resolved when it is compiled.

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
    /// Anything.
    Exists,
    /// Between two values, at least one of which is given.
    Range { low: Option<Bound>, high: Option<Bound> },
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

    fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Self) -> Self {
        match parts.len() {
            0 => Self::All,
            1 => parts.remove(0),
            _ => join(parts),
        }
    }
}
