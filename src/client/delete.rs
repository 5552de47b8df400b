//! `logweir delete`: says what would go, asks, asks the server, and shows how far deletions are.

use super::hit::Answer;
use super::request::{Ask, ClientError, Server, encode};
use super::view::HitView;
use super::{Output, Summary};
use crate::parse::Show;
use crate::terminal::{Escapes, Screen, Tone, note, progress};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, IsTerminal, Write};
use std::thread;
use std::time::Duration;

/// Lines that are shown before it is asked.
const SAMPLES_MAX: u64 = 5;
/// Pause between two looks at a deletion that is waited for.
const POLL: Duration = Duration::from_millis(500);

/// A deletion as `/api/v1/delete` tells of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Deletion {
    /// Its name.
    pub id: String,
    /// Its place in the journal; lines behind it stay.
    pub position: u64,
    /// `pending`, `done` or `failed`.
    pub state: String,
    /// What is removed; not remembered after the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// When it was asked for.
    pub asked: String,
    /// When the log store was done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Lines removed so far.
    pub lines_removed: u64,
    /// Splits that have not been looked through.
    pub splits_left: u64,
    /// Whether the journal has not let go of the lines yet.
    pub journal_holds: bool,
    /// Why it does not end.
    pub problems: Vec<String>,
}

/// What to do with the lines that a query finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Only say which they are.
    DryRun,
    /// Remove them if a person says so.
    Ask,
    /// Remove them.
    Remove,
}

/// How long a command goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It is told at once how things are.
    Told,
    /// Until the deletion has ended.
    Ended,
}

/// The answer to a deletion.
#[derive(Debug, Deserialize)]
struct Accepted {
    id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct All {
    deletions: Vec<Deletion>,
}

/// Removes everything that `query` finds, after saying what that is.
pub fn delete<W: Write>(
    server: &Server,
    query: &str,
    intent: Intent,
    until: Until,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    if intent == Intent::Ask && !io::stdin().is_terminal() {
        let reason = "there is no terminal to ask at whether the lines are to be removed for ever: see which they are with \
                      --dry-run, and remove them with --yes";
        return Err(ClientError::Usage(reason.to_owned()));
    }
    preview(server, query, screen)?;
    if intent == Intent::DryRun {
        return Ok(());
    }
    if intent == Intent::Ask && !is_confirmed()? {
        return Err(ClientError::Failed("nothing was removed".to_owned()));
    }
    let ask = Ask::new("/api/v1/delete").param("q", query);
    let mut lines = server.post(&ask)?;
    let json = lines.next_line()?.ok_or_else(|| server.nonsense(&"an empty answer"))?;
    let Accepted { id } = serde_json::from_slice(json).map_err(|e| server.nonsense(&e))?;
    screen.text(Tone::Plain, &format!("deletion {id} has begun; see logweir delete --status {id}"))?;
    screen.newline()?;
    screen.flush()?;
    match until {
        Until::Told => Ok(()),
        Until::Ended => status(server, Some(&id), until, Show::Text, screen),
    }
}

/// Shows how far deletions are, or one of them.
pub fn status<W: Write>(
    server: &Server,
    id: Option<&str>,
    until: Until,
    show: Show,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let mut deletions = fetch(server, id)?;
    let mut shown = false;
    while until == Until::Ended && deletions.iter().any(is_moving) {
        let of = |deletion: &&Deletion| is_moving(deletion);
        let texts: Vec<_> = deletions.iter().filter(of).map(text_of).collect();
        shown |= progress(&texts.join("; "));
        thread::park_timeout(POLL);
        deletions = fetch(server, id)?;
    }
    if shown {
        note("");
    }
    match show {
        Show::Text => print(&deletions, screen)?,
        Show::Json => {
            for deletion in &deletions {
                let line = serde_json::to_vec(deletion).expect("plain data always serialises");
                screen.bytes(&line, Escapes::Json)?;
                screen.newline()?;
            }
        }
    }
    screen.flush()?;
    let stuck = deletions.iter().find(|deletion| deletion.state != "done" && until == Until::Ended);
    match stuck {
        Some(Deletion { id, .. }) => Err(ClientError::Failed(format!("deletion {id} has not been done"))),
        None => Ok(()),
    }
}

/// Whether waiting for it helps.
fn is_moving(deletion: &Deletion) -> bool {
    deletion.state == "pending" && deletion.problems.is_empty()
}

fn fetch(server: &Server, id: Option<&str>) -> Result<Vec<Deletion>, ClientError> {
    let path = id.map_or("/api/v1/delete".to_owned(), |id| format!("/api/v1/delete/{}", encode(id)));
    let mut lines = server.ask(&Ask::new(&path))?;
    let json = lines.next_line()?.ok_or_else(|| server.nonsense(&"an empty answer"))?;
    let read = match id {
        Some(_) => serde_json::from_slice(json).map(|deletion| vec![deletion]),
        None => serde_json::from_slice(json).map(|All { deletions }| deletions),
    };
    read.map_err(|e| server.nonsense(&e))
}

/// Says how many lines the query finds now, and shows the newest.
fn preview<W: Write>(server: &Server, query: &str, screen: &mut Screen<W>) -> Result<(), ClientError> {
    let ask = Ask::new("/api/v1/search").param("q", query).param("limit", "0").param("order", "newest");
    let mut lines = server.ask(&ask)?;
    let (mut view, mut count, mut summary) = (HitView::new(Output::Text), 0, None::<Summary>);
    while let Some(line) = lines.next_line()? {
        let answer = Answer::parse(line).map_err(|e| server.nonsense(&e))?;
        match answer.hit.summary {
            Some(found) => summary = Some(found),
            None => {
                count += 1;
                if count <= SAMPLES_MAX {
                    view.print(&answer, screen)?;
                }
            }
        }
    }
    let whole = summary.is_some_and(|summary| !summary.partial);
    let more = if count > SAMPLES_MAX { "; the newest are shown" } else { "" };
    let text = match (whole, count) {
        (true, 0) => "no line matches now".to_owned(),
        (true, 1) => "1 line matches".to_owned(),
        (true, count) => format!("{count} lines match{more}"),
        (false, count) => format!("at least {count} lines match, not all could be counted{more}"),
    };
    screen.text(Tone::Warn, &text)?;
    screen.newline()?;
    Ok(screen.flush()?)
}

fn is_confirmed() -> Result<bool, ClientError> {
    note("They are removed for ever, with all that have arrived until then. Type yes to go on:");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|e| ClientError::Failed(format!("cannot read the answer: {e}")))?;
    Ok(answer.trim() == "yes")
}

fn text_of(deletion: &Deletion) -> String {
    let Deletion { id, lines_removed, splits_left, .. } = deletion;
    let journal = match (splits_left, deletion.journal_holds) {
        (0, true) => ", the journal still holds them",
        _ => "",
    };
    format!("{id}: {lines_removed} lines removed, {splits_left} splits left{journal}")
}

fn print<W: Write>(deletions: &[Deletion], screen: &mut Screen<W>) -> io::Result<()> {
    screen.text(Tone::Dim, "ID       STATE        LINES  SPLITS  JOURNAL  ASKED FOR / QUERY")?;
    screen.newline()?;
    for deletion in deletions {
        let Deletion { id, state, lines_removed, splits_left, asked, .. } = deletion;
        let tone = match state.as_str() {
            "done" => Tone::Good,
            "failed" => Tone::Bad,
            _ => Tone::Warn,
        };
        let journal = if deletion.journal_holds { "holds" } else { "clean" };
        screen.text(Tone::Name, &format!("{id:<8} "))?;
        screen.text(tone, &format!("{state:<8} "))?;
        screen.text(Tone::Plain, &format!("{lines_removed:>9} {splits_left:>7}  {journal:<7}  {asked}"))?;
        if let Some(query) = &deletion.query {
            screen.text(Tone::Dim, &format!(" {query}"))?;
        }
        screen.newline()?;
        for problem in &deletion.problems {
            screen.text(Tone::Bad, &format!("         {problem}"))?;
            screen.newline()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_deletions_is_harmless_to_terminals() {
        let json = r#"{"id":"0a0b0c0d","state":"pending","query":"user:\u001b","lines_removed":12,"splits_left":3,
            "journal_holds":true,"problems":["x.split: damaged"],"asked":"2026-11-23T10:15:00Z","more":1}"#;
        let mut screen = Screen::new(Vec::new(), true, false);
        print(&[serde_json::from_str(json).expect("JSON")], &mut screen).expect("memory");
        let text = String::from_utf8(screen.into_inner()).expect("text");
        let (_, rows) = text.split_once('\n').expect("a head");
        assert_eq!(
            rows,
            "0a0b0c0d pending         12       3  holds    2026-11-23T10:15:00Z user:\\x1b\n         x.split: damaged\n"
        );
    }
}
