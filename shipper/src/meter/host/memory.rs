//! Memory and swap space, from `/proc/meminfo`: `Name:  12 kB` a line.
//!
//! `used` is what is neither free nor buffered nor cached nor reclaimable, so the states without those of `slab_*` and the
//! reclaimable part add up to the limit.

use super::first_number;
use crate::meter::emit::{Emit, Metric};

const LIMIT: Metric = Metric::gauge("system_memory_limit_bytes", "bytes", "Memory of the host.");
const USAGE: Metric = Metric::gauge("system_memory_usage_bytes", "bytes", "Memory by state.");
const AVAILABLE: Metric = Metric::gauge(
    "system_linux_memory_available_bytes",
    "bytes",
    "Memory that programs can get without swapping, as the kernel estimates it.",
);
const PAGING: Metric = Metric::gauge("system_paging_usage_bytes", "bytes", "Swap space by state.");

/// What this file writes.
pub const METRICS: &[Metric] = &[LIMIT, USAGE, AVAILABLE, PAGING];

/// `/proc/meminfo`.
pub fn meminfo(text: &str, emit: &mut Emit) {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(first_number(line)? * 1024.0)
    };
    if let (Some(total), Some(free)) = (bytes("MemTotal"), bytes("MemFree")) {
        let buffered = bytes("Buffers").unwrap_or(0.0);
        let cached = bytes("Cached").unwrap_or(0.0);
        let reclaimable = bytes("SReclaimable").unwrap_or(0.0);
        let used = (total - free - buffered - cached - reclaimable).max(0.0);
        emit.put(&LIMIT, &[], total);
        let states = [("used", used), ("free", free), ("buffered", buffered), ("cached", cached)];
        let slabs = [("slab_reclaimable", "SReclaimable"), ("slab_unreclaimable", "SUnreclaim")];
        let slabs = slabs.into_iter().filter_map(|(state, name)| Some((state, bytes(name)?)));
        for (state, value) in states.into_iter().chain(slabs) {
            emit.put(&USAGE, &[("state", state)], value);
        }
    }
    if let Some(available) = bytes("MemAvailable") {
        emit.put(&AVAILABLE, &[], available);
    }
    if let (Some(total), Some(free)) = (bytes("SwapTotal"), bytes("SwapFree")) {
        let cached = bytes("SwapCached").unwrap_or(0.0);
        let used = (total - free - cached).max(0.0);
        for (state, value) in [("used", used), ("free", free), ("cached", cached)] {
            emit.put(&PAGING, &[("state", state)], value);
        }
    }
}
