//! The commands that ask a server: `search`, `export`, `trace`, `tail`, `fields`, `values`, `patterns`, `query`, `delete`,
//! `status`. They
//! speak HTTP only, read answers line by line in constant memory, and judge whether an answer is whole.

pub mod alerts;
mod delete;
pub mod exceptions;
mod export;
mod export_metrics;
mod fields;
mod hit;
mod patterns;
mod query;
mod request;
mod search;
mod spark;
mod status;
mod table;
mod trace;
mod view;

pub use delete::{Deletion, Intent, Until, delete, status as deletions};
pub use exceptions::ExceptionJson;
pub use export::{Compression, Export, Format, export};
pub use export_metrics::export_metrics;
pub use fields::{Listed, Listing, list};
pub use patterns::{PatternsOf, patterns};
pub use query::{MetricQuery, query};
pub use request::{Ask, ClientError, Server};
pub use search::{Search, search};
pub use status::{
    DiskStatus, ErrorStatus, FollowerStatus, GapStatus, IndexStatus, JournalStatus, SourceStatus, Status,
    fetch_status, fetch_version, status,
};
pub use trace::trace;

use crate::terminal::{Screen, Tone, note};
use clap::ValueEnum;
use hit::{Answer, Summary};
use std::io::Write;
use view::HitView;

/// Who decides: as it was said, else as the system knows whoever runs this.
fn who(said: Option<&str>) -> String {
    let known = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    said.map_or_else(known, str::to_owned)
}

/// Which hits come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// The newest.
    Newest,
    /// The oldest.
    Oldest,
}

/// How hits are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people: a line a hit, or a table.
    Text,
    /// The server's JSON.
    Json,
    /// The lines as they were written; of a table the cells, with tabs between.
    Raw,
}

/// Prints lines as they arrive, at most `rate` a second (0: all), until the server ends it: which is an error, since a live
/// tail has no end. What is left out is said in between, and on stderr where the output is for programs.
pub fn tail<W: Write>(
    server: &Server,
    query: &str,
    rate: u64,
    output: Output,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let ask = Ask::new("/api/v1/tail").param("q", query).param("rate", &rate.to_string());
    let mut lines = server.ask(&ask)?;
    let mut view = HitView::new(output);
    while let Some(line) = lines.next_line()? {
        let answer = Answer::parse(line).map_err(|e| server.nonsense(&e))?;
        match (answer.hit.skipped, output) {
            (None, _) => view.print(&answer, screen)?,
            (Some(skipped), Output::Text) => {
                screen.text(Tone::Warn, &skipped_text(skipped, answer.hit.unread_batches))?;
                screen.newline()?;
            }
            (Some(skipped), _) => note(&skipped_text(skipped, answer.hit.unread_batches)),
        }
        screen.flush()?;
    }
    Err(ClientError::Failed(format!("{} ended the live tail", server.url())))
}

/// `-- 1,234 lines skipped: narrow the query or raise --rate`
fn skipped_text(lines: u64, unread_batches: u64) -> String {
    let unread = match unread_batches {
        0 => String::new(),
        _ => format!(" and {} batches unread", grouped(unread_batches)),
    };
    let lines = if lines == 1 { "1 line".to_owned() } else { format!("{} lines", grouped(lines)) };
    format!("-- {lines} skipped{unread}: narrow the query or raise --rate; a search finds them")
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let comma = |at: usize| if at > 0 && (digits.len() - at).is_multiple_of(3) { "," } else { "" };
    digits.char_indices().map(|(at, digit)| format!("{}{digit}", comma(at))).collect()
}

/// Hands every hit of an answer to `print`, and gives its summary. What is wrong with the answer is said at its end.
fn print_answer<W: Write>(
    server: &Server,
    ask: &Ask,
    screen: &mut Screen<W>,
    mut print: impl FnMut(&Answer<'_>, &mut Screen<W>) -> std::io::Result<()>,
) -> Result<Summary, ClientError> {
    let mut lines = server.ask(ask)?;
    let mut summary = None;
    while let Some(line) = lines.next_line()? {
        let answer = Answer::parse(line).map_err(|e| server.nonsense(&e))?;
        match answer.hit.summary {
            Some(found) => summary = Some(found),
            None => print(&answer, screen)?,
        }
    }
    judge(server, summary, screen)
}

/// Says what is wrong with an answer, now that all of it is printed.
fn judge<W: Write>(
    server: &Server,
    summary: Option<Summary>,
    screen: &mut Screen<W>,
) -> Result<Summary, ClientError> {
    screen.flush()?;
    let Some(summary) = summary else {
        return Err(ClientError::Failed(format!(
            "{} cut the answer short: there may be more hits",
            server.url()
        )));
    };
    if summary.partial {
        let errors = summary.errors.iter().map(|e| format!("\n  {e}")).collect::<String>();
        let why = if errors.is_empty() { ": the server gave what it had in time" } else { &errors };
        return Err(ClientError::Failed(format!("the answer is partial{why}")));
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
