//! Pages on their way between memory and disk, from `/proc/vmstat`: `name number` a line.

use super::first_number;
use crate::meter::emit::{Emit, Metric};

const OPERATIONS: Metric = Metric::counter(
    "system_paging_operations_total",
    "",
    "Pages moved: to and from swap space (major), to and from disks at all (minor).",
);
const FAULTS: Metric =
    Metric::counter("system_paging_faults_total", "", "Page faults; major ones had to wait for a disk.");
const OUT_OF_MEMORY: Metric =
    Metric::counter("system_oom_kills_total", "", "Processes killed because memory was exhausted.");

/// What this file writes.
pub const METRICS: &[Metric] = &[OPERATIONS, FAULTS, OUT_OF_MEMORY];

/// `/proc/vmstat`. The `pgpg*` are counted in KiB there, all others in pages.
pub fn vmstat(text: &str, emit: &mut Emit) {
    let page_kib = rustix::param::page_size() as f64 / 1024.0;
    let mut faults = None;
    for line in text.lines() {
        let Some((name, count)) =
            line.split_once(' ').and_then(|(name, rest)| Some((name, first_number(rest)?)))
        else {
            continue;
        };
        let mut moved = |direction, kind, pages| {
            emit.put(&OPERATIONS, &[("direction", direction), ("type", kind)], pages);
        };
        match name {
            "pgpgin" => moved("page_in", "minor", count / page_kib),
            "pgpgout" => moved("page_out", "minor", count / page_kib),
            "pswpin" => moved("page_in", "major", count),
            "pswpout" => moved("page_out", "major", count),
            // It stands before those that are part of it.
            "pgfault" => faults = Some(count),
            "pgmajfault" => {
                emit.put(&FAULTS, &[("type", "major")], count);
                if let Some(all) = faults {
                    emit.put(&FAULTS, &[("type", "minor")], (all - count).max(0.0));
                }
            }
            "oom_kill" => emit.put(&OUT_OF_MEMORY, &[], count),
            _ => {}
        }
    }
}
