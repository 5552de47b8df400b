//! JSON objects behind a message: `user logged in {"user_id":"u1"}`.
//!
//! Limit: where an object begins is not known for certain, since messages may hold braces too;
//! [`STARTS_MAX`] openings are tried, so a line of nothing but openings costs no more than that many
//! passes.

use memchr::memchr2;

/// How many places an object may seem to begin at.
const STARTS_MAX: usize = 4;

/// The message, and what follows it to the end of the line: an object, and with Monolog a second one.
pub(super) struct Tail<'a> {
    pub(super) message: &'a str,
    pub(super) objects: [Option<&'a str>; 2],
}

/// Splits `text` before the objects it ends with, which hold no line endings; `None` when it ends with none.
pub(super) fn split(text: &str) -> Option<Tail<'_>> {
    if !text.ends_with(['}', ']']) {
        return None;
    }
    let starts = text.match_indices(" {\"").take(STARTS_MAX);
    starts.map(|(at, _)| text.split_at(at)).find_map(|(message, tail)| {
        let objects = objects_of(&tail[1..])?;
        Some(Tail { message, objects })
    })
}

/// `{..}`, `{..} []` or `{..} {..}`, and nothing else.
fn objects_of(tail: &str) -> Option<[Option<&str>; 2]> {
    let (first, rest) = tail.split_at(object_len(tail)?);
    match rest.trim_ascii_start() {
        "" | "[]" => Some([Some(first), None]),
        second if object_len(second) == Some(second.len()) => Some([Some(first), Some(second)]),
        _ => None,
    }
}

/// Bytes of the object that `text` begins with; `None` when it does not end within the line.
pub(super) fn object_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => at = end_of_string(bytes, at + 1)?,
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            b'\n' => return None,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return bytes.starts_with(b"{").then_some(at);
        }
    }
}

/// Where the quote stands that closes a string.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            let has_line_ending = memchr::memchr(b'\n', &bytes[start..at]).is_some();
            return (!has_line_ending).then_some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_behind_a_message() {
        let check = |text: &str, expected: Option<(&str, Option<&str>, Option<&str>)>| {
            let got = split(text).map(|tail| (tail.message, tail.objects[0], tail.objects[1]));
            assert_eq!(got, expected, "{text}");
        };
        check(r#"logged in {"a":"}"}"#, Some(("logged in", Some(r#"{"a":"}"}"#), None)));
        check(r#"logged in {"a":1} []"#, Some(("logged in", Some(r#"{"a":1}"#), None)));
        check(r#"m {"a":{}} {"b":"\""}"#, Some(("m", Some(r#"{"a":{}}"#), Some(r#"{"b":"\""}"#))));
        check(r#"got {"x" in {"a":1}"#, Some((r#"got {"x" in"#, Some(r#"{"a":1}"#), None)));
        check(r#"m {"a":1} and more"#, None);
        check(r#"m {"a":1"#, None);
        check("m {\"a\":\"1\n2\"}", None);
        check("plain", None);
        check("", None);
        check(&" {\"".repeat(1000), None);
    }
}
