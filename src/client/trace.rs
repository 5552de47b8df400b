//! `logweir trace`: what happened, as a picture and then line by line.
//!
//! ```text
//! trace 4bf9  2026-11-23T10:15:00.000Z  100.0ms  5 lines  3 services  3 hosts  1 error
//! clock of h-pay corrected by -100.0ms; its times below are marked with ~
//!
//! shop 00f067aa  █████████████████████████████████████████     +0.0ms   100.0ms
//!   pay 91de4a21                  ████████!                    +40.0ms    20.0ms !1
//! audit                                   █                    +60.0ms     0.0ms
//! busy: shop 100.0ms, pay 20.0ms, audit 0.0ms
//! silence of 40.0ms from +0.0ms (shop) to +40.0ms (pay)
//!
//! 2026-11-23T10:15:00.000Z      +0.0ms INFO  shop h-shop ...
//! 2026-11-23T10:15:00.040Z~    +40.0ms INFO  pay h-pay ...
//! ```
//!
//! Spans are rows when any has its parent here, in the order of their tree; otherwise services are, with a block where they
//! say something. The picture comes first but is told last, so that lines are held as they are printed, up to
//! [`HELD_BYTES_MAX`]; a server tells traces that are far shorter.

use super::hit::{HitJson, TookPart};
use super::request::{Ask, ClientError, Server, encode};
use super::view::{HitView, print_text, short_time};
use super::{Output, print_answer};
use crate::terminal::{Escapes, Screen, Tone, escape, note};
use crate::trace::{Clocks, Gap, ServiceStory, SpanStory, Story};
use logweir_base::parse::Severity;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

/// Printed lines that are held until the picture is printed.
const HELD_BYTES_MAX: usize = 64 << 20;
/// Rows of the picture; what has more is not understood at a glance.
const ROWS_MAX: usize = 60;
/// Services whose time is told beside the spans.
const TIMES_MAX: usize = 8;
/// Characters of a label, and how deep it is indented, at most; a wide terminal has more for labels.
const LABEL_CHARS_MAX: usize = 28;
const DEPTH_MAX: usize = 8;
/// What part of a line labels may take there.
const LABEL_PART: usize = 3;
/// Characters of a span's id that tell it from others.
const ID_CHARS: usize = 8;
/// Characters behind a bar, and the least of a bar.
const FIGURES_CHARS: usize = 26;
const BAR_CHARS_MIN: usize = 10;

/// Prints a trace: its story and every line, in the order in which things happened.
pub fn trace<W: Write>(
    server: &Server,
    id: &str,
    clocks: Clocks,
    output: Output,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let mut ask = Ask::new(&format!("/api/v1/trace/{}", encode(id)));
    if clocks == Clocks::AsWritten {
        ask = ask.param("clocks", "written");
    }
    let (mut view, mut told) = (HitView::new(output), TraceView::new(screen));
    let outcome = print_answer(server, &ask, screen, |answer, screen| match (output, &answer.hit.story) {
        (Output::Text, Some(story)) => told.tell(story, screen),
        (Output::Text, None) => match &answer.hit.took_part {
            Some(part) => print_part(part, screen),
            None => told.line(&answer.hit, screen),
        },
        (Output::Raw, Some(_)) => Ok(()),
        (Output::Raw, None) if answer.hit.took_part.is_some() => Ok(()),
        (Output::Json, _) | (Output::Raw, None) => view.print(answer, screen),
    });
    // What there is of a broken answer is shown too.
    view.finish(screen)?;
    told.finish(screen)?;
    screen.flush()?;
    if outcome?.hits == Some(0) {
        note(&format!("no lines of trace {id}"));
    }
    Ok(())
}

/// When something was said, and whether it was an error.
type Mark = (f64, bool);

/// The text view.
struct TraceView {
    held: Screen<Vec<u8>>,
    of_service: HashMap<String, Vec<Mark>>,
    of_span: HashMap<String, Vec<Mark>>,
}

impl TraceView {
    fn new<W: Write>(screen: &Screen<W>) -> Self {
        Self { held: screen.aside(), of_service: HashMap::new(), of_span: HashMap::new() }
    }

    /// Takes a line.
    fn line<W: Write>(&mut self, hit: &HitJson<'_>, screen: &mut Screen<W>) -> io::Result<()> {
        let mark = (hit.offset_ms, Severity(hit.severity_number) >= Severity::ERROR);
        self.of_service.entry(hit.service.to_string()).or_default().push(mark);
        if let Some(span) = &hit.span_id {
            self.of_span.entry(span.to_string()).or_default().push(mark);
        }
        let time = short_time(hit.adjusted.as_ref().unwrap_or(&hit.timestamp));
        let sign = if hit.adjusted.is_some() { '~' } else { ' ' };
        let behind = format!("{time}{sign}{:>11}", offset_text(hit.offset_ms));
        print_text(hit, &behind, &mut self.held)?;
        if self.held.len() > HELD_BYTES_MAX { screen.take(&mut self.held) } else { Ok(()) }
    }

    /// Prints the story, and then the lines held.
    fn tell<W: Write>(&mut self, story: &Story, screen: &mut Screen<W>) -> io::Result<()> {
        if story.lines == 0 {
            return Ok(());
        }
        print_head(story, screen)?;
        self.print_picture(story, screen)?;
        story.gaps.iter().try_for_each(|gap| print_gap(gap, screen))?;
        screen.newline()?;
        screen.take(&mut self.held)
    }

    /// Prints what is still held.
    fn finish<W: Write>(&mut self, screen: &mut Screen<W>) -> io::Result<()> {
        screen.take(&mut self.held)
    }

    fn print_picture<W: Write>(&self, story: &Story, screen: &mut Screen<W>) -> io::Result<()> {
        let in_tree = story.spans.iter().any(|span| span.depth > 0);
        let (spans, with_spans): (&[SpanStory], HashSet<&str>) = match in_tree {
            true => (&story.spans, story.spans.iter().map(|span| span.service.as_str()).collect()),
            false => (&[], HashSet::new()),
        };
        let others = story.services.iter().filter(|service| !with_spans.contains(service.name.as_str()));
        let room = LABEL_CHARS_MAX.max(screen.columns() / LABEL_PART);
        let rows = spans.iter().map(|span| self.span_row(span, room));
        let rows: Vec<Row<'_>> = rows.chain(others.map(|service| self.service_row(service, room))).collect();
        let shown = &rows[..rows.len().min(ROWS_MAX)];
        let label_chars = shown.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
        let bar_chars = screen.columns().saturating_sub(label_chars + FIGURES_CHARS).max(BAR_CHARS_MIN);
        screen.newline()?;
        for row in shown {
            row.print(label_chars, bar_chars, story.duration_ms, screen)?;
        }
        if rows.len() > ROWS_MAX {
            let text = format!("... and {} more, which -o json has", rows.len() - ROWS_MAX);
            dim(&text, screen)?;
        }
        if in_tree { print_times(&story.services, screen) } else { Ok(()) }
    }

    fn span_row(&self, span: &SpanStory, room: usize) -> Row<'_> {
        let depth = usize::try_from(span.depth).map_or(DEPTH_MAX, |depth| depth.min(DEPTH_MAX));
        // Some ids are padded counters.
        let id: String = span.id.trim_start_matches('0').chars().take(ID_CHARS).collect();
        Row {
            label: label(&format!("{}{}", "  ".repeat(depth), span.service), &format!(" {id}"), room),
            from_ms: span.first_ms,
            to_ms: span.last_ms,
            errors: span.errors,
            between: ('█', Tone::Plain),
            marks: self.of_span.get(&span.id).map_or(&[], Vec::as_slice),
        }
    }

    fn service_row(&self, service: &ServiceStory, room: usize) -> Row<'_> {
        Row {
            label: label(&service.name, "", room),
            from_ms: service.first_ms,
            to_ms: service.last_ms,
            errors: service.errors,
            between: ('─', Tone::Dim),
            marks: self.of_service.get(&service.name).map_or(&[], Vec::as_slice),
        }
    }
}

/// What it took part in, one a line.
fn print_part<W: Write>(part: &TookPart, screen: &mut Screen<W>) -> io::Result<()> {
    screen.newline()?;
    for one in &part.exceptions {
        let id: String = one.id.chars().take(ID_CHARS).collect();
        let what = if one.kind.is_empty() { String::new() } else { format!("{}: ", one.kind) };
        screen.text(Tone::Warn, &format!("took part in exception {id} ({}) ", one.state))?;
        screen.text(Tone::Plain, &format!("{what}{}", one.message).replace('\n', " "))?;
        screen.newline()?;
    }
    for one in &part.episodes {
        let ended = one.ended.as_deref().unwrap_or("now");
        screen.text(Tone::Warn, &format!("took part in alert {} ", one.episode))?;
        screen
            .text(Tone::Plain, &format!("{} ({} to {ended})", one.summary, one.since).replace('\n', " "))?;
        screen.newline()?;
    }
    Ok(())
}

/// A row of the picture.
struct Row<'a> {
    label: String,
    from_ms: f64,
    to_ms: f64,
    errors: u64,
    /// How the time from the first line to the last is drawn.
    between: (char, Tone),
    marks: &'a [Mark],
}

impl Row<'_> {
    fn print<W: Write>(
        &self,
        label_chars: usize,
        bar_chars: usize,
        total_ms: f64,
        screen: &mut Screen<W>,
    ) -> io::Result<()> {
        screen.text(Tone::Name, &format!("{:<label_chars$}", self.label))?;
        screen.text(Tone::Plain, " ")?;
        let cells = self.cells(bar_chars, total_ms);
        for run in cells.chunk_by(|a, b| a.1 == b.1) {
            let text: String = run.iter().map(|(cell, _)| cell).collect();
            screen.text(run[0].1, &text)?;
        }
        let (from, time) = (offset_text(self.from_ms), time_text(self.to_ms - self.from_ms));
        screen.text(Tone::Dim, &format!(" {from:>10} {time:>9}"))?;
        if self.errors > 0 {
            screen.text(Tone::Bad, &format!(" !{}", self.errors))?;
        }
        screen.newline()
    }

    /// The bar: an error wins over a line, and a line over the time between.
    fn cells(&self, chars: usize, total_ms: f64) -> Vec<(char, Tone)> {
        let at = |ms: f64| match total_ms > 0.0 {
            true => ((ms / total_ms * chars as f64) as usize).min(chars - 1),
            false => 0,
        };
        let mut cells = vec![(' ', Tone::Plain); chars];
        let (from, to) = (at(self.from_ms), at(self.to_ms));
        cells[from..=to.max(from)].fill(self.between);
        for (error, cell) in [(false, ('█', Tone::Plain)), (true, ('!', Tone::Bad))] {
            let marks = self.marks.iter().filter(|mark| mark.1 == error);
            marks.for_each(|mark| cells[at(mark.0)] = cell);
        }
        cells
    }
}

/// `name` and what stands behind it, harmless and within `room`.
fn label(name: &str, behind: &str, room: usize) -> String {
    let shown = |text: &str, chars: usize| {
        let text = escape(text.as_bytes(), Escapes::Text).replace('\t', " ");
        match text.chars().count() > chars {
            true => text.chars().take(chars - 1).chain(['…']).collect(),
            false => text,
        }
    };
    let behind = shown(behind, ID_CHARS + 1);
    shown(name, room - behind.chars().count()) + &behind
}

fn print_head<W: Write>(story: &Story, screen: &mut Screen<W>) -> io::Result<()> {
    let counted = |count: usize, what: &str| format!("  {count} {what}{}", if count == 1 { "" } else { "s" });
    screen.text(Tone::Plain, "trace ")?;
    screen.text(Tone::Name, &story.trace_id)?;
    screen.text(Tone::Plain, &format!("  {}", short_time(&story.start)))?;
    screen.text(Tone::Plain, &format!("  {}", time_text(story.duration_ms)))?;
    screen.text(Tone::Plain, &counted(story.lines as usize, "line"))?;
    screen.text(Tone::Plain, &counted(story.services.len(), "service"))?;
    screen.text(Tone::Plain, &counted(story.hosts.len(), "host"))?;
    if story.errors > 0 {
        screen.text(Tone::Bad, &counted(story.errors as usize, "error"))?;
    }
    screen.newline()?;
    for host in story.hosts.iter().filter(|host| host.skew_ms != 0.0) {
        let by = offset_text(host.skew_ms);
        let text = format!("clock of {} corrected by {by}; its times below are marked with ~", host.name);
        screen.text(Tone::Warn, &text)?;
        screen.newline()?;
    }
    for note in &story.notes {
        screen.text(Tone::Warn, note)?;
        screen.newline()?;
    }
    Ok(())
}

/// How long each service was busy, the busiest first.
fn print_times<W: Write>(services: &[ServiceStory], screen: &mut Screen<W>) -> io::Result<()> {
    let mut services: Vec<&ServiceStory> = services.iter().collect();
    services.sort_by(|a, b| b.busy_ms.total_cmp(&a.busy_ms));
    let told = |it: &&ServiceStory| format!("{} {}", it.name, time_text(it.busy_ms));
    let mut times: Vec<String> = services.iter().take(TIMES_MAX).map(told).collect();
    if services.len() > TIMES_MAX {
        times.push(format!("{} more", services.len() - TIMES_MAX));
    }
    dim(&format!("busy: {}", times.join(", ")), screen)
}

fn print_gap<W: Write>(gap: &Gap, screen: &mut Screen<W>) -> io::Result<()> {
    let (ms, from, to) = (time_text(gap.ms), offset_text(gap.from_ms), offset_text(gap.to_ms));
    dim(&format!("silence of {ms} from {from} ({}) to {to} ({})", gap.before, gap.behind), screen)
}

fn dim<W: Write>(text: &str, screen: &mut Screen<W>) -> io::Result<()> {
    screen.text(Tone::Dim, text)?;
    screen.newline()
}

/// `+12.3ms`, `-1.500s`.
fn offset_text(ms: f64) -> String {
    if ms.abs() < 1_000.0 { format!("{ms:+.1}ms") } else { format!("{:+.3}s", ms / 1e3) }
}

/// `12.3ms`, `1.500s`.
fn time_text(ms: f64) -> String {
    offset_text(ms.max(0.0))[1..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::hit::Answer;
    use super::*;
    use crate::trace::{Line, tell};
    use logweir_base::time::Timestamp;

    /// What is printed of lines as `TIME_MS SERVICE SPAN PARENT SEVERITY`, each service on a host of its own.
    fn print(lines: &[&str], colours: bool) -> String {
        let word = |line: &str, n: usize| line.split(' ').nth(n).filter(|&it| it != "-").map(str::to_owned);
        let read = |line: &&str| Line {
            time: Timestamp(word(line, 0).and_then(|it| it.parse::<i64>().ok()).expect("a time") * 1_000_000),
            service: word(line, 1).expect("a service"),
            host: format!("h-{}", word(line, 1).expect("a service")),
            span: word(line, 2),
            parent: word(line, 3),
            severity: Severity(word(line, 4).and_then(|it| it.parse().ok()).unwrap_or(9)),
        };
        let lines: Vec<Line> = lines.iter().map(read).collect();
        let told = tell("4bf9", &lines, Clocks::Corrected);
        let mut screen = Screen::new(Vec::new(), true, colours);
        let mut view = TraceView::new(&screen);
        for placed in &told.lines {
            let line = &lines[placed.line];
            let json = serde_json::json!({
                "timestamp": line.time.to_string(), "severity_number": line.severity.0, "service.name": line.service,
                "host.name": line.host, "body": "b\u{1b}[2J", "span_id": line.span,
                "offset_ms": placed.offset_ns as f64 / 1e6, "adjusted": placed.adjusted.then(|| placed.time.to_string()),
            });
            let json = json.to_string();
            view.line(&Answer::parse(json.as_bytes()).expect("JSON").hit, &mut screen).expect("memory");
        }
        view.tell(&told.story, &mut screen).expect("memory");
        view.finish(&mut screen).expect("memory");
        String::from_utf8(screen.into_inner()).expect("text")
    }

    #[test]
    fn services_are_lanes() {
        let text = print(&["0 shop - -", "25 pay - - 17", "50 pay - -", "100 shop - -"], false);
        let expected = "\
trace 4bf9  1970-01-01T00:00:00.000Z  100.0ms  4 lines  2 services  2 hosts  1 error

shop █────────────────────────────────────────────────█     +0.0ms   100.0ms
pay              !────────────█                            +25.0ms    25.0ms !1
silence of 50.0ms from +50.0ms (pay) to +100.0ms (shop)
silence of 25.0ms from +0.0ms (shop) to +25.0ms (pay)
silence of 25.0ms from +25.0ms (pay) to +50.0ms (pay)

1970-01-01T00:00:00.000Z      +0.0ms INFO  shop h-shop b\\x1b[2J
1970-01-01T00:00:00.025Z     +25.0ms ERROR pay h-pay b\\x1b[2J
1970-01-01T00:00:00.050Z     +50.0ms INFO  pay h-pay b\\x1b[2J
1970-01-01T00:00:00.100Z    +100.0ms INFO  shop h-shop b\\x1b[2J
";
        assert_eq!(text, expected, "{text}");
        assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn spans_are_a_tree_and_a_corrected_clock_is_said() {
        let lines = ["0 shop p -", "140 pay c p", "160 pay c p 17", "60 audit - -", "100 shop p -"];
        let text = print(&lines, false);
        let expected = "\
trace 4bf9  1970-01-01T00:00:00.000Z  100.0ms  5 lines  3 services  3 hosts  1 error
clock of h-pay corrected by -100.0ms; its times below are marked with ~

shop p  ███████████████████████████████████████████████     +0.0ms   100.0ms
  pay c                   ██████████!                      +40.0ms    20.0ms !1
audit                               █                      +60.0ms     0.0ms
busy: shop 100.0ms, pay 20.0ms, audit 0.0ms
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("1970-01-01T00:00:00.060Z~    +60.0ms ERROR pay"), "{text}");
    }

    #[test]
    fn errors_are_red_and_names_are_harmless() {
        let text = print(&["0 sh\u{1b}[2J\u{202e}op s\u{7} -", "9 x t s\u{7} 21"], true);
        assert!(text.contains("\u{1b}[1;31m!\u{1b}[0m"), "{text}");
        let controls: Vec<char> = text.chars().filter(|&c| c.is_control() && c != '\n').collect();
        assert!(controls.iter().all(|&c| c == '\u{1b}') && !text.contains("\u{1b}[2J"), "{text}");
        assert!(!text.contains('\u{202e}') && text.contains("\\u{202e}"), "{text}");
    }

    #[test]
    fn a_story_that_makes_no_sense_is_still_printed() {
        let mut screen = Screen::new(Vec::new(), false, false);
        let span = SpanStory { depth: u64::MAX, first_ms: 9.0, last_ms: -1e300, ..SpanStory::default() };
        let story = Story { lines: 1, duration_ms: -1.0, spans: vec![span; 100], ..Story::default() };
        let mut view = TraceView::new(&screen);
        view.tell(&story, &mut screen).expect("memory");
        let story = Story { duration_ms: 1e-300, ..story };
        view.tell(&story, &mut screen).expect("memory");
        let text = String::from_utf8(screen.into_inner()).expect("text");
        assert!(text.contains("... and 40 more"), "{text}");
    }
}
