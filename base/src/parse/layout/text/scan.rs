//! What layouts of plain lines are made of: words, brackets, quoted strings, `key=value`.
//!
//! Each function takes the text at hand and gives what it found and what follows it, both borrowed. All are
//! linear in what they take. Words and brackets end with their line; a quoted string does not, so readers of
//! lines pass lines.

use memchr::{memchr, memchr_iter, memchr2, memrchr_iter};
use std::borrow::Cow;

/// A key is no longer: what is longer is not a name.
pub(super) const KEY_BYTES_MAX: usize = 64;
/// One record's pairs: more are left in its text.
pub(super) const PAIRS_MAX: usize = 256;

/// Which backslashes in a quoted string are an escape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Those of C, Go and JSON, and the `\x22` of web servers.
    Common,
    /// Those before a character that ends something (RFC 5424): `C:\new` is as it stands.
    Delimiters,
}

/// The first line, without its ending, and the lines behind it.
pub(super) fn first_line(text: &str) -> (&str, &str) {
    match memchr(b'\n', text.as_bytes()) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, ""),
    }
}

/// A word, and what follows the blank behind it.
pub(super) fn word(text: &str) -> Option<(&str, &str)> {
    let len = text.bytes().position(|b| matches!(b, b' ' | b'\n')).unwrap_or(text.len());
    let rest = &text[len..];
    (len > 0).then(|| (&text[..len], rest.strip_prefix(' ').unwrap_or(rest)))
}

/// Digits, at least one, and what follows them.
pub(super) fn digits(text: &str) -> Option<(&str, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    (len > 0).then(|| text.split_at(len))
}

/// As `split_once`. A search for a string takes longer to set up than lines are to walk through.
pub(super) fn split<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let (bytes, separator) = (text.as_bytes(), separator.as_bytes());
    let at = memchr_iter(*separator.first()?, bytes).find(|&at| bytes[at..].starts_with(separator))?;
    Some((&text[..at], &text[at + separator.len()..]))
}

/// As `rsplit_once`, likewise.
pub(super) fn rsplit<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let (bytes, separator) = (text.as_bytes(), separator.as_bytes());
    let at = memrchr_iter(*separator.first()?, bytes).find(|&at| bytes[at..].starts_with(separator))?;
    Some((&text[..at], &text[at + separator.len()..]))
}

/// What stands in the brackets that a text begins with, and what follows them. They do not nest.
pub(super) fn bracketed(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    let end = memchr2(b']', b'\n', inner.as_bytes())?;
    inner[end..].strip_prefix(']').map(|rest| (&inner[..end], rest))
}

/// What stands in the double quotes that a text begins with, escapes as written, and what follows them.
pub(super) fn quoted(text: &str) -> Option<(&str, &str)> {
    enclosed(text, b'"')
}

/// As [`quoted`], for any ASCII quote.
pub(super) fn enclosed(text: &str, quote: u8) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&quote) {
        return None;
    }
    let mut at = 1;
    loop {
        at += memchr2(quote, b'\\', bytes.get(at..)?)?;
        if bytes[at] == quote {
            return Some((&text[1..at], &text[at + 1..]));
        }
        at += 2;
    }
}

/// What a quoted string says.
pub(super) fn decoded(raw: &str, escapes: Escapes) -> Cow<'_, str> {
    match memchr(b'\\', raw.as_bytes()) {
        // Fast path: nearly all.
        None => Cow::Borrowed(raw),
        Some(at) => Cow::Owned(decode(raw.as_bytes(), at, escapes)),
    }
}

fn decode(raw: &[u8], first: usize, escapes: Escapes) -> String {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = first;
    out.extend_from_slice(&raw[..first]);
    while let Some(escaped) = raw.get(at + 1) {
        at += match (escaped, escapes) {
            (b'"' | b'\\' | b']', _) => push(&mut out, *escaped),
            (_, Escapes::Delimiters) => keep(&mut out, *escaped),
            (b'n', _) => push(&mut out, b'\n'),
            (b't', _) => push(&mut out, b'\t'),
            (b'r', _) => push(&mut out, b'\r'),
            (b'x', _) => match hex(raw, at, 2) {
                Some((byte, _)) => push(&mut out, byte as u8) + 2,
                None => keep(&mut out, b'x'),
            },
            (b'u', _) => unicode(raw, at, &mut out).unwrap_or_else(|| keep(&mut out, b'u')),
            (b'\'' | b'/', _) => push(&mut out, *escaped),
            (_, _) => keep(&mut out, *escaped),
        };
        let next = memchr(b'\\', &raw[at..]).map_or(raw.len(), |len| at + len);
        out.extend_from_slice(&raw[at..next]);
        at = next;
    }
    out.extend_from_slice(&raw[at..]);
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Both give the bytes of the escape.
fn push(out: &mut Vec<u8>, byte: u8) -> usize {
    out.push(byte);
    2
}

fn keep(out: &mut Vec<u8>, escaped: u8) -> usize {
    out.extend_from_slice(&[b'\\', escaped]);
    2
}

/// The number in the `len` hex digits behind the escape at `at`, and where they end.
fn hex(raw: &[u8], at: usize, len: usize) -> Option<(u32, usize)> {
    let digits = raw.get(at + 2..at + 2 + len)?;
    let value = digits.iter().try_fold(0, |value, &b| Some(value * 16 + char::from(b).to_digit(16)?))?;
    Some((value, at + 2 + len))
}

/// `\u00e9`, and the two of a surrogate pair.
fn unicode(raw: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    let (first, end) = hex(raw, at, 4)?;
    let low = || hex(raw, end, 4).filter(|_| raw[end..].starts_with(b"\\u"));
    let (code, end) = match (first, low()) {
        (0xd800..0xdc00, Some((second @ 0xdc00..0xe000, end))) => {
            (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), end)
        }
        _ => (first, end),
    };
    let mut buffer = [0; 4];
    out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
    Some(end - at)
}

/// A `key=value` that a text begins with, and what follows it: a blank or nothing. A value in quotes is
/// decoded.
pub(super) fn pair(text: &str) -> Option<(&str, Cow<'_, str>, &str)> {
    let len = text.bytes().take(KEY_BYTES_MAX + 1).position(|b| b <= b' ' || matches!(b, b'=' | b'"'))?;
    let value = text[len..].strip_prefix('=').filter(|_| len > 0)?;
    let (value, rest) = pair_value(value);
    Some((&text[..len], value, rest))
}

fn pair_value(text: &str) -> (Cow<'_, str>, &str) {
    let ends = |rest: &str| rest.bytes().next().is_none_or(|b| b <= b' ');
    if let Some((raw, rest)) = quoted(text).filter(|(_, rest)| ends(rest)) {
        return (decoded(raw, Escapes::Common), rest);
    }
    // Ruby's `error='it failed'`: nothing in it is escaped.
    if let Some((raw, rest)) = enclosed(text, b'\'').filter(|(_, rest)| ends(rest)) {
        return (Cow::Borrowed(raw), rest);
    }
    let len = text.bytes().position(|b| b <= b' ').unwrap_or(text.len());
    (Cow::Borrowed(&text[..len]), &text[len..])
}

/// The message when it is a JSON object, also behind syslog's cookie `@cee:`.
pub(super) fn object(message: &str) -> Option<&str> {
    let object = message.strip_prefix("@cee:").unwrap_or(message).trim_ascii();
    (object.starts_with('{') && object.ends_with('}')).then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quoted_strings() {
        let check = |text: &str, expected: &str, escapes: Escapes| {
            let (raw, rest) = quoted(text).unwrap();
            assert_eq!((&*decoded(raw, escapes), rest), (expected, " rest"), "{text}");
        };
        check(r#""plain" rest"#, "plain", Escapes::Common);
        check(r#""a \"b\" \\ \n\t \/ \q" rest"#, "a \"b\" \\ \n\t / \\q", Escapes::Common);
        check(r#""\x22\xC3\xA9\xzz\u00e9\ud83d\ude00\ud83d" rest"#, "\"é\\xzzé😀\\ud83d", Escapes::Common);
        check(r#""C:\new \"x\" \]" rest"#, r#"C:\new "x" ]"#, Escapes::Delimiters);
        assert_eq!(quoted(r#""open \""#), None);
        assert_eq!(quoted("none"), None);
        assert_eq!(decoded("\\", Escapes::Common), "\\");
        assert_eq!(decoded("\\xff", Escapes::Common), "\u{fffd}");
    }

    #[test]
    fn pairs() {
        let check = |text: &str, expected: Option<(&str, &str, &str)>| {
            let got = pair(text);
            assert_eq!(got.as_ref().map(|(key, value, rest)| (*key, &**value, *rest)), expected, "{text}");
        };
        check("a=b c", Some(("a", "b", " c")));
        check("a=\"b c\" d", Some(("a", "b c", " d")));
        check("a='b c' d", Some(("a", "b c", " d")));
        check("a='b c", Some(("a", "'b", " c")));
        check("a=", Some(("a", "", "")));
        check("a=\"b\"c d", Some(("a", "\"b\"c", " d")));
        check("=b", None);
        check("a b=c", None);
        check(&"a".repeat(100), None);
    }

    #[test]
    fn brackets_words_and_objects() {
        assert_eq!(bracketed("[a b] c"), Some(("a b", " c")));
        assert_eq!(bracketed("[a\n]"), None);
        assert_eq!(split("a, b, c: d", ", c"), Some(("a, b", ": d")));
        assert_eq!((split("a,b", ", "), split("", ", ")), (None, None));
        assert_eq!(rsplit("a, b, c", ", "), Some(("a, b", "c")));
        assert_eq!(word("a b"), Some(("a", "b")));
        assert_eq!(word(" b"), None);
        assert_eq!(object("@cee: {\"a\":1}"), Some("{\"a\":1}"));
        assert_eq!(object("{x} y"), None);
    }

    proptest! {
        /// What is decoded is never longer than what was written, but for bytes that are not UTF-8.
        #[test]
        fn any_text_is_decoded(text in "(\\\\?[a-fnrtux0-9\"\\\\é😀]){0,20}") {
            for escapes in [Escapes::Common, Escapes::Delimiters] {
                prop_assert!(decoded(&text, escapes).len() <= text.len());
            }
        }

        #[test]
        fn any_text_is_scanned(text: String) {
            for text in [text.clone(), format!("\"{text}"), format!("a={text}"), format!("[{text}")] {
                let pair = pair(&text).map(|(_, _, rest)| rest);
                let rests = [quoted(&text).map(|found| found.1), bracketed(&text).map(|found| found.1), pair];
                prop_assert!(rests.into_iter().flatten().all(|rest| text.ends_with(rest)));
            }
        }
    }
}
