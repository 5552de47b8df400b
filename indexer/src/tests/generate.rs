//! Random lines and searches that often meet: typed, nested, missing and conflicting values of a few fields.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt;

const FIELDS: [&str; 8] = ["a", "b.c", "duration_ms", "status", "tags", "note", "user_id", "env"];
const WORDS: [&str; 10] = [
    "reset",
    "timeout",
    "payment 4821",
    "Gr\u{f6}\u{df}e",
    "x-1",
    "connection reset",
    "true",
    "5",
    "caf\\u00e9",
    "u7",
];
const NUMBERS: [&str; 12] =
    ["0", "-5", "5", "5.0", "35.127", "200", "1e3", "4821", "9007199254740993", "0.1", "-0.0", "1e300"];

fn value() -> impl Strategy<Value = String> {
    let number = prop_oneof![4 => select(&NUMBERS[..]).prop_map(str::to_owned), 2 => (0u32..900_000).prop_map(|n| {
        (f64::from(n) / 1000.0).to_string()
    })];
    let text = select(&WORDS[..]).prop_map(|word| format!("\"{word}\""));
    let quoted = select(&NUMBERS[..]).prop_map(|number| format!("\"{number}\""));
    let scalar = prop_oneof![6 => number, 3 => text, 1 => quoted, 1 => Just("null".to_owned()), 1 => Just("false".to_owned())];
    let list = prop::collection::vec(scalar.clone(), 0..3).prop_map(|all| format!("[{}]", all.join(",")));
    prop_oneof![9 => scalar, 1 => list]
}

fn json() -> impl Strategy<Value = String> {
    let fields = prop::collection::vec((select(&FIELDS[..]), value()), 0..4);
    let head = (select(vec!["INFO", "ERROR", "WARN", "debug", "?"]), 0u8..4, select(&WORDS[..]), 0i64..200);
    (head, fields).prop_map(|((level, service, word, second), fields)| {
        let mut line =
            format!(r#"{{"timestamp":"{}","level":"{level}","message":"{word}""#, at_second(second));
        if service > 0 {
            line += &format!(r#","service":"shop-{service}""#);
        }
        for (name, value) in fields {
            match name.split_once('.') {
                Some((outer, inner)) => line += &format!(r#","{outer}":{{"{inner}":{value}}}"#),
                None => line += &format!(r#","{name}":{value}"#),
            }
        }
        line + "}\n"
    })
}

/// A line that a counterexample shows as text.
#[derive(Clone)]
pub(super) struct Line(pub(super) Vec<u8>);

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

/// A line of a log.
pub(super) fn line() -> impl Strategy<Value = Line> {
    let plain = (0i64..200, select(&WORDS[..]), select(&NUMBERS[..])).prop_map(|(second, word, number)| {
        format!("{} ERROR {word} status={number} took {number}\n", at_second(second))
    });
    let odd = select(vec!["\n", "no newline u7", "{\"message\":\"cut", "\u{1b}[31mred reset\u{1b}[0m\n"]);
    prop_oneof![8 => json(), 2 => plain, 1 => odd.prop_map(str::to_owned)]
        .prop_map(|text| Line(text.into_bytes()))
}

fn leaf() -> impl Strategy<Value = String> {
    let field = select(&FIELDS[..]);
    let word = select(vec![
        "reset",
        "timeout",
        "payment",
        "\"connection reset\"",
        "gr\u{f6}*",
        "time*",
        "u7",
        "5",
        "caf\u{e9}",
    ]);
    let test = prop_oneof![
        3 => select(&NUMBERS[..]).prop_map(|number| format!("\"{number}\"")),
        3 => (select(vec![">", ">=", "<", "<="]), select(&NUMBERS[..])).prop_map(|(sign, number)| format!("{sign}\"{number}\"")),
        1 => word.clone().prop_map(str::to_owned),
        1 => Just("*".to_owned()),
        1 => select(vec!["/^re/", "/\\d{2}/", "/payment \\d+1/", "/t$/"]).prop_map(str::to_owned),
        1 => Just("[\"-5\" TO 200}".to_owned()),
    ];
    let level = select(vec!["level:error", "level:>=warn", "level:[debug TO info]", "level:*"]);
    let service = select(vec![
        "service:shop-1",
        "service:IN(shop-2, app1)",
        "service:/^shop/",
        "user:u7",
        "host:host-1",
    ]);
    let time = (0i64..200, any::<bool>()).prop_map(|(second, since)| {
        format!("{}:\"{}\"", if since { "since" } else { "until" }, at_second(second))
    });
    prop_oneof![
        3 => word.prop_map(str::to_owned),
        5 => (field, test).prop_map(|(field, test)| format!("{field}:{test}")),
        3 => level.prop_map(str::to_owned),
        2 => service.prop_map(str::to_owned),
        1 => time,
        1 => Just("*".to_owned()),
        1 => Just("kind:gap".to_owned()),
        1 => Just("pattern:00000001".to_owned()),
    ]
}

/// Conditions.
pub(super) fn conditions() -> impl Strategy<Value = String> {
    leaf().prop_recursive(2, 6, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several.clone().prop_map(|all| all.join(" ")),
            several.prop_map(|all| format!("({})", all.join(" OR "))),
            inner.prop_map(|one| format!("-({one})")),
        ]
    })
}

/// A pipe that makes a table of numbers.
pub(super) fn numbers() -> impl Strategy<Value = String> {
    let field = select(vec!["duration_ms", "a", "b.c", "status", "tags", "env", "absent"]);
    let function = select(vec!["sum", "avg", "min", "max", "p50", "p99", "p99.9", "distinct"]);
    let number = prop_oneof![
        2 => Just("count".to_owned()),
        2 => (function, field).prop_map(|(function, field)| format!("{function}({field})")),
    ];
    let by = prop_oneof![
        3 => Just(String::new()),
        4 => select(vec![" by level", " by service", " by level, service", " by service, level"]).prop_map(str::to_owned),
        1 => select(vec![" by host", " by user", " by a", " by env, level", " by file"]).prop_map(str::to_owned),
    ];
    let every = prop_oneof![2 => Just(""), 1 => Just(" every 10s"), 1 => Just(" every 1m")];
    (prop::collection::vec(number, 1..3), by, every).prop_map(|(mut numbers, by, every)| {
        numbers.dedup();
        format!("{}{by}{every}", numbers.join(", "))
    })
}
