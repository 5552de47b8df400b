//! How a line is understood: one JSON walk, one tokenizer, one table of well-known fields. What the index stores of a
//! line and what the matcher judges of it are both made of these, so they cannot disagree.
//!
//! Nothing here fails on input: what is not JSON is plain text, what is not UTF-8 separates tokens, and a field that
//! does not say what its name promises is a field like any other.

mod hash;
mod head;
mod id;
mod json;
mod number;
mod record;
mod role;
mod scan;
mod severity;
mod terms;
mod tokens;

#[cfg(test)]
mod tests;

pub use head::look;
pub use json::{DEPTH_MAX, NODES_MAX, Parser, Shape, Value};
pub use number::Number;
pub use record::{Record, gap_text};
pub use role::{Role, role_of};
pub use severity::Severity;
pub use terms::Terms;
pub use tokens::{Token, TokenClass, tokens, tokens_lossy};

pub(crate) use hash::{Scope, Term, id_of, severity_word};
pub(crate) use id::{canonical, looks_like_id};

use crate::entry::{Line, LineBatch};
use crate::frame::Resource;
use crate::time::Timestamp;

/// One line and what is known of it: what the matcher judges and the index indexes.
#[derive(Debug, Clone, Copy)]
pub struct LineView<'a> {
    /// The line as written, without its ending.
    pub text: &'a [u8],
    /// When, clamped; results are ordered by it.
    pub time: Timestamp,
    /// How bad.
    pub severity: Severity,
    /// The line's own, else its source's.
    pub service: &'a str,
    /// Where it comes from.
    pub resource: &'a Resource,
}

impl LineBatch {
    /// One of this batch's lines.
    pub fn view<'a>(&'a self, line: &Line) -> LineView<'a> {
        LineView {
            text: self.text_of(line),
            time: line.time,
            severity: line.severity,
            service: self.service_of(line),
            resource: &self.resource,
        }
    }
}
