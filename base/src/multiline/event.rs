//! Whether a line begins as a log event does: with a time in any common format, a level, or `key=value`.
//!
//! Only the beginning counts, and only its looks: `99:99:99` is a time here. Reading times is the parser's affair.

use super::text::{first_word, fits, skip_any, starts_with_any};
use crate::parse::Severity;

/// Times, by the number of digits they begin with.
const TIMES: [&[&[u8]]; 9] = [
    &[],
    &[b"9:99:99", b"9:99AM", b"9/99/99", b"9/9/99", b"9 AAA 9999"],
    &[
        b"99:99:99",
        b"99/AAA/9999",
        b"99-AAA-9999",
        b"99 AAA 9999",
        b"99-99 99:99:99",
        b"99/99/99",
        b"99/9/99",
        b"99.99.9999",
        b"99-99-9999",
        b"99:99AM",
    ],
    &[],
    &[b"9999-99-99", b"9999/99/99", b"9999.99.99"],
    &[],
    &[b"999999 999999 "],
    &[],
    &[b"99999999 99:99", b"99999999T999999", b"99999999.999999"],
];
/// Digits of a number of seconds, ms, us and ns since 1970.
const EPOCH_DIGITS: [usize; 4] = [10, 13, 16, 19];
const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
/// Lines at the head of a W3C extended log, and in it when the server starts anew.
const W3C_DIRECTIVES: [&[u8]; 4] = [b"#Software: ", b"#Version: ", b"#Date: ", b"#Fields: "];
/// Keys that alone make `key=value` the beginning of an event.
const LOGFMT_KEYS: [&[u8]; 6] = [b"time", b"ts", b"t", b"level", b"lvl", b"timestamp"];
/// How far into a line the time of an access log is looked for.
const ACCESS_TIME_WITHIN_BYTES: usize = 160;

/// Whether `line` begins an event.
pub(super) fn begins(line: &[u8]) -> bool {
    match line.first() {
        Some(b'0'..=b'9') => time_begins(line) || is_redis(line) || is_access(line),
        Some(b'[') => bracket_begins(&line[1..]) || is_access(line),
        Some(b'<') => is_syslog_priority(line),
        Some(b'@') => fits(line, b"@4000") || line.starts_with(b"@cee:"),
        Some(b'#') => starts_with_any(line, &W3C_DIRECTIVES),
        Some(b'=') => is_erlang_report(line),
        Some(byte) if byte.is_ascii_alphabetic() => word_begins(line),
        Some(b':' | b'_' | 0x80..) => named_date_begins(line) || is_access(line),
        _ => false,
    }
}

/// Whether `line` begins with a time whose first byte is a digit.
fn time_begins(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    match TIMES.get(digits) {
        Some(patterns) => patterns.iter().any(|pattern| fits(line, pattern)),
        None => {
            let after = line.get(digits);
            EPOCH_DIGITS.contains(&digits) && matches!(after, None | Some(b' ' | b'\t' | b'.' | b',' | b':'))
        }
    }
}

/// `1:C 25 Apr 2024 05:32:35.018 * text`
fn is_redis(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    fits(&line[digits..], b":A 99 AAA 9999")
}

/// `10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET`; the host may come first, or a port behind it.
fn is_access(line: &[u8]) -> bool {
    let line = &line[..line.len().min(ACCESS_TIME_WITHIN_BYTES)];
    memchr::memchr_iter(b'[', line).any(|at| fits(&line[at..], b"[99/AAA/9999"))
}

fn is_syslog_priority(line: &[u8]) -> bool {
    let digits = line[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    (1..=3).contains(&digits) && line.get(digits + 1) == Some(&b'>')
}

/// `=ERROR REPORT==== 23-Nov-2026::06:45:52 ===`
fn is_erlang_report(line: &[u8]) -> bool {
    is_level(first_word(&line[1..])) && memchr::memmem::find(line, b" REPORT====").is_some()
}

/// What begins an event behind a `[`.
fn bracket_begins(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    match rest.first() {
        Some(b'0'..=b'9') => time_begins(rest) || uptime_begins(rest),
        Some(byte) if byte.is_ascii_alphabetic() => {
            let word = first_word(rest);
            // `[I 181123 06:45:57 web:1]`
            named_date_begins(rest)
                || fits(rest, b"A 999999 ")
                || is_bracketed_level(word, &rest[word.len()..])
                || level_follows_bracket(rest)
        }
        _ => false,
    }
}

/// `[info]`, `[error    ]`, `[ERROR:main.cc(1)]`
fn is_bracketed_level(word: &[u8], after: &[u8]) -> bool {
    matches!(after.trim_ascii_start().first(), Some(b']' | b':' | b'|')) && is_level(word)
}

/// `[main] INFO text`
fn level_follows_bracket(rest: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b']', &rest[..rest.len().min(64)]) else { return false };
    let rest = rest[end + 1..].trim_ascii_start();
    let word = first_word(rest.strip_prefix(b"[").unwrap_or(rest));
    word.iter().all(u8::is_ascii_uppercase) && is_level(word)
}

/// `    0.000000]`: seconds since the kernel started.
fn uptime_begins(rest: &[u8]) -> bool {
    let end = rest.iter().position(|b| !matches!(b, b'0'..=b'9' | b'.')).unwrap_or(rest.len());
    rest.get(end) == Some(&b']') && rest[..end].contains(&b'.')
}

fn word_begins(line: &[u8]) -> bool {
    named_date_begins(line)
        || level_begins(line)
        || logfmt_begins(line)
        || tag_begins(line)
        || is_access(line)
}

/// `Nov 23 06:46:51`, `Nov 23, 2026`, `Sun Dec 04 04:47:44`, `Sun, 04 Dec 2005`; month names in any language.
fn named_date_begins(line: &[u8]) -> bool {
    let line = match line.get(..3) {
        Some(day) if WEEKDAYS.contains(&day) && matches!(line.get(3), Some(b' ' | b',')) => {
            skip_any(&line[3..], b" ,")
        }
        _ => line,
    };
    if line.first().is_some_and(u8::is_ascii_digit) {
        return time_begins(line);
    }
    let is_letter = |b: &u8| b.is_ascii_alphabetic() || !b.is_ascii();
    let month_len = line.iter().take(12).take_while(|b| is_letter(b)).count();
    let after = line[month_len..].strip_prefix(b" ").map(<[u8]>::trim_ascii_start).unwrap_or_default();
    let day_len = after.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = &after[day_len.min(after.len())..];
    month_len >= 3
        && (1..=2).contains(&day_len)
        && [b" 99:99".as_slice(), b", 9999", b" 9999 99:99"].iter().any(|pattern| fits(rest, pattern))
}

/// `INFO text`, `ERROR:d:text`, `info: text`, `PHP Warning:  text`
fn level_begins(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"PHP ").unwrap_or(line);
    let word = first_word(line);
    let after = line.get(word.len());
    let marked = match word.iter().all(u8::is_ascii_uppercase) {
        true => !after.is_some_and(|&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'=' | b'.')),
        false => after == Some(&b':'),
    };
    marked && is_level(word)
}

/// The name of a level, of three letters or more.
fn is_level(word: &[u8]) -> bool {
    word.len() >= 3 && (Severity::from_text(word).is_some() || word == b"fail" || word == b"LOG")
}

/// `time=2026-11-23T06:45:56Z level=info`, `method=GET path=/users/1`
fn logfmt_begins(line: &[u8]) -> bool {
    let Some((key, value)) = key_value(line) else { return false };
    if LOGFMT_KEYS.contains(&key) {
        return true;
    }
    let value_len = match value.strip_prefix(b"\"") {
        Some(quoted) => memchr::memchr(b'"', quoted).map_or(value.len(), |end| end + 2),
        None => memchr::memchr(b' ', value).unwrap_or(value.len()),
    };
    value[value_len..].strip_prefix(b" ").and_then(key_value).is_some()
}

/// A key and what is behind its `=`.
fn key_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let len = text.iter().take(40).take_while(|b| is_key(b)).count();
    let value = text[len..].strip_prefix(b"=")?;
    let is_sound =
        len > 0 && text[0].is_ascii_alphabetic() && !matches!(value.first(), None | Some(b' ' | b'='));
    is_sound.then_some((&text[..len], value))
}

/// Levels of one letter: klog's `E1123 06:45:52`, Ruby's `I, [2026-11-23T`, Android's `E/Tag`.
fn tag_begins(line: &[u8]) -> bool {
    match line.first() {
        Some(b'I' | b'W' | b'E' | b'F') if fits(line, b"A9999 99:99") => true,
        Some(b'D' | b'I' | b'W' | b'E' | b'F' | b'A') if line[1..].starts_with(b", [") => true,
        Some(b'V' | b'D' | b'I' | b'W' | b'E' | b'F') => fits(line, b"A/AA"),
        _ => false,
    }
}
