//! The head of a JSON line without reading all of it: keys of the outermost object are scanned until time, severity
//! and service are known, which is mostly within the first hundred bytes.
//!
//! Whatever is unusual ends the scan without an answer, and the line is walked whole: an escape in a key or in a wanted
//! value, a wanted field nested deeper, anything that does not look like JSON. On a line that the walk reads as JSON the
//! scan's answer is the walk's (a test holds it). What is broken behind the last byte looked at goes unnoticed, so a
//! line with a sound beginning keeps its time.

use super::head::Head;
use super::json::Value;
use super::role::{Role, RoleCache};
use memchr::memchr2;

/// The head of `object`, a text in braces, and its service; `None` when the line must be walked.
pub(super) fn scan<'a>(object: &'a [u8], roles: &mut RoleCache) -> Option<(Head, Option<&'a str>)> {
    let mut cursor = Cursor { text: object, at: 1 };
    let mut head = Head::default();
    let mut service = None;
    if cursor.next_is(b'}') {
        return cursor.is_at_end().then_some((head, service));
    }
    loop {
        cursor.skip_blanks();
        let (role, may_hold_head) = roles.role_of_key(cursor.key()?)?;
        let wanted = matches!(role, Role::Time | Role::Level | Role::Service);
        cursor.skip_blanks();
        match cursor.peek()? {
            b'{' | b'[' if wanted || may_hold_head => return None,
            b'{' | b'[' => cursor.skip_nested()?,
            _ if wanted => head.take(role, cursor.value()?, &mut |name| service = Some(name)),
            _ => cursor.skip_value()?,
        }
        if head.is_complete() {
            return Some((head, service));
        }
        cursor.skip_blanks();
        match cursor.take()? {
            b',' => {}
            b'}' => return cursor.is_at_end().then_some((head, service)),
            _ => return None,
        }
    }
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// A key without escapes, and the colon behind it.
    fn key(&mut self) -> Option<&'a [u8]> {
        let rest = self.text[self.at..].strip_prefix(b"\"")?;
        let len = rest.iter().position(|b| matches!(b, b'"' | b'\\'))?;
        self.at += len + 2;
        let ends_plainly = rest[len] == b'"' && self.next_is(b':');
        ends_plainly.then(|| &rest[..len])
    }

    /// A scalar without escapes.
    fn value(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        if self.peek()? == b'"' {
            let len = memchr2(b'"', b'\\', &self.text[start + 1..])?;
            self.at = start + len + 2;
            let text = &self.text[start + 1..start + 1 + len];
            let ends_plainly = self.text[start + 1 + len] == b'"';
            return std::str::from_utf8(text).ok().filter(|_| ends_plainly).map(Value::Str);
        }
        self.skip_value()?;
        match &self.text[start..self.at] {
            b"true" => Some(Value::Bool(true)),
            b"false" => Some(Value::Bool(false)),
            b"null" => Some(Value::Null),
            number => number_of(std::str::from_utf8(number).ok()?),
        }
    }

    /// Any scalar, to just behind it.
    fn skip_value(&mut self) -> Option<()> {
        if self.peek()? == b'"' {
            self.at += 1;
            return self.skip_string();
        }
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|b| matches!(b, b',' | b'}' | b' ' | b'\t'))?;
        Some(())
    }

    /// To behind the quote that closes a string.
    fn skip_string(&mut self) -> Option<()> {
        loop {
            self.at += memchr2(b'"', b'\\', &self.text[self.at..])?;
            match self.take()? {
                b'"' => return Some(()),
                _ => self.at += 1,
            }
            if self.at > self.text.len() {
                return None;
            }
        }
    }

    /// An object or array, to just behind it.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.take()? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// A JSON number as the walk reads it; odd ones are left to the walk.
fn number_of(text: &str) -> Option<Value<'static>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.as_bytes().first()?.is_ascii_digit();
    if !plain || digits.len() > 17 {
        return None;
    }
    match text.parse() {
        Ok(int) => Some(Value::I64(int)),
        Err(_) => text.parse().ok().map(Value::F64),
    }
}
