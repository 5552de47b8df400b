//! Time of processors, and what else `/proc/stat` counts: processes created, context switches, interrupts.
//!
//! ```text
//! cpu0 user nice system idle iowait irq softirq steal guest guest_nice     in hundredths of a second
//! ```
//! Times as guest are part of user and nice already. Kernels before 2.6.33 write fewer columns.

use super::first_number;
use crate::meter::emit::{Emit, Metric};

const TIME: Metric = Metric::counter(
    "system_cpu_time_seconds_total",
    "seconds",
    "Time each logical processor spent in each state.",
);
const CREATED: Metric = Metric::counter("system_processes_created_total", "", "Processes created.");
const SWITCHES: Metric = Metric::counter("system_context_switches_total", "", "Context switches.");
const INTERRUPTS: Metric = Metric::counter("system_interrupts_total", "", "Interrupts serviced.");
const BOOT: Metric = Metric::gauge("system_boot_time_seconds", "seconds", "When the host was started.");

/// What this file writes.
pub const METRICS: &[Metric] = &[TIME, CREATED, SWITCHES, INTERRUPTS, BOOT];

/// States in the order of their columns.
const STATES: [&str; 8] = ["user", "nice", "system", "idle", "wait", "interrupt", "softirq", "steal"];
/// Of the numbers in `/proc`, whatever the kernel's own tick is: it is part of its interface.
pub const TICKS_PER_SECOND: f64 = 100.0;

/// `/proc/stat`.
pub fn stat(text: &str, emit: &mut Emit) {
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(' ') else {
            continue;
        };
        match (name, first_number(rest)) {
            ("ctxt", Some(count)) => emit.put(&SWITCHES, &[], count),
            ("intr", Some(count)) => emit.put(&INTERRUPTS, &[], count),
            ("processes", Some(count)) => emit.put(&CREATED, &[], count),
            ("btime", Some(time)) => emit.put(&BOOT, &[], time),
            _ if is_processor(name) => processor(name, rest, emit),
            _ => {}
        }
    }
}

/// `cpu0`, not the sum `cpu`.
fn is_processor(name: &str) -> bool {
    name.strip_prefix("cpu")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn processor(name: &str, times: &str, emit: &mut Emit) {
    for (state, ticks) in STATES.into_iter().zip(times.split_ascii_whitespace()) {
        let Ok(ticks) = ticks.parse::<u64>() else {
            return;
        };
        emit.put(&TIME, &[("cpu", name), ("state", state)], ticks as f64 / TICKS_PER_SECOND);
    }
}
