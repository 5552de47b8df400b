//! Glances at a head: what a few bytes say before the head is read, so that a text of another layout is
//! refused at once. Reading its time would take longer than all else.
//!
//! A glance may let pass what the reader refuses; never the other way round.

use crate::time::Stamp;
use memchr::{memchr, memchr_iter};

/// How far into a text is looked.
const GLANCE_BYTES_MAX: usize = 256;

/// What follows the time that `text` begins with. Usual times are skipped by their looks, others are read.
pub(super) fn behind_time(text: &str) -> Option<&[u8]> {
    let bytes = text.as_bytes();
    let read = || bytes.get(Stamp::parse_prefix(bytes)?.1..);
    match bytes {
        // 2026-11-23 06:45:53.123+01:00
        [_, _, _, _, b'-' | b'/', _, _, b'-' | b'/', ..] => match behind_fraction(bytes.get(19..)?) {
            rest if may_be_named_zone(rest) => read(),
            [b'Z', rest @ ..] => Some(rest),
            rest => Some(&rest[offset_len(rest)..]),
        },
        // 06:45:53.123
        [_, _, b':', _, _, b':', ..] => {
            Some(behind_fraction(bytes.get(8..)?)).filter(|rest| !may_be_named_zone(rest)).or_else(read)
        }
        _ => read(),
    }
}

fn behind_fraction(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'.' | b',', fraction @ ..] => behind(fraction, |byte| byte.is_ascii_digit()),
        _ => bytes,
    }
}

/// Bytes of `+01:00`, `+0100` and `+01`, and with a blank before the longer two.
fn offset_len(bytes: &[u8]) -> usize {
    let (blank, offset) = bytes.strip_prefix(b" ").map_or((0, bytes), |offset| (1, offset));
    let is_digits = |range: std::ops::Range<usize>| {
        offset.get(range).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    };
    if !matches!(offset, [b'+' | b'-', ..]) || !is_digits(1..3) {
        return 0;
    }
    match offset.get(3) {
        Some(b':') if is_digits(4..6) => blank + 6,
        _ if is_digits(3..5) => blank + 5,
        _ if blank == 0 => 3,
        _ => 0,
    }
}

/// ` UTC`, ` CEST`, ` AM`: short words in capitals that end as no level does.
fn may_be_named_zone(bytes: &[u8]) -> bool {
    let word = bytes.strip_prefix(b" ").unwrap_or(bytes);
    let len = word.iter().take(5).take_while(|byte| byte.is_ascii_uppercase()).count();
    (2..=4).contains(&len) && matches!(word[len - 1], b'T' | b'C' | b'K' | b'M')
}

/// What follows a word of letters, with blanks around it.
pub(super) fn behind_letters(bytes: &[u8]) -> &[u8] {
    let word = behind(bytes, |byte| byte == b' ');
    behind(behind(word, |byte| byte.is_ascii_alphabetic()), |byte| byte == b' ')
}

/// Whether a word is followed by a colon or dash, as names of loggers are.
pub(super) fn is_set_off(bytes: &[u8]) -> bool {
    let window = window(bytes);
    let end = memchr(b' ', window).unwrap_or(window.len());
    match window.get(end + 1) {
        _ if window[..end].ends_with(b":") => true,
        Some(b'-' | b':' | b' ') => true,
        // The end of the line, with or without a message.
        _ => end == window.len() && memchr(b'\n', window).is_some(),
    }
}

/// Whether `bytes` have `byte` somewhere, and behind it what `follows` asks for.
pub(super) fn has(bytes: &[u8], byte: u8, follows: fn(&[u8]) -> bool) -> bool {
    let window = window(bytes);
    memchr_iter(byte, window).any(|at| follows(&window[at + 1..]))
}

fn window(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(GLANCE_BYTES_MAX)]
}

fn behind(bytes: &[u8], is_skipped: fn(u8) -> bool) -> &[u8] {
    let len = bytes.iter().take(GLANCE_BYTES_MAX).take_while(|&&byte| is_skipped(byte)).count();
    &bytes[len..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_glance_sees_where_the_time_ends(
            time in prop::sample::select(vec![
                "2026-11-23T06:45:53", "2026/11/23 06:45:53", "06:45:53", "6:45AM", "17/06/09 20:10:40",
                "Nov  3 09:23:38",
            ]),
            fraction in "([.,][0-9]{1,9})?",
            zone in prop::sample::select(vec![
                "", "Z", "+01:00", "-0800", " +0000", " UTC", " PDT", " CEST", " MSK", "GMT", " AM",
            ]),
            rest in "[ \\]|:\t](INFO|WARN|- a|\\[main\\]|text|\\| I|)",
        ) {
            let text = format!("{time}{fraction}{zone}{rest}");
            if let Some((_, used)) = Stamp::parse_prefix(text.as_bytes()) {
                prop_assert_eq!(behind_time(&text), Some(&text.as_bytes()[used..]), "{}", text);
            }
        }
    }

    #[test]
    fn what_follows_a_time() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(behind_time(text).map(String::from_utf8_lossy).as_deref(), expected, "{text}");
        };
        check("2026-11-23T06:45:53.123Z x", Some(" x"));
        check("2026-11-23 06:45:53,123 - x", Some(" - x"));
        check("2026-11-23 06:45:53.123 +01:00 [INF]", Some(" [INF]"));
        check("2026-11-23T06:45:53-0130] x", Some("] x"));
        check("2026/11/23 06:45:53 UTC x", Some(" x"));
        check("06:45:53.123 [main]", Some(" [main]"));
        check("6:45AM INF", Some(" INF"));
        check("17/06/09 20:10:40 INFO", Some(" INFO"));
        check("2026-11-23 06", None);
        check("10.0.0.1 x", None);
        check("é23:45:6", None);
        check("", None);
    }

    #[test]
    fn names_are_set_off() {
        for head in ["a.B: text", "a.B - text", "a.B   : text", "a.B:", "a.B:\nmore", "a.B -"] {
            assert!(is_set_off(head.as_bytes()), "{head}");
        }
        for text in ["user logged in", "text", ""] {
            assert!(!is_set_off(text.as_bytes()), "{text}");
        }
    }
}
