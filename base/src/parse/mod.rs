//! How a record is understood: one look at its head, one reading of its fields, one tokenizer, one table of well-known fields, and
//! the layouts of loggers, one file each. What the index stores of a record and what the matcher judges of it are both
//! made of these, so they cannot disagree.
//!
//! ```text
//! head      the one look at every record: time, severity, service, layout, shape of the message
//! read      all it says, for whoever wants fields: the index, the matcher, the normal form (record)
//! layout/   how loggers write: json/ and text/, a file each
//! role      which fields are well known, by path; found gathers the best of each
//! wrapper   docker and CRI lines around a record; exception, thrown   what was thrown, in text and in fields
//! ```
//! Nothing here fails on input: what is not JSON is text, what is not UTF-8 separates tokens, and a field that
//! does not say what its name promises is a field like any other.

mod exception;
mod found;
mod hash;
mod head;
mod id;
mod json;
mod layout;
mod number;
mod pick;
mod read;
mod record;
mod role;
mod scan;
mod severity;
mod terms;
mod thrown;
mod tokens;
pub(crate) mod wrapper;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub use exception::{Exception, exception_in};
pub use head::look;
pub use json::{DEPTH_MAX, NODES_MAX, Parser, Shape, Value};
pub use layout::{Layout, TimeSource};
pub use number::Number;
pub use pick::{PATHS_MAX, Paths, Pick};
pub use record::{Origins, Record, Thrown, gap_text};
pub use role::{Role, role_of};
pub use severity::Severity;
pub use terms::Terms;
pub use tokens::{Token, TokenClass, tokens, tokens_lossy};

pub(crate) use hash::{Scope, Term, id_of, pattern_word, severity_word};
pub(crate) use id::{canonical, looks_like_id};
pub(crate) use layout::read_by_all;
pub use read::hides_words;
pub(crate) use read::{FieldOrText, Said};

use crate::entry::{RecordBatch, RecordSpan};
use crate::frame::Resource;
use crate::pattern::PatternId;
use crate::time::Timestamp;

/// One record and what is known of it: what the matcher judges and the index indexes.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// The record as written, without its last line ending.
    pub text: &'a [u8],
    /// When, clamped; results are ordered by it.
    pub time: Timestamp,
    /// How bad.
    pub severity: Severity,
    /// The record's own, else its source's.
    pub service: &'a str,
    /// Where it comes from.
    pub resource: &'a Resource,
    /// How it is written.
    pub layout: Layout,
    /// The pattern of its message, once the indexer has given it one.
    pub pattern: PatternId,
}

impl RecordBatch {
    /// One of this batch's records; it has no pattern yet.
    pub fn view<'a>(&'a self, record: &RecordSpan) -> RecordView<'a> {
        RecordView {
            text: self.text_of(record),
            time: record.time,
            severity: record.severity,
            service: self.service_of(record),
            resource: &self.resource,
            layout: record.layout,
            pattern: PatternId::NONE,
        }
    }
}
