//! Pairs anywhere in a message: `login failed for userId=5, reason="no such user"`. Ids are also read with a
//! colon, as some write them in prose: `TraceID: 2437a584f28a98631edbb37655dfe619`.
//!
//! Limits: [`MESSAGE_BYTES_MAX`] of the first line, [`PAIRS_MAX`] pairs, keys of 64 bytes. A message without
//! `=` and `:` costs one search of it.

use super::scan::{self, Escapes, KEY_BYTES_MAX};
use crate::parse::{Role, role_of};
use memchr::memchr2_iter;
use std::borrow::Cow;

/// How much of a message is looked at.
const MESSAGE_BYTES_MAX: usize = 4096;
/// More are left in the text.
const PAIRS_MAX: usize = 64;
/// Shorter words behind a colon are no ids.
const ID_BYTES_MIN: usize = 8;

/// Adds the pairs in a message to `found`, in their order.
pub(crate) fn pairs<'a>(message: &'a str, found: &mut Vec<(&'a str, Cow<'a, str>)>) {
    let line = searched(message);
    let limit = found.len() + PAIRS_MAX;
    let mut from = 0;
    for at in memchr2_iter(b'=', b':', line.as_bytes()) {
        if at < from || found.len() == limit {
            continue;
        }
        let Some(key) = key_before(line, from, at) else { continue };
        let behind = &line[at + 1..];
        let read = if line.as_bytes()[at] == b'=' { value(behind) } else { id(key, behind) };
        if let Some((value, used)) = read {
            found.push((key, value));
            from = at + 1 + used;
        }
    }
}

/// The first line, as far as it is looked at.
fn searched(message: &str) -> &str {
    let mut end = message.len().min(MESSAGE_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    scan::first_line(&message[..end]).0
}

/// The key that ends at `at` and does not begin before `from`.
fn key_before(line: &str, from: usize, at: usize) -> Option<&str> {
    let before = &line.as_bytes()[from..at];
    let is_key = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let len = before.iter().rev().take(KEY_BYTES_MAX + 1).take_while(is_key).count();
    let (head, key) = before.split_at(before.len() - len);
    let begins = key.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    let stands_alone = match head.last() {
        Some(b) => matches!(b, b' ' | b'\t' | b',' | b';' | b'(' | b'[' | b'{' | b'<'),
        // Behind another pair there is what ended its value.
        None => from == 0,
    };
    (begins && stands_alone && len <= KEY_BYTES_MAX).then(|| &line[at - len..at])
}

/// A value in quotes, or up to what cannot be in one; and the bytes it takes.
fn value(text: &str) -> Option<(Cow<'_, str>, usize)> {
    match text.as_bytes().first()? {
        b'"' => {
            let (raw, rest) = scan::quoted(text)?;
            let value = scan::decoded(raw, Escapes::Common);
            (!value.is_empty()).then(|| (value, text.len() - rest.len()))
        }
        b'\'' => {
            let (raw, rest) = scan::enclosed(text, b'\'')?;
            (!raw.is_empty()).then(|| (Cow::Borrowed(raw), text.len() - rest.len()))
        }
        // `==`, `=>`; and of `a=[b=c]` the pair is the inner one.
        b'=' | b'>' | b'~' | b'(' | b'[' | b'{' => None,
        _ => {
            let ends = |b: u8| b <= b' ' || matches!(b, b',' | b';' | b')' | b']' | b'}' | b'"');
            let len = text.bytes().position(ends).unwrap_or(text.len());
            // What ends a sentence is no part of it.
            let value = text[..len].trim_end_matches(['.', ':']);
            (!value.is_empty()).then_some((Cow::Borrowed(value), len))
        }
    }
}

/// An id behind a colon, in quotes or not, when the key names one; and the bytes it takes.
fn id<'a>(key: &str, text: &'a str) -> Option<(Cow<'a, str>, usize)> {
    let bare = text.strip_prefix(' ').unwrap_or(text);
    let bare = bare.strip_prefix(['"', '\'']).unwrap_or(bare);
    let len = bare.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'-').count();
    let id = &bare[..len];
    if len < ID_BYTES_MIN || !id.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let is_named = matches!(role_of(key), Role::Trace | Role::Span | Role::Request);
    is_named.then(|| (Cow::Borrowed(id), text.len() - bare.len() + len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(message: &str, expected: &[(&str, &str)]) {
        let mut found = Vec::new();
        pairs(message, &mut found);
        let got: Vec<_> = found.iter().map(|(key, value)| (*key, &**value)).collect();
        assert_eq!(got, expected, "{message}");
    }

    #[test]
    fn pairs_in_prose() {
        check(
            "login failed for userId=5, reason=\"no such \\\"user\\\"\"",
            &[("userId", "5"), ("reason", "no such \"user\"")],
        );
        check(
            "timed out (host=10.0.0.1:80;tries=3) after=5.",
            &[("host", "10.0.0.1:80"), ("tries", "3"), ("after", "5")],
        );
        check(
            "[trace_id=e753 span_id=91de resource.service.name=a:b sampled=True] - x",
            &[
                ("trace_id", "e753"),
                ("span_id", "91de"),
                ("resource.service.name", "a:b"),
                ("sampled", "True"),
            ],
        );
        check("Order{id=7, lines=[Line{sku=a}, Line{sku=b}]}", &[("id", "7"), ("sku", "a"), ("sku", "b")]);
        check("error='it failed' _x=1", &[("error", "it failed"), ("_x", "1")]);
        check("a=b\nc=d", &[("a", "b")]);
    }

    #[test]
    fn what_is_no_pair() {
        for message in [
            "",
            "nothing here",
            "a = b",
            "if a==b then x=>y",
            "GET /a?b=c&d=e HTTP/1.1",
            "5=6 3a=4 é=1",
            "a= b",
            "a=\"",
            "a=\"\"",
            "YWJjZA==",
            "at 06:45:53 in crate::module: x",
        ] {
            check(message, &[]);
        }
        check(&format!("{}=1", "k".repeat(64)), &[(&"k".repeat(64), "1")]);
        check(&format!("{}=1", "k".repeat(65)), &[]);
    }

    #[test]
    fn ids_behind_a_colon() {
        check(
            "done TraceID: 2437a584f28a98631edbb37655dfe619 SpanID: 65e0a63bfdf7042e",
            &[("TraceID", "2437a584f28a98631edbb37655dfe619"), ("SpanID", "65e0a63bfdf7042e")],
        );
        check(
            "{ traceId: '0af7651916cd43dd', requestId:\"req-0815-1\", user: 'x1234567' }",
            &[("traceId", "0af7651916cd43dd"), ("requestId", "req-0815-1")],
        );
        check("request id: 12345678, trace_id: unknown-id, order_id: 12345678", &[]);
    }

    #[test]
    fn limits() {
        let many: String = (0..100).map(|n| format!("k{n}=v ")).collect();
        let mut found = vec![("before", Cow::Borrowed("x"))];
        pairs(&many, &mut found);
        assert_eq!(found.len(), 1 + PAIRS_MAX);
        check(&format!("{} a=b", "é".repeat(MESSAGE_BYTES_MAX)), &[]);
    }

    proptest! {
        #[test]
        fn any_message_is_searched(message in "([a-z_.é]{0,3}[=:]|[\"'\\\\ ,;(){}\\[\\]0-9a-z\\n]){0,60}", any: String) {
            for message in [message, any] {
                let mut found = Vec::new();
                pairs(&message, &mut found);
                prop_assert!(found.iter().all(|(key, value)| !key.is_empty() && !value.is_empty()));
            }
        }
    }
}
