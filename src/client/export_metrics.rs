//! `logweir export-metrics`: writes samples and windows of series as CSV.

use super::query::span_of;
use super::request::{Ask, ClientError, Server};
use crate::terminal::{Escapes, Screen, note};
use logweir_base::time::Timestamp;
use std::io::Write;

/// Asks and copies; an answer that is cut off is an error.
pub fn export_metrics<W: Write>(
    server: &Server,
    selectors: &[String],
    since: &str,
    until: Option<&str>,
    now: Timestamp,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let (start, end) = span_of(since, until, now)?;
    let seconds = |time: Timestamp| (time.0 as f64 / 1e9).to_string();
    let ask = Ask::new("/api/v1/export_metrics").param("start", &seconds(start)).param("end", &seconds(end));
    let ask = selectors.iter().fold(ask, |ask, selector| ask.param("match[]", selector));
    let mut lines = server.ask(&ask)?;
    let mut rows = 0u64;
    while let Some(line) = lines.next_line()? {
        screen.bytes(line, Escapes::Text)?;
        screen.newline()?;
        rows += 1;
    }
    screen.flush()?;
    if rows <= 1 {
        note("nothing found: no such series has a sample in this time");
    }
    Ok(())
}
