//! Reading a query character by character: blanks, words, phrases, and where an error is.

use super::QueryError;

/// What a word is made of depends on where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where a field's name may stand: ends before `:`.
    Term,
    /// After `field:`.
    Value,
    /// Between the brackets of a range: ends before `]` and `}`.
    Range,
}

/// A run of characters outside quotes, backslash escapes taken off.
pub(super) struct Word {
    pub(super) text: String,
    /// It has a character that was escaped, so it is no keyword.
    pub(super) escaped: bool,
    /// It is `*` alone.
    pub(super) star: bool,
}

/// `AND`, `OR`, `NOT`; `TO` has a meaning inside ranges only, and is quoted all the same.
pub(super) fn is_keyword(text: &str) -> bool {
    matches!(text, "AND" | "OR" | "NOT" | "TO")
}

pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes `expected` when it comes next.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    /// Takes the keyword `word` when it comes next, outside quotes and not as the name of a field.
    pub(super) fn take_keyword(&mut self, word: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(word) else {
            return false;
        };
        let ends = after.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
        self.at += if ends { word.len() } else { 0 };
        ends
    }

    /// Reads up to a blank, a parenthesis, a quote or what else ends a word in this place. May be empty.
    pub(super) fn word(&mut self, place: Place) -> Result<Word, QueryError> {
        let mut word = Word { text: String::new(), escaped: false, star: false };
        let start = self.at;
        let mut star_at = None;
        while let Some(c) = self.peek() {
            match c {
                '(' | ')' | '"' => break,
                ':' if place == Place::Term => break,
                ']' | '}' if place == Place::Range => break,
                c if c.is_whitespace() => break,
                '\\' => {
                    self.at += 1;
                    let Some(escaped) = self.peek() else {
                        return Err(self.error("a character is expected after `\\`"));
                    };
                    word.text.push(escaped);
                    word.escaped = true;
                    self.at += escaped.len_utf8();
                    continue;
                }
                '*' => star_at = Some(self.at),
                _ => {}
            }
            word.text.push(c);
            self.at += c.len_utf8();
        }
        match star_at {
            Some(_) if self.at == start + 1 => word.star = true,
            Some(at) => {
                let message = "`*` stands alone, for everything; inside a word put it as `\\*`";
                return Err(self.error_at(at, message));
            }
            None => {}
        }
        Ok(word)
    }

    /// Reads the rest of a phrase whose opening quote has been taken. `\"` and `\\` are a quote and a backslash.
    pub(super) fn phrase(&mut self) -> Result<String, QueryError> {
        let start = self.at - 1;
        let mut text = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 1;
                    return Ok(text);
                }
                '\\' if chars.as_str().starts_with(['"', '\\']) => text.extend(chars.next().map(|(_, c)| c)),
                c => text.push(c),
            }
        }
        Err(self.error_at(start, "this quote has no closing one"))
    }

    /// An error here.
    pub(super) fn error(&self, message: impl Into<String>) -> QueryError {
        self.error_at(self.at, message)
    }

    /// An error at a byte offset.
    pub(super) fn error_at(&self, at: usize, message: impl Into<String>) -> QueryError {
        QueryError { column: self.text[..at].chars().count() + 1, message: message.into() }
    }

    /// Byte offset of the next character.
    pub(super) fn at(&self) -> usize {
        self.at
    }
}
