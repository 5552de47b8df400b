//! Time lost in waiting for a resource, from `/proc/pressure/*` (Linux 4.20, where it is not switched off):
//!
//! ```text
//! some avg10=0.00 avg60=0.00 avg300=0.00 total=12345      at least one task waited; total in microseconds
//! full avg10=0.00 avg60=0.00 avg300=0.00 total=123        all of them did
//! ```

use crate::meter::emit::{Emit, Metric};

const WAITING: Metric = Metric::counter(
    "system_pressure_waiting_seconds_total",
    "seconds",
    "Time in which some, or all, tasks waited for a resource.",
);

/// What this file writes.
pub const METRICS: &[Metric] = &[WAITING];

/// `/proc/pressure/cpu`.
pub fn cpu(text: &str, emit: &mut Emit) {
    pressure("cpu", text, emit);
}

/// `/proc/pressure/memory`.
pub fn memory(text: &str, emit: &mut Emit) {
    pressure("memory", text, emit);
}

/// `/proc/pressure/io`.
pub fn io(text: &str, emit: &mut Emit) {
    pressure("io", text, emit);
}

fn pressure(resource: &str, text: &str, emit: &mut Emit) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(kind @ ("some" | "full")) = words.next() else {
            continue;
        };
        if let Some(total) = words.find_map(|word| word.strip_prefix("total=")?.parse::<u64>().ok()) {
            emit.put(&WAITING, &[("resource", resource), ("kind", kind)], total as f64 / 1e6);
        }
    }
}
