//! From a file's bytes to searchable splits, all in one process: MB per CPU-second over all threads, peak memory, and what
//! is on disk at rest. Counted from the first read to the last split written.
//!
//! `cargo bench --bench pipeline`; `LOGWEIR_BENCH_LINES` sets the size, `LOGWEIR_BENCH_BLOCK` the block size in bytes.

#![allow(clippy::print_stdout)] // a bench prints its figures

mod common;

use common::{cpu_seconds, disk_mb, generated, memory_mb, serve, size, wait_for};

fn main() {
    let lines = size("LOGWEIR_BENCH_LINES", 1_000_000, 20_000);
    let block = size("LOGWEIR_BENCH_BLOCK", 128 << 10, 128 << 10);
    let dir = tempfile::tempdir().expect("a directory");
    let (log, raw_mb) = generated(dir.path(), lines, 1);
    let before = cpu_seconds();
    let server = serve(dir.path(), &log, block);
    wait_for(|| {
        let status = server.store().status();
        status.split_lines == lines && status.tail_lines == 0
    });
    let cpu = cpu_seconds() - before;
    let status = server.store().status();
    let disk = disk_mb(&dir.path().join("data/index"));
    println!(
        "pipeline: {lines} lines, {raw_mb:.0} MB, blocks of {} KiB, {} splits",
        block >> 10,
        status.splits
    );
    println!("  {:.1} MB per CPU-second ({cpu:.2} CPU-s)", raw_mb / cpu);
    println!("  disk at rest {:.1} % of raw", 100.0 * disk / raw_mb);
    println!("  VmHWM {:.0} MB", memory_mb("VmHWM"));
}
