//! The grammar of conditions, by recursive descent:
//!
//! ```text
//! any    = all { "OR" all }
//! all    = not { ["AND"] not }
//! not    = "NOT" not | "-" not | one
//! one    = "(" any ")" | "*" | "*:*" | ("since:" | "until:") time | [field ":"] value
//! value  = "*" | word ["*"] | phrase | "/" expression "/"
//!        | ("<" | "<=" | ">" | ">=") end | ("[" | "{") end "TO" end ("]" | "}")
//!        | "(" any ")"                            after a field: each term in it is of that field
//!        | "IN(" item { "," item } ")"            after a field: any of these words or phrases
//! time   = 15m, 2h, 7d back from now | 2026-11-20 | RFC 3339 | deploy | deploy/SERVICE
//! ```
//! Keywords are upper case. A word is free of blanks, parentheses, quotes and bars, or has them behind a backslash.

use super::ast::{Bound, Expr, Term, Test};
use super::cursor::{Cursor, Place, Star, Word};
use super::leaf::expression;
use super::{Moment, QueryError};
use crate::parse::{Number, Severity, tokens};
use crate::time::{Timestamp, parse_time};
use std::ops::ControlFlow;

/// Longer text is no query that a person or a program of sense writes.
pub(super) const TEXT_BYTES_MAX: usize = 32 << 10;
/// Parentheses and negations inside one another.
const DEPTH_MAX: usize = 64;
/// Conditions in one query.
const TERMS_MAX: usize = 1024;
/// Expressions in one query: each has its own automaton in memory.
const REGEXES_MAX: usize = 16;
/// Longer expressions are refused before they are compiled.
const REGEX_BYTES_MAX: usize = 1024;

/// What conditions end at, beside the end of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// A bar.
    Pipe,
    /// `by` outside of quotes and parentheses.
    By,
}

/// Reads conditions. Without `now` spans back from it are refused.
pub(super) fn conditions<'t>(
    text: &'t str,
    now: Option<&Moment>,
    until: Until,
) -> Result<(Expr, Cursor<'t>), QueryError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(QueryError { column: 1, message: format!("longer than {TEXT_BYTES_MAX} bytes") });
    }
    let cursor = Cursor::new(text);
    let now = now.cloned();
    let mut grammar = Grammar { cursor, now, until, field: None, terms: 0, regexes: 0 };
    let expr = grammar.any(0)?;
    match grammar.cursor.peek() {
        None | Some('|') => Ok((expr, grammar.cursor)),
        Some(_) if grammar.at_end(0) => Ok((expr, grammar.cursor)),
        Some(_) => Err(grammar.cursor.error("this `)` has no opening one")),
    }
}

struct Grammar<'a> {
    cursor: Cursor<'a>,
    now: Option<Moment>,
    until: Until,
    /// The field whose parentheses we are in.
    field: Option<String>,
    terms: usize,
    regexes: usize,
}

impl Grammar<'_> {
    fn any(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.all(depth)?];
        while self.cursor.take_keyword("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(Expr::or(parts))
    }

    /// Leaves the cursor at an end, at `)` or at `OR`.
    fn all(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.not(depth)?];
        loop {
            self.cursor.skip_blanks();
            let and = self.cursor.take_keyword("AND");
            let ends = self.cursor.peek().is_none_or(|c| matches!(c, ')' | '|'))
                || self.is_next("OR")
                || self.at_end(depth);
            if ends && !and {
                return Ok(Expr::and(parts));
            }
            parts.push(self.not(depth)?);
        }
    }

    /// Whether the word stands next that ends the conditions.
    fn at_end(&self, depth: usize) -> bool {
        self.until == Until::By && depth == 0 && self.field.is_none() && self.is_next("by")
    }

    fn is_next(&self, keyword: &str) -> bool {
        let mut ahead = Cursor::new(self.cursor.rest());
        ahead.take_keyword(keyword)
    }

    fn not(&mut self, depth: usize) -> Result<Expr, QueryError> {
        if depth > DEPTH_MAX {
            return Err(self.cursor.error(format!("nested more than {DEPTH_MAX} deep")));
        }
        self.cursor.skip_blanks();
        let minus = self.cursor.take("-");
        if minus && self.cursor.peek().is_none_or(char::is_whitespace) {
            return Err(self.cursor.error("a condition is expected directly after `-`"));
        }
        if minus || self.cursor.take_keyword("NOT") {
            return Ok(Expr::Not(Box::new(self.not(depth + 1)?)));
        }
        self.one(depth)
    }

    fn one(&mut self, depth: usize) -> Result<Expr, QueryError> {
        if self.cursor.take("(") {
            return self.group(depth);
        }
        if self.field.is_some() {
            return self.value(depth);
        }
        let start = self.cursor.at();
        if self.cursor.take("\"") {
            let text = self.cursor.phrase()?;
            return self.words(start, text);
        }
        let word = self.cursor.word(Place::Term)?;
        if self.cursor.take(":") {
            return self.of_field(word, start, depth);
        }
        match word {
            word if word.star == Star::Alone => Ok(Expr::All),
            word if word.text.is_empty() => Err(self.cursor.error("a word, a phrase or a field is expected")),
            word if !word.escaped && matches!(word.text.as_str(), "AND" | "OR") => {
                Err(self.cursor.error_at(start, format!("`{}` stands between two conditions", word.text)))
            }
            word => self.word(start, word),
        }
    }

    /// What stands behind `name:`.
    fn of_field(&mut self, name: Word, start: usize, depth: usize) -> Result<Expr, QueryError> {
        if name.star == Star::Alone && self.cursor.take("*") {
            return Ok(Expr::All);
        }
        if name.text.is_empty() || name.star != Star::None {
            return Err(self.cursor.error_at(start, "the name of a field is expected before `:`"));
        }
        match name.text.as_str() {
            "since" if !name.escaped => self.time(Test::Since),
            "until" if !name.escaped => self.time(Test::Until),
            _ => {
                self.field = Some(name.text);
                let expr = self.value(depth);
                self.field = None;
                expr
            }
        }
    }

    fn time(&mut self, test: fn(Timestamp) -> Test) -> Result<Expr, QueryError> {
        let start = self.cursor.at();
        let text = match self.cursor.take("\"") {
            true => self.cursor.phrase()?,
            false => self.cursor.word(Place::Value)?.text,
        };
        let time = match &self.now {
            Some(now) => now.time(&text),
            None => parse_time(&text, None),
        };
        let is_deploy = text == "deploy" || text.starts_with("deploy/");
        match time {
            Some(time) => self.term(start, test(time)),
            None if self.now.is_none()
                && (is_deploy || parse_time(&text, Some(Timestamp::default())).is_some()) =>
            {
                let message =
                    "a span back from now has no meaning here; a time is expected, as in `since:2026-11-20`";
                Err(self.cursor.error_at(start, message))
            }
            None if is_deploy => {
                let message = "no such deploy is known; tell of one with `logweir deploy`";
                Err(self.cursor.error_at(start, message))
            }
            None => {
                let message = "a span or a time is expected, as in `since:15m`, `since:7d`, `since:2026-11-20` or \
                               `since:2026-11-20T10:15:00Z`";
                Err(self.cursor.error_at(start, message))
            }
        }
    }

    fn group(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let start = self.cursor.at() - 1;
        let expr = self.any(depth + 1)?;
        if self.cursor.take(")") {
            Ok(expr)
        } else {
            Err(self.cursor.error_at(start, "this `(` has no closing one"))
        }
    }

    /// What follows `field:`, or stands inside `field:( )`.
    fn value(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let start = self.cursor.at();
        if self.cursor.take("(") {
            return self.group(depth);
        }
        if self.cursor.take("IN(") {
            return self.list(start);
        }
        if let Some('[' | '{') = self.cursor.peek() {
            return self.range();
        }
        if let Some(pattern) = self.cursor.take_regex() {
            return self.regex(start, pattern);
        }
        for (sign, low, inclusive) in
            [(">=", true, true), ("<=", false, true), (">", true, false), ("<", false, false)]
        {
            if self.cursor.take(sign) {
                let bound = Some(self.bound(Place::Value, inclusive)?);
                let (low, high) = if low { (bound, None) } else { (None, bound) };
                return self.term(start, Test::Range { low, high });
            }
        }
        if self.cursor.take("\"") {
            let text = self.cursor.phrase()?;
            return self.words(start, text);
        }
        let word = self.cursor.word(Place::Value)?;
        match word {
            word if word.star == Star::Alone => self.term(start, Test::Exists),
            word if word.text.is_empty() => Err(self.cursor.error("a value is expected here")),
            word => self.word(start, word),
        }
    }

    /// What stands behind `IN(`.
    fn list(&mut self, open: usize) -> Result<Expr, QueryError> {
        let mut parts = Vec::new();
        loop {
            self.cursor.skip_blanks();
            let start = self.cursor.at();
            let text = match self.cursor.take("\"") {
                true => self.cursor.phrase()?,
                false => self.cursor.word(Place::List)?.text,
            };
            parts.push(self.words(start, text)?);
            self.cursor.skip_blanks();
            if self.cursor.take(")") {
                return Ok(Expr::or(parts));
            }
            match self.cursor.peek() {
                Some(',') => self.cursor.take(","),
                None => return Err(self.cursor.error_at(open, "this list has no closing `)`")),
                Some(_) => return Err(self.cursor.error("`,` or `)` is expected, as in `IN(a, b)`")),
            };
        }
    }

    fn regex(&mut self, start: usize, pattern: String) -> Result<Expr, QueryError> {
        if pattern.len() > REGEX_BYTES_MAX {
            let message = format!("an expression of more than {REGEX_BYTES_MAX} bytes");
            return Err(self.cursor.error_at(start, message));
        }
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            return Err(self.cursor.error_at(start, format!("more than {REGEXES_MAX} expressions")));
        }
        match expression(&pattern) {
            Ok(_) => self.term(start, Test::Regex(pattern)),
            Err(reason) => Err(self.cursor.error_at(start, format!("not a regular expression: {reason}"))),
        }
    }

    fn range(&mut self) -> Result<Expr, QueryError> {
        let start = self.cursor.at();
        let low_inclusive = self.cursor.take("[") || !self.cursor.take("{");
        let mut low = self.range_end(low_inclusive)?;
        self.cursor.skip_blanks();
        if !self.cursor.take_keyword("TO") {
            return Err(self.cursor.error("`TO` is expected, as in `[1 TO 5]`"));
        }
        let mut high = self.range_end(true)?;
        self.cursor.skip_blanks();
        let high_inclusive = self.cursor.take("]");
        if !high_inclusive && !self.cursor.take("}") {
            return Err(self.cursor.error("`]` or `}` is expected"));
        }
        if let Some(high) = &mut high {
            high.inclusive = high_inclusive;
        }
        if let Some(low) = &mut low {
            low.inclusive = low_inclusive;
        }
        match (low, high) {
            (None, None) => self.term(start, Test::Exists),
            (low, high) => self.term(start, Test::Range { low, high }),
        }
    }

    fn range_end(&mut self, inclusive: bool) -> Result<Option<Bound>, QueryError> {
        self.cursor.skip_blanks();
        if self.cursor.take("*") {
            return Ok(None);
        }
        self.bound(Place::Range, inclusive).map(Some)
    }

    fn bound(&mut self, place: Place, inclusive: bool) -> Result<Bound, QueryError> {
        let start = self.cursor.at();
        let text = match self.cursor.take("\"") {
            true => self.cursor.phrase()?,
            false => self.cursor.word(place)?.text,
        };
        let of_level =
            self.field.as_deref() == Some("level") && Severity::from_text(text.as_bytes()).is_some();
        if of_level || Number::from_text(&text).is_some() {
            return Ok(Bound { text, inclusive });
        }
        let expected = match self.field.as_deref() {
            Some("level") => "a level is expected, as in `level:>=warn`",
            _ => {
                "a number is expected, as in `duration_ms:>500`; times are compared by `since:` and `until:`"
            }
        };
        Err(self.cursor.error_at(start, expected))
    }

    fn word(&mut self, start: usize, word: Word) -> Result<Expr, QueryError> {
        match word.star {
            Star::AtEnd => {
                // A star behind a separator would be the beginning of any word.
                if !word.text.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                    let message = "a letter or a digit is expected before `*`, as in `time*`";
                    return Err(self.cursor.error_at(start, message));
                }
                self.term(start, Test::Prefix(word.text))
            }
            Star::Alone | Star::None => self.words(start, word.text),
        }
    }

    fn words(&mut self, start: usize, text: String) -> Result<Expr, QueryError> {
        let found = tokens(&text, &mut Vec::new(), |_| ControlFlow::Break(()));
        if found == ControlFlow::Continue(()) {
            let message = "nothing to search for: a letter or a digit is expected; a condition has no blanks, as in `n:>5`";
            return Err(self.cursor.error_at(start, message));
        }
        self.term(start, Test::Words(text))
    }

    fn term(&mut self, start: usize, test: Test) -> Result<Expr, QueryError> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(self.cursor.error_at(start, format!("more than {TERMS_MAX} conditions")));
        }
        Ok(Expr::Term(Term { field: self.field.clone(), test }))
    }
}
