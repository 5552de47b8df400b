//! The head of a JSON record without reading all of it: the keys of the outermost object are scanned, values that nobody wants
//! are skipped, and no tape is built.
//!
//! Whatever is unusual ends the scan without an answer, and the record is walked whole: an escape in a key, a wanted field
//! nested deeper, anything that does not look like JSON. On a record that the walk reads as JSON the scan's answer
//! is the walk's (a test holds it). What is broken inside a value that is skipped goes unnoticed, so such a record keeps
//! its time.

use super::found::Found;
use super::json::Value;
use super::role::{Field, Known, Role, RoleCache};
use std::borrow::Cow;

/// Gathers the head of `object`, a text in braces; `None` when it must be walked.
pub(super) fn scan(object: &[u8], roles: &mut RoleCache, found: &mut Found) -> Option<()> {
    let mut cursor = Cursor::of(object)?;
    if cursor.next_is(b'}') {
        return cursor.is_at_end().then_some(());
    }
    let mut may_hide_exception = false;
    loop {
        cursor.skip_blanks();
        let known = roles.key(cursor.key()?)?;
        found.key(known.evidence);
        cursor.skip_blanks();
        match cursor.peek()? {
            b'{' | b'[' if known.role.is_of_head() || known.may_hold_head => return None,
            b'{' | b'[' => {
                may_hide_exception |= known.role == Role::Exception || known.may_hold_exception;
                cursor.skip_nested()?;
            }
            _ if known.role.is_of_head() || known.role == Role::Exception => {
                let Known { role, rank, scope, .. } = *known;
                let field = Field { path: &known.path, role, rank, scope, evidence: 0 };
                found.take(&field, cursor.value()?.as_value());
            }
            _ => cursor.skip_value()?,
        }
        cursor.skip_blanks();
        match cursor.take()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    // Without a level it matters whether something was thrown.
    let is_all = !may_hide_exception || found.severity(found.json_layout()).is_some();
    (is_all && cursor.is_at_end()).then_some(())
}

/// A scalar as it was read.
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Other(Value<'static>),
}

impl Scalar<'_> {
    pub(super) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Str(text),
            Self::Other(value) => *value,
        }
    }
}

pub(super) struct Cursor<'a> {
    text: &'a [u8],
    /// The same.
    utf8: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Behind the brace that `object` begins with; `None` when it is not UTF-8.
    pub(super) fn of(object: &'a [u8]) -> Option<Self> {
        Self::from(object, 1)
    }

    /// Behind `at` bytes of `object`.
    pub(super) fn from(object: &'a [u8], at: usize) -> Option<Self> {
        let text = &object[at..];
        Some(Self { text, utf8: simdutf8::basic::from_utf8(text).ok()?, at: 0 })
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn next_is(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// A key without escapes, and the colon behind it.
    pub(super) fn key(&mut self) -> Option<&'a [u8]> {
        if self.take()? != b'"' {
            return None;
        }
        let start = self.at;
        let escaped = self.skip_string()?;
        let key = &self.text[start..self.at - 1];
        (!escaped && self.next_is(b':')).then_some(key)
    }

    /// A scalar, escapes decoded.
    pub(super) fn value(&mut self) -> Option<Scalar<'a>> {
        let start = self.at;
        if self.peek()? != b'"' {
            self.skip_value()?;
            return other_of(&self.text[start..self.at]).map(Scalar::Other);
        }
        self.at += 1;
        let escaped = self.skip_string()?;
        if escaped {
            // Slow path. The quotes belong to it.
            return serde_json::from_slice(&self.text[start..self.at])
                .ok()
                .map(|it| Scalar::Text(Cow::Owned(it)));
        }
        self.utf8.get(start + 1..self.at - 1).map(|text| Scalar::Text(Cow::Borrowed(text)))
    }

    /// Any scalar, to just behind it.
    pub(super) fn skip_value(&mut self) -> Option<()> {
        if self.peek()? == b'"' {
            self.at += 1;
            return self.skip_string().map(drop);
        }
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|b| matches!(b, b',' | b'}' | b' ' | b'\t'))?;
        Some(())
    }

    /// To behind the quote that closes a string; whether there are escapes in it.
    #[inline]
    fn skip_string(&mut self) -> Option<bool> {
        let mut escaped = false;
        loop {
            self.at += quote_or_backslash(self.text.get(self.at..)?)?;
            match self.take()? {
                b'"' => return Some(escaped),
                _ => (self.at, escaped) = (self.at + 1, true),
            }
        }
    }

    /// An object or array, to just behind it.
    pub(super) fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.take()? {
                b'"' => drop(self.skip_string()?),
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

/// Where the first quote or backslash is. Strings are short, so that eight bytes at a time cost less than the call of a
/// vectorised search; "Determine if a word has a zero byte", S. E. Anderson, Bit Twiddling Hacks.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES);
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(words.len() * 8 + at)
}

fn other_of(text: &[u8]) -> Option<Value<'static>> {
    match text {
        b"true" => Some(Value::Bool(true)),
        b"false" => Some(Value::Bool(false)),
        b"null" => Some(Value::Null),
        number => number_of(std::str::from_utf8(number).ok()?),
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
        // The walk has a type of its own for what is not negative.
        Ok(int @ ..0) => Some(Value::I64(int)),
        Ok(int) => Some(Value::U64(int as u64)),
        Err(_) => text.parse().ok().map(Value::F64),
    }
}
