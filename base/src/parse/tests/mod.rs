//! Lines as they come: every logger's, and malformed ones. [`real`] has files that nobody on this project wrote,
//! [`hostile`] what only an enemy writes.

mod hostile;
mod real;

use super::head::by_scan_and_by_walk;
use super::*;
use crate::batch::LineMeta;
use crate::frame::Gap;
use crate::ids::{Offset, SourceId};
use crate::testing::{RECEIVED, looked_at, row};
use proptest::prelude::*;
use std::ops::ControlFlow;
use std::sync::Arc;

fn batch_of(lines: &[(&[u8], LineMeta)]) -> RecordBatch {
    let rows = lines.iter().map(|&(text, meta)| row(text.len(), meta)).collect();
    let text = lines.iter().flat_map(|(text, _)| text.iter().copied()).collect::<Vec<u8>>();
    let resource = Resource { host: "vm".into(), path: "/var/log/shop.log".into(), ..Resource::default() };
    looked_at(&text, rows, Offset(100), Arc::new(resource))
}

/// Time, severity and service of one line.
fn head(line: &str) -> (String, &'static str, String) {
    let batch = batch_of(&[(line.as_bytes(), LineMeta::default())]);
    let line = batch.records[0];
    (line.time.to_string(), line.severity.text(), batch.service_of(&line).to_owned())
}

fn check_head(line: &str, time: &str, severity: &str, service: &str) {
    let (got_time, got_severity, got_service) = head(line);
    assert_eq!((got_time.as_str(), got_severity, got_service.as_str()), (time, severity, service), "{line}");
}

#[test]
fn heads_of_all_loggers() {
    let check = |line: &str, time: &str, severity: &str| check_head(line, time, severity, "shop");
    check(r#"{"level":30,"time":1795415227287,"pid":1,"msg":"m"}"#, "2026-11-23T06:27:07.287Z", "INFO");
    check(r#"{"level":"error","ts":1795415675.7706857,"msg":"m"}"#, "2026-11-23T06:34:35.770685Z", "ERROR");
    check(r#"{"level":"warning","msg":"w","time":"2026-11-23T06:34:35Z"}"#, "2026-11-23T06:34:35Z", "WARN");
    check(
        r#"{"time":"2026-11-23T06:30:37.696353833Z","level":"DEBUG+2"}"#,
        "2026-11-23T06:30:37.696353833Z",
        "DEBUG",
    );
    check(
        r#"{"@level":"info","@timestamp":"2026-11-23T06:43:42.465503Z"}"#,
        "2026-11-23T06:43:42.465503Z",
        "INFO",
    );
    check(r#"{"@timestamp":"2026-11-23T06:43:42Z","log":{"level":"WARN"}}"#, "2026-11-23T06:43:42Z", "WARN");
    check(r#"{"log.level":"info","@timestamp":"2026-11-23T06:43:42Z"}"#, "2026-11-23T06:43:42Z", "INFO");
    check(
        r#"{"asctime": "2026-11-23 06:27:09,163", "levelname": "CRITICAL"}"#,
        "2026-11-23T06:27:09.163Z",
        "ERROR",
    );
    check(
        r#"{"msg":"m","level":"ERRO","ts":"2026-11-23T06:34:09.272833632Z"}"#,
        "2026-11-23T06:34:09.272833632Z",
        "ERROR",
    );
    check(r#"{"@t":"2026-11-23T03:44:57.8532799Z","@mt":"Hello"}"#, "2026-11-23T03:44:57.853279900Z", "INFO");
    check(r#"{"t":{"$date":"2026-11-23T15:16:17.180+00:00"},"msg":"m"}"#, "2026-11-23T15:16:17.180Z", "");
    check(
        r#"{"level":400,"level_name":"ERROR","datetime":"2026-11-23T06:30:53Z"}"#,
        "2026-11-23T06:30:53Z",
        "ERROR",
    );
    check(
        r#"{"record":{"level":{"name":"INFO"},"time":{"timestamp":1795415229.5}}}"#,
        "2026-11-23T06:27:09.500Z",
        "INFO",
    );
    check("[2026-11-23T06:27:08.548] [INFO] app - m", "2026-11-23T06:27:08.548Z", "INFO");
    check("2026/11/23 06:30:37 [error] 12#12: m", "2026-11-23T06:30:37Z", "ERROR");
    check("2026-11-23 06:34:49,598 WARN  [main] c.a.App - m", "2026-11-23T06:34:49.598Z", "WARN");
    check("10.0.0.1 - - \"GET / HTTP/1.1\" 200", RECEIVED, "");
    check("I will warn you about an Error", RECEIVED, "");
    check("ERROR:d:request failed", RECEIVED, "ERROR");
    check("", RECEIVED, "");
}

#[test]
fn services_of_lines_and_sources() {
    let check = |line: &str, service: &str| check_head(line, RECEIVED, "", service);
    check(r#"{"service":"pay"}"#, "pay");
    check(r#"{"service":{"name":"pay"}}"#, "pay");
    check(r#"{"dd.service":"pay","service":"other"}"#, "other");
    check(r#"{"otelServiceName":"p\u0061y"}"#, "pay");
    check(r#"{"service":"","app":"pay"}"#, "pay");
    check(r#"{"service":7}"#, "shop");
    check(&format!(r#"{{"service":"{}"}}"#, "x".repeat(300)), "shop");
}

#[test]
fn i10_times_that_cannot_be() {
    let check = |time: &str, expected: &str| {
        check_head(&format!(r#"{{"time":{time},"msg":"kept"}}"#), expected, "", "shop");
    };
    check("\"1970-01-01T00:00:00Z\"", "2016-11-23T00:00:00Z");
    check("\"9999-12-31T23:59:59Z\"", "2026-11-25T00:00:00Z");
    for unparsable in ["\"yesterday\"", "\"\"", "0", "-1", "35.5", "1e300", "null", "true", "[]", "{\"a\":1}"]
    {
        check(unparsable, RECEIVED);
    }
}

/// Text and first offset of each record.
fn records_of(lines: &[(&[u8], LineMeta)]) -> Vec<(String, u64)> {
    let batch = batch_of(lines);
    let record = |record| (String::from_utf8_lossy(batch.raw_of(record)).into_owned(), record.offset.0);
    batch.records.iter().map(record).collect()
}

#[test]
fn continued_lines_are_one_record() {
    let (head, goes_on) = (LineMeta::default(), LineMeta(LineMeta::CONTINUATION));
    let lines: [(&[u8], LineMeta); 4] = [
        (b"2026-11-23T06:34:35Z ERROR failed\n", head),
        (b"java.lang.XException: boom\n", goes_on),
        (b"\tat f(X.java:2)\n", goes_on),
        (b"2026-11-23T06:34:36Z INFO next\n", head),
    ];
    let batch = batch_of(&lines);
    assert_eq!(batch.records.len(), 2);
    let (first, second) = (batch.records[0], batch.records[1]);
    assert_eq!((first.severity.text(), second.severity.text()), ("ERROR", "INFO"));
    assert_eq!(u64::from(first.range_len), second.offset.0 - first.offset.0);
    let record = Record::of(&batch.view(&first), &mut Parser::new());
    assert_eq!(record.body, "failed");
    let thrown = record.exception.expect("an exception");
    assert_eq!(
        (thrown.kind.as_deref(), thrown.message.as_deref()),
        (Some("java.lang.XException"), Some("boom"))
    );
}

/// Two streams of a container, woven line by line: each record's lines stand together, and none is lost.
#[test]
fn woven_streams_are_records_of_their_own() {
    let of = |stream, flags| LineMeta(flags).with_stream(stream);
    let lines: [(&[u8], LineMeta); 5] = [
        (b"out 1\n", of(1, 0)),
        (b"err 1\n", of(2, 0)),
        (b" out 1\n", of(1, LineMeta::CONTINUATION)),
        (b" err 1\n", of(2, LineMeta::CONTINUATION)),
        (b"out 2\n", of(1, 0)),
    ];
    let records = records_of(&lines);
    let expected = [("out 1\n out 1\n", 100), ("err 1\n err 1\n", 106), ("out 2\n", 126)];
    assert_eq!(records, expected.map(|(text, offset)| (text.to_owned(), offset)));
}

#[test]
fn a_continuation_without_its_head_is_a_record() {
    let goes_on = LineMeta(LineMeta::CONTINUATION);
    let cut = LineMeta(LineMeta::TRUNCATED);
    let records = records_of(&[(b" a\n", goes_on), (b" b\n", goes_on), (b"c\n", cut), (b" d\n", goes_on)]);
    let texts: Vec<_> = records.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts, [" a\n b\n", "c\n", " d\n"]);
}

#[test]
fn a_further_part_takes_over_what_the_first_said() {
    let part = |number, last| LineMeta::part(number, last);
    let lines: [(&[u8], LineMeta); 3] = [
        (br#"{"time":"2026-11-23T06:34:35Z","level":"error","service":"pay","#, part(0, false)),
        (b"xxx", part(1, true)),
        (b"2026-11-23T06:34:36Z INFO next", LineMeta::default()),
    ];
    let batch = batch_of(&lines);
    let times: Vec<_> = batch.records.iter().map(|record| record.time).collect();
    assert!(times[0] == times[1] && times[1] != times[2]);
}

pub(super) fn shape(line: &[u8]) -> Shape {
    Parser::new().walk(line, |_, _| ControlFlow::Continue(()))
}

fn fields(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    Parser::new().walk(line.as_bytes(), |path, value| {
        found.push(format!("{path}={value:?}"));
        ControlFlow::Continue(())
    });
    found
}

#[test]
fn paths_join_keys_and_pass_arrays_by() {
    let line = r#"{"a":{"b.c":1,"d":[true,{"e":"x"},[-2]]},"f":null,"":{"g":1.5},"h":[],"i":{}}"#;
    let expected =
        ["a.b.c=U64(1)", "a.d=Bool(true)", "a.d.e=Str(\"x\")", "a.d=I64(-2)", "f=Null", ".g=F64(1.5)"];
    assert_eq!(fields(line), expected);
}

#[test]
fn m05_deep_nesting_is_text() {
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert_eq!(shape(nested(DEPTH_MAX).as_bytes()), Shape::Json);
    assert_eq!(shape(nested(DEPTH_MAX + 1).as_bytes()), Shape::Plain);
    assert_eq!(shape("[".repeat(100_000).as_bytes()), Shape::Plain);
    let hidden = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(shape(hidden.as_bytes()), Shape::Plain);
    check_head(&format!("{{\"level\":\"info\",{}}}", "[".repeat(100_000)), RECEIVED, "", "shop");
}

#[test]
fn m06_a_million_values_are_text() {
    let keys = |n: usize| {
        let fields: Vec<String> = (0..n).map(|i| format!("\"k{i}\":1")).collect();
        format!("{{{}}}", fields.join(","))
    };
    assert_eq!(shape(keys(4000).as_bytes()), Shape::Json);
    assert_eq!(shape(keys(5000).as_bytes()), Shape::Plain);
    let array = format!("{{\"a\":[{}1]}}", "1,".repeat(500_000));
    assert_eq!(shape(array.as_bytes()), Shape::Plain);
    let batch = batch_of(&[(array.as_bytes(), LineMeta::default())]);
    let record = Record::of(&batch.view(&batch.records[0]), &mut Parser::new());
    assert_eq!(record.body.len(), array.len());
}

#[test]
fn t27_invalid_utf8_utf16_and_byte_order_marks() {
    assert_eq!(shape(b"\xef\xbb\xbf{\"a\":1}"), Shape::Json);
    assert_eq!(shape(b"{\"a\":\"\xff\"}"), Shape::Plain);
    let utf16: Vec<u8> = "{\"level\":\"info\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(shape(&utf16), Shape::Plain);
    let batch = batch_of(&[(b"ERROR caf\xe9 \xff closed", LineMeta::default())]);
    let view = batch.view(&batch.records[0]);
    assert_eq!(view.text, b"ERROR caf\xe9 \xff closed");
    assert_eq!(Record::of(&view, &mut Parser::new()).body, "caf\u{fffd} \u{fffd} closed");
    assert_eq!(view.severity.text(), "ERROR");
}

#[test]
fn a_record_shows_what_was_understood() {
    let line = concat!(
        r#"{"level":"warning","hostname":"web-7","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","#,
        r#""span_id":"00F067AA0BA902B7","userId":42,"msg":"slow"}"#,
    );
    let batch = batch_of(&[(line.as_bytes(), LineMeta::default())]);
    let record = Record::of(&batch.view(&batch.records[0]), &mut Parser::new());
    assert_eq!(record.trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(record.span_id.as_deref(), Some("00f067aa0ba902b7"));
    assert_eq!((record.user.as_deref(), record.body.as_str()), (Some("42"), "slow"));
    assert_eq!((record.host.as_str(), record.severity_text.as_str()), ("web-7", "warning"));
    assert_eq!(record.parent_span_id, None);
    let child = br#"{"span_id":"b7","dd":{"parent_id":"A1"},"msg":"x"}"#;
    let batch = batch_of(&[(child, LineMeta::default())]);
    let record = Record::of(&batch.view(&batch.records[0]), &mut Parser::new());
    assert_eq!((record.span_id.as_deref(), record.parent_span_id.as_deref()), (Some("b7"), Some("a1")));
    let comment = batch_of(&[(br#"{"parent_id":7,"msg":"a comment"}"#, LineMeta::default())]);
    let record = Record::of(&comment.view(&comment.records[0]), &mut Parser::new());
    assert_eq!(record.parent_span_id, None, "nothing without a span of its own has a parent span");
    let untraced = batch_of(&[(br#"{"trace_id":"0","request_id":"r-1"}"#, LineMeta::default())]);
    let record = Record::of(&untraced.view(&untraced.records[0]), &mut Parser::new());
    assert_eq!(record.trace_id.as_deref(), Some("r-1"));
    assert_eq!(record.body, r#"{"trace_id":"0","request_id":"r-1"}"#);
}

#[test]
fn a_gap_is_a_line() {
    let gap = Gap { source: SourceId([1; 16]), start: Offset(10), end: Offset(25), reason: "deleted".into() };
    let resource = Resource { path: "/var/log/a.log".into(), ..Resource::default() };
    let text = gap_text(&gap, &resource);
    let batch = batch_of(&[(&text, LineMeta::default())]);
    let view = batch.view(&batch.records[0]);
    assert_eq!(view.severity, Severity::WARN);
    let record = Record::of(&view, &mut Parser::new());
    assert_eq!(record.body, "15 bytes of /var/log/a.log are missing: deleted");
    assert!(fields(std::str::from_utf8(&text).expect("JSON")).contains(&"kind=Str(\"gap\")".to_owned()));
}

/// Fields a head is read from, and others around them, in any order; keys may repeat.
fn head_line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "time",
        "timestamp",
        "ts",
        "level",
        "severity",
        "service",
        "app",
        "dd",
        "log",
        "fields",
        "t",
        "msg",
        "http",
        "n",
        "",
        "le\\u0076el",
    ]);
    let value = prop::sample::select(vec![
        "\"2026-11-23T06:34:35Z\"",
        "1795415227287",
        "1795415675.77",
        "1.79e9",
        "30",
        "-1",
        "\"warn\"",
        "\"pay\"",
        "\"\"",
        "\"w\\u0061rn\"",
        "\"a \\\\ \\\"b\\\" {\"",
        "null",
        "true",
        "{}",
        "[]",
        "[\"info\", 30]",
        "{\"level\":\"error\",\"name\":\"x\",\"service\":\"y\"}",
        "{\"a\":\"}\",\"b\":[{\"c\":\"]\\\"\"}]}",
        "{\"$date\":\"2026-11-23T06:34:35Z\"}",
        "12345678901234567890123",
    ]);
    prop::collection::vec((key, value, prop::bool::ANY), 0..9).prop_map(|fields| {
        let field = |(key, value, spaced)| {
            if spaced { format!(" \"{key}\" : {value} ") } else { format!("\"{key}\":{value}") }
        };
        format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_scanned_head_is_the_walked_head(line in head_line()) {
        let mut parser = Parser::new();
        prop_assert_eq!(shape(line.as_bytes()), Shape::Json);
        let (scanned, walked) = by_scan_and_by_walk(line.as_bytes(), &mut parser);
        if let Some(scanned) = scanned {
            prop_assert_eq!(scanned, walked);
        }
    }

    #[test]
    fn any_braced_bytes_are_scanned_or_left(bytes in "[{}\\[\\]\":,\\\\ a-d0-9]{0,30}", raw: Vec<u8>) {
        for inner in [bytes.as_bytes(), &raw] {
            let line = [b"{", inner, b"}"].concat();
            by_scan_and_by_walk(&line, &mut Parser::new());
        }
    }
}

#[test]
fn the_scan_answers_for_usual_lines() {
    let mut parser = Parser::new();
    let usual = [
        r#"{"timestamp":"2026-11-23T10:15:00.123456Z","level":"INFO","service":"checkout","trace_id":"4b"}"#,
        r#"{"level":30,"time":1795415227287,"pid":23920,"http":{"a":[1,"]"]},"msg":"user \"a\" logged in"}"#,
        "{}",
    ];
    for line in usual {
        assert!(by_scan_and_by_walk(line.as_bytes(), &mut parser).0.is_some(), "{line}");
    }
}
