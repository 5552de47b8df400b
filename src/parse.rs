//! `logweir parse`: shows what is understood of each line of a file, and by which rule, without a server. Lines are framed and
//! joined as the shipper does it and looked at as the router does it.
//!
//! Memory is bounded: at most [`CHUNK_BYTES`] of the file, and what one batch of it makes.

use crate::command::Failure;
use crate::normal::NormalForm;
use crate::terminal::{Escapes, Screen, Tone};
use logweir_base::batch::{Batch, BatchLine, Codec, LINE_BYTES_MAX};
use logweir_base::entry::{RecordBatch, RecordSpan};
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::multiline::Joiner;
use logweir_base::parse::{Origins, Parser, Record, RecordView, TimeSource, look};
use logweir_base::time::{Clock, SystemClock};
use logweir_shipper::framer::{AtEnd, frame};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Bytes read ahead: the longest line.
const CHUNK_BYTES: usize = LINE_BYTES_MAX;

/// How records are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Show {
    /// A line for people, and what was found under it.
    Text,
    /// The normal form, one JSON object a record.
    Json,
}

/// What is to be shown.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// How.
    pub show: Show,
    /// With the field or rule that each part comes from.
    pub explain: bool,
    /// The zone of times without one, as a POSIX rule.
    pub zone: String,
}

/// Reads `path`, or standard input when it is `-`, and shows every record.
pub fn run(path: &Path, wanted: &Wanted) -> Result<(), Failure> {
    let mut screen = Screen::stdout();
    let shown = match path.to_str() {
        Some("-") => show_all(io::stdin().lock(), path, wanted, &mut screen),
        _ => match File::open(path) {
            Ok(file) => show_all(file, path, wanted, &mut screen),
            Err(e) => return Err(Failure::Failed(format!("cannot read {}: {e}", path.display()))),
        },
    };
    match shown.and_then(|()| screen.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("{}: {e}", path.display())))
        }
        _ => Ok(()),
    }
}

fn show_all<W: Write>(
    mut input: impl Read,
    path: &Path,
    wanted: &Wanted,
    screen: &mut Screen<W>,
) -> io::Result<()> {
    let resource = Arc::new(Resource {
        host: logweir_shipper::config::host_name(),
        path: path.display().to_string(),
        zone: wanted.zone.clone(),
        ..Resource::default()
    });
    let mut reader = Lines::default();
    let mut view = View { wanted, parser: Parser::new(), number: 0 };
    while let Some(batch) = reader.next(&mut input)? {
        let received = SystemClock.now();
        let looked = look(&batch, resource.clone(), received, &mut view.parser).map_err(io::Error::other)?;
        looked.records.iter().try_for_each(|record| view.show(&looked, record, screen))?;
    }
    Ok(())
}

/// Cuts what is read into batches of whole records.
#[derive(Default)]
pub(crate) struct Lines {
    chunk: Vec<u8>,
    part: u32,
    offset: Offset,
    ended: bool,
}

impl Lines {
    /// The next batch; `None` at the end.
    pub(crate) fn next(&mut self, input: &mut impl Read) -> io::Result<Option<Batch>> {
        loop {
            let missing = CHUNK_BYTES - self.chunk.len();
            let read = input.by_ref().take(missing as u64).read_to_end(&mut self.chunk)?;
            self.ended = read < missing;
            if self.chunk.is_empty() {
                return Ok(None);
            }
            let at_end = if self.ended { AtEnd::Cut } else { AtEnd::Hold };
            let mut framed = frame(&self.chunk, self.part, at_end);
            let clean = Joiner::default().join(&self.chunk, &mut framed.lines);
            // A group that fills the chunk is sent as it is, and so is the last one of the file.
            if !self.ended && clean > 0 {
                framed.lines.truncate(clean);
            }
            self.part = framed.lines.last().and_then(next_part).unwrap_or(0);
            if !framed.lines.is_empty() {
                return Ok(Some(self.batch(framed.lines)));
            }
        }
    }

    fn batch(&mut self, lines: Vec<BatchLine>) -> Batch {
        let len: usize = lines.iter().map(|line| line.range_len as usize).sum();
        let payload = self.chunk.drain(..len).collect::<Vec<u8>>();
        let first_start = self.offset;
        self.offset = self.offset.plus(len as u64);
        Batch {
            source: SourceId([0; 16]),
            epoch: Epoch(0),
            first_start,
            lines,
            codec: Codec::None,
            text_len: u32::try_from(len).expect("at most a chunk"),
            payload: payload.into(),
        }
    }
}

/// The number of the part that follows, when `line` is not the last part of an over-long line.
fn next_part(line: &BatchLine) -> Option<u32> {
    let is_open = line.meta.has(logweir_base::batch::LineMeta::PART);
    line.meta.part_number().filter(|_| is_open).map(|number| number + 1)
}

/// Shows records one by one.
struct View<'a> {
    wanted: &'a Wanted,
    parser: Parser,
    number: u64,
}

impl View<'_> {
    fn show<W: Write>(
        &mut self,
        batch: &RecordBatch,
        span: &RecordSpan,
        screen: &mut Screen<W>,
    ) -> io::Result<()> {
        let view = batch.view(span);
        let record = match self.wanted.explain {
            true => Record::explained(&view, &mut self.parser),
            false => Record::of(&view, &mut self.parser),
        };
        self.number += 1;
        match self.wanted.show {
            Show::Json => {
                let json = serde_json::to_vec(&NormalForm::of(&view, &record)).map_err(io::Error::other)?;
                screen.bytes(&json, Escapes::Json)?;
                screen.newline()
            }
            Show::Text => {
                self.head(&view, &record, screen)?;
                match &record.origins {
                    Some(origins) => explain(&view, &record, origins, screen),
                    None => parts(&view, &record, screen),
                }
            }
        }
    }

    fn head<W: Write>(
        &self,
        view: &RecordView<'_>,
        record: &Record,
        screen: &mut Screen<W>,
    ) -> io::Result<()> {
        let time = match record.layout.time_source() {
            TimeSource::Event => record.timestamp.to_string(),
            TimeSource::Observed => "(no time)".to_owned(),
        };
        let severity = view.severity.text();
        screen.text(Tone::Dim, &format!("{:>6} ", self.number))?;
        screen.text(Tone::Name, &format!("{:<18} ", layout_of(record)))?;
        screen.text(Tone::Dim, &format!("{time:<30} "))?;
        screen.text(Tone::of_severity(severity), &format!("{severity:<5} "))?;
        screen.text(Tone::Plain, &format!("{}: {}", view.service, record.body))?;
        screen.newline()
    }
}

fn layout_of(record: &Record) -> String {
    match record.layout.wrapper_name() {
        Some(wrapper) => format!("{} in {wrapper}", record.layout.name()),
        None => record.layout.name().to_owned(),
    }
}

/// What was found beside time, level and message, on one line; none when there is nothing.
fn parts<W: Write>(view: &RecordView<'_>, record: &Record, screen: &mut Screen<W>) -> io::Result<()> {
    let mut parts = Vec::new();
    let mut add =
        |name: &str, value: Option<&str>| parts.extend(value.map(|value| format!("{name}={value}")));
    add("trace_id", record.trace_id.as_deref());
    add("span_id", record.span_id.as_deref());
    add("user.id", record.user.as_deref());
    let exception = exception_of(record);
    add("exception", exception.as_deref());
    let lines = view.text.iter().filter(|&&byte| byte == b'\n').count() + 1;
    add("lines", (lines > 1).then(|| lines.to_string()).as_deref());
    if parts.is_empty() {
        return Ok(());
    }
    screen.text(Tone::Dim, &format!("       {}", parts.join("  ")))?;
    screen.newline()
}

/// Every part, and where it comes from.
fn explain<W: Write>(
    view: &RecordView<'_>,
    record: &Record,
    origins: &Origins,
    screen: &mut Screen<W>,
) -> io::Result<()> {
    let exception = exception_of(record);
    let severity = format!("{} ({})", view.severity.0, record.severity_text);
    let time = record.timestamp.to_string();
    let rows = [
        ("timestamp", Some(time.as_str()), &origins.time),
        ("severity", Some(severity.as_str()), &origins.severity),
        ("service.name", Some(view.service), &origins.service),
        ("trace_id", record.trace_id.as_deref(), &origins.trace_id),
        ("user.id", record.user.as_deref(), &origins.user),
        ("exception", exception.as_deref(), &origins.exception),
        ("body", Some("above"), &origins.body),
    ];
    for (name, value, origin) in rows {
        if let Some(value) = value {
            let origin = if origin.is_empty() { "all of the text" } else { origin };
            screen.text(Tone::Dim, &format!("       {name:<13} {value:<34} from {origin}"))?;
            screen.newline()?;
        }
    }
    Ok(())
}

fn exception_of(record: &Record) -> Option<String> {
    let thrown = record.exception.as_ref()?;
    let parts = [thrown.kind.as_deref(), thrown.message.as_deref()];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, show: Show, explain: bool) -> String {
        let mut screen = Screen::new(Vec::new(), false, false);
        let wanted = Wanted { show, explain, zone: String::new() };
        show_all(text.as_bytes(), Path::new("/var/log/shop.log"), &wanted, &mut screen).expect("memory");
        String::from_utf8(screen.into_inner()).expect("text")
    }

    const TRACE: &str = "2026-11-23 06:27:09,163 ERROR app failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    x\nKeyError: 'cart'\n";

    #[test]
    fn a_record_is_a_line_and_what_was_found_in_it() {
        let text = shown(
            &format!(
                "{{\"level\":30,\"time\":1795416347918,\"pid\":1,\"userId\":\"u1\",\"msg\":\"hi\"}}\n{TRACE}"
            ),
            Show::Text,
            false,
        );
        assert!(
            text.contains("pino") && text.contains("2026-11-23T06:45:47.918Z") && text.contains("shop: hi"),
            "{text}"
        );
        assert!(text.contains("user.id=u1"), "{text}");
        assert!(text.contains("exception=KeyError: 'cart'  lines=5"), "{text}");
    }

    #[test]
    fn explained_it_says_which_field_or_rule() {
        let text =
            shown("{\"level\":30,\"time\":1795416347918,\"pid\":1,\"msg\":\"hi\"}\n", Show::Text, true);
        for origin in ["from time", "from level", "from msg", "from the source"] {
            assert!(text.contains(origin), "{origin}: {text}");
        }
    }

    #[test]
    fn json_is_the_normal_form() {
        let json: serde_json::Value = serde_json::from_str(&shown(TRACE, Show::Json, false)).expect("JSON");
        assert_eq!(json["exception.type"], "KeyError");
        assert_eq!(
            (json["severity_number"].as_u64(), json["time_source"].as_str()),
            (Some(17), Some("event"))
        );
    }

    /// A line of 3 MiB, a trace that goes over the border of a chunk, no newline at the end: every byte is shown once.
    #[test]
    fn chunks_do_not_show() {
        let text = format!("{}\n{}{TRACE}end", "x".repeat(3 << 20), "y\n".repeat((1 << 19) - 20));
        let shown = shown(&text, Show::Json, false);
        let records: Vec<serde_json::Value> =
            shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(records.len(), 4 + (1 << 19) - 20 + 1);
        let thrown = records.iter().filter(|record| record["exception.type"] == "KeyError").count();
        assert_eq!(thrown, 1);
    }
}
