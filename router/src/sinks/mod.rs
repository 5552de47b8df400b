//! Sinks: other systems that lines go to. A sink is a follower: one file here, and one line in [`open`].
//!
//! After an error a sink is fed again from its committed position, so each must be able to go back to it.

mod file;
mod state;
mod stdout;
mod tcp;

use crate::config::{OnStuck, SinkConfig, SinkKind};
use crate::feed::Pace;
use crate::route::{Lane, Routes};
use crate::{OpenError, Router};
use logweir_base::batch::LineMeta;
use logweir_base::dir::SharedDir;
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError, RecordBatch};
use std::fmt;
use std::io::{self, Write};

/// Text that is gathered before it is written.
const BUFFER_BYTES: usize = 128 << 10;

/// Opens a sink and says what it holds up. `state_dir` keeps the positions of sinks, one file each.
pub fn open(
    config: &SinkConfig,
    router: &Router,
    routes: &Routes,
    state_dir: &SharedDir,
) -> Result<(Box<dyn Follower>, Pace), OpenError> {
    let SinkConfig { name, on_stuck, kind } = config;
    let context = Context {
        name: format!("sink:{name}"),
        lane: routes.to_sink(name),
        state: state::StateFile::new(state_dir.clone(), name),
        journal: router.journal_id(),
        present: router.durable(),
        feed: router.feed(),
    };
    let opened: io::Result<Box<dyn Follower>> = match kind {
        SinkKind::File { path, rotate_bytes, keep } => {
            file::FileSink::open_path(context, path, *rotate_bytes, *keep).map(boxed)
        }
        SinkKind::Tcp { address } => tcp::TcpSink::open(context, address.clone()).map(boxed),
        SinkKind::Stdout => Ok(boxed(stdout::StdoutSink::new(context))),
    };
    let pace = match on_stuck {
        OnStuck::Block => Pace::Free,
        OnStuck::Detach => Pace::Detach,
    };
    match opened {
        Ok(sink) => Ok((sink, pace)),
        Err(e) => Err(OpenError { at: format!("sink {name}"), reason: e.to_string() }),
    }
}

/// What every kind of sink is given.
struct Context {
    name: String,
    lane: Lane,
    state: state::StateFile,
    journal: logweir_base::ids::JournalId,
    present: logweir_base::ids::Position,
    feed: std::sync::Arc<crate::feed::Feed>,
}

fn boxed(sink: impl Follower + 'static) -> Box<dyn Follower> {
    Box::new(sink)
}

/// Writes the records of an entry that are for this sink.
fn write_entry(entry: &Entry, lane: &mut Lane, out: &mut impl Write) -> io::Result<()> {
    lane.refresh();
    match &entry.body {
        EntryBody::Records(batch) => write_records(batch, lane, out),
        _ => Ok(()),
    }
}

/// Fast path: neighbours in the shared text go out in one piece, uncopied when they are long.
fn write_records(batch: &RecordBatch, lane: &mut Lane, out: &mut impl Write) -> io::Result<()> {
    let mut span = 0..0;
    for record in &batch.records {
        if !lane.takes(&batch.view(record)) {
            continue;
        }
        let (at, end) = (record.at as usize, (record.at + record.len) as usize);
        if span.end != at {
            out.write_all(&batch.text[span])?;
            span = at..at;
        }
        span.end = end;
        // Parts of an over-long line are written without a break; anything else ends with one.
        if !batch.text[..end].ends_with(b"\n") && !record.meta.has(LineMeta::PART) {
            out.write_all(&batch.text[span])?;
            out.write_all(b"\n")?;
            span = end..end;
        }
    }
    out.write_all(&batch.text[span])
}

fn failed(at: impl fmt::Display, e: impl fmt::Display) -> FollowerError {
    FollowerError { at: at.to_string(), reason: e.to_string() }
}

#[cfg(test)]
mod tests;
