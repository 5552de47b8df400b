//! The grammar of rules:
//!
//! ```text
//! rule   = "metric" name "=" value ["where" conditions] ["by" labels]
//! value  = "count" ["(" field ")"] | ("sum" | "gauge" | "histogram") "(" field ")" [("*" | "/") number]
//! labels = label { "," label }
//! label  = [name "="] field
//! ```
//! Conditions are those of the query language. A name or a field is a run of letters, digits and `_ . - @ / $ # :`, or stands in
//! quotes, where `\"` and `\\` are a quote and a backslash.
//!
//! Limits: [`LABELS_MAX`] labels, [`NAME_BYTES_MAX`] bytes of a metric's name.

use super::field::Field;
use logweir_base::query::{Query, QueryError};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// Labels of one rule.
pub const LABELS_MAX: usize = 16;
/// Bytes of a metric's name.
pub const NAME_BYTES_MAX: usize = 200;
/// What the names of counters end with.
const TOTAL: &str = "_total";

/// A rule: what is measured of which records, and by what it is told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name of the metric.
    pub metric: String,
    /// What becomes of the numbers.
    pub function: Function,
    /// The field that is measured, or that counted records have.
    pub field: Option<String>,
    /// What numbers are turned into before they count.
    pub scale: Scale,
    /// Which records.
    pub query: Query,
    /// What the series are told apart by.
    pub by: Vec<Label>,
}

/// What is made of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// A counter of records.
    Count,
    /// A counter that numbers are added to.
    Sum,
    /// The latest number.
    Gauge,
    /// How numbers are distributed.
    Histogram,
}

/// A change of unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// None.
    One,
    /// Times a number.
    Times(f64),
    /// Divided by a number.
    Over(f64),
}

/// A label and the field it is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// The field.
    pub field: String,
}

impl Function {
    const ALL: [(Self, &str); 4] =
        [(Self::Count, "count"), (Self::Sum, "sum"), (Self::Gauge, "gauge"), (Self::Histogram, "histogram")];

    /// Its name in a rule.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Whether series of it are counters.
    pub fn is_counter(self) -> bool {
        matches!(self, Self::Count | Self::Sum)
    }
}

impl Scale {
    /// A number in the metric's unit.
    pub fn apply(self, number: f64) -> f64 {
        match self {
            Self::One => number,
            Self::Times(by) => number * by,
            Self::Over(by) => number / by,
        }
    }

    /// A number of the metric in the field's unit.
    pub fn undo(self, number: f64) -> f64 {
        match self {
            Self::One => number,
            Self::Times(by) => number / by,
            Self::Over(by) => number * by,
        }
    }
}

impl FromStr for Rule {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let mut cursor = Cursor { text, at: 0 };
        cursor.expect_word("metric", "a rule begins with `metric \"name\" = `")?;
        let metric =
            cursor.named(|name| metric_fault(name).map_or(Ok(()), Err), "the metric's name is expected")?;
        cursor.expect("=", "`=` is expected behind the metric's name")?;
        let at = cursor.next();
        let (function, field, scale) = value(&mut cursor)?;
        if let Some(fault) = ending_fault(&metric, function) {
            return Err(cursor.error_at(at, fault));
        }
        let query = if cursor.take_word("where") { conditions(&mut cursor)? } else { Query::all() };
        let by = if cursor.take_word("by") { labels(&mut cursor, function)? } else { Vec::new() };
        match cursor.rest() {
            "" => Ok(Self { metric, function, field, scale, query, by }),
            _ => Err(cursor.error("`where`, then `by`, or the end is expected")),
        }
    }
}

/// `count`, `count(f)`, `histogram(f) / 1000`.
fn value(cursor: &mut Cursor<'_>) -> Result<(Function, Option<String>, Scale), QueryError> {
    let Some(&(function, _)) = Function::ALL.iter().find(|(_, name)| cursor.take_word(name)) else {
        return Err(cursor.error("`count`, `sum(f)`, `gauge(f)` or `histogram(f)` is expected"));
    };
    if !cursor.take("(") {
        return match function {
            Function::Count => Ok((function, None, Scale::One)),
            _ => {
                Err(cursor
                    .error(format!("the field in parentheses is expected, as in `{}(f)`", function.name())))
            }
        };
    }
    let field = cursor.named(|name| Field::of(name).map(drop), "the name of a field is expected")?;
    cursor.expect(")", "`)` is expected")?;
    let scale = match function {
        Function::Count => Scale::One,
        _ if cursor.take("*") => Scale::Times(factor(cursor)?),
        _ if cursor.take("/") => Scale::Over(factor(cursor)?),
        _ => Scale::One,
    };
    Ok((function, Some(field), scale))
}

fn factor(cursor: &mut Cursor<'_>) -> Result<f64, QueryError> {
    let start = cursor.next();
    let text = cursor.run(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
    let number = text.parse::<f64>().ok().filter(|number| number.is_normal() && *number > 0.0);
    number.ok_or_else(|| cursor.error_at(start, "a number greater than 0 is expected, as in `/ 1000`"))
}

fn conditions(cursor: &mut Cursor<'_>) -> Result<Query, QueryError> {
    let start = cursor.next();
    let shift = |e: QueryError| QueryError { column: e.column + cursor.text[..start].chars().count(), ..e };
    let (query, used) = Query::parse_before_by(cursor.rest()).map_err(shift)?;
    if query.asks_for_patterns() {
        return Err(cursor.error_at(start, "records have no pattern yet when rules see them"));
    }
    cursor.at += used;
    if cursor.next_is('|') {
        return Err(cursor.error("conditions only are expected here; pipes are for searches"));
    }
    Ok(query)
}

fn labels(cursor: &mut Cursor<'_>, function: Function) -> Result<Vec<Label>, QueryError> {
    let mut labels: Vec<Label> = Vec::new();
    loop {
        let start = cursor.next();
        let label = label(cursor)?;
        let fault = match label.name.as_str() {
            "le" | "quantile" if function == Function::Histogram => {
                Some("histograms have a label of this name")
            }
            name if name.starts_with("__") => Some("names that begin with `__` are Prometheus' own"),
            name if labels.iter().any(|known| known.name == name) => Some("two labels have this name"),
            name if name.len() > NAME_BYTES_MAX => Some("longer than 200 bytes"),
            _ if labels.len() == LABELS_MAX => Some("too many labels: 16 is the most"),
            _ => None,
        };
        if let Some(fault) = fault {
            return Err(cursor.error_at(start, format!("label `{}`: {fault}", label.name)));
        }
        labels.push(label);
        if !cursor.take(",") {
            return Ok(labels);
        }
    }
}

fn label(cursor: &mut Cursor<'_>) -> Result<Label, QueryError> {
    const EXPECTED: &str = "the name of a field is expected";
    let start = cursor.next();
    let first = cursor.name(EXPECTED)?;
    let is_renamed = cursor.take("=");
    if is_renamed && label_name(&first) != first {
        return Err(
            cursor.error_at(start, "a label's name is of letters, digits and `_`, and begins with no digit")
        );
    }
    let at = if is_renamed { cursor.next() } else { start };
    let field = if is_renamed { cursor.name(EXPECTED)? } else { first.clone() };
    match Field::of(&field) {
        Ok(known) if known.is_label() => {
            let name = if is_renamed { first } else { label_name(&field) };
            Ok(Label { name, field })
        }
        Ok(_) => {
            Err(cursor.error_at(at, format!("`{field}` is a number of its own for nearly every record")))
        }
        Err(fault) => Err(cursor.error_at(at, fault)),
    }
}

/// A field's name as that of a label: what Prometheus does not allow becomes `_`.
pub(super) fn label_name(field: &str) -> String {
    let begins_with_digit = field.starts_with(|c: char| c.is_ascii_digit());
    let safe = field.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    begins_with_digit.then_some('_').into_iter().chain(safe).collect()
}

fn metric_fault(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if name.len() > NAME_BYTES_MAX {
        return Some(format!("a name of more than {NAME_BYTES_MAX} bytes"));
    }
    let is_name = name.chars().all(allowed) && !name.starts_with(|c: char| c.is_ascii_digit());
    (!is_name)
        .then(|| "a metric's name is of letters, digits, `_` and `:`, and begins with no digit".to_owned())
}

/// Prometheus' convention, by which people and programs tell counters from the rest.
fn ending_fault(metric: &str, function: Function) -> Option<String> {
    let name = function.name();
    match (function.is_counter(), metric.strip_suffix(TOTAL)) {
        (true, None) => {
            Some(format!("`{name}` makes a counter, whose name ends with `{TOTAL}`: \"{metric}{TOTAL}\""))
        }
        (false, Some(rest)) => {
            Some(format!("`{name}` makes no counter, so its name must not end with `{TOTAL}`: \"{rest}\""))
        }
        _ => None,
    }
}

/// Reading a rule; whatever is taken, blanks before it are skipped.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&mut self) -> &'a str {
        let at = self.next();
        &self.text[at..]
    }

    /// Where the next character that is no blank stands.
    fn next(&mut self) -> usize {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
        self.at
    }

    fn next_is(&mut self, c: char) -> bool {
        self.rest().starts_with(c)
    }

    fn take(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    /// Takes `word` when it stands next and is not the beginning of a longer one.
    fn take_word(&mut self, word: &str) -> bool {
        let after = self.rest().strip_prefix(word);
        let found = after.is_some_and(|after| !after.starts_with(is_of_name));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn expect(&mut self, expected: &str, message: &str) -> Result<(), QueryError> {
        if self.take(expected) { Ok(()) } else { Err(self.error(message)) }
    }

    fn expect_word(&mut self, word: &str, message: &str) -> Result<(), QueryError> {
        if self.take_word(word) { Ok(()) } else { Err(self.error(message)) }
    }

    fn run(&mut self, is_of_it: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let run = &rest[..rest.find(|c| !is_of_it(c)).unwrap_or(rest.len())];
        self.at += run.len();
        run
    }

    fn name(&mut self, expected: &str) -> Result<String, QueryError> {
        let start = self.next();
        let name = match self.take("\"") {
            true => self.phrase(start)?,
            false => self.run(is_of_name).to_owned(),
        };
        if name.is_empty() { Err(self.error_at(start, expected)) } else { Ok(name) }
    }

    /// A name in which `check` finds no fault.
    fn named(
        &mut self,
        check: impl Fn(&str) -> Result<(), String>,
        expected: &str,
    ) -> Result<String, QueryError> {
        let start = self.next();
        let name = self.name(expected)?;
        check(&name).map_err(|fault| self.error_at(start, fault))?;
        Ok(name)
    }

    /// The rest of a phrase whose quote at `start` has been taken.
    fn phrase(&mut self, start: usize) -> Result<String, QueryError> {
        let mut text = String::new();
        let rest = &self.text[self.at..];
        let mut chars = rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' if chars.as_str().starts_with(['"', '\\']) => text.extend(chars.next().map(|(_, c)| c)),
                c => text.push(c),
            }
        }
        Err(self.error_at(start, "this quote has no closing one"))
    }

    fn error(&mut self, message: impl Into<String>) -> QueryError {
        let at = self.next();
        self.error_at(at, message)
    }

    fn error_at(&self, at: usize, message: impl Into<String>) -> QueryError {
        QueryError { column: self.text[..at].chars().count() + 1, message: message.into() }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '/' | '$' | '#' | ':')
}

/// Parses back to an equal rule.
impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "metric \"{}\" = {}", self.metric, self.function.name())?;
        if let Some(field) = &self.field {
            f.write_str("(")?;
            write_name(field, f)?;
            f.write_str(")")?;
        }
        match self.scale {
            Scale::One => {}
            Scale::Times(by) => write!(f, " * {by}")?,
            Scale::Over(by) => write!(f, " / {by}")?,
        }
        if self.query != Query::all() {
            write!(f, " where {}", self.query)?;
        }
        for (at, label) in self.by.iter().enumerate() {
            f.write_str(if at == 0 { " by " } else { ", " })?;
            if label.name != label_name(&label.field) {
                write!(f, "{}=", label.name)?;
            }
            write_name(&label.field, f)?;
        }
        Ok(())
    }
}

fn write_name(name: &str, f: &mut Formatter<'_>) -> fmt::Result {
    if name.chars().all(is_of_name) {
        return f.write_str(name);
    }
    write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
