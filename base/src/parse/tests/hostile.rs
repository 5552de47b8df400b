//! Lines that only an enemy or a broken program writes: each is read, indexed and shown, and kept as it is.

use super::super::*;
use crate::batch::LINE_BYTES_MAX;
use crate::pattern::{Miner, PatternId, shape_of};
use crate::testing::batches_of;

/// Everything that is done with a record, on every record of `file`; the views of its records.
fn understood(file: &[u8]) -> Vec<Record> {
    let (mut parser, mut miner, mut kept, mut records) =
        (Parser::new(), Miner::new(), Vec::new(), Vec::new());
    for batch in batches_of(file) {
        for span in &batch.records {
            let view = batch.view(span);
            kept.extend_from_slice(batch.raw_of(span));
            Terms::default().add(&view, &mut parser);
            let message = parser.message(&view);
            assert_ne!(miner.pattern_of(shape_of(&message), || message.as_str().into()), PatternId::NONE);
            records.push(Record::of(&view, &mut parser));
        }
    }
    assert!(kept == file, "{} bytes came back of {}", kept.len(), file.len());
    records
}

/// `{"log":..}` around text that needs no escapes.
fn in_docker(text: &str) -> Vec<u8> {
    format!("{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T06:34:35.5Z\"}}\n")
        .into_bytes()
}

#[test]
fn deep_nesting_is_text() {
    const DEPTH: usize = 100_000;
    let closed = |open: &str, close: &str| [open.repeat(DEPTH), close.repeat(DEPTH)].concat();
    for nested in ["[".repeat(DEPTH), closed("[", "]"), "{\"a\":".repeat(DEPTH), closed("{\"a\":", "}")] {
        let lines = [
            nested.clone(),
            format!("{{\"a\":{nested}}}"),
            format!("{{\"level\":\"error\",\"message\":{nested}}}"),
            format!("2026-11-23 10:00:00,123 ERROR app: {nested}"),
            format!("2026-11-23T10:00:00Z stdout F {nested}"),
        ];
        for line in lines {
            assert_eq!(understood((line + "\n").as_bytes()).len(), 1);
        }
        understood(&in_docker(&nested.replace('"', "\\\"")));
    }
}

/// Whatever repeats may make a reader go over it again and again; at one MiB that would not end.
#[test]
fn long_lines_of_one_thing() {
    const PIECES: [&str; 26] = [
        " ",
        "\t",
        "\0",
        "a",
        "7",
        "\"",
        "\\",
        "'",
        "{",
        "}",
        "[",
        "(",
        "<",
        ":",
        "=",
        "a=b ",
        "k=\"v\" ",
        "\u{1b}[",
        "\u{1b}[31m",
        "at a.b(c) ",
        "Error: ",
        "panic: ",
        "12:00:00 ",
        "2026-11-23 ",
        "/a/b",
        "\u{e9}",
    ];
    const HEADS: [&str; 6] = [
        "",
        "{\"msg\":\"",
        "2026-11-23T10:00:00Z ERROR ",
        "Traceback (most recent call last): ",
        "<13>1 2026-11-23T10:00:00Z h a 1 - ",
        "level=error ",
    ];
    for piece in PIECES {
        for head in HEADS {
            let many = piece.repeat((LINE_BYTES_MAX - head.len() - 1) / piece.len());
            assert_eq!(understood(format!("{head}{many}\n").as_bytes()).len(), 1, "{head}{piece}");
        }
    }
}

#[test]
fn a_line_longer_than_a_part_is_one_line_in_parts() {
    let line = [b"{\"level\":\"error\",\"message\":\"".as_slice(), &vec![b'x'; 3 * LINE_BYTES_MAX], b"\"}\n"]
        .concat();
    assert!(understood(&line).len() > 3);
}

#[test]
fn what_is_not_text_is_shown_replaced() {
    let lines: [(&[u8], &str); 5] = [
        (b"{\"level\":\"error\",\"message\":\"a\xffb\"}\n", "a\u{fffd}b"),
        (b"2026-11-23T10:00:00Z ERROR a\xff\xfeb\n", "a\u{fffd}\u{fffd}b"),
        (b"2026-11-23T10:00:00Z stdout F a\xc3\n", "a\u{fffd}"),
        (b"\0\0a\0\n", "\0\0a\0"),
        (b"{\"message\":\"a\\u0000b\"}\n", "a\0b"),
    ];
    for (line, shown) in lines {
        let records = understood(line);
        let body = &records[0].body;
        assert!(body.contains(shown), "{body:?} of {:?}", String::from_utf8_lossy(line));
    }
}
