//! Golden tests: what is understood of every record of the captured logs of real loggers (`data/loggers`), and of lines of our
//! own for what nobody captured (`golden/fixtures/*.log`). Lines are joined as the shipper does it and looked at as the
//! router does it, received at [`RECEIVED`] by a host in UTC.
//!
//! A file `X` has its expectations in `X.expected`: a line a record, columns parted by tabs, `-` where there is nothing.
//!
//! ```text
//! ### title                a line of X, repeated: what is behind it is joined on its own
//! layout[ in wrapper]      the layout's name
//! time                     in UTC; none when the record does not say one
//! severity                 the name of its class
//! service                  as the record names it; none when it is the source's
//! trace                    canonical id of the trace, else of the request
//! user
//! exception                its type; `?` when something was thrown that has none
//! body                     the first 60 characters
//! ```
//! `LOGWEIR_UPDATE_GOLDEN=1 cargo test -p logweir-base golden` writes the expectations anew. They are reviewed as any
//! other code: each was read off the record by hand before the program had its say.

use super::layout::{json, text};
use super::{Parser, Record, RecordView, TimeSource, look};
use crate::batch::{Batch, BatchLine, Codec, LineMeta};
use crate::frame::Resource;
use crate::ids::{Epoch, Offset, SourceId};
use crate::multiline::Joiner;
use crate::time::Timestamp;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const RECEIVED: &str = "2026-11-24T00:00:00Z";
const UPDATE: &str = "LOGWEIR_UPDATE_GOLDEN";
const BODY_CHARS: usize = 60;
const TITLE: &str = "### ";
/// Set aside by whoever has no material that is shared.
const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/loggers");
const EXPECTED_OF_CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/parse/golden");
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/parse/golden/fixtures");

/// What was seen of a folder of logs.
#[derive(Default)]
struct Seen {
    records: usize,
    /// Numbers of the layouts met.
    layouts: BTreeSet<u8>,
    differences: Vec<String>,
}

#[test]
fn captures_and_fixtures_are_understood() {
    let captures = seen_in(Path::new(CAPTURES), Path::new(EXPECTED_OF_CAPTURES));
    let fixtures = seen_in(Path::new(FIXTURES), Path::new(FIXTURES));
    let differences = [captures.differences, fixtures.differences].concat();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    let met: BTreeSet<_> = captures.layouts.union(&fixtures.layouts).copied().collect();
    println!(
        "{} records of captures, {} of fixtures, {} layouts",
        captures.records,
        fixtures.records,
        met.len()
    );
    if captures.records > 0 {
        let unmet: Vec<_> = known_layouts().filter(|(number, _)| !met.contains(number)).collect();
        assert!(unmet.is_empty(), "layouts that no record is of: {unmet:?}");
    }
}

/// Number and name of every layout.
fn known_layouts() -> impl Iterator<Item = (u8, &'static str)> {
    let of_json = json::LAYOUTS.iter().map(|layout| (layout.number, layout.name));
    of_json.chain(text::LAYOUTS.iter().map(|layout| (layout.number, layout.name)))
}

/// Compares all logs of a folder with what is expected of them, or writes that.
fn seen_in(logs: &Path, expectations: &Path) -> Seen {
    let mut seen = Seen::default();
    for path in logs_of(logs) {
        let name = path.file_name().expect("a file").to_string_lossy();
        let expected_at = expectations.join(format!("{name}.expected"));
        let log = fs::read(&path).expect("a readable file");
        let got = rows_of(&log, &mut seen);
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&expected_at, got.join("\n") + "\n").expect("a folder that can be written");
            continue;
        }
        let expected = fs::read_to_string(&expected_at).unwrap_or_default();
        seen.differences.extend(differences(&name, &expected, &got));
    }
    seen
}

fn logs_of(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        println!("skipped: {} is not here", folder.display());
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut logs: Vec<_> =
        paths.filter(|path| path.is_file() && path.extension().is_none_or(|it| it != "expected")).collect();
    logs.sort();
    logs
}

/// Lines that are not as expected, one pair after the other.
fn differences(name: &str, expected: &str, got: &[String]) -> Vec<String> {
    let expected: Vec<_> = expected.lines().collect();
    let of_line = |at: usize| {
        let (expected, got) =
            (expected.get(at).copied().unwrap_or_default(), got.get(at).map_or("", String::as_str));
        (expected != got)
            .then(|| format!("{name}.expected:{}\n  expected {expected}\n  got      {got}", at + 1))
    };
    (0..expected.len().max(got.len())).filter_map(of_line).collect()
}

/// The titles and records of a log, a line each.
fn rows_of(log: &[u8], seen: &mut Seen) -> Vec<String> {
    let mut rows = Vec::new();
    let mut section = Vec::new();
    for line in log.split_inclusive(|&b| b == b'\n') {
        if line.starts_with(TITLE.as_bytes()) {
            add_section(&std::mem::take(&mut section), &mut rows, seen);
            rows.push(String::from_utf8_lossy(line).trim_end().to_owned());
        } else {
            section.extend_from_slice(line);
        }
    }
    add_section(&section, &mut rows, seen);
    rows
}

fn add_section(section: &[u8], rows: &mut Vec<String>, seen: &mut Seen) {
    let mut parser = Parser::new();
    let received = Timestamp::parse(RECEIVED).expect("a time");
    let resource = Resource { host: "vm".into(), path: "/var/log/golden.log".into(), ..Resource::default() };
    let batch = look(&joined(section), Arc::new(resource), received, &mut parser).expect("a sound batch");
    for span in &batch.records {
        let view = batch.view(span);
        seen.records += 1;
        seen.layouts.insert(view.layout.number());
        rows.push(row_of(&view, &Record::of(&view, &mut parser)));
    }
}

/// A batch of these lines, put together to records.
fn joined(text: &[u8]) -> Batch {
    let row = |line: &[u8]| {
        let len = u32::try_from(line.len()).expect("a short line");
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    };
    let mut lines: Vec<_> = text.split_inclusive(|&b| b == b'\n').map(row).collect();
    Joiner::default().join(text, &mut lines);
    Batch {
        source: SourceId([1; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines,
        codec: Codec::None,
        text_len: u32::try_from(text.len()).expect("a short file"),
        payload: Bytes::copy_from_slice(text),
    }
}

fn row_of(view: &RecordView<'_>, record: &Record) -> String {
    let name = record.layout.name();
    let layout =
        record.layout.wrapper_name().map_or(name.to_owned(), |wrapper| format!("{name} in {wrapper}"));
    let has_time = record.layout.time_source() == TimeSource::Event;
    let time = if has_time { record.timestamp.to_string() } else { String::new() };
    let service = if record.service == view.resource.service() { "" } else { &record.service };
    let exception = record.exception.as_ref().map(|thrown| thrown.kind.as_deref().unwrap_or("?"));
    let body: String = record.body.chars().take(BODY_CHARS).collect();
    let columns = [
        layout.as_str(),
        &time,
        view.severity.text(),
        service,
        record.trace_id.as_deref().unwrap_or_default(),
        record.user.as_deref().unwrap_or_default(),
        exception.unwrap_or_default(),
        &body,
    ];
    columns.map(|column| if column.is_empty() { "-".to_owned() } else { escaped(column) }).join("\t")
}

/// On one line and in one column.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            char if char.is_control() => out.extend(char.escape_default()),
            char => out.push(char),
        }
    }
    out
}
