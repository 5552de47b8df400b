//! Server CPU time per query, warm, hits rendered as the HTTP API sends them. The process does nothing else meanwhile, so
//! its CPU clock is the query's.
//!
//! `cargo bench --bench search`; `LOGWEIR_BENCH_LINES` sets the size, `LOGWEIR_BENCH_BLOCK` the block size in bytes.

#![allow(clippy::print_stdout)] // a bench prints its figures

mod common;

use common::{cpu_seconds, disk_mb, generated, memory_mb, serve, size, wait_for};
use logweir::http::write_hit;
use logweir::pipeline::Server;
use logweir::workload::truth_path;
use logweir_base::parse::Parser;
use logweir_indexer::SearchRequest;
use std::ops::ControlFlow;
use std::path::Path;

fn main() {
    let lines = size("LOGWEIR_BENCH_LINES", 5_000_000, 20_000);
    let block = size("LOGWEIR_BENCH_BLOCK", 128 << 10, 128 << 10);
    let rounds = size("LOGWEIR_BENCH_ROUNDS", 200, 2);
    let dir = tempfile::tempdir().expect("a directory");
    let (log, raw_mb) = generated(dir.path(), lines, 1);
    let server = serve(dir.path(), &log, block);
    wait_for(|| server.store().status().split_lines == lines);
    let (splits, disk) = (server.store().status().splits, disk_mb(&dir.path().join("data/index")));
    println!(
        "search: {lines} lines, {splits} splits, blocks of {} KiB, {:.1} % of raw",
        block >> 10,
        100.0 * disk / raw_mb
    );
    println!("  {:<34} {:>8} {:>10} {:>12} {:>14}", "query", "hits", "CPU ms", "must be <=", "VictoriaLogs");
    for (name, query, limit, must, victoria) in queries(dir.path()) {
        let (hits, ms) = measure(&server, &query, limit, rounds);
        println!("  {name:<34} {hits:>8} {ms:>10.3} {must:>12} {victoria:>14}");
    }
    println!("  VmRSS {:.0} MB after", memory_mb("VmRSS"));
}

type Row = (&'static str, String, u64, &'static str, &'static str);

/// The queries of the figures, with ids that the data has.
fn queries(dir: &Path) -> Vec<Row> {
    let text = std::fs::read(truth_path(dir)).expect("the truth was written");
    let truth: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let trace = trace_of_ten_lines(&truth);
    let users = truth["users"].as_object().expect("users");
    let mut by_count: Vec<_> =
        users.iter().map(|(user, count)| (count.as_u64().unwrap_or(0), user)).collect();
    by_count.sort_unstable();
    let (most, middle) = (by_count[by_count.len() - 1].1, by_count[by_count.len() / 2].1);
    vec![
        ("trace-id, 10 hits", format!("trace:{trace}"), 0, "2", "17"),
        ("absent trace-id", "trace:00000000000000000000000000000bad".into(), 0, "0.3", "5"),
        ("newest 100 of a common word (18 %)", "from".into(), 100, "5", "241"),
        ("newest 100 of a rarer word", "timeout".into(), 100, "-", "-"),
        ("newest 100 of the busiest user", format!("user:{most}"), 100, "15", "443"),
        ("newest 100 of a middling user", format!("user:{middle}"), 100, "15", "443"),
        ("newest 100 errors of a service", "level:error service:checkout".into(), 100, "-", "-"),
    ]
}

fn trace_of_ten_lines(truth: &serde_json::Value) -> String {
    let traces = truth["traces"].as_object().expect("traces");
    let ten = traces.iter().find(|(_, lines)| lines.as_u64() == Some(10));
    ten.or_else(|| traces.iter().next()).expect("a known trace").0.clone()
}

fn measure(server: &Server, query: &str, limit: u64, rounds: u64) -> (u64, f64) {
    let request = SearchRequest {
        limit: Some(limit).filter(|&n| n > 0),
        ..SearchRequest::of(query.parse().expect("a good query"))
    };
    let (mut parser, mut out) = (Parser::new(), Vec::new());
    let mut once = || {
        out.clear();
        let summary = server.store().search(&request, &mut |hit| {
            write_hit(&mut out, hit, &mut parser);
            ControlFlow::Continue(())
        });
        assert!(!summary.partial, "{:?}", summary.errors);
        summary.hits
    };
    let hits = once();
    let before = cpu_seconds();
    for _ in 0..rounds {
        assert_eq!(once(), hits);
    }
    (hits, (cpu_seconds() - before) * 1e3 / rounds as f64)
}
