//! What the benches share: how big to be, CPU time and memory of this process, and a generated log file.
//!
//! `cargo bench` runs them at full size and prints the figures; under `cargo test` each runs small, as a test.

#![allow(dead_code, clippy::print_stdout)] // each bench uses its own part; a bench prints its figures

use logweir::config::{Config, Period, Size};
use logweir::pipeline::Server;
use logweir::workload::{self, Workload};
use logweir_base::time::SystemClock;
use rustix::time::{ClockId, clock_gettime};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whether `cargo bench` runs this.
pub fn full_size() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// `full` under `cargo bench`, else `small`; the environment variable `name` overrides both.
pub fn size(name: &str, full: u64, small: u64) -> u64 {
    let chosen = std::env::var(name).ok().and_then(|text| text.parse().ok());
    chosen.unwrap_or(if full_size() { full } else { small })
}

/// CPU seconds of this process so far, all threads, user and system.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// CPU seconds of this thread so far.
pub fn thread_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A line of `/proc/self/status` such as `VmHWM`, in MB.
pub fn memory_mb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("linux has it");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a field of /proc/self/status");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of kB");
    kib * 1024.0 / 1e6
}

/// A log file of generated lines in `dir`; its path and its size in MB.
pub fn generated(dir: &Path, lines: u64, seed: u64) -> (PathBuf, f64) {
    let path = workload::log_path(dir);
    let workload = Workload { lines, seed, rate: None };
    workload::write(workload, dir, &SystemClock).expect("the workload is written");
    let bytes = std::fs::metadata(&path).expect("it is there").len();
    (path, bytes as f64 / 1e6)
}

/// Bytes of all files below `dir`, in MB.
pub fn disk_mb(dir: &Path) -> f64 {
    fn bytes(dir: &Path) -> u64 {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries
            .map(|e| if e.path().is_dir() { bytes(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) })
            .sum()
    }
    bytes(dir) as f64 / 1e6
}

/// An all-in-one server below `dir` that tails `log`, writes a split when lines are 5 s old, and indexes in `block` bytes.
pub fn serve(dir: &Path, log: &Path, block: u64) -> Server {
    let mut config =
        Config { tail: vec![log.with_file_name("*.log").display().to_string()], ..Config::default() };
    config.data.dir = dir.join("data");
    config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.ingest.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.index.block_size = Size(block);
    config.index.split_age_max = Period(Duration::from_secs(5));
    // Only lines that are counted; what is counted of them for metrics is part of the cost.
    config.metrics.host = false;
    config.metrics.heartbeat = Period(Duration::ZERO);
    Server::start(config, Box::new(|| Err("a bench has no configuration file".to_owned())))
        .expect("the server starts")
}

/// Waits until `done`; the machine's other work decides how long that takes.
pub fn wait_for(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
