//! The matcher against its oracle, and everything that promises a superset against the matcher.

use super::ast::Expr;
use super::generate::{expr, line, resource};
use super::{Candidates, Matcher, Query, reference};
use crate::batch::{Batch, BatchLine, Codec, LineMeta};
use crate::entry::RecordBatch;
use crate::frame::Resource;
use crate::ids::{Epoch, Offset, SourceId};
use crate::parse::{Parser, Record, Terms, look};
use crate::time::Timestamp;
use bytes::Bytes;
use proptest::prelude::*;
use std::sync::Arc;

fn looked_at(text: &[u8], resource: Resource) -> RecordBatch {
    let len = text.len() as u32;
    let line = BatchLine { range_len: len, text_len: len, meta: LineMeta::default() };
    let batch = Batch {
        source: SourceId([7; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines: vec![line],
        codec: Codec::None,
        text_len: len,
        payload: Bytes::copy_from_slice(text),
    };
    let received = Timestamp::parse("2026-11-23T12:00:00Z").expect("a time");
    look(&batch, Arc::new(resource), received, &mut Parser::new()).expect("a sound batch")
}

/// Whether the index would name this line.
fn possible(candidates: &Candidates, terms: &Terms) -> bool {
    match candidates {
        Candidates::All => true,
        Candidates::None => false,
        Candidates::Word(word) => terms.words.contains(word) || terms.source_words.contains(word),
        Candidates::Id(id) => terms.ids.contains(id),
        Candidates::And(parts) => parts.iter().all(|part| possible(part, terms)),
        Candidates::Or(parts) => parts.iter().any(|part| possible(part, terms)),
    }
}

/// Judges `text` and checks every promise on the way.
fn judge(expr: &Expr, text: &[u8], resource: Resource) -> bool {
    let query = Query { expr: expr.clone() };
    let batch = looked_at(text, resource);
    let view = batch.view(&batch.records[0]);
    let mut matcher = Matcher::new(&query);
    let matched = matcher.matches(&view);
    assert_eq!(matched, reference::matches(expr, &view), "matcher and reference differ: {query}");
    assert_eq!(matched, matcher.clone().matches(&view), "a clone differs: {query}");
    let mut terms = Terms::default();
    terms.add(&view, &mut Parser::new());
    assert!(!matched || possible(&query.candidates(), &terms), "the index misses the line: {query}");
    if let Some(filter) = matcher.prefilter() {
        assert!(!matched || filter.is_match(text), "the prefilter misses the line: {query}");
    }
    matched
}

fn check(line: &str, query: &str, expected: bool) {
    let parsed: Query = query.parse().unwrap_or_else(|e| panic!("{query}: {e}"));
    let labels = [("env".to_owned(), "prod-1".to_owned())].into();
    let resource =
        Resource { host: "vm-3".into(), path: "/var/log/shop/app.log".into(), labels, ..Resource::default() };
    assert_eq!(judge(&parsed.expr, line.as_bytes(), resource), expected, "{query} on {line}");
}

fn check_all(line: &str, matching: &[&str], others: &[&str]) {
    matching.iter().for_each(|query| check(line, query, true));
    others.iter().for_each(|query| check(line, query, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn matcher_is_the_reference_and_candidates_and_prefilter_are_supersets(
        expr in expr(), line in line(), resource in resource()
    ) {
        judge(&expr, &line, resource);
    }

    #[test]
    fn a_printed_query_parses_back_to_an_equal_one(expr in expr()) {
        let query = Query { expr };
        let text = query.to_string();
        prop_assert_eq!(text.parse::<Query>(), Ok(query), "{}", text);
    }

    #[test]
    fn any_text_is_a_query_or_an_error_at_a_column(text in any::<String>()) {
        if let Err(error) = text.parse::<Query>() {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error);
        }
    }

    #[test]
    fn any_queryish_text_is_a_query_or_an_error(text in "[a\\-:()\"*>=<\\[\\]{} \\\\AORNDT]{0,24}") {
        if let Ok(query) = text.parse::<Query>() {
            prop_assert_eq!(query.to_string().parse::<Query>(), Ok(query), "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_looked_at_indexed_and_shown(line in prop::collection::vec(any::<u8>(), 0..80)) {
        let batch = looked_at(&line, Resource::default());
        let view = batch.view(&batch.records[0]);
        Terms::default().add(&view, &mut Parser::new());
        Record::of(&view, &mut Parser::new());
    }
}

const GEN: &str = concat!(
    r#"{"timestamp":"2026-11-23T10:15:00.123456Z","level":"INFO","service":"checkout","host":"web-07","#,
    r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","user_id":"u48213","#,
    r#""message":"payment 4821 for user u48213 accepted in 35 ms from 10.2.3.4","#,
    r#""http":{"method":"POST","path":"/api/v1/pay","status":200},"duration_ms":35.127}"#,
);

#[test]
fn a_usual_line_is_found_by_all_its_parts() {
    let matching = [
        "*",
        "payment",
        "PAYMENT",
        "4821",
        "\"payment 4821\"",
        "payment AND accepted",
        "payment OR nothing",
        "-nothing",
        "NOT (nothing OR absent)",
        "level:info",
        "level:>=debug",
        "level:<warn",
        "level:[debug TO warn}",
        "service:checkout",
        "host:web-07",
        "host:vm-3",
        "user:u48213",
        "user_id:u48213",
        "trace:4bf92f3577b34da6a3ce929d0e0e4736",
        "trace:4BF92F35-77B3-4DA6-A3CE-929D0E0E4736",
        "trace:00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "trace_id:4bf92f3577b34da6a3ce929d0e0e4736",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
        "00f067aa0ba902b7",
        "http.status:200",
        "http.status:>=200",
        "http.status:[200 TO 299]",
        "http.path:/api/v1/pay",
        "http.path:\"api v1\"",
        "http.path:(nothing OR pay)",
        "http.method:post",
        "http:*",
        "duration_ms:35.127",
        "duration_ms:>35 duration_ms:<=35.127",
        "file:app.log",
        "env:prod",
        "env:prod http.path:api",
        "timestamp:2026",
        "message:\"10.2.3.4\"",
    ];
    let others = [
        "nothing",
        "\"4821 payment\"",
        "checkout",
        "web",
        "-payment",
        "level:>info",
        "level:error",
        "service:check",
        "http.status:20",
        "http.status:>200",
        "status:200",
        "http:200",
        "duration_ms:35",
        "duration_ms:>35.127",
        "absent:*",
        "-absent:* AND -http:*",
        "trace:00f067aa0ba902b7",
        "file:shop.log",
        "duration_ms:{35.127 TO *]",
    ];
    check_all(GEN, &matching, &others);
}

#[test]
fn ids_are_found_in_all_spellings() {
    let dashed = r#"{"request_id":"550e8400-e29b-41d4-a716-446655440000"}"#;
    let matching = [
        "trace:550e8400e29b41d4a716446655440000",
        "550e8400e29b41d4a716446655440000",
        "request_id:550e8400",
        "request_id:e29b",
        "request_id:446655440000",
    ];
    check_all(dashed, &matching, &["trace:550e8400", "550e8400", "-request_id:e29b"]);
    let padded = r#"{"trace_id":"000000000000000000f067aa0ba902b7"}"#;
    check_all(padded, &["trace:00f067aa0ba902b7", "00f067aa0ba902b7"], &["trace_id:00f067aa0ba902b7"]);
    let decimal = r#"{"dd":{"trace_id":1234567890123456789}}"#;
    check_all(decimal, &["trace:1234567890123456789"], &["trace:1234567890123456780"]);
    let odd = r#"{"trace_id":"-4bf92f3577b34da6a3ce929d0e0e473"}"#;
    check_all(
        odd,
        &["trace:\"-4bf92f3577b34da6a3ce929d0e0e473\""],
        &["trace:4bf92f3577b34da6a3ce929d0e0e473"],
    );
}

#[test]
fn a_source_is_indexed_anew_after_each_clear() {
    let resource = Resource { host: "vm-3".into(), path: "/a.log".into(), ..Resource::default() };
    let batch = looked_at(b"x", resource);
    let (mut terms, mut parser) = (Terms::default(), Parser::new());
    let candidates = "host:vm-3 file:a.log".parse::<Query>().expect("parses").candidates();
    for _ in 0..2 {
        terms.clear();
        terms.add(&batch.view(&batch.records[0]), &mut parser);
        let once = terms.source_words.len();
        terms.add(&batch.view(&batch.records[0]), &mut parser);
        assert!(possible(&candidates, &terms) && terms.source_words.len() == once);
    }
}

#[test]
fn exceptions_are_text() {
    let line = r#"{"msg":"request failed","err":{"type":"TypeError","stack":"TypeError: boom\n    at f (t.js:2)"},"error":true}"#;
    check_all(
        line,
        &["boom", "\"TypeError boom\"", "t.js", "err.type:typeerror", "true"],
        &["\"boom failed\"", "fail"],
    );
}

#[test]
fn plain_lines_are_all_text() {
    let line = "2026-11-23 10:15:00,123 ERROR [main] trace_id=4bf92f3577b34da6a3ce929d0e0e4736 reset by peer";
    let matching = [
        "reset",
        "\"by peer\"",
        "2026",
        "level:error",
        "trace:4bf92f3577b34da6a3ce929d0e0e4736",
        "trace_id:4bf92f3577b34da6a3ce929d0e0e4736",
        "message:reset",
        "service:shop",
    ];
    check_all(line, &matching, &["level:info", "message:2026"]);
}

#[test]
fn i09_one_field_of_many_types() {
    check_all(r#"{"v":42}"#, &["v:42", "v:42.0", "v:>41"], &["v:\"4 2\"", "v:420"]);
    check_all(r#"{"v":"42"}"#, &["v:42", "v:42.0", "v:>41"], &["v:420"]);
    check_all(r#"{"v":"42 apples"}"#, &["v:42", "v:apples"], &["v:42.0", "v:>41"]);
    check_all(
        r#"{"v":[1,"two",{"w":3},[4]]}"#,
        &["v:1", "v:two", "v.w:3", "v:4", "v:>3"],
        &["v:3", "v:\"1 two\""],
    );
    check_all(r#"{"v":true}"#, &["v:true", "v:TRUE", "v:*"], &["v:false", "v:1"]);
    check_all(r#"{"v":null}"#, &["-v:*", "-v:null"], &["v:null", "v:0"]);
    check_all(r#"{"v":{"w":{"x":1}},"v.w":2}"#, &["v.w.x:1", "v.w:2", "v:*"], &["v:1", "w:2"]);
}

#[test]
fn integers_compare_exactly() {
    check_all(
        r#"{"n":9007199254740993}"#,
        &["n:>9007199254740992", "n:9007199254740992.0"],
        &["n:9007199254740992"],
    );
    check_all(r#"{"n":18446744073709551615}"#, &["n:18446744073709551615"], &["n:18446744073709551614"]);
    // Sixteen digits look like an id; the prefilter once asked for their last twelve.
    check_all("9007199254740992.0", &["9007199254740993"], &["9007199254740995"]);
    check_all(r#"{"n":1e3,"s":"1e3"}"#, &["n:1000", "s:1000", "s:1e3"], &["n:1001"]);
}

#[test]
fn i12_a_token_of_100_kb() {
    let long = "x".repeat(100 << 10);
    let line = format!(r#"{{"message":"{long} end","field":"{long}"}}"#);
    let batch = looked_at(line.as_bytes(), Resource::default());
    let mut terms = Terms::default();
    terms.add(&batch.view(&batch.records[0]), &mut Parser::new());
    assert!(terms.words.len() < 12, "eight bytes a token");
    check_all(&line, &["end"], &["xx"]);
    let long = "y".repeat(12 << 10);
    check_all(
        &format!("{{\"field\":\"{long}\"}}"),
        &[&format!("field:{long}")],
        &[&format!("field:{long}y")],
    );
}

#[test]
fn case_is_folded_character_by_character() {
    check_all(
        "{\"msg\":\"\u{212a}elvin \u{130}stanbul \\u0065nd\"}",
        &["kelvin", "\u{130}stanbul", "end"],
        &["istanbul"],
    );
}

#[test]
fn a_phrase_that_repeats_itself_is_found() {
    check_all("a a b a a a b c", &["\"a a b c\"", "\"a a a b\"", "\"a b\""], &["\"a a a a\"", "\"b c a\""]);
}

#[test]
fn the_prefilter_asks_for_tokens_that_cannot_be_spelt_otherwise() {
    let check = |query: &str, texts: &[&str], others: &[&str]| {
        let matcher = Matcher::new(&query.parse().expect("parses"));
        let filter = matcher.prefilter().unwrap_or_else(|| panic!("{query} has a filter"));
        texts.iter().for_each(|text| assert!(filter.is_match(text.as_bytes()), "{query} in {text}"));
        others.iter().for_each(|text| assert!(!filter.is_match(text.as_bytes()), "{query} in {text}"));
    };
    check("reset", &["a RESET b", "unresettable", r"r\u0065set"], &["rese t", ""]);
    check("\"connection reset\" OR aaaab", &["CONNECTION", "aaaaaaab"], &["reset", "aaaa"]);
    check("ababac", &["abababac"], &["ababab"]);
    check("task -other level:error", &["TASK", "tas\u{212a}"], &["other", "error"]);
    check("trace:4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", &["4bf92f3577b34da6a3ce929d0e0e4736"], &["4bf92f35"]);
    for without in
        ["*", "-reset", "4821", "level:error", "env:prod", "reset OR 5", "gr\u{f6}\u{df}e", "trace:abc"]
    {
        assert!(Matcher::new(&without.parse().expect("parses")).prefilter().is_none(), "{without}");
    }
}

#[test]
fn errors_say_where_and_what() {
    let check = |query: &str, column: usize, part: &str| {
        let error = query.parse::<Query>().expect_err(query);
        assert_eq!(error.column, column, "{query}: {error}");
        assert!(error.message.contains(part), "{query}: {error}");
    };
    check("", 1, "expected");
    check("a (b", 3, "no closing");
    check("a) b", 2, "no opening");
    check("a \"b", 3, "no closing");
    check("a OR", 5, "expected");
    check("AND a", 1, "between two conditions");
    check("f*o", 2, "`*`");
    check("foo.*", 1, "before `*`");
    check(&"x:/a/ ".repeat(17), 99, "more than 16");
    check("x:/\\w{500}/", 3, "too large when compiled");
    check("x:/a(/", 3, "not a regular expression");
    check("x:IN(a b)", 8, "`,` or `)`");
    check("x:IN(a", 3, "no closing");
    check("since:15m", 7, "no meaning here");
    check("since:soon", 7, "a span or a time");
    check("a | count", 3, "conditions only");
    check("x:>abc", 4, "a number is expected");
    check("level:>=loud", 9, "a level is expected");
    check("x:", 3, "a value is expected");
    check(":x", 1, "name of a field");
    check("a -> b", 4, "nothing to search for");
    check("a - b", 4, "directly after `-`");
    check("x:[1 5]", 6, "`TO` is expected");
    check(&"(".repeat(100), 66, "nested");
    check(&"-".repeat(99), 66, "nested");
    check(&"a ".repeat(1100), 2049, "more than");
    check(&"a".repeat(1 << 20), 1, "longer than");
}

#[test]
fn query_text_is_read_as_lucene_would() {
    let check = |query: &str, printed: &str| {
        let parsed: Query = query.parse().unwrap_or_else(|e| panic!("{query}: {e}"));
        assert_eq!(parsed.to_string(), printed, "{query}");
    };
    check("a AND b OR c d", "a b OR c d");
    check("a (b OR c) NOT d", "a (b OR c) -d");
    check("-(a b)", "-(a b)");
    check("((a) (b c))", "a b c");
    check("x:(a OR -b)", "x:a OR -x:b");
    check("x:[1 TO *]", "x:>=1");
    check("x:{1 TO 5]", "x:{1 TO 5]");
    check("x:[* TO *]", "x:*");
    check("time:10:15:00", "time:\"10:15:00\"");
    check("and or not", "and or not");
    check("conn* x:re*", "conn* x:re*");
    check("x:IN(a, \"b c\", d)", "x:a OR x:\"b c\" OR x:d");
    check("-x:IN(a,b) c", "-(x:a OR x:b) c");
    check("*:*", "*");
    check("x:/a b+/ c", "x:/a b+/ c");
    check("x:/a\\/b/", "x:/a\\/b/");
    check("path:/health dir:/tmp/", "path:\"/health\" dir:/tmp/");
    check("-path:/health c/", "-path:\"/health\" c/");
    check("since:2026-11-20 a", "since:2026-11-20T00:00:00Z a");
    check("\\since:a", "\\since:a");
    check("\"AND\"", "\"AND\"");
    check("a\\ b:c", "a\\ b:c");
    check("say:\"a \\\"b\\\"\"", "say:\"a \\\"b\\\"\"");
}

#[test]
fn candidates_are_as_small_as_they_can_be() {
    let of = |query: &str| query.parse::<Query>().expect("parses").candidates();
    assert_eq!(of("*"), Candidates::All);
    assert_eq!(of("-*"), Candidates::None);
    assert_eq!(of("-a"), Candidates::All);
    assert_eq!(of("x:>5"), Candidates::All);
    assert!(matches!(of("a -b"), Candidates::Word(_)));
    assert!(matches!(of("a b"), Candidates::And(parts) if parts.len() == 2));
    assert!(matches!(of("level:error"), Candidates::Word(_)));
    assert!(matches!(of("level:>=warn"), Candidates::Or(parts) if parts.len() == 3));
    assert!(matches!(of("trace:4bf92f3577b34da6a3ce929d0e0e4736"), Candidates::Id(_)));
    assert!(matches!(of("4bf92f3577b34da6a3ce929d0e0e4736"), Candidates::Id(_)));
    assert!(matches!(of("http.status:4821"), Candidates::Id(_)));
    assert_eq!(of("user_id:u7"), of("user:u7"));
    assert_eq!(of("message:reset"), of("reset"));
}
