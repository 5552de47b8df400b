//! Exceptions per CPU-second: understood and fingerprinted, over real traces, or over a trace of our own where those are absent.
//!
//! `cargo bench -p logweir-alerter` runs it at full size; under `cargo test` it is small.

#![allow(clippy::print_stdout)] // a bench prints its figures

use logweir_alerter::exception::{Occurrence, understand};
use logweir_base::parse::exception_in;
use std::collections::HashSet;
use std::path::Path;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/exceptions");
/// Enough for some seconds.
const OCCURRENCES: usize = 500_000;
const OCCURRENCES_SMALL: usize = 500;
const FRAMES: usize = 40;
const BAR: f64 = 100_000.0;

fn main() {
    let is_full = std::env::args().any(|arg| arg == "--bench");
    let occurrences = if is_full { OCCURRENCES } else { OCCURRENCES_SMALL };
    let java = |trace: &serde_json::Value| trace["trace"].as_str().expect("a trace").to_owned();
    let mixed = |trace: &serde_json::Value| {
        let lines = trace["lines"].as_array().expect("lines");
        lines.iter().filter_map(|line| line.as_str()).collect::<Vec<_>>().join("\n")
    };
    run("defects4j, Java", &traces("defects4j_tune.json", java), occurrences);
    run("detect_exceptions, nine languages", &traces("detect_exceptions.json", mixed), occurrences);
}

fn traces(file: &str, text: impl Fn(&serde_json::Value) -> String) -> Vec<String> {
    let Ok(bytes) = std::fs::read(Path::new(DATA).join(file)) else {
        println!("{file} is not here: a trace of our own");
        return vec![own_trace()];
    };
    let traces: Vec<serde_json::Value> = serde_json::from_slice(&bytes).expect("JSON");
    traces.iter().map(text).collect()
}

fn own_trace() -> String {
    let frames = (0..FRAMES).map(|n| format!("\n\tat com.shop.Part{n}.run(Part{n}.java:{n})"));
    format!("com.shop.OrderException: order 17 failed{}", frames.collect::<String>())
}

fn run(what: &str, traces: &[String], occurrences: usize) {
    // As the parser of records hands them over.
    let known: Vec<_> = traces
        .iter()
        .map(|text| match exception_in(text) {
            Some(told) => {
                Occurrence { kind: told.kind, message: told.message, stacktrace: told.stacktrace, beside: "" }
            }
            None => Occurrence { stacktrace: text, ..Occurrence::default() },
        })
        .collect();
    let bytes: usize = traces.iter().map(String::len).sum();
    let mut groups = HashSet::new();
    let before = cpu_seconds();
    for occurrence in known.iter().cycle().take(occurrences) {
        groups.insert(understand(occurrence).fingerprint);
    }
    let took = cpu_seconds() - before;
    assert!(!groups.is_empty() && groups.len() <= traces.len());
    println!(
        "{what}: {:.0} exceptions per CPU-second (bar {BAR:.0}); {} traces of {} bytes, {} groups",
        occurrences as f64 / took,
        traces.len(),
        bytes / traces.len(),
        groups.len()
    );
}

/// CPU seconds of this process, all threads, user and system.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
