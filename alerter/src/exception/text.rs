//! The text of a trace as lines, whatever was done to it on its way: escaped once more, its line breaks turned into tabs, cut.
//!
//! Only the beginning counts, so that a trace that somebody cut reads as the whole one does. Docker, CRI and syslog cut at
//! 16 KiB, of which a logger's own fields and the escapes take a part.

use std::borrow::Cow;

/// What is looked at of a trace.
pub(super) const SEEN_BYTES_MAX: usize = 14 << 10;
/// Of one that ends with what was thrown; the parser of records keeps no more.
const SEEN_WHOLE_BYTES_MAX: usize = 64 << 10;
/// Python names what was thrown behind the frames.
const ENDS_WITH_HEADER: &str = "Traceback (most recent call last)";
/// What an escape of a text in one line stands for.
const ESCAPES: &[(u8, char)] = &[(b'n', '\n'), (b't', '\t'), (b'r', '\r'), (b'"', '"'), (b'\\', '\\')];

/// The part of `text` that counts, with a line break between any two frames.
pub(super) fn seen(text: &str) -> Cow<'_, str> {
    let whole = prefix(text, SEEN_WHOLE_BYTES_MAX);
    if whole.contains('\n') {
        return Cow::Borrowed(cut(whole));
    }
    if whole.contains("\\n") {
        return Cow::Owned(cut(&unescaped(whole)).to_owned());
    }
    if whole.contains('\t') {
        return Cow::Owned(cut(&whole.replace('\t', "\n")).to_owned());
    }
    Cow::Borrowed(cut(whole))
}

/// Whether a line may have been many.
pub(super) fn is_joined(line: &str) -> bool {
    line.contains('\t') || line.contains("\\n")
}

/// At most `bytes_max` of `text`, whole characters.
pub(super) fn prefix(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whole lines within the limit.
fn cut(text: &str) -> &str {
    if text.len() <= SEEN_BYTES_MAX {
        return text;
    }
    let head = prefix(text, SEEN_BYTES_MAX);
    if head.contains(ENDS_WITH_HEADER) {
        return text;
    }
    head.rfind('\n').map_or(head, |end| &head[..end])
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1);
        let known = ESCAPES.iter().find(|(byte, _)| Some(byte) == escape);
        plain.push(known.map_or('\\', |&(_, meant)| meant));
        rest = &rest[at + 1 + usize::from(known.is_some())..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_becomes_many() {
        let check = |text: &str, expected: &str| assert_eq!(seen(text), expected, "{text}");
        check("X: boom\n\tat a\tb", "X: boom\n\tat a\tb");
        check(r"X: boom\n\tat a\r\n\q \\n", "X: boom\n\tat a\r\n\\q \\n");
        check("X: boom\tat a\t\tat b", "X: boom\nat a\n\nat b");
        check("X: boom", "X: boom");
        check("", "");
    }

    #[test]
    fn what_lies_behind_the_limit_does_not_count() {
        let long = format!("X: é\n{}", "\tat a.b(C.java:1)\n".repeat(2000));
        let short = prefix(&long, 16 << 10);
        assert_eq!(seen(&long), seen(short));
        assert!(seen(&long).ends_with("C.java:1)"));
        let python = format!("{ENDS_WITH_HEADER}:\n{}ValueError: x", "  File \"x\"\n".repeat(2000));
        assert!(seen(&python).ends_with("ValueError: x"));
        assert_eq!(prefix("é", 1), "");
    }
}
