//! CSV as RFC 4180 has it: CRLF between rows, quotes where a cell needs them, a header row.
//!
//! A log line says what its sender wants, and a spreadsheet computes a cell that looks like a formula: one that begins so
//! gets a `'` in front (OWASP ASVS 1.2.10), unless it is a plain number.

use crate::terminal::{Escapes, Screen};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io::{self, Write};

/// Columns when nobody says which.
const DEFAULT: [&str; 9] = [
    "timestamp",
    "severity_text",
    "service.name",
    "host.name",
    "trace_id",
    "user.id",
    "body",
    "file",
    "offset",
];
/// Columns with a part of the normal form, or what the server knows of a line; any other name is the path of an attribute.
const KNOWN: [&str; 20] = [
    "timestamp",
    "time_source",
    "severity_number",
    "severity_text",
    "service.name",
    "host.name",
    "trace_id",
    "span_id",
    "user.id",
    "body",
    "exception.type",
    "exception.message",
    "exception.stacktrace",
    "layout",
    "wrapper",
    "pattern",
    "file",
    "offset",
    "received",
    "raw",
];
/// Names that queries have for parts of the normal form.
const SHORT: [(&str, &str); 5] = [
    ("level", "severity_text"),
    ("service", "service.name"),
    ("host", "host.name"),
    ("user", "user.id"),
    ("trace", "trace_id"),
];

/// A column: what stands above it, and where its cells come from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    name: String,
    from: From,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// A key of the server's object.
    Key(&'static str),
    /// The column's name as a path.
    Attribute,
}

/// Prints hits as rows.
pub(super) struct Csv {
    columns: Vec<Column>,
    row: Vec<u8>,
}

impl Csv {
    /// With these columns; the default ones when there are none.
    pub(super) fn new(fields: &[String]) -> Self {
        let columns = match fields {
            [] => DEFAULT.iter().map(|name| Column::named(name)).collect(),
            fields => fields.iter().map(|name| Column::named(name.trim())).collect(),
        };
        Self { columns, row: Vec::new() }
    }

    /// Paths that the server must send beside the normal form, with commas between; empty for none.
    pub(super) fn attributes(&self) -> String {
        let paths = self.columns.iter().filter(|column| column.from == From::Attribute);
        paths.map(|column| column.name.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Prints the names of the columns.
    pub(super) fn header<W: Write>(&mut self, screen: &mut Screen<W>) -> io::Result<()> {
        self.row.clear();
        for (number, column) in self.columns.iter().enumerate() {
            push_cell(&mut self.row, number, &column.name);
        }
        print_row(&self.row, screen)
    }

    /// Prints one of the server's objects.
    pub(super) fn print<W: Write>(&mut self, json: &[u8], screen: &mut Screen<W>) -> io::Result<()> {
        let hit: Map<String, Value> = serde_json::from_slice(json)?;
        self.row.clear();
        for (number, column) in self.columns.iter().enumerate() {
            let value = match column.from {
                From::Key(key) => hit.get(key),
                From::Attribute => hit.get("fields").and_then(|fields| fields.get(&column.name)),
            };
            push_cell(&mut self.row, number, &value.map(text_of).unwrap_or_default());
        }
        print_row(&self.row, screen)
    }
}

impl Column {
    fn named(name: &str) -> Self {
        let long = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long);
        let from = KNOWN.iter().find(|known| **known == long).map_or(From::Attribute, |key| From::Key(key));
        Self { name: name.to_owned(), from }
    }
}

/// Arrays and objects stay JSON.
fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        value => Cow::Owned(value.to_string()),
    }
}

fn print_row<W: Write>(row: &[u8], screen: &mut Screen<W>) -> io::Result<()> {
    screen.bytes(row, Escapes::Text)?;
    if !screen.is_terminal() {
        screen.bytes(b"\r", Escapes::Text)?;
    }
    screen.newline()
}

/// Appends a cell, behind a comma unless it is the first.
fn push_cell(row: &mut Vec<u8>, number: usize, text: &str) {
    if number > 0 {
        row.push(b',');
    }
    let guard = if looks_like_formula(text) { "'" } else { "" };
    if !text.bytes().any(|b| matches!(b, b'"' | b',' | b'\r' | b'\n')) {
        row.extend_from_slice(guard.as_bytes());
        row.extend_from_slice(text.as_bytes());
        return;
    }
    row.push(b'"');
    row.extend_from_slice(guard.as_bytes());
    for (number, piece) in text.split('"').enumerate() {
        row.extend_from_slice(if number > 0 { b"\"\"" } else { b"" });
        row.extend_from_slice(piece.as_bytes());
    }
    row.push(b'"');
}

/// Whether a spreadsheet might compute it, some of them the full-width signs too.
fn looks_like_formula(text: &str) -> bool {
    let begins = text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\0', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    begins && !is_plain_number(text)
}

/// Sign, digits, fraction, exponent.
fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    [whole, fraction, exponent]
        .iter()
        .all(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_need_it() {
        let check = |text: &str, expected: &str| {
            let mut row = Vec::new();
            push_cell(&mut row, 0, text);
            assert_eq!(String::from_utf8_lossy(&row), expected, "{text:?}");
        };
        check("plain", "plain");
        check("", "");
        check("a b", "a b");
        check("a,b", "\"a,b\"");
        check("say \"hi\"", "\"say \"\"hi\"\"\"");
        check("\"", "\"\"\"\"");
        check("a\nb", "\"a\nb\"");
        check("a\r\nb", "\"a\r\nb\"");
        check("=1+1", "'=1+1");
        check("=\"a\",b", "\"'=\"\"a\"\",b\"");
    }

    #[test]
    fn what_a_spreadsheet_would_compute_is_guarded() {
        let check = |text: &str, expected: bool| assert_eq!(looks_like_formula(text), expected, "{text:?}");
        for text in ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\0=1"] {
            check(text, true);
        }
        for text in ["\u{ff1d}1", "\u{ff0b}1", "\u{ff0d}1", "\u{ff20}a", "-", "+", "-.5", "-1e", "--5", "-5 "]
        {
            check(text, true);
        }
        for text in ["", "a=1", "1+1", "-5", "+5", "-5.25", "-1e5", "-1.5E-10", " =1", "'=1", "5"] {
            check(text, false);
        }
    }

    fn csv(fields: &[&str], terminal: bool, hits: &[&str]) -> String {
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        let (mut csv, mut screen) = (Csv::new(&fields), Screen::new(Vec::new(), terminal, false));
        csv.header(&mut screen).expect("memory");
        hits.iter().for_each(|hit| csv.print(hit.as_bytes(), &mut screen).expect("memory"));
        String::from_utf8(screen.into_inner()).expect("text")
    }

    const HIT: &str = r#"{"timestamp":"2026-11-23T10:15:00Z","severity_text":"ERROR","service.name":"cart","host.name":"h1",
        "trace_id":"4bf9","body":"no\u001b, way","file":"/a","offset":5,"raw":"x","fields":{"http.status":-502,"tags":["a",1]}}"#;

    #[test]
    fn the_default_columns() {
        let expected = "timestamp,severity_text,service.name,host.name,trace_id,user.id,body,file,offset\r\n\
            2026-11-23T10:15:00Z,ERROR,cart,h1,4bf9,,\"no\u{1b}, way\",/a,5\r\n";
        assert_eq!(csv(&[], false, &[HIT]), expected);
    }

    #[test]
    fn other_columns_are_parts_or_attributes() {
        let expected = "level,user,http.status,tags,none\r\nERROR,,-502,\"[\"\"a\"\",1]\",\r\n";
        let fields = ["level", "user", "http.status", "tags", "none"];
        assert_eq!(csv(&fields, false, &[HIT]), expected);
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        assert_eq!(Csv::new(&fields).attributes(), "http.status,tags,none");
        assert_eq!(Csv::new(&[]).attributes(), "");
    }

    #[test]
    fn a_terminal_gets_harmless_rows() {
        assert_eq!(csv(&["body"], true, &[HIT]), "body\n\"no\\x1b, way\"\n");
    }
}
