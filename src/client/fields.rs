//! `logweir fields` and `logweir values`: what can be asked for, as small tables.

use super::request::{Ask, ClientError, Server};
use crate::parse::Show;
use crate::terminal::{Escapes, Screen, Tone, note};
use serde::Deserialize;
use std::io::{self, Write};

/// Wider names do not move the other columns.
const WIDTH_MAX: usize = 40;
/// A longer example or value is cut.
const EXAMPLE_CHARS_MAX: usize = 80;

/// What is listed.
#[derive(Debug, Clone)]
pub enum Listed {
    /// The fields there are.
    Fields,
    /// The values of a field.
    Values(String),
}

/// What is listed, and of which records.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Fields or values.
    pub listed: Listed,
    /// The query; empty for all.
    pub query: String,
    /// Not before; as typed.
    pub since: Option<String>,
    /// Before; as typed.
    pub until: Option<String>,
    /// How the names or values begin.
    pub prefix: Option<String>,
    /// Rows at most; 0 means all.
    pub limit: u64,
}

/// The answer to either.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListJson {
    fields: Vec<FieldJson>,
    values: Vec<ValueJson>,
    /// Names or values there are, those beyond the limit too.
    total: usize,
    sampled: u64,
    partial: bool,
    errors: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FieldJson {
    name: String,
    records: u64,
    numeric: bool,
    example: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ValueJson {
    value: String,
    records: u64,
}

/// Prints the names of fields, or the values of one. A sample is an answer, so that one which is not of all records is no
/// error; what could not be read is.
pub fn list<W: Write>(
    server: &Server,
    wanted: &Listing,
    show: Show,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let mut lines = server.ask(&ask(wanted))?;
    let line = lines.next_line()?.ok_or_else(|| server.nonsense(&"an empty list"))?;
    let answer: ListJson = serde_json::from_slice(line).map_err(|e| server.nonsense(&e))?;
    match show {
        Show::Json => {
            screen.bytes(line, Escapes::Json)?;
            screen.newline()?;
        }
        Show::Text => print(&answer, wanted, screen)?,
    }
    screen.flush()?;
    judge(&answer, show)
}

fn ask(wanted: &Listing) -> Ask {
    let mut ask = match &wanted.listed {
        Listed::Fields => Ask::new("/api/v1/fields"),
        Listed::Values(field) => Ask::new("/api/v1/values").param("field", field),
    };
    ask = ask.param("limit", &wanted.limit.to_string());
    if !wanted.query.is_empty() {
        ask = ask.param("q", &wanted.query);
    }
    for (name, text) in [("since", &wanted.since), ("until", &wanted.until), ("prefix", &wanted.prefix)] {
        if let Some(text) = text {
            ask = ask.param(name, text);
        }
    }
    ask
}

fn print<W: Write>(answer: &ListJson, wanted: &Listing, screen: &mut Screen<W>) -> io::Result<()> {
    match wanted.listed {
        Listed::Fields if !answer.fields.is_empty() => print_fields(&answer.fields, screen),
        Listed::Fields => Ok(()),
        Listed::Values(_) => answer.values.iter().try_for_each(|it| {
            screen.text(Tone::Plain, &format!("{:>10}  ", it.records))?;
            screen.text(Tone::Name, &cut(&it.value))?;
            screen.newline()
        }),
    }
}

fn print_fields<W: Write>(fields: &[FieldJson], screen: &mut Screen<W>) -> io::Result<()> {
    let longest = fields.iter().map(|field| field.name.chars().count()).max().unwrap_or_default();
    let width = longest.clamp(5, WIDTH_MAX);
    screen.text(Tone::Dim, &format!("{:width$} {:>10}  {:6}  EXAMPLE", "FIELD", "RECORDS", "TYPE"))?;
    screen.newline()?;
    for FieldJson { name, records, numeric, example } in fields {
        screen.text(Tone::Name, &format!("{name:width$}"))?;
        let kind = if *numeric { "number" } else { "text" };
        screen.text(Tone::Plain, &format!(" {records:>10}  {kind:6}  "))?;
        screen.text(Tone::Dim, &cut(example))?;
        screen.newline()?;
    }
    Ok(())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(EXAMPLE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn judge(answer: &ListJson, show: Show) -> Result<(), ClientError> {
    let shown = answer.fields.len() + answer.values.len();
    if show == Show::Text {
        if shown < answer.total {
            note(&format!("{shown} of {}; more with --limit", answer.total));
        }
        if answer.partial {
            note(&format!("of a sample, the newest {} records", answer.sampled));
        }
        if shown == 0 {
            note("none was found");
        }
    }
    if answer.errors.is_empty() {
        return Ok(());
    }
    let errors = answer.errors.iter().map(|e| format!("\n  {e}")).collect::<String>();
    Err(ClientError::Failed(format!("the list is partial: not everything could be read{errors}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::serve;

    fn run(listed: Listed, show: Show, body: &str) -> (String, String, Result<(), ClientError>) {
        let (server, answer) = serve("200 OK", body.to_owned());
        let query = "level:error".to_owned();
        let prefix = Some("a b".to_owned());
        let wanted = Listing { listed, query, since: None, until: None, prefix, limit: 7 };
        let mut screen = Screen::new(Vec::new(), true, false);
        let outcome = list(&server, &wanted, show, &mut screen);
        let asked = answer.join().expect("served");
        (asked, String::from_utf8(screen.into_inner()).expect("text"), outcome)
    }

    const FIELDS: &str = concat!(
        r#"{"fields":[{"name":"level","records":3,"numeric":false,"example":"er\u001bror"},"#,
        r#"{"name":"took_ms","records":12,"numeric":true,"example":"5"}],"sampled":12,"total":2}"#,
        "\n"
    );

    #[test]
    fn fields_are_a_table_and_harmless() {
        let (asked, text, outcome) = run(Listed::Fields, Show::Text, FIELDS);
        assert!(outcome.is_ok());
        assert_eq!(asked, "GET /api/v1/fields?limit=7&q=level%3Aerror&prefix=a%20b HTTP/1.1");
        let expected = "FIELD      RECORDS  TYPE    EXAMPLE\n\
            level            3  text    er\\x1bror\n\
            took_ms         12  number  5\n";
        assert_eq!(text, expected);
        assert_eq!(run(Listed::Fields, Show::Json, FIELDS).1, FIELDS);
    }

    #[test]
    fn values_are_counted() {
        let body = "{\"values\":[{\"value\":\"cart\",\"records\":42}],\"errors\":[\"split 7\"]}\n";
        let (asked, text, outcome) = run(Listed::Values("service".to_owned()), Show::Text, body);
        assert_eq!(asked, "GET /api/v1/values?field=service&limit=7&q=level%3Aerror&prefix=a%20b HTTP/1.1");
        assert_eq!(text, "        42  cart\n");
        assert!(matches!(outcome, Err(ClientError::Failed(reason)) if reason.contains("split 7")));
    }
}
