//! What a running shipper shows of itself: a shared snapshot, renewed by the reading thread about once a second
//! and when something notable happens.

use crate::meter::outbox::OutboxCounts;
use crate::meter::scrape::TargetStatus;
use crate::meter::statsd::StatsdStatus;
use logweir_base::ids::{Epoch, Offset, SourceId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Handle to the snapshot; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ShipperStatus(Arc<Mutex<StatusSnapshot>>);

/// A shipper at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StatusSnapshot {
    /// Who this shipper is to the router.
    pub shipper: String,
    /// Session with the router; `None` while there is no connection.
    pub session: Option<Epoch>,
    /// Latest trouble with the connection, the checkpoint or the scan; empty when there was none.
    pub last_error: String,
    /// Whether the kernel tells of changes; else only scans do.
    pub watching: bool,
    /// Files, by path.
    pub files: Vec<FileStatus>,
    /// Totals since the start of the process.
    pub counters: Counters,
    /// Redactions by rule.
    pub redactions: BTreeMap<String, u64>,
    /// The metrics side.
    pub meter: MeterStatus,
}

/// The metrics side.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MeterStatus {
    /// Its session with the router; `None` while there is no connection, or nothing to send.
    pub session: Option<Epoch>,
    /// Latest trouble with its connection; empty when there was none.
    pub last_error: String,
    /// What was sent.
    pub counts: OutboxCounts,
    /// What was received of StatsD.
    pub statsd: StatsdStatus,
    /// Whom it asks for metrics.
    pub targets: Vec<TargetStatus>,
}

/// One file.
#[derive(Clone, Debug, Serialize)]
pub struct FileStatus {
    /// Where it was seen last.
    pub path: Arc<str>,
    /// Its source; absent for a file that cannot be read.
    pub source: Option<SourceId>,
    /// All before this is acknowledged.
    pub position: Offset,
    /// Bytes in the file when it was looked at last.
    pub size: u64,
    /// What is being done with it.
    pub state: FileState,
    /// Why it cannot be read; empty when it can.
    pub error: String,
}

/// What is being done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Being read, or all read and held open.
    Open,
    /// All read, and closed to save descriptors.
    Parked,
    /// Rotated away; still followed.
    Rotated,
    /// Deleted, and followed while it is held open.
    Deleted,
    /// Looks like a copy of a live file; waits for the original to be truncated.
    Copy,
    /// Gone; its source will be closed.
    Gone,
    /// Cannot be read.
    Refused,
}

/// Totals since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Lines sent, those sent again included.
    pub lines_sent: u64,
    /// Bytes of files sent, those sent again included.
    pub bytes_sent: u64,
    /// Bytes of batches on the wire, before framing.
    pub payload_bytes_sent: u64,
    /// Batches sent.
    pub batches_sent: u64,
    /// Bytes acknowledged.
    pub bytes_acked: u64,
    /// Sessions begun.
    pub sessions: u64,
    /// Times the router asked to go back.
    pub rewinds: u64,
    /// Generations that replaced another one on the same inode: truncated, rolled back or reused.
    pub replaced: u64,
    /// Copies recognised (copytruncate, move across file systems).
    pub copies: u64,
    /// Lines of more than 1 MiB that were sent in parts; counts parts.
    pub parts: u64,
    /// Bytes of holes skipped.
    pub hole_bytes: u64,
    /// Bytes known to have been there and never read.
    pub lost_bytes: u64,
    /// Scans of the globs.
    pub scans: u64,
    /// Turns a file was given; moves as long as the reader makes progress.
    pub turns: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
}

impl MeterStatus {
    /// What does not work at the moment, in sentences that stay the same as long as it is the same.
    pub fn troubles(&self) -> Vec<String> {
        let statsd = self.statsd.failing.iter().map(|(address, why)| format!("statsd at {address}: {why}"));
        let failing = self.targets.iter().filter(|target| !target.last_error.is_empty());
        let scrapes = failing.map(|it| format!("scrape of {} at {}: {}", it.job, it.url, it.last_error));
        statsd.chain(scrapes).collect()
    }
}

impl ShipperStatus {
    /// The latest snapshot.
    pub fn snapshot(&self) -> StatusSnapshot {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the snapshot in place.
    pub(crate) fn update(&self, change: impl FnOnce(&mut StatusSnapshot)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
