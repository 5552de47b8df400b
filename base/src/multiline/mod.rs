//! Which physical lines belong together: each line of a source is marked as a record's head or as a continuation.
//!
//! A line is judged by its own beginning and by what the lines before it left open, never by what follows, so
//! that a line can be sent as soon as no group is open. Each stream (plain, docker's and CRI's output and error)
//! has a group of its own, since a runtime interleaves them; wrapped lines are judged by their content.
//!
//! 1. A JSON object is a record of its own.
//! 2. What the language of the trace at hand says goes first: it knows its blank lines, its chains, its last line.
//! 3. Some lines go on with anything: indented ones, closing brackets, `Caused by`, blank ones. [`generic`]
//! 4. The header of a trace goes on with an event that a logger wrote before it, else begins a record. [`language`]
//! 5. A line that begins with a time, a level or `key=value` is an event, and begins a record. [`event`]
//! 6. Any other line goes on with an event (its message has more lines), else begins a record.
//!
//! Where no group is open, a fresh [`Joiner`] judges as one that saw all lines before: what a head leaves open depends
//! on the head alone.
//!
//! Limits: a record has at most [`RECORD_BYTES_MAX`] bytes and [`RECORD_LINES_MAX`] lines; the first
//! [`JUDGED_BYTES_MAX`] bytes of a line are looked at.

mod cpp;
mod dart;
mod dotnet;
mod event;
mod generic;
mod go;
mod java;
mod language;
mod line;
mod mysql;
mod node;
mod php;
mod python;
mod ruby;
mod rust;
pub(crate) mod text;

#[cfg(test)]
mod tests;

use crate::batch::{BatchLine, LINE_BYTES_MAX, LineMeta};
use language::{Next, Place, Trace};
use line::{Line, More};

/// Bytes of a record; more become a record of their own.
pub const RECORD_BYTES_MAX: usize = LINE_BYTES_MAX;
/// Lines of a record; more become a record of their own.
pub const RECORD_LINES_MAX: usize = 1000;

/// How much of a line is judged.
const JUDGED_BYTES_MAX: usize = 512;
/// Plain lines, and two streams of each kind of container.
const STREAMS: usize = 5;

/// Judges the physical lines of one source, in order.
#[derive(Clone, Debug, Default)]
pub struct Joiner {
    groups: [Group; STREAMS],
    /// Streams whose group is open, a bit each.
    open: u8,
}

/// The latest record of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    trace: Option<Trace>,
    /// The head has a time or a level: lines that look like nothing are more of its message.
    event: bool,
    /// What the latest line itself says of the next.
    more: More,
    /// Nothing but pieces of a JSON object so far.
    object: bool,
    lines: usize,
    bytes: usize,
    /// The latest line's place among those being joined.
    last: Option<usize>,
}

/// What a line's beginning says of the record that it begins, if it does.
#[derive(Clone, Copy, Default)]
struct Looks {
    header: Option<(Trace, Place)>,
    /// It begins as an event does.
    event: bool,
}

/// What a group says of the next line of its stream.
enum Verdict {
    Begins(Looks),
    GoesOn,
    /// It goes on, and nothing can after it.
    Ends,
}

impl Joiner {
    /// Marks `lines`, whose texts stand back to back in `text`: sets the stream and [`LineMeta::CONTINUATION`] in
    /// each meta, and [`LineMeta::TRUNCATED`] on the last line of a record that met a limit; the line behind it
    /// begins a record though marked as a continuation. Parts of an over-long line stay as they are.
    ///
    /// Returns how many of the lines, from the front, end where no group is open: they can be sent without cutting
    /// a record, and a fresh joiner can judge what is behind them. Whoever sends more than that keeps this joiner
    /// for the lines that follow, so that they are known to be continuations; their record begins anew.
    pub fn join(&mut self, text: &[u8], lines: &mut [BatchLine]) -> usize {
        for group in &mut self.groups {
            (group.lines, group.bytes, group.last) = (0, 0, None);
        }
        let mut scratch = Vec::new();
        let mut rest = text;
        for i in 0..lines.len() {
            let (line, behind) = rest.split_at(rest.len().min(lines[i].text_len as usize));
            rest = behind;
            if lines[i].meta.part_number().is_some() {
                self.open = 0;
                continue;
            }
            let line = Line::read(line, &mut scratch);
            let mark = self.judge(&line, lines, i);
            let flags = lines[i].meta.0 & !LineMeta::CONTINUATION;
            lines[i].meta = LineMeta(flags | mark).with_stream(line.stream);
        }
        clean_cut(lines, self.open)
    }

    /// The mark of line `i`.
    fn judge(&mut self, line: &Line<'_>, lines: &mut [BatchLine], i: usize) -> u32 {
        // A plain line is no container's, and the reverse; one runtime's lines leave the other's alone.
        self.open &= if line.stream == 0 { 1 } else { !1 };
        let bit = 1 << line.stream;
        let group = &mut self.groups[usize::from(line.stream)];
        let is_open = self.open & bit != 0;
        if line.object && !(is_open && group.more == More::Piece) {
            // Fast path: a record of its own.
            self.open &= !bit;
            return 0;
        }
        let verdict = match is_open {
            true => group.verdict(line),
            false => Verdict::Begins(Looks::of(line.text)),
        };
        let (mark, stays_open) = match verdict {
            Verdict::Begins(looks) => {
                *group = Group::begun_by(line, looks);
                (0, !line.text.is_empty() || line.more != More::No)
            }
            Verdict::GoesOn => (LineMeta::CONTINUATION, true),
            Verdict::Ends => (LineMeta::CONTINUATION, false),
        };
        self.open = if stays_open { self.open | bit } else { self.open & !bit };
        group.count(lines, i);
        mark
    }
}

impl Looks {
    fn of(text: &[u8]) -> Self {
        Self::with(language::begins(text), text)
    }

    fn with(header: Option<(Trace, Place)>, text: &[u8]) -> Self {
        let event = match header {
            Some((_, place)) => place == Place::Event,
            None => event::begins(text),
        };
        Self { header, event }
    }
}

impl Group {
    fn begun_by(line: &Line<'_>, looks: Looks) -> Self {
        Self {
            trace: looks.header.map(|(trace, _)| trace),
            event: looks.event,
            more: line.more,
            object: line.more == More::Piece && line.text.starts_with(b"{"),
            ..Self::default()
        }
    }

    /// Judges the next line of the stream of an open group.
    fn verdict(&mut self, line: &Line<'_>) -> Verdict {
        let before = std::mem::replace(&mut self.more, line.more);
        if before == More::Piece {
            let is_whole = self.object && line.more == More::No && line.closes;
            return if is_whole { Verdict::Ends } else { Verdict::GoesOn };
        }
        self.object = false;
        if line.more == More::Piece && line.text.starts_with(b"{\"") {
            // The first piece of an object.
            return Verdict::Begins(Looks::default());
        }
        if line.text.is_empty() {
            return self.verdict_on_blank();
        }
        match self.trace.as_mut().map_or(Next::Other, |trace| trace.next(line.text)) {
            Next::Step(_) => return Verdict::GoesOn,
            Next::Ends => return Verdict::Ends,
            Next::Leaves => {
                self.trace = None;
                return Verdict::GoesOn;
            }
            Next::Other => {}
        }
        self.verdict_on_looks(line.text, before == More::Backslash)
    }

    /// A blank line belongs to what is before it. Behind a plain line, which is most likely complete, it is the last.
    fn verdict_on_blank(&mut self) -> Verdict {
        match &mut self.trace {
            Some(trace) => {
                trace.next(b"");
                Verdict::GoesOn
            }
            None if self.event || self.more != More::No => Verdict::GoesOn,
            None => Verdict::Ends,
        }
    }

    /// `wanted` says that the line before ended with a backslash.
    fn verdict_on_looks(&mut self, text: &[u8], wanted: bool) -> Verdict {
        let header = language::begins(text);
        match header {
            Some((trace, Place::AfterEvent)) if self.event && self.trace.is_none() => {
                self.trace = Some(trace);
                Verdict::GoesOn
            }
            None if generic::goes_on(text) => Verdict::GoesOn,
            _ => {
                let looks = Looks::with(header, text);
                let is_more = header.is_none() && !looks.event && (self.event || wanted);
                if is_more { Verdict::GoesOn } else { Verdict::Begins(looks) }
            }
        }
    }

    /// Counts line `i` in. A record at its limit ends with the line before.
    fn count(&mut self, lines: &mut [BatchLine], i: usize) {
        let bytes = lines[i].text_len as usize;
        if self.lines >= RECORD_LINES_MAX || self.bytes + bytes > RECORD_BYTES_MAX {
            if let Some(last) = self.last {
                lines[last].meta.0 |= LineMeta::TRUNCATED;
            }
            (self.lines, self.bytes) = (0, 0);
        }
        self.lines += 1;
        self.bytes += bytes;
        self.last = Some(i);
    }
}

/// How many lines, from the front, no group reaches over, as far back as needed and no further.
fn clean_cut(lines: &[BatchLine], open: u8) -> usize {
    let mut reaching_over = open;
    let mut cut = lines.len();
    while reaching_over != 0 && cut > 0 {
        cut -= 1;
        let meta = lines[cut].meta;
        let bit = 1 << meta.stream();
        reaching_over = match meta.has(LineMeta::CONTINUATION) {
            true => reaching_over | bit,
            false => reaching_over & !bit,
        };
    }
    cut
}
