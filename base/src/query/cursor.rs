//! Reading a query character by character: blanks, words, phrases, and where an error is.

use super::QueryError;

/// What a word is made of depends on where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where a field's name may stand: ends before `:`.
    Term,
    /// After `field:`.
    Value,
    /// Between the brackets of a range: ends before `]` and `}`.
    Range,
    /// In a list: ends before `,`.
    List,
}

/// What stars a word has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Star {
    None,
    /// It is `*` and nothing else.
    Alone,
    /// It is what stands before a `*`.
    AtEnd,
}

/// A run of characters outside quotes, backslash escapes taken off.
pub(crate) struct Word {
    pub(crate) text: String,
    /// It has a character that was escaped, so it is no keyword.
    pub(crate) escaped: bool,
    pub(crate) star: Star,
}

/// `AND`, `OR`, `NOT`; `TO` has a meaning inside ranges only and `by` behind the conditions of a rule only, and are quoted all
/// the same.
pub(crate) fn is_keyword(text: &str) -> bool {
    matches!(text, "AND" | "OR" | "NOT" | "TO" | "by")
}

impl Place {
    fn ends_at(self, c: char) -> bool {
        match c {
            '(' | ')' | '"' | '|' => true,
            ':' => self == Self::Term,
            ']' | '}' => self == Self::Range,
            ',' => self == Self::List,
            c => c.is_whitespace(),
        }
    }
}

pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes `expected` when it comes next.
    pub(crate) fn take(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    /// Takes the keyword `word` when it comes next, outside quotes and not as the name of a field.
    pub(crate) fn take_keyword(&mut self, word: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(word) else {
            return false;
        };
        let ends =
            after.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '|'));
        self.at += if ends { word.len() } else { 0 };
        ends
    }

    /// Reads up to a blank, a parenthesis, a quote, a bar or what else ends a word in this place. May be empty.
    pub(crate) fn word(&mut self, place: Place) -> Result<Word, QueryError> {
        let mut word = Word { text: String::new(), escaped: false, star: Star::None };
        let start = self.at;
        while let Some(c) = self.peek().filter(|&c| !place.ends_at(c)) {
            if c == '*' {
                return self.starred(word, place, start);
            }
            self.at += c.len_utf8();
            let c = if c == '\\' { self.escaped(&mut word)? } else { c };
            word.text.push(c);
        }
        Ok(word)
    }

    /// The character behind a backslash.
    fn escaped(&mut self, word: &mut Word) -> Result<char, QueryError> {
        let Some(escaped) = self.peek() else {
            return Err(self.error("a character is expected after `\\`"));
        };
        word.escaped = true;
        self.at += escaped.len_utf8();
        Ok(escaped)
    }

    /// The word that begins at `start`, `*` being next.
    fn starred(&mut self, mut word: Word, place: Place, start: usize) -> Result<Word, QueryError> {
        let at = self.at;
        self.at += 1;
        if self.peek().is_some_and(|next| !place.ends_at(next)) {
            let message =
                "`*` stands alone, for everything, or ends the beginning of a word; any other put as `\\*`";
            return Err(self.error_at(at, message));
        }
        word.star = if at == start { Star::Alone } else { Star::AtEnd };
        Ok(word)
    }

    /// Takes `/pattern/` when it comes next; `\/` in it is a slash. A path is none: what has blanks in it must have a special
    /// character too, and no `:/`.
    pub(crate) fn take_regex(&mut self) -> Option<String> {
        let rest = self.rest().strip_prefix('/')?;
        let ends = |after: &str| after.chars().next().is_none_or(|c| Place::Value.ends_at(c));
        let (mut end, mut escaped) = (None, false);
        for (at, c) in rest.char_indices() {
            if c == '/' && !escaped && ends(&rest[at + 1..]) {
                end = Some(at);
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        let pattern = &rest[..end?];
        let has_blank = pattern.contains(char::is_whitespace);
        let is_special = pattern.contains(['\\', '[', '(', '*', '+', '?', '^', '$', '{', '|', '.']);
        if pattern.is_empty() || (has_blank && (!is_special || pattern.contains(":/"))) {
            return None;
        }
        self.at += pattern.len() + 2;
        Some(pattern.replace("\\/", "/"))
    }

    /// Reads the rest of a phrase whose opening quote has been taken. `\"` and `\\` are a quote and a backslash.
    pub(crate) fn phrase(&mut self) -> Result<String, QueryError> {
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
    pub(crate) fn error(&self, message: impl Into<String>) -> QueryError {
        self.error_at(self.at, message)
    }

    /// An error at a byte offset.
    pub(crate) fn error_at(&self, at: usize, message: impl Into<String>) -> QueryError {
        QueryError { column: self.text[..at].chars().count() + 1, message: message.into() }
    }

    /// Byte offset of the next character.
    pub(crate) fn at(&self) -> usize {
        self.at
    }
}
