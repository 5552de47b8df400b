//! `logweir status`: what a server says of itself, in the shape of `/api/v1/status`.

use super::Output;
use super::request::{Ask, ClientError, Server};
use crate::terminal::{Escapes, Screen, Tone};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// The answer of `/api/v1/status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Version of the server.
    pub version: String,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// Every file generation that has sent something, newest first.
    pub sources: Vec<SourceStatus>,
    /// Who reads the journal, and how far they are.
    pub followers: Vec<FollowerStatus>,
    /// The journal.
    pub journal: JournalStatus,
    /// The log store.
    pub index: IndexStatus,
    /// The disk that holds the data.
    pub disk: DiskStatus,
    /// Bytes that are known to be missing.
    pub gaps: Vec<GapStatus>,
    /// The last errors, newest first.
    pub errors: Vec<ErrorStatus>,
}

/// One file generation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceStatus {
    /// Path on its host.
    pub path: String,
    /// Its host.
    pub host: String,
    /// The shipper that sends it.
    pub shipper: String,
    /// Bytes of it that are durable here.
    pub position: u64,
    /// Its size as the shipper saw it last, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `live`, `idle`, `closed`, ...
    pub state: String,
}

/// One follower of the journal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FollowerStatus {
    /// Its name.
    pub name: String,
    /// Its committed position.
    pub position: u64,
    /// Records from there to the journal's end.
    pub lag: u64,
}

/// The journal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JournalStatus {
    /// The last durable position.
    pub position: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Why nothing is acknowledged, while that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<String>,
}

/// The log store.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexStatus {
    /// Lines that can be found.
    pub lines: u64,
    /// Splits on disk.
    pub splits: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Lines that are in memory (and in the journal) only.
    pub tail_lines: u64,
}

/// The disk that holds the data.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskStatus {
    /// Where the data is.
    pub path: String,
    /// Bytes that can still be written.
    pub free_bytes: u64,
}

/// A range of a source that is known to be missing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GapStatus {
    /// Path on its host.
    pub path: String,
    /// Its host.
    pub host: String,
    /// First byte missing.
    pub start: u64,
    /// First byte present again.
    pub end: u64,
    /// Why.
    pub reason: String,
}

/// An error that was handled.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorStatus {
    /// When, RFC 3339.
    pub time: String,
    /// What.
    pub message: String,
}

/// Asks a server what it says of itself.
pub fn fetch_status(server: &Server) -> Result<Status, ClientError> {
    let mut lines = server.ask(&Ask::new("/api/v1/status"))?;
    let json = lines.next_line()?.ok_or_else(|| server.nonsense(&"an empty status"))?;
    serde_json::from_slice(json).map_err(|e| server.nonsense(&e))
}

/// Asks whether a logweir server is there, and for its name and version.
pub fn fetch_version(server: &Server) -> Result<String, ClientError> {
    let mut lines = server.ask(&Ask::new("/version"))?;
    let line = String::from_utf8_lossy(lines.next_line()?.unwrap_or_default()).into_owned();
    if line.starts_with("logweir ") { Ok(line) } else { Err(server.nonsense(&line)) }
}

/// Prints what the server says of itself.
pub fn status<W: Write>(server: &Server, output: Output, screen: &mut Screen<W>) -> Result<(), ClientError> {
    match output {
        Output::Text => print(&fetch_status(server)?, screen)?,
        Output::Json | Output::Raw => {
            let mut lines = server.ask(&Ask::new("/api/v1/status"))?;
            while let Some(json) = lines.next_line()? {
                screen.bytes(json, Escapes::Json)?;
                screen.newline()?;
            }
        }
    }
    Ok(screen.flush()?)
}

fn print<W: Write>(status: &Status, screen: &mut Screen<W>) -> io::Result<()> {
    let Status { journal, index, disk, .. } = status;
    line(screen, "server", &format!("logweir {}, up {} s", status.version, status.uptime_seconds))?;
    let text =
        format!("position {}, {} in {} segments", journal.position, size(journal.bytes), journal.segments);
    line(screen, "journal", &text)?;
    if let Some(why) = &journal.full {
        line(screen, "", &format!("full: {why}"))?;
    }
    let text = format!(
        "{} lines, {} in {} splits, {} lines in the tail",
        index.lines,
        size(index.bytes),
        index.splits,
        index.tail_lines
    );
    line(screen, "index", &text)?;
    line(screen, "disk", &format!("{} free at {}", size(disk.free_bytes), disk.path))?;
    for follower in &status.followers {
        let tone = if follower.lag == 0 { Tone::Good } else { Tone::Warn };
        let text = format!("{} at {}, {} records behind", follower.name, follower.position, follower.lag);
        toned_line(screen, "follower", tone, &text)?;
    }
    for source in &status.sources {
        print_source(source, screen)?;
    }
    for gap in &status.gaps {
        let bytes = gap.end.saturating_sub(gap.start);
        let text =
            format!("{}:{}: {bytes} bytes missing at {}: {}", gap.host, gap.path, gap.start, gap.reason);
        toned_line(screen, "gap", Tone::Bad, &text)?;
    }
    for error in &status.errors {
        toned_line(screen, "error", Tone::Bad, &format!("{} {}", error.time, error.message))?;
    }
    Ok(())
}

fn print_source<W: Write>(source: &SourceStatus, screen: &mut Screen<W>) -> io::Result<()> {
    // The size was looked at a moment ago; what has arrived since is at least as much.
    let known = source.size.map(|size| size.max(source.position));
    let behind = known.map(|size| size - source.position);
    let of = known.map_or(String::new(), |size| format!(" of {size}"));
    let backlog = behind.filter(|&b| b > 0).map_or(String::new(), |b| format!(", {} behind", size(b)));
    let tone = if backlog.is_empty() { Tone::Plain } else { Tone::Warn };
    let SourceStatus { host, path, position, state, .. } = source;
    toned_line(screen, "source", tone, &format!("{host}:{path} {position}{of}{backlog} {state}"))
}

fn line<W: Write>(screen: &mut Screen<W>, name: &str, text: &str) -> io::Result<()> {
    toned_line(screen, name, Tone::Plain, text)
}

fn toned_line<W: Write>(screen: &mut Screen<W>, name: &str, tone: Tone, text: &str) -> io::Result<()> {
    screen.text(Tone::Name, &format!("{name:<9}"))?;
    screen.text(tone, text)?;
    screen.newline()
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(UNITS.len() as u32 - 1);
    match power {
        0 => format!("{bytes} B"),
        _ => format!("{:.1} {}", bytes as f64 / (1u64 << (10 * power)) as f64, UNITS[power as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_with_less_than_we_know_is_printed_too() {
        let json = r#"{"sources":[{"path":"/l\u001b","host":"h","position":5,"size":2053,"state":"live","more":1}],
            "followers":[{"name":"index","position":7,"lag":0}],"gaps":[{"path":"/l","start":3,"end":9,"reason":"gone"}]}"#;
        let status: Status = serde_json::from_str(json).expect("JSON");
        let mut screen = Screen::new(Vec::new(), false, false);
        print(&status, &mut screen).expect("memory");
        let text = String::from_utf8(screen.into_inner()).expect("text");
        assert!(text.contains("source   h:/l\\x1b 5 of 2053, 2.0 KiB behind live\n"), "{text}");
        assert!(text.contains("6 bytes missing at 3: gone"), "{text}");
    }
}
