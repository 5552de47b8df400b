//! The commands that ask a server: `search`, `trace`, `tail`, `export`, `fields`, `values`, `patterns`, `status`. They speak HTTP only, read answers line by line in
//! constant memory, and judge whether an answer is whole.

mod export;
mod fields;
mod hit;
mod patterns;
mod request;
mod status;
mod view;

pub use export::{Compression, Export, Format, export};
pub use fields::{Listed, Listing, list};
pub use patterns::{PatternsOf, patterns};
pub use request::{Ask, ClientError, Server};
pub use status::{
    DiskStatus, ErrorStatus, FollowerStatus, GapStatus, IndexStatus, JournalStatus, SourceStatus, Status,
    fetch_status, fetch_version, status,
};

use crate::terminal::{Screen, note};
use clap::ValueEnum;
use hit::{Answer, Summary};
use std::io::Write;
use view::{HitView, TraceView};

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
    /// A line for people: time, severity, service, host, message, trace-id.
    Text,
    /// The server's JSON object.
    Json,
    /// The line as it was written.
    Raw,
}

/// What `search` looks for.
#[derive(Debug, Clone)]
pub struct Search {
    /// The query.
    pub query: String,
    /// Not before; as typed.
    pub since: Option<String>,
    /// Before; as typed.
    pub until: Option<String>,
    /// Hits at most; 0 means all.
    pub limit: u64,
    /// Which first.
    pub order: Order,
}

/// Prints the hits of a search. No hit is not an error; an answer that was cut, or is partial, is.
pub fn search<W: Write>(
    server: &Server,
    search: &Search,
    output: Output,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let mut ask =
        Ask::new("/api/v1/search").param("q", &search.query).param("limit", &search.limit.to_string());
    ask = ask.param("order", if search.order == Order::Oldest { "oldest" } else { "newest" });
    for (name, time) in [("since", &search.since), ("until", &search.until)] {
        if let Some(time) = time {
            ask = ask.param(name, time);
        }
    }
    let mut view = HitView::new(output);
    print_answer(server, &ask, screen, |answer, screen| view.print(answer, screen))?;
    view.finish(screen)?;
    Ok(screen.flush()?)
}

/// Prints every line of a trace, oldest first, and in the text view how they lie in time.
pub fn trace<W: Write>(
    server: &Server,
    id: &str,
    output: Output,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let ask = Ask::new(&format!("/api/v1/trace/{}", request::encode(id)));
    let (mut view, mut trace) = (HitView::new(output), TraceView::default());
    let summary = print_answer(server, &ask, screen, |answer, screen| match output {
        Output::Text => trace.print(answer, screen),
        Output::Json | Output::Raw => view.print(answer, screen),
    })?;
    view.finish(screen)?;
    trace.finish(screen)?;
    if summary.hits == Some(0) {
        note(&format!("no lines of trace {id}"));
    }
    Ok(screen.flush()?)
}

/// Prints lines as they arrive, until the server ends it: which is an error, since a live tail has no end.
pub fn tail<W: Write>(
    server: &Server,
    query: &str,
    output: Output,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let mut lines = server.ask(&Ask::new("/api/v1/tail").param("q", query))?;
    let mut view = HitView::new(output);
    while let Some(line) = lines.next_line()? {
        let answer = Answer::parse(line).map_err(|e| server.nonsense(&e))?;
        match answer.hit.skipped {
            Some(skipped) => note(&format!(
                "{skipped} batches were skipped: they came too fast; a search finds their lines"
            )),
            None => view.print(&answer, screen)?,
        }
        screen.flush()?;
    }
    Err(ClientError::Failed(format!("{} ended the live tail", server.url())))
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
    let Some(summary) = summary else {
        screen.flush()?;
        return Err(ClientError::Failed(format!(
            "{} cut the answer short: there may be more hits",
            server.url()
        )));
    };
    if summary.partial {
        screen.flush()?;
        let errors = summary.errors.iter().map(|e| format!("\n  {e}")).collect::<String>();
        return Err(ClientError::Failed(format!(
            "the answer is partial: the server gave what it had in time{errors}"
        )));
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
