//! How many processes there are, from the names in `/proc`, and what some of them do, from `/proc/stat`:
//!
//! ```text
//! procs_running 3
//! procs_blocked 0      they wait for a disk
//! ```
//! What all others do is only told by a file of each, which would cost more than everything else together.

use super::first_number;
use crate::meter::emit::{Emit, Metric};
use std::fs;
use std::path::Path;

const COUNT: Metric =
    Metric::gauge("system_processes_count", "", "Processes that run, wait for a disk, or do something else.");

/// What this file writes.
pub const METRICS: &[Metric] = &[COUNT];

/// Names that are numbers.
pub fn count(proc: &Path) -> u64 {
    let is_process =
        |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
    fs::read_dir(proc).into_iter().flatten().flatten().filter(is_process).count() as u64
}

/// `/proc/stat`, of a host with so many processes.
pub fn states(stat: &str, all: u64, emit: &mut Emit) {
    let number = |name: &str| stat.lines().find_map(|line| first_number(line.strip_prefix(name)?));
    if let (Some(running), Some(blocked)) = (number("procs_running "), number("procs_blocked ")) {
        let other = (all as f64 - running - blocked).max(0.0);
        for (status, value) in [("running", running), ("blocked", blocked), ("other", other)] {
            emit.put(&COUNT, &[("status", status)], value);
        }
    }
}
