//! Small questions to the beginning of a line, shared by the languages.

/// Whether `text` begins as `pattern` says: `9` is any digit, `A` any letter, the rest itself.
pub(super) fn fits(text: &[u8], pattern: &[u8]) -> bool {
    text.len() >= pattern.len()
        && text.iter().zip(pattern).all(|(byte, expected)| match expected {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_alphabetic(),
            _ => byte == expected,
        })
}

/// The letters at the front.
pub(super) fn first_word(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|b| b.is_ascii_alphabetic()).count()]
}

/// `text` without what it has of `bytes` at the front.
pub(super) fn skip_any<'a>(text: &'a [u8], bytes: &[u8]) -> &'a [u8] {
    &text[text.iter().take_while(|b| bytes.contains(b)).count()..]
}

/// Whether `text` begins with one of `prefixes`.
pub(super) fn starts_with_any(text: &[u8], prefixes: &[&[u8]]) -> bool {
    prefixes.iter().any(|prefix| text.starts_with(prefix))
}

/// What is behind a number at the front.
pub(super) fn after_number(text: &[u8]) -> Option<&[u8]> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0).then(|| &text[digits..])
}

/// `text` without terminal colours and the like (`ESC [ .. letter`) at the front.
pub(super) fn skip_escapes(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(sequence) = rest.strip_prefix(b"\x1b[") {
        let Some(len) = sequence.iter().position(|b| (0x40..=0x7e).contains(b)) else { break };
        rest = &sequence[len + 1..];
    }
    rest
}

/// A line that says what was thrown: `java.lang.IllegalStateException: boom`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Thrown<'a> {
    /// The type's path.
    pub path: &'a [u8],
    /// What is behind it; may be empty.
    pub message: &'a [u8],
}

impl<'a> Thrown<'a> {
    /// Reads `path`, `path: message`, `path [CODE]: message`, `path (what): message` or `path[message]`; any path.
    pub(crate) fn of(line: &'a [u8]) -> Option<Self> {
        if !line.first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'\\')) {
            return None;
        }
        let path_len = path_len(line);
        let (path, rest) = line.split_at(path_len);
        let message = match rest.first() {
            None => rest,
            Some(b':') => match rest.get(1) {
                None => b"".as_slice(),
                Some(b' ') => &rest[2..],
                _ => return None,
            },
            Some(b'[') => rest.strip_suffix(b"]").unwrap_or(rest).get(1..)?,
            Some(b' ') => after_brackets(&rest[1..])?,
            _ => return None,
        };
        Some(Self { path, message })
    }

    /// As [`Thrown::of`], when the type is named like an error.
    pub(crate) fn error(line: &'a [u8]) -> Option<Self> {
        Self::of(line).filter(|thrown| is_error_name(thrown.path))
    }
}

/// Length of `a.b$C`, `A::B` or `A\B` at the front.
fn path_len(line: &[u8]) -> usize {
    let mut len = 0;
    loop {
        len += line[len..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$' | b'\\'))
            .count();
        match line[len..].strip_prefix(b"::") {
            Some(rest) if rest.first().is_some_and(u8::is_ascii_alphabetic) => len += 2,
            _ => return len,
        }
    }
}

/// What is behind `[CODE]: ` or `(what): `.
fn after_brackets(text: &[u8]) -> Option<&[u8]> {
    let closing = match text.first()? {
        b'[' => b']',
        b'(' => b')',
        _ => return None,
    };
    let end = memchr::memchr(closing, text)?;
    text[end + 1..].strip_prefix(b": ")
}

/// Whether the last part of a type's path is what errors are called.
fn is_error_name(path: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 5] = [b"Exception", b"Error", b"Throwable", b"ExceptionInfo", b"Interrupt"];
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_say_what_was_thrown() {
        let check = |line: &str, expected: Option<(&str, &str)>| {
            let thrown = Thrown::error(line.as_bytes());
            let expected = expected.map(|(path, message)| (path.as_bytes(), message.as_bytes()));
            assert_eq!(thrown.map(|thrown| (thrown.path, thrown.message)), expected, "{line}");
        };
        check("java.lang.IllegalStateException: boom", Some(("java.lang.IllegalStateException", "boom")));
        check("Error", Some(("Error", "")));
        check("Error [ERR_X]: boom", Some(("Error", "boom")));
        check("RangeError (index): Invalid value", Some(("RangeError", "Invalid value")));
        check("IndexNotFoundException[no such index]", Some(("IndexNotFoundException", "no such index")));
        check("ActiveRecord::StatementInvalidError: x", Some(("ActiveRecord::StatementInvalidError", "x")));
        check("App\\Errors\\PaymentException: x", Some(("App\\Errors\\PaymentException", "x")));
        check("Error opening a file", None);
        check("the Error: boom", None);
        check("user: boom", None);
        check("", None);
        check("Error:x", None);
    }

    #[test]
    fn colours_are_skipped() {
        assert_eq!(skip_escapes(b"\x1b[2m\x1b[38;5;1m2026"), b"2026");
        assert_eq!(skip_escapes(b"\x1b[2"), b"\x1b[2");
        assert_eq!(skip_escapes(b"plain"), b"plain");
    }
}
