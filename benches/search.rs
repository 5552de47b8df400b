//! Server CPU time per query, warm, hits rendered as the HTTP API sends them. The process does nothing else meanwhile, so
//! its CPU clock is the query's.
//!
//! `cargo bench --bench search`; `LOGWEIR_BENCH_LINES` sets the size, `LOGWEIR_BENCH_BLOCK` the block size in bytes.

#![allow(clippy::print_stdout)] // a bench prints its figures

mod common;

use common::{cpu_seconds, disk_mb, generated, memory_mb, serve, size, thread_seconds, wait_for};
use logweir::http::write_hit;
use logweir::pipeline::Server;
use logweir::workload::{self, truth_path};
use logweir_base::parse::Parser;
use logweir_base::pipe::{Pipeline, Reduce, Stats, Step};
use logweir_base::time::{Clock, SystemClock};
use logweir_indexer::SearchRequest;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

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
    println!("  {:<58} {:>9} {:>10} {:>7} {:>6} {:>7}", "query", "hits", "CPU ms", "must", "aim", "VLogs");
    for Row { name, query, must, aim, victoria } in queries(dir.path()) {
        let (hits, ms) = measure(&server, &query, rounds);
        println!("  {query:<58} {hits:>9} {ms:>10.3} {must:>7} {aim:>6} {victoria:>7}   {name}");
    }
    println!("  VmRSS {:.0} MB after", memory_mb("VmRSS"));
    while_ingesting(&server, dir.path(), &log);
}

/// Looks traces up while the server reads as fast as it can: CPU time of the asking thread, and the time that passes.
fn while_ingesting(server: &Server, dir: &Path, log: &Path) {
    let lines = size("LOGWEIR_BENCH_MORE_LINES", 1_000_000, 5_000);
    let more = dir.join("more");
    generated(&more, lines, 2);
    let text = std::fs::read(truth_path(&more)).expect("the truth was written");
    let truth: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let traces: Vec<&String> = truth["traces"].as_object().expect("traces").keys().collect();
    let stored = || {
        let status = server.store().status();
        status.split_lines + status.tail_lines
    };
    let target = stored() + lines;
    std::fs::rename(workload::log_path(&more), log.with_file_name("more.log")).expect("in one file system");
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    for trace in traces.iter().cycle() {
        let request = SearchRequest::of(format!("trace:{trace}").parse().expect("a good query"));
        let (started, before) = (Instant::now(), thread_seconds());
        let summary = server.store().search(&request, &mut |_| ControlFlow::Continue(()));
        assert!(!summary.partial, "{:?}", summary.errors);
        cpu.push((thread_seconds() - before) * 1e3);
        wall.push(started.elapsed().as_secs_f64() * 1e3);
        if stored() >= target {
            break;
        }
    }
    let at = |all: &mut Vec<f64>, percent: usize| {
        all.sort_by(f64::total_cmp);
        all[(all.len() - 1) * percent / 100]
    };
    println!(
        "  trace look-ups while {lines} lines are read: {} of them, CPU ms p50 {:.2} p99 {:.2} (must 10), wall ms p50 {:.2} p99 {:.2}",
        cpu.len(),
        at(&mut cpu, 50),
        at(&mut cpu, 99),
        at(&mut wall, 50),
        at(&mut wall, 99)
    );
}

/// A query and what others and we ourselves ask of it, in CPU milliseconds at 5 M lines.
struct Row {
    name: &'static str,
    query: String,
    must: &'static str,
    aim: &'static str,
    victoria: &'static str,
}

/// The queries of the figures, with ids that the data has.
fn queries(dir: &Path) -> Vec<Row> {
    let text = std::fs::read(truth_path(dir)).expect("the truth was written");
    let truth: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let row = |name, query: &str, [must, aim, victoria]: [&'static str; 3]| Row {
        name,
        query: query.to_owned(),
        must,
        aim,
        victoria,
    };
    vec![
        row("trace id, 10 hits", &format!("trace:{}", trace_of_ten_lines(&truth)), ["2", "0.5", "17"]),
        row("trace id, absent", "trace:00000000000000000000000000000bad", ["0.3", "0.05", "5"]),
        row(
            "one user, newest 100",
            &format!("user:{} | limit 100", user_of(&truth, 328)),
            ["12", "4", "443"],
        ),
        row("rare word", "quetzal", ["8", "2", "86"]),
        row("common word, newest 100", "from | limit 100", ["3", "0.5", "241"]),
        row("common word AND service", "from service:checkout | limit 100", ["5", "1", "241"]),
        row("phrase of common words", "\"pool connection\" | limit 100", ["20", "5", "436"]),
        row("count of a common word", "from | count", ["2", "0.1", "544"]),
        row("count by level", "* | count by level", ["5", "0.5", "148"]),
        row("per minute by level", "* | count by level every 1m", ["80", "20", "300"]),
        row("errors by service", "level:error | count by service", ["5", "1", "57"]),
        row("a number, newest 100", "duration_ms:>5000 | limit 100", ["10", "3", "20"]),
        row("percentiles", "* | p50(duration_ms), p99(duration_ms) by service", ["150", "60", "4016"]),
        row("literal in no line", "message:/order \\d+7 created/ | count", ["400", "150", "571"]),
        row("literal in 1 line of 50", "message:/order \\d+7 accepted/ | count", ["400", "150", "571"]),
        row("no usable literal", "message:/\\d{6}7 [a-z]+ \\d/ | count", ["2000", "1000", "571"]),
        row("errors of a service, newest 100", "level:error service:checkout | limit 100", ["-", "-", "-"]),
        row("a status", "http.status:503 | count", ["-", "-", "-"]),
        row("a word by service", "timeout | count by service", ["-", "-", "-"]),
    ]
}

/// The user whose number of lines is the nearest to this.
fn user_of(truth: &serde_json::Value, lines: u64) -> &str {
    let users = truth["users"].as_object().expect("users");
    let off = |(user, count): (&'_ String, &serde_json::Value)| {
        (count.as_u64().unwrap_or(0).abs_diff(lines), user.clone())
    };
    let nearest = users.iter().min_by_key(|&(user, count)| off((user, count)));
    nearest.expect("a user").0
}

fn trace_of_ten_lines(truth: &serde_json::Value) -> String {
    let traces = truth["traces"].as_object().expect("traces");
    let ten = traces.iter().find(|(_, lines)| lines.as_u64() == Some(10));
    ten.or_else(|| traces.iter().next()).expect("a known trace").0.clone()
}

/// Runs a search as the server would; how many lines it found and what it costs.
fn measure(server: &Server, query: &str, rounds: u64) -> (u64, f64) {
    let pipeline = Pipeline::parse(query, SystemClock.now()).expect("a good search");
    let limit = pipeline.steps.iter().find_map(|step| match step {
        Step::Limit(most) => Some(*most),
        _ => None,
    });
    let request = SearchRequest { limit, ..SearchRequest::of(pipeline.query) };
    let (mut parser, mut out) = (Parser::new(), Vec::new());
    let mut once = || {
        out.clear();
        let summary = match &pipeline.reduce {
            Some(Reduce::Stats(spec)) => {
                let (stats, summary) = server.store().count(&request, Stats::new(spec));
                serde_json::to_writer(&mut out, &stats.finish().rows).expect("memory takes writes");
                summary
            }
            _ => server.store().search(&request, &mut |hit| {
                write_hit(&mut out, hit, &mut parser);
                ControlFlow::Continue(())
            }),
        };
        assert!(!summary.partial, "{:?}", summary.errors);
        summary.hits
    };
    let hits = once();
    let before = cpu_seconds();
    let mut done = 0;
    // Slow ones are not repeated as often.
    while done < rounds && (done < 2 || cpu_seconds() - before < 2.0) {
        assert_eq!(once(), hits);
        done += 1;
    }
    (hits, (cpu_seconds() - before) * 1e3 / done as f64)
}
