//! The query language: what is typed in the search box, and what routes, rules and live tails are made of.
//!
//! `level:>=warn service:checkout "connection reset" duration_ms:>500 -path:/health user:42`
//!
//! One parser, one tree, one matcher that defines the meaning; the index gives candidates, a superset of what matches.
//!
//! * A bare word or phrase matches the body, the exception fields and, for plain lines, the whole line. What looks like
//!   an id (16 or 32 hex digits, a UUID) also matches trace, span and request ids.
//! * `field:value` matches a string by adjacent tokens, a number and a numeric string by value, any element of an array.
//!   Dots in names stand for nesting. A missing field, and `null`, matches nothing; so only NOT finds it.
//! * `level:` compares severities, `service:` the line's service, `host:` the source's host or one the line names,
//!   `trace:` ids in all spellings, `user:` whatever identifies a user, `file:` the path of the source.

mod ast;
mod candidates;
pub(crate) mod cursor;
mod display;
mod facts;
mod grammar;
mod leaf;
mod matcher;
mod moment;
mod prefilter;

#[cfg(test)]
mod generate;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use candidates::Candidates;
pub use facts::{Facts, Head, NumbersAt, Presence};
pub use matcher::{ByWord, Matcher};
pub use moment::Moment;
pub use prefilter::Prefilter;

use crate::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// A parsed query. Its text form parses back to an equal one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    expr: ast::Expr,
}

/// Why a text is not a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong or was expected.
    pub message: String,
}

impl Query {
    /// Reads conditions, in which `15m` counts back from `now`, up to the first pipe.
    pub(crate) fn parse_before_pipes<'t>(
        text: &'t str,
        now: Option<&Moment>,
    ) -> Result<(Self, cursor::Cursor<'t>), QueryError> {
        let read = grammar::conditions(text, now, grammar::Until::Pipe);
        read.map(|(expr, cursor)| (Self { expr }, cursor))
    }

    /// Reads conditions up to the word `by` or the end; returns how many bytes of `text` they took.
    pub fn parse_before_by(text: &str) -> Result<(Self, usize), QueryError> {
        let (expr, cursor) = grammar::conditions(text, None, grammar::Until::By)?;
        Ok((Self { expr }, cursor.at()))
    }

    /// Everything.
    pub fn all() -> Self {
        Self { expr: ast::Expr::All }
    }

    /// Whether it asks for patterns, which records have only once they are indexed.
    pub fn asks_for_patterns(&self) -> bool {
        let (_, leaves) = leaf::compile(&self.expr);
        leaves.iter().any(|leaf| matches!(leaf, leaf::Leaf::Pattern(_)))
    }

    /// The times of all lines that may match: not before the first, before the second.
    pub fn times(&self) -> (Timestamp, Timestamp) {
        self.expr.times()
    }

    /// The same without what it says of time between its outermost conditions; [`Query::times`] has that.
    pub fn without_times(&self) -> Self {
        let ast::Expr::And(parts) = &self.expr else {
            return if self.expr.is_time() { Self::all() } else { self.clone() };
        };
        let rest = parts.iter().filter(|part| !part.is_time() && **part != ast::Expr::All).cloned();
        Self { expr: ast::Expr::and(rest.collect()) }
    }

    /// Which lines may match, as far as the index can tell.
    pub fn candidates(&self) -> Candidates {
        let (node, leaves) = leaf::compile(&self.expr);
        candidates::of(&node, &leaves)
    }
}

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let (query, cursor) = Self::parse_before_pipes(text, None)?;
        match cursor.peek() {
            None => Ok(query),
            Some(_) => Err(cursor.error("conditions only are expected here; pipes are for searches")),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for QueryError {}
