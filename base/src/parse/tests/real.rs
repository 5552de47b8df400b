//! Files that nobody on this project wrote. Whatever is in them, the records put together again are the file; what is
//! read off a real system's lines is compared with what a regular expression made for them cuts out.

use super::super::*;
use crate::batch::LineMeta;
use crate::entry::{RecordBatch, RecordSpan};
use crate::query::{Matcher, Query};
use crate::testing::{batches_of, looked_at, row, shared_files};
use regex::bytes::Regex;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Every record of a file, its text put together again; calls `each` with what is known of it.
fn read_all(file: &[u8], mut each: impl FnMut(&RecordBatch, &RecordSpan)) -> Vec<u8> {
    let mut again = Vec::with_capacity(file.len());
    for batch in batches_of(file) {
        for record in &batch.records {
            again.extend_from_slice(batch.raw_of(record));
            each(&batch, record);
        }
    }
    again
}

/// Parts of lines that were read as the regular expression reads them, of all lines.
#[derive(Default)]
struct Share {
    lines: u32,
    same: u32,
}

impl Share {
    fn add(&mut self, is_same: bool) {
        self.lines += 1;
        self.same += u32::from(is_same);
    }

    fn check(&self, of_what: &str) {
        let share = f64::from(self.same) / f64::from(self.lines.max(1));
        println!("{of_what}: {} of {} lines, {:.3} %", self.same, self.lines, share * 100.0);
        assert!(share >= 0.999, "{of_what}: {} of {} lines", self.same, self.lines);
    }
}

/// A day of a system of microservices in docker, under fault injection: 27 pods with a trace id on each line.
///
/// Whoever gathered it kept the lines with a trace id, so of a message over 16 KiB there is the first piece and not the
/// second. What stands behind such a piece is joined to it, as docker means it; it is counted and left out.
#[test]
fn a_day_of_microservices() {
    let docker = Regex::new(r#"^\{"log":"(.*?)(\\n)?","stream":"std(?:out|err)","time":"([^"]+)"\}\n$"#);
    let inner = Regex::new("^[0-9:.]{12} +([A-Z]+) +[^ ]+ TraceID: ([0-9a-f]+) SpanID: ([0-9a-f]+) ");
    let (docker, inner) = (docker.expect("sound"), inner.expect("sound"));
    let (mut pods, mut lines, mut behind_pieces) = (0, 0, 0);
    let [mut begins, mut time, mut severity, mut trace, mut span] = [(); 5].map(|()| Share::default());
    for (path, packed) in shared_files("nezha/logs") {
        let file = zstd::decode_all(packed.as_slice()).expect("compressed");
        let (mut parser, mut is_behind_piece) = (Parser::new(), false);
        let again = read_all(&file, |batch, record| {
            let read = Record::of(&batch.view(record), &mut parser);
            for (at, line) in batch.raw_of(record).split_inclusive(|&b| b == b'\n').enumerate() {
                lines += 1;
                let wrapped = docker.captures(line).expect("docker's line");
                let said = inner.captures(&wrapped[1]).expect("a line with a trace id");
                if std::mem::replace(&mut is_behind_piece, wrapped.get(2).is_none()) {
                    behind_pieces += 1;
                    assert!(at > 0, "{path}: a piece without the next");
                    continue;
                }
                let written = std::str::from_utf8(&wrapped[3]).ok().and_then(|text| text.parse().ok());
                let written: jiff::Timestamp = written.expect("docker's time");
                begins.add(at == 0);
                time.add(i128::from(record.time.0) == written.as_nanosecond());
                severity.add(record.severity.text().as_bytes() == &said[1]);
                trace.add(read.trace_id.as_deref().map(str::as_bytes) == Some(&said[2]));
                span.add(read.span_id.as_deref().map(str::as_bytes) == Some(&said[3]));
            }
        });
        assert!(again == file, "{path} is not what its records say");
        pods += 1;
    }
    if pods > 0 {
        println!("{pods} pods, {lines} lines, {behind_pieces} of them behind a piece");
        begins.check("begins a record");
        time.check("time");
        severity.check("severity");
        trace.check("trace id");
        span.check("span id");
    }
}

/// Queries of every kind, so that all of a record is read.
fn queries() -> Vec<Matcher> {
    let texts = [
        "error",
        "\"connection refused\" OR timeout",
        "level:>=warn -service:sshd",
        "user:root OR host:* OR trace:4bf92f3577b34da6a3ce929d0e0e4736",
        "http.response.status_code:>=400",
        "message:\"GET\" -url.path:/health",
        "4bf92f3577b34da6a3ce929d0e0e4736 OR 10.0.0.1",
        "exception.type:* OR absent:*",
    ];
    texts.iter().map(|text| Matcher::new(&text.parse::<Query>().expect("a query"))).collect()
}

#[test]
fn the_files_of_a_log_viewer() {
    let (mut matchers, mut parser, mut terms) = (queries(), Parser::new(), Terms::default());
    let (mut files, mut lines, mut records, mut hits) = (0, 0, 0, 0);
    for (path, file) in shared_files("lnav") {
        let again = read_all(&file, |batch, record| {
            let view = batch.view(record);
            let read = Record::of(&view, &mut parser);
            assert_eq!((read.timestamp, read.severity), (record.time, record.severity), "{path}");
            terms.clear();
            terms.add(&view, &mut parser);
            hits += matchers.iter_mut().filter_map(|matcher| matcher.matches(&view).then_some(())).count();
            records += 1;
        });
        assert!(again == file, "{path} is not what its records say");
        lines += file.split_inclusive(|&b| b == b'\n').count();
        files += 1;
    }
    println!("{files} files, {lines} lines, {records} records, {hits} hits");
}

#[test]
fn lines_of_real_loggers_and_systems_go_through() {
    let (mut records, mut timed, mut levelled) = (0u32, 0u32, 0u32);
    let (mut parser, mut terms) = (Parser::new(), Terms::default());
    for (path, file) in ["loggers", "loghub"].into_iter().flat_map(shared_files) {
        let again = read_all(&file, |batch, record| {
            let view = batch.view(record);
            terms.clear();
            terms.add(&view, &mut parser);
            Record::of(&view, &mut parser);
            records += 1;
            timed += u32::from(view.layout.time_source() == TimeSource::Event);
            levelled += u32::from(view.severity != Severity::UNSPECIFIED);
        });
        assert!(again == file, "{path} is not what its records say");
    }
    println!("{records} records, {timed} with a time, {levelled} with a level");
}

fn shape(line: &[u8]) -> Shape {
    Parser::new().walk(line, |_, _| ControlFlow::Continue(()))
}

#[test]
fn the_json_test_suite_as_lines() {
    for (path, text) in shared_files("json") {
        let name = path.rsplit('/').next().unwrap_or_default();
        let object = text.trim_ascii().starts_with(b"{");
        match name.as_bytes().first() {
            Some(b'y') if object => assert_eq!(shape(&text), Shape::Json, "{name}"),
            Some(b'n') => assert_eq!(shape(&text), Shape::Plain, "{name}"),
            _ => {}
        }
        let wrapped = [b"{\"a\":", text.as_slice(), b"}"].concat();
        match name.as_bytes().first() {
            Some(b'y') => assert_eq!(shape(&wrapped), Shape::Json, "{name}"),
            _ => assert_eq!(
                shape(&wrapped) == Shape::Json,
                serde_json::from_slice::<serde_json::Value>(&wrapped).is_ok(),
                "{name}"
            ),
        }
    }
}

/// One record of one line, whatever is in it.
fn one_record(text: &[u8]) -> RecordBatch {
    let lines = vec![row(text.len(), LineMeta::default())];
    looked_at(text, lines, Default::default(), Arc::default())
}

/// What a record says beside its view: whether as an object, and the text shown for it.
fn read(text: &[u8]) -> (Shape, Record) {
    let batch = one_record(text);
    let (record, mut parser) = (batch.records[0], Parser::new());
    assert_eq!(batch.raw_of(&record), text);
    let view = batch.view(&record);
    let mut shape = Shape::Json;
    parser.each(view.text, view.layout, |said| {
        if matches!(said, Said::Text(_)) {
            shape = Shape::Plain;
        }
        ControlFlow::Continue(())
    });
    Terms::default().add(&view, &mut parser);
    queries().iter_mut().for_each(|matcher| _ = matcher.matches(&view));
    (shape, Record::of(&view, &mut parser))
}

/// As docker writes what a container has said; its JSON encoder replaces what is not UTF-8.
fn in_docker(text: &[u8]) -> Option<Vec<u8>> {
    let log = serde_json::json!(format!("{}\n", std::str::from_utf8(text).ok()?));
    let line = format!("{{\"log\":{log},\"stream\":\"stdout\",\"time\":\"2026-11-23T06:34:35.5Z\"}}\n");
    Some(line.into_bytes())
}

/// What must be JSON is a record with fields when it is an object; what must not is text that is kept as it is. Both
/// inside of docker's lines too.
#[test]
fn the_json_test_suite_as_records() {
    let (mut objects, mut texts) = (0, 0);
    for (path, text) in shared_files("json") {
        let name = path.rsplit('/').next().unwrap_or_default();
        let expected = match name.as_bytes().first() {
            Some(b'y') if text.trim_ascii().starts_with(b"{") => Some(Shape::Json),
            Some(b'y' | b'n') => Some(Shape::Plain),
            _ => None,
        };
        let as_lines: Vec<u8> = read_all(&text, |_, _| {});
        assert!(as_lines == text, "{name}");
        if text.is_empty() {
            continue;
        }
        let wrapped = in_docker(&text).map(|line| read(&line));
        let (shape, record) = read(&text);
        let Some(expected) = expected else { continue };
        assert_eq!(shape, expected, "{name}");
        assert!(wrapped.is_none_or(|(shape, _)| shape == expected), "{name} in docker");
        match expected {
            Shape::Json => objects += 1,
            Shape::Plain => texts += 1,
        }
        if expected == Shape::Plain && text.is_ascii() && !record.body.is_empty() {
            let (shown, kept) = (record.body.as_str(), String::from_utf8_lossy(&text));
            assert!(kept.contains(shown.trim_end()), "{name}: {shown}");
        }
    }
    println!("{objects} objects, {texts} texts");
}
