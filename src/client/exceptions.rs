//! `logweir exceptions`: lists groups of exceptions, shows one, and tells the server what is decided about it.

use super::request::{Ask, ClientError, Server, encode};
use super::spark::sparkline;
use crate::args::{ExceptionArgs, ExceptionMuteArgs, ExceptionResolveArgs, ExceptionsListArgs};
use crate::parse::Show;
use crate::terminal::{Escapes, Screen, Tone, note};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// A longer message is cut in a list.
const MESSAGE_CHARS_MAX: usize = 120;
/// Characters of an id that a list shows: enough to tell some thousand apart.
const ID_CHARS: usize = 8;
/// Lines of the sample that are shown.
const SAMPLE_LINES_MAX: usize = 30;

/// A group of exceptions as `/api/v1/exceptions` tells of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExceptionJson {
    /// Its name.
    pub id: String,
    /// `new`, `regressed`, `escalating`, `ongoing`, `quiet`, `resolved` or `muted`.
    pub state: String,
    /// Since when it is that.
    pub since: String,
    /// Type; empty when it is a message only.
    #[serde(rename = "type")]
    pub kind: String,
    /// What its first occurrence said.
    pub message: String,
    /// Where in the application.
    pub culprit: Option<String>,
    /// First seen.
    pub first: String,
    /// Last seen.
    pub last: String,
    /// Occurrences.
    pub count: u64,
    /// Users it hit, about.
    pub users: u64,
    /// Services it came from.
    pub services: Vec<String>,
    /// Their versions.
    pub versions: Vec<String>,
    /// Hosts it came from.
    pub hosts: Vec<String>,
    /// The version that had been deployed last when it came first.
    pub deploy: Option<String>,
    /// Traces it came in: the latest, the first, some between.
    pub traces: Vec<String>,
    /// Occurrences over time, the oldest first: 24 hours in a list, a week by three hours of one.
    pub trend: Vec<u64>,
    /// The first occurrence as it was written.
    pub sample: String,
    /// The version that has the fix.
    pub resolved_in: Option<String>,
    /// Who resolved or muted it.
    pub by: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct All {
    exceptions: Vec<serde_json::Value>,
    total: u64,
    forgotten: u64,
}

/// Prints the list.
pub fn list<W: Write>(
    server: &Server,
    args: &ExceptionsListArgs,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let mut ask = Ask::new("/api/v1/exceptions").param("limit", &args.limit.to_string());
    for (name, value) in [("state", &args.state), ("service", &args.service), ("since", &args.since)] {
        if let Some(value) = value {
            ask = ask.param(name, value);
        }
    }
    let body = server.ask(&ask)?.whole()?;
    let all: All = serde_json::from_slice(&body).map_err(|e| server.nonsense(&e))?;
    for value in &all.exceptions {
        match args.output {
            Show::Json => print_json(value, screen)?,
            Show::Text => print_row(&read(server, value)?, screen)?,
        }
    }
    screen.flush()?;
    let shown = all.exceptions.len() as u64;
    match all.total {
        0 => note("no exceptions"),
        total if total > shown => note(&format!("{shown} of {total} kinds of exceptions; more with --limit")),
        _ => {}
    }
    if all.forgotten > 0 {
        note(&format!("{} kinds that came least lately were forgotten: there were too many", all.forgotten));
    }
    Ok(())
}

fn read(server: &Server, value: &serde_json::Value) -> Result<ExceptionJson, ClientError> {
    ExceptionJson::deserialize(value).map_err(|e| server.nonsense(&e))
}

fn print_json<W: Write>(value: &serde_json::Value, screen: &mut Screen<W>) -> io::Result<()> {
    screen.bytes(value.to_string().as_bytes(), Escapes::Json)?;
    screen.newline()
}

fn print_row<W: Write>(group: &ExceptionJson, screen: &mut Screen<W>) -> io::Result<()> {
    let id: String = group.id.chars().take(ID_CHARS).collect();
    screen.text(Tone::Name, &id)?;
    screen.text(tone_of(&group.state), &format!(" {:<10}", group.state))?;
    screen.text(Tone::Plain, &format!(" {:>8} ", group.count))?;
    screen.text(Tone::Plain, &format!("{:>6} users {} ", group.users, trend(&group.trend)))?;
    screen.text(Tone::Dim, &format!("{} {}", group.last, group.services.join(",")))?;
    screen.newline()?;
    let message: String = group.message.chars().take(MESSAGE_CHARS_MAX).collect();
    let text = if group.kind.is_empty() { message } else { format!("{}: {message}", group.kind) };
    screen.text(Tone::Plain, &format!("         {}", text.replace('\n', " ")))?;
    screen.newline()?;
    if let Some(culprit) = &group.culprit {
        screen.text(Tone::Dim, &format!("         at {culprit}"))?;
        screen.newline()?;
    }
    Ok(())
}

fn tone_of(state: &str) -> Tone {
    match state {
        "new" | "regressed" | "escalating" => Tone::Bad,
        "ongoing" => Tone::Warn,
        "resolved" => Tone::Good,
        _ => Tone::Dim,
    }
}

fn trend(counts: &[u64]) -> String {
    let values: Vec<_> = counts.iter().map(|&count| (count > 0).then_some(count as f64)).collect();
    sparkline(&values)
}

/// Prints one of them.
pub fn show<W: Write>(
    server: &Server,
    args: &ExceptionArgs,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let ask = Ask::new(&format!("/api/v1/exceptions/{}", encode(&args.id)));
    let body = server.ask(&ask)?.whole()?;
    let value: serde_json::Value = serde_json::from_slice(&body).map_err(|e| server.nonsense(&e))?;
    match args.output {
        Show::Json => print_json(&value, screen)?,
        Show::Text => print_whole(&read(server, &value)?, screen)?,
    }
    Ok(screen.flush()?)
}

fn print_whole<W: Write>(group: &ExceptionJson, screen: &mut Screen<W>) -> io::Result<()> {
    let state = match (&group.resolved_in, &group.by) {
        (Some(version), Some(by)) => format!("{} in {version} by {by}", group.state),
        (None, Some(by)) if !by.is_empty() => format!("{} by {by}", group.state),
        _ => group.state.clone(),
    };
    let rows = [
        ("id", group.id.clone()),
        ("state", format!("{state}, since {}", group.since)),
        ("type", group.kind.clone()),
        ("message", group.message.clone()),
        ("at", group.culprit.clone().unwrap_or_default()),
        ("came", format!("{} times, {} users, {} to {}", group.count, group.users, group.first, group.last)),
        ("week", trend(&group.trend)),
        ("services", group.services.join(", ")),
        ("versions", group.versions.join(", ")),
        ("hosts", group.hosts.join(", ")),
        (
            "came after",
            group.deploy.as_ref().map(|version| format!("deploy of {version}")).unwrap_or_default(),
        ),
        ("traces", group.traces.join(", ")),
    ];
    for (name, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
        screen.text(Tone::Dim, &format!("{name:<11}"))?;
        screen.text(Tone::Plain, &text.replace('\n', " "))?;
        screen.newline()?;
    }
    screen.newline()?;
    for line in group.sample.lines().take(SAMPLE_LINES_MAX) {
        screen.text(Tone::Plain, line)?;
        screen.newline()?;
    }
    Ok(())
}

/// Says that one is dealt with.
pub fn resolve(server: &Server, args: &ExceptionResolveArgs) -> Result<(), ClientError> {
    let mut ask = decision(&args.exception, "resolve");
    if let Some(version) = &args.in_version {
        ask = ask.param("in_version", version);
    }
    decide(server, &ask, "resolved: it is regressed when it comes back")
}

/// Says that nobody wants to hear of one.
pub fn mute(server: &Server, args: &ExceptionMuteArgs) -> Result<(), ClientError> {
    let mut ask = decision(&args.exception, "mute");
    if let Some(until) = &args.until {
        ask = ask.param("until", until);
    }
    if let Some(count) = args.count {
        ask = ask.param("count", &count.to_string());
    }
    if args.worse {
        ask = ask.param("worse", "true");
    }
    decide(server, &ask, "muted")
}

/// Says that one is to be heard of again.
pub fn reopen(server: &Server, args: &ExceptionArgs) -> Result<(), ClientError> {
    decide(server, &decision(args, "reopen"), "reopened")
}

fn decision(args: &ExceptionArgs, what: &str) -> Ask {
    let path = format!("/api/v1/exceptions/{}/{what}", encode(&args.id));
    Ask::new(&path).param("by", &super::who(args.by.as_deref()))
}

/// Tells the server, and says what came of it.
pub(super) fn decide(server: &Server, ask: &Ask, done: &str) -> Result<(), ClientError> {
    let body = server.post(ask)?.whole()?;
    let answer: serde_json::Value = serde_json::from_slice(&body).map_err(|e| server.nonsense(&e))?;
    match answer["counts"].as_bool() {
        Some(true) => note(done),
        _ => note(&format!("{done}; it is in the journal and counts as soon as what is before it was read")),
    }
    Ok(())
}
