//! A query as text that parses back to an equal query.

use super::ast::{Bound, Expr, Term, Test};
use super::cursor::is_keyword;
use std::fmt::{self, Display, Formatter, Write};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_char('*'),
            Self::Term(term) => term.fmt(f),
            Self::Not(inner) => {
                f.write_char('-')?;
                operand(inner, f, matches!(**inner, Self::And(_) | Self::Or(_)))
            }
            Self::And(parts) => join(parts, " ", f, |part| matches!(part, Self::Or(_))),
            Self::Or(parts) => join(parts, " OR ", f, |_| false),
        }
    }
}

fn join(parts: &[Expr], between: &str, f: &mut Formatter<'_>, enclosed: fn(&Expr) -> bool) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        operand(part, f, enclosed(part))?;
    }
    Ok(())
}

fn operand(expr: &Expr, f: &mut Formatter<'_>, enclosed: bool) -> fmt::Result {
    if enclosed { write!(f, "({expr})") } else { expr.fmt(f) }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write_field(field, f)?;
            f.write_char(':')?;
        }
        match &self.test {
            Test::Words(text) => write_text(text, f),
            Test::Prefix(text) => {
                write_escaped(text, f)?;
                f.write_char('*')
            }
            Test::Regex(pattern) => write!(f, "/{}/", pattern.replace('/', "\\/")),
            Test::Since(time) => write!(f, "since:{time}"),
            Test::Until(time) => write!(f, "until:{time}"),
            Test::Exists => f.write_char('*'),
            Test::Range { low: Some(low), high: None } => {
                f.write_str(if low.inclusive { ">=" } else { ">" })?;
                write_text(&low.text, f)
            }
            Test::Range { low: None, high: Some(high) } => {
                f.write_str(if high.inclusive { "<=" } else { "<" })?;
                write_text(&high.text, f)
            }
            Test::Range { low, high } => {
                f.write_char(if low.as_ref().is_some_and(|b| !b.inclusive) { '{' } else { '[' })?;
                write_end(low.as_ref(), f)?;
                f.write_str(" TO ")?;
                write_end(high.as_ref(), f)?;
                f.write_char(if high.as_ref().is_some_and(|b| !b.inclusive) { '}' } else { ']' })
            }
        }
    }
}

fn write_end(bound: Option<&Bound>, f: &mut Formatter<'_>) -> fmt::Result {
    match bound {
        Some(bound) => write_text(&bound.text, f),
        None => f.write_char('*'),
    }
}

fn write_field(field: &str, f: &mut Formatter<'_>) -> fmt::Result {
    if matches!(field, "since" | "until") {
        f.write_char('\\')?;
    }
    write_escaped(field, f)
}

/// With a backslash before whatever has a meaning.
fn write_escaped(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, c) in text.chars().enumerate() {
        if !is_safe(c) || (i == 0 && c == '-') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}

/// As it is when no character of it has a meaning, else in quotes. What begins with a slash may be taken for an expression.
fn write_text(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    if text.chars().all(is_safe) && !text.starts_with(['-', '/']) && !text.is_empty() && !is_keyword(text) {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

fn is_safe(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '@' | '$' | '%' | '+' | '=' | ',' | '#')
}
