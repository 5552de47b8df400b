//! Pairs as loggers put them into brackets and braces: `k=v k2="a b", k3=Some { x: 1 }`.
//!
//! A value is a text in quotes, or ends where the next key begins: loggers print values as they come,
//! blanks and braces included. Nothing is unescaped.

/// Calls `each` with every key and value of `text`; what precedes the first key is dropped.
pub(super) fn pairs<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str)) {
    let mut pending: Option<(&str, usize)> = None;
    let mut at = 0;
    while at < text.len() {
        if let Some(key_len) = key_len(&text.as_bytes()[at..]) {
            if let Some((key, start)) = pending {
                each(key, value_of(&text[start..at]));
            }
            pending = Some((&text[at..at + key_len], at + key_len + 1));
            at += key_len + 1;
        }
        at = next_word(text.as_bytes(), at);
    }
    if let Some((key, start)) = pending {
        each(key, value_of(&text[start..]));
    }
}

/// Whether `text` is pairs and nothing else.
pub(super) fn is_pairs(text: &str) -> bool {
    key_len(text.as_bytes()).is_some()
}

/// Bytes of the key that `bytes` begin with; the `=` follows.
fn key_len(bytes: &[u8]) -> Option<usize> {
    let of_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@' | b'/');
    let len = bytes.iter().take_while(|byte| of_key(byte)).count();
    (len > 0 && bytes.get(len) == Some(&b'=')).then_some(len)
}

/// To behind the next blank that no quotes, brackets or braces enclose.
fn next_word(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut quoted = false;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 => return at,
            _ => {}
        }
    }
    bytes.len()
}

/// Without the blank or comma before the next key, and without quotes.
fn value_of(text: &str) -> &str {
    let value = text.trim_ascii_end();
    let value = value.strip_suffix(',').unwrap_or(value);
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        pairs(text, |key, value| found.push((key, value)));
        found
    }

    #[test]
    fn values_end_where_the_next_key_begins() {
        let check = |text: &str, expected: &[(&str, &str)]| assert_eq!(all(text), expected, "{text}");
        check(r#"req_id="r1""#, &[("req_id", "r1")]);
        check(r#"a=1 b="x y=z", c=2"#, &[("a", "1"), ("b", "x y=z"), ("c", "2")]);
        check(
            r#"e=Custom { kind: Other, error: "a b=c" } n=1"#,
            &[("e", r#"Custom { kind: Other, error: "a b=c" }"#), ("n", "1")],
        );
        check(
            "error=connection reset by peer code=7",
            &[("error", "connection reset by peer"), ("code", "7")],
        );
        check(r#"a="\"" b=1"#, &[("a", "\\\""), ("b", "1")]);
        check("no pairs", &[]);
        check("a= b=", &[("a", ""), ("b", "")]);
        check("", &[]);
    }

    proptest! {
        #[test]
        fn any_text_is_pairs_or_none(text: String, like in "[a=\" {}\\\\,\u{e9}]{0,40}") {
            all(&text);
            all(&like);
        }
    }
}
