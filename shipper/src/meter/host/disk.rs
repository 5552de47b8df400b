//! What disks do, from `/proc/diskstats`:
//!
//! ```text
//! major minor name  reads merged sectors ms  writes merged sectors ms  in_flight busy_ms weighted_ms  ...
//! ```
//! Newer kernels append columns (discards, flushes); older ones have fewer for partitions. Left out: partitions, and devices
//! that are no disks (loop, ram, floppy), whose numbers nobody misses and whose count nobody bounds.

use super::numbers;
use crate::meter::emit::{Emit, Metric};

const BYTES: Metric = Metric::counter("system_disk_io_bytes_total", "bytes", "Bytes read and written.");
const OPERATIONS: Metric = Metric::counter("system_disk_operations_total", "", "Reads and writes done.");
const MERGED: Metric =
    Metric::counter("system_disk_merged_total", "", "Reads and writes merged into others.");
const OPERATION_TIME: Metric =
    Metric::counter("system_disk_operation_time_seconds_total", "seconds", "Time of all reads and writes.");
const IO_TIME: Metric =
    Metric::counter("system_disk_io_time_seconds_total", "seconds", "Time with anything to do.");
const WEIGHTED_TIME: Metric = Metric::counter(
    "system_disk_weighted_io_time_seconds_total",
    "seconds",
    "Time with anything to do, times how much there was.",
);
const PENDING: Metric = Metric::gauge("system_disk_pending_operations", "", "Reads and writes under way.");

/// What this file writes.
pub const METRICS: &[Metric] = &[BYTES, OPERATIONS, MERGED, OPERATION_TIME, IO_TIME, WEIGHTED_TIME, PENDING];

/// Of `/proc/diskstats`, whatever the disk's own are.
const SECTOR_BYTES: f64 = 512.0;
const COLUMNS: usize = 11;

/// `/proc/diskstats`.
pub fn diskstats(text: &str, emit: &mut Emit) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(device) = words.nth(2).filter(|name| is_disk(name)) else {
            continue;
        };
        let Some(n) = numbers::<COLUMNS>(words) else {
            continue;
        };
        // One that was never used has nothing to tell yet.
        if n[0] + n[4] > 0.0 {
            disk(device, &n, emit);
        }
    }
}

fn disk(device: &str, n: &[f64; COLUMNS], emit: &mut Emit) {
    for (direction, at) in [("read", 0), ("write", 4)] {
        let labels = [("device", device), ("direction", direction)];
        emit.put(&OPERATIONS, &labels, n[at]);
        emit.put(&MERGED, &labels, n[at + 1]);
        emit.put(&BYTES, &labels, n[at + 2] * SECTOR_BYTES);
        emit.put(&OPERATION_TIME, &labels, n[at + 3] / 1e3);
    }
    let device = [("device", device)];
    emit.put(&PENDING, &device, n[8]);
    emit.put(&IO_TIME, &device, n[9] / 1e3);
    emit.put(&WEIGHTED_TIME, &device, n[10] / 1e3);
}

/// Judged by name, as there is nothing else in the file: `sda`, `nvme0n1`, `dm-0`, `md127`; not `sda1`, `nvme0n1p1`, `loop0`.
fn is_disk(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let has_number = stem.len() < name.len();
    let by_letter = ["sd", "hd", "vd", "xvd"].iter().any(|kind| {
        stem.strip_prefix(kind)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase()))
    });
    let is_part_of_numbered = (name.starts_with("nvme") || name.starts_with("mmcblk")) && stem.ends_with('p');
    let is_none = ["loop", "ram", "zram", "fd"].contains(&stem);
    !(has_number && (by_letter || is_part_of_numbered || is_none))
}

#[cfg(test)]
mod tests {
    use super::is_disk;

    #[test]
    fn disks_are_told_from_their_parts() {
        for name in
            ["sda", "sdaa", "vda", "xvdb", "nvme0n1", "mmcblk0", "dm-0", "md127", "sr0", "nbd1", "c0d0"]
        {
            assert!(is_disk(name), "{name}");
        }
        for name in ["sda1", "sdaa12", "vda3", "nvme0n1p2", "mmcblk0p1", "loop7", "ram0", "zram0", "fd0"] {
            assert!(!is_disk(name), "{name}");
        }
    }
}
