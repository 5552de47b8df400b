//! Exceptions among the records of a batch, on their way into their groups.
//!
//! Looked at whole are records of severity ERROR and above, those of several lines, and those of severity WARN that name an
//! exception; [`exception::of`] says which of them are one.

use crate::exception;
use crate::group::{GroupId, Occurrence};
use crate::memory::Memory;
use logweir_base::entry::{RecordBatch, RecordSpan};
use logweir_base::parse::{Parser, Paths, Pick, Record, RecordView, Severity, Value};
use logweir_base::query::{Matcher, Query};
use logweir_base::time::Timestamp;
use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Fields that name the version of the program, the best first.
const VERSIONS: [&str; 5] = ["service.version", "service_version", "app_version", "release", "version"];
/// Labels of a source that do so.
const VERSION_LABELS: [&str; 2] = ["service.version", "version"];
/// Bytes of a text that a group is shown.
const TEXT_BYTES_MAX: usize = crate::group::SAMPLE_BYTES_MAX;

/// Finds exceptions in batches.
pub struct Intake {
    parser: Parser,
    versions: Paths,
    queries: Vec<(String, Matcher)>,
}

impl Default for Intake {
    fn default() -> Self {
        Self { parser: Parser::default(), versions: Paths::new(VERSIONS), queries: Vec::new() }
    }
}

impl Intake {
    /// From now on it is noted which groups have records that these queries find.
    pub fn watch<'q>(&mut self, queries: impl Iterator<Item = &'q str>) {
        let read =
            queries.filter_map(|text| Some((text.to_owned(), Matcher::new(&text.parse::<Query>().ok()?))));
        self.queries = read.collect();
        self.queries.sort_by(|a, b| a.0.cmp(&b.0));
        self.queries.dedup_by(|a, b| a.0 == b.0);
    }

    /// Takes the exceptions of a batch.
    pub fn take(&mut self, batch: &RecordBatch, received: Timestamp, memory: &mut Memory) {
        for span in batch.records.iter().filter(|span| may_be_one(batch, span)) {
            self.take_one(&batch.view(span), received, memory);
        }
    }

    fn take_one(&mut self, view: &RecordView<'_>, received: Timestamp, memory: &mut Memory) {
        let record = Record::of(view, &mut self.parser);
        let Some(exception) = exception::of(&record) else {
            return;
        };
        let id = group_of(&exception, &record.service);
        let found_by: Vec<&str> = (self.queries.iter_mut())
            .filter_map(|(text, matcher)| matcher.matches(view).then_some(text.as_str()))
            .collect();
        let deploy = memory.deploy_before(&record.service, received).cloned();
        let version = version_of(view, &mut self.parser, &self.versions);
        let version = version.or_else(|| deploy.as_ref().map(|mark| mark.version.clone()));
        let last = memory.groups.get(id).map(|group| group.last);
        let text = String::from_utf8_lossy(&view.text[..view.text.len().min(TEXT_BYTES_MAX)]);
        let occurrence = Occurrence {
            time: record.timestamp,
            received,
            kind: exception.kind.as_deref().unwrap_or_default(),
            message: &exception.message,
            culprit: exception.culprit.as_deref(),
            service: &record.service,
            version: version.as_deref().unwrap_or_default(),
            host: &record.host,
            user: record.user.as_deref(),
            trace: record.trace_id.as_deref(),
            severity: record.severity.0,
            text: &text,
            found_by,
            deployed_since: last.zip(deploy.as_ref()).is_some_and(|(last, mark)| mark.at > last),
        };
        memory.groups.occur(id, &occurrence, || deploy.map(|mark| mark.version));
    }
}

/// The group that an exception of a service belongs to. One that has neither type nor frames is told apart by service too: any
/// program may say that a connection was refused.
pub fn group_of(exception: &exception::Exception, service: &str) -> GroupId {
    match exception.kind.is_none() && exception.culprit.is_none() {
        true => GroupId(xxh3_64_with_seed(service.as_bytes(), exception.fingerprint.0)),
        false => GroupId(exception.fingerprint.0),
    }
}

fn may_be_one(batch: &RecordBatch, span: &RecordSpan) -> bool {
    if span.severity >= Severity::ERROR {
        return true;
    }
    let text = batch.text_of(span);
    memchr::memchr(b'\n', text).is_some()
        || span.severity >= Severity::WARN && memmem::find(text, b"xception").is_some()
}

/// The version of the program that wrote a record, as it or its source's labels tell.
fn version_of(view: &RecordView<'_>, parser: &mut Parser, paths: &Paths) -> Option<String> {
    let mut found: [Option<String>; VERSIONS.len()] = Default::default();
    parser.pick(view, paths, |pick| match pick {
        Pick::Again => found = Default::default(),
        Pick::Field(at, Value::Str(text)) if !text.is_empty() => found[at] = Some(text.to_owned()),
        Pick::Field(..) => {}
    });
    let label = || VERSION_LABELS.iter().find_map(|name| view.resource.labels.get(*name)).cloned();
    found.into_iter().flatten().next().or_else(label)
}
