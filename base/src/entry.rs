//! What a follower sees: journal records in order, each batch decompressed and its records looked at once.

use crate::action::Action;
use crate::batch::{BatchLine, LineMeta};
use crate::frame::{Close, Gap, Open, Resource};
use crate::ids::{ConfigVersion, JournalId, Offset, Position, SourceId};
use crate::parse::{Layout, Severity};
use crate::time::Timestamp;
use bytes::Bytes;
use std::sync::Arc;

/// One journal record, decoded; shared by all followers.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// When the router received it.
    pub received: Timestamp,
    /// The configuration in force.
    pub config: ConfigVersion,
    /// What it says.
    pub body: EntryBody,
}

/// What a record says. Records that only the router needs (sessions, snapshots) are `Other`.
#[derive(Debug, Clone)]
pub enum EntryBody {
    /// Records.
    Records(RecordBatch),
    /// Samples of metrics.
    Samples(SampleBatch),
    /// A range of a source that will never come.
    Gap(Gap, Arc<Resource>),
    /// A source began.
    Open(Open),
    /// A source ended.
    Close(Close),
    /// Wall time as data.
    Tick(Timestamp),
    /// The configuration changed; its text.
    Config(String),
    /// Remove what matches, up to here.
    Delete {
        /// Names the deletion.
        id: String,
        /// What to remove.
        query: String,
    },
    /// What somebody did.
    Action(Action),
    /// Nothing a follower acts on; its position counts all the same.
    Other,
}

/// Samples that arrived together.
#[derive(Debug, Clone)]
pub struct SampleBatch {
    /// The source they came over; `None` when that was HTTP.
    pub source: Option<SourceId>,
    /// Each a batch as [`crate::metric::samples`] draws it, from outside and not checked yet.
    pub chunks: Vec<Bytes>,
}

/// The records of one batch: shared text and spans into it.
#[derive(Debug, Clone)]
pub struct RecordBatch {
    /// Whose records.
    pub source: SourceId,
    /// Where they come from.
    pub resource: Arc<Resource>,
    /// Text of all records, back to back, as the shipper sent it.
    pub text: Bytes,
    /// The records, in the order of their first lines.
    pub records: Vec<RecordSpan>,
    /// Services named by records; [`RecordSpan::service`] is an index from 1, 0 stands for the resource's own service.
    pub services: Vec<Box<str>>,
}

/// One record, which is one physical line or several that belong together, and what a single look at it told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpan {
    /// Offset in the source of its first byte.
    pub offset: Offset,
    /// Event time clamped against the receive time; the receive time when the record has none.
    pub time: Timestamp,
    /// What its message has in common with those that differ from it in variable parts only; 0 when it has none.
    pub shape: u64,
    /// Bytes in the source, newlines included. Its lines follow each other there unless a container's streams are woven.
    pub range_len: u32,
    /// Where its text starts in [`RecordBatch::text`].
    pub at: u32,
    /// Length of its text, last newline included when it has one.
    pub len: u32,
    /// What the shipper said of its first line; TRUNCATED when it said that of any.
    pub meta: LineMeta,
    /// See [`RecordBatch::services`].
    pub service: u16,
    /// How it is written.
    pub layout: Layout,
    /// OpenTelemetry severity number; unspecified when the record does not tell.
    pub severity: Severity,
}

impl RecordSpan {
    /// A record of one line at `offset` in the source and `at` in the text, not looked at yet.
    pub(crate) fn of(row: &BatchLine, offset: Offset, at: u32) -> Self {
        Self {
            offset,
            time: Timestamp::default(),
            shape: 0,
            range_len: row.range_len,
            at,
            len: row.text_len,
            meta: row.meta,
            service: 0,
            layout: Layout::default(),
            severity: Severity::UNSPECIFIED,
        }
    }

    /// One more line, which follows in the text.
    pub(crate) fn add(&mut self, row: &BatchLine) {
        self.range_len += row.range_len;
        self.len += row.text_len;
        self.meta.0 |= row.meta.0 & LineMeta::TRUNCATED;
    }

    /// This record with what a look at another one told.
    pub(crate) fn with_head_of(&self, other: &Self) -> Self {
        let Self { time, service, layout, severity, .. } = *other;
        Self { time, service, layout, severity, ..*self }
    }
}

impl RecordBatch {
    /// The record's text without its last line ending.
    pub fn text_of(&self, record: &RecordSpan) -> &[u8] {
        trim_line_ending(self.raw_of(record))
    }

    /// The record's text as it was sent.
    pub fn raw_of(&self, record: &RecordSpan) -> &[u8] {
        &self.text[record.at as usize..record.at as usize + record.len as usize]
    }

    /// The service of a record: its own, else the resource's.
    pub fn service_of(&self, record: &RecordSpan) -> &str {
        match record.service {
            0 => self.resource.service(),
            n => &self.services[usize::from(n) - 1],
        }
    }
}

/// `text` without one trailing LF or CR LF.
pub fn trim_line_ending(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

impl Resource {
    /// The service when a line names none: label `service` (or `service.name`), else the file's directory or stem.
    pub fn service(&self) -> &str {
        let label = self.labels.get("service.name").or_else(|| self.labels.get("service"));
        label.map_or_else(|| service_of_path(&self.path), String::as_str)
    }
}

/// `/var/log/nginx/access.log` is nginx, `/var/log/shop.log.1` is shop: the directory, unless it is one where
/// everybody's logs lie; then the file's name up to its first dot.
fn service_of_path(path: &str) -> &str {
    const COMMON: [&str; 8] = ["log", "logs", "tmp", "var", "data", "containers", "home", ""];
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or(path);
    let directory = parts.next().unwrap_or("");
    if !COMMON.contains(&directory) {
        return directory;
    }
    match file.split('.').next() {
        Some(stem) if !stem.is_empty() => stem,
        _ => file,
    }
}

/// Reads the journal in order, stores its own position inside its own commit. Synchronous; no clock inside.
pub trait Follower: Send {
    /// Name for status and metrics.
    fn name(&self) -> &str;

    /// The journal and the position it has durably reached; `None` when it has never committed.
    fn committed(&self) -> Option<(JournalId, Position)>;

    /// Takes the next record. Output need not be durable yet.
    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError>;

    /// Called when nothing more is waiting, and at shutdown: a chance to make output durable.
    /// Returns the position that is durable now.
    fn commit(&mut self) -> Result<Position, FollowerError>;
}

/// Why a follower cannot go on.
#[derive(Debug)]
pub struct FollowerError {
    /// Who and where: a path, a peer.
    pub at: String,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for FollowerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}

impl std::error::Error for FollowerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_from_label_directory_or_stem() {
        let check = |path: &str, expected: &str| assert_eq!(service_of_path(path), expected, "{path}");
        check("/var/log/nginx/access.log", "nginx");
        check("/var/log/shop.log.1", "shop");
        check("app.log", "app");
        check("/logs/.hidden", ".hidden");
        let labels = [("service".to_owned(), "pay".to_owned())].into();
        let resource = Resource { path: "/x/y.log".into(), labels, ..Resource::default() };
        assert_eq!(resource.service(), "pay");
    }

    #[test]
    fn t28_line_endings_are_not_text() {
        assert_eq!(trim_line_ending(b"a\r\n"), b"a");
        assert_eq!(trim_line_ending(b"a\rb\n"), b"a\rb");
        assert_eq!(trim_line_ending(b"a"), b"a");
    }
}
