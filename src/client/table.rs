//! How tables are printed: aligned for people, tabs between cells for programs, or the server's JSON.

use super::Output;
use super::hit::Summary;
use crate::terminal::{Escapes, Screen, Tone};
use serde_json::{Map, Value};
use std::io::{self, Write};

/// A wider cell is cut where people read it.
const CELL_CHARS_MAX: usize = 120;

/// A line behind the one that names the columns.
pub(super) enum Row {
    /// Cells by column.
    Cells(Map<String, Value>),
    /// The end.
    Summary(Summary),
}

impl Row {
    pub(super) fn parse(line: &[u8]) -> serde_json::Result<Self> {
        let mut row: Map<String, Value> = serde_json::from_slice(line)?;
        // No cell is an object.
        match row.get("summary") {
            Some(Value::Object(_)) => {
                serde_json::from_value(row.remove("summary").unwrap_or_default()).map(Self::Summary)
            }
            _ => Ok(Self::Cells(row)),
        }
    }
}

/// A table on its way to a screen. The text view holds it, to know how wide columns are.
pub(super) struct TableView {
    columns: Vec<String>,
    output: Output,
    rows: Vec<Vec<Cell>>,
}

struct Cell {
    text: String,
    is_number: bool,
}

impl TableView {
    pub(super) fn new(columns: &[String], output: Output) -> Self {
        Self { columns: columns.to_vec(), output, rows: Vec::new() }
    }

    pub(super) fn take<W: Write>(
        &mut self,
        line: &[u8],
        mut cells: Map<String, Value>,
        screen: &mut Screen<W>,
    ) -> io::Result<()> {
        if self.output == Output::Json {
            screen.bytes(line, Escapes::Json)?;
            return screen.newline();
        }
        let row: Vec<Cell> =
            self.columns.iter().map(|column| Cell::of(cells.remove(column).unwrap_or_default())).collect();
        if self.output == Output::Text {
            self.rows.push(row);
            return Ok(());
        }
        for (at, cell) in row.iter().enumerate() {
            screen.bytes(if at > 0 { b"\t" } else { b"" }, Escapes::Text)?;
            screen.bytes(cell.text.replace(['\t', '\n', '\r'], " ").as_bytes(), Escapes::Text)?;
        }
        screen.newline()
    }

    pub(super) fn finish<W: Write>(&self, screen: &mut Screen<W>) -> io::Result<()> {
        if self.output != Output::Text {
            return Ok(());
        }
        let widths: Vec<usize> =
            self.columns.iter().enumerate().map(|(at, name)| self.width(at, name)).collect();
        let numbers: Vec<bool> = (0..self.columns.len()).map(|at| self.is_numeric(at)).collect();
        let head = self.columns.iter().zip(&widths).zip(&numbers);
        print_line(head.map(|((name, width), number)| (name.as_str(), *width, *number)), Tone::Dim, screen)?;
        for row in &self.rows {
            let cells = row.iter().zip(&widths).zip(&numbers);
            let cells = cells.map(|((cell, width), number)| (cell.text.as_str(), *width, *number));
            print_line(cells, Tone::Plain, screen)?;
        }
        Ok(())
    }

    fn width(&self, at: usize, name: &str) -> usize {
        let cells = self.rows.iter().map(|row| row[at].text.chars().count());
        cells.max().unwrap_or(0).max(name.chars().count()).min(CELL_CHARS_MAX)
    }

    /// Numbers stand to the right.
    fn is_numeric(&self, at: usize) -> bool {
        self.rows.iter().all(|row| row[at].is_number)
    }
}

impl Cell {
    fn of(value: Value) -> Self {
        match value {
            Value::Null => Self { text: "-".to_owned(), is_number: true },
            Value::String(text) => Self { text, is_number: false },
            Value::Number(n) => Self { text: number_text(&n), is_number: true },
            other => Self { text: other.to_string(), is_number: false },
        }
    }
}

/// Whole numbers as they are, others to six digits that count.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(0.0) => "0".to_owned(),
        Some(float) if number.is_f64() && float.abs() < 1e15 => {
            let digits = (5 - float.abs().log10().floor() as i32).clamp(0, 12) as usize;
            let text = format!("{float:.digits$}");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        }
        _ => number.to_string(),
    }
}

/// A text that is too wide loses its end, and shows that it did.
fn shortened(text: &str) -> String {
    if text.chars().count() <= CELL_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
}

fn print_line<'a, W: Write>(
    cells: impl Iterator<Item = (&'a str, usize, bool)>,
    tone: Tone,
    screen: &mut Screen<W>,
) -> io::Result<()> {
    let mut line = String::new();
    for (text, width, to_the_right) in cells {
        let shown = shortened(text);
        let padding = " ".repeat(width.saturating_sub(shown.chars().count()));
        line.push_str(if line.is_empty() { "" } else { "  " });
        match to_the_right {
            true => line.extend([padding.as_str(), &shown]),
            false => line.extend([&shown, padding.as_str()]),
        }
    }
    screen.text(tone, line.trim_end())?;
    screen.newline()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [&str; 2] = [
        r#"{"service":"cart\u001b","count":1200,"p99(duration_ms)":35.1270001}"#,
        r#"{"service":null,"count":7,"p99(duration_ms)":null}"#,
    ];

    fn print(output: Output) -> String {
        let columns = ["service", "count", "p99(duration_ms)"].map(str::to_owned);
        let (mut screen, mut view) =
            (Screen::new(Vec::new(), false, false), TableView::new(&columns, output));
        for row in ROWS {
            let Row::Cells(cells) = Row::parse(row.as_bytes()).expect("JSON") else { panic!("no summary") };
            view.take(row.as_bytes(), cells, &mut screen).expect("memory");
        }
        view.finish(&mut screen).expect("memory");
        String::from_utf8(screen.into_inner()).expect("text")
    }

    #[test]
    fn people_see_columns_programs_tabs_or_json() {
        let expected = "service  count  p99(duration_ms)\ncart\\x1b     1200            35.127\n-            7                 -\n";
        assert_eq!(print(Output::Text), expected);
        assert_eq!(print(Output::Raw), "cart\u{1b}\t1200\t35.127\n-\t7\t-\n");
        assert_eq!(print(Output::Json), ROWS.map(|row| format!("{row}\n")).concat());
    }

    #[test]
    fn a_column_may_be_called_summary() {
        assert!(matches!(Row::parse(br#"{"summary":"x"}"#), Ok(Row::Cells(_))));
        assert!(matches!(Row::parse(br#"{"summary":{"partial":false}}"#), Ok(Row::Summary(_))));
    }
}
