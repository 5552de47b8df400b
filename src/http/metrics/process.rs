//! What the kernel knows of this process, under the names that every Prometheus client library uses.

use super::page::Page;
use std::fs;

/// Field of `/proc/self/stat`, counted from the state as 0, as the command before it may hold anything.
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
const THREADS: usize = 17;
const START_TICKS: usize = 19;
const VIRTUAL_BYTES: usize = 20;
const RESIDENT_PAGES: usize = 21;

/// Leaves out what cannot be read.
pub(super) fn write(out: &mut Page) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = fields(&stat);
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    if let [Some(user), Some(system), Some(threads), Some(start), Some(bytes), Some(pages)] =
        [USER_TICKS, SYSTEM_TICKS, THREADS, START_TICKS, VIRTUAL_BYTES, RESIDENT_PAGES]
            .map(|at| fields.get(at))
    {
        let seconds = (user + system) / ticks;
        out.one("process_cpu_seconds_total", "counter", "Processor time taken, in seconds.", seconds);
        out.one("process_threads", "gauge", "Threads.", threads);
        out.one("process_virtual_memory_bytes", "gauge", "Address space in use.", bytes);
        out.one("process_resident_memory_bytes", "gauge", "Memory in use.", pages * page);
        if let Some(boot) = boot_seconds() {
            let start = boot + start / ticks;
            out.one("process_start_time_seconds", "gauge", "Start, in seconds since 1970.", start);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        out.one("process_open_fds", "gauge", "File descriptors in use.", open.count());
    }
    if let Some(max) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        out.one("process_max_fds", "gauge", "File descriptors there may be.", max);
    }
}

fn fields(stat: &str) -> Vec<f64> {
    let behind_command = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_command.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect()
}

fn boot_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_hold_anything() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 500 0 0 0 42 17 0 0 20 0 9 0 1234 1000000 250 rest";
        let fields = fields(stat);
        assert_eq!((fields[USER_TICKS], fields[SYSTEM_TICKS]), (42.0, 17.0));
        assert_eq!((fields[THREADS], fields[START_TICKS]), (9.0, 1234.0));
        assert_eq!((fields[VIRTUAL_BYTES], fields[RESIDENT_PAGES]), (1_000_000.0, 250.0));
    }
}
