//! `logweir patterns`: asks for the patterns and prints them, each with how often, since when and how lately, its trend, its
//! template and a sample.

use super::request::{Ask, ClientError, Server};
use super::spark::sparkline;
use crate::parse::Show;
use crate::terminal::{Escapes, Screen, Tone, note};
use logweir_base::parse::Severity;
use serde::Deserialize;
use std::borrow::Cow;
use std::io::{self, Write};

/// A longer sample is cut.
const SAMPLE_CHARS_MAX: usize = 200;

/// Of which records patterns are wanted.
#[derive(Debug, Clone)]
pub struct PatternsOf {
    /// The query; empty for all.
    pub query: String,
    /// Not before; as typed.
    pub since: Option<String>,
    /// Before; as typed.
    pub until: Option<String>,
    /// Patterns at most; 0 means all.
    pub limit: u64,
}

/// One line of the answer: a pattern, or the summary.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PatternJson<'a> {
    #[serde(borrow)]
    pattern: Cow<'a, str>,
    #[serde(borrow)]
    template: Cow<'a, str>,
    count: u64,
    #[serde(borrow)]
    first: Cow<'a, str>,
    #[serde(borrow)]
    last: Cow<'a, str>,
    severity_number: u8,
    #[serde(rename = "service.name", borrow)]
    service: Cow<'a, str>,
    #[serde(borrow)]
    sample: Cow<'a, str>,
    trend: Vec<u32>,
    summary: Option<PatternsSummary>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct PatternsSummary {
    patterns: u64,
    records: u64,
    partial: bool,
    errors: Vec<String>,
}

/// Prints the patterns, the most frequent first. An answer that is cut or partial is an error.
pub fn patterns<W: Write>(
    server: &Server,
    wanted: &PatternsOf,
    show: Show,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let mut ask = Ask::new("/api/v1/patterns").param("limit", &wanted.limit.to_string());
    if !wanted.query.is_empty() {
        ask = ask.param("q", &wanted.query);
    }
    for (name, time) in [("since", &wanted.since), ("until", &wanted.until)] {
        if let Some(time) = time {
            ask = ask.param(name, time);
        }
    }
    let mut lines = server.ask(&ask)?;
    let (mut shown, mut summary) = (0, None);
    while let Some(line) = lines.next_line()? {
        let pattern: PatternJson<'_> = serde_json::from_slice(line).map_err(|e| server.nonsense(&e))?;
        match (pattern.summary.as_ref(), show) {
            (Some(found), _) => summary = Some(found.clone()),
            (None, Show::Text) => print(&pattern, screen)?,
            (None, Show::Json) => {
                screen.bytes(line, Escapes::Json)?;
                screen.newline()?;
            }
        }
        shown += u64::from(summary.is_none());
    }
    screen.flush()?;
    judge(server, shown, summary)
}

fn judge(server: &Server, shown: u64, summary: Option<PatternsSummary>) -> Result<(), ClientError> {
    let Some(summary) = summary else {
        return Err(ClientError::Failed(format!("{} cut the answer short", server.url())));
    };
    if summary.patterns == 0 {
        note("no patterns: no record with a message was found");
    } else if shown < summary.patterns {
        let PatternsSummary { patterns, records, .. } = summary;
        note(&format!("{shown} of {patterns} patterns, of {records} records; more with --limit"));
    }
    if summary.partial {
        let errors = summary.errors.iter().map(|e| format!("\n  {e}")).collect::<String>();
        return Err(ClientError::Failed(format!(
            "the answer is partial: the server gave what it had in time{errors}"
        )));
    }
    Ok(())
}

fn print<W: Write>(pattern: &PatternJson<'_>, screen: &mut Screen<W>) -> io::Result<()> {
    let severity = Severity(pattern.severity_number).text();
    screen.text(Tone::Name, &pattern.pattern)?;
    screen.text(Tone::Plain, &format!(" {:>10} ", pattern.count))?;
    screen.text(Tone::of_severity(severity), &format!("{severity:<5} "))?;
    screen.text(Tone::Plain, &format!("{} {} ", hours(&pattern.trend), pattern.service))?;
    screen.text(Tone::Dim, &format!("{} to {}", pattern.first, pattern.last))?;
    screen.newline()?;
    screen.text(Tone::Plain, &format!("         {}", pattern.template))?;
    screen.newline()?;
    let sample: String = pattern.sample.chars().take(SAMPLE_CHARS_MAX).collect();
    screen.text(Tone::Dim, &format!("         e.g. {sample}"))?;
    screen.newline()
}

/// A bar an hour; an hour without a record is a dot.
fn hours(counts: &[u32]) -> String {
    let counts: Vec<_> = counts.iter().map(|&count| (count > 0).then_some(f64::from(count))).collect();
    sparkline(&counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_without_a_record_is_a_dot() {
        assert_eq!(hours(&[0, 1, 8, 4, u32::MAX]), ".▁▁▁█");
        assert_eq!(hours(&[]), "");
    }

    #[test]
    fn a_pattern_is_three_harmless_lines() {
        let json = r#"{"pattern":"5f0e9a1c","template":"sent <*>\u001b","count":12,"first":"a","last":"b","severity_number":9,
            "service.name":"cart","sample":"sent 5\nx","trend":[0,3]}"#;
        let mut screen = Screen::new(Vec::new(), true, false);
        print(&serde_json::from_str(json).expect("JSON"), &mut screen).expect("memory");
        let text = String::from_utf8(screen.into_inner()).expect("text");
        let expected =
            "5f0e9a1c         12 INFO  .█ cart a to b\n         sent <*>\\x1b\n         e.g. sent 5\\nx\n";
        assert_eq!(text, expected);
    }
}
