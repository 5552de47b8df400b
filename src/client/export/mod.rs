//! `logweir export`: everything that a query finds, as NDJSON, CSV or the lines themselves, in constant memory. An export that
//! is not whole is an error, however much of it there is.

mod csv;
mod sink;

use super::Order;
use super::hit::{Answer, Progress, Summary};
use super::request::{Ask, ClientError, Lines, Server};
use super::view::HitView;
use crate::client::Output;
use crate::terminal::{Screen, note, progress};
use clap::ValueEnum;
use csv::Csv;
use sink::{Sink, Whole};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The server's JSON object, one a line.
    #[value(alias = "json")]
    Ndjson,
    /// A table (RFC 4180).
    Csv,
    /// The lines as they were written.
    Raw,
}

/// How an export is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// For whoever unpacks it somewhere else.
    Gzip,
    /// Faster and smaller.
    Zstd,
}

/// What is exported, and to where.
#[derive(Debug, Clone)]
pub struct Export {
    /// The query.
    pub query: String,
    /// Not before; as typed.
    pub since: Option<String>,
    /// Before; as typed.
    pub until: Option<String>,
    /// Which first.
    pub order: Order,
    /// As what.
    pub format: Format,
    /// Columns of a table; none for the default ones.
    pub fields: Vec<String>,
    /// How it is packed.
    pub compression: Compression,
    /// A file; `None` for standard output.
    pub to: Option<PathBuf>,
}

/// Writes all there is.
pub fn export(server: &Server, wanted: &Export) -> Result<(), ClientError> {
    check(wanted)?;
    let mut rows = Rows::new(wanted);
    let mut lines = server.ask(&ask(wanted, &rows))?;
    let mut sink = Sink::open(wanted.to.as_deref(), wanted.compression)?;
    let bar = Bar { shown: wanted.to.is_some() || !io::stdout().is_terminal(), used: false };
    let copied = copy(server, &mut lines, &mut rows, sink.screen(), bar);
    let tmp = sink.tmp();
    let whole = if copied.is_ok() { Whole::Yes } else { Whole::No };
    let closed = sink.close(whole);
    match copied.and_then(|hits| closed.map(|()| hits)) {
        Ok(hits) => {
            if let Some(to) = &wanted.to {
                note(&format!("{hits} records in {}", to.display()));
            }
            Ok(())
        }
        Err(ClientError::Failed(reason)) => Err(ClientError::Failed(match tmp {
            Some(tmp) => format!("{reason}\nwhat has come so far is in {}", tmp.display()),
            None => reason,
        })),
        Err(other) => Err(other),
    }
}

/// Refuses what makes no sense, before anything is asked or written.
fn check(wanted: &Export) -> Result<(), ClientError> {
    let refused = |reason: String| Err(ClientError::Usage(reason));
    if !wanted.fields.is_empty() && wanted.format != Format::Csv {
        return refused("--fields: only -o csv has columns".to_owned());
    }
    if wanted.fields.iter().any(|field| field.trim().is_empty()) {
        return refused("--fields: a name is empty".to_owned());
    }
    match &wanted.to {
        Some(to) if is_no_file(to) => refused(format!(
            "--to {}: this is no regular file; without --to it can be redirected",
            to.display()
        )),
        None if wanted.compression != Compression::None && io::stdout().is_terminal() => {
            refused("packed data is not for a terminal: name a file with --to, or redirect it".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether something is there that a rename must not replace: a device, a pipe, a directory.
fn is_no_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}

fn ask(wanted: &Export, rows: &Rows) -> Ask {
    let order = if wanted.order == Order::Oldest { "oldest" } else { "newest" };
    let mut ask =
        Ask::new("/api/v1/export").param("q", &wanted.query).param("order", order).param("progress", "true");
    for (name, time) in [("since", &wanted.since), ("until", &wanted.until)] {
        if let Some(time) = time {
            ask = ask.param(name, time);
        }
    }
    match rows {
        Rows::Csv(csv) if !csv.attributes().is_empty() => ask.param("fields", &csv.attributes()),
        _ => ask,
    }
}

/// Prints hits in one of the formats.
enum Rows {
    Hits(HitView),
    Csv(Csv),
}

impl Rows {
    fn new(wanted: &Export) -> Self {
        match wanted.format {
            Format::Ndjson => Self::Hits(HitView::new(Output::Json)),
            Format::Raw => Self::Hits(HitView::new(Output::Raw)),
            Format::Csv => Self::Csv(Csv::new(&wanted.fields)),
        }
    }

    fn begin<W: Write>(&mut self, screen: &mut Screen<W>) -> io::Result<()> {
        match self {
            Self::Hits(_) => Ok(()),
            Self::Csv(csv) => csv.header(screen),
        }
    }

    fn print<W: Write>(&mut self, answer: &Answer<'_>, screen: &mut Screen<W>) -> io::Result<()> {
        match self {
            Self::Hits(view) => view.print(answer, screen),
            Self::Csv(csv) => csv.print(answer.json, screen),
        }
    }

    fn end<W: Write>(&mut self, screen: &mut Screen<W>) -> io::Result<()> {
        match self {
            Self::Hits(view) => view.finish(screen),
            Self::Csv(_) => Ok(()),
        }
    }
}

/// Prints the whole answer and says how many hits it had, or why it is not whole.
fn copy<W: Write>(
    server: &Server,
    lines: &mut Lines<'_>,
    rows: &mut Rows,
    screen: &mut Screen<W>,
    mut bar: Bar,
) -> Result<u64, ClientError> {
    rows.begin(screen)?;
    let (mut hits, mut summary) = (0, None);
    while let Some(line) = lines.next_line()? {
        let answer = Answer::parse(line).map_err(|e| server.nonsense(&e))?;
        if let Some(found) = answer.hit.summary {
            summary = Some(found);
        } else if let Some(progress) = &answer.hit.progress {
            bar.show(progress);
        } else {
            rows.print(&answer, screen)?;
            hits += 1;
        }
    }
    rows.end(screen)?;
    judge(server, hits, summary)
}

fn judge(server: &Server, hits: u64, summary: Option<Summary>) -> Result<u64, ClientError> {
    let url = server.url();
    let failed = |reason: String| Err(ClientError::Failed(reason));
    let Some(summary) = summary else {
        return failed(format!("{url} cut the export short after {hits} records: there are more"));
    };
    if summary.partial {
        let errors = summary.errors.iter().map(|e| format!("\n  {e}")).collect::<String>();
        return failed(format!("the export is partial: {url} could not read everything{errors}"));
    }
    match summary.hits {
        Some(sent) if sent != hits => failed(format!("{url} has sent {sent} records, and {hits} have come")),
        _ => Ok(hits),
    }
}

/// How far it is, on stderr when that is a terminal which shows nothing else; gone when it is over.
struct Bar {
    shown: bool,
    used: bool,
}

impl Bar {
    fn show(&mut self, told: &Progress<'_>) {
        self.used |= self.shown && progress(&bar_text(told));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.used {
            progress("");
        }
    }
}

/// Shorter than any terminal is wide.
fn bar_text(told: &Progress<'_>) -> String {
    const CELLS: usize = 20;
    const TO_SECONDS: usize = 19;
    let time = told.time.get(..TO_SECONDS).unwrap_or(&told.time);
    let records = format!("{} records, at {time}", told.hits);
    match told.share.map(|share| share.clamp(0.0, 1.0)) {
        Some(share) => {
            let full = (share * CELLS as f64) as usize;
            format!("[{}{}] {:>3.0} %  {records}", "#".repeat(full), " ".repeat(CELLS - full), share * 100.0)
        }
        None => records,
    }
}

#[cfg(test)]
mod tests;
