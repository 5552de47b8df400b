//! Load, threads, uptime and open files: the files of one line.

use super::first_number;
use crate::meter::emit::{Emit, Metric};

const LOADS: [Metric; 3] = [
    Metric::gauge("system_cpu_load_average_1m", "", "Threads that run or wait, over a minute."),
    Metric::gauge("system_cpu_load_average_5m", "", "Threads that run or wait, over five minutes."),
    Metric::gauge("system_cpu_load_average_15m", "", "Threads that run or wait, over fifteen minutes."),
];
const THREADS: Metric = Metric::gauge("system_threads_count", "", "Threads of all processes.");
const UPTIME: Metric = Metric::gauge("system_uptime_seconds", "seconds", "Time since the host was started.");
const FILES: Metric =
    Metric::gauge("system_filedescriptors_allocated", "", "Files that processes hold open.");
const FILES_LIMIT: Metric = Metric::gauge("system_filedescriptors_limit", "", "Files that may be open.");

/// What this file writes.
pub const METRICS: &[Metric] = &[LOADS[0], LOADS[1], LOADS[2], THREADS, UPTIME, FILES, FILES_LIMIT];

/// `/proc/loadavg`: `0.50 0.40 0.30 2/345 6789`.
pub fn loadavg(text: &str, emit: &mut Emit) {
    let mut words = text.split_ascii_whitespace();
    for (metric, word) in LOADS.iter().zip(words.by_ref()) {
        match word.parse::<f64>() {
            Ok(load) if load.is_finite() => emit.put(metric, &[], load),
            _ => return,
        }
    }
    let threads = words.next().and_then(|word| word.split_once('/')).and_then(|(_, all)| first_number(all));
    if let Some(threads) = threads {
        emit.put(&THREADS, &[], threads);
    }
}

/// `/proc/uptime`: `350735.47 234388.90`.
pub fn uptime(text: &str, emit: &mut Emit) {
    if let Some(seconds) = first_number(text) {
        emit.put(&UPTIME, &[], seconds);
    }
}

/// `/proc/sys/fs/file-nr`: allocated, free of them (always 0 since 2.6), limit.
pub fn file_nr(text: &str, emit: &mut Emit) {
    let mut words = text.split_ascii_whitespace().map(first_number);
    if let (Some(Some(allocated)), Some(Some(free)), Some(Some(limit))) =
        (words.next(), words.next(), words.next())
    {
        emit.put(&FILES, &[], (allocated - free).max(0.0));
        emit.put(&FILES_LIMIT, &[], limit);
    }
}
