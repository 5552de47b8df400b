//! Random lines and queries that often meet: both are made of the same few keys and words.

use super::ast::{Bound, Expr, Term, Test};
use crate::frame::Resource;
use crate::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

const KEYS: [&str; 34] = [
    "message",
    "msg",
    "event",
    "error",
    "err",
    "stack",
    "level",
    "severity",
    "log.level",
    "service",
    "app",
    "host",
    "hostname",
    "user",
    "user_id",
    "trace_id",
    "traceId",
    "traceparent",
    "span_id",
    "request_id",
    "time",
    "timestamp",
    "ts",
    "http",
    "status",
    "a",
    "b",
    "a.b",
    "context",
    "fields",
    "file",
    "env",
    "",
    "d\u{fc}nn",
];

const WORDS: [&str; 40] = [
    "reset",
    "Connection",
    "connection reset by peer",
    "gr\u{f6}\u{df}e",
    "\u{212a}elvin",
    "kelvin",
    "\u{130}stanbul",
    "i\u{307}stanbul",
    "\u{17f}o",
    "so",
    "e29b",
    "4821",
    "35.127",
    "200",
    "200.0",
    "1e3",
    "1000",
    "0",
    "-5",
    "5",
    "true",
    "false",
    "null",
    "550e8400e29b41d4a716446655440000",
    "REQ/req-9",
    "550e8400-e29b-41d4-a716-446655440000",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00f067aa0ba902b7",
    "000000000000000000f067aa0ba902b7",
    "web-07",
    "9007199254740993",
    "9007199254740992.0",
    "checkout",
    "warn",
    "ERROR",
    "2026-11-23T10:15:00Z",
    "1795415227287",
    "a\"b\\c\nd",
    "_",
];

const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "5",
    "-5",
    "200",
    "200.0",
    "2e2",
    "1000",
    "4821",
    "35.127",
    "9007199254740993",
    "9007199254740992",
    "18446744073709551615",
    "99999999999999999999999",
    "-9223372036854775808",
    "1795415227287",
];

/// A JSON value whose spelling is chosen as well.
#[derive(Debug, Clone)]
enum Json {
    Text(String),
    String(String, u64),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::String(text, escapes) => write_string(text, *escapes, out),
            Self::Array(elements) => {
                let texts: Vec<String> = elements.iter().map(Self::text).collect();
                out.push_str(&format!("[{}]", texts.join(",")));
            }
            Self::Object(fields) => {
                out.push('{');
                for (i, (key, value)) in fields.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    write_string(key, 0, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

/// Writes some of the characters, by the bits of `escapes`, as `\u` escapes.
fn write_string(text: &str, escapes: u64, out: &mut String) {
    out.push('"');
    for (i, c) in text.chars().enumerate() {
        let must = matches!(c, '"' | '\\') || c.is_control();
        if must || escapes >> (i % 64) & 1 == 1 {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out.push('"');
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(&WORDS[..]).prop_map(str::to_owned),
        3 => prop::collection::vec(select(&WORDS[..]), 2..5).prop_map(|words| words.join(" ")),
        1 => "[a-zA-Z0-9 _.\u{e9}\u{4e2d}:*()\"-]{0,12}",
        1 => (60..70usize).prop_map(|n| "x".repeat(n)),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    let escapes = prop_oneof![3 => Just(0), 1 => any::<u64>()];
    let leaf = prop_oneof![
        6 => (words(), escapes).prop_map(|(text, escapes)| Json::String(text, escapes)),
        3 => select(&NUMBERS[..]).prop_map(|n| Json::Text(n.to_owned())),
        1 => any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| Json::Text(format!("{n:e}"))),
        1 => select(vec!["true", "false", "null", "[]", "{}"]).prop_map(|t| Json::Text(t.to_owned())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array), object(inner)]
    })
}

fn object(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    // The oracle's parser keeps one of two equal keys.
    prop::collection::btree_map(select(&KEYS[..]), value, 0..8)
        .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        .prop_map(Json::Object)
}

/// JSON lines, plain lines, and lines that are nearly JSON.
pub(super) fn line() -> impl Strategy<Value = Vec<u8>> {
    let json = object(json()).prop_map(|object| object.text().into_bytes()).boxed();
    let plain = prop::collection::vec(words(), 0..6).prop_map(|words| words.join(" ").into_bytes());
    prop_oneof![
        8 => json.clone(),
        2 => plain,
        1 => (json, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut line, at, byte)| {
            let at = at.index(line.len());
            line[at] = byte;
            line
        }),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

/// Where generated lines come from.
pub(super) fn resource() -> impl Strategy<Value = Resource> {
    let label = (select(vec!["env", "a.b", "user", "message", "team"]), words());
    (
        select(vec!["web-07", "vm", ""]),
        prop::collection::btree_map(label.0.prop_map(str::to_owned), label.1, 0..2),
    )
        .prop_map(|(host, labels)| Resource {
            host: host.into(),
            path: "/var/log/shop/app.log".into(),
            labels,
            ..Resource::default()
        })
}

/// Expressions, with and without a literal, of which some meet [`WORDS`].
const PATTERNS: [&str; 16] = [
    "reset",
    "^Conn.* reset",
    "by (peer|host)$",
    "\\d+\\.\\d",
    "^-?\\d+$",
    "1000",
    "e3$",
    "(?i)KELVIN",
    "gr\u{f6}\u{df}e",
    "[a-f0-9]{16}",
    "true|false",
    "a\"b",
    "web-\\d\\d",
    "a/b|REQ/req",
    "(peer)+",
    "x{60}",
];

fn test_of(field: Option<String>) -> impl Strategy<Value = Test> {
    let has_word = |text: &String| text.chars().any(|c| c.is_alphanumeric() || c == '_');
    let ends_in_word = |text: &String| text.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let cut = (words(), any::<prop::sample::Index>()).prop_map(|(text, at)| {
        let chars = text.chars().count();
        text.chars().take(at.index(chars + 1)).collect()
    });
    let prefix = cut.prop_filter("a beginning", ends_in_word).prop_map(Test::Prefix);
    let words = words().prop_filter("words", has_word).prop_map(Test::Words);
    let regex = select(&PATTERNS[..]).prop_map(|pattern| Test::Regex(pattern.to_owned()));
    let texts: Vec<&str> = match field.as_deref() {
        Some("level") => vec!["warn", "error", "INFO", "notice", "debug+2", "40"],
        _ => vec!["0", "-5", "200", "4821", "1e3", "35.127", "9007199254740993"],
    };
    let bound =
        (select(texts), any::<bool>()).prop_map(|(text, inclusive)| Bound { text: text.into(), inclusive });
    let range = (prop::option::of(bound.clone()), prop::option::of(bound))
        .prop_filter("an end", |(low, high)| low.is_some() || high.is_some())
        .prop_map(|(low, high)| Test::Range { low, high });
    match field {
        None => prop_oneof![5 => words, 1 => prefix, 1 => time()].boxed(),
        Some(_) => {
            prop_oneof![5 => words, 1 => prefix, 2 => regex, 1 => Just(Test::Exists), 1 => range].boxed()
        }
    }
}

/// Around the times of generated lines.
fn time() -> impl Strategy<Value = Test> {
    let texts =
        ["2026-11-20T00:00:00Z", "2026-11-23T10:15:00Z", "2026-11-23T12:00:00Z", "2030-01-01T00:00:00Z"];
    (select(texts.to_vec()), any::<bool>()).prop_map(|(text, since)| {
        let time = Timestamp::parse(text).expect("a time");
        if since { Test::Since(time) } else { Test::Until(time) }
    })
}

fn term() -> impl Strategy<Value = Expr> {
    let alias = select(vec!["level", "service", "host", "user", "trace", "file", "message", "body"]);
    let key = select(KEYS.iter().copied().filter(|key| !key.is_empty()).collect::<Vec<_>>());
    let odd = "[a-z\u{e9}:*() \"\\\\-]{1,5}";
    let field = prop_oneof![
        4 => Just(None),
        3 => alias.prop_map(|f| Some(f.to_owned())),
        5 => key.prop_map(|f| Some(f.to_owned())),
        1 => odd.prop_map(Some),
    ];
    field.prop_flat_map(|field| {
        test_of(field.clone()).prop_map(move |test| Expr::Term(Term { field: field.clone(), test }))
    })
}

/// Trees as the grammar makes them.
pub(super) fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![12 => term(), 1 => Just(Expr::All)];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several.clone().prop_map(Expr::and),
            several.prop_map(Expr::or),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}
