//! How hits are printed.

use super::Output;
use super::hit::{Answer, HitJson};
use crate::terminal::{Escapes, Screen, Tone};
use logweir_base::parse::Severity;
use logweir_base::time::Timestamp;
use std::io::{self, Write};

/// Prints hits one by one, in one of the three views.
pub struct HitView {
    output: Output,
    /// Raw view: the last hit, when it did not end with a newline.
    unended: Option<Unended>,
}

/// What may go on in the next hit: a part of an over-long line, or a line that was sent before it was ended.
struct Unended {
    source: String,
    end: u64,
    part: Option<u32>,
}

impl Unended {
    /// Redaction changes lengths, so that parts are told by their number.
    fn goes_on_in(&self, hit: &HitJson<'_>) -> bool {
        let next_part = self.part.is_some_and(|part| hit.part == Some(part + 1));
        self.source == hit.source && (next_part || self.end == hit.offset)
    }
}

impl HitView {
    /// A view for `output`.
    pub fn new(output: Output) -> Self {
        Self { output, unended: None }
    }

    /// Prints one hit.
    pub fn print<W: Write>(&mut self, answer: &Answer<'_>, screen: &mut Screen<W>) -> io::Result<()> {
        match self.output {
            Output::Text => {
                let mark = if answer.hit.context { "| " } else { "" };
                print_text(&answer.hit, &format!("{mark}{}", short_time(&answer.hit.timestamp)), screen)
            }
            Output::Json => {
                screen.bytes(answer.json, Escapes::Json)?;
                screen.newline()
            }
            Output::Raw => self.print_raw(&answer.hit, screen),
        }
    }

    /// Ends a raw line without a newline, on a terminal; a pipe gets what was written and nothing else.
    pub fn finish<W: Write>(&mut self, screen: &mut Screen<W>) -> io::Result<()> {
        match self.unended.take() {
            Some(_) if screen.is_terminal() => screen.newline(),
            _ => Ok(()),
        }
    }

    /// Prints a line as it was written. The parts of an over-long line follow each other without a break; any other line
    /// that did not end is ended before the next.
    fn print_raw<W: Write>(&mut self, hit: &HitJson<'_>, screen: &mut Screen<W>) -> io::Result<()> {
        if self.unended.take().is_some_and(|before| !before.goes_on_in(hit)) {
            screen.newline()?;
        }
        let bytes = hit.raw_bytes();
        let line = bytes.strip_suffix(b"\n");
        screen.bytes(line.unwrap_or(&bytes), Escapes::Text)?;
        if line.is_some() {
            return screen.newline();
        }
        let end = hit.offset + bytes.len() as u64;
        self.unended = Some(Unended { source: hit.source.to_string(), end, part: hit.part });
        Ok(())
    }
}

/// A hit on a line for people, behind `time`.
pub(super) fn print_text<W: Write>(hit: &HitJson<'_>, time: &str, screen: &mut Screen<W>) -> io::Result<()> {
    screen.text(Tone::Dim, time)?;
    screen.text(Tone::Plain, " ")?;
    let severity = Severity(hit.severity_number).text();
    screen.text(Tone::of_severity(severity), &format!("{severity:<5}"))?;
    screen.text(Tone::Plain, " ")?;
    screen.text(Tone::Name, &hit.service)?;
    screen.text(Tone::Plain, &format!(" {} ", hit.host))?;
    screen.text(Tone::Plain, hit.body.trim_end_matches(['\n', '\r']))?;
    if let Some(trace) = &hit.trace_id {
        screen.text(Tone::Dim, &format!(" trace={trace}"))?;
    }
    screen.newline()
}

/// RFC 3339 with milliseconds, always 24 characters; text that is no time stays as it is.
pub(super) fn short_time(time: &str) -> String {
    const TO_SECONDS: usize = 19;
    match Timestamp::parse(time) {
        Some(parsed) => {
            let millis = parsed.0.div_euclid(1_000_000).rem_euclid(1_000);
            format!("{}.{millis:03}Z", &parsed.to_string()[..TO_SECONDS])
        }
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(output: Output, terminal: bool, hits: &[&str]) -> String {
        let (mut screen, mut view) = (Screen::new(Vec::new(), terminal, false), HitView::new(output));
        for json in hits {
            view.print(&Answer::parse(json.as_bytes()).expect("JSON"), &mut screen).expect("memory");
        }
        view.finish(&mut screen).expect("memory");
        String::from_utf8(screen.into_inner()).expect("text")
    }

    const HIT: &str = r#"{"timestamp":"2026-11-23T10:15:00.123456Z","severity_number":17,"service.name":"cart","host.name":"h1",
        "trace_id":"4bf9","body":"no\u001b[2J\nway","raw":"{\"m\":1}\u001b\n","source":"a","offset":5}"#;

    #[test]
    fn text_is_one_line_a_hit_and_harmless() {
        let expected = "2026-11-23T10:15:00.123Z ERROR cart h1 no\\x1b[2J\\nway trace=4bf9\n";
        assert_eq!(print(Output::Text, false, &[HIT]), expected);
    }

    #[test]
    fn raw_is_verbatim_in_a_pipe_and_harmless_on_a_terminal() {
        assert_eq!(print(Output::Raw, false, &[HIT, HIT]), "{\"m\":1}\u{1b}\n{\"m\":1}\u{1b}\n");
        assert_eq!(print(Output::Raw, true, &[HIT]), "{\"m\":1}\\x1b\n");
    }

    #[test]
    fn parts_of_a_long_line_are_printed_without_a_break() {
        let part = |source: &str, offset: u64, raw: &str| {
            format!(r#"{{"source":"{source}","offset":{offset},"raw":"{raw}"}}"#)
        };
        let hits = [part("a", 0, "one"), part("a", 3, "two\\n"), part("a", 7, "end"), part("b", 10, "other")];
        let hits: Vec<&str> = hits.iter().map(String::as_str).collect();
        assert_eq!(print(Output::Raw, false, &hits), "onetwo\nend\nother");
        assert_eq!(print(Output::Raw, true, &hits), "onetwo\nend\nother\n");
    }

    #[test]
    fn redacted_parts_are_told_by_their_number() {
        let hits = [
            r#"{"source":"a","offset":0,"part":0,"raw":"x"}"#,
            r#"{"source":"a","offset":9,"part":1,"raw":"y\n"}"#,
        ];
        assert_eq!(print(Output::Raw, false, &hits), "xy\n");
    }
}
